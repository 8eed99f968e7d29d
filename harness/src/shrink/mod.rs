//! Shrinking: the smallest run that still fails in the same way.
//!
//! A failing run is data (a [`Case`]): operations and deviations, all else is quiet. Candidates leave some of it out
//! or put something simpler in its place. Each one is executed, and accepted only if it shows the *same
//! fingerprint*; one that fails in another way is kept aside as a relative. What an accepted candidate did, and not
//! what it was asked to do, is where the next one starts from, so that nothing unused is carried along.
//!
//! Candidates are tried in a fixed order and the first that works is accepted, however many are tried at once; the
//! budget counts executions. In the end every single removal of an operation or a deviation is executed once more:
//! the result is *1-minimal*. It is then executed twice from its plan and must show the same failure and the same
//! digest.
//!
//! | file | what is there |
//! |---|---|
//! | `case` | a run as data, and its edits |
//! | `search` | the passes: configuration, deviations, operations, values |
//! | `values` | simpler values of what cannot be removed |
//! | `elsewhere` | a deviation in exchange for another place of the one that is left |
//! | `redrawn` | deviations in exchange for other operations |
//! | `anchors` | where deviations belong once an operation is gone |
//! | `trial`, `pool` | executing candidates, many at once |
//! | `near` | the same failure near a plan that no longer shows it |

mod anchors;
mod case;
mod elsewhere;
mod near;
mod pool;
mod redrawn;
mod search;
mod trial;
mod values;

use std::collections::BTreeSet;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use seedbed::check::Fingerprint;
use seedbed::run::{AnyFlow, RunReport};
use seedbed::scenario::{Plan, Scenario};
use serde::Serialize;

pub use case::{Case, Size};

use crate::compare::Second;
use crate::execute::{Execution, ToolFailure, has_failed};
use crate::exit::Exit;
use crate::strategy::as_run;
use pool::with_pool;
use search::Search;
use trial::Bench;

/// Executions a shrinking may take, unless somebody says otherwise.
pub const EXECUTIONS_DEFAULT: u64 = 20_000;

/// How a shrinking is done.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Candidates executed at once; the result does not depend on it.
    pub jobs: usize,
    /// Executions it may take.
    pub executions: u64,
    /// Wall time of one execution; a candidate that takes longer hangs.
    pub run_limit: Duration,
    /// Set by Ctrl-C: the best so far is the result.
    pub interrupted: &'a AtomicBool,
    /// Called when a candidate hangs, with the best so far. Its thread cannot be stopped, so the process ends with
    /// this exit code.
    pub on_hang: &'a (dyn Fn(&Case) -> Exit + Sync),
    /// Numbers for whoever watches.
    pub live: &'a Live,
}

/// Where a shrinking is at present; it plays no part in the result.
#[derive(Debug, Default)]
pub struct Live {
    /// Executions so far.
    pub executions: AtomicU64,
    /// Operations of the best so far.
    pub operations: AtomicU64,
    /// Deviations of the best so far.
    pub deviations: AtomicU64,
}

impl Live {
    fn show(&self, executions: u64, best: &Case) {
        self.executions.store(executions, Ordering::Relaxed);
        self.operations.store(best.operations.len() as u64, Ordering::Relaxed);
        self.deviations.store(best.script.len() as u64, Ordering::Relaxed);
    }
}

/// Why a shrinking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShrinkEnd {
    /// No single operation or deviation can be removed; each removal was executed.
    Minimal,
    /// The executions were used up.
    Budget,
    /// Ctrl-C.
    Interrupted,
}

/// A run that fails in another way, found on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    /// How it fails.
    pub fingerprint: Fingerprint,
    /// How many candidates failed like that.
    pub candidates: u64,
    /// The smallest of them, the first among equals.
    pub case: Case,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What it was and still is.
    pub fingerprint: Fingerprint,
    /// Size at the beginning.
    pub from: Size,
    /// Size at the end.
    pub to: Size,
    /// The run.
    pub case: Case,
    /// Its final execution.
    pub report: RunReport,
    /// Whether another one was equal.
    pub second: Second,
    /// Executions, with those at the end.
    pub executions: u64,
    /// Why it ended.
    pub ended: ShrinkEnd,
    /// Other failures, in order of their fingerprints.
    pub relatives: Vec<Relative>,
}

