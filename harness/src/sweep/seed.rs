//! One seed: its run, the second run that must equal it, and what is kept of a failure.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use seedbed::check::{Failure, Verdict};
use seedbed::choice::{Deviation, Seed, stable_hash};
use seedbed::kernel::Dispatch;
use seedbed::run::{RunReport, RunRequest, Source};
use seedbed::trace::{Digest, Trace};
use serde::{Deserialize, Serialize};

use super::{Chunk, Job, ToolFailure};

/// Stack of every thread that runs worlds: inline completions nest up to 1,024 frames of code under test.
pub const STACK_BYTES: usize = 64 << 20;

/// One in this many passing seeds is executed a second time.
const RERUN_ONE_IN: u64 = 20;

/// Further executions spent on naming a difference that has already been seen.
const HUNTS_FOR_DIFFERENCE: usize = 8;

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
pub(super) fn has_failed(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Violates | Verdict::Panics | Verdict::Hangs | Verdict::Nondeterministic)
}

/// Whether a passing seed belongs to the sample that is executed twice. A function of the seed alone, so
/// that every way of computing a sweep picks the same ones.
fn is_sampled(seed: u64) -> bool {
    stable_hash(&["rerun", &seed.to_string()]).is_multiple_of(RERUN_ONE_IN)
}

/// Runs a seed, again where that is due, and counts it.
pub(super) fn run_seed(job: &Job<'_>, seed: u64, chunk: &mut Chunk) -> Result<(), ToolFailure> {
    let report = execute(job, seed, false)?;
    let mut failed = has_failed(report.verdict);
    let mut found = None;
    if failed || is_sampled(seed) {
        chunk.tally.runs += 1;
        let second = rerun(job, seed, &report)?;
        if failed || second != Second::Identical {
            found = Some(failed_run(seed, &report, second));
            failed = true;
        }
    }
    chunk.tally.count(&report, failed);
    if chunk.first.is_none() {
        chunk.first = found;
    }
    Ok(())
}

fn failed_run(seed: u64, report: &RunReport, second: Second) -> FailedRun {
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
    }
}

/// Executes a seed a second time and compares.
///
/// # Errors
/// When the simulator itself panics.
pub fn rerun(job: &Job<'_>, seed: u64, report: &RunReport) -> Result<Second, ToolFailure> {
    compare(report, |keep_trace| execute(job, seed, keep_trace))
}

/// Executes a run a second time and compares; `again` executes it, with or without its trace.
///
/// # Errors
/// Those of `again`.
pub fn compare<E>(
    report: &RunReport,
    mut again: impl FnMut(bool) -> Result<RunReport, E>,
) -> Result<Second, E> {
    let second = again(false)?;
    if alike(report, &second) {
        return Ok(Second::Identical);
    }
    let one = again(true)?;
    for _ in 0..HUNTS_FOR_DIFFERENCE {
        let other = again(true)?;
        if !alike(&one, &other) {
            return Ok(Second::Different(difference(&one, &other)));
        }
    }
    Ok(Second::Different(Difference {
        step: None,
        one: summary(report),
        other: summary(&second),
    }))
}

fn alike(one: &RunReport, other: &RunReport) -> bool {
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

/// Executes a seed once.
///
/// # Errors
/// When the simulator itself panics; what the code under test does is part of the report.
pub fn execute(job: &Job<'_>, seed: u64, keep_trace: bool) -> Result<RunReport, ToolFailure> {
    let request = RunRequest {
        scenario: job.scenario,
        seed: Some(Seed(seed)),
        source: Source::Search,
        operations: None,
        keep_trace,
        keep_offers: false,
        dispatch: Dispatch::default(),
        until_step: None,
    };
    let failure = |message| ToolFailure { seed, message };
    let run = || catch_unwind(AssertUnwindSafe(|| job.flow.run(&request)));
    let ended = if job.flow.info().needs.fresh_thread {
        on_large_stack(run).map_err(|error| failure(format!("no thread could be started: {error}")))?
    } else {
        run()
    };
    ended.map_err(|panic| failure(format!("the simulator panicked: {}", panic_message(panic.as_ref()))))
}

/// Calls a function on a thread of its own, with the stack that runs need.
///
/// # Errors
/// When the operating system gives no thread.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
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
