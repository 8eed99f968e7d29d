//! Why it broke: the part of a trace that led to the failure, backwards from the violated check.
//!
//! Two kinds of links are followed. An event names its cause (the message that was sent, the timer that was set).
//! And a step that changed a field is linked to the earlier steps that wrote the same field, which is how one
//! node's past reaches its present. What a check names in its detail (subjects of events, names in fields) counts
//! too: so a flow steers the slice with the words of its own failure. There is room for forty lines; what is nearest to the failure
//! gets it.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::check::Failure;
use seedbed::choice::Script;
use seedbed::snapshot::Change;
use seedbed::trace::{Event, EventId};
use serde::Serialize;

use super::align::{Steps, node, value_words};

/// Lines of a slice, all in all.
pub const LINES_MAX: usize = 40;

const DEVIATIONS_MAX: usize = 12;
const EVENTS_OF_FAILING_STEP_MAX: usize = 6;
const NAMED_MAX: usize = 12;
const WRITERS_PER_FIELD_MAX: usize = 6;
const WRITERS_MAX: usize = 16;
const CHAIN_FIRST: usize = 12;
const CHANGES_PER_LINE_MAX: usize = 3;

/// One line of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SliceLine {
    /// The step.
    pub step: u64,
    /// Virtual time in nanoseconds.
    pub at_ns: u64,
    /// The event's number; null for a deviation.
    pub event: Option<u32>,
    /// The event that caused it; null for none.
    pub cause: Option<u32>,
    /// Whose it is.
    pub node: String,
    /// What happened.
    pub text: String,
    /// What the step changed, as far as it matters.
    pub changes: Vec<String>,
    /// Whether this is a deviation, not an event.
    pub deviation: bool,
}

/// A causal slice, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// The lines.
    pub lines: Vec<SliceLine>,
    /// Further causes that were left out.
    pub left_out: u64,
}

/// The slice of a failed run. `script`: the deviations it took, with the steps they happened in. `bad`: the step
/// after which the state was first wrong, if that is known.
#[must_use]
pub fn slice(steps: &Steps<'_>, failure: &Failure, script: &Script, bad: Option<u64>) -> Slice {
    let wanted = Wanted::new(steps, failure, script, bad);
    let room = LINES_MAX - 2 - script.len().min(DEVIATIONS_MAX);
    let mut chosen: BTreeSet<u32> = BTreeSet::new();
    for event in &wanted.ranked {
        if chosen.len() < room {
            chosen.insert(*event);
        }
    }
    let left_out = wanted.ranked.iter().collect::<BTreeSet<_>>().len() - chosen.len();
    let mut lines = lines(steps, &chosen, &wanted.fields);
    for deviation in script.iter().take(DEVIATIONS_MAX) {
        // Before what its actor does in that step, or before the step's own lines.
        let acts = |line: &SliceLine| {
            line.step == deviation.step
                && !line.deviation
                && (deviation.actor.starts_with(line.node.as_str()) || line.text.contains(deviation.actor.as_str()))
        };
        let at = lines
            .iter()
            .position(acts)
            .unwrap_or_else(|| lines.partition_point(|line| (line.step, !line.deviation) < (deviation.step, true)));
        let first = steps.events(deviation.step).next();
        lines.insert(
            at,
            SliceLine {
                step: deviation.step,
                at_ns: first.map_or(0, |(_, event)| event.header.at_ns),
                event: None,
                cause: None,
                node: deviation.actor.clone(),
                text: format!("{} #{}: {}", deviation.site, deviation.n, deviation.value),
                changes: Vec::new(),
                deviation: true,
            },
        );
    }
    Slice { lines, left_out: left_out as u64 }
}

/// The events that caused these, and those that caused them, in the order of time; at most as many as fit.
#[must_use]
pub fn chain(steps: &Steps<'_>, from: &[EventId]) -> Slice {
    let mut all: BTreeSet<u32> = BTreeSet::new();
    for event in from {
        all.extend(ancestors(steps, *event).into_iter().map(|event| event.0));
    }
    let room = LINES_MAX - 2;
    let chosen: BTreeSet<u32> = all.iter().rev().take(room).copied().collect();
    Slice { lines: lines(steps, &chosen, &BTreeSet::new()), left_out: (all.len() - chosen.len()) as u64 }
}

/// The event itself and its causes, the nearest first.
fn ancestors(steps: &Steps<'_>, event: EventId) -> Vec<EventId> {
    let mut chain = Vec::new();
    let mut at = event;
    while let Some(found) = steps.trace.event(at) {
        chain.push(at);
        at = found.header.cause;
    }
    chain
}

/// What belongs into a slice, the most important first.
struct Wanted {
    /// Event numbers; one may occur several times.
    ranked: Vec<u32>,
    /// Fields that matter.
    fields: BTreeSet<String>,
}

impl Wanted {
    fn new(steps: &Steps<'_>, failure: &Failure, script: &Script, bad: Option<u64>) -> Wanted {
        let words = words(&format!("{} {}", failure.detail, failure.cause));
        let fields = relevant_fields(steps, failure, &words, bad);
        let failing = ends(steps, failure.step, EVENTS_OF_FAILING_STEP_MAX);
        let deviating: Vec<EventId> = script
            .iter()
            .take(DEVIATIONS_MAX)
            .filter_map(|deviation| event_of(steps, deviation.step, &deviation.actor))
            .collect();
        let wrong: Vec<EventId> = bad.map(|step| ends(steps, step, 2)).unwrap_or_default();
        let writers = writers(steps, failure.step, &fields);
        let named = named(steps, failure.step, &words);
        let chains: Vec<Vec<EventId>> = [&failing, &wrong, &writers, &named, &deviating]
            .into_iter()
            .flatten()
            .map(|event| ancestors(steps, *event))
            .collect();
        let mut ranked: Vec<EventId> = Vec::new();
        ranked.extend(&failing);
        ranked.extend(&deviating);
        ranked.extend(&wrong);
        if let Some(direct) = failing.last() {
            ranked.extend(ancestors(steps, *direct).into_iter().take(CHAIN_FIRST));
        }
        ranked.extend(&named);
        ranked.extend(&writers);
        // Then every chain grows by one link at a time, so that none takes all the room.
        let longest = chains.iter().map(Vec::len).max().unwrap_or(0);
        for link in 1..longest {
            ranked.extend(chains.iter().filter_map(|chain| chain.get(link)));
        }
        Wanted { ranked: ranked.into_iter().map(|event| event.0).collect(), fields }
    }
}

