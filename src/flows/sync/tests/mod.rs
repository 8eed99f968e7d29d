//! The flow as a whole.

mod fires;
mod roles;
mod rows;
mod stories;
mod wire;

use std::rc::Rc;
use std::time::Duration;

use super::checker::{Entry, OnDisk};
use super::config::Config;
use super::flow::build_pair;
use super::invariants::INVARIANTS;
use super::machine::Pair;
use super::store::Store;
use super::variants::{BASELINE, Guard, Rules};
use super::workload::{Deliver, Driver, Expire, Hours, Messages, Op};
use crate::check::{CheckMode, Checks, InvariantKind};
use crate::choice::{Choices, Deviation, Mode, Script, Seed, Settings};
use crate::disk::OpenMode;
use crate::kernel::{Dispatch, Limits, Sim, Time, Until};
use crate::trace::Trace;
use crate::world::{Node, World};

/// The baseline with the check of 2008.
static GUARD_2008: Rules = Rules { guard: Guard::FileSize, ..BASELINE };

fn rules(label: &str) -> &'static Rules {
    Rules::named(label).unwrap()
}

/// More than a story takes.
const LONG: Time = Time::from_nanos(3 * 86_400_000_000_000);

/// A world in which nothing goes wrong by itself.
struct Lab {
    sim: Sim,
    world: World,
    pair: Rc<Pair>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.world.tear_down();
    }
}

impl Lab {
    fn new(rules: &'static Rules, config: Config) -> Lab {
        Lab::scripted(rules, config, Script::default())
    }

    /// The same, with something that does go wrong.
    fn scripted(rules: &'static Rules, config: Config, script: Script) -> Lab {
        let choices = Choices::new(Seed(1), Mode::Replay, &script, &Settings::default());
        let limits = Limits { time_max: LONG, ..Limits::default() };
        let sim = Sim::new(choices, Trace::new(true, 100_000), limits, Dispatch::default());
        let world = World::new(&sim, Checks::new(INVARIANTS, |_| CheckMode::Record));
        let pair = build_pair(&world, rules, &config);
        *pair.watch().log.borrow_mut() = Some(Vec::new());
        Lab { sim, world, pair }
    }

    /// Lets a task run to its end, and things settle.
    fn drive<F: Future<Output = ()> + 'static>(self, main: impl Fn(Node) -> F + 'static) -> Lab {
        self.world.client("people", main);
        self.world.begin_run();
        let run = |done: &dyn Fn() -> bool| {
            let until = Until { deadline: LONG, done, last_step: 100_000 };
            self.sim.run(&until, &mut self.world.clone());
        };
        let world = self.world.clone();
        run(&|| world.workload_done());
        assert!(world.workload_done(), "the workload did not end");
        let _ = world.checks().borrow_mut().evaluate(&self.sim, InvariantKind::Always);
        self
    }

    /// Lets the full syncs at the end come to their end, and looks at what is left.
    fn settle(self) -> Lab {
        let deadline = Time::from_nanos(self.sim.now().as_nanos() + 600_000_000_000);
        let until = Until { deadline, done: &|| false, last_step: 100_000 };
        self.sim.run(&until, &mut self.world.clone());
        let _ = self.world.checks().borrow_mut().evaluate(&self.sim, InvariantKind::Eventually);
        self
    }

    /// Takes operations, and at some time does something else to a server.
    fn take_and(self, operations: Vec<Op>, at: Duration, which: usize, what: impl Fn(&Store) + 'static) -> Lab {
        let driver = Driver::new(&self.pair, operations.into_iter().enumerate().collect());
        let pair = Rc::clone(&self.pair);
        let what = Rc::new(what);
        self.drive(move |node| {
            let (driver, pair, what) = (Rc::clone(&driver), Rc::clone(&pair), Rc::clone(&what));
            async move {
                let store = pair.machine(which).store().unwrap();
                let damaged = store.clone();
                store.node.after(at, "damage", move || {
                    what(&damaged);
                    damaged.host.touched();
                });
                driver.run(node).await;
            }
        })
    }

    /// How often something happened that a run may show.
    fn mark(&self, mark: &str) -> u64 {
        self.sim.counters().sometimes.get(mark).copied().unwrap_or(0)
    }

    fn take(self, operations: Vec<Op>) -> Lab {
        let driver = Driver::new(&self.pair, operations.into_iter().enumerate().collect());
        self.drive(move |node| Rc::clone(&driver).run(node))
    }

    /// The first mailbox on a server.
    fn on_disk(&self, which: usize) -> OnDisk {
        self.pair.watch().on_disk(&self.pair.machine(which).host, "user.a").unwrap()
    }

    /// The first mailbox on the replica.
    fn replica(&self) -> OnDisk {
        self.on_disk(1)
    }

    /// Every failure of the run, as `invariant: cause`.
    fn failures(&self) -> Vec<String> {
        let checks = self.world.checks().borrow();
        checks.also().iter().map(|failure| format!("{}: {}", failure.invariant, failure.cause)).collect()
    }

    /// What the replica's commands have left behind, each state once.
    fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        let log = self.pair.watch().log.borrow();
        // Both mailboxes are noted after each command; the first one has the story.
        for found in log.iter().flatten().step_by(2) {
            let row = row(found);
            if rows.last() != Some(&row) {
                rows.push(row);
            }
        }
        rows
    }
}

