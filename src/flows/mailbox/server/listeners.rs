//! Who listens to a mailbox: the contract of a listener, and the dictionary a mailbox keeps them in, with
//! the iteration rules of Python's dictionaries, which decide what a change in mid-iteration does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::Raised;
use crate::flows::mailbox::protocol::ServerFrame;

/// Identifies a connection among the listeners of a mailbox.
pub type Handle = u64;

/// The far end of a connection, as the server sees it. All of it is called synchronously, in the middle of a
/// command; an implementation may call the server back.
pub trait Listener {
    /// Sends one frame, stamped with the time just before it was handed over.
    ///
    /// # Errors
    /// The transport refuses: it is closed or broken.
    fn send(&self, frame: &ServerFrame, server_tx: f64) -> Result<(), Raised>;

    /// The mailbox this connection listens to is gone. Production code did nothing here.
    ///
    /// # Errors
    /// Whatever the implementation raises.
    fn stop(&self) -> Result<(), Raised>;

    /// The corrected server has given the connection up after a failed `send` that was not the connection's
    /// own doing: whoever owns the transport must drop it, so that the client notices and comes back.
    fn abandon(&self);
}

/// One entry of the dictionary.
pub(super) struct Subscriber {
    pub(super) handle: Handle,
    pub(super) side: String,
    pub(super) wire: Rc<dyn Listener>,
    outbox: RefCell<VecDeque<ServerFrame>>,
    draining: Cell<bool>,
    gone: Cell<bool>,
}

impl Subscriber {
    pub(super) fn new(handle: Handle, side: &str, wire: Rc<dyn Listener>) -> Rc<Subscriber> {
        Rc::new(Subscriber {
            handle,
            side: side.to_owned(),
            wire,
            outbox: RefCell::default(),
            draining: Cell::new(false),
            gone: Cell::new(false),
        })
    }

    /// Queues a frame behind those not yet sent.
    pub(super) fn push(&self, frame: ServerFrame) {
        self.outbox.borrow_mut().push_back(frame);
    }

    /// Sends what is queued, unless an outer call is already doing so, until it is empty or the subscription ends.
    pub(super) fn drain(&self, now: impl Fn() -> f64) -> Result<(), Raised> {
        if self.draining.replace(true) {
            return Ok(());
        }
        let mut result = Ok(());
        while result.is_ok() && !self.gone.get() {
            let Some(frame) = self.outbox.borrow_mut().pop_front() else {
                break;
            };
            result = self.wire.send(&frame, now());
        }
        self.draining.set(false);
        result
    }

    /// Ends the subscription: what is still queued is not sent any more.
    pub(super) fn end(&self) {
        self.gone.set(true);
        self.outbox.borrow_mut().clear();
    }
}

/// An insertion-ordered dictionary from handles to subscribers. Removed entries leave a hole, as in CPython.
#[derive(Default)]
pub(super) struct Dictionary {
    entries: RefCell<Vec<Option<Rc<Subscriber>>>>,
}

impl Dictionary {
    /// Adds an entry at the end, or replaces the one of this handle in place.
    pub(super) fn insert(&self, subscriber: Rc<Subscriber>) {
        let mut entries = self.entries.borrow_mut();
        match entries.iter().position(|e| e.as_ref().is_some_and(|e| e.handle == subscriber.handle)) {
            Some(position) => entries[position] = Some(subscriber),
            None => entries.push(Some(subscriber)),
        }
    }

    /// Removes an entry if it is there.
    pub(super) fn remove(&self, handle: Handle) -> Option<Rc<Subscriber>> {
        self.entries.borrow_mut().iter_mut().find(|e| e.as_ref().is_some_and(|e| e.handle == handle))?.take()
    }

    /// The entries now, in order.
    pub(super) fn snapshot(&self) -> Vec<Rc<Subscriber>> {
        self.entries.borrow().iter().flatten().cloned().collect()
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.borrow().iter().flatten().count()
    }

    /// Calls `each` for the entries of the living dictionary. As with Python's iterators, the size is compared
    /// with that at the start before each step, the one that finds the end included.
    ///
    /// # Errors
    /// The first error of `each`, or `RuntimeError` when the size has changed.
    pub(super) fn for_each_live(&self, mut each: impl FnMut(&Subscriber) -> Result<(), Raised>) -> Result<(), Raised> {
        let size = self.len();
        let mut position = 0;
        loop {
            if self.len() != size {
                return Err(Raised::new("RuntimeError", "dictionary changed size during iteration"));
            }
            let next = loop {
                let entries = self.entries.borrow();
                let Some(entry) = entries.get(position) else {
                    return Ok(());
                };
                position += 1;
                if let Some(entry) = entry {
                    break Rc::clone(entry);
                }
            };
            each(&next)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;
    impl Listener for Silent {
        fn send(&self, _: &ServerFrame, _: f64) -> Result<(), Raised> {
            Ok(())
        }
        fn stop(&self) -> Result<(), Raised> {
            Ok(())
        }
        fn abandon(&self) {}
    }

    fn dictionary(handles: &[Handle]) -> Dictionary {
        let dictionary = Dictionary::default();
        for handle in handles {
            dictionary.insert(Subscriber::new(*handle, "a", Rc::new(Silent)));
        }
        dictionary
    }

    fn visit(dictionary: &Dictionary, mut change: impl FnMut(Handle)) -> (Vec<Handle>, Result<(), Raised>) {
        let mut seen = Vec::new();
        let result = dictionary.for_each_live(|entry| {
            seen.push(entry.handle);
            change(entry.handle);
            Ok(())
        });
        (seen, result)
    }

    /// Claim: removing or adding an entry in mid-iteration ends it with a RuntimeError, even on the last entry.
    #[test]
    fn a_changed_size_ends_the_iteration() {
        let d = dictionary(&[1, 2, 3]);
        let (seen, result) = visit(&d, |handle| {
            if handle == 2 {
                drop(d.remove(1))
            }
        });
        assert_eq!((seen, result.unwrap_err().name), (vec![1, 2], "RuntimeError"));
        let d = dictionary(&[1, 2]);
        let (seen, result) = visit(&d, |handle| {
            if handle == 2 {
                d.insert(Subscriber::new(3, "a", Rc::new(Silent)))
            }
        });
        assert_eq!((seen, result.unwrap_err().name), (vec![1, 2], "RuntimeError"));
    }

    /// Claim: entries keep the order of insertion, holes are skipped, and a handle has one entry.
    #[test]
    fn order_is_that_of_insertion() {
        let d = dictionary(&[3, 1, 2, 1]);
        assert!(d.remove(3).is_some() && d.remove(3).is_none());
        d.insert(Subscriber::new(3, "a", Rc::new(Silent)));
        assert_eq!(visit(&d, |_| ()), (vec![1, 2, 3], Ok(())));
    }
}
