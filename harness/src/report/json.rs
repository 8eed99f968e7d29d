//! JSON lines. Field names and their order are public.

use std::collections::BTreeMap;

use seedbed::check::{Failure, Verdict};
use seedbed::snapshot::Fields;
use serde::Serialize;

use crate::sweep::{FailedRun, FaultTally, Tally};

/// The version of these objects.
pub(super) const VERSION: u32 = 1;

/// The result of a scenario under `run`.
#[derive(Debug, Serialize)]
pub struct RunLine<'a> {
    v: u32,
    /// Name of the scenario or plan.
    pub scenario: &'a str,
    /// Name of the flow.
    pub flow: &'a str,
    /// The variant that was run.
    pub variant: &'a str,
    /// `madsim` or `none`.
    pub host: &'a str,
    /// Seeds that count.
    pub seeds: u64,
    /// Executions, those for comparison included.
    pub runs: u64,
    /// Steps of the seeds.
    pub steps: u64,
    /// What it amounts to.
    pub verdict: Verdict,
    /// What was expected, in words.
    pub expected: &'a str,
    /// Whether that is as expected.
    pub as_expected: bool,
    /// The lowest failing seed.
    pub first_failure: Option<FirstFailure<'a>>,
    /// How many seeds failed.
    pub failures: u64,
    /// Sometimes-marks.
    pub sometimes: &'a BTreeMap<String, u64>,
    /// Accounting per site.
    pub faults: BTreeMap<&'a str, FaultLine>,
    /// Evaluations per invariant.
    pub invariants: BTreeMap<&'a str, u64>,
    /// Operations by outcome.
    pub outcomes: &'a BTreeMap<String, u64>,
    /// What its first failure shrinks to; only where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimal: Option<MinimalLine>,
    /// What a regression plan shows; only for plans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regression: Option<RegressionLine>,
}

/// What a failure shrinks to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MinimalLine {
    /// Operations left.
    pub operations: usize,
    /// Deviations left.
    pub deviations: usize,
    /// Executions it took.
    pub executions: u64,
}

/// What a regression plan shows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RegressionLine {
    /// `reproduced`, `holds`, `fixed`, `stale`, `other-failure`, `broken`, `unknown` or `different`.
    pub answer: &'static str,
    /// Deviations that found their place again, and all of them.
    pub anchored: [usize; 2],
}

/// A failing seed.
#[derive(Debug, Serialize)]
pub struct FirstFailure<'a> {
    /// As a string, because a u64 does not fit every JSON number; null for a plan.
    pub seed: Option<String>,
    /// How it was searched; null for a plan.
    pub strategy: Option<&'static str>,
    /// The seeds it goes back to, the direct parent last, and before them the plan; only of a mutation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// The step after which it was found.
    pub step: Option<u64>,
    /// What broke.
    pub invariant: Option<&'a str>,
    /// Why.
    pub cause: Option<&'a str>,
    /// Other invariants that broke in the same run.
    pub also: Vec<&'a str>,
}

/// The accounting of one site.
#[derive(Debug, Serialize)]
pub struct FaultLine {
    armed: u64,
    fired: u64,
    observed: u64,
}

impl From<FaultTally> for FaultLine {
    fn from(tally: FaultTally) -> FaultLine {
        FaultLine { armed: tally.armed, fired: tally.fired, observed: tally.observed }
    }
}

