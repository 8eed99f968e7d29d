//! The flow as a whole.
//!
//! | file | what is shown |
//! |---|---|
//! | `matrix` | every base, choice, release and kind of relation |
//! | `pages` | what the view lets through |
//! | `stories` | the incidents from their cause to what people saw |
//! | `crashes` | the process dies between any two statements |
//! | `mutants` | what nobody has released, and the checks find all the same |

mod crashes;
mod matrix;
mod mutants;
mod pages;
mod stories;

use std::collections::BTreeSet;

use crate::flows::merge::EventMerge;
use crate::run::{RunReport, once};

/// One run of a scenario.
fn run(scenario: &str, seed: u64) -> RunReport {
    once::<EventMerge>(scenario, seed).unwrap_or_else(|complaints| panic!("{complaints}\n{scenario}"))
}

/// Every failure of a run, as `invariant: cause`.
fn failures(report: &RunReport) -> Vec<String> {
    let all = report.failure.iter().chain(&report.also);
    all.map(|failure| format!("{}: {}", failure.invariant, failure.cause)).collect()
}

/// The invariants that are broken in a run.
fn broken_in(report: &RunReport) -> BTreeSet<String> {
    report.failure.iter().chain(&report.also).map(|failure| failure.invariant.clone()).collect()
}
