//! Asynchronous requests: what is queued, what becomes of it when its time has come, and when its node goes down.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::disks::{Class, Inner};
use super::file::FileRef;
use super::sim_chance::{Actor, SimChance};
use crate::disk::{Disk, DiskError};
use crate::kernel::{Action, Lane, NodeHandle, NodeId, Schedule, Time};

/// Runs when the request's time has come. Called once; kept by its owner until no borrow is held.
type Effect = Box<dyn FnMut(&mut Disk, &mut SimChance<'_>) -> Result<(), DiskError>>;

pub(super) struct Request {
    node: NodeHandle,
    pub(super) actor: Rc<Actor>,
    class: Class,
    effect: Effect,
    /// What the write is about, if it is one.
    pub(super) write: Option<InFlight>,
    waker: Rc<RefCell<Option<Waker>>>,
    failed: Rc<RefCell<Option<DiskError>>>,
}

/// A write that has been asked for and not been done.
pub(super) struct InFlight {
    pub(super) file: Rc<FileRef>,
    /// `None`: at the end.
    pub(super) offset: Option<u64>,
    pub(super) bytes: Rc<[u8]>,
}

impl InFlight {
    fn offset(&self, disk: &Disk) -> u64 {
        self.offset.unwrap_or_else(|| disk.size(self.file.open()).unwrap_or(0))
    }

    /// Its process is killed: it may stop at any byte.
    pub(super) fn stop(&self, disk: &mut Disk, chance: &mut SimChance<'_>) {
        let offset = self.offset(disk);
        // A handle of an earlier life is not in flight any more.
        let _ = disk.stop_write(chance, self.file.open(), offset, &self.bytes);
    }

    /// It reaches the cache just before the cache is lost.
    pub(super) fn finish(&self, disk: &mut Disk) {
        let offset = self.offset(disk);
        let _ = disk.write_at(&mut crate::disk::Calm, self.file.open(), offset, &self.bytes);
    }
}

/// What is under way, by token.
#[derive(Default)]
pub(super) struct Requests {
    waiting: BTreeMap<u64, Request>,
    /// Per file: its queue, and when the last operation in it is due.
    lanes: BTreeMap<(NodeId, String), (Lane, Time)>,
    next: u64,
}

impl Requests {
    pub(super) fn waker(&self, token: u64) -> Option<Waker> {
        self.waiting.get(&token).and_then(|request| request.waker.borrow().clone())
    }

    pub(super) fn take_of(&mut self, node: NodeId) -> Vec<Request> {
        let tokens = self.waiting.iter().filter(|(_, request)| request.node.id() == node).map(|(token, _)| *token);
        let tokens: Vec<u64> = tokens.collect();
        tokens.into_iter().filter_map(|token| self.waiting.remove(&token)).collect()
    }
}

/// An operation on a disk that takes virtual time. Begins at once, not at the first poll.
pub struct DiskOp<T> {
    result: Rc<RefCell<Option<T>>>,
    failed: Rc<RefCell<Option<DiskError>>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl<T> Future for DiskOp<T> {
    type Output = Result<T, DiskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, DiskError>> {
        if let Some(error) = self.failed.borrow_mut().take() {
            return Poll::Ready(Err(error));
        }
        if let Some(result) = self.result.borrow_mut().take() {
            return Poll::Ready(Ok(result));
        }
        *self.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Inner {
    /// Queues an operation. Operations of one file happen in the order in which they were asked for.
    pub(super) fn submit<T: 'static>(
        &self,
        node: &NodeHandle,
        file: &str,
        class: Class,
        write: Option<InFlight>,
        mut operation: impl FnMut(&mut Disk, &mut SimChance<'_>) -> Result<T, DiskError> + 'static,
    ) -> DiskOp<T> {
        let (result, failed) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
        let waker = Rc::new(RefCell::new(None));
        let op = DiskOp { result: Rc::clone(&result), failed: Rc::clone(&failed), waker: Rc::clone(&waker) };
        if !node.acts("uses its disk") {
            self.frozen_call(node);
            *failed.borrow_mut() = Some(DiskError::Frozen);
            return op;
        }
        let actor = self.actor(node.id(), file);
        let at = node.now() + self.latency(&actor, class);
        let effect: Effect = Box::new(move |disk, chance| {
            *result.borrow_mut() = Some(operation(disk, chance)?);
            Ok(())
        });
        let subject = actor.subject;
        let (token, lane, at) = {
            let mut requests = self.requests.borrow_mut();
            let token = requests.next;
            requests.next += 1;
            requests.waiting.insert(token, Request { node: node.clone(), actor, class, effect, write, waker, failed });
            let slot = requests.lanes.entry((node.id(), file.to_owned()));
            let (lane, last) = slot.or_insert_with(|| (self.sim().lane(), at));
            *last = at.max(*last);
            (token, *lane, *last)
        };
        let action = Action::Resource { resource: self.me.get(), token };
        self.sim().schedule(Schedule { at, lane, node: node.id(), label: "disk", subject, action });
        op
    }

    /// A request's time has come.
    pub(super) fn complete(&self, token: u64) {
        let request = self.requests.borrow_mut().waiting.remove(&token);
        let Some(mut request) = request else { return };
        let effect = &mut request.effect;
        let done = self.perform(&request.node, &request.actor, request.class, |disk, chance| effect(disk, chance));
        if let Err(error) = done {
            *request.failed.borrow_mut() = Some(error);
        }
        let waker = request.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