impl Shrunk {
    /// The run as a plan. `scenario` is the one that was shrunk.
    #[must_use]
    pub fn plan(&self, scenario: &Scenario) -> Plan {
        let mut plan = plan_of(&self.case, scenario, &self.fingerprint);
        plan.digest = Some(self.report.digest.to_string());
        plan
    }
}

/// A case as a plan.
#[must_use]
pub fn plan_of(case: &Case, scenario: &Scenario, failure: &Fingerprint) -> Plan {
    Plan::of(&case.scenario(scenario), case.operations.clone(), case.script.clone(), Some(failure.clone()))
}

/// Why there is nothing to show.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShrinkError {
    /// The run to be shrunk does not fail at all, or not as expected.
    #[error("there is nothing to shrink: {0}")]
    NoFailure(String),
    /// The run cannot be repeated: the simulation, or the code under test, is not deterministic.
    #[error("two executions of the run differ: {0}")]
    Different(String),
    /// The tool itself failed.
    #[error(transparent)]
    Tool(#[from] ToolFailure),
}

/// Shrinks the run of a seed.
///
/// # Errors
/// When it does not fail, cannot be repeated, or the tool fails.
pub fn shrink_seed(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    seed: u64,
    options: &Options<'_>,
) -> Result<Shrunk, ShrinkError> {
    let scenario = &*as_run(scenario, seed);
    let execution = Execution::of_seed(flow, scenario, seed);
    let report = supervised(options, scenario, || {
        let report = execution.run(false)?;
        let second = execution.compare(&report)?;
        Ok((report, second))
    })?;
    let (report, second) = report;
    if let Second::Different(difference) = second {
        return Err(ShrinkError::Different(format!("{} / {}", difference.one, difference.other)));
    }
    let Some(failure) = report.failure.as_ref().filter(|_| has_failed(report.verdict)) else {
        return Err(ShrinkError::NoFailure(format!("the run of seed {seed} {}", report.verdict.word())));
    };
    let start = Start {
        size: Size { steps: report.steps, operations: report.operations.len(), deviations: report.script.len() },
        case: Case::of_report(scenario, &report),
        seed: Some(seed),
        executions: 2,
    };
    shrink(flow, scenario, &failure.fingerprint(), start, options)
}

/// Shrinks the run of a plan. `scenario` is the one the plan describes.
///
/// # Errors
/// When it does not fail as the plan says, cannot be repeated, or the tool fails.
pub fn shrink_plan(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    plan: &Plan,
    options: &Options<'_>,
) -> Result<Shrunk, ShrinkError> {
    let case = Case::of_plan(plan);
    let report = supervised(options, scenario, || execution_of(flow, scenario, &case).run(false))?;
    let failure = report.failure.as_ref().filter(|_| has_failed(report.verdict));
    let Some(failure) = failure.map(|failure| failure.fingerprint()) else {
        return Err(ShrinkError::NoFailure(format!("the plan's run {}", report.verdict.word())));
    };
    if let Some(expected) = plan.failure.as_ref().filter(|expected| **expected != failure) {
        return Err(ShrinkError::NoFailure(format!(
            "the plan's run shows {} ({}), not {} ({})",
            failure.invariant, failure.cause, expected.invariant, expected.cause
        )));
    }
    let start = Start {
        size: Size { steps: report.steps, operations: case.operations.len(), deviations: case.script.len() },
        case,
        seed: None,
        executions: 1,
    };
    shrink(flow, scenario, &failure, start, options)
}

