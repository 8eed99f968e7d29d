//! Completions: the answer to a call, ready or pending, and where its continuation runs.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::choice::{Coin, OneOf, Rate, Site};
use crate::kernel::{InCircle, NodeHandle};

/// Whether a completion comes once, twice or never. Only asked where a flow allows it.
pub static OUTCOME: Site = Site::fault(
    "reentry/completion",
    "a completion comes twice or never (where the flow allows it)",
    Rate::per_million(1_000),
    Rate::per_million(100_000),
)
.grounded("Hand-written callbacks: an error path that calls back after the success path did, or a forgotten one.");

/// A cancelled completion calls back all the same. Only asked where a flow allows it.
pub static AFTER_CANCEL: Site = Site::fault(
    "reentry/after-cancel",
    "a completion calls back although it was cancelled (where the flow allows it)",
    Rate::per_million(1_000),
    Rate::per_million(100_000),
)
.grounded("Cancelling races with an answer that is queued already; many libraries leave the outcome open.");

/// The sites of this module.
pub static SITES: &[&Site] = &[&OUTCOME, &AFTER_CANCEL];

/// Where the continuation of a ready completion runs.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    /// On the stack of whoever attaches it.
    Inline,
    /// Through the node's eventual queue, in a later turn.
    Eventual,
    /// One or the other, by choice at this site; quiet is eventual.
    Chosen(&'static Site),
}

/// How often a completion comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Once,
    /// A second time, one turn later.
    Twice,
    /// It is forgotten.
    Never,
}

static OUTCOMES: OneOf<Outcome> =
    OneOf(&[("once", Outcome::Once, 0), ("twice", Outcome::Twice, 1), ("never", Outcome::Never, 1)]);

type Callback<T> = Rc<dyn Fn(T)>;

struct Shared<T> {
    node: NodeHandle,
    label: &'static str,
    value: Option<T>,
    callback: Option<Callback<T>>,
    waker: Option<Waker>,
    cancelled: bool,
    /// A continuation is attached and has not been called yet.
    awaited: bool,
}

impl<T> InCircle for RefCell<Shared<T>> {
    fn let_go(&self) {
        let held = self.try_borrow_mut().map(|mut shared| (shared.callback.take(), shared.value.take()));
        drop(held);
    }
}

/// The answer to a call: await it, or attach a continuation.
pub struct Completion<T>(Rc<RefCell<Shared<T>>>);

/// The other end of a [`Completion`]: gives the answer. Dropping it leaves the completion pending for ever.
pub struct Completer<T>(Rc<RefCell<Shared<T>>>);