/// The words of a text, as names may be written: letters, digits, and what joins them.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_alphanumeric() || "-_.>#:/".contains(c)))
        .map(|word| word.trim_matches(['.', ':', '-', '/']))
        .filter(|word| word.len() > 1 && !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// Fields that the failing step changed, those that the failure names, and those that were wrong first.
fn relevant_fields(
    steps: &Steps<'_>,
    failure: &Failure,
    words: &BTreeSet<String>,
    bad: Option<u64>,
) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for step in [Some(failure.step), bad].into_iter().flatten() {
        fields.extend(steps.states.changed_in(step).iter().map(|change| change.field.clone()));
    }
    for change in steps.states.changes() {
        let (_, path) = change.field.split_once('.').unwrap_or(("", &change.field));
        if words.contains(&change.field)
            || words.contains(path)
            || path.split('.').any(|segment| words.contains(segment))
        {
            fields.insert(change.field.clone());
        }
    }
    fields
}

/// The first events of the last steps that wrote these fields, the latest first.
fn writers(steps: &Steps<'_>, until: u64, fields: &BTreeSet<String>) -> Vec<EventId> {
    let mut written: BTreeSet<u64> = BTreeSet::new();
    for field in fields {
        let changes = steps.changes_of(field).iter().rev();
        let earlier = changes.filter(|change| (1..=until).contains(&change.step));
        written.extend(earlier.take(WRITERS_PER_FIELD_MAX).map(|change| change.step));
    }
    let latest = written.into_iter().rev().take(WRITERS_MAX);
    latest.filter_map(|step| steps.events(step).next().map(|(id, _)| id)).collect()
}

/// The last events about something that the failure names, the latest first.
fn named(steps: &Steps<'_>, until: u64, words: &BTreeSet<String>) -> Vec<EventId> {
    let named = |event: &Event| {
        let subject = steps.trace.names().text(event.header.subject);
        event.step <= until && words.contains(subject)
    };
    let events = steps.trace.events().iter().enumerate().rev();
    events.filter(|(_, event)| named(event)).take(NAMED_MAX).map(|(index, _)| EventId(index as u32 + 1)).collect()
}

/// The first and the last events of a step, at most so many.
fn ends(steps: &Steps<'_>, step: u64, most: usize) -> Vec<EventId> {
    let all: Vec<EventId> = steps.events(step).map(|(id, _)| id).collect();
    if all.len() <= most {
        return all;
    }
    let (first, last) = (most.div_ceil(2), most / 2);
    [&all[..first], &all[all.len() - last..]].concat()
}

/// The event of a step that an actor's choice belongs to, as far as its name tells.
fn event_of(steps: &Steps<'_>, step: u64, actor: &str) -> Option<EventId> {
    let names = steps.trace.names();
    let about = |event: &Event| names.text(event.header.subject) == actor;
    let by = |event: &Event| {
        let node = names.text(event.header.node);
        !node.is_empty() && actor.starts_with(node)
    };
    let mut events = steps.events(step);
    let found = steps.events(step).find(|(_, event)| about(event));
    let found = found.or_else(|| steps.events(step).find(|(_, event)| by(event)));
    found.or_else(|| events.next()).map(|(id, _)| id)
}

fn lines(steps: &Steps<'_>, chosen: &BTreeSet<u32>, fields: &BTreeSet<String>) -> Vec<SliceLine> {
    let mut lines: Vec<SliceLine> = Vec::new();
    let mut last_of_step: BTreeMap<u64, usize> = BTreeMap::new();
    for number in chosen {
        let Some(event) = steps.trace.event(EventId(*number)) else {
            continue;
        };
        last_of_step.insert(event.step, lines.len());
        let cause = event.header.cause;
        lines.push(SliceLine {
            step: event.step,
            at_ns: event.header.at_ns,
            event: Some(*number),
            cause: (cause != EventId::ROOT).then_some(cause.0),
            node: node(steps.trace, event).to_owned(),
            text: steps.trace.describe(event),
            changes: Vec::new(),
            deviation: false,
        });
    }
    for (step, line) in last_of_step {
        if step > 0 {
            lines[line].changes = changes(steps.states.changed_in(step), fields);
        }
    }
    lines
}

/// Changes in words; those of fields that matter come first, and only so many.
fn changes(changes: &[Change], fields: &BTreeSet<String>) -> Vec<String> {
    let (relevant, rest): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|change| fields.contains(&change.field));
    let all: Vec<&Change> = relevant.into_iter().chain(rest).collect();
    let mut words: Vec<String> = all.iter().take(CHANGES_PER_LINE_MAX).map(|change| change_words(change)).collect();
    if all.len() > CHANGES_PER_LINE_MAX {
        words.push(format!("and {} more", all.len() - CHANGES_PER_LINE_MAX));
    }
    words
}

/// `bank.balance: 5 -> 10`.
#[must_use]
pub fn change_words(change: &Change) -> String {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    format!("{}: {} -> {}", change.field, value_words(before), value_words(after))
}
