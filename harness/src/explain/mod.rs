//! Explaining a failing run: what broke, how small it is, which of its parts matter and within what bounds, what
//! led to it, which nearby run passes, and from which step on it could hardly be avoided.
//!
//! | file | answers |
//! |---|---|
//! | `necessity`, `dials`, `bounds`, `numbers` | is this operation or deviation needed, and which other values fail too? |
//! | `subsets` | which deviations suffice together? |
//! | `slice` | why? The events that led to the violated check |
//! | `twin`, `align` | the nearest passing run, and where it first differs |
//! | `no_return` | from which step on do most endings fail? |
//! | `lab` | executes variations, many at once |
//! | `text` | the card |
//!
//! Every statement comes from executions; how many there were is told. Nothing depends on the number of workers.

pub mod align;
pub mod bounds;
mod dials;
mod lab;
mod necessity;
mod no_return;
pub mod numbers;
pub mod slice;
mod subsets;
mod text;
mod twin;

use std::time::Duration;

use seedbed::check::{Failure, Fingerprint, Verdict};
use seedbed::choice::Deviation;
use seedbed::run::{AnyFlow, RunReport};
use seedbed::scenario::Scenario;
use serde::Serialize;

pub use necessity::{Necessity, Numbers};
pub use no_return::{ENDINGS, Jump, NoReturn, Point};
pub use slice::{Slice, SliceLine};
pub use subsets::{EXHAUSTIVE_MAX, Subsets};
pub use text::{slice_text, text};
pub use twin::{Field, Twin};

use self::align::Steps;
use self::lab::Lab;
use crate::execute::{Second, ToolFailure, has_failed};
use crate::shrink::Case;

/// How explaining goes about it.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Worker threads.
    pub jobs: usize,
    /// Wall time one execution may take.
    pub run_limit: Duration,
    /// Called when one takes longer. It cannot be stopped, so this is expected to end the process.
    pub on_hang: &'a (dyn Fn() + Sync),
}

/// What is explained.
pub struct Subject<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// The scenario; its faults are what fresh endings draw from.
    pub scenario: &'a Scenario,
    /// Where those faults come from, in words.
    pub faults: &'a str,
    /// The run.
    pub case: &'a Case,
    /// The seed it came from.
    pub seed: Option<u64>,
    /// The failure it is known for.
    pub expected: Option<&'a Fingerprint>,
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The run does not fail.
    #[error("{0}")]
    NoFailure(String),
    /// Two executions of it differ.
    #[error("{0}")]
    Different(String),
    /// The tool itself failed.
    #[error(transparent)]
    Tool(#[from] ToolFailure),
}

/// Everything found out about a failing run. Its fields are the object of `explain --format json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Version of this format.
    pub v: u32,
    /// Name of the scenario or plan.
    pub scenario: String,
    /// The variant.
    pub variant: String,
    /// The seed, as a string; null for a plan.
    pub seed: Option<String>,
    /// What it amounts to.
    pub verdict: Verdict,
    /// What broke.
    pub invariant: String,
    /// Why, in the check's words.
    pub cause: String,
    /// What exactly was seen.
    pub detail: String,
    /// The step after which it was seen.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// Equality of executions.
    pub digest: String,
    /// Remarks about the run as a whole.
    pub notes: Vec<String>,
    /// The operations.
    pub operations: Vec<OperationPart>,
    /// The deviations, in the order in which they happened.
    pub deviations: Vec<DeviationPart>,
    /// Sets of deviations that suffice.
    pub subsets: Subsets,
    /// The step after which the state was first other than in the nearest passing run.
    pub first_bad_step: Option<u64>,
    /// What led to the failure.
    pub why: Slice,
    /// The nearest passing run; null: none was found.
    pub twin: Option<Twin>,
    /// How likely the failure is, step by step.
    pub no_return: NoReturn,
    /// Where the faults of fresh endings come from.
    pub fresh_faults: String,
    /// Executions all this took.
    pub executions: u64,
}

/// An operation of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperationPart {
    /// The index it was drawn or listed with.
    pub n: usize,
    /// The operation.
    pub op: toml::Value,
    /// What it is needed for; null: too many operations to look at each.
    #[serde(flatten)]
    pub necessity: Option<Necessity>,
}

/// A deviation of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviationPart {
    /// Where, who, when and what.
    #[serde(flatten)]
    pub deviation: Deviation,
    /// What it is needed for.
    #[serde(flatten)]
    pub necessity: Necessity,
}

