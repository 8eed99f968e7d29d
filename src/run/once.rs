//! One run from a scenario's text: for tests that need no harness, and for examples in documentation.

use super::{RunReport, RunRequest, Source, engine_sites, erased};
use crate::choice::Seed;
use crate::flow::{Flow, FlowSchema};
use crate::kernel::Dispatch;
use crate::scenario::{Catalogue, Complaints, read_scenario};
use crate::snapshot::KeepStates;

/// Runs one seed of a scenario, given as the text of its file, and keeps the trace. [`crate::flow`] has an example.
///
/// # Errors
/// Everything that is wrong with the scenario.
pub fn once<F: Flow>(scenario: &str, seed: u64) -> Result<RunReport, Complaints> {
    let flow = erased::<F>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let scenario = read_scenario("scenario.toml", scenario.as_bytes(), &catalogue, &[])?;
    Ok(flow.run(&RunRequest {
        scenario: &scenario,
        seed: Some(Seed(seed)),
        source: Source::Search,
        operations: None,
        keep_trace: true,
        keep_offers: false,
        keep_states: KeepStates::Never,
        dispatch: Dispatch::ByTime,
        until_step: None,
    }))
}
