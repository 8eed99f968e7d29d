//! Which queued event is next: by time, or (when exploring) by choice.

use super::kinds;
use super::queue::QueueKey;
use super::sim::{Lane, Queued, Sim};
use super::{NodeId, Time};
use std::time::Duration;

/// The order of dispatch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dispatch {
    /// The normal one: whatever is due first.
    #[default]
    ByTime,
    /// For exploration: any enabled event may be next, and each advances the clock by 1 µs. Enabled are the
    /// head of each FIFO queue and every timer that is due; if nothing is, the earliest deadline moves the clock.
    ByChoice {
        /// By time until this mark of the flow was passed.
        from: Option<String>,
        /// Labels of the events whose order is chosen; empty: all. Others go first, in the order of time.
        events: Vec<String>,
    },
}

/// How far the clock moves per dispatched event when exploring.
const CHOICE_TICK: Duration = Duration::from_micros(1);

/// What is dispatched next.
pub(super) enum Next {
    Turn(NodeId),
    Event(Time, Queued),
}

impl Sim {
    /// Takes the next event, unless it lies beyond the deadline.
    pub(super) fn take_next(&self, deadline: Time) -> Option<Next> {
        let turn = self.core.turns.borrow_mut().pop_front();
        if let Some(node) = turn {
            return Some(Next::Turn(node));
        }
        if self.chooses() {
            return self.take_chosen(deadline);
        }
        let mut queue = self.core.queue.borrow_mut();
        if queue.next_at()? > deadline {
            return None;
        }
        queue.pop().map(|(at, queued)| Next::Event(at, queued))
    }

    fn chooses(&self) -> bool {
        match &*self.core.dispatch.borrow() {
            Dispatch::ByTime => false,
            Dispatch::ByChoice { from: None, .. } => true,
            Dispatch::ByChoice {
                from: Some(mark), ..
            } => self
                .core
                .counters
                .borrow()
                .marks
                .contains_key(mark.as_str()),
        }
    }

    fn take_chosen(&self, deadline: Time) -> Option<Next> {
        let (key, at) = {
            let enabled = self.enabled();
            let chosen = if enabled.is_empty() {
                let (key, at, _) = *self.core.queue.borrow().iter_in_order().first()?;
                return self.take_if_before(key, at, deadline);
            } else if enabled.len() == 1 {
                0
            } else {
                let names: Vec<&str> = enabled
                    .iter()
                    .map(|candidate| candidate.name.as_str())
                    .collect();
                let stream = self.stream(&kinds::NEXT_EVENT, "world");
                self.core.choices.borrow_mut().pick(stream, &names)
            };
            (enabled[chosen].key, self.now() + CHOICE_TICK)
        };
        self.take_if_before(key, at, deadline)
    }

    fn take_if_before(&self, key: QueueKey, at: Time, deadline: Time) -> Option<Next> {
        if at > deadline {
            return None;
        }
        self.core
            .queue
            .borrow_mut()
            .cancel(key)
            .map(|queued| Next::Event(at, queued))
    }

    /// The events that may be dispatched now, in the order in which they were scheduled.
    fn enabled(&self) -> Vec<Candidate> {
        let queue = self.core.queue.borrow();
        let dispatch = self.core.dispatch.borrow();
        let listed = |queued: &Queued| match &*dispatch {
            Dispatch::ByChoice { events, .. } if !events.is_empty() => {
                events.iter().any(|label| label == queued.schedule.label)
            }
            _ => true,
        };
        let mut lanes: Vec<Lane> = Vec::new();
        let mut chosen = Vec::new();
        let mut unlisted: Option<Candidate> = None;
        for (key, at, queued) in queue.iter_as_scheduled() {
            let lane = queued.schedule.lane;
            if lane == Lane::SOON {
                return vec![Candidate {
                    key,
                    at,
                    name: String::new(),
                }];
            }
            if lane == Lane::TIMER {
                if at > self.now() {
                    continue;
                }
            } else if lanes.contains(&lane) {
                continue;
            } else {
                lanes.push(lane);
            }
            let candidate = Candidate {
                key,
                at,
                name: self.candidate_name(queued, &chosen),
            };
            if listed(queued) {
                chosen.push(candidate);
            } else if unlisted.as_ref().is_none_or(|best| at < best.at) {
                unlisted = Some(candidate);
            }
        }
        unlisted.map_or(chosen, |first| vec![first])
    }

    /// `request client->s2`; a second one of the same name gets `#2`.
    fn candidate_name(&self, queued: &Queued, others: &[Candidate]) -> String {
        let subject = self.name_text(queued.schedule.subject);
        let name = format!("{} {subject}", queued.schedule.label);
        let same = others
            .iter()
            .filter(|other| other.name.split('#').next() == Some(name.as_str()))
            .count();
        if same == 0 {
            name
        } else {
            format!("{name}#{}", same + 1)
        }
    }
}

/// An enabled event and its name in the choice.
struct Candidate {
    key: QueueKey,
    at: Time,
    name: String,
}
