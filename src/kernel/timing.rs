//! What an explored run knows about its times: enough to tell the order that was chosen as latencies.
//!
//! Kept only while the order is chosen. One entry per dispatched event: which event's step queued it, and what its
//! instant would have been by time (fixed, or decided by a latency choice).

use std::collections::BTreeMap;
use std::time::Duration;

use super::queue::QueueKey;
use super::sim::{Queued, Sim};
use super::{NodeId, Time};
use crate::choice::StreamId;

/// A dispatched event of an explored run, as far as times are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The step it was dispatched in.
    pub step: u64,
    /// What it is called where its order is chosen: `request client->s2`, `timer s2/retry`.
    pub name: String,
    /// The node it happened on; `None`: on none.
    pub node: Option<String>,
    /// Which choice of an order it is the answer to; `None`: nothing else was possible.
    pub pick: Option<u64>,
    /// The instant at which it was dispatched.
    pub at: Time,
    /// Whether that was chosen; before the exploration begins it is by time.
    pub chosen: bool,
    /// The entry of the event that queued it; `None`: it was queued before the first event.
    pub parent: Option<usize>,
    /// What decides its instant by time.
    pub due: Due,
}

/// What decides the instant of an event by time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// So much later than it was queued, whatever is chosen.
    After(Duration),
    /// The same instant as its parent, before everything else.
    Soon,
    /// A latency choice: `base` after it was queued, and then this long.
    Latency {
        /// Label of the site.
        site: String,
        /// Who chose.
        actor: String,
        /// Which of the actor's choices.
        n: u64,
        /// What comes on top of the chosen latency in any case.
        base: Duration,
        /// The latency that was chosen, which the order did not keep to.
        chosen: Duration,
    },
}

/// The latency choice that decides when an event is due.
#[derive(Clone, Copy, Debug)]
pub struct Governed {
    /// The stream of the choice.
    pub stream: StreamId,
    /// Which choice of the stream.
    pub n: u64,
    /// Its answer.
    pub latency: Duration,
    /// What comes on top of it in any case: the sender is busy, the line stands still.
    pub base: Duration,
}

/// The times of a run so far.
#[derive(Debug, Default)]
pub(super) struct Timings {
    queued: BTreeMap<QueueKey, Queueing>,
    done: Vec<Timing>,
}

/// How an event came into the queue.
#[derive(Debug)]
struct Queueing {
    parent: Option<usize>,
    since: Time,
    governed: Option<Governed>,
}

/// How it was decided that an event is next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dispatched {
    pub(super) chosen: bool,
    /// The choice it is the answer to, if several were possible.
    pub(super) pick: Option<u64>,
}

impl Sim {
    /// Whether anybody wants to know what decides the instants: only if the run is explored.
    #[must_use]
    #[inline]
    pub fn keeps_timings(&self) -> bool {
        self.core.timings.is_some()
    }

    /// Tells that an event's instant was decided by a latency choice. Without effect unless the run is explored.
    pub fn governed(&self, key: QueueKey, by: Governed) {
        if let Some(timings) = &self.core.timings
            && let Some(queueing) = timings.borrow_mut().queued.get_mut(&key)
        {
            queueing.governed = Some(by);
        }
    }

    /// The events dispatched so far, in order; empty unless the run is explored.
    #[must_use]
    pub fn timings(&self) -> Vec<Timing> {
        let timings = self.core.timings.as_ref();
        timings.map_or_else(Vec::new, |timings| timings.borrow().done.clone())
    }

    #[inline]
    pub(super) fn note_queued(&self, key: QueueKey) {
        let Some(timings) = &self.core.timings else {
            return;
        };
        let mut timings = timings.borrow_mut();
        let queueing = Queueing { parent: timings.done.len().checked_sub(1), since: self.now(), governed: None };
        timings.queued.insert(key, queueing);
    }

    #[inline]
    pub(super) fn note_dispatched(&self, key: QueueKey, at: Time, queued: &Queued, how: Dispatched) {
        let Some(timings) = &self.core.timings else {
            return;
        };
        let mut timings = timings.borrow_mut();
        let (parent, since, governed) = match timings.queued.remove(&key) {
            Some(queueing) => (queueing.parent, queueing.since, queueing.governed),
            None => (None, Time::ZERO, None),
        };
        let due = match governed {
            None if queued.is_internal() && queued.schedule.at == since => Due::Soon,
            None => Due::After(queued.schedule.at - since),
            Some(by) => {
                let choices = self.core.choices.borrow();
                let (site, actor) = choices.name_of(by.stream);
                Due::Latency {
                    site: site.to_owned(),
                    actor: actor.to_owned(),
                    n: by.n,
                    base: by.base,
                    chosen: by.latency,
                }
            }
        };
        let node = queued.schedule.node;
        timings.done.push(Timing {
            // The step begins with it.
            step: self.step() + 1,
            name: self.candidate_name(queued),
            node: (node != NodeId::WORLD).then(|| self.node_name(node).to_string()),
            pick: how.pick,
            at,
            chosen: how.chosen,
            parent,
            due,
        });
    }
}