impl<T: 'static> Completion<T> {
    /// A completion whose answer is there already.
    pub fn ready(node: &NodeHandle, label: &'static str, value: T) -> Completion<T> {
        Completion(Self::shared(node, label, Some(value)))
    }

    /// A completion whose answer will come.
    #[must_use]
    pub fn pending(node: &NodeHandle, label: &'static str) -> (Completer<T>, Completion<T>) {
        let shared = Self::shared(node, label, None);
        (Completer(Rc::clone(&shared)), Completion(shared))
    }

    fn shared(node: &NodeHandle, label: &'static str, value: Option<T>) -> Rc<RefCell<Shared<T>>> {
        let shared = Rc::new(RefCell::new(Shared {
            node: node.clone(),
            label,
            value,
            callback: None,
            waker: None,
            cancelled: false,
            awaited: false,
        }));
        node.sim().in_circle(&shared);
        shared
    }

    /// Whether the answer is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.borrow().value.is_some()
    }

    /// Attaches the continuation, in place of one attached before. If the answer is there, `delivery` says where it
    /// runs; if not, it runs where the answer is given.
    pub fn then(&self, delivery: Delivery, continuation: impl Fn(T) + 'static) {
        let callback: Callback<T> = Rc::new(continuation);
        let (node, label, value, replaced) = {
            let mut shared = self.0.borrow_mut();
            shared.awaited = true;
            let value = shared.value.take();
            let replaced = match value {
                None => shared.callback.replace(Rc::clone(&callback)),
                Some(_) => None,
            };
            (shared.node.clone(), shared.label, value, replaced)
        };
        drop(replaced);
        let Some(value) = value else { return };
        let inline = match delivery {
            Delivery::Inline => true,
            Delivery::Eventual => false,
            Delivery::Chosen(site) => node.choose_as(site, &format!("{}:{label}", node.name()), &Coin),
        };
        if inline {
            call(&self.0, &callback, value);
        } else {
            let shared = Rc::clone(&self.0);
            node.eventually(label, move || call(&shared, &callback, value));
        }
    }

    /// The caller is no longer interested: a continuation that has not been called is dropped, unless the fault site
    /// says that it is called all the same.
    pub fn cancel(&self) {
        let (node, label, awaited) = {
            let shared = self.0.borrow();
            (shared.node.clone(), shared.label, shared.awaited)
        };
        if !node.is_alive() {
            return;
        }
        let stream = node.sim().stream(&AFTER_CANCEL, &format!("{}:{label}", node.name()));
        if !awaited {
            node.sim().ineligible(stream);
        } else if node.sim().choose(stream, &Coin) {
            return;
        }
        let callback = {
            let mut shared = self.0.borrow_mut();
            shared.cancelled = true;
            shared.callback.take()
        };
        drop(callback);
    }
}

/// Calls a continuation on the current stack, up to the limit of frames, unless its completion was cancelled.
fn call<T>(shared: &Rc<RefCell<Shared<T>>>, callback: &Callback<T>, value: T) {
    struct Leave<'a>(&'a NodeHandle);
    impl Drop for Leave<'_> {
        fn drop(&mut self) {
            self.0.sim().leave_inline();
        }
    }
    let (node, label) = {
        let mut shared = shared.borrow_mut();
        if shared.cancelled {
            return;
        }
        shared.awaited = false;
        (shared.node.clone(), shared.label)
    };
    if node.is_alive() && node.sim().enter_inline(node.id(), label) {
        let _leave = Leave(&node);
        callback(value);
    }
}

impl<T: 'static> Completer<T> {
    /// Gives the answer: the continuation runs here and now, on this stack.
    pub fn complete(self, value: T) {
        let callback = self.0.borrow_mut().callback.take();
        self.answer(callback, value);
    }

    fn answer(&self, callback: Option<Callback<T>>, value: T) {
        let waker = {
            let mut shared = self.0.borrow_mut();
            if shared.cancelled || !shared.node.is_alive() {
                return;
            }
            shared.waker.take()
        };
        match callback {
            Some(callback) => call(&self.0, &callback, value),
            None => {
                let unread = self.0.borrow_mut().value.replace(value);
                drop(unread);
            }
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Gives the answer through the node's eventual queue: the continuation runs in a later turn.
    pub fn complete_eventually(self, value: T) {
        let (node, label) = {
            let shared = self.0.borrow();
            (shared.node.clone(), shared.label)
        };
        node.eventually(label, move || self.complete(value));
    }

    /// Gives the answer here and now, or twice (again in the next turn), or never, by choice (site
    /// `reentry/completion`).
    pub fn complete_by_choice(self, value: T)
    where
        T: Clone,
    {
        let (node, label) = {
            let shared = self.0.borrow();
            (shared.node.clone(), shared.label)
        };
        match node.choose_as(&OUTCOME, &format!("{}:{label}", node.name()), &OUTCOMES) {
            Outcome::Once => self.complete(value),
            Outcome::Never => {}
            Outcome::Twice => {
                let second = value.clone();
                let callback = self.0.borrow().callback.clone();
                self.answer(callback, value);
                node.eventually(label, move || self.complete(second));
            }
        }
    }
}

impl<T> Future for Completion<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut shared = self.0.borrow_mut();
        match shared.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                shared.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
