//! Executing one run, and executing it again to see whether it is the same.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

use seedbed::check::Verdict;
use seedbed::choice::Seed;
use seedbed::kernel::Dispatch;
use seedbed::run::{AnyFlow, RunReport, RunRequest, Source};
use seedbed::scenario::{Plan, Scenario};
use seedbed::snapshot::KeepStates;
use seedbed::trace::Trace;
use serde::{Deserialize, Serialize};

use crate::strategy::{Prepared, prepare};

/// Stack of every thread that runs worlds: inline completions nest up to 1,024 frames of code under test.
pub const STACK_BYTES: usize = 64 << 20;

/// Further executions spent on naming a difference that has already been seen.
const HUNTS_FOR_DIFFERENCE: usize = 8;

/// A run that can be executed as often as one likes.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// The scenario, validated.
    pub scenario: &'a Scenario,
    /// Its seed; a plan has none.
    pub seed: Option<u64>,
    /// Where answers come from.
    pub source: Source<'a>,
    /// The operations, if not those of the scenario.
    pub operations: Option<&'a [(usize, toml::Value)]>,
    /// End after this step.
    pub until_step: Option<u64>,
}

/// What a report keeps of its run, beyond the result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// The trace.
    pub trace: bool,
    /// All offers.
    pub offers: bool,
    /// The state of the nodes.
    pub states: KeepStates,
}

impl Keep {
    /// Everything there is.
    pub const EVERYTHING: Keep = Keep { trace: true, offers: true, states: KeepStates::EachStep };
}

/// The tool itself failed: no verdict about the code under test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct ToolFailure {
    /// The seed that was being run.
    pub seed: u64,
    /// What went wrong.
    pub message: String,
}

/// What a second execution of the same run showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Second {
    /// The same, step for step.
    Identical,
    /// Something else.
    Different(Difference),
    /// There was none: the run does not end.
    NotTried,
}

/// How two executions of one run differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The first step that differs, if it could be found.
    pub step: Option<u64>,
    /// The first event that differs, as the one execution had it.
    pub one: String,
    /// The same place in the other execution.
    pub other: String,
}

/// Whether a run with this verdict has failed (a used-up budget has not: it has no answer).
#[must_use]
pub fn has_failed(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Violates | Verdict::Panics | Verdict::Hangs | Verdict::Nondeterministic)
}

impl<'a> Execution<'a> {
    /// A seed of a scenario.
    #[must_use]
    pub fn of_seed(flow: &'a dyn AnyFlow, scenario: &'a Scenario, seed: u64) -> Execution<'a> {
        Execution { flow, scenario, seed: Some(seed), source: Source::Search, operations: None, until_step: None }
    }

    /// A plan; `scenario` is the one the plan describes.
    #[must_use]
    pub fn of_plan(flow: &'a dyn AnyFlow, scenario: &'a Scenario, plan: &'a Plan) -> Execution<'a> {
        Execution {
            flow,
            scenario,
            seed: None,
            source: Source::Replay(&plan.script),
            operations: Some(&plan.operations),
            until_step: None,
        }
    }

    /// Executes the run once, on this thread unless the flow needs a fresh one.
    ///
    /// # Errors
    /// When the simulator itself panics; what the code under test does is part of the report.
    pub fn run(&self, keep_trace: bool) -> Result<RunReport, ToolFailure> {
        self.run_with(Keep { trace: keep_trace, ..Keep::default() })
    }

    /// [`Execution::run`] in another order of dispatch.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn run_by(&self, dispatch: Dispatch, keep_trace: bool) -> Result<RunReport, ToolFailure> {
        let keep = Keep { trace: keep_trace, ..Keep::default() };
        self.run_once(dispatch, keep)
    }

    /// [`Execution::run`], with more in the report.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn run_with(&self, keep: Keep) -> Result<RunReport, ToolFailure> {
        self.run_once(Dispatch::ByTime, keep)
    }

    fn run_once(&self, dispatch: Dispatch, keep: Keep) -> Result<RunReport, ToolFailure> {
        let seed = self.seed.filter(|_| matches!(self.source, Source::Search));
        let prepared = seed.map(|seed| prepare(self, seed)).transpose()?.flatten();
        self.run_prepared_by(prepared.as_ref(), dispatch, keep)
    }

    /// [`Execution::run`] of a seed whose strategy has been prepared already.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn run_prepared(&self, prepared: Option<&Prepared>) -> Result<RunReport, ToolFailure> {
        self.run_prepared_by(prepared, Dispatch::ByTime, Keep::default())
    }

    fn run_prepared_by(
        &self,
        prepared: Option<&Prepared>,
        dispatch: Dispatch,
        keep: Keep,
    ) -> Result<RunReport, ToolFailure> {
        let Some(prepared) = prepared else {
            return self.run_as_told(dispatch, keep);
        };
        let guide = prepared.guide();
        let operations = self.operations.or(prepared.operations.as_deref());
        Execution { source: Source::Guided(&guide), operations, ..*self }.run_as_told(dispatch, keep)
    }

    fn run_as_told(&self, dispatch: Dispatch, keep: Keep) -> Result<RunReport, ToolFailure> {
        let request = RunRequest {
            scenario: self.scenario,
            seed: self.seed.map(Seed),
            source: self.source,
            operations: self.operations,
            keep_trace: keep.trace,
            keep_offers: keep.offers,
            keep_states: keep.states,
            dispatch,
            until_step: self.until_step,
        };
        let failure = |message| ToolFailure { seed: self.seed.unwrap_or_default(), message };
        let run = || catch_unwind(AssertUnwindSafe(|| self.flow.run(&request)));
        let ended = if self.flow.info().needs.fresh_thread {
            on_large_stack(run).map_err(|error| failure(format!("no thread could be started: {error}")))?
        } else {
            run()
        };
        ended.map_err(|panic| failure(format!("the simulator panicked: {}", panic_message(panic.as_ref()))))
    }

    /// Executes the run a second time, and says whether it equals the report of the first.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn compare(&self, report: &RunReport) -> Result<Second, ToolFailure> {
        let second = self.run(false)?;
        if alike(report, &second) {
            return Ok(Second::Identical);
        }
        let one = self.run(true)?;
        for _ in 0..HUNTS_FOR_DIFFERENCE {
            let other = self.run(true)?;
            if !alike(&one, &other) {
                return Ok(Second::Different(difference(&one, &other)));
            }
        }
        Ok(Second::Different(Difference { step: None, one: summary(report), other: summary(&second) }))
    }
}

