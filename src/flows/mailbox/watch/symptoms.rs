//! What the operators of that day could see, in the order in which it comes about; each is marked once per run.

use std::cell::Cell;

use crate::flow::Named;
use crate::world::Node;

/// A symptom of the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symptom {
    ForeignKeyFailure,
    MailboxWithoutSides,
    TickRaised,
    TimerDead,
    StatusFrozen,
    LongNames,
    StillServing,
}

/// The symptoms as marks, in the order of the enum.
pub const MARKS: &[Named] = &[
    Named::new("foreign-key-failure", "a close violated a foreign key; the client saw its connection drop"),
    Named::new("mailbox-without-sides", "a mailbox without sides was committed"),
    Named::new("tick-raised", "the pruning timer's callback raised"),
    Named::new("timer-dead", "the pruning timer will never run again"),
    Named::new("status-frozen", "the status row is older than the six minutes at which monitoring gives up"),
    Named::new("long-names", "names of one digit ran out"),
    Named::new("still-serving", "with the timer dead, a pair of clients was served to the end"),
];

/// Seconds after which the monitoring plugins take the status row for stale.
const STALE_S: f64 = 360.0;

/// Which symptoms have been seen.
#[derive(Default)]
pub(super) struct Symptoms([Cell<bool>; MARKS.len()]);

impl Symptoms {
    pub(super) fn seen(&self, node: &Node, symptom: Symptom) {
        if !self.0[symptom as usize].replace(true) {
            let label = MARKS[symptom as usize].label;
            node.mark(label);
            node.sometimes(label);
        }
    }

    pub(super) fn has(&self, symptom: Symptom) -> bool {
        self.0[symptom as usize].get()
    }

    pub(super) fn status_age(&self, node: &Node, age: f64) {
        if age > STALE_S {
            self.seen(node, Symptom::StatusFrozen);
        }
    }

    pub(super) fn pair_finished(&self, node: &Node) {
        if self.has(Symptom::TimerDead) {
            self.seen(node, Symptom::StillServing);
        }
    }
}
