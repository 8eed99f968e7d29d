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
    /// Events of a paused node are not enabled, and those of a busy one when it is free again.
    ///
    /// Applies between [`Sim::explore`] calls only: nodes start, and systems settle, by time.
    ByChoice {
        /// By time until this mark of the flow was passed.
        from: Option<String>,
        /// Labels of the events whose order is chosen; empty: all. Others go first, in the order of time.
        events: Vec<String>,
    },
}

impl Dispatch {
    /// The mark from which on the order is chosen.
    pub(super) fn from(&self) -> Option<&str> {
        match self {
            Dispatch::ByTime => None,
            Dispatch::ByChoice { from, .. } => from.as_deref(),
        }
    }
}

/// How far the clock moves per dispatched event when exploring.
const CHOICE_TICK: Duration = Duration::from_micros(1);

/// What is dispatched next.
pub(super) enum Next {
    Turn(NodeId),
    Event {
        at: Time,
        key: QueueKey,
        queued: Queued,
    },
}

impl Sim {
    /// Begins or ends the stretch of the run in which the order is chosen, if the run is explored at all.
    pub fn explore(&self, on: bool) {
        let from = self.core.dispatch.borrow().from().map(str::to_owned);
        let marks = &self.core.counters.borrow().marks;
        let begun = from.is_none_or(|mark| marks.contains_key(mark.as_str()));
        self.core.exploring.set(on);
        self.core.choosing.set(on && self.is_explored() && begun);
    }

    /// Whether the order is chosen at some point of this run.
    #[must_use]
    pub fn is_explored(&self) -> bool {
        *self.core.dispatch.borrow() != Dispatch::ByTime
    }

    /// The order is chosen from here on if this is the mark it waits for.
    pub(super) fn choose_from(&self, mark: &str) {
        if self.core.exploring.get() && self.core.dispatch.borrow().from() == Some(mark) {
            self.core.choosing.set(true);
        }
    }

    /// Whether something is under way: an event in a FIFO queue, a turn, or a timer that is due.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        let now = self.now();
        let under_way =
            |at: Time, queued: &Queued| queued.schedule.lane != Lane::TIMER || at <= now;
        let queue = self.core.queue.borrow();
        !self.core.turns.borrow().is_empty()
            || queue.iter().any(|(at, queued)| under_way(at, queued))
    }

    /// Takes the next event, unless it lies beyond the deadline.
    pub(super) fn take_next(&self, deadline: Time) -> Option<Next> {
        let turn = self.core.turns.borrow_mut().pop_front();
        if let Some(node) = turn {
            return Some(Next::Turn(node));
        }
        if self.core.choosing.get() {
            return self.take_chosen(deadline);
        }
        let mut queue = self.core.queue.borrow_mut();
        if queue.next_at()? > deadline {
            return None;
        }
        let (key, at, queued) = queue.pop()?;
        Some(Next::Event { at, key, queued })
    }

    fn take_chosen(&self, deadline: Time) -> Option<Next> {
        let now = self.now();
        let mut candidates = self.candidates();
        let earliest = candidates.iter().map(|candidate| candidate.at).min()?;
        let at = if candidates.iter().any(|candidate| candidate.soon) {
            now
        } else if earliest <= now {
            now + CHOICE_TICK
        } else {
            earliest
        };
        if at > deadline {
            return None;
        }
        candidates.retain(|candidate| candidate.at <= now.max(earliest));
        let key = match candidates.iter().position(|candidate| !candidate.listed) {
            Some(unlisted) => candidates[unlisted].key,
            None => candidates[self.pick_next(&candidates)].key,
        };
        let queued = self.core.queue.borrow_mut().cancel(key)?;
        Some(Next::Event { at, key, queued })
    }

    /// The events that are or will be enabled, with the instant from which on: what is unlisted first, by time.
    fn candidates(&self) -> Vec<Candidate> {
        let now = self.now();
        let queue = self.core.queue.borrow();
        let dispatch = self.core.dispatch.borrow();
        let listed = |queued: &Queued| match &*dispatch {
            Dispatch::ByChoice { events, .. } if !events.is_empty() => {
                events.iter().any(|label| label == queued.schedule.label)
            }
            _ => true,
        };
        let mut lanes: Vec<Lane> = Vec::new();
        let mut candidates = Vec::new();
        for (key, at, queued) in queue.iter_as_scheduled() {
            let lane = queued.schedule.lane;
            if lane == Lane::SOON {
                let soon = Candidate {
                    key,
                    at: now,
                    due: at,
                    listed: false,
                    soon: true,
                };
                return vec![soon];
            }
            if self.is_held_back(queued) {
                continue;
            }
            let free = self.free_from(queued);
            let at_earliest = if lane == Lane::TIMER {
                at.max(free)
            } else if lanes.contains(&lane) {
                continue;
            } else {
                lanes.push(lane);
                free
            };
            candidates.push(Candidate {
                key,
                at: at_earliest,
                due: at,
                listed: listed(queued),
                soon: false,
            });
        }
        // Stable: what was scheduled first stays first.
        candidates.sort_by_key(|candidate| {
            (
                candidate.listed,
                if candidate.listed {
                    Time::ZERO
                } else {
                    candidate.due
                },
            )
        });
        candidates
    }

    fn pick_next(&self, candidates: &[Candidate]) -> usize {
        if candidates.len() == 1 {
            return 0;
        }
        let names = self.candidate_names(candidates);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let stream = self.stream(&kinds::NEXT_EVENT, "world");
        self.core.choices.borrow_mut().pick(stream, &names)
    }

    /// `request client->s2`, `timer s2/retry`; a second one of the same name gets ` (2)`.
    fn candidate_names(&self, candidates: &[Candidate]) -> Vec<String> {
        let queue = self.core.queue.borrow();
        let mut names: Vec<String> = Vec::new();
        for candidate in candidates {
            let Some(queued) = queue.get(candidate.key) else {
                continue;
            };
            let schedule = &queued.schedule;
            let subject = self.name_text(schedule.subject);
            let name = if schedule.lane == Lane::TIMER {
                let node = self.node_name(schedule.node);
                format!("{} {node}/{subject}", schedule.label)
            } else {
                format!("{} {subject}", schedule.label)
            };
            let numbered = |count: usize| match count {
                1 => name.clone(),
                _ => format!("{name} ({count})"),
            };
            let free = (1..).map(numbered).find(|name| !names.contains(name));
            names.extend(free);
        }
        names
    }
}

/// An event that may be dispatched by choice.
struct Candidate {
    key: QueueKey,
    /// From when on.
    at: Time,
    /// When it would be due by time.
    due: Time,
    /// Its order is explored.
    listed: bool,
    /// It comes before everything else.
    soon: bool,
}
