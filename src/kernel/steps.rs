//! The step loop: dispatch one event, then poll until nothing is ready.

use super::kinds;
use super::order::Next;
use super::panics::{Caught, guarded};
use super::sim::{Action, Frame, Queued, Sim};
use super::task::TaskKey;
use super::{Ended, Exhausted, IncidentKind, NodeId, StepHook, Time};
use crate::trace::{EventId, NameId};

/// How far the loop shall go.
pub struct Until<'a> {
    /// No event later than this is dispatched; the clock then stands at the deadline.
    pub deadline: Time,
    /// Asked after each step: has what the caller waits for happened?
    pub done: &'a dyn Fn() -> bool,
    /// Not beyond this step.
    pub last_step: u64,
}

impl Sim {
    /// Runs steps until something ends it.
    pub fn run(&self, until: &Until<'_>, hook: &mut dyn StepHook) -> Ended {
        loop {
            if self.core.failed.get() {
                return Ended::Failed;
            }
            if (until.done)() {
                return Ended::Done;
            }
            if self.is_quiescent() {
                return Ended::Quiescent;
            }
            if let Some(exhausted) = self.exhausted() {
                return Ended::Exhausted(exhausted);
            }
            if self.step() >= until.last_step {
                return Ended::Stopped;
            }
            let time_max = self.core.limits.time_max;
            let Some(next) = self.take_next(until.deadline.min(time_max)) else {
                return self.nothing_due(until.deadline);
            };
            self.step_once(next);
            if hook.after_step(self) {
                return if self.core.failed.get() { Ended::Failed } else { Ended::Stopped };
            }
        }
    }

    /// Nothing is queued: neither an event nor a turn. What a paused node has put off is not counted.
    fn is_quiescent(&self) -> bool {
        self.core.turns.borrow().is_empty() && self.core.queue.borrow().is_empty()
    }

    /// Nothing can be dispatched up to the deadline.
    fn nothing_due(&self, deadline: Time) -> Ended {
        let time_max = self.core.limits.time_max;
        if self.is_quiescent() {
            return Ended::Quiescent;
        }
        self.move_clock(deadline.min(time_max));
        if deadline > time_max { Ended::Exhausted(Exhausted::Virtual) } else { Ended::Deadline }
    }

    fn exhausted(&self) -> Option<Exhausted> {
        let limits = &self.core.limits;
        if self.step() >= limits.steps_max {
            Some(Exhausted::Steps)
        } else if self.core.trace.borrow().is_full() {
            Some(Exhausted::Trace)
        } else {
            None
        }
    }

    fn move_clock(&self, to: Time) {
        let now = self.now();
        if to > now {
            self.core.host.advance(to - now);
            self.core.now.set(to);
            self.core.instant_steps.set(0);
        }
    }

    fn step_once(&self, next: Next) {
        let step = self.step() + 1;
        self.core.step.set(step);
        self.core.polls.set(0);
        self.core.choices.borrow_mut().set_step(step);
        self.core.trace.borrow_mut().begin_step(step);
        match next {
            Next::Turn(node) => {
                self.core.stepped.set(Some(node));
                self.run_turn(node);
            }
            Next::Event(at, queued) => {
                let node = queued.schedule.node;
                self.core.stepped.set((node != NodeId::WORLD).then_some(node));
                self.move_clock(at);
                self.dispatch(queued);
            }
        }
        self.drain_ready();
        self.note_standstill();
        self.note_guards();
        self.core.trace.borrow_mut().end_step();
    }

    /// Executes a queued event; what it wakes is left for the drain.
    pub(super) fn dispatch(&self, queued: Queued) {
        let Queued { schedule, cause, .. } = queued;
        let node = schedule.node;
        match schedule.action {
            Action::Resource { resource, token } => {
                self.set_cause(cause);
                let resource = self.resource(resource);
                self.on_stack(Frame { node, task: None, name: schedule.subject }, || resource.dispatch(self, token));
            }
            Action::Wake(waker) => {
                let event = self.emit_caused(node, &kinds::TIMER, schedule.subject, [0; 3], cause);
                self.set_cause(event);
                waker.wake();
            }
            Action::Call(callback) => {
                let event = self.emit_caused(node, &kinds::TIMER, schedule.subject, [0; 3], cause);
                self.set_cause(event);
                self.on_stack(Frame { node, task: None, name: schedule.subject }, callback);
            }
            Action::Start => self.boot(node, cause),
            Action::Resume => {
                self.set_cause(cause);
                self.resume(node);
            }
            Action::Turn => self.run_turn(node),
        }
    }

    /// Drains a node's eventual queue once: what is queued meanwhile runs in the next turn.
    fn run_turn(&self, node: NodeId) {
        let queued = self.begin_turn(node);
        if queued == 0 {
            return;
        }
        let event = self.emit_caused(node, &kinds::TURN, NameId::NONE, [queued, 0, 0], EventId::ROOT);
        while let Some(continuation) = self.next_in_turn(node) {
            self.run_continuation(node, continuation, event);
            if self.core.failed.get() {
                return;
            }
        }
    }

    /// Runs code of a node; a panic becomes an incident.
    pub(super) fn on_stack(&self, frame: Frame, code: impl FnOnce()) {
        let life = self.incarnation(frame.node);
        self.core.stack.borrow_mut().push(frame);
        let result = guarded(code);
        self.core.stack.borrow_mut().pop();
        if let Err(caught) = result {
            self.note_panic(frame, life, &caught);
        }
    }

