//! Two runs side by side: which step of the one is which step of the other, and where they first differ.
//!
//! A step is recognised by what it begins with (node, kind and subject of its first event) and by how many such
//! steps came before it, never by its number or its time: one message more, or a millisecond, moves both.

use std::collections::BTreeMap;
use std::ops::Range;

use seedbed::run::RunReport;
use seedbed::snapshot::{Change, States};
use seedbed::trace::{Event, EventId, NameId, Trace};
use serde::Serialize;
use serde_json::Value;

/// A run of which everything was kept, step by step.
pub struct Steps<'a> {
    /// Its trace.
    pub trace: &'a Trace,
    /// Its states.
    pub states: &'a States,
    events: Vec<Range<usize>>,
    keys: Vec<String>,
    by_key: BTreeMap<String, u64>,
    history: BTreeMap<&'a str, Vec<&'a Change>>,
}

/// Where two runs first differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// In what happens.
    pub events: Option<EventDifference>,
    /// In the state of nodes.
    pub state: Option<StateDifference>,
}

/// The first step that is not the same in two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventDifference {
    /// The step; it has this number in both.
    pub step: u64,
    /// What happens there in the one run; null: it has ended.
    pub one: Option<String>,
    /// What happens there in the other run; null: it has ended.
    pub other: Option<String>,
}

/// The first field that has another value after the same step of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateDifference {
    /// The field, as `when` takes it.
    pub field: String,
    /// Its value in the one run; null: it is not there.
    pub one: Option<Value>,
    /// Its value in the other run; null: it is not there.
    pub other: Option<Value>,
    /// The step of the one run; null: it has no such step.
    pub step_one: Option<u64>,
    /// The step of the other run; null: it has no such step.
    pub step_other: Option<u64>,
}

impl<'a> Steps<'a> {
    /// The steps of a report that has kept its trace.
    #[must_use]
    pub fn new(report: &'a RunReport) -> Option<Steps<'a>> {
        let trace = report.trace.as_ref()?;
        let events = trace.events();
        let mut ranges = Vec::new();
        let (mut keys, mut by_key) = (Vec::new(), BTreeMap::new());
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for step in 0..=report.steps {
            let from = events.partition_point(|event| event.step < step);
            let to = events.partition_point(|event| event.step <= step);
            ranges.push(from..to);
            let begin = events[from..to].first().map_or_else(String::new, |first| {
                let header = &first.header;
                let text = |name| trace.names().text(name);
                let (node, subject) = (text(header.node), text(header.subject));
                format!("{node}|{}|{subject}", header.kind.label)
            });
            let count = counts.entry(begin.clone()).or_default();
            let key = format!("{begin}|{count}");
            *count += 1;
            by_key.insert(key.clone(), step);
            keys.push(key);
        }
        let mut history: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for change in report.states.changes() {
            history.entry(&change.field).or_default().push(change);
        }
        Some(Steps { trace, states: &report.states, events: ranges, keys, by_key, history })
    }

    /// The events of a step, with their numbers.
    pub fn events(&self, step: u64) -> impl DoubleEndedIterator<Item = (EventId, &'a Event)> + use<'a> {
        let range = usize::try_from(step).ok().and_then(|step| self.events.get(step));
        let range = range.cloned().unwrap_or(0..0);
        let trace = self.trace;
        range.map(move |index| (EventId(index as u32 + 1), &trace.events()[index]))
    }

    /// The changes of a field, in order.
    #[must_use]
    pub fn changes_of(&self, field: &str) -> &[&'a Change] {
        self.history.get(field).map_or(&[], Vec::as_slice)
    }

    /// The number of the last step.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.keys.len() as u64 - 1
    }

    /// The same step of another run.
    #[must_use]
    pub fn same_in(&self, step: u64, other: &Steps<'_>) -> Option<u64> {
        let key = self.keys.get(usize::try_from(step).ok()?)?;
        other.by_key.get(key).copied()
    }

    /// The value of a field after a step.
    #[must_use]
    pub fn value(&self, field: &str, step: u64) -> Option<&'a Value> {
        let changes = self.changes_of(field);
        let count = changes.partition_point(|change| change.step <= step);
        changes[..count].last()?.after.as_ref()
    }

