//! What clients saw: each keeps its own log, and pairs of well-behaved ones are held against each other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use super::Watch;
use crate::flows::mailbox::invariants::{Id, ends};
use crate::flows::mailbox::model::{ClientEnd, ClientLog};
use crate::world::Node;

/// The log of one client of a pair.
#[derive(Default)]
pub struct Witness {
    /// What it saw.
    pub log: RefCell<ClientLog>,
    /// The name it was given or told.
    pub name: RefCell<Option<String>>,
    /// The mailbox it was told.
    pub mailbox: RefCell<Option<String>>,
}

/// Two clients that were meant to meet, or one that waits in vain.
pub(super) struct Pair {
    app: String,
    clients: Vec<Rc<Witness>>,
    /// All of them reconnect, follow the protocol to its end, and want to hear all of each other.
    behaved: bool,
    over: Cell<bool>,
}

/// All pairs of a run.
#[derive(Default)]
pub(super) struct Pairs(Vec<Pair>);

impl Pair {
    fn sides(&self) -> BTreeSet<String> {
        self.clients.iter().map(|client| client.log.borrow().side.clone()).collect()
    }

    fn is_finished(&self) -> bool {
        self.clients.iter().all(|client| client.log.borrow().end == ClientEnd::Finished)
    }

    fn mailboxes(&self) -> Vec<String> {
        self.clients.iter().filter_map(|client| client.mailbox.borrow().clone()).collect()
    }
}

impl Watch {
    /// Clients that were meant to meet.
    pub fn pair(&self, app: &str, clients: &[Rc<Witness>], behaved: bool) {
        self.pairs.borrow_mut().0.push(Pair {
            app: app.to_owned(),
            clients: clients.to_vec(),
            behaved,
            over: Cell::new(false),
        });
    }

    /// A client's session has ended. If its peer's has too, nothing may be left of either.
    pub fn client_ended(&self, node: &Node) {
        let pairs = self.pairs.borrow();
        for pair in pairs.0.iter().filter(|pair| !pair.over.get() && pair.is_finished()) {
            pair.over.set(true);
            self.symptoms.pair_finished(node);
            let names = pair.clients.iter().find_map(|client| client.name.borrow().clone());
            if let (Some(name), Some(mailbox)) = (names, pair.mailboxes().first())
                && !self.is_visited(pair, mailbox)
            {
                let outcome = ends::finished_pair_leaves_nothing(&pair.app, &name, mailbox, &self.rows());
                self.report(Id::FinishedPairLeavesNothing, outcome);
            }
        }
    }

    /// Whether somebody else came to the mailbox of a pair: then it is not theirs alone any more.
    fn is_visited(&self, pair: &Pair, mailbox: &str) -> bool {
        let state = self.state.borrow();
        let sides = pair.sides();
        state.history.visitors.get(mailbox).is_some_and(|visitors| !visitors.is_subset(&sides))
    }

    /// Whether the timer has deleted the mailbox once: whoever was away for that long finds a new, empty one.
    fn has_expired(&self, mailbox: &str) -> bool {
        self.state.borrow().history.expired.contains(mailbox)
    }

    /// When everything has settled.
    pub(super) fn inspect_pairs(&self) {
        let pairs = self.pairs.borrow();
        for pair in pairs.0.iter().filter(|pair| pair.behaved) {
            if pair.mailboxes().iter().any(|mailbox| self.is_visited(pair, mailbox) || self.has_expired(mailbox)) {
                continue;
            }
            let logs: Vec<_> = pair.clients.iter().map(|client| client.log.borrow().clone()).collect();
            self.report(Id::NobodyWaitsForEver, ends::nobody_waits_for_ever(&logs));
            if let [a, b] = logs.as_slice() {
                self.report(Id::PeerHeardOnceInOrder, ends::peer_heard_once_in_order(a, b));
                self.report(Id::PeerHeardOnceInOrder, ends::peer_heard_once_in_order(b, a));
            }
        }
    }
}
