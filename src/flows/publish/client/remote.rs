//! References to servers, with the rules of the runtime the client was written for.
//!
//! * A call through a reference whose connection is known to be lost has failed *already*: its completion is
//!   ready, and a continuation attached to it may run on the caller's stack.
//! * Calls that are in flight when the connection is lost fail through the eventual queue, never inline.
//! * Answers arrive each on a stack of their own, in the order of the wire.
//! * A dead reference never comes back to life; reconnecting yields a new one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use thiserror::Error;

use super::super::protocol::{Reply, Request, encode_request};
use super::super::servermap::ServerId;
use super::super::storage::{ReadData, Refusal, WriteAnswer};
use crate::kernel::NodeHandle;
use crate::reentry::{Completer, Completion};

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The connection was lost before the call.
    #[error("dead reference")]
    Dead,
    /// The connection was lost with the call in flight.
    #[error("connection lost")]
    Lost,
    /// The server raised.
    #[error("remote exception: {0}")]
    Remote(Refusal),
}

/// The result of a call.
pub type Answer<T> = Result<T, CallError>;

/// What carries frames to a server.
pub trait Wire {
    /// Sends one frame.
    fn send(&self, frame: &[u8]);
    /// Drops the connection, for both sides.
    fn abort(&self);
    /// If this server answers before the call returns: its answer.
    fn at_once(&self, request: &Request) -> Option<Reply>;
}

/// A reference to a server. Clones are one reference.
#[derive(Clone)]
pub struct Remote(Rc<Shared>);

struct Shared {
    node: NodeHandle,
    server: ServerId,
    wire: Box<dyn Wire>,
    dead: Cell<bool>,
    next_call: Cell<u32>,
    waiting: RefCell<BTreeMap<u32, Completer<Answer<Reply>>>>,
}

impl Remote {
    /// A live reference over a fresh connection.
    pub fn new(node: &NodeHandle, server: ServerId, wire: impl Wire + 'static) -> Remote {
        Remote(Rc::new(Shared {
            node: node.clone(),
            server,
            wire: Box::new(wire),
            dead: Cell::new(false),
            next_call: Cell::new(0),
            waiting: RefCell::default(),
        }))
    }

    /// The server it leads to.
    #[must_use]
    pub fn server(&self) -> ServerId {
        self.0.server
    }

    /// Whether its connection is known to be lost.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.dead.get()
    }

    /// Calls the server.
    #[must_use]
    pub fn call(&self, request: &Request) -> Completion<Answer<Reply>> {
        let label = match request {
            Request::Read { .. } => "read",
            Request::Write { .. } => "write",
        };
        if self.is_dead() {
            self.0.node.sometimes("dead-reference-called");
            return Completion::ready(&self.0.node, label, Err(CallError::Dead));
        }
        // With something in flight, an answer at once would overtake it.
        let idle = self.0.waiting.borrow().is_empty();
        if let Some(reply) = idle.then(|| self.0.wire.at_once(request)).flatten() {
            return Completion::ready(&self.0.node, label, raised(reply));
        }
        let call = self.0.next_call.get();
        self.0.next_call.set(call + 1);
        let (completer, completion) = Completion::pending(&self.0.node, label);
        self.0.waiting.borrow_mut().insert(call, completer);
        self.0.wire.send(&encode_request(call, request));
        completion
    }

    /// An answer has arrived. One that nobody waits for (a second copy) is dropped.
    pub fn answered(&self, call: u32, reply: Reply) {
        let completer = self.0.waiting.borrow_mut().remove(&call);
        if let Some(completer) = completer {
            completer.complete(raised(reply));
        }
    }

    /// The connection is lost: what is in flight fails in the next turn, what comes later at once.
    /// Answers whether this was news.
    pub fn lost(&self) -> bool {
        if self.0.dead.replace(true) {
            return false;
        }
        let waiting = std::mem::take(&mut *self.0.waiting.borrow_mut());
        for completer in waiting.into_values() {
            completer.complete_eventually(Err(CallError::Lost));
        }
        true
    }

    /// The run is over: nobody waits for an answer any more.
    pub fn tear_down(&self) {
        let waiting = std::mem::take(&mut *self.0.waiting.borrow_mut());
        drop(waiting);
    }

    /// Drops the connection from this side.
    pub fn abort(&self) {
        self.0.wire.abort();
    }
}

fn raised(reply: Reply) -> Answer<Reply> {
    match reply {
        Reply::Raised(refusal) => Err(CallError::Remote(refusal)),
        reply => Ok(reply),
    }
}

/// The answer to a read.
///
/// # Errors
/// The call's error, or that the server answered something else.
pub fn read_answer(answer: Answer<Reply>) -> Answer<ReadData> {
    match answer? {
        Reply::Read(data) => Ok(data),
        Reply::Write(_) | Reply::Raised(_) => Err(CallError::Remote(Refusal::Failed("not an answer to a read"))),
    }
}

/// The answer to a write.
///
/// # Errors
/// The call's error, or that the server answered something else.
pub fn write_answer(answer: Answer<Reply>) -> Answer<WriteAnswer> {
    match answer? {
        Reply::Write(written) => Ok(written),
        Reply::Read(_) | Reply::Raised(_) => Err(CallError::Remote(Refusal::Failed("not an answer to a write"))),
    }
}
