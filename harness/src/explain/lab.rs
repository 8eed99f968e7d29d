//! Executing many variations of one failing run at once.
//!
//! A batch is an ordered list of trials; its answers come in the same order, and every trial is executed, so
//! that nothing depends on the number of workers. A batch for which the executions do not suffice is not begun.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use seedbed::check::{Fingerprint, Verdict};
use seedbed::choice::Deviation;
use seedbed::run::{AnyFlow, RunReport, Source};
use seedbed::scenario::Scenario;

use super::{ExplainEnd, Options, Part};
use crate::execute::{Execution, Keep, STACK_BYTES, ToolFailure, has_failed};
use crate::shrink::Case;
use crate::watch::Watch;

/// How often a waiting batch looks at its watch.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

impl Case {
    /// A copy with only these deviations, by position.
    pub(super) fn only(&self, positions: &[usize]) -> Case {
        let kept = positions.iter().filter_map(|position| self.script.deviations.get(*position).cloned());
        Case { config: self.config.clone(), operations: self.operations.clone(), script: kept.collect() }
    }

    pub(super) fn without_deviation(&self, position: usize) -> Case {
        Case { config: self.config.clone(), operations: self.operations.clone(), script: self.script.without(position) }
    }

    pub(super) fn with_value(&self, position: usize, value: &str) -> Case {
        Case {
            config: self.config.clone(),
            operations: self.operations.clone(),
            script: self.script.with_value(position, value),
        }
    }

    pub(super) fn without_operation(&self, position: usize) -> Case {
        let mut case = self.clone();
        case.operations.remove(position);
        case
    }

    pub(super) fn with_operation(&self, position: usize, operation: toml::Value) -> Case {
        let mut case = self.clone();
        case.operations[position].1 = operation;
        case
    }
}

/// Why a batch has no answer.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// The executions are used up, or somebody asked for the end.
    Ended(ExplainEnd),
    Tool(ToolFailure),
}

/// One variation.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub case: Case,
    /// If not to its end: follow it up to and including this step, then draw from this seed.
    pub fresh: Option<(u64, u64)>,
}

impl From<Case> for Trial {
    fn from(case: Case) -> Trial {
        Trial { case, fresh: None }
    }
}

/// What a variation showed.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    /// It fails with the fingerprint in question.
    pub fails: bool,
    /// It holds.
    pub passes: bool,
    /// Deviations that found no place.
    pub unused: Vec<Deviation>,
}

/// Where variations of one failing run are executed.
pub(super) struct Lab<'a> {
    pub flow: &'a dyn AnyFlow,
    pub scenario: &'a Scenario,
    pub target: Fingerprint,
    pub options: &'a Options<'a>,
    pub executions: u64,
}

