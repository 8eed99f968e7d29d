//! One seed of a sweep: its run, the second run that must equal it, and what is kept of a failure.

use std::borrow::Cow;

use seedbed::check::{Failure, Verdict};
use seedbed::choice::{Deviation, Strategy, stable_hash};
use seedbed::run::RunReport;
use seedbed::scenario::{Parent, Scenario};
use seedbed::trace::Digest;
use serde::{Deserialize, Serialize};

use super::{Chunk, Job, may_be_parent};
use crate::compare::Second;
use crate::execute::{Execution, ToolFailure, has_failed};
use crate::strategy::{strategy_of, with_parents};

/// One in this many passing seeds is executed a second time.
const RERUN_ONE_IN: u64 = 20;

/// A failing seed, after it was executed a second time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedRun {
    /// The seed.
    pub seed: u64,
    /// Violates, panics, hangs or nondeterministic.
    pub verdict: Verdict,
    /// What broke.
    pub failure: Option<Failure>,
    /// What else broke in the same run.
    pub also: Vec<Failure>,
    /// Steps of the run.
    pub steps: u64,
    /// Its digest; none if the process did not survive it.
    pub digest: Option<Digest>,
    /// The deviations it took, in order.
    pub deviations: Vec<Deviation>,
    /// What the second execution showed.
    pub second: Second,
    /// How it was searched.
    pub strategy: Strategy,
    /// What it goes back to, the direct parent last; only of a mutation.
    pub parents: Vec<Parent>,
}

/// Whether a passing seed belongs to the sample that is executed twice. A function of the seed alone, so
/// that every way of computing a sweep picks the same ones.
fn is_sampled(seed: u64) -> bool {
    stable_hash(&["rerun", &seed.to_string()]).is_multiple_of(RERUN_ONE_IN)
}

/// Runs a seed, again where that is due, and counts it.
pub(super) fn run_seed(job: &Job<'_>, seed: u64, parents: &[Parent], chunk: &mut Chunk) -> Result<(), ToolFailure> {
    let scenario = job.with_parents(parents);
    let execution = Execution::of_seed(job.flow, &scenario, seed);
    let report = execution.run(false)?;
    let mut failed = has_failed(report.verdict);
    let mut found = None;
    if failed || is_sampled(seed) {
        chunk.tally.runs += 1;
        let second = execution.compare(&report)?;
        if failed || second != Second::Identical {
            found = Some(FailedRun::new(&scenario, seed, &report, second));
            failed = true;
        }
    }
    chunk.tally.count(&report, failed);
    if job.scenario.search.strategy.has_feedback() {
        chunk.shown.count(seed, may_be_parent(parents), &report.features);
    }
    if chunk.first.is_none() {
        chunk.first = found;
    }
    Ok(())
}

impl FailedRun {
    /// What is kept of a report.
    #[must_use]
    pub fn new(scenario: &Scenario, seed: u64, report: &RunReport, second: Second) -> FailedRun {
        let differs = matches!(second, Second::Different(_));
        FailedRun {
            seed,
            verdict: if differs { Verdict::Nondeterministic } else { report.verdict },
            failure: report.failure.clone(),
            also: report.also.clone(),
            steps: report.steps,
            digest: Some(report.digest),
            deviations: report.script.deviations.clone(),
            second,
            strategy: strategy_of(scenario, seed),
            parents: match strategy_of(scenario, seed) {
                Strategy::Mutation => scenario.search.parents.clone(),
                _ => Vec::new(),
            },
        }
    }

    /// The scenario under which its seed stands for this run.
    #[must_use]
    pub fn scenario<'a>(&self, scenario: &'a Scenario) -> Cow<'a, Scenario> {
        if self.parents.is_empty() {
            Cow::Borrowed(scenario)
        } else {
            Cow::Owned(with_parents(scenario, &self.parents))
        }
    }
}
