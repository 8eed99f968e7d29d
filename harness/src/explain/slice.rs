//! Why it broke: the part of a trace that led to the failure, backwards from the violated check.
//!
//! Several kinds of links are followed. An event names its cause (the message that was sent, the timer that was set).
//! A step that changed a field is linked to the earlier steps that wrote the same field, which is how one node's past
//! reaches its present. A transaction that stays open links the step that began it to the one that ends it. Steps in
//! which another invariant was violated show when things went wrong. What a check names in its detail (subjects of
//! events, names in fields), and the marks of its story, count too: so a flow steers the slice with its own words.
//! There is room for forty lines; what is nearest to the failure gets it.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::check::Failure;
use seedbed::choice::{Deviation, Script};
use seedbed::snapshot::Change;
use seedbed::trace::{Event, EventId};
use serde::Serialize;

use super::align::{Steps, node, value_words};
use super::lineage::{LeftOpen, left_open};
use super::telling::Telling;

/// Lines of a slice, all in all.
pub const LINES_MAX: usize = 40;

const DEVIATIONS_MAX: usize = 12;
const EVENTS_OF_FAILING_STEP_MAX: usize = 6;
const EVENTS_OF_WRONG_STEP_MAX: usize = 4;
const ALSO_MAX: usize = 5;
const LEFT_OPEN_MAX: usize = 3;
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
    /// What there is to say about it: an invariant that its step violates, a transaction left open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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

/// What a slice is made for.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The failure.
    pub failure: &'a Failure,
    /// Other violations of the run.
    pub also: &'a [Failure],
    /// The deviations it took, with the steps they happened in.
    pub script: &'a Script,
    /// The step after which the state was first wrong, if that is known.
    pub bad: Option<u64>,
}

/// The slice of a failed run.
#[must_use]
pub fn slice(steps: &Steps<'_>, evidence: Evidence<'_>) -> Slice {
    let Evidence { failure, script, .. } = evidence;
    let left_open = left_open(steps, failure.step);
    let wanted = Wanted::new(steps, evidence, &left_open);
    let room = LINES_MAX - 2 - script.len().min(DEVIATIONS_MAX);
    let mut chosen: BTreeSet<u32> = BTreeSet::new();
    for event in &wanted.ranked {
        if chosen.len() < room {
            chosen.insert(*event);
        }
    }
    let left_out = wanted.ranked.iter().collect::<BTreeSet<_>>().len() - chosen.len();
    let mut lines = lines(steps, &chosen, &wanted.fields);
    for transaction in &left_open {
        note(&mut lines, transaction.begin, transaction.words_at_begin());
        note(&mut lines, transaction.end.unwrap_or(EventId::ROOT), transaction.words_at_end());
    }
    for violated in evidence.also.iter().chain([failure]) {
        let fails = if std::ptr::eq(violated, failure) { "FAILS" } else { "violates" };
        if let Some(line) = lines.iter_mut().rfind(|line| line.step == violated.step) {
            line.notes.push(format!("{fails} {}", violated.invariant));
        }
    }
    for deviation in script.iter().take(DEVIATIONS_MAX) {
        insert_deviation(steps, &mut lines, deviation);
    }
    Slice { lines, left_out: left_out as u64 }
}

fn note(lines: &mut [SliceLine], event: EventId, words: String) {
    if let Some(line) = lines.iter_mut().find(|line| line.event == Some(event.0)) {
        line.notes.push(words);
    }
}

/// Before what its actor does in that step, or before the step's own lines.
fn insert_deviation(steps: &Steps<'_>, lines: &mut Vec<SliceLine>, deviation: &Deviation) {
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
            notes: Vec::new(),
            changes: Vec::new(),
            deviation: true,
        },
    );
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
    fn new(steps: &Steps<'_>, evidence: Evidence<'_>, left_open: &[LeftOpen]) -> Wanted {
        let Evidence { failure, also, script, bad } = evidence;
        let telling = Telling::new(steps);
        let words = words(&format!("{} {}", failure.detail, failure.cause));
        let fields = relevant_fields(steps, failure, &words, bad);
        let failing = telling.of_step(failure.step, EVENTS_OF_FAILING_STEP_MAX);
        let deviating: Vec<EventId> = script
            .iter()
            .take(DEVIATIONS_MAX)
            .filter_map(|deviation| event_of(steps, deviation.step, &deviation.actor))
            .collect();
        let mut wrong: Vec<u64> = also.iter().map(|also| also.step).filter(|step| *step < failure.step).collect();
        wrong.sort_unstable();
        wrong.dedup();
        wrong.truncate(ALSO_MAX);
        wrong.extend(bad);
        let wrong: Vec<EventId> =
            wrong.into_iter().flat_map(|step| telling.of_step(step, EVENTS_OF_WRONG_STEP_MAX)).collect();
        let latest = left_open.iter().rev().take(LEFT_OPEN_MAX);
        let pending: Vec<EventId> = latest.flat_map(|transaction| telling.around(transaction)).collect();
        let story = telling.story(failure.step);
        let writers = writers(steps, failure.step, &fields);
        let named = named(steps, failure.step, &words);
        let chains: Vec<Vec<EventId>> = [&failing, &pending, &wrong, &writers, &named, &deviating]
            .into_iter()
            .flatten()
            .map(|event| ancestors(steps, *event))
            .collect();
        let mut ranked: Vec<EventId> = Vec::new();
        ranked.extend(&failing);
        ranked.extend(&deviating);
        ranked.extend(&pending);
        ranked.extend(&wrong);
        if let Some(direct) = failing.last() {
            ranked.extend(ancestors(steps, *direct).into_iter().take(CHAIN_FIRST));
        }
        ranked.extend(&story);
        ranked.extend(&named);
        ranked.extend(&writers);
        // Then every chain grows by one link at a time, so that none takes all the room.
        let longest = chains.iter().map(Vec::len).max().unwrap_or(0);
        for link in 1..longest {
            for event in chains.iter().filter_map(|chain| chain.get(link)) {
                ranked.push(*event);
                ranked.extend(telling.besides(*event));
            }
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
            notes: Vec::new(),
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