/// Explains a run.
///
/// # Errors
/// When it does not fail, cannot be repeated, or the tool fails.
pub fn explain(subject: &Subject<'_>, options: &Options<'_>) -> Result<Explanation, ExplainError> {
    let mut lab = Lab {
        flow: subject.flow,
        scenario: subject.scenario,
        target: Fingerprint { invariant: String::new(), cause: String::new() },
        options,
        executions: 0,
    };
    let (report, failure) = failing(&mut lab, subject.case)?;
    lab.target = failure.fingerprint();
    let mut notes = notes(subject, &report, &failure);
    // What found no place, or was quiet after all, is no part of the run.
    let taken = Case { script: report.script.clone(), ..subject.case.clone() };
    let (case, report, failure, subsets) = if taken.script.len() <= EXHAUSTIVE_MAX {
        let subsets = subsets::all(&mut lab, &taken)?;
        (taken, report, failure, subsets)
    } else {
        let subsets = subsets::some(&mut lab, &taken)?;
        let reduced = taken.only(&subsets.minimal[0]);
        notes.push(format!(
            "{} of {} deviations suffice; what follows is about the run with only these (`shrink` makes it smaller still)",
            reduced.script.len(),
            taken.script.len()
        ));
        let (report, failure) = failing(&mut lab, &reduced)?;
        let subsets = renumbered(subsets, report.script.len());
        // The steps they happen in are those of the smaller run.
        let reduced = Case { script: report.script.clone(), ..reduced };
        (reduced, report, failure, subsets)
    };
    finish(lab, subject, notes, (case, report, failure, subsets))
}

/// In a reduced run the one set is everything that is left.
fn renumbered(subsets: Subsets, left: usize) -> Subsets {
    Subsets { minimal: vec![(0..left).collect()], ..subsets }
}

fn finish(
    mut lab: Lab<'_>,
    subject: &Subject<'_>,
    notes: Vec<String>,
    (case, report, failure, subsets): (Case, RunReport, Failure, Subsets),
) -> Result<Explanation, ExplainError> {
    let parts = necessity::parts(&mut lab, &case, &report.offers)?;
    let twin = twin::nearest(&mut lab, &report, failure.step, &parts.passing)?;
    // A run that wants something else has another state before anything is wrong.
    let first_bad_step = twin
        .as_ref()
        .filter(|twin| !twin.of_operation)
        .and_then(|twin| twin.difference.state.as_ref()?.step_one)
        .filter(|step| *step <= failure.step);
    let why = Steps::new(&report)
        .map(|steps| slice::slice(&steps, &failure, &report.script, first_bad_step))
        .unwrap_or_default();
    let no_return = no_return::curve(&mut lab, &case, failure.step)?;
    let mut needed = parts.operations.into_iter();
    let operations =
        case.operations.iter().map(|(n, op)| OperationPart { n: *n, op: op.clone(), necessity: needed.next() });
    let deviations = case.script.iter().zip(parts.deviations);
    Ok(Explanation {
        v: 1,
        scenario: subject.name.to_owned(),
        variant: subject.scenario.variant.clone(),
        seed: subject.seed.map(|seed| seed.to_string()),
        verdict: report.verdict,
        invariant: failure.invariant,
        cause: failure.cause,
        detail: failure.detail,
        step: failure.step,
        steps: report.steps,
        digest: report.digest.to_string(),
        notes,
        operations: operations.collect(),
        deviations: deviations
            .map(|(deviation, necessity)| DeviationPart { deviation: deviation.clone(), necessity })
            .collect(),
        subsets,
        first_bad_step,
        why,
        twin,
        no_return,
        fresh_faults: subject.faults.to_owned(),
        executions: lab.executions,
    })
}

/// The run of a case, with everything kept and its failure; executed twice.
fn failing(lab: &mut Lab<'_>, case: &Case) -> Result<(RunReport, Failure), ExplainError> {
    let (report, second) = lab.twice(case)?;
    if let Second::Different(difference) = second {
        return Err(ExplainError::Different(format!("{} / {}", difference.one, difference.other)));
    }
    match &report.failure {
        Some(failure) if has_failed(report.verdict) => {
            let failure = failure.clone();
            Ok((report, failure))
        }
        _ => Err(ExplainError::NoFailure(format!("the run {}", report.verdict.word()))),
    }
}

fn notes(subject: &Subject<'_>, report: &RunReport, failure: &Failure) -> Vec<String> {
    let mut notes = Vec::new();
    let shown = failure.fingerprint();
    if let Some(expected) = subject.expected.filter(|expected| **expected != shown) {
        notes.push(format!("the plan is about another failure: {} ({})", expected.invariant, expected.cause));
    }
    let anchoring = &report.anchoring;
    if anchoring.used < anchoring.total {
        notes.push(format!("anchored {anchoring}: the others found no place"));
    }
    for also in &report.also {
        notes.push(format!("also {} at step {}: {}", also.invariant, also.step, also.cause));
    }
    notes
}
