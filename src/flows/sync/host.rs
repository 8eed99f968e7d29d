//! A server machine: what outlives its processes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Deserialize;

use super::format::Guid;
use super::sites::{self, Told};
use super::variants::Rules;
use crate::world::Node;

/// What an expunge does with messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpungeMode {
    /// They are kept until the nightly expire.
    #[default]
    Delayed,
    /// They go at once.
    Immediate,
}

/// Somebody who is told of changes, in a life of the machine.
type Watcher = dyn Fn(Told);

/// How often somebody does something because of a change, on one machine in one run.
const TOLD_MAX: u32 = 6;

/// Process ids a machine gives out before it begins again.
const PIDS: u32 = 3;

/// A machine.
pub struct Host {
    /// Its name.
    pub name: String,
    /// The historical form of its software.
    pub rules: &'static Rules,
    /// What an expunge does here.
    pub expunge: ExpungeMode,
    /// Seconds by which its clock is off.
    pub clock_skew: i64,
    watcher: RefCell<Option<Rc<Watcher>>>,
    told: Cell<u32>,
    deliveries: Cell<u32>,
    ids: Cell<u32>,
    parent: Cell<u32>,
    pids: Cell<u32>,
    changes: Cell<u64>,
    /// By mailbox.
    uploading: RefCell<BTreeMap<String, BTreeSet<u32>>>,
    /// How often the servers have swapped their roles.
    swaps: Cell<u32>,
}

impl Host {
    /// A machine on which nothing has happened yet.
    #[must_use]
    pub fn new(name: &str, rules: &'static Rules, expunge: ExpungeMode, clock_skew: i64) -> Rc<Host> {
        Rc::new(Host {
            name: name.to_owned(),
            rules,
            expunge,
            clock_skew,
            watcher: RefCell::default(),
            told: Cell::new(0),
            deliveries: Cell::new(0),
            ids: Cell::new(0),
            parent: Cell::new(0),
            pids: Cell::new(0),
            changes: Cell::new(0),
            uploading: RefCell::default(),
            swaps: Cell::new(0),
        })
    }

    /// Something in a mailbox may look different from now on.
    pub fn touched(&self) {
        self.changes.set(self.changes.get() + 1);
    }

    /// How often something changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Somebody wants to be told of changes.
    pub fn watched_by(&self, watcher: Rc<Watcher>) {
        *self.watcher.borrow_mut() = Some(watcher);
    }

    /// Nobody does any more.
    pub fn unwatched(&self) {
        drop(self.watcher.take());
    }

    /// Tells whoever watches of a change.
    pub fn tell(&self, node: &Node) {
        let watcher = self.watcher.borrow().clone();
        let Some(watcher) = watcher.filter(|_| self.told.get() < TOLD_MAX) else { return };
        let told = node.choose(&sites::WATCHER, &sites::TOLD);
        if told != Told::Nothing {
            node.observed(&sites::WATCHER, &node.name());
            self.told.set(self.told.get() + 1);
            watcher(told);
        }
    }

    /// Messages with these numbers are being taken in: as long as nobody is told that they were, their files may be there
    /// or not.
    pub fn takes_in(&self, mailbox: &str, uids: impl Iterator<Item = u32>) {
        self.uploading.borrow_mut().entry(mailbox.to_owned()).or_default().extend(uids);
    }

    /// They were, and somebody is told.
    pub fn has_taken_in(&self, mailbox: &str, uids: impl Iterator<Item = u32>) {
        if let Some(uploading) = self.uploading.borrow_mut().get_mut(mailbox) {
            uids.for_each(|uid| {
                uploading.remove(&uid);
            });
        }
    }

    /// Numbers of messages that are being taken in, or were not to the end.
    #[must_use]
    pub fn uploading(&self, mailbox: &str) -> BTreeSet<u32> {
        self.uploading.borrow().get(mailbox).cloned().unwrap_or_default()
    }

    /// The servers swap their roles.
    pub fn swapped(&self) {
        self.swaps.set(self.swaps.get() + 1);
    }

    /// How often they did.
    #[must_use]
    pub fn swaps(&self) -> u32 {
        self.swaps.get()
    }

    /// The number of the next delivery.
    #[must_use]
    pub fn next_delivery(&self) -> u32 {
        self.deliveries.set(self.deliveries.get() + 1);
        self.deliveries.get()
    }

    /// The next id that is assigned here: whose machine, and the how manyth.
    #[must_use]
    pub fn next_id(&self) -> Guid {
        self.ids.set(self.ids.get() + 1);
        let mut id = Guid::default();
        id.0[0] = 2;
        for (byte, letter) in id.0[1..8].iter_mut().zip(self.name.bytes()) {
            *byte = letter;
        }
        id.0[8..12].copy_from_slice(&self.ids.get().to_be_bytes());
        id
    }

    /// The process id of what starts the clients, in this life of the machine.
    #[must_use]
    pub fn parent_pid(&self) -> u32 {
        self.parent.get()
    }

    /// The process id of the next process. They are few: a later process has the id of an earlier one.
    #[must_use]
    pub fn next_pid(&self) -> u32 {
        let pid = self.pids.get() % PIDS + 1;
        self.pids.set(pid);
        pid
    }

    /// The machine starts again: process ids begin at the beginning.
    pub fn restarted(&self) {
        self.pids.set(0);
        self.parent.set(self.parent.get() + 1);
        self.touched();
    }
}