impl<'a> RunLine<'a> {
    /// A line with the counts of a tally; the caller fills in the rest.
    #[must_use]
    pub fn new(names: [&'a str; 4], expected: &'a str, verdict: Verdict, tally: &'a Tally) -> RunLine<'a> {
        let [scenario, flow, variant, host] = names;
        RunLine {
            v: VERSION,
            scenario,
            flow,
            variant,
            host,
            seeds: tally.seeds,
            runs: tally.runs,
            steps: tally.steps,
            verdict,
            expected,
            as_expected: false,
            first_failure: None,
            failures: tally.failures,
            sometimes: &tally.sometimes,
            faults: tally.faults.iter().map(|(site, count)| (site.as_str(), (*count).into())).collect(),
            invariants: tally.invariants.iter().map(|(id, count)| (id.as_str(), count.evaluated)).collect(),
            outcomes: &tally.outcomes,
            minimal: None,
            regression: None,
        }
    }
}

impl<'a> FirstFailure<'a> {
    /// The fields of a failed run; `seed` is absent for a plan.
    #[must_use]
    pub fn new(failed: &'a FailedRun, seed: Option<u64>) -> FirstFailure<'a> {
        let failure = failed.failure.as_ref();
        FirstFailure {
            seed: seed.map(|seed| seed.to_string()),
            strategy: seed.map(|_| failed.strategy.label()),
            parents: failed.parents.iter().map(ToString::to_string).collect(),
            step: failure.map(|failure| failure.step),
            invariant: failure.map(|failure| failure.invariant.as_str()),
            cause: failure.map(|failure| failure.cause.as_str()),
            also: invariants(&failed.also),
        }
    }
}

/// The result of `replay`.
#[derive(Debug, Serialize)]
pub struct ReplayLine<'a> {
    v: u32,
    /// Name of the scenario.
    pub scenario: &'a str,
    /// The seed, as a string; null for a plan.
    pub seed: Option<String>,
    /// What it amounts to.
    pub verdict: Verdict,
    /// What broke.
    pub invariant: Option<&'a str>,
    /// Why.
    pub cause: Option<&'a str>,
    /// Other invariants that broke.
    pub also: Vec<&'a str>,
    /// The step after which it was found.
    pub step: Option<u64>,
    /// Steps of the run.
    pub steps: u64,
    /// Equality of executions; null if the run does not end.
    pub digest: Option<String>,
    /// Operations by outcome.
    pub outcomes: BTreeMap<&'a str, u64>,
    /// Deviations of the plan that found their place again, and all of them.
    pub anchored: [usize; 2],
    /// With `--until`: the state of each node when the run ended, by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a Fields>,
}

impl<'a> ReplayLine<'a> {
    /// The fields of a report.
    #[must_use]
    pub fn new(
        scenario: &'a str,
        seed: Option<u64>,
        verdict: Verdict,
        report: &'a seedbed::run::RunReport,
    ) -> ReplayLine<'a> {
        let failure = report.failure.as_ref();
        ReplayLine {
            v: VERSION,
            scenario,
            seed: seed.map(|seed| seed.to_string()),
            verdict,
            invariant: failure.map(|failure| failure.invariant.as_str()),
            cause: failure.map(|failure| failure.cause.as_str()),
            also: invariants(&report.also),
            step: failure.map(|failure| failure.step),
            steps: report.steps,
            digest: Some(report.digest.to_string()),
            outcomes: report.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect(),
            anchored: [report.anchoring.used, report.anchoring.total],
            state: None,
        }
    }

    /// A run that does not end.
    #[must_use]
    pub fn hang(scenario: &'a str, seed: Option<u64>) -> ReplayLine<'a> {
        ReplayLine {
            v: VERSION,
            scenario,
            seed: seed.map(|seed| seed.to_string()),
            verdict: Verdict::Hangs,
            invariant: Some("no-hang"),
            cause: Some("no end within the wall limit"),
            also: Vec::new(),
            step: None,
            steps: 0,
            digest: None,
            outcomes: BTreeMap::new(),
            anchored: [0, 0],
            state: None,
        }
    }
}

/// The ids, each once, in order of occurrence.
fn invariants(failures: &[Failure]) -> Vec<&str> {
    let mut ids = Vec::new();
    for failure in failures {
        if !ids.contains(&failure.invariant.as_str()) {
            ids.push(&failure.invariant);
        }
    }
    ids
}
