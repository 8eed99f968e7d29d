//! Which events of a step tell what happened in it: those of the flow itself, not every byte that moves below it.

use std::collections::BTreeMap;

use seedbed::run::engine_kinds;
use seedbed::trace::{Event, EventId, Kind, NameId};

use super::align::Steps;
use super::lineage::LeftOpen;

/// Kinds of the engine that belong to a run's story.
const STORY: &[&str] = &["mark", "outcome", "incident", "nested", "disk-fault", "power-cut", "cut", "lost", "down"];
/// Kinds of the engine that say little by themselves.
const NOISE: &[&str] = &["open", "write", "set-len", "sync", "sync-dir", "names", "ready", "sometimes"];
/// Marks that are shown, the latest of each name.
const MARKS_MAX: usize = 8;

/// What the flow says about a transaction that is left open.
const SAID_AROUND_MAX: usize = 6;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Begins,
    Tells,
    Moves,
    Noise,
}

pub(super) struct Telling<'s, 'a> {
    steps: &'s Steps<'a>,
    engine: Vec<&'static Kind>,
}

impl<'s, 'a> Telling<'s, 'a> {
    pub fn new(steps: &'s Steps<'a>) -> Telling<'s, 'a> {
        Telling { steps, engine: engine_kinds() }
    }

    fn weight(&self, event: &Event) -> Weight {
        let kind = event.header.kind;
        let of_flow = !self.engine.iter().any(|known| std::ptr::eq(*known, kind));
        if of_flow || STORY.contains(&kind.label) {
            Weight::Tells
        } else if NOISE.contains(&kind.label) {
            Weight::Noise
        } else {
            Weight::Moves
        }
    }

    /// At most so many events of a step: the first, then what the flow says, then what moves.
    pub fn of_step(&self, step: u64, most: usize) -> Vec<EventId> {
        let mut all: Vec<(Weight, EventId)> =
            self.steps.events(step).map(|(id, event)| (self.weight(event), id)).collect();
        if let Some((weight, _)) = all.first_mut() {
            *weight = Weight::Begins;
        }
        let mut chosen = Vec::new();
        for wanted in [Weight::Begins, Weight::Tells, Weight::Moves, Weight::Noise] {
            // A word about the disk helps nobody where there is anything else to say.
            if wanted == Weight::Noise && chosen.len() > 1 {
                break;
            }
            let of_weight: Vec<EventId> =
                all.iter().filter(|(weight, _)| *weight == wanted).map(|(_, id)| *id).collect();
            chosen.extend(ends(&of_weight, most.saturating_sub(chosen.len())));
        }
        chosen.sort_unstable();
        chosen
    }

    /// A transaction that is left open: what the flow says after its begin, the event that ends it, and what the flow
    /// says around that.
    pub fn around(&self, transaction: &LeftOpen) -> Vec<EventId> {
        let LeftOpen { begin, step, end, .. } = transaction;
        let said = |step: u64| self.steps.events(step).filter(|(_, event)| self.weight(event) == Weight::Tells);
        let mut chosen = vec![*begin];
        let after: Vec<EventId> = said(*step).map(|(id, _)| id).filter(|id| id > begin).collect();
        chosen.extend(ends(&after, SAID_AROUND_MAX));
        chosen.extend(self.of_step(*step, 2));
        if let Some(end) = end
            && let Some(event) = self.steps.trace.event(*end)
        {
            chosen.push(*end);
            let said: Vec<EventId> = said(event.step).map(|(id, _)| id).collect();
            let (before, after) = said.split_at(said.partition_point(|id| id < end));
            chosen.extend(before.iter().take(SAID_AROUND_MAX / 2).chain(after.iter().take(SAID_AROUND_MAX)));
            chosen.extend(self.of_step(event.step, 2));
        }
        chosen
    }

    /// The last events of each name that the flow marks as points of its story, the latest first.
    pub fn story(&self, until: u64) -> Vec<EventId> {
        let mut latest: BTreeMap<NameId, EventId> = BTreeMap::new();
        let events = self.steps.trace.events().iter().enumerate();
        let events = events.take_while(|(_, event)| event.step <= until);
        // A mark says on which node it was; what happened "sometimes" often has the same name and no node.
        for wanted in ["sometimes", "mark"] {
            for (index, event) in events.clone().filter(|(_, event)| event.header.kind.label == wanted) {
                latest.insert(event.header.subject, EventId(index as u32 + 1));
            }
        }
        let mut latest: Vec<EventId> = latest.into_values().collect();
        latest.sort_unstable_by(|one, other| other.cmp(one));
        latest.truncate(MARKS_MAX);
        latest
    }

    /// What the flow says in the step of an event, about the same cause: the first of it.
    pub fn besides(&self, of: EventId) -> Option<EventId> {
        let event = self.steps.trace.event(of)?;
        let cause = if event.header.cause == EventId::ROOT { of } else { event.header.cause };
        let same = |at: EventId, other: &Event| at == cause || other.header.cause == cause || other.header.cause == of;
        self.steps
            .events(event.step)
            .find(|(id, other)| *id != of && self.weight(other) == Weight::Tells && same(*id, other))
            .map(|(id, _)| id)
    }
}

/// The first and the last of them, at most so many.
fn ends(all: &[EventId], most: usize) -> Vec<EventId> {
    if all.len() <= most {
        return all.to_vec();
    }
    let (first, last) = (most / 2, most.div_ceil(2));
    [&all[..first], &all[all.len() - last..]].concat()
}
