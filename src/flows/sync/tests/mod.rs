//! The flow as a whole.

mod stories;
mod wire;

use std::rc::Rc;
use std::time::Duration;

use super::checker::{Entry, OnDisk};
use super::config::Config;
use super::flow::build_pair;
use super::invariants::INVARIANTS;
use super::machine::Pair;
use super::variants::Rules;
use super::workload::{Deliver, Driver, Expire, Messages, Op};
use crate::check::{CheckMode, Checks};
use crate::choice::{Choices, Mode, Script, Seed, Settings};
use crate::kernel::{Dispatch, Limits, Sim, Time, Until};
use crate::trace::Trace;
use crate::world::{Node, World};

/// More than a story takes.
const DAY: Time = Time::from_nanos(86_400_000_000_000);

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
        let choices = Choices::new(Seed(1), Mode::Replay, &Script::default(), &Settings::default());
        let limits = Limits { time_max: DAY, ..Limits::default() };
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
            let until = Until { deadline: DAY, done, last_step: 100_000 };
            self.sim.run(&until, &mut self.world.clone());
        };
        let world = self.world.clone();
        run(&|| world.workload_done());
        assert!(world.workload_done(), "the workload did not end");
        let _ = world.checks().borrow_mut().evaluate(&self.sim, crate::check::InvariantKind::Always);
        self
    }

    fn take(self, operations: Vec<Op>) -> Lab {
        let driver = Driver::new(&self.pair, operations.into_iter().enumerate().collect());
        self.drive(move |node| Rc::clone(&driver).run(node))
    }

    /// The first mailbox on the replica.
    fn replica(&self) -> OnDisk {
        self.pair.watch().on_disk(&self.pair.machine(1).host, "user.a").unwrap()
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

/// An expire on the replica for which nothing is due.
fn look_through() -> Op {
    Op::Expire(Expire { replica: true, days: 30 })
}

fn one_by_one() -> Config {
    Config { batch: 1, nightly: false, ..Config::default() }
}
