//! Sleeping and time limits, in virtual time. Dropping either takes its timer out of the queue.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::sim::{Action, Lane, Schedule};
use super::{NodeHandle, QueueKey, Time};

/// Waits until an instant of virtual time. On a node that has gone down it never ends.
pub struct Sleep {
    node: NodeHandle,
    deadline: Time,
    timer: Option<(QueueKey, Waker)>,
}

impl Sleep {
    pub(super) fn new(node: NodeHandle, deadline: Time) -> Sleep {
        Sleep { node, deadline, timer: None }
    }

    /// When it ends.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.deadline
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.node.is_alive() {
            return Poll::Pending;
        }
        if self.node.now() >= self.deadline {
            // Its event may still be queued: the node's clock can be ahead of the world's.
            if let Some((key, _)) = self.timer.take() {
                self.node.sim().unschedule(key);
            }
            return Poll::Ready(());
        }
        if self.timer.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let sim = self.node.sim().clone();
        if let Some((key, _)) = self.timer.take() {
            sim.unschedule(key);
        }
        let key = sim.schedule(Schedule {
            at: self.deadline,
            lane: Lane::TIMER,
            node: self.node.id(),
            label: "timer",
            subject: sim.running_name(),
            action: Action::Wake(cx.waker().clone()),
        });
        self.timer = Some((key, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((key, _)) = self.timer.take() {
            self.node.sim().unschedule(key);
        }
    }
}

/// The time given to a future is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit has passed")
    }
}

impl std::error::Error for Elapsed {}

/// A future with a time limit. When a poll finds both over, the future wins.
pub struct Timeout<F> {
    sleep: Sleep,
    future: Pin<Box<F>>,
}

impl<F: Future> Timeout<F> {
    pub(super) fn new(sleep: Sleep, future: F) -> Timeout<F> {
        Timeout { sleep, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        Pin::new(&mut self.sleep).poll(cx).map(|()| Err(Elapsed))
    }
}
