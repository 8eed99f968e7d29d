//! What code on a node holds: its clock, its tasks, its choices, its trace. Inert once the node's incarnation is gone.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::lifecycle::Continuation;
use super::sim::{Action, Lane, Schedule, Sim};
use super::task::TaskKey;
use super::{EPOCH_SECS, IncidentKind, NodeId, QueueKey, Sleep, Time, Timeout};
use crate::choice::{Domain, Site};
use crate::trace::{EventId, Kind};

/// A node, as its own code sees it.
#[derive(Clone)]
pub struct NodeHandle {
    sim: Sim,
    id: NodeId,
    incarnation: u32,
}

impl NodeHandle {
    pub(super) fn new(sim: Sim, id: NodeId, incarnation: u32) -> NodeHandle {
        NodeHandle { sim, id, incarnation }
    }

    /// The simulation it is part of.
    #[must_use]
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// How often it has been started or ended before; differs between lives.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Rc<str> {
        self.sim.node_name(self.id)
    }

    /// Whether this life of the node goes on. All other methods do nothing once it does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.sim.is_current(self.id, self.incarnation)
    }

    /// The node's clock: the world's, plus the time its synchronous work has taken in this step.
    #[must_use]
    pub fn now(&self) -> Time {
        self.sim.node_now(self.id)
    }

    /// Wall-clock time since the UNIX epoch; runs start at 2020-01-01T00:00:00Z.
    #[must_use]
    pub fn wall(&self) -> Duration {
        Duration::from_secs(EPOCH_SECS) + self.now().since(Time::ZERO)
    }

    /// Waits in virtual time.
    #[must_use]
    pub fn sleep(&self, delay: Duration) -> Sleep {
        Sleep::new(self.clone(), self.now() + delay)
    }

    /// Gives a future this much virtual time.
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        Timeout::new(self.sleep(limit), future)
    }

    /// Starts a task on this node. It is dropped when the node goes down.
    pub fn spawn(&self, name: &str, future: impl Future<Output = ()> + 'static) -> TaskHandle {
        let done = Rc::new(RefCell::new(Joined::default()));
        if !self.acts("spawns a task") {
            done.borrow_mut().ended = true;
            return TaskHandle { sim: self.sim.clone(), key: None, done };
        }
        let name = self.sim.task_name(self.id, name);
        let notify = JoinGuard(Rc::clone(&done));
        let future = Box::pin(async move {
            let _notify = notify;
            future.await;
        });
        let (key, waker) = {
            let mut tasks = self.sim.core.tasks.borrow_mut();
            let key = tasks.insert(self.id, name, future, &self.sim.core.woken);
            (key, tasks.get(key).map(|task| task.waker.clone()))
        };
        if let Some(waker) = waker {
            waker.wake_by_ref();
        }
        TaskHandle { sim: self.sim.clone(), key: Some(key), done }
    }

    /// Starts a task whose error, if it ends with one, goes to the node's crash sink.
    pub fn spawn_fallible<E: fmt::Display>(
        &self,
        name: &str,
        future: impl Future<Output = Result<(), E>> + 'static,
    ) -> TaskHandle {
        let node = self.clone();
        let task = name.to_owned();
        self.spawn(name, async move {
            if let Err(error) = future.await {
                node.unowned(&task, format_args!("{error}"));
            }
        })
    }

    /// Calls back after a delay, unless the node goes down or the timer is cancelled.
    pub fn after(&self, delay: Duration, label: &'static str, callback: impl FnOnce() + 'static) -> Option<QueueKey> {
        if !self.acts("sets a timer") {
            return None;
        }
        Some(self.sim.schedule(Schedule {
            at: self.now() + delay,
            lane: Lane::TIMER,
            node: self.id,
            label: "timer",
            subject: self.sim.name(label),
            action: Action::Call(Box::new(callback)),
        }))
    }

    /// Cancels a timer; answers whether it was still waiting.
    pub fn cancel(&self, timer: QueueKey) -> bool {
        self.is_alive() && self.sim.unschedule(timer)
    }

    /// Puts a continuation at the end of the node's eventual queue: it runs in a later turn, never on this stack.
    pub fn eventually(&self, label: &'static str, continuation: impl FnOnce() + 'static) {
        if !self.acts("queues a continuation") {
            return;
        }
        let name = self.sim.name(label);
        let cause = self.sim.cause();
        self.sim.queue_continuation(self.id, Continuation { name, cause, code: Box::new(continuation) });
    }

    /// One offer at a site; the actor is the node's name. A dead node gets the quiet value.
    pub fn choose<D: Domain>(&self, site: &'static Site, domain: &D) -> D::Value {
        let name = self.name();
        self.choose_as(site, &name, domain)
    }

    /// One offer at a site for an actor within this node (`server:relay.sqlite`).
    pub fn choose_as<D: Domain>(&self, site: &'static Site, actor: &str, domain: &D) -> D::Value {
        if !self.is_alive() {
            return domain.quiet();
        }
        let stream = self.sim.stream(site, actor);
        self.sim.choose(stream, domain)
    }

    /// This code has noticed a fault injected at a site.
    pub fn observed(&self, site: &'static Site, actor: &str) {
        if self.is_alive() {
            let stream = self.sim.stream(site, actor);
            self.sim.observed(stream);
        }
    }

    /// Adds an event of the flow to the trace.
    pub fn event(&self, kind: &'static Kind, subject: &str, args: [u64; 3]) -> EventId {
        if !self.is_alive() {
            return EventId::ROOT;
        }
        let subject = self.sim.name(subject);
        self.sim.emit(self.id, kind, subject, args)
    }

    /// Adds an event of the flow with a text to the trace.
    pub fn note(&self, kind: &'static Kind, subject: &str, text: fmt::Arguments<'_>) -> EventId {
        if !self.is_alive() {
            return EventId::ROOT;
        }
        let subject = self.sim.name(subject);
        self.sim.emit_text(self.id, kind, subject, [0; 3], text)
    }

    /// The story has reached this point (one of the flow's marks).
    pub fn mark(&self, mark: &'static str) {
        if self.is_alive() {
            self.sim.pass_mark(self.id, mark);
        }
    }

    /// Something that should happen now and then has happened (one of the flow's sometimes-labels).
    pub fn sometimes(&self, label: &'static str) {
        if self.is_alive() {
            self.sim.count_sometimes(label);
        }
    }

    /// An operation has ended with one of the flow's outcomes.
    pub fn outcome(&self, outcome: &'static str) {
        if self.is_alive() {
            self.sim.count_outcome(self.id, outcome);
        }
    }

    /// The crash sink: a failure that nobody consumed. `cause` is short and stable.
    pub fn unowned(&self, cause: &str, error: fmt::Arguments<'_>) {
        if self.is_alive() {
            let name = self.name();
            let detail = format!("nobody consumed a failure on node {name}: {cause}: {error}");
            self.sim.incident(Some(self.id), IncidentKind::Unowned, format!("{name}: {cause}"), detail);
        }
    }

    /// The node says that it has stopped: from here on, whatever it does is a failure (until it is started again).
    pub fn told_to_stop(&self) {
        if self.is_alive() {
            self.sim.set_told_to_stop(self.id);
        }
    }

    /// Whether the node may act: it is alive. Acting after having stopped is noted as a failure. Resources ask this
    /// before each effect, with a phrase for it (`sends on a connection`).
    #[must_use]
    pub fn acts(&self, what: &'static str) -> bool {
        match self.sim.has_stopped(self.id, self.incarnation) {
            None => false,
            Some(false) => true,
            Some(true) => {
                let name = self.name();
                let detail = format!("node {name} {what} although it was told to stop");
                self.sim.incident(Some(self.id), IncidentKind::AfterStop, format!("{name} {what}"), detail);
                true
            }
        }
    }
}

#[derive(Default)]
struct Joined {
    ended: bool,
    waker: Option<Waker>,
}

/// Lives inside the task's future: whichever way the future goes, who waits is told.
struct JoinGuard(Rc<RefCell<Joined>>);

impl Drop for JoinGuard {
    fn drop(&mut self) {
        let waker = {
            let mut joined = self.0.borrow_mut();
            joined.ended = true;
            joined.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A started task. Dropping the handle lets the task go on; awaiting it waits until the task has ended.
pub struct TaskHandle {
    sim: Sim,
    key: Option<TaskKey>,
    done: Rc<RefCell<Joined>>,
}

impl TaskHandle {
    /// Drops the task's future; if it is being polled right now, when it returns.
    pub fn abort(&self) {
        let Some(key) = self.key else { return };
        let removed = {
            let mut tasks = self.sim.core.tasks.borrow_mut();
            match tasks.get_mut(key) {
                Some(task) if task.future.is_none() => {
                    task.doomed = true;
                    None
                }
                _ => tasks.remove(key),
            }
        };
        drop(removed);
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.done.borrow().ended
    }
}

impl Future for TaskHandle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut joined = self.done.borrow_mut();
        if joined.ended {
            return Poll::Ready(());
        }
        joined.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
