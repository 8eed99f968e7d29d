//! The flow as a whole.

mod beyond;
mod stories;

use crate::flows::mailbox::MailboxServer;
use crate::run::{RunReport, once};

/// Runs one seed of a scenario, given as its text.
fn run(scenario: &str, seed: u64) -> RunReport {
    once::<MailboxServer>(scenario, seed).unwrap_or_else(|complaints| panic!("{complaints}\n{scenario}"))
}

/// Every failure of a run, as `invariant: cause`.
fn failures(report: &RunReport) -> Vec<String> {
    let all = report.failure.iter().chain(&report.also);
    all.map(|failure| format!("{}: {}", failure.invariant, failure.cause)).collect()
}
