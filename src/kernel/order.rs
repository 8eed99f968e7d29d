//! Which queued event is next: by time, or (when exploring) by choice.

use super::kinds;
use super::queue::QueueKey;
use super::sim::{Action, Lane, Queued, Schedule, Sim};
use super::timing::Dispatched;
use super::{NodeId, Time};
use crate::trace::NameId;
use std::time::Duration;

/// The order of dispatch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dispatch {
    /// The normal one: whatever is due first.
    #[default]
    ByTime,
    /// For exploration, while the choices are armed (so not while nodes boot) and after that for as long as
    /// [`Sim::go_on_choosing`] says: any enabled event may be next, and each advances the clock by 1 µs. Enabled are
    /// the head of each FIFO queue and every timer that is due; if nothing is, the earliest deadline moves the clock.
    /// That a node is busy forbids no order: the clock moves to when it is free, as it does for a message that is late.
    /// A node that starts or goes on does so when it is due, before everything else; that is no point of exploration.
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

/// Whether the node of an event can take it.
pub(super) enum Admission {
    Now,
    /// Its node is busy until then.
    Later(Time),
    /// Its node is paused.
    WhenResumed,
    /// The life of the node that it belongs to is over.
    Never,
}

impl Sim {
    /// Whether the order is chosen at some point of this run.
    #[must_use]
    pub fn is_explored(&self) -> bool {
        *self.core.dispatch.borrow() != Dispatch::ByTime
    }

    /// Lets the order be chosen although the choices are not armed any more.
    pub fn go_on_choosing(&self, on: bool) {
        self.core.choosing_on.set(on);
    }