    fn at_ns(&self, step: u64) -> u64 {
        let first = self.events(step).next();
        first.map_or(0, |(_, event)| event.header.at_ns)
    }

    /// Where this run and another first differ.
    #[must_use]
    pub fn differs_from(&self, other: &Steps<'_>) -> Difference {
        Difference { events: self.first_event(other), state: self.first_state(other) }
    }

    fn first_event(&self, other: &Steps<'_>) -> Option<EventDifference> {
        let longest = self.last().max(other.last());
        (0..=longest).find_map(|step| {
            let ended = (step > self.last(), step > other.last());
            if ended == (false, false) && self.says(step) == other.says(step) {
                return None;
            }
            let (ours, theirs) = (self.said(step), other.said(step));
            let at = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at));
            let word = |said: &[String], ended: bool| match at.and_then(|at| said.get(at)) {
                Some(word) => Some(word.clone()),
                None if ended => None,
                None => Some("nothing more in this step".to_owned()),
            };
            Some(EventDifference { step, one: word(&ours, ended.0), other: word(&theirs, ended.1) })
        })
    }

    /// Cheap form of what is compared by [`Steps::said`].
    fn says(&self, step: u64) -> Vec<(&'a str, &'static str, &'a str, [u64; 3], &'a str)> {
        let text = |name: NameId| self.trace.names().text(name);
        self.events(step)
            .map(|(_, event)| {
                let header = &event.header;
                let (node, subject) = (text(header.node), text(header.subject));
                (node, header.kind.label, subject, header.args, self.trace.text(event))
            })
            .collect()
    }

    fn said(&self, step: u64) -> Vec<String> {
        self.events(step).map(|(_, event)| what(self.trace, event)).collect()
    }

    /// The first step after which a field that it changes has another value in the other run.
    fn first_state(&self, other: &Steps<'_>) -> Option<StateDifference> {
        let (ours, theirs) = (self.leaves(other), other.leaves(self));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if theirs.at_ns < ours.at_ns => Some(theirs.turned()),
            (Some(ours), _) => Some(ours.seen()),
            (None, theirs) => theirs.map(Leaves::turned),
        }
    }

    fn leaves(&self, other: &Steps<'_>) -> Option<Leaves> {
        // What the other run shows at a step it does not have is what it showed at the last one both have.
        let mut same_before = 0;
        for step in 0..=self.last() {
            let same = self.same_in(step, other);
            let at = same.unwrap_or(same_before);
            let changes = self.states.changed_in(step);
            let theirs = same.map_or(&[][..], |same| other.states.changed_in(same));
            let mut fields: Vec<&str> = changes.iter().chain(theirs).map(|change| change.field.as_str()).collect();
            fields.sort_unstable();
            let differs = fields.into_iter().find(|field| self.value(field, step) != other.value(field, at));
            if let Some(field) = differs {
                return Some(Leaves {
                    at_ns: self.at_ns(step),
                    field: field.to_owned(),
                    here: self.value(field, step).cloned(),
                    there: other.value(field, at).cloned(),
                    step,
                    same,
                });
            }
            same_before = same.unwrap_or(same_before);
        }
        None
    }
}

/// The first step at which one run leaves the other, as seen from that run.
struct Leaves {
    at_ns: u64,
    field: String,
    here: Option<Value>,
    there: Option<Value>,
    step: u64,
    same: Option<u64>,
}

impl Leaves {
    fn seen(self) -> StateDifference {
        StateDifference {
            field: self.field,
            one: self.here,
            other: self.there,
            step_one: Some(self.step),
            step_other: self.same,
        }
    }

    fn turned(self) -> StateDifference {
        StateDifference {
            field: self.field,
            one: self.there,
            other: self.here,
            step_one: self.same,
            step_other: Some(self.step),
        }
    }
}

/// An event in words, with its node.
#[must_use]
pub fn what(trace: &Trace, event: &Event) -> String {
    format!("{}: {}", node(trace, event), trace.describe(event))
}

/// The node of an event.
#[must_use]
pub fn node<'t>(trace: &'t Trace, event: &Event) -> &'t str {
    if event.header.node == NameId::NONE { "(world)" } else { trace.names().text(event.header.node) }
}

/// A value as people read it; what is not there is a dash.
#[must_use]
pub fn value_words(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}
