//! Explaining a failing run: what broke, how small it is, which of its parts matter and within what bounds, what
//! led to it, which nearby run passes, and from which step on it could hardly be avoided.
//!
//! | file | answers |
//! |---|---|
//! | `necessity`, `dials`, `bounds`, `numbers` | is this operation or deviation needed, and which other values fail too? |
//! | `subsets` | which deviations suffice together? |
//! | `slice`, `telling`, `lineage` | why? The events that led to the violated check |
//! | `twin`, `align` | the nearest passing run, and where it first differs |
//! | `no_return` | from which step on do most endings fail? |
//! | `lab` | executes variations, many at once |
//! | `text` | the card |
//!
//! Every statement comes from executions; how many there were is told. Nothing depends on the number of workers. When
//! the executions are used up, or somebody presses Ctrl-C, what is known by then is told, and what is missing.

pub mod align;
pub mod bounds;
mod dials;
mod lab;
mod lineage;
mod live;
mod necessity;
mod no_return;
pub mod numbers;
pub mod slice;
mod subsets;
mod telling;
mod text;
mod twin;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::check::{Failure, Fingerprint, Verdict};
use seedbed::choice::Deviation;
use seedbed::run::{AnyFlow, RunReport};
use seedbed::scenario::Scenario;
use serde::Serialize;

pub use live::{Live, Part};
pub use necessity::{Necessity, Numbers};
pub use no_return::{ENDINGS, Jump, NoReturn, Point};
pub use slice::{Evidence, Slice, SliceLine};
pub use subsets::{EXHAUSTIVE_MAX, Subsets};
pub use text::{slice_text, text};
pub use twin::{Field, Twin};

use self::align::Steps;
use self::lab::{Lab, Stop};
use self::necessity::Parts;
use crate::compare::Second;
use crate::execute::{ToolFailure, has_failed};
use crate::shrink::Case;

/// Executions an explanation may take, unless somebody says otherwise.
pub const EXECUTIONS_DEFAULT: u64 = 10_000;

/// How explaining goes about it.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Worker threads.
    pub jobs: usize,
    /// Executions it may take.
    pub executions: u64,
    /// Wall time one execution may take.
    pub run_limit: Duration,
    /// Set by Ctrl-C: what is known by then is told.
    pub interrupted: &'a AtomicBool,
    /// Called when an execution takes too long. It cannot be stopped, so this is expected to end the process.
    pub on_hang: &'a (dyn Fn() + Sync),
    /// Numbers for whoever watches.
    pub live: &'a Live,
}

/// Why explaining ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplainEnd {
    /// Everything was looked at.
    Complete,
    /// The executions were used up.
    Budget,
    /// Ctrl-C.
    Interrupted,
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
    /// The first step after which something was wrong: another invariant was violated, or the state was other than
    /// in the nearest passing run.
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
    /// Why it ended.
    pub ended: ExplainEnd,
    /// The parts that are missing, or not complete.
    pub unfinished: Vec<Part>,
}

/// An operation of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperationPart {
    /// The index it was drawn or listed with.
    pub n: usize,
    /// The operation.
    pub op: toml::Value,
    /// What it is needed for; absent: there were too many operations to look at each, or it ended before.
    #[serde(flatten)]
    pub necessity: Option<Necessity>,
}

/// A deviation of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviationPart {
    /// Where, who, when and what.
    #[serde(flatten)]
    pub deviation: Deviation,
    /// What it is needed for; absent: it ended before that was known.
    #[serde(flatten)]
    pub necessity: Option<Necessity>,
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
    let mut course = Course::default();
    // What found no place, or was quiet after all, is no part of the run.
    let taken = Case { script: report.script.clone(), ..subject.case.clone() };
    let mut subsets = Subsets::default();
    lab.begin(Part::Subsets);
    if taken.script.len() <= EXHAUSTIVE_MAX {
        course.went(Part::Subsets, subsets::all(&mut lab, &taken, &mut subsets))?;
        return finish(lab, subject, course, notes, Found { case: taken, report, failure, subsets });
    }
    course.went(Part::Subsets, subsets::some(&mut lab, &taken, &mut subsets))?;
    let Some(smallest) = subsets.minimal.first() else {
        return finish(lab, subject, course, notes, Found { case: taken, report, failure, subsets });
    };
    let reduced = taken.only(smallest);
    notes.push(format!(
        "{} of {} deviations suffice; what follows is about the run with only these (`shrink` makes it smaller still)",
        reduced.script.len(),
        taken.script.len()
    ));
    let (report, failure) = failing(&mut lab, &reduced)?;
    // In a reduced run the one set is everything that is left.
    let subsets = Subsets { minimal: vec![(0..report.script.len()).collect()], ..subsets };
    // The steps they happen in are those of the smaller run.
    let case = Case { script: report.script.clone(), ..reduced };
    finish(lab, subject, course, notes, Found { case, report, failure, subsets })
}

