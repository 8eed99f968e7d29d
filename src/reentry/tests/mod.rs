//! Re-entry on toy nodes.

mod cells;
mod completions;
mod nested;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::choice::{Choices, Deviation, Mode, Script, Seed, Settings, Site};
use crate::kernel::{Dispatch, Ended, Limits, NodeHandle, NodeId, Sim, StepHook, Time, Until, quiet_panics};
use crate::trace::Trace;

const MS: Duration = Duration::from_millis(1);

static HERE: Site = Site::reentry("test/here", "an event is dispatched in the test's callback");
static WHERE: Site = Site::reentry("test/where", "where the continuation runs");

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Rc<RefCell<Vec<String>>>);

impl Diary {
    fn write(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn text(&self) -> String {
        self.0.borrow().join(" ")
    }
}

/// Counts how often it is asked: the checks of a run.
#[derive(Default)]
struct Checked(u64);

impl StepHook for Checked {
    fn after_step(&mut self, _: &Sim) -> bool {
        self.0 += 1;
        false
    }
}

fn deviation(site: &Site, actor: &str, n: u64, value: &str) -> Deviation {
    Deviation { site: site.label.into(), actor: actor.into(), n, value: value.into(), step: 0 }
}

/// A simulation in which nothing deviates but what the script says.
fn scripted(deviations: impl IntoIterator<Item = Deviation>) -> Sim {
    quiet_panics();
    let script: Script = deviations.into_iter().collect();
    let choices = Choices::new(Seed(0), Mode::Replay, &script, &Settings::default());
    Sim::new(choices, Trace::new(true, 1_000_000), Limits::default(), Dispatch::ByTime)
}

fn node(sim: &Sim, name: &str, code: impl Fn(NodeHandle) + 'static) -> NodeId {
    let id = sim.add_node(name, code);
    sim.start(id, Duration::ZERO);
    id
}

/// Runs to the end; answers why it ended and how often the checks were asked.
fn run(sim: &Sim) -> (Ended, u64) {
    let until = Until { deadline: Time::NEVER, done: &|| false, last_step: u64::MAX };
    let mut checked = Checked::default();
    (sim.run(&until, &mut checked), checked.0)
}

fn incidents(sim: &Sim) -> Vec<String> {
    let incidents = sim.incidents();
    let line = |incident: &crate::kernel::Incident| format!("{}: {}", incident.kind.invariant(), incident.cause);
    incidents.iter().map(line).collect()
}

fn pairs(sim: &Sim) -> Vec<String> {
    let counters = sim.counters();
    let pair = |((inner, outer), count): (&(String, String), &u64)| format!("{inner} inside {outer}: {count}");
    counters.reentries.iter().map(pair).collect()
}
