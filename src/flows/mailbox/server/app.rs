//! The two kinds of objects the server keeps in memory: one per app, and one per mailbox somebody uses.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Raised;
use super::listeners::{Dictionary, Handle, Subscriber};

/// An app's objects. Apps are isolated from each other by their id, in every table.
pub struct AppNamespace {
    /// The app id.
    pub id: String,
    /// Identifies the object: after the app was forgotten, a new object has another number.
    pub object: u64,
    /// Connections bound to it and not yet lost.
    pub(super) bound: Cell<u64>,
    mailboxes: RefCell<BTreeMap<String, Rc<Mailbox>>>,
}

impl AppNamespace {
    pub(super) fn new(id: &str, object: u64) -> AppNamespace {
        AppNamespace { id: id.to_owned(), object, bound: Cell::new(0), mailboxes: RefCell::default() }
    }

    /// The registered mailbox object of an id, made by `make` if there is none.
    pub(super) fn mailbox_or(&self, id: &str, make: impl FnOnce() -> u64) -> Rc<Mailbox> {
        let mut mailboxes = self.mailboxes.borrow_mut();
        let mailbox = mailboxes.entry(id.to_owned()).or_insert_with(|| Rc::new(Mailbox::new(&self.id, id, make())));
        Rc::clone(mailbox)
    }

    /// The registered mailbox object of an id.
    pub(super) fn mailbox(&self, id: &str) -> Option<Rc<Mailbox>> {
        self.mailboxes.borrow().get(id).cloned()
    }

    /// All registered mailbox objects.
    pub(super) fn mailboxes(&self) -> Vec<Rc<Mailbox>> {
        self.mailboxes.borrow().values().cloned().collect()
    }

    /// Forgets a mailbox object.
    pub(super) fn free_mailbox(&self, id: &str) {
        self.mailboxes.borrow_mut().remove(id);
    }

    pub(super) fn count_listeners(&self) -> usize {
        self.mailboxes.borrow().values().map(|mailbox| mailbox.listeners().len()).sum()
    }
}

/// A mailbox somebody has used since the start. "Has at least one listener" is the only flag that keeps a
/// mailbox from being pruned.
pub struct Mailbox {
    /// The app it belongs to.
    pub app: String,
    /// Its id, as in the database.
    pub id: String,
    /// Identifies the object.
    pub object: u64,
    listeners: RefCell<Rc<Dictionary>>,
}

impl Mailbox {
    fn new(app: &str, id: &str, object: u64) -> Mailbox {
        Mailbox { app: app.to_owned(), id: id.to_owned(), object, listeners: RefCell::default() }
    }

    /// The dictionary as it is now. Clearing replaces it, so whoever iterates over the old one goes on undisturbed.
    pub(super) fn listeners(&self) -> Rc<Dictionary> {
        Rc::clone(&self.listeners.borrow())
    }

    pub(super) fn remove_listener(&self, handle: Handle) -> Option<Rc<Subscriber>> {
        self.listeners().remove(handle)
    }

    pub(super) fn clear_listeners(&self) {
        self.listeners.replace(Rc::default());
    }

    /// Who listens, in order.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.listeners().snapshot().iter().map(|subscriber| subscriber.handle).collect()
    }

    /// Tells every listener that the mailbox is gone, over the living dictionary, then forgets them.
    pub(super) fn stop_listeners(&self) -> Result<(), Raised> {
        self.listeners().for_each_live(|subscriber| subscriber.wire.stop())?;
        self.clear_listeners();
        Ok(())
    }
}
