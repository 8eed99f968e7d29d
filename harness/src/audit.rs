//! Does a run depend on where it is executed? The same seed alone in a process, in another process, after other
//! seeds in one thread, and beside others on a second thread: everything must be the same, event for event.
//!
//! A process-wide counter, a generator that several worlds share or a table that outlives a world is invisible to
//! two executions that follow each other; it shows here. Each surrounding is a child process that tells, as one
//! JSON object per line, everything about its runs ([`Told`]); the parent compares.

use std::io;
use std::thread;

use seedbed::scenario::SeedRange;
use serde::Serialize;

use crate::compare::Told;
use crate::execute::{Execution, STACK_BYTES, ToolFailure};
use crate::sweep::Job;

/// Where a run is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrounding {
    /// The first run of its process.
    Alone,
    /// After the seeds before it, in one thread.
    AfterOthers,
    /// The same, while another thread runs the same seeds backwards.
    BesideOthers,
}

impl Surrounding {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Surrounding::Alone => "alone in a process",
            Surrounding::AfterOthers => "after other seeds in one thread",
            Surrounding::BesideOthers => "beside another thread that runs seeds",
        }
    }
}

/// The child's side: executes seeds in a surrounding and tells each run as it ends.
///
/// # Errors
/// When the simulator panics, there is no thread, or `tell` fails.
pub fn serve<E: From<ToolFailure> + From<io::Error> + Send>(
    job: &Job<'_>,
    seeds: SeedRange,
    surrounding: Surrounding,
    mut tell: impl FnMut(&Told) -> Result<(), E> + Send,
) -> Result<(), E> {
    let run = |seed: u64| Execution::of_seed(job.flow, job.scenario, seed).run(true);
    thread::scope(|scope| {
        let thread = |name: &str| thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
        if surrounding == Surrounding::BesideOthers {
            let all: Vec<u64> = seeds.iter().map(|seed| seed.0).collect();
            // What it finds is told by the other thread's runs of the same seeds.
            thread("beside").spawn_scoped(scope, move || all.iter().rev().for_each(|seed| drop(run(*seed))))?;
        }
        let told = thread("world")
            .spawn_scoped(scope, move || seeds.iter().try_for_each(|seed| tell(&Told::new(seed.0, &run(seed.0)?))))?;
        told.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
