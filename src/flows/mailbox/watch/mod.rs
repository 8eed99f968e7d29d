//! The witness of a run: it sees commands and frames at the wire, what is committed (through an observer), the server's
//! objects, the timer, and the clients' own logs, and evaluates the invariants on them. Nothing of it is part of the
//! server, and a node that has died cannot write to it any more.
//!
//! | file | what is there |
//! |---|---|
//! | `wire` | commands and frames: what a command is answered, and what that promises |
//! | `session` | the log of one connection |
//! | `history` | mailboxes, names, messages and accounts over time |
//! | `life` | starts, crashes, ticks |
//! | `inspect` | what is evaluated after a step, and at the end |
//! | `times` | what is known about time, and what excuses a timer that is late |
//! | `pairs` | what clients saw |
//! | `show` | the state, for people |
//! | `symptoms` | what the operators of that day saw, as marks |

mod history;
mod inspect;
mod life;
mod pairs;
mod session;
mod show;
mod symptoms;
mod times;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use self::history::{Deletion, History};
use self::pairs::Pairs;
use self::session::Session;
use self::symptoms::Symptoms;
use self::times::Times;
use super::files::{Committed, Trouble};
use super::invariants::{INVARIANTS, Id, usage};
use super::model::{ChannelRows, Delivery, UsageRows};
use super::server::{Server, Surroundings};
use super::variants::Rules;
use crate::check::{self, Findings, Outcome};
use crate::kernel::NodeId;
use crate::world::{Node, World};

pub use pairs::Witness;
pub use symptoms::MARKS;

/// The witness of one run.
pub struct Watch {
    rules: &'static Rules,
    blur: Option<i64>,
    world: World,
    machine: NodeId,
    trouble: Rc<Trouble>,
    findings: Findings,
    committed: RefCell<Committed>,
    /// The life of the server that is being witnessed.
    life: RefCell<Option<Life>>,
    state: RefCell<State>,
    symptoms: Symptoms,
    pairs: RefCell<Pairs>,
    /// Something has happened on the server since the last inspection.
    touched: Cell<bool>,
}

/// One life of the server process.
struct Life {
    node: Node,
    server: Weak<Server>,
    clock: Rc<dyn Surroundings>,
}

/// What is known so far.
#[derive(Default)]
struct State {
    history: History,
    sessions: BTreeMap<u64, Session>,
    /// How what is deleted now comes about.
    deletion: Deletion,
    /// Messages handed to listeners in this step, with (side, phase, body).
    deliveries: Vec<((String, String, String), Delivery)>,
    /// Commits of both files when the last promise was made.
    promised: (u32, u32),
    /// What was committed when the last step ended.
    settled: (Rc<ChannelRows>, Rc<UsageRows>),
    rows_changed: bool,
    times: Times,
}

impl check::Witness for Watch {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn look(&self) {
        self.inspect();
    }

    fn look_settled(&self) {
        self.inspect_settled();
    }
}

impl Watch {
    /// A witness of the server on this node; registers the invariants.
    pub fn install(
        world: &World,
        machine: NodeId,
        rules: &'static Rules,
        blur: Option<i64>,
        trouble: &Rc<Trouble>,
    ) -> Rc<Watch> {
        let watch = Rc::new(Watch {
            rules,
            blur,
            world: world.clone(),
            machine,
            trouble: Rc::clone(trouble),
            findings: Findings::new(INVARIANTS.len()),
            committed: RefCell::new(Committed::new(world, machine)),
            life: RefCell::default(),
            state: RefCell::default(),
            symptoms: Symptoms::default(),
            pairs: RefCell::default(),
            touched: Cell::new(false),
        });
        world.witness(INVARIANTS, &watch);
        watch
    }

    /// The node of the present life, if it goes on.
    fn node(&self) -> Option<Node> {
        let life = self.life.borrow();
        let node = &life.as_ref()?.node;
        node.is_alive().then(|| node.clone())
    }

    fn server(&self) -> Option<Rc<Server>> {
        self.life.borrow().as_ref()?.server.upgrade()
    }

    /// The server's clock.
    fn now(&self) -> f64 {
        let life = self.life.borrow();
        life.as_ref().map_or(0.0, |life| life.clock.now())
    }

    fn rows(&self) -> Rc<ChannelRows> {
        Rc::clone(&self.committed.borrow().rows)
    }

    fn accounts(&self) -> Rc<UsageRows> {
        Rc::clone(&self.committed.borrow().accounts)
    }

    fn report(&self, id: Id, outcome: Outcome) {
        self.findings.report(id as usize, outcome);
    }

    /// Takes in what was committed since the last call.
    fn absorb(&self) {
        let effects = self.server().map(|server| server.take_effects()).unwrap_or_default();
        let before = (self.rows(), self.accounts());
        let changed = match self.committed.borrow_mut().refresh() {
            Ok(changed) => changed,
            Err(error) => {
                self.report(Id::RestartIsClean, Outcome::violated("database damaged", error.message));
                return;
            }
        };
        if effects.is_empty() && changed == (false, false) {
            return;
        }
        let mut state = self.state.borrow_mut();
        let State { history, deletion, sessions, .. } = &mut *state;
        let expected: Vec<_> =
            effects.iter().filter_map(|effect| history.effect(effect, &before.0, deletion, self.blur)).collect();
        let after = (self.rows(), self.accounts());
        if changed.0 {
            let touched = history.rows(&before.0, &after.0);
            for current in sessions.values_mut().filter_map(|session| session.stack.last_mut()) {
                current.touched.extend(touched.iter().cloned());
            }
            state.rows_changed = true;
        }
        drop(state);
        if changed.1 {
            self.check_accounts(&expected, &before.1, &after.1);
        }
        self.touched.set(true);
    }

    /// Compares new usage rows with what they should say, in the order in which both came.
    fn check_accounts(&self, expected: &[history::Expected], before: &UsageRows, after: &UsageRows) {
        for is_mailbox in [true, false] {
            let (old, new) = if is_mailbox {
                (before.mailboxes.len(), &after.mailboxes)
            } else {
                (before.nameplates.len(), &after.nameplates)
            };
            let fresh = new.get(old..).unwrap_or_default();
            let due: Vec<_> = expected.iter().filter(|due| due.is_mailbox == is_mailbox).collect();
            // A row too many or too few is another invariant's business.
            if due.len() != fresh.len() {
                continue;
            }
            for (due, row) in due.iter().zip(fresh) {
                if let Some(summary) = due.summary.as_ref().filter(|_| due.app == row.app) {
                    self.report(Id::UsageRowTellsTheTruth, usage::usage_row_tells_the_truth(summary, row));
                }
            }
        }
        self.report(Id::UsageTimesMakeSense, usage::usage_times_make_sense(after, self.blur));
    }
}