    /// Whether something is under way: an event in a FIFO queue, a turn, or a timer that is due.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        let now = self.now();
        let queue = self.core.queue.borrow();
        let mut queued = queue.iter();
        !self.core.turns.borrow().is_empty()
            || queued.any(|(at, queued)| queued.schedule.lane != Lane::TIMER || at <= now)
    }

    /// Takes the next event that its node can take, unless it lies beyond the deadline.
    pub(super) fn take_next(&self, deadline: Time) -> Option<Next> {
        if let Some(node) = self.take_turn() {
            return Some(Next::Turn(node));
        }
        if self.chooses() {
            return self.take_chosen(deadline);
        }
        loop {
            let (key, node, admission) = {
                let queue = self.core.queue.borrow();
                let (key, at, queued) = queue.peek()?;
                if at > deadline {
                    return None;
                }
                (key, queued.schedule.node, self.admission(at, queued))
            };
            match admission {
                Admission::Now => {
                    let (at, queued) = self.core.queue.borrow_mut().pop()?;
                    self.note_dispatched(key, at, &queued, Dispatched::default());
                    return Some(Next::Event(at, queued));
                }
                Admission::Later(until) => self.core.queue.borrow_mut().postpone(key, until),
                Admission::WhenResumed => {
                    self.core.queue.borrow_mut().park(key);
                    self.defer(node, key);
                }
                Admission::Never => {
                    let dead = self.core.queue.borrow_mut().cancel(key);
                    drop(dead);
                }
            }
        }
    }

    /// The next turn that may be taken now. That of a busy node is queued as an event for when it is free.
    fn take_turn(&self) -> Option<NodeId> {
        loop {
            let node = self.core.turns.borrow_mut().pop_front()?;
            match self.turn_admission(node) {
                Admission::Now => return Some(node),
                Admission::Later(at) => {
                    self.schedule(Schedule {
                        at,
                        lane: Lane::SOON,
                        node,
                        label: "turn",
                        subject: NameId::NONE,
                        action: Action::Turn,
                    });
                }
                Admission::WhenResumed | Admission::Never => {}
            }
        }
    }

    fn chooses(&self) -> bool {
        let reached = match &*self.core.dispatch.borrow() {
            Dispatch::ByTime => false,
            Dispatch::ByChoice { from: None, .. } => true,
            Dispatch::ByChoice { from: Some(mark), .. } => {
                self.core.counters.borrow().marks.contains_key(mark.as_str())
            }
        };
        reached && (self.core.choosing_on.get() || self.core.choices.borrow().is_armed())
    }

    fn take_chosen(&self, deadline: Time) -> Option<Next> {
        let now = self.now();
        let (mut enabled, mut at) = (self.enabled(now), now + CHOICE_TICK);
        if matches!(&enabled, Enabled::Any(candidates) if candidates.is_empty()) {
            at = self.earliest()?;
            enabled = self.enabled(at);
        } else if matches!(enabled, Enabled::Soon(_)) {
            at = now;
        }
        if at > deadline {
            return None;
        }
        let mut pick = None;
        let key = match enabled {
            Enabled::Soon(key) => key,
            Enabled::Any(candidates) if candidates.is_empty() => return None,
            Enabled::Any(candidates) => {
                let (index, position) = self.choose_event(&candidates);
                let chosen = &candidates[index];
                pick = position;
                at = at.max(chosen.free_at);
                chosen.key
            }
        };
        if at > deadline {
            return None;
        }
        let queued = self.core.queue.borrow_mut().cancel(key)?;
        self.note_dispatched(key, at, &queued, Dispatched { chosen: true, pick });
        Some(Next::Event(at, queued))
    }

    /// Which of them, and at which position of the choice's stream, if it was asked.
    fn choose_event(&self, candidates: &[Candidate]) -> (usize, Option<u64>) {
        if candidates.len() == 1 {
            return (0, None);
        }
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        let stream = self.stream(&kinds::NEXT_EVENT, "world");
        let mut choices = self.core.choices.borrow_mut();
        let position = choices.position(stream);
        (choices.pick(stream, &names), Some(position))
    }

    /// Nothing is enabled: when something will be.
    fn earliest(&self) -> Option<Time> {
        let queue = self.core.queue.borrow();
        let enabled_at = |(at, queued): (Time, &Queued)| {
            let from = if has_queue(queued.schedule.lane) { self.now() } else { at };
            match self.admission(from, queued) {
                Admission::Now => Some(from),
                Admission::Later(until) => Some(until),
                Admission::WhenResumed | Admission::Never => None,
            }
        };
        queue.iter().filter_map(enabled_at).min()
    }

    /// The events that may be dispatched at an instant, in the order in which they were scheduled.
    fn enabled(&self, now: Time) -> Enabled {
        let queue = self.core.queue.borrow();
        let dispatch = self.core.dispatch.borrow();
        let listed = |queued: &Queued| match &*dispatch {
            Dispatch::ByChoice { events, .. } if !events.is_empty() => {
                events.iter().any(|label| label == queued.schedule.label)
            }
            _ => true,
        };
        let mut lanes: Vec<Lane> = Vec::new();
        let mut chosen: Vec<Candidate> = Vec::new();
        let mut unlisted: Option<(Time, Candidate)> = None;
        for (key, at, queued) in queue.iter_as_scheduled() {
            let lane = queued.schedule.lane;
            if has_queue(lane) && lanes.contains(&lane) {
                continue;
            }
            if has_queue(lane) {
                lanes.push(lane);
            } else if at > now {
                continue;
            }
            let free_at = match self.admission(now, queued) {
                Admission::Now => now,
                Admission::Later(until) if has_queue(lane) => until,
                Admission::Later(_) | Admission::WhenResumed | Admission::Never => continue,
            };
            if queued.is_internal() {
                return Enabled::Soon(key);
            }
            let candidate = Candidate::new(key, self.candidate_name(queued), free_at, &chosen);
            if listed(queued) {
                chosen.push(candidate);
            } else if unlisted.as_ref().is_none_or(|(best, _)| at < *best) {
                unlisted = Some((at, candidate));
            }
        }
        Enabled::Any(unlisted.map_or(chosen, |(_, first)| vec![first]))
    }

    /// `request client->s2`, `timer s2/retry`.
    pub(super) fn candidate_name(&self, queued: &Queued) -> String {
        let schedule = &queued.schedule;
        let subject = self.name_text(schedule.subject);
        if schedule.lane == Lane::TIMER && schedule.node != NodeId::WORLD {
            format!("{} {}/{subject}", schedule.label, self.node_name(schedule.node))
        } else {
            format!("{} {subject}", schedule.label)
        }
    }
}

impl Queued {
    /// Happens as soon as it is due, before everything else: a turn, a notice, a node that starts or goes on.
    pub(super) fn is_internal(&self) -> bool {
        let lifecycle = matches!(self.schedule.action, Action::Start | Action::Resume);
        lifecycle || self.schedule.lane == Lane::SOON
    }
}

/// Whether a lane is a FIFO queue, whose head is enabled whenever it is due by time.
fn has_queue(lane: Lane) -> bool {
    lane != Lane::TIMER && lane != Lane::SOON
}

/// What may be dispatched now.
enum Enabled {
    /// This and nothing else, at this very instant.
    Soon(QueueKey),
    /// Any of these.
    Any(Vec<Candidate>),
}

/// An enabled event and its name in the choice.
struct Candidate {
    key: QueueKey,
    name: String,
    /// When its node can take it.
    free_at: Time,
}

impl Candidate {
    /// A second event of the same name is called `<name> (2)`.
    fn new(key: QueueKey, name: String, free_at: Time, others: &[Candidate]) -> Candidate {
        let taken = |name: &str| others.iter().any(|other| other.name == name);
        let mut unique = name.clone();
        let mut count = 1;
        while taken(&unique) {
            count += 1;
            unique = format!("{name} ({count})");
        }
        Candidate { key, name: unique, free_at }
    }
}