pub(crate) fn alike(one: &RunReport, other: &RunReport) -> bool {
    one.digest == other.digest
        && one.verdict == other.verdict
        && one.steps == other.steps
        && one.failure == other.failure
        && one.also == other.also
}

fn summary(report: &RunReport) -> String {
    format!("{} after {} steps, digest {}", report.verdict.word(), report.steps, report.digest)
}

/// The first step at which two kept executions differ, with the first differing event of each.
fn difference(one: &RunReport, other: &RunReport) -> Difference {
    let (Some(one_trace), Some(other_trace)) = (&one.trace, &other.trace) else {
        return Difference { step: None, one: summary(one), other: summary(other) };
    };
    let steps = one.step_digests.iter().zip(&other.step_digests);
    let shared = steps.take_while(|(one, other)| one == other).count();
    let longest = one.step_digests.len().max(other.step_digests.len());
    if shared == longest {
        return Difference { step: None, one: summary(one), other: summary(other) };
    }
    let words = |trace: &Trace, index: usize| match trace.events().get(index) {
        Some(event) => trace.describe(event),
        None => "nothing: the run has ended".to_owned(),
    };
    let longest = one_trace.events().len().max(other_trace.events().len());
    let differing = (0..longest).find(|index| event_key(one_trace, *index) != event_key(other_trace, *index));
    let step_of = |trace: &Trace, index: usize| trace.events().get(index).map(|event| event.step);
    match differing {
        Some(index) => Difference {
            step: step_of(one_trace, index).or_else(|| step_of(other_trace, index)),
            one: words(one_trace, index),
            other: words(other_trace, index),
        },
        // Equal events and different digests: only the number of steps, or what was not kept, differs.
        None => Difference { step: Some(shared as u64 + 1), one: summary(one), other: summary(other) },
    }
}

/// Everything about an event that goes into a digest, as text.
fn event_key(trace: &Trace, index: usize) -> Option<(u64, u64, String, String)> {
    let event = trace.events().get(index)?;
    let node = trace.names().text(event.header.node).to_owned();
    Some((event.step, event.header.at_ns, node, format!("{} <- {}", trace.describe(event), event.header.cause.0)))
}

/// Calls a function on a thread of its own, with the stack that runs need.
///
/// # Errors
/// When the operating system gives no thread.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// [`on_large_stack`], watched: after `limit` of wall time `on_hang` is called once. Work that does not end
/// cannot be stopped, so `on_hang` is expected to end the process.
///
/// # Errors
/// When the operating system gives no thread.
pub fn supervised<T: Send>(
    limit: Duration,
    on_hang: &(dyn Fn() + Sync),
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                on_hang();
            }
        });
        let result = on_large_stack(work);
        drop(done);
        result
    })
}

/// The text of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "with a value that is no text"
    }
}
