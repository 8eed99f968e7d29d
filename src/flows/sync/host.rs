//! A server machine: what outlives its processes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use serde::Deserialize;

use super::variants::Rules;
use super::watch::Watch;

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
    /// Who watches.
    pub watch: Rc<Watch>,
    deliveries: Cell<u32>,
    pids: Cell<u32>,
    changes: Cell<u64>,
    uploading: RefCell<BTreeSet<u32>>,
}

impl Host {
    /// A machine on which nothing has happened yet.
    #[must_use]
    pub fn new(
        name: &str,
        rules: &'static Rules,
        expunge: ExpungeMode,
        clock_skew: i64,
        watch: &Rc<Watch>,
    ) -> Rc<Host> {
        Rc::new(Host {
            name: name.to_owned(),
            rules,
            expunge,
            clock_skew,
            watch: Rc::clone(watch),
            deliveries: Cell::new(0),
            pids: Cell::new(0),
            changes: Cell::new(0),
            uploading: RefCell::default(),
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

    /// Messages with these numbers are being taken in; until somebody is told, their files may be there or not.
    pub fn takes_in(&self, uids: impl Iterator<Item = u32>) {
        self.uploading.borrow_mut().extend(uids);
    }

    /// Numbers of messages that were taken in, or nearly.
    #[must_use]
    pub fn uploading(&self) -> Vec<u32> {
        self.uploading.borrow().iter().copied().collect()
    }

    /// The number of the next delivery.
    #[must_use]
    pub fn next_delivery(&self) -> u32 {
        self.deliveries.set(self.deliveries.get() + 1);
        self.deliveries.get()
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
        self.touched();
    }
}
