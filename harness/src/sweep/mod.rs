//! Sweeps: many seeds of one scenario, in parallel, with a result that does not depend on how it was computed.
//!
//! The seeds are cut into chunks whose size depends on the sweep only. Workers take chunks in order; the
//! collector merges them in order and stops at the lowest failing seed. What lies beyond it is neither shown
//! nor counted, so one job and twelve give the same bytes. Memory does not grow with the number of seeds.
//!
//! Strategies with feedback start from runs of finished generations (`corpus`), whose seeds are merged by then.
//!
//! A worker is one world per thread ([`Workers::Threads`]) or a child process ([`Workers::Processes`]).

mod behaviours;
mod children;
mod corpus;
mod floor;
mod isolate;
mod parallel;
mod seed;
mod serve;
mod shown;
mod tally;

pub use behaviours::Behaviours;
pub use children::ChildCommand;
pub use corpus::{Corpus, may_be_parent};
pub use floor::Stops;
pub use parallel::{Workers, sweep};
pub use seed::FailedRun;
pub use serve::serve;
pub use shown::{Showing, Shown};
pub use tally::{FaultTally, InvariantTally, Tally};

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use seedbed::run::AnyFlow;
use seedbed::scenario::{Parent, Scenario};
use serde::{Deserialize, Serialize};

use crate::strategy::with_parents;

/// What is swept.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// The scenario, validated.
    pub scenario: &'a Scenario,
    /// Go on after a failing seed and count all of them.
    pub keep_going: bool,
}

impl<'a> Job<'a> {
    /// The scenario of a seed with these parents.
    fn with_parents(&self, parents: &[Parent]) -> Cow<'a, Scenario> {
        if parents.is_empty() { Cow::Borrowed(self.scenario) } else { Cow::Owned(with_parents(self.scenario, parents)) }
    }
}

/// Consecutive seeds; any of the 2^64 may be among them, the last one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first one.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Seeds {
    /// The seeds, in order.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        (0..self.count).map(move |index| self.first + index)
    }
}

/// What one worker found in a range of seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Counts over the seeds that were run.
    pub tally: Tally,
    /// The first failing one.
    pub first: Option<FailedRun>,
    /// What the seeds have shown; only where strategies start from what was found.
    pub shown: Shown,
    /// False if the worker was told to stop before the end of the range.
    pub complete: bool,
}

/// What a sweep found.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// The seeds it was given.
    pub seeds: Seeds,
    /// Counts over the seeds from the first on, without a gap.
    pub tally: Tally,
    /// The lowest failing seed.
    pub first: Option<FailedRun>,
    /// Why it ended.
    pub ended: SweepEnd,
}

/// Why a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepEnd {
    /// Every seed of the range was run.
    Complete,
    /// At the lowest failing seed.
    AtFailure,
    /// The time asked for was up.
    TimeUp,
    /// Ctrl-C.
    Interrupted,
}

/// Numbers for a progress bar, updated as the sweep goes on; they play no part in the result.
#[derive(Debug, Default)]
pub struct Live {
    /// Seeds run so far.
    pub seeds: AtomicU64,
    /// Their steps.
    pub steps: AtomicU64,
    /// Failing ones among them.
    pub failures: AtomicU64,
}

impl Live {
    /// Adds to all three.
    pub(crate) fn add(&self, seeds: u64, steps: u64, failures: u64) {
        self.seeds.fetch_add(seeds, Ordering::Relaxed);
        self.steps.fetch_add(steps, Ordering::Relaxed);
        self.failures.fetch_add(failures, Ordering::Relaxed);
    }
}