impl Lab<'_> {
    /// Executes all trials; answers in their order.
    pub(super) fn try_all(&mut self, trials: &[Trial]) -> Result<Vec<Tried>, Stop> {
        self.map(trials, |lab, trial| {
            let report = lab.execution(&trial.case, trial.fresh).run(false)?;
            Ok(lab.tried(&report))
        })
    }

    /// Executes all cases and keeps everything about them.
    pub(super) fn keep_all(&mut self, cases: &[Case]) -> Result<Vec<RunReport>, Stop> {
        self.map(cases, |lab, case| lab.execution(case, None).run_with(Keep::EVERYTHING))
    }

    /// Executes one case twice: with everything kept, and to see whether it is the same. Without it there is nothing
    /// to say, so it does not ask whether the executions suffice.
    pub(super) fn twice(&mut self, case: &Case) -> Result<(RunReport, crate::compare::Second), ToolFailure> {
        let mut done = self.map_all(std::slice::from_ref(case), &|| false, |lab, case| {
            let execution = lab.execution(case, None);
            let report = execution.run_with(Keep::EVERYTHING)?;
            let second = execution.compare(&report)?;
            Ok((report, second))
        });
        self.executions += 1;
        self.show();
        done.remove(0)
    }

    /// What is being found out at present, for whoever watches.
    pub(super) fn begin(&self, part: Part) {
        self.options.live.begin(part);
    }

    fn show(&self) {
        self.options.live.executions.store(self.executions, Ordering::Relaxed);
    }

    pub(super) fn tried(&self, report: &RunReport) -> Tried {
        let fingerprint = report.failure.as_ref().map(|failure| failure.fingerprint());
        Tried {
            fails: has_failed(report.verdict) && fingerprint.as_ref() == Some(&self.target),
            passes: report.verdict == Verdict::Holds,
            unused: report.anchoring.unused.clone(),
        }
    }

    fn execution<'c>(&'c self, case: &'c Case, fresh: Option<(u64, u64)>) -> Execution<'c> {
        Execution {
            flow: self.flow,
            scenario: self.scenario,
            seed: fresh.map(|(_, seed)| seed),
            source: match fresh {
                Some((last_step, _)) => Source::Mixed(&case.script, last_step + 1),
                None => Source::Replay(&case.script),
            },
            operations: Some(&case.operations),
            until_step: None,
        }
    }

    fn map<T: Sync, R: Send>(
        &mut self,
        items: &[T],
        work: impl Fn(&Self, &T) -> Result<R, ToolFailure> + Sync,
    ) -> Result<Vec<R>, Stop>
    where
        Self: Sync,
    {
        if self.executions.saturating_add(items.len() as u64) > self.options.executions {
            return Err(Stop::Ended(ExplainEnd::Budget));
        }
        let interrupted = self.options.interrupted;
        let interrupted = || interrupted.load(Ordering::Relaxed);
        let answers = self.map_all(items, &interrupted, work);
        self.show();
        if answers.len() < items.len() {
            return Err(Stop::Ended(ExplainEnd::Interrupted));
        }
        answers.into_iter().collect::<Result<_, _>>().map_err(Stop::Tool)
    }

    /// The answers of all items; fewer only if it was interrupted.
    fn map_all<T: Sync, R: Send>(
        &mut self,
        items: &[T],
        interrupted: &(impl Fn() -> bool + Sync),
        work: impl Fn(&Self, &T) -> Result<R, ToolFailure> + Sync,
    ) -> Vec<Result<R, ToolFailure>>
    where
        Self: Sync,
    {
        let lab = &*self;
        let jobs = lab.options.jobs.clamp(1, items.len().max(1));
        let watch = Watch::new(jobs, lab.options.run_limit);
        let next = AtomicUsize::new(0);
        let mut answers: Vec<Option<Result<R, ToolFailure>>> = items.iter().map(|_| None).collect();
        thread::scope(|scope| {
            let (sender, results) = mpsc::channel();
            for worker in 0..jobs {
                let (sender, next, watch, work) = (sender.clone(), &next, &watch, &work);
                let serve = move || {
                    while let Some((index, item)) = take(next, items).filter(|_| !interrupted()) {
                        watch.enter(worker, index as u64);
                        let result = work(lab, item);
                        watch.leave(worker);
                        if sender.send((index, result)).is_err() {
                            return;
                        }
                    }
                };
                let thread = thread::Builder::new().stack_size(STACK_BYTES);
                if let Err(error) = thread.spawn_scoped(scope, serve) {
                    answers[0] = Some(Err(no_thread(&error)));
                }
            }
            drop(sender);
            loop {
                match results.recv_timeout(LOOK_PERIOD) {
                    Ok((index, result)) => answers[index] = Some(result),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) if watch.overdue().is_some() => {
                        (lab.options.on_hang)();
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
        });
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        self.executions += answers.len() as u64;
        answers
    }
}

fn take<'t, T>(next: &AtomicUsize, items: &'t [T]) -> Option<(usize, &'t T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

fn no_thread(error: &std::io::Error) -> ToolFailure {
    ToolFailure { seed: 0, message: format!("no worker thread could be started: {error}") }
}
