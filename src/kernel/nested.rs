//! Dispatching an event inside a callback: what makes re-entry happen.
//!
//! At a boundary (a place where code hands control to somebody else's callback) the simulation may dispatch one
//! event on the spot: the head of a queue in flight to this node (delivery pulled forward, FIFO kept), a queued
//! continuation, or a timer whose deadline has passed. Eligible is an event whose handler is a callback, or which
//! wakes a task that is not on the poll stack. A task on the stack is never polled again; its wake stays queued.
//! Nested events belong to the outer step.

use std::task::Waker;

use super::NodeId;
use super::kinds;
use super::queue::QueueKey;
use super::sim::{Action, Lane, Queued, Sim};
use super::task::TaskKey;
use crate::choice::StreamId;
use crate::trace::{EventId, NameId};

/// How deep dispatching inside callbacks may nest.
pub const MAX_NESTED_DEPTH: u32 = 3;

/// Whether an event may be dispatched inside a callback.
pub enum Eligible {
    /// It has no handler that could run now.
    No,
    /// Its handler is a callback.
    Callback,
    /// It wakes whoever this waker belongs to; eligible unless that task is on the poll stack.
    Wakes(Waker),
}

enum Source {
    Continuation,
    Event(QueueKey),
}

impl Sim {
    /// A boundary of a node: the choice at `stream` says which eligible event, if any, is dispatched here.
    /// `outer` names the callback. Answers whether something was dispatched.
    pub fn boundary(&self, node: NodeId, stream: StreamId, outer: &str) -> bool {
        if self.core.failed.get()
            || !self.is_up(node)
            || self.is_paused(node)
            || self.core.nested_depth.get() >= MAX_NESTED_DEPTH
        {
            self.ineligible(stream);
            return false;
        }
        if !self.with_choices(|choices| choices.is_live(stream)) {
            self.with_choices(|choices| choices.pass(stream));
            return false;
        }
        let mut candidates = self.nested_candidates(node);
        if candidates.is_empty() {
            self.ineligible(stream);
            return false;
        }
        let mut names = vec!["nothing"];
        names.extend(candidates.iter().map(|(name, _)| name.as_str()));
        let chosen = self.with_choices(|choices| choices.pick(stream, &names));
        if chosen == 0 {
            return false;
        }
        let (name, source) = candidates.swap_remove(chosen - 1);
        self.dispatch_nested(node, &name, source, outer);
        true
    }

    fn nested_candidates(&self, node: NodeId) -> Vec<(String, Source)> {
        let mut candidates = Vec::new();
        if let Some(name) = self.has_continuation(node) {
            candidates.push((format!("continuation {}", self.name_text(name)), Source::Continuation));
        }
        let now = self.node_now(node);
        let queue = self.core.queue.borrow();
        let mut lanes: Vec<Lane> = Vec::new();
        for (key, at, queued) in queue.iter_as_scheduled() {
            let schedule = &queued.schedule;
            if schedule.node != node {
                continue;
            }
            if schedule.lane == Lane::TIMER || schedule.lane == Lane::SOON {
                if at > now {
                    continue;
                }
            } else if lanes.contains(&schedule.lane) {
                continue;
            } else {
                lanes.push(schedule.lane);
            }
            if self.may_nest(&schedule.action) {
                let name = format!("{} {}", schedule.label, self.name_text(schedule.subject));
                candidates.push((name, Source::Event(key)));
            }
        }
        candidates
    }

    fn may_nest(&self, action: &Action) -> bool {
        let eligible = match action {
            Action::Resource { resource, token } => self.resource(*resource).eligible(self, *token),
            Action::Wake(waker) => Eligible::Wakes(waker.clone()),
            Action::Call(_) => Eligible::Callback,
            Action::Start | Action::Resume | Action::Turn => Eligible::No,
        };
        match eligible {
            Eligible::No => false,
            Eligible::Callback => true,
            Eligible::Wakes(waker) => !self.is_on_poll_stack(&waker),
        }
    }

    fn is_on_poll_stack(&self, waker: &Waker) -> bool {
        let tasks = self.core.tasks.borrow();
        let stack = self.core.stack.borrow();
        stack.iter().filter_map(|frame| tasks.get(frame.task?)).any(|task| task.waker.will_wake(waker))
    }

    fn dispatch_nested(&self, node: NodeId, name: &str, source: Source, outer: &str) {
        let outer_cause = self.cause();
        let depth = self.core.nested_depth.get() + 1;
        self.core.nested_depth.set(depth);
        // What was ready before stays for the outer step; only what this event wakes is polled here.
        self.collect_woken();
        let subject = self.name(name);
        self.emit(node, &kinds::NESTED, subject, [u64::from(depth), 0, 0]);
        *self.core.counters.borrow_mut().reentries.entry((name.to_owned(), outer.to_owned())).or_default() += 1;
        match source {
            Source::Continuation => {
                if let Some(continuation) = self.take_continuation(node) {
                    self.run_continuation(node, continuation, EventId::ROOT);
                }
            }
            Source::Event(key) => {
                let queued: Option<Queued> = self.core.queue.borrow_mut().cancel(key);
                if let Some(queued) = queued {
                    self.dispatch(queued);
                }
            }
        }
        self.drain_nested(node);
        self.core.nested_depth.set(depth - 1);
        self.set_cause(outer_cause);
    }

    /// Polls what the nested event woke on this node, except tasks on the stack: those, and tasks of other nodes, stay
    /// ready for the outer step.
    fn drain_nested(&self, node: NodeId) {
        let mut woken: Vec<TaskKey> = Vec::new();
        while !self.core.failed.get() {
            self.core.woken.drain(&mut woken);
            if woken.is_empty() {
                return;
            }
            let key = woken.remove(0);
            if self.may_poll_nested(node, key) {
                self.poll(key);
            } else {
                self.core.ready.borrow_mut().push(key);
            }
        }
        self.core.ready.borrow_mut().append(&mut woken);
    }

    fn may_poll_nested(&self, node: NodeId, key: TaskKey) -> bool {
        let tasks = self.core.tasks.borrow();
        let stack = self.core.stack.borrow();
        tasks.get(key).is_some_and(|task| task.node == node) && stack.iter().all(|frame| frame.task != Some(key))
    }

    /// The name of the task or callback that runs now.
    #[must_use]
    pub fn running_name(&self) -> NameId {
        self.core.stack.borrow().last().map_or(NameId::NONE, |frame| frame.name)
    }
}