/// A state as the incident's table writes it: index, expunge file, cache length and generation, last uid.
fn row(found: &OnDisk) -> String {
    let places = |entries: &mut dyn Iterator<Item = &Entry>| {
        let places: Vec<String> = entries.map(|entry| format!("{}@{}", entry.uid, entry.offset)).collect();
        places.join(" ")
    };
    let index = found.index.as_ref().unwrap();
    let expunge = match &found.expunge {
        None => "none".to_owned(),
        Some(expunge) => {
            let expunge = expunge.as_ref().unwrap();
            format!("{} gen {:08x}", places(&mut expunge.entries.iter()), expunge.generation)
        }
    };
    let generation = found.cache_generation().unwrap();
    assert_eq!(generation, index.generation);
    let live = places(&mut found.live());
    format!("{live} | {expunge} | {} {generation:08x} | {}", found.cache.len(), index.last_uid)
}

/// Deliveries of messages with cache records of these sizes.
fn deliver(sizes: &[usize], as_mailbox: bool) -> Op {
    Op::Deliver(Deliver { cache_sizes: sizes.to_vec(), as_mailbox, ..Deliver::default() })
}

fn expunge(of: &[(usize, usize)]) -> Op {
    Op::Expunge(Messages { of: of.to_vec() })
}

fn unexpunge(of: (usize, usize)) -> Op {
    Op::Unexpunge(Messages { of: vec![of] })
}

/// Something that goes wrong.
fn wrong(site: &str, actor: String, n: u64, value: &str) -> Deviation {
    Deviation { site: site.into(), actor, n, value: value.into(), step: 0 }
}

/// Power that goes off around the n-th change of this file.
fn power(server: &str, file: &str, n: u64, value: &str) -> Script {
    [wrong("disk/power-cut", format!("{server}:spool/user.a/{file}"), n, value)].into_iter().collect()
}

/// Overwrites bytes of a file of the first mailbox.
fn overwrite(store: &Store, file: &str, at: u64, bytes: &[u8]) {
    let file = store.disk.open(&format!("spool/user.a/{file}"), OpenMode::Write).unwrap();
    crate::flows::sync::store::io::write_all(&file, at, bytes).unwrap();
}

fn wait() -> Op {
    Op::Wait(Hours { hours: 1 })
}

/// Each of these operations, and after each the replica catches up: the n-th of them is operation 2 n.
fn synced<const N: usize>(operations: [Op; N]) -> Vec<Op> {
    operations.into_iter().flat_map(|op| [op, Op::Sync {}]).collect()
}

/// An expire on the replica for which nothing is due.
fn look_through() -> Op {
    Op::Expire(Expire { replica: true, days: 30 })
}

fn one_by_one() -> Config {
    Config { batch: 1, nightly: false, ..Config::default() }
}
