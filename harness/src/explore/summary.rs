//! What is kept of the runs of an exploration: counts, and the first few runs of each failure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seedbed::check::{Failure, Fingerprint, Verdict};
use seedbed::run::RunReport;

use super::{CrashCount, Deviations};

/// Runs kept per fingerprint; the first may be one whose order cannot be told as latencies.
const FOUND_MAX: usize = 8;

/// What a set of runs amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Runs, each once.
    pub runs: u64,
    /// Their steps.
    pub steps: u64,
    /// Runs in which something was violated.
    pub violating: u64,
    /// Runs that reached a budget, and so have no answer.
    pub exhausted: u64,
    /// Runs in which each invariant was violated.
    pub by_invariant: BTreeMap<String, u64>,
    /// Runs in which each outcome occurred.
    pub by_outcome: BTreeMap<String, u64>,
    /// Failures of each kind.
    pub failures: BTreeMap<Fingerprint, Kind>,
    /// Runs that a reduction found to show nothing that others do not; they are among the runs.
    pub redundant: u64,
    /// Crash states; only where they are explored.
    pub crashes: CrashCount,
    /// Sites whose values are too many to be enumerated; there the quiet one was taken.
    pub not_enumerable: BTreeSet<String>,
}

/// Failures with one fingerprint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kind {
    /// Runs that show it.
    pub runs: u64,
    /// The first of them.
    pub found: Vec<Found>,
}

/// A run that violates something.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How many runs there were before it.
    pub ordinal: u64,
    /// What it did differently.
    pub deviations: Arc<Deviations>,
    /// How it failed.
    pub failure: Failure,
}

impl Summary {
    /// Adds a run.
    pub fn count(&mut self, report: &RunReport, deviations: &Deviations) {
        let ordinal = self.runs;
        self.runs += 1;
        self.steps += report.steps;
        self.exhausted += u64::from(report.verdict == Verdict::Budget);
        for (outcome, count) in &report.outcomes {
            *self.by_outcome.entry(outcome.clone()).or_default() += u64::from(*count > 0);
        }
        let failures: Vec<&Failure> = report.failure.iter().chain(&report.also).collect();
        self.violating += u64::from(!failures.is_empty());
        let invariants: BTreeSet<&str> = failures.iter().map(|f| f.invariant.as_str()).collect();
        for invariant in invariants {
            *self.by_invariant.entry(invariant.to_owned()).or_default() += 1;
        }
        let mut shared = None;
        for failure in failures {
            let kind = self.failures.entry(failure.fingerprint()).or_default();
            kind.runs += 1;
            if kind.found.len() < FOUND_MAX {
                let deviations = shared.get_or_insert_with(|| Arc::new(deviations.clone()));
                kind.found.push(Found { ordinal, deviations: Arc::clone(deviations), failure: failure.clone() });
            }
        }
    }

    /// Adds runs that come after these.
    pub fn append(&mut self, later: Summary) {
        for (fingerprint, kind) in later.failures {
            let ours = self.failures.entry(fingerprint).or_default();
            ours.runs += kind.runs;
            let room = FOUND_MAX - ours.found.len();
            ours.found.extend(
                kind.found.into_iter().take(room).map(|found| Found { ordinal: self.runs + found.ordinal, ..found }),
            );
        }
        self.runs += later.runs;
        self.steps += later.steps;
        self.violating += later.violating;
        self.exhausted += later.exhausted;
        self.redundant += later.redundant;
        self.crashes.add(later.crashes);
        for (ours, theirs) in [(&mut self.by_invariant, later.by_invariant), (&mut self.by_outcome, later.by_outcome)] {
            for (key, count) in theirs {
                *ours.entry(key).or_default() += count;
            }
        }
        self.not_enumerable.extend(later.not_enumerable);
    }

    /// The failures to show, most wanted first: those of the invariant that is expected to break, then by order of
    /// occurrence.
    #[must_use]
    pub fn most_wanted(&self, expected: Option<&str>) -> Vec<(&Fingerprint, &Kind)> {
        let mut all: Vec<_> = self.failures.iter().collect();
        all.sort_by_key(|(fingerprint, kind)| {
            let wanted = expected == Some(fingerprint.invariant.as_str());
            (!wanted, kind.found.first().map(|found| found.ordinal))
        });
        all
    }
}