/// How explaining has gone so far.
#[derive(Default)]
struct Course {
    ended: Option<ExplainEnd>,
    unfinished: Vec<Part>,
}

impl Course {
    /// Takes note of how a part has ended; the others go on with what they can.
    fn went(&mut self, part: Part, result: Result<(), Stop>) -> Result<(), ToolFailure> {
        match result {
            Ok(()) => {}
            Err(Stop::Ended(ended)) => {
                self.ended.get_or_insert(ended);
                self.unfinished.push(part);
            }
            Err(Stop::Tool(failure)) => return Err(failure),
        }
        Ok(())
    }
}

/// A failing run, and which of its deviations suffice.
struct Found {
    case: Case,
    report: RunReport,
    failure: Failure,
    subsets: Subsets,
}

fn finish(
    mut lab: Lab<'_>,
    subject: &Subject<'_>,
    mut course: Course,
    notes: Vec<String>,
    found: Found,
) -> Result<Explanation, ExplainError> {
    let Found { case, report, failure, subsets } = found;
    let mut parts = Parts::default();
    lab.begin(Part::Necessity);
    let looked = necessity::look(&mut lab, &case, &report.offers, &mut parts).and_then(|()| {
        lab.begin(Part::Ranges);
        dials::numbers(&mut lab, &case, &report.offers, &mut parts)
    });
    course.went(Part::Necessity, looked)?;
    lab.begin(Part::Twin);
    let mut twin = None;
    course.went(Part::Twin, find_twin(&mut lab, &case, &report, failure.step, &mut parts, &mut twin))?;
    // A run that wants something else has another state before anything is wrong.
    let other_state = twin
        .as_ref()
        .filter(|twin| !twin.of_operation)
        .and_then(|twin| twin.difference.state.as_ref()?.step_one)
        .filter(|step| *step <= failure.step);
    let first_bad_step = report.also.iter().map(|also| also.step).chain(other_state).min();
    let evidence = Evidence { failure: &failure, also: &report.also, script: &report.script, bad: other_state };
    let why = Steps::new(&report).map(|steps| slice::slice(&steps, evidence)).unwrap_or_default();
    lab.begin(Part::NoReturn);
    let mut no_return = NoReturn::default();
    course.went(Part::NoReturn, no_return::curve(&mut lab, &case, failure.step, &mut no_return))?;
    let mut needed = parts.operations.into_iter();
    let operations =
        case.operations.iter().map(|(n, op)| OperationPart { n: *n, op: op.clone(), necessity: needed.next() });
    let mut needed = parts.deviations.into_iter();
    let deviations =
        case.script.iter().map(|deviation| DeviationPart { deviation: deviation.clone(), necessity: needed.next() });
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
        deviations: deviations.collect(),
        subsets,
        first_bad_step: first_bad_step.filter(|step| *step <= failure.step),
        why,
        twin,
        no_return,
        fresh_faults: subject.faults.to_owned(),
        executions: lab.executions,
        ended: course.ended.unwrap_or(ExplainEnd::Complete),
        unfinished: course.unfinished,
    })
}

/// The nearest passing run: one with a deviation less or altered, or one more, and only then with another operation.
fn find_twin(
    lab: &mut Lab<'_>,
    case: &Case,
    report: &RunReport,
    failing_step: u64,
    parts: &mut Parts,
    twin: &mut Option<Twin>,
) -> Result<(), Stop> {
    let mut ended = Ok(());
    if parts.passing.iter().all(|passing| passing.of_operation) {
        match twin::with_one_more(lab, case, &report.offers, failing_step) {
            Ok(more) => parts.passing.splice(0..0, more).for_each(drop),
            Err(stop) => ended = Err(stop),
        }
    }
    *twin = twin::nearest(lab, report, failing_step, &parts.passing)?;
    ended
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
