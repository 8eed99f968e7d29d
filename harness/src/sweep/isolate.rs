//! Shards in child processes: a crash, an abort or a stack overflow becomes the verdict of the seed that was
//! running, and a run that does not end is killed.
//!
//! The protocol is described in `serve`. The child's standard error is kept for the report of its death.

use std::io::{BufRead, Write};

use seedbed::check::{Failure, Verdict};

use super::children::{ChildCommand, Children, Pipes, cause_of_death, is_interrupt, last_words};
use super::floor::Floor;
use super::seed::FailedRun;
use super::{Chunk, Seeds};
use crate::compare::{Difference, Second};
use crate::execute::ToolFailure;
use crate::strategy::{strategy_of, with_parents};

/// The parent's side of one child at a time.
pub(super) struct ChildWorker<'a> {
    command: &'a ChildCommand,
    children: &'a Children,
    worker: usize,
    floor: &'a Floor<'a>,
    pipes: Option<Pipes>,
}

/// What came of asking a child for a range.
enum Attempt {
    Done(Box<Chunk>),
    /// Nobody wants the answer any more.
    Stopped,
    /// The child died while it ran this seed.
    Died(u64, Death),
}

/// How a child died.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Death {
    verdict: Verdict,
    cause: String,
    detail: String,
}

