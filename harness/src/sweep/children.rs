//! Child processes: reachable for both their worker and the monitor, and how their deaths are told.

use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::watch::Overdue;

/// Bytes of a dead child's standard error that are kept.
const STDERR_BYTES_MAX: usize = 4_096;

/// How to start a child that serves one scenario.
#[derive(Clone, Debug)]
pub struct ChildCommand {
    /// The program: this one.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// The children of a sweep, where both their worker and the monitor reach them.
#[derive(Debug)]
pub(super) struct Children {
    slots: Vec<Mutex<Slot>>,
}

/// One of them.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// None before it was started and after it was buried.
    pub(super) child: Option<Child>,
    /// It was killed because the run of this seed did not end.
    pub(super) overdue: Option<u64>,
}

/// The parent's ends of a child's pipes.
pub(super) struct Pipes {
    pub(super) requests: ChildStdin,
    pub(super) answers: BufReader<ChildStdout>,
    pub(super) stderr: JoinHandle<String>,
}

impl Children {
    pub(super) fn new(workers: usize) -> Children {
        Children { slots: (0..workers).map(|_| Mutex::default()).collect() }
    }

    /// Kills a child whose run does not end; its worker sees the end of its output.
    pub(super) fn kill_overdue(&self, overdue: Overdue) {
        let mut slot = self.slot(overdue.worker);
        slot.overdue.get_or_insert(overdue.seed);
        if let Some(child) = &mut slot.child {
            // It may have died on its own in this instant, which is as good.
            let _ = child.kill();
        }
    }

    /// Starts a child for a worker, whose earlier one is gone.
    pub(super) fn start(&self, worker: usize, command: &ChildCommand) -> io::Result<Pipes> {
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
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
        *self.slot(worker) = Slot { child: Some(child), overdue: None };
        Ok(Pipes { requests, answers, stderr })
    }

    /// Ends a child that is not wanted any more.
    pub(super) fn kill(&self, worker: usize) {
        if let Some(child) = &mut self.slot(worker).child {
            // It may have ended on its own.
            let _ = child.kill();
        }
    }

    /// Ends all of them.
    pub(super) fn kill_all(&self) {
        (0..self.slots.len()).for_each(|worker| self.kill(worker));
    }

    /// Forgets a child whose answers have ended; the caller waits for it.
    pub(super) fn take(&self, worker: usize) -> Slot {
        std::mem::take(&mut *self.slot(worker))
    }

    fn slot(&self, worker: usize) -> MutexGuard<'_, Slot> {
        self.slots[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const STACK_OVERFLOW: &str = "the process died: stack overflow";

/// What a dead process said, without what differs from one death to the next.
pub(super) fn last_words(cause: &str, stderr: &str) -> String {
    if cause == STACK_OVERFLOW || stderr.is_empty() {
        return "it left no message".to_owned();
    }
    let lines: Vec<String> = stderr.lines().map(without_thread_number).collect();
    lines.join("\n")
}

/// `thread 'name' (1234) panicked …` without the number, which the operating system chose.
fn without_thread_number(line: &str) -> String {
    let numbered = line.strip_prefix("thread '").and_then(|rest| rest.split_once("' ("));
    let parts = numbered.and_then(|(name, rest)| Some((name, rest.split_once(") ")?)));
    match parts {
        Some((name, (number, rest))) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("thread '{name}' {rest}")
        }
        _ => line.to_owned(),
    }
}

/// In words that are the same wherever the process died.
pub(super) fn cause_of_death(status: ExitStatus, stderr: &str) -> String {
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

pub(super) fn is_interrupt(status: ExitStatus) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What differs from one death to the next is left out of last words.
    #[test]
    fn last_words_are_repeatable() {
        let said = "thread 'world-0' (4711) panicked at x.rs:1:2:\nnote (12) stays";
        let words = last_words("the process died: abort", said);
        assert_eq!(words, "thread 'world-0' panicked at x.rs:1:2:\nnote (12) stays");
        assert_eq!(last_words(STACK_OVERFLOW, said), "it left no message");
    }
}
