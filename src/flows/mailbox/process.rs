//! The server as a node: opens the databases on its disk, serves connections by callbacks, and ticks. What it may not
//! forget when its process dies is in the [`Machine`].

mod session;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use self::session::Session;
use super::files::{self, Trouble};
use super::server::{self, PERIOD_S, Server, Surroundings};
use super::variants::Rules;
use super::watch::Watch;
use super::websocket::PORT;
use super::{sites, trace};
use crate::choice::{Permutation, stable_hash};
use crate::kernel::Time;
use crate::world::Node;

/// How long whoever supervises the process waits before it is started again after it failed to start.
const SUPERVISOR: Duration = Duration::from_secs(5);

/// What outlives the process.
pub struct Machine {
    rules: &'static Rules,
    config: server::Config,
    trouble: Rc<Trouble>,
    /// How far the wall clock is off, in seconds.
    clock_offset: Cell<f64>,
    mailboxes_made: Cell<u64>,
    connections: Cell<u64>,
    lives: Cell<u64>,
}

impl Machine {
    /// A machine on which the server was never started.
    #[must_use]
    pub fn new(rules: &'static Rules, config: server::Config, trouble: &Rc<Trouble>) -> Machine {
        Machine {
            rules,
            config,
            trouble: Rc::clone(trouble),
            clock_offset: Cell::new(0.0),
            mailboxes_made: Cell::new(0),
            connections: Cell::new(0),
            lives: Cell::new(0),
        }
    }
}

/// Time, ids and orders for the server's core.
struct Around {
    node: Node,
    machine: Rc<Machine>,
}

impl Surroundings for Around {
    fn now(&self) -> f64 {
        self.node.wall().as_secs_f64() + self.machine.clock_offset.get()
    }

    fn mailbox_id(&self) -> String {
        // Only that ids differ matters, so nothing is drawn.
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let made = self.machine.mailboxes_made.get();
        self.machine.mailboxes_made.set(made + 1);
        let mut word = stable_hash(&["mailbox", &made.to_string()]);
        let letters = (0..13).map(|_| {
            let letter = ALPHABET[(word & 31) as usize];
            word >>= 5;
            char::from(letter)
        });
        letters.collect()
    }

    fn below(&self, n: usize) -> usize {
        self.node.choose(&sites::FREE_NAME, &sites::Below(n as u64)) as usize
    }

    fn set_order(&self, n: usize) -> Vec<usize> {
        let Ok(size) = u8::try_from(n) else {
            return (0..n).collect();
        };
        let order = self.node.choose(&sites::SET_ORDER, &Permutation(size));
        order.into_iter().map(usize::from).collect()
    }
}

/// One life of the server.
pub struct Process {
    node: Node,
    machine: Rc<Machine>,
    watch: Rc<Watch>,
    server: Rc<Server>,
    sessions: RefCell<BTreeMap<u64, Rc<Session>>>,
    started: Time,
}

/// Starts the server on its node.
pub fn start(node: &Node, machine: &Rc<Machine>, watch: &Rc<Watch>) {
    let around = Rc::new(Around { node: node.clone(), machine: Rc::clone(machine) });
    watch.starts(node, &(Rc::clone(&around) as Rc<dyn Surroundings>));
    let trouble = machine.trouble.count();
    match boot(node, machine, &around, watch) {
        Ok(process) => process.serve(),
        Err(error) => {
            node.note(&trace::RAISED, "start", format_args!("{error}"));
            watch.failed_to_start(&error, machine.trouble.count() != trouble);
            let (again, machine, watch) = (node.clone(), Rc::clone(machine), Rc::clone(watch));
            node.after(SUPERVISOR, "supervisor", move || start(&again, &machine, &watch));
        }
    }
}

fn boot(node: &Node, machine: &Rc<Machine>, around: &Rc<Around>, watch: &Rc<Watch>) -> Result<Rc<Process>, String> {
    let trouble = machine.trouble.count();
    let storage = files::open(node, machine.rules, &machine.trouble).map_err(|error| error.to_string())?;
    let again = machine.lives.replace(machine.lives.get() + 1) > 0;
    watch.opened(again);
    let surroundings = Rc::clone(around) as Rc<dyn Surroundings>;
    let server = Server::start(machine.rules, storage, machine.config.clone(), surroundings)
        .map_err(|error| error.to_string())?;
    watch.runs(&server);
    let process = Rc::new(Process {
        node: node.clone(),
        machine: Rc::clone(machine),
        watch: Rc::clone(watch),
        server,
        sessions: RefCell::default(),
        started: node.now(),
    });
    watch.settle();
    let report = process.tick();
    if again {
        watch.first_tick(&report, machine.trouble.count() != trouble);
    }
    Ok(process)
}

impl Process {
    fn serve(self: Rc<Self>) {
        let node = self.node.clone();
        node.spawn("accept", async move {
            let Ok(listener) = self.node.net().listen(PORT) else {
                return;
            };
            while let Ok(stream) = listener.accept().await {
                self.clock_jumps(&stream.peer());
                let number = self.machine.connections.get();
                self.machine.connections.set(number + 1);
                Session::open(&self, number, stream);
            }
        });
    }

    /// The timer callback, and the next one if there is to be one.
    fn tick(self: &Rc<Self>) -> server::TickReport {
        self.clock_jumps("timer");
        let trouble = self.machine.trouble.count();
        let record = self.watch.before_tick();
        let report = self.server.tick();
        let raised = report.prune_errors.iter().chain(&report.status_error);
        let words: Vec<_> = raised.map(ToString::to_string).collect();
        let outcome = if words.is_empty() { "done" } else { "raised" };
        self.node.note(&trace::TICK, outcome, format_args!("{}", words.join("; ")));
        self.watch.after_tick(record, &report, self.machine.trouble.count() != trouble);
        if let Some(seconds) = report.next_in(&self.server) {
            let process = Rc::downgrade(self);
            self.node.after(self.until_next(seconds), "tick", move || {
                if let Some(process) = Weak::upgrade(&process) {
                    process.tick();
                }
            });
        }
        report
    }

    /// The timer keeps its beat: a tick that came late does not move the next one.
    fn until_next(&self, seconds: f64) -> Duration {
        let now = self.node.now();
        if seconds < PERIOD_S {
            return Duration::from_secs_f64(seconds);
        }
        let period = Duration::from_secs_f64(PERIOD_S).as_nanos() as u64;
        let up = now.since(self.started).as_nanos() as u64;
        Duration::from_nanos(period - up % period)
    }

    /// The wall clock may be set at these moments.
    fn clock_jumps(&self, moment: &str) {
        // Per client and for the timer apart: one connection more moves nobody else's choices.
        let actor = format!("{}:{moment}", self.node.name());
        let back = self.node.choose_as(&sites::CLOCK_BACK, &actor, &sites::JUMPS);
        let forward = self.node.choose_as(&sites::CLOCK_FORWARD, &actor, &sites::JUMPS);
        let seconds = forward.as_secs_f64() - back.as_secs_f64();
        if seconds != 0.0 {
            self.machine.clock_offset.set(self.machine.clock_offset.get() + seconds);
            self.node.note(&trace::CLOCK, "jumps", format_args!("by {seconds} s"));
        }
    }

    fn forget(&self, number: u64) {
        let session = self.sessions.borrow_mut().remove(&number);
        drop(session);
    }
}
