//! One candidate: what is executed, and what is kept of it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use seedbed::check::Fingerprint;
use seedbed::choice::Offer;
use seedbed::run::{AnyFlow, RunReport, Source};
use seedbed::scenario::Scenario;
use seedbed::trace::Digest;

use super::case::{Case, Edit};
use crate::execute::{Execution, Keep, ToolFailure, has_failed};

/// Something to execute.
pub(super) struct Trial {
    pub base: Arc<Case>,
    pub edit: Edit,
    pub purpose: Purpose,
    /// Steps after which a mere candidate counts as one that does not fail, and a comparison is over.
    pub steps_max: u64,
}

impl Trial {
    fn is_cut(&self) -> bool {
        matches!(self.purpose, Purpose::Candidate | Purpose::Compared(_))
    }
}

/// What is wanted of it.
pub(super) enum Purpose {
    /// Does it fail in the same way? Not executed if it is known that it does not.
    Candidate,
    /// The same, executed even if it is known, and to its end.
    Verified,
    /// Its offers and the digest of each step.
    Inspected,
    /// The first step whose digest is another one.
    Compared(Arc<Vec<Digest>>),
    /// Follows the base up to a step, then searches as the scenario's settings say.
    Searched { seed: u64, until_step: u64, scenario: Arc<Scenario> },
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// What identifies the candidate.
    pub key: u64,
    /// It was known not to fail in the same way, and not executed.
    pub known: bool,
    /// How it failed.
    pub fingerprint: Option<Fingerprint>,
    /// If it failed or was inspected: what it did, and its steps.
    pub case: Option<Case>,
    pub steps: u64,
    pub offers: Vec<Offer>,
    pub step_digests: Vec<Digest>,
    pub first_difference: Option<u64>,
}

/// What all candidates of one shrinking share.
pub(super) struct Bench<'a> {
    pub flow: &'a dyn AnyFlow,
    pub scenario: &'a Scenario,
    pub target: &'a Fingerprint,
    /// Keys of what was executed and did not fail in the same way.
    pub known: RwLock<BTreeSet<u64>>,
}

impl Bench<'_> {
    /// Executes a candidate; the second part of the answer: it is a hit.
    pub fn attempt(&self, trial: &Trial) -> (Result<Tried, ToolFailure>, bool) {
        let result = self.result(trial);
        let hit = match &result {
            Ok(tried) => {
                tried.fingerprint.as_ref() == Some(self.target)
                    && matches!(trial.purpose, Purpose::Candidate | Purpose::Verified | Purpose::Searched { .. })
            }
            Err(_) => true,
        };
        (result, hit)
    }

    fn result(&self, trial: &Trial) -> Result<Tried, ToolFailure> {
        let case = trial.base.edited(&trial.edit);
        let key = match &trial.purpose {
            Purpose::Candidate | Purpose::Verified => case.key(),
            _ => 0,
        };
        if matches!(trial.purpose, Purpose::Candidate) {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.contains(&key) {
                return Ok(Tried { key, known: true, ..Tried::default() });
            }
        }
        let (seed, source, settings) = match &trial.purpose {
            Purpose::Searched { seed, until_step, scenario } => {
                (Some(*seed), Source::Mixed(&case.script, *until_step), &**scenario)
            }
            _ => (None, Source::Replay(&case.script), self.scenario),
        };
        let scenario = case.scenario(settings);
        let execution = Execution {
            flow: self.flow,
            scenario: &scenario,
            seed,
            source,
            operations: Some(&case.operations),
            until_step: trial.is_cut().then_some(trial.steps_max),
        };
        let keep_trace = matches!(trial.purpose, Purpose::Inspected | Purpose::Compared(_));
        let keep_offers = matches!(trial.purpose, Purpose::Inspected);
        let report = execution.run_with(Keep { trace: keep_trace, offers: keep_offers, ..Keep::default() })?;
        Ok(tried(key, &scenario, report, &trial.purpose))
    }
}

fn tried(key: u64, scenario: &Scenario, report: RunReport, purpose: &Purpose) -> Tried {
    let fingerprint =
        report.failure.as_ref().filter(|_| has_failed(report.verdict)).map(|failure| failure.fingerprint());
    let first_difference = match purpose {
        Purpose::Compared(digests) => first_difference(digests, &report.step_digests),
        _ => None,
    };
    Tried {
        key,
        known: false,
        case: (fingerprint.is_some() || matches!(purpose, Purpose::Inspected))
            .then(|| Case::of_report(scenario, &report)),
        fingerprint,
        steps: report.steps,
        first_difference,
        offers: report.offers,
        step_digests: match purpose {
            Purpose::Inspected => report.step_digests,
            _ => Vec::new(),
        },
    }
}

/// The first step of a run that another one does not share; `None` if it shares all of them.
fn first_difference(base: &[Digest], other: &[Digest]) -> Option<u64> {
    let shared = base.iter().zip(other).take_while(|(base, other)| base == other).count();
    (shared < base.len()).then_some(shared as u64 + 1)
}
