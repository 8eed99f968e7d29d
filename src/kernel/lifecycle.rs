//! Nodes: start, kill, restart, pause, resume, and their eventual queues.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::kinds;
use super::order::Admission;
use super::panics::guarded;
use super::sim::{Action, Frame, Lane, Queued, Schedule, Sim};
use super::task::{Task, TaskKey};
use super::{Down, NodeHandle, NodeId, QueueKey, Time};
use crate::trace::{EventId, NameId};

/// Runs each time the node starts.
pub(super) type Starter = Rc<dyn Fn(NodeHandle)>;

/// A continuation in a node's eventual queue.
pub(super) struct Continuation {
    pub(super) name: NameId,
    pub(super) cause: EventId,
    pub(super) code: Box<dyn FnOnce()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Down,
    Up,
    Paused,
}

pub(super) struct Node {
    name: Rc<str>,
    name_id: NameId,
    state: State,
    /// Goes up at each start and at each end; handles of another incarnation are inert.
    pub(super) incarnation: u32,
    starter: Option<Starter>,
    eventual: VecDeque<Continuation>,
    draining: VecDeque<Continuation>,
    turn_queued: bool,
    /// Events that came due while it was paused; they are parked in the queue.
    deferred: Vec<QueueKey>,
    /// Tasks that were woken while it was paused.
    held_back: Vec<TaskKey>,
    /// Synchronous work keeps it busy until then: its events wait.
    busy_until: Time,
    told_to_stop: bool,
    task_names: std::collections::BTreeMap<String, u32>,
}

impl Sim {
    /// A new node, down. `starter` runs at each start.
    pub fn add_node(&self, name: &str, starter: impl Fn(NodeHandle) + 'static) -> NodeId {
        let name_id = self.name(name);
        let mut nodes = self.core.nodes.borrow_mut();
        assert!(nodes.iter().all(|node| &*node.name != name), "two nodes are called `{name}`");
        nodes.push(Node {
            name: name.into(),
            name_id,
            state: State::Down,
            incarnation: 0,
            starter: Some(Rc::new(starter)),
            eventual: VecDeque::new(),
            draining: VecDeque::new(),
            turn_queued: false,
            deferred: Vec::new(),
            held_back: Vec::new(),
            busy_until: Time::ZERO,
            told_to_stop: false,
            task_names: std::collections::BTreeMap::new(),
        });
        NodeId(nodes.len() as u32 - 1)
    }