/// Looks for the failure of a plan near it, for a plan that has lost its anchors; what is found is shrunk. `None`:
/// there is none within the budget.
///
/// # Errors
/// When what was found cannot be repeated, or the tool fails.
pub fn refresh(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    plan: &Plan,
    target: &Fingerprint,
    options: &Options<'_>,
) -> Result<Option<Shrunk>, ShrinkError> {
    let case = Case::of_plan(plan);
    let found = pooled(flow, scenario, target, options, |search| search.near(&case))?;
    let (found, executions) = found?;
    let Some((case, steps)) = found else {
        return Ok(None);
    };
    let start = Start {
        size: Size { steps, operations: case.operations.len(), deviations: case.script.len() },
        case,
        seed: None,
        executions,
    };
    shrink(flow, scenario, target, start, options).map(Some)
}

/// Where shrinking starts.
struct Start {
    case: Case,
    size: Size,
    /// The seed its operations were drawn from.
    seed: Option<u64>,
    /// Executions it took to get here.
    executions: u64,
}

fn shrink(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    target: &Fingerprint,
    start: Start,
    options: &Options<'_>,
) -> Result<Shrunk, ShrinkError> {
    let outcome = pooled(flow, scenario, target, options, |search| {
        search.executions = start.executions;
        search.shrink(&start.case, start.seed)
    })??;
    let scenario = outcome.best.scenario(scenario);
    let (report, second) = supervised(options, &scenario, || {
        let execution = execution_of(flow, &scenario, &outcome.best);
        let report = execution.run(false)?;
        let second = execution.compare(&report)?;
        Ok((report, second))
    })?;
    let shown = report.failure.as_ref().map(|failure| failure.fingerprint());
    if shown.as_ref() != Some(target) {
        return Err(ShrinkError::Different(format!(
            "the smallest run failed with {} ({}) and now {}",
            target.invariant,
            target.cause,
            report.verdict.word()
        )));
    }
    if let Second::Different(difference) = &second {
        return Err(ShrinkError::Different(format!("{} / {}", difference.one, difference.other)));
    }
    Ok(Shrunk {
        fingerprint: target.clone(),
        from: start.size,
        to: Size {
            steps: report.steps,
            operations: outcome.best.operations.len(),
            deviations: outcome.best.script.len(),
        },
        case: outcome.best,
        report,
        second,
        executions: outcome.executions + 2,
        ended: outcome.ended,
        relatives: outcome.relatives,
    })
}

/// Does something with a search that has its workers.
fn pooled<T>(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    target: &Fingerprint,
    options: &Options<'_>,
    work: impl FnOnce(&mut Search<'_>) -> T,
) -> Result<T, ToolFailure> {
    let bench = Bench { flow, scenario, target, known: RwLock::new(BTreeSet::new()) };
    let attempt = |trial: &_| bench.attempt(trial);
    let done = with_pool(options.jobs.max(1), options.run_limit, attempt, |pool| {
        work(&mut Search::new(&bench, pool, options))
    });
    done.map_err(|error| no_thread(&error))
}

fn no_thread(error: &std::io::Error) -> ToolFailure {
    ToolFailure { seed: 0, message: format!("no thread could be started: {error}") }
}

fn execution_of<'a>(flow: &'a dyn AnyFlow, scenario: &'a Scenario, case: &'a Case) -> Execution<'a> {
    Execution {
        flow,
        scenario,
        seed: None,
        source: seedbed::run::Source::Replay(&case.script),
        operations: Some(&case.operations),
        until_step: None,
    }
}

/// Executes something on a stack that is large enough, watched.
fn supervised<T: Send>(
    options: &Options<'_>,
    scenario: &Scenario,
    work: impl FnOnce() -> Result<T, ToolFailure> + Send,
) -> Result<T, ShrinkError> {
    let nothing =
        Case { config: scenario.config.clone(), operations: Vec::new(), script: seedbed::choice::Script::default() };
    let on_hang = || end_process((options.on_hang)(&nothing));
    let done = crate::execute::supervised(options.run_limit, &on_hang, work);
    Ok(done.map_err(|error| no_thread(&error))??)
}

/// Ends the process: a thread of it runs code that does not end.
fn end_process(exit: Exit) -> ! {
    std::process::exit(i32::from(exit.code()))
}
