//! Whole runs of toy flows, through the public door.

#[expect(clippy::disallowed_methods, reason = "threads are what some tests are about")]
mod determinism;
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what a run refuses is tried, in threads and processes of the tests' own"
)]
mod host;
mod phases;
mod verdicts;

use std::collections::BTreeMap;

use proptest::strategy::{BoxedStrategy, Just, Strategy};
use serde::Deserialize;

use super::*;
use crate::check::{InvariantInfo, InvariantKind, Promise};
use crate::choice::{Rate, Settings, Site, SiteClass};
use crate::flow::{Flow, FlowInfo, Setup};
use crate::kernel::quiet_panics;
use crate::scenario::{Budget, Claim, Expect, Explore, Search, Workload};
use crate::world::World;

static STRIKE: Site = Site::fault("toy/strike", "something bad happens", Rate::per_million(1_000), Rate::HALF);

const fn invariant(id: &'static str, kind: InvariantKind, promise: Promise) -> InvariantInfo {
    InvariantInfo { id, kind, doc: "made up", promise }
}

/// A flow whose configuration names one of the stories told in the tests.
struct Toy;

#[derive(Clone, Debug, Deserialize)]
struct Config {
    story: String,
}

type Story = (&'static str, fn(&World));

impl Flow for Toy {
    type Config = Config;
    type Op = ();

    const INFO: FlowInfo = FlowInfo {
        sites: &[&STRIKE],
        invariants: &[
            invariant("at-all-times", InvariantKind::Always, Promise::Always),
            invariant("unless-struck", InvariantKind::Always, Promise::Unless(&["toy/strike"])),
            invariant("in-the-end", InvariantKind::Eventually, Promise::Always),
            invariant("at-the-very-end", InvariantKind::AtEnd, Promise::Always),
        ],
        ..FlowInfo::new("toy", "a toy", "none")
    };

    fn operation(_: &Config) -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let stories = [phases::STORIES, verdicts::STORIES, host::STORIES].concat();
        let story = stories.iter().find(|(name, _)| *name == setup.config.story);
        let (_, tell) = story.expect("there is such a story");
        tell(world);
    }
}

/// A scenario in which nothing deviates.
fn scenario(story: &str) -> Scenario {
    quiet_panics();
    let classes = [SiteClass::Schedule, SiteClass::Latency];
    Scenario {
        name: "toy/test".into(),
        path: String::new(),
        goal: String::new(),
        flow: "toy".into(),
        variant: "1".into(),
        config: [("story".to_owned(), story.into())].into_iter().collect(),
        workload: Workload::Listed(Vec::new()),
        faults: Settings { class_rates: classes.map(|class| (class, Rate::NEVER)).into(), ..Settings::default() },
        contract: BTreeMap::new(),
        budget: Budget::default(),
        search: Search::default(),
        explore: Explore::default(),
        expect: Expect { claim: Claim::Holds, within_seeds: None, sometimes: Vec::new(), minimal: None },
        checks: BTreeMap::new(),
    }
}

/// A search with the whole trace kept.
fn search(scenario: &Scenario, seed: u64) -> RunRequest<'_> {
    RunRequest {
        scenario,
        seed: Some(Seed(seed)),
        source: Source::Search,
        operations: None,
        keep_trace: true,
        keep_offers: false,
        keep_states: KeepStates::Never,
        dispatch: Dispatch::ByTime,
        until_step: None,
    }
}

fn run(scenario: &Scenario) -> RunReport {
    erased::<Toy>().run(&search(scenario, 1))
}

/// Everything of these kinds in the trace of a report, as `<milliseconds>:<what>`.
fn lines(report: &RunReport, kinds: &[&str]) -> Vec<String> {
    let trace = report.trace.as_ref().expect("it was kept");
    let events = trace.events().iter();
    let events = events.filter(|event| kinds.contains(&event.header.kind.label));
    events
        .map(|event| {
            let node = trace.names().text(event.header.node);
            let ms = event.header.at_ns / 1_000_000;
            format!("{ms}:{node} {}", trace.describe(event))
        })
        .collect()
}
