//! The flow as a whole.

mod matrix;
mod stories;

use crate::choice::Seed;
use crate::flow::FlowSchema;
use crate::flows::merge::EventMerge;
use crate::kernel::Dispatch;
use crate::run::{RunReport, RunRequest, Source, engine_sites, erased};
use crate::scenario::{Catalogue, Scenario, read_scenario};
use crate::snapshot::KeepStates;

/// A scenario from its text.
fn scenario(text: &str) -> Scenario {
    let flow = erased::<EventMerge>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    read_scenario("merge/test.toml", text.as_bytes(), &catalogue, &[])
        .unwrap_or_else(|complaints| panic!("{complaints}\n{text}"))
}

fn run(scenario: &Scenario, seed: u64, keep_trace: bool) -> RunReport {
    erased::<EventMerge>().run(&RunRequest {
        scenario,
        seed: Some(Seed(seed)),
        source: Source::Search,
        operations: None,
        keep_trace,
        keep_states: KeepStates::Never,
        keep_offers: false,
        dispatch: Dispatch::ByTime,
        until_step: None,
    })
}

/// Every failure of a run, as `invariant: cause`.
fn failures(report: &RunReport) -> Vec<String> {
    let all = report.failure.iter().chain(&report.also);
    all.map(|failure| format!("{}: {}", failure.invariant, failure.cause)).collect()
}
