//! Shards in child processes: a crash, an abort or a stack overflow becomes the verdict of the seed that was
//! running, and a run that does not end is killed.
//!
//! The child reads `<first seed> <number of seeds>` per line on its standard input. On its standard output it writes `run <seed>`
//! before each seed, then `chunk <json>` (or `tool <json>` when the simulator itself failed). When its
//! standard input ends, so does the child. Its standard error is kept for the report of its death.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use seedbed::check::{Failure, Verdict};

use super::parallel::Floor;
use super::seed::{FailedRun, run_seed};
use super::{Chunk, Job, Seeds};
use crate::execute::{Difference, Second, ToolFailure};
use crate::watch::Watch;

/// Bytes of a dead child's standard error that are kept.
const STDERR_BYTES_MAX: usize = 4_096;
/// A child waits this much longer than its parent before it ends itself: only when the parent is gone.
const ORPHAN_GRACE: Duration = Duration::from_secs(10);

const STACK_OVERFLOW: &str = "the process died: stack overflow";

/// How to start a child that serves one scenario.
#[derive(Clone, Debug)]
pub struct ChildCommand {
    /// The program: this one.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// The child's side: serves ranges of seeds until standard input ends.
///
/// # Errors
/// When the parent has gone away.
pub fn serve(job: &Job<'_>, run_limit: Duration) -> io::Result<()> {
    let watch = Watch::new(1, run_limit + ORPHAN_GRACE);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let guard = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if watch.overdue().is_some() {
                    std::process::exit(i32::from(crate::exit::Exit::Liveness.code()));
                }
                thread::park_timeout(Duration::from_secs(1));
            }
        });
        let served = serve_ranges(job, &watch);
        over.store(true, Ordering::Relaxed);
        guard.thread().unpark();
        served
    })
}

fn serve_ranges(job: &Job<'_>, watch: &Watch) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Some(seeds) = parse_seeds(&line) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("not a range of seeds: `{line}`"),
            ));
        };
        let mut chunk = Chunk {
            complete: true,
            ..Chunk::default()
        };
        let mut failure = None;
        for seed in seeds.iter() {
            writeln!(out, "run {seed}")?;
            out.flush()?;
            watch.enter(0, seed);
            let result = run_seed(job, seed, &mut chunk);
            watch.leave(0);
            failure = result.err();
            if failure.is_some() || (chunk.first.is_some() && !job.keep_going) {
                break;
            }
        }
        match failure {
            Some(failure) => writeln!(out, "tool {}", serde_json::to_string(&failure)?)?,
            None => writeln!(out, "chunk {}", serde_json::to_string(&chunk)?)?,
        }
        out.flush()?;
    }
    Ok(())
}

fn parse_seeds(line: &str) -> Option<Seeds> {
    let (first, count) = line.split_once(' ')?;
    Some(Seeds {
        first: first.parse().ok()?,
        count: count.parse().ok()?,
    })
}

/// The children of a sweep, where both their worker and the monitor reach them.
#[derive(Debug)]
pub(super) struct Children {
    slots: Vec<Mutex<Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    child: Option<Child>,
    killed_overdue: bool,
}

impl Children {
    pub(super) fn new(workers: usize) -> Children {
        Children {
            slots: (0..workers).map(|_| Mutex::default()).collect(),
        }
    }

    /// Kills a child whose run does not end; its worker sees the end of its output.
    pub(super) fn kill_overdue(&self, worker: usize) {
        let mut slot = self.slot(worker);
        slot.killed_overdue = true;
        if let Some(child) = &mut slot.child {
            // It may have died on its own in this instant, which is as good.
            let _ = child.kill();
        }
    }

    fn slot(&self, worker: usize) -> MutexGuard<'_, Slot> {
        self.slots[worker]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parent's side of one child at a time.
pub(super) struct ChildWorker<'a> {
    command: &'a ChildCommand,
    children: &'a Children,
    worker: usize,
    floor: &'a Floor<'a>,
    pipes: Option<Pipes>,
}

struct Pipes {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
}

