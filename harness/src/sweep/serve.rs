//! The child's side of a sweep in processes.
//!
//! The child reads `<first seed> <number of seeds>` per line on its standard input, and behind it, as JSON, the parents of
//! those seeds that have some. On its standard output it
//! writes `run <seed>` before each seed, then `chunk <json>` (or `tool <json>` when the simulator itself failed).
//! When its standard input ends, so does the child.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use seedbed::scenario::Parent;

use super::seed::run_seed;
use super::{Chunk, Job, Seeds};
use crate::exit::Exit;
use crate::watch::Watch;

/// A child waits this much longer than its parent before it ends itself: only when the parent is gone.
const ORPHAN_GRACE: Duration = Duration::from_secs(10);

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
                    std::process::exit(i32::from(Exit::Liveness.code()));
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
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Some((seeds, parents)) = parse_seeds(&line) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a range of seeds: `{line}`")));
        };
        let mut chunk = Chunk { complete: true, ..Chunk::default() };
        let mut failure = None;
        for seed in seeds.iter() {
            answer(&format!("run {seed}"))?;
            watch.enter(0, seed);
            let result = run_seed(job, seed, parents.get(&seed).map_or(&[], Vec::as_slice), &mut chunk);
            watch.leave(0);
            failure = result.err();
            if failure.is_some() || (chunk.first.is_some() && !job.keep_going) {
                break;
            }
        }
        match failure {
            Some(failure) => answer(&format!("tool {}", serde_json::to_string(&failure)?))?,
            None => answer(&format!("chunk {}", serde_json::to_string(&chunk)?))?,
        }
    }
    Ok(())
}

/// Writes a line. It starts on a line of its own even if the code under test has printed half of one, and the
/// lock on standard output is not kept, because that code may print from another thread.
fn answer(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{line}")?;
    out.flush()
}

fn parse_seeds(line: &str) -> Option<(Seeds, BTreeMap<u64, Vec<Parent>>)> {
    let (first, rest) = line.split_once(' ')?;
    let (count, parents) = rest.split_once(' ').unwrap_or((rest, "{}"));
    let seeds = Seeds { first: first.parse().ok()?, count: count.parse().ok()? };
    Some((seeds, serde_json::from_str(parents).ok()?))
}