    /// `life`: the node's incarnation when the code began. Code whose node died under it may end as it likes.
    pub(super) fn note_panic(&self, frame: Frame, life: u32, caught: &Caught) {
        if life != self.incarnation(frame.node) {
            return;
        }
        let node = self.node_name(frame.node);
        let name = self.name_text(frame.name);
        let cause = if caught.typed { caught.cause.clone() } else { format!("{node}/{name}: {}", caught.cause) };
        let detail = format!("{} (node {node}, {name}, step {})", caught.detail, self.step());
        self.incident(Some(frame.node), caught.kind, cause, detail);
    }

    fn drain_ready(&self) {
        loop {
            if self.core.failed.get() {
                return;
            }
            self.collect_woken();
            let Some(key) = self.pick_ready() else { return };
            self.poll(key);
        }
    }

    pub(super) fn collect_woken(&self) {
        self.core.woken.drain(&mut self.core.ready.borrow_mut());
    }

    /// The next ready task; among several of one node the choice decides.
    fn pick_ready(&self) -> Option<TaskKey> {
        let mut ready = self.core.ready.borrow_mut();
        if ready.len() <= 1 {
            return ready.pop();
        }
        let tasks = self.core.tasks.borrow();
        ready.retain(|key| tasks.get(*key).is_some());
        let node = tasks.get(*ready.first()?)?.node;
        let same_node: Vec<(usize, NameId)> = ready
            .iter()
            .enumerate()
            .filter_map(|(index, key)| tasks.get(*key).filter(|task| task.node == node).map(|task| (index, task.name)))
            .collect();
        if same_node.len() == 1 {
            return Some(ready.remove(0));
        }
        let winner = {
            let trace = self.core.trace.borrow();
            let names: Vec<&str> = same_node.iter().map(|(_, name)| trace.names().text(*name)).collect();
            let actor = self.node_name(node);
            let mut choices = self.core.choices.borrow_mut();
            let stream = choices.stream(&kinds::READY_TASK, &actor);
            choices.pick(stream, &names)
        };
        let (index, name) = same_node[winner];
        let key = ready.remove(index);
        drop(tasks);
        if winner != 0 {
            self.emit(node, &kinds::READY_PICK, name, [same_node.len() as u64, 0, 0]);
        }
        Some(key)
    }

    /// Polls a task. Its future is out of its slot and no borrow is held meanwhile.
    pub(super) fn poll(&self, key: TaskKey) {
        if !self.may_poll(key) {
            return;
        }
        let (mut future, waker, frame, woken_by) = {
            let mut tasks = self.core.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else {
                return;
            };
            let Some(future) = task.future.take() else {
                return;
            };
            let frame = Frame { node: task.node, task: Some(key), name: task.name };
            (future, task.waker.clone(), frame, task.flag.unqueue())
        };
        self.set_cause(woken_by);
        let life = self.incarnation(frame.node);
        self.core.stack.borrow_mut().push(frame);
        let result = guarded(|| future.as_mut().poll(&mut std::task::Context::from_waker(&waker)));
        self.core.stack.borrow_mut().pop();
        match result {
            Ok(std::task::Poll::Pending) => {
                let mut tasks = self.core.tasks.borrow_mut();
                match tasks.get_mut(key) {
                    Some(task) if !task.doomed => {
                        task.future = Some(future);
                        return;
                    }
                    _ => {
                        let _ = tasks.remove(key);
                    }
                }
            }
            Ok(std::task::Poll::Ready(())) => {
                let _ = self.core.tasks.borrow_mut().remove(key);
            }
            Err(caught) => {
                let _ = self.core.tasks.borrow_mut().remove(key);
                self.note_panic(frame, life, &caught);
            }
        }
        // Destructors of the task may call back into the simulation: no borrow is held here.
        self.on_stack(Frame { task: None, ..frame }, || drop(future));
    }

    /// Whether a woken task is alive, its node is not paused (then it waits) and the step has polls left.
    fn may_poll(&self, key: TaskKey) -> bool {
        let (node, name) = match self.core.tasks.borrow().get(key) {
            Some(task) => (task.node, task.name),
            None => return false,
        };
        if self.is_held_back(node, key) {
            return false;
        }
        let polls = self.core.polls.get() + 1;
        self.core.polls.set(polls);
        if polls > self.core.limits.polls_per_step_max {
            self.note_spinning(node, name, polls - 1);
            return false;
        }
        true
    }

    fn note_spinning(&self, node: NodeId, name: NameId, polls: u64) {
        let (node_name, name) = (self.node_name(node), self.name_text(name));
        self.incident(
            Some(node),
            IncidentKind::Hang,
            format!("{name} wakes itself"),
            format!("task {name} of node {node_name} was still ready after {polls} polls in step {}", self.step()),
        );
    }

    fn note_standstill(&self) {
        let steps = self.core.instant_steps.get() + 1;
        self.core.instant_steps.set(steps);
        if steps > self.core.limits.steps_per_instant_max {
            self.incident(
                None,
                IncidentKind::Hang,
                "time stands still".to_owned(),
                format!("{steps} steps at {}: events keep causing events at the same instant", self.now()),
            );
        }
    }

    fn note_guards(&self) {
        if self.core.guards.borrow().is_empty() {
            return;
        }
        let alive = std::mem::take(&mut *self.core.guards.borrow_mut());
        if let Some(label) = alive.first() {
            self.incident(
                None,
                IncidentKind::BorrowAcrossAwait,
                (*label).to_owned(),
                format!("a guard of cell `{label}` is alive although step {} has ended", self.step()),
            );
        }
    }
}