/// What came of asking a child for a range.
enum Attempt {
    Done(Chunk),
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
        ChildWorker {
            command,
            children,
            worker,
            floor,
            pipes: None,
        }
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
            match self.attempt(Seeds {
                first: rest.first,
                count: safe,
            })? {
                Attempt::Stopped => return Ok(total),
                Attempt::Died(seed, how) => {
                    safe = seed - rest.first;
                    death = Some(how);
                }
                Attempt::Done(chunk) => {
                    total.absorb(chunk);
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
                    rest = Seeds {
                        first: rest.first + done,
                        count: rest.count - done,
                    };
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
            let differing = match self.attempt(Seeds {
                first: seed,
                count: 1,
            })? {
                Attempt::Stopped => return Ok(None),
                Attempt::Died(_, again) if again.cause == death.cause => None,
                Attempt::Died(_, again) => Some(Difference {
                    step,
                    one,
                    other: again.cause,
                }),
                Attempt::Done(chunk) => {
                    let other = chunk
                        .first
                        .map_or("it holds".to_owned(), |run| run.verdict.word().to_owned());
                    Some(Difference { step, one, other })
                }
            };
            differing.map_or(Second::Identical, Second::Different)
        };
        if matches!(second, Second::Different(_)) {
            verdict = Verdict::Nondeterministic;
        }
        let invariant = if death.verdict == Verdict::Hangs {
            "no-hang"
        } else {
            "no-panic"
        };
        let failure = Failure {
            invariant: invariant.to_owned(),
            cause: death.cause,
            detail: death.detail,
            step: 0,
            at_ns: 0,
        };
        let mut chunk = Chunk {
            complete: true,
            ..Chunk::default()
        };
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
        });
        self.floor.live.add(0, 0, 1);
        Ok(Some(chunk))
    }

    fn attempt(&mut self, seeds: Seeds) -> Result<Attempt, ToolFailure> {
        if seeds.count == 0 {
            return Ok(Attempt::Done(Chunk::default()));
        }
        let failure = |message| ToolFailure {
            seed: seeds.first,
            message,
        };
        let mut pipes = match self.pipes.take() {
            Some(pipes) => pipes,
            None => self
                .start()
                .map_err(|error| failure(format!("no worker process could be started: {error}")))?,
        };
        // A child that died in between shows itself as the end of its answers, below.
        let _ = writeln!(pipes.requests, "{} {}", seeds.first, seeds.count);
        let mut running = None;
        let mut line = String::new();
        loop {
            line.clear();
            let read = pipes.answers.read_line(&mut line);
            self.floor.watch.leave(self.worker);
            if !matches!(read, Ok(length) if length > 0) {
                return self.bury(pipes, running, seeds.first);
            }
            match line.trim_end().split_once(' ') {
                Some(("run", seed)) => {
                    let seed = seed
                        .parse()
                        .map_err(|_| failure(format!("unexpected answer: {line}")))?;
                    if !self.floor.wants(seed) {
                        self.kill();
                        // Its end was asked for, so it says nothing.
                        let _ = self.bury(pipes, None, seed);
                        return Ok(Attempt::Stopped);
                    }
                    self.floor.live.add(u64::from(running.is_some()), 0, 0);
                    running = Some(seed);
                    self.floor.watch.enter(self.worker, seed);
                }
                Some(("chunk", json)) => {
                    let chunk: Chunk = serde_json::from_str(json)
                        .map_err(|error| failure(format!("unreadable answer: {error}")))?;
                    self.floor
                        .live
                        .add(1, chunk.tally.steps, chunk.tally.failures);
                    self.pipes = Some(pipes);
                    return Ok(Attempt::Done(chunk));
                }
                Some(("tool", json)) => {
                    let error = serde_json::from_str(json);
                    return Err(error
                        .unwrap_or_else(|error| failure(format!("unreadable answer: {error}"))));
                }
                // The code under test has printed something.
                _ => {}
            }
        }
    }

    fn start(&mut self) -> io::Result<Pipes> {
        let mut child = Command::new(&self.command.program)
            .args(&self.command.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let requests = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut errors = child.stderr.take().ok_or_else(missing)?;
        let stderr = thread::spawn(move || {
            let mut tail = Vec::new();
            let mut buffer = [0; 1_024];
            while let Ok(length @ 1..) = errors.read(&mut buffer) {
                tail.extend_from_slice(&buffer[..length]);
                tail.drain(..tail.len().saturating_sub(STDERR_BYTES_MAX));
            }
            String::from_utf8_lossy(&tail).trim().to_owned()
        });
        *self.children.slot(self.worker) = Slot {
            child: Some(child),
            killed_overdue: false,
        };
        Ok(Pipes {
            requests,
            answers,
            stderr,
        })
    }

    fn kill(&self) {
        if let Some(child) = &mut self.children.slot(self.worker).child {
            let _ = child.kill();
        }
    }

    /// Finds out how a child ended, whose answers have.
    fn bury(
        &mut self,
        pipes: Pipes,
        running: Option<u64>,
        first: u64,
    ) -> Result<Attempt, ToolFailure> {
        let Pipes {
            requests,
            answers,
            stderr,
        } = pipes;
        drop((requests, answers));
        let slot = std::mem::take(&mut *self.children.slot(self.worker));
        let failure = |message: String| ToolFailure {
            seed: running.unwrap_or(first),
            message,
        };
        let Some(mut child) = slot.child else {
            return Err(failure("a worker process was lost".to_owned()));
        };
        let status = child
            .wait()
            .map_err(|error| failure(format!("a worker process was lost: {error}")))?;
        let stderr = stderr.join().unwrap_or_default();
        if self.floor.is_interrupted() || is_interrupt(status) {
            return Ok(Attempt::Stopped);
        }
        if slot.killed_overdue {
            let limit = self.floor.watch.limit().as_secs_f64();
            let detail =
                format!("the run had not ended after {limit} s of wall time and was killed");
            let (verdict, cause) = (Verdict::Hangs, "no end within the wall limit".to_owned());
            return Ok(running.map_or(Attempt::Stopped, |seed| {
                Attempt::Died(
                    seed,
                    Death {
                        verdict,
                        cause,
                        detail,
                    },
                )
            }));
        }
        let cause = cause_of_death(status, &stderr);
        match running {
            Some(seed) => {
                let detail = last_words(&cause, stderr);
                Ok(Attempt::Died(
                    seed,
                    Death {
                        verdict: Verdict::Panics,
                        cause,
                        detail,
                    },
                ))
            }
            None => Err(failure(format!(
                "a worker process ended before its first run: {cause}: {stderr}"
            ))),
        }
    }
}

