//! Runs of the toy, executed past all that shrinking is made of.

use seedbed::check::{Fingerprint, Verdict};
use seedbed::flow::FlowSchema;
use seedbed::kernel::Dispatch;
use seedbed::run::{AnyFlow, RunReport, RunRequest, Source, engine_sites};
use seedbed::scenario::{Catalogue, Override, Scenario, read_scenario};
use seedbed::snapshot::KeepStates;
use seedbed_harness::execute::Execution;
use seedbed_harness::shrink::Case;

/// A scenario of the toy; `settings` as for `--set`.
pub fn scenario(flow: &dyn AnyFlow, operations: usize, settings: &[&str]) -> Scenario {
    let text = format!(
        "seedbed = 1\ngoal = \"A test.\"\nflow = \"toy\"\nvariant = \"1.0\"\n[workload]\noperations = {operations}\n\
         [faults]\n\"net/cut\" = 0.05\n\"net/partial-write\" = 0.1\n\"toy/forgets\" = 0.1\n\
         [expect]\nviolates = \"books-balance\"\n"
    );
    let catalogue = catalogue(flow);
    let settings: Vec<Override> = settings.iter().map(|setting| Override::parse(setting).expect("a setting")).collect();
    read_scenario("scenarios/toy/test.toml", text.as_bytes(), &catalogue, &settings)
        .unwrap_or_else(|complaints| panic!("{complaints}"))
}

pub fn catalogue(flow: &dyn AnyFlow) -> Catalogue<'_> {
    Catalogue { flows: vec![flow as &dyn FlowSchema], engine_sites: engine_sites() }
}

/// Executes a case by itself, past all that shrinking is made of.
pub fn follow(flow: &dyn AnyFlow, scenario: &Scenario, case: &Case) -> RunReport {
    run(flow, &case.scenario(scenario), Source::Replay(&case.script), Some(&case.operations))
}

/// Executes a seed, by the strategy that it stands for.
pub fn search(flow: &dyn AnyFlow, scenario: &Scenario, seed: u64) -> RunReport {
    let execution = Execution::of_seed(flow, scenario, seed);
    execution.run(false).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"))
}

fn run(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    source: Source<'_>,
    operations: Option<&[(usize, toml::Value)]>,
) -> RunReport {
    flow.run(&RunRequest {
        scenario,
        seed: None,
        source,
        operations,
        keep_trace: false,
        keep_offers: false,
        keep_states: KeepStates::Never,
        dispatch: Dispatch::ByTime,
        until_step: None,
    })
}

/// How a run failed.
pub fn fingerprint(report: &RunReport) -> Option<Fingerprint> {
    (report.verdict == Verdict::Violates)
        .then(|| report.failure.as_ref().map(|failure| failure.fingerprint()))
        .flatten()
}

/// The seeds below a limit that fail with this cause.
pub fn failing<'a>(
    flow: &'a dyn AnyFlow,
    scenario: &'a Scenario,
    limit: u64,
    cause: &'a str,
) -> impl Iterator<Item = u64> + 'a {
    (0..limit)
        .filter(move |seed| fingerprint(&search(flow, scenario, *seed)).is_some_and(|failure| failure.cause == cause))
}
