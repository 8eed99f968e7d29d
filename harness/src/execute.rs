//! Executing one run, as it is told.

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
use serde::{Deserialize, Serialize};

/// Stack of every thread that runs worlds: inline completions nest up to 1,024 frames of code under test.
pub const STACK_BYTES: usize = 64 << 20;

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

    /// Executes the run once, on this thread unless the flow needs a fresh one; a seed as the swarm draws it, whatever the
    /// scenario's strategy. [`Execution::run`] is what asks the strategy first.
    ///
    /// # Errors
    /// When the simulator itself panics; what the code under test does is part of the report.
    pub(crate) fn run_as_told(&self, dispatch: Dispatch, keep: Keep) -> Result<RunReport, ToolFailure> {
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