impl Drop for ChildWorker<'_> {
    fn drop(&mut self) {
        // The end of its requests tells the child to end.
        if let Some(pipes) = self.pipes.take() {
            drop((pipes.requests, pipes.answers));
            if let Some(mut child) = self.children.slot(self.worker).child.take() {
                let _ = child.wait();
            }
        }
    }
}

impl Chunk {
    fn absorb(&mut self, other: Chunk) {
        self.tally.merge(&other.tally);
        if self.first.is_none() {
            self.first = other.first;
        }
    }
}

/// What a dead process said, without what differs from one death to the next.
fn last_words(cause: &str, stderr: String) -> String {
    // The runtime's message names the thread by a number.
    if cause == STACK_OVERFLOW || stderr.is_empty() {
        "it left no message".to_owned()
    } else {
        stderr
    }
}

/// In words that are the same wherever the process died.
fn cause_of_death(status: ExitStatus, stderr: &str) -> String {
    if stderr.contains("has overflowed its stack") {
        return STACK_OVERFLOW.to_owned();
    }
    match (signal(status), status.code()) {
        (Some(6), _) => "the process died: abort".to_owned(),
        (Some(11), _) => "the process died: segmentation fault".to_owned(),
        (Some(number), _) => format!("the process died: signal {number}"),
        (None, Some(code)) => format!("the process exited with code {code}"),
        (None, None) => "the process died".to_owned(),
    }
}

fn is_interrupt(status: ExitStatus) -> bool {
    signal(status) == Some(2)
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}
