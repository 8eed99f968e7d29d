//! What a sweep has counted: sums over seeds, so that merging shards in any grouping gives the same tally.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::Behaviours;
use seedbed::check::{Evaluations, Verdict};
use seedbed::choice::SiteCount;
use seedbed::run::RunReport;
use serde::{Deserialize, Serialize};

/// Sums over the seeds of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Seeds that count.
    pub seeds: u64,
    /// Executions: the seeds, and those that were executed again to compare digests.
    pub runs: u64,
    /// Steps of the seeds (executions for comparison are not counted again).
    pub steps: u64,
    /// Seeds that failed.
    pub failures: u64,
    /// Seeds whose run ended at a budget, by which one.
    pub exhausted: BTreeMap<String, u64>,
    /// Operations by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Sometimes-marks.
    pub sometimes: BTreeMap<String, u64>,
    /// Accounting per site.
    pub faults: BTreeMap<String, FaultTally>,
    /// Evaluations per invariant.
    pub invariants: BTreeMap<String, InvariantTally>,
    /// `X inside Y` pairs.
    pub reentries: BTreeMap<String, u64>,
    /// Kinds of behaviour.
    pub behaviours: Behaviours,
}

/// The accounting of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultTally {
    /// Places where it could have struck.
    pub offered: u64,
    /// Of these, how many were armed.
    pub armed: u64,
    /// Of these, how many struck.
    pub fired: u64,
    /// Of these, how many the code under test noticed.
    pub observed: u64,
    /// Offers that could not apply.
    pub ineligible: u64,
}

/// The accounting of one invariant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvariantTally {
    /// Evaluations.
    pub evaluated: u64,
    /// Of these, how many had something to check.
    pub antecedent: u64,
    /// Violations outside the promise.
    pub unpromised: u64,
}

impl Tally {
    /// Counts the first execution of a seed.
    pub fn count(&mut self, report: &RunReport, failed: bool) {
        self.seeds += 1;
        self.runs += 1;
        self.steps += report.steps;
        self.failures += u64::from(failed);
        if report.verdict == Verdict::Budget {
            add(&mut self.exhausted, report.exhausted.unwrap_or("budget"), 1);
        }
        self.behaviours.count(report.signature);
        for (outcome, count) in &report.outcomes {
            add(&mut self.outcomes, outcome, *count);
        }
        for (mark, count) in &report.sometimes {
            add(&mut self.sometimes, mark, *count);
        }
        for ((inner, outer), count) in &report.reentries {
            add(&mut self.reentries, &format!("{inner} inside {outer}"), *count);
        }
        for (site, count) in &report.faults {
            *slot(&mut self.faults, site) += FaultTally::from(*count);
        }
        for (id, count) in &report.invariants {
            *slot(&mut self.invariants, id) += InvariantTally::from(*count);
        }
    }

    /// Adds what another shard has counted.
    pub fn merge(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.runs += other.runs;
        self.steps += other.steps;
        self.failures += other.failures;
        self.behaviours.merge(&other.behaviours);
        for (ours, theirs) in [
            (&mut self.exhausted, &other.exhausted),
            (&mut self.outcomes, &other.outcomes),
            (&mut self.sometimes, &other.sometimes),
            (&mut self.reentries, &other.reentries),
        ] {
            for (key, count) in theirs {
                add(ours, key, *count);
            }
        }
        for (site, count) in &other.faults {
            *slot(&mut self.faults, site) += *count;
        }
        for (id, count) in &other.invariants {
            *slot(&mut self.invariants, id) += *count;
        }
    }
}

impl From<SiteCount> for FaultTally {
    fn from(count: SiteCount) -> FaultTally {
        let SiteCount { offered, armed, fired, observed, ineligible } = count;
        FaultTally { offered, armed, fired, observed, ineligible }
    }
}

impl AddAssign for FaultTally {
    fn add_assign(&mut self, other: FaultTally) {
        self.offered += other.offered;
        self.armed += other.armed;
        self.fired += other.fired;
        self.observed += other.observed;
        self.ineligible += other.ineligible;
    }
}

impl From<Evaluations> for InvariantTally {
    fn from(count: Evaluations) -> InvariantTally {
        let Evaluations { evaluated, antecedent, unpromised } = count;
        InvariantTally { evaluated, antecedent, unpromised }
    }
}

impl AddAssign for InvariantTally {
    fn add_assign(&mut self, other: InvariantTally) {
        self.evaluated += other.evaluated;
        self.antecedent += other.antecedent;
        self.unpromised += other.unpromised;
    }
}

fn add(counts: &mut BTreeMap<String, u64>, key: &str, count: u64) {
    *slot(counts, key) += count;
}

/// The entry of a key, without allocating once it exists.
fn slot<'a, T: Default>(map: &'a mut BTreeMap<String, T>, key: &str) -> &'a mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("was just inserted")
}