    /// The name of a node.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> Rc<str> {
        if node == NodeId::WORLD {
            return "(world)".into();
        }
        Rc::clone(&self.core.nodes.borrow()[node.0 as usize].name)
    }

    /// The name of a node in the trace.
    #[must_use]
    pub fn node_name_id(&self, node: NodeId) -> NameId {
        if node == NodeId::WORLD {
            return NameId::NONE;
        }
        self.core.nodes.borrow()[node.0 as usize].name_id
    }

    /// The node of this name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        let nodes = self.core.nodes.borrow();
        nodes.iter().position(|node| &*node.name == name).map(|index| NodeId(index as u32))
    }

    /// All nodes, in the order in which they were added.
    #[must_use]
    pub fn node_ids(&self) -> Vec<NodeId> {
        (0..self.core.nodes.borrow().len() as u32).map(NodeId).collect()
    }

    /// Whether a node runs or is paused.
    #[must_use]
    pub fn is_up(&self, node: NodeId) -> bool {
        self.core.nodes.borrow()[node.0 as usize].state != State::Down
    }

    /// Whether a node is paused.
    #[must_use]
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.core.nodes.borrow()[node.0 as usize].state == State::Paused
    }

    /// Goes up at each start and each end of a node; 0 for the world.
    pub(super) fn incarnation(&self, node: NodeId) -> u32 {
        self.core.nodes.borrow().get(node.0 as usize).map_or(0, |node| node.incarnation)
    }

    pub(super) fn is_current(&self, node: NodeId, incarnation: u32) -> bool {
        let nodes = self.core.nodes.borrow();
        let node = &nodes[node.0 as usize];
        node.incarnation == incarnation && node.state != State::Down
    }

    /// Starts a node after a delay; a node that is up stays as it is.
    pub fn start(&self, node: NodeId, after: Duration) {
        let subject = self.node_name_id(node);
        let at = self.now() + after;
        self.schedule(Schedule { at, lane: Lane::TIMER, node, label: "start", subject, action: Action::Start });
    }

    pub(super) fn boot(&self, node: NodeId, cause: EventId) {
        let (starter, incarnation) = {
            let mut nodes = self.core.nodes.borrow_mut();
            let state = &mut nodes[node.0 as usize];
            if state.state != State::Down {
                return;
            }
            state.state = State::Up;
            state.incarnation += 1;
            state.busy_until = Time::ZERO;
            state.told_to_stop = false;
            state.task_names.clear();
            (state.starter.clone(), state.incarnation)
        };
        let args = [u64::from(incarnation), 0, 0];
        let event = self.emit_caused(node, &kinds::NODE_START, NameId::NONE, args, cause);
        self.set_cause(event);
        if let Some(starter) = starter {
            let handle = NodeHandle::new(self.clone(), node, incarnation);
            let name = self.node_name_id(node);
            self.on_stack(Frame { node, task: None, name }, || starter(handle));
        }
    }

    /// Kills a node: its tasks are dropped, its handles are inert, its resources are told.
    ///
    /// If code of the node is on the stack (the crash struck inside a call it made), that code is frozen: what it
    /// still calls has no effect, and its task is dropped when it returns.
    pub fn kill(&self, node: NodeId, how: Down) {
        let (old, deferred, continuations) = {
            let mut nodes = self.core.nodes.borrow_mut();
            let state = &mut nodes[node.0 as usize];
            if state.state == State::Down {
                return;
            }
            let old = state.incarnation;
            state.state = State::Down;
            state.incarnation += 1;
            state.turn_queued = false;
            state.busy_until = Time::ZERO;
            state.held_back.clear();
            let mut continuations = std::mem::take(&mut state.draining);
            continuations.append(&mut state.eventual);
            (old, std::mem::take(&mut state.deferred), continuations)
        };
        self.core.turns.borrow_mut().retain(|other| *other != node);
        self.put_back(deferred);
        let before = self.cause();
        let args = [u64::from(old), 0, 0];
        let event = self.emit(node, &kinds::NODE_DOWN, NameId::NONE, args);
        self.set_cause(event);
        for continuation in continuations {
            drop_quietly(continuation);
        }
        for task in self.take_tasks_of(node) {
            drop_quietly(task);
        }
        for timer in self.take_timers_of(node) {
            drop_quietly(timer);
        }
        for resource in self.all_resources() {
            self.guard("node down", || resource.node_down(self, node, how));
        }
        self.set_cause(before);
    }

    /// The tasks of a node, apart from those that are being polled: these are dropped when they return.
    fn take_tasks_of(&self, node: NodeId) -> Vec<Task> {
        let mut tasks = self.core.tasks.borrow_mut();
        let mut taken = Vec::new();
        for key in tasks.keys_where(|task| task.node == node) {
            match tasks.get_mut(key) {
                Some(task) if task.future.is_none() => task.doomed = true,
                _ => taken.extend(tasks.remove(key)),
            }
        }
        taken
    }

    fn take_timers_of(&self, node: NodeId) -> Vec<Queued> {
        let mut queue = self.core.queue.borrow_mut();
        let keys: Vec<_> = queue
            .iter_in_order()
            .into_iter()
            .filter(|(_, _, queued)| queued.schedule.node == node && queued.schedule.action.is_own_code())
            .map(|(key, _, _)| key)
            .collect();
        keys.into_iter().filter_map(|key| queue.cancel(key)).collect()
    }

    /// Pauses a node: nothing of it runs until it is resumed; what comes due meanwhile waits, in order.
    pub fn pause(&self, node: NodeId) {
        let paused = {
            let mut nodes = self.core.nodes.borrow_mut();
            let state = &mut nodes[node.0 as usize];
            let was_up = state.state == State::Up;
            if was_up {
                state.state = State::Paused;
            }
            was_up
        };
        if paused {
            self.emit(node, &kinds::NODE_PAUSE, NameId::NONE, [0; 3]);
        }
    }

    /// Resumes a paused node after a delay.
    pub fn resume_after(&self, node: NodeId, after: Duration) {
        let subject = self.node_name_id(node);
        let at = self.now() + after;
        self.schedule(Schedule { at, lane: Lane::TIMER, node, label: "resume", subject, action: Action::Resume });
    }

    /// Resumes a paused node: what came due meanwhile happens now, in order.
    pub fn resume(&self, node: NodeId) {
        let (deferred, mut held_back) = {
            let mut nodes = self.core.nodes.borrow_mut();
            let state = &mut nodes[node.0 as usize];
            if state.state != State::Paused {
                return;
            }
            state.state = State::Up;
            (std::mem::take(&mut state.deferred), std::mem::take(&mut state.held_back))
        };
        self.emit(node, &kinds::NODE_RESUME, NameId::NONE, [0; 3]);
        self.put_back(deferred);
        self.core.ready.borrow_mut().append(&mut held_back);
        self.queue_turn_if_needed(node);
    }

    /// Events that a paused node has put off are due now, in the order in which they came due.
    fn put_back(&self, deferred: Vec<QueueKey>) {
        let mut queue = self.core.queue.borrow_mut();
        for key in deferred {
            queue.unpark(key, self.now());
        }
    }

    pub(super) fn defer(&self, node: NodeId, key: QueueKey) {
        self.core.nodes.borrow_mut()[node.0 as usize].deferred.push(key);
    }

    /// A woken task of a paused node waits until it is resumed.
    pub(super) fn is_held_back(&self, node: NodeId, key: TaskKey) -> bool {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        let paused = state.state == State::Paused;
        if paused {
            state.held_back.push(key);
        }
        paused
    }

    /// Lets synchronous work take time: the node's clock is ahead by this much, and its events wait.
    pub fn add_debt(&self, node: NodeId, debt: Duration) {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        state.busy_until = state.busy_until.max(self.now()) + debt;
    }

    /// The clock of a node: the world's, plus the time its synchronous work has taken.
    #[must_use]
    pub fn node_now(&self, node: NodeId) -> Time {
        self.core.nodes.borrow()[node.0 as usize].busy_until.max(self.now())
    }

    /// Whether the node of an event that is due at `at` can take it.
    pub(super) fn admission(&self, at: Time, queued: &Queued) -> Admission {
        let nodes = self.core.nodes.borrow();
        let Some(state) = nodes.get(queued.schedule.node.0 as usize) else {
            return Admission::Now;
        };
        let action = &queued.schedule.action;
        let gone = queued.incarnation != state.incarnation || state.state == State::Down;
        match (action, state.state) {
            (Action::Start, _) => Admission::Now,
            // A resumption of an earlier life says nothing about a pause of this one.
            (Action::Resume, _) if gone => Admission::Never,
            (Action::Resume, _) => Admission::Now,
            (action, _) if gone && action.is_own_code() => Admission::Never,
            (_, State::Paused) => Admission::WhenResumed,
            (_, State::Up) if state.busy_until > at => Admission::Later(state.busy_until),
            _ => Admission::Now,
        }
    }

    /// Whether a node whose turn has come can take it.
    pub(super) fn turn_admission(&self, node: NodeId) -> Admission {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        match state.state {
            State::Up if state.busy_until > self.now() => Admission::Later(state.busy_until),
            State::Up => Admission::Now,
            State::Paused => {
                state.turn_queued = false;
                Admission::WhenResumed
            }
            State::Down => Admission::Never,
        }
    }

    // --- the eventual queue ----------------------------------------------------------------------------------------

    pub(super) fn queue_continuation(&self, node: NodeId, continuation: Continuation) {
        self.core.nodes.borrow_mut()[node.0 as usize].eventual.push_back(continuation);
        self.queue_turn_if_needed(node);
    }

    fn queue_turn_if_needed(&self, node: NodeId) {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        let waiting = !state.eventual.is_empty() || !state.draining.is_empty();
        if waiting && !state.turn_queued && state.state == State::Up {
            state.turn_queued = true;
            self.core.turns.borrow_mut().push_back(node);
        }
    }

    /// Answers how many continuations this turn has.
    pub(super) fn begin_turn(&self, node: NodeId) -> u64 {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        state.turn_queued = false;
        if state.state != State::Up {
            return 0;
        }
        let batch = std::mem::take(&mut state.eventual);
        state.draining.extend(batch);
        state.draining.len() as u64
    }

    /// The next continuation of this turn; none if the node was paused or killed meanwhile.
    pub(super) fn next_in_turn(&self, node: NodeId) -> Option<Continuation> {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        if state.state == State::Up { state.draining.pop_front() } else { None }
    }

    pub(super) fn has_continuation(&self, node: NodeId) -> Option<NameId> {
        let nodes = self.core.nodes.borrow();
        let state = &nodes[node.0 as usize];
        state.draining.front().or(state.eventual.front()).map(|continuation| continuation.name)
    }

    pub(super) fn take_continuation(&self, node: NodeId) -> Option<Continuation> {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        state.draining.pop_front().or_else(|| state.eventual.pop_front())
    }

    pub(super) fn run_continuation(&self, node: NodeId, continuation: Continuation, turn: EventId) {
        let Continuation { name, cause, code } = continuation;
        self.set_cause(if cause == EventId::ROOT { turn } else { cause });
        self.on_stack(Frame { node, task: None, name }, code);
    }

    // --- for handles -----------------------------------------------------------------------------------------------

    /// `conn`, then `conn#2`: names of a node's tasks are unique within an incarnation.
    pub(super) fn task_name(&self, node: NodeId, name: &str) -> NameId {
        let full = {
            let mut nodes = self.core.nodes.borrow_mut();
            let count = nodes[node.0 as usize].task_names.entry(name.to_owned()).or_insert(0);
            *count += 1;
            if *count == 1 { name.to_owned() } else { format!("{name}#{count}") }
        };
        self.name(&full)
    }

    pub(super) fn set_told_to_stop(&self, node: NodeId) {
        self.core.nodes.borrow_mut()[node.0 as usize].told_to_stop = true;
    }

    /// Takes a node down for good, with what its own code has left in it.
    pub(super) fn strip(&self, node: NodeId) -> (Option<Starter>, VecDeque<Continuation>) {
        let mut nodes = self.core.nodes.borrow_mut();
        let state = &mut nodes[node.0 as usize];
        state.state = State::Down;
        state.incarnation += 1;
        let mut continuations = std::mem::take(&mut state.draining);
        continuations.append(&mut state.eventual);
        (state.starter.take(), continuations)
    }

    /// Whether a node has said that it stopped; `None` if this life of it is over.
    pub(super) fn has_stopped(&self, node: NodeId, incarnation: u32) -> Option<bool> {
        let nodes = self.core.nodes.borrow();
        let node = &nodes[node.0 as usize];
        let alive = node.incarnation == incarnation && node.state != State::Down;
        alive.then_some(node.told_to_stop)
    }
}

/// Drops something of a node that is gone. Whatever its destructors do, the node cannot fail any more.
pub(super) fn drop_quietly<T>(value: T) {
    let _ = guarded(|| drop(value));
}