impl<'a> ChildWorker<'a> {
    pub(super) fn new(
        command: &'a ChildCommand,
        children: &'a Children,
        worker: usize,
        floor: &'a Floor<'a>,
    ) -> ChildWorker<'a> {
        ChildWorker { command, children, worker, floor, pipes: None }
    }

    /// Runs a chunk. A child that dies takes the counts of its earlier seeds with it, so these are run
    /// again in a fresh one.
    pub(super) fn run_chunk(&mut self, seeds: Seeds) -> Result<Chunk, ToolFailure> {
        let mut total = Chunk::default();
        // What is left to do, and of that how much before the next seed known to be deadly.
        let mut rest = seeds;
        let mut safe = seeds.count;
        let mut death = None;
        loop {
            match self.attempt(Seeds { first: rest.first, count: safe })? {
                Attempt::Stopped => return Ok(total),
                Attempt::Died(seed, how) => {
                    safe = seed - rest.first;
                    death = Some(how);
                }
                Attempt::Done(chunk) => {
                    total.absorb(*chunk);
                    let enough = total.first.is_some() && !self.floor.job.keep_going;
                    let Some(death) = death.take().filter(|_| !enough) else {
                        break;
                    };
                    let Some(chunk) = self.confirm(rest.first + safe, death)? else {
                        return Ok(total);
                    };
                    total.absorb(chunk);
                    let done = safe + 1;
                    if !self.floor.job.keep_going || done == rest.count {
                        break;
                    }
                    rest = Seeds { first: rest.first + done, count: rest.count - done };
                    safe = rest.count;
                }
            }
        }
        total.complete = true;
        Ok(total)
    }

    /// A seed that killed its process, executed once more; none if nobody wants to know any more.
    fn confirm(&mut self, seed: u64, death: Death) -> Result<Option<Chunk>, ToolFailure> {
        let mut verdict = death.verdict;
        let mut runs = 1;
        let second = if verdict == Verdict::Hangs {
            Second::NotTried
        } else {
            runs += 1;
            let (one, step) = (death.cause.clone(), None);
            let differing = match self.attempt(Seeds { first: seed, count: 1 })? {
                Attempt::Stopped => return Ok(None),
                Attempt::Died(_, again) if again.cause == death.cause => None,
                Attempt::Died(_, again) => Some(Difference { step, one, other: again.cause }),
                Attempt::Done(chunk) => {
                    let other = chunk.first.map_or("it holds".to_owned(), |run| run.verdict.word().to_owned());
                    Some(Difference { step, one, other })
                }
            };
            differing.map_or(Second::Identical, Second::Different)
        };
        if matches!(second, Second::Different(_)) {
            verdict = Verdict::Nondeterministic;
        }
        let invariant = if death.verdict == Verdict::Hangs { "no-hang" } else { "no-panic" };
        let failure =
            Failure { invariant: invariant.to_owned(), cause: death.cause, detail: death.detail, step: 0, at_ns: 0 };
        let mut chunk = Chunk { complete: true, ..Chunk::default() };
        chunk.tally.seeds = 1;
        chunk.tally.runs = runs;
        chunk.tally.failures = 1;
        chunk.first = Some(FailedRun {
            seed,
            verdict,
            failure: Some(failure),
            also: Vec::new(),
            steps: 0,
            digest: None,
            deviations: Vec::new(),
            second,
            strategy: strategy_of(&with_parents(self.floor.job.scenario, &self.floor.parents_of(seed)), seed),
            parents: self.floor.parents_of(seed),
        });
        self.floor.live.add(0, 0, 1);
        Ok(Some(chunk))
    }

    fn attempt(&mut self, seeds: Seeds) -> Result<Attempt, ToolFailure> {
        if seeds.count == 0 {
            return Ok(Attempt::Done(Box::default()));
        }
        let failure = |message| ToolFailure { seed: seeds.first, message };
        let mut pipes = match self.pipes.take() {
            Some(pipes) => pipes,
            None => self
                .children
                .start(self.worker, self.command)
                .map_err(|error| failure(format!("no worker process could be started: {error}")))?,
        };
        // A child that died in between shows itself as the end of its answers, below.
        let mut request = format!("{} {}", seeds.first, seeds.count);
        let parents = self.floor.parents_in(seeds);
        if !parents.is_empty() {
            let text = serde_json::to_string(&parents).map_err(|error| failure(error.to_string()))?;
            request = format!("{request} {text}");
        }
        let _ = writeln!(pipes.requests, "{request}");
        let mut running = None;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = pipes.answers.read_until(b'\n', &mut bytes);
            self.floor.watch.leave(self.worker);
            if !matches!(read, Ok(length) if length > 0) {
                // At the end of its answers it is dead or as good as dead.
                self.children.kill(self.worker);
                return self.bury(pipes, running, seeds.first);
            }
            let line = String::from_utf8_lossy(&bytes);
            match line.trim_end().split_once(' ') {
                Some(("run", seed)) => {
                    let seed = seed.parse().map_err(|_| failure(format!("unexpected answer: {line}")))?;
                    if !self.floor.wants(seed) {
                        self.children.kill(self.worker);
                        // Its end was asked for, so it says nothing.
                        let _ = self.bury(pipes, None, seed);
                        return Ok(Attempt::Stopped);
                    }
                    self.floor.live.add(u64::from(running.is_some()), 0, 0);
                    running = Some(seed);
                    self.floor.watch.enter(self.worker, seed);
                }
                Some(("chunk", json)) => {
                    let chunk: Box<Chunk> =
                        serde_json::from_str(json).map_err(|error| failure(format!("unreadable answer: {error}")))?;
                    self.floor.live.add(1, chunk.tally.steps, chunk.tally.failures);
                    self.pipes = Some(pipes);
                    return Ok(Attempt::Done(chunk));
                }
                Some(("tool", json)) => {
                    let error = serde_json::from_str(json);
                    self.pipes = Some(pipes);
                    return Err(error.unwrap_or_else(|error| failure(format!("unreadable answer: {error}"))));
                }
                // The code under test has printed something.
                _ => {}
            }
        }
    }

    /// Finds out how a child ended, whose answers have.
    fn bury(&mut self, pipes: Pipes, running: Option<u64>, first: u64) -> Result<Attempt, ToolFailure> {
        let Pipes { requests, answers, stderr } = pipes;
        drop((requests, answers));
        let slot = self.children.take(self.worker);
        let failure = |message: String| ToolFailure { seed: running.unwrap_or(first), message };
        let Some(mut child) = slot.child else {
            return Err(failure("a worker process was lost".to_owned()));
        };
        let status = child.wait().map_err(|error| failure(format!("a worker process was lost: {error}")))?;
        let stderr = stderr.join().unwrap_or_default();
        if self.floor.is_interrupted() || is_interrupt(status) {
            return Ok(Attempt::Stopped);
        }
        if let Some(seed) = slot.overdue {
            let limit = self.floor.watch.limit().as_secs_f64();
            let death = Death {
                verdict: Verdict::Hangs,
                cause: "no end within the wall limit".to_owned(),
                detail: format!("the run had not ended after {limit} s of wall time and was killed"),
            };
            return Ok(Attempt::Died(seed, death));
        }
        let cause = cause_of_death(status, &stderr);
        match running {
            Some(seed) => {
                let detail = last_words(&cause, &stderr);
                Ok(Attempt::Died(seed, Death { verdict: Verdict::Panics, cause, detail }))
            }
            None => Err(failure(format!("a worker process ended before its first run: {cause}: {stderr}"))),
        }
    }
}

impl Drop for ChildWorker<'_> {
    fn drop(&mut self) {
        // The end of its requests tells the child to end.
        if let Some(pipes) = self.pipes.take() {
            drop((pipes.requests, pipes.answers));
            if let Some(mut child) = self.children.take(self.worker).child {
                let _ = child.wait();
            }
        }
    }
}

impl Chunk {
    fn absorb(&mut self, other: Chunk) {
        self.tally.merge(&other.tally);
        self.shown.merge(&other.shown);
        if self.first.is_none() {
            self.first = other.first;
        }
    }
}
