//! The kernel on toy nodes. Everything is quiet unless a test says otherwise.

mod budgets;
mod memory;
mod nodes;
mod order;
#[expect(clippy::disallowed_methods, reason = "one test plays two processes, told apart by a variable")]
mod panics;
mod queue;
mod tasks;
mod trace;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::choice::{Choices, Deviation, Mode, Rate, Script, Seed, Settings, SiteClass};
use crate::trace::Trace;

const MS: Duration = Duration::from_millis(1);

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Rc<RefCell<Vec<String>>>);

impl Diary {
    fn write(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    fn text(&self) -> String {
        self.read().join(" ")
    }
}

/// Counts steps, and does nothing else.
#[derive(Default)]
struct Steps(u64);

impl StepHook for Steps {
    fn after_step(&mut self, _: &Sim) -> bool {
        self.0 += 1;
        false
    }
}

struct Toy {
    seed: u64,
    mode: Mode,
    script: Script,
    settings: Settings,
    limits: Limits,
    dispatch: Dispatch,
    keep: bool,
    events_max: u64,
}

impl Default for Toy {
    fn default() -> Toy {
        quiet_panics();
        let mut settings = Settings::default();
        settings.class_rates.insert(SiteClass::Schedule, Rate::NEVER);
        settings.class_rates.insert(SiteClass::Latency, Rate::NEVER);
        Toy {
            seed: 1,
            mode: Mode::Search,
            script: Script::default(),
            settings,
            limits: Limits::default(),
            dispatch: Dispatch::ByTime,
            keep: true,
            events_max: 1_000_000,
        }
    }
}

impl Toy {
    fn sim(&self) -> Sim {
        let choices = Choices::new(Seed(self.seed), self.mode, &self.script, &self.settings);
        let trace = Trace::new(self.keep, self.events_max);
        Sim::new(choices, trace, self.limits, self.dispatch.clone())
    }
}

fn sim() -> Sim {
    Toy::default().sim()
}

fn deviation(site: &str, actor: &str, n: u64, value: &str) -> Deviation {
    Deviation { site: site.into(), actor: actor.into(), n, value: value.into(), step: 0 }
}

/// A node whose code runs once at each start; it is started at once.
fn node(sim: &Sim, name: &str, code: impl Fn(NodeHandle) + 'static) -> NodeId {
    let id = sim.add_node(name, code);
    sim.start(id, Duration::ZERO);
    id
}

fn run_until(sim: &Sim, deadline: Time) -> Ended {
    let until = Until { deadline, done: &|| false, last_step: u64::MAX };
    sim.run(&until, &mut Steps::default())
}

fn run(sim: &Sim) -> Ended {
    run_until(sim, Time::NEVER)
}

fn at(ms: u64) -> Time {
    Time::ZERO + MS * u32::try_from(ms).expect("a small number")
}

/// The incidents of a run as `invariant: cause`.
fn incidents(sim: &Sim) -> Vec<String> {
    let line = |incident: &Incident| format!("{}: {}", incident.kind.invariant(), incident.cause);
    sim.incidents().iter().map(line).collect()
}
