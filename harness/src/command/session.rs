//! What a `run` has found so far, and how it is told: rows as they come, cards and a summary at the end.
//!
//! The watchdog reports from another thread when a run does not end, so the state is behind a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use seedbed::check::Verdict;

use super::check::json;
use super::{Done, Stop};
use crate::cli::Format;
use crate::exit::Exit;
use crate::output::{OutputError, line};
use crate::report::{Card, FirstFailure, MinimalLine, Paint, RegressionLine, Row, RunLine, Table, card, thousands};
use crate::sweep::{FailedRun, Tally};

/// A scenario or plan that is done.
pub struct Finished<'a> {
    pub name: &'a str,
    pub flow: &'a str,
    pub variant: &'a str,
    pub tally: &'a Tally,
    pub verdict: Verdict,
    pub expected: &'a str,
    pub as_expected: bool,
    pub exit: Exit,
    pub notes: &'a [String],
    pub first: Option<&'a FailedRun>,
    pub is_plan: bool,
    pub repro: &'a str,
    /// What its failure shrinks to, where that was asked for.
    pub minimal: Option<MinimalLine>,
    /// What a regression plan showed.
    pub regression: Option<RegressionLine>,
}

/// The `run` that is going on.
pub struct Session {
    format: Format,
    paint: Paint,
    table: Table,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    exit: Option<Exit>,
    as_expected: u64,
    cards: Vec<String>,
    seeds: u64,
    steps: u64,
    interrupted: bool,
}

impl Session {
    /// Starts the table. `rows`: name, variant and expectation of everything that will be reported.
    pub fn start(format: Format, rows: Vec<[String; 3]>) -> Result<Session, Stop> {
        let paint = Paint::for_stdout();
        let table = Table::new(rows.iter().map(|[name, variant, expected]| (&**name, &**variant, &**expected)), paint);
        let session = Session { format, paint, table, found: Mutex::default() };
        if format == Format::Text {
            session.print(&table.header())?;
        }
        Ok(session)
    }

    /// Tells one result.
    pub fn report(&self, finished: &Finished<'_>) -> Result<(), Stop> {
        self.collect(finished);
        match self.format {
            Format::Json => {
                let names = [finished.name, finished.flow, finished.variant, seedbed::host()];
                let mut line = RunLine::new(names, finished.expected, finished.verdict, finished.tally);
                line.as_expected = finished.as_expected;
                line.minimal = finished.minimal;
                line.regression = finished.regression;
                line.first_failure =
                    finished.first.map(|failed| FirstFailure::new(failed, (!finished.is_plan).then_some(failed.seed)));
                self.print(&json(&line)?)
            }
            Format::Text => {
                let broke = finished.first.and_then(|failed| failed.failure.as_ref());
                let broke = broke.filter(|_| !finished.as_expected).map(|failure| failure.invariant.clone());
                let notes: Vec<String> = broke.into_iter().chain(finished.notes.iter().cloned()).collect();
                self.print(&self.table.row(&Row {
                    scenario: finished.name,
                    variant: finished.variant,
                    verdict: finished.verdict,
                    expected: finished.expected,
                    as_expected: finished.as_expected,
                    seeds: (!finished.is_plan).then_some(finished.tally.seeds),
                    steps: finished.tally.steps,
                    first_failure: finished.first.filter(|_| !finished.is_plan).map(|failed| failed.seed),
                    notes: &notes,
                }))
            }
        }
    }

    fn collect(&self, finished: &Finished<'_>) {
        let mut found = self.found();
        found.exit = Some(found.exit.map_or(finished.exit, |exit| exit.graver(finished.exit)));
        found.seeds += finished.tally.seeds;
        found.steps += finished.tally.steps;
        if finished.as_expected {
            found.as_expected += 1;
            return;
        }
        found.cards.push(card(
            &Card {
                scenario: finished.name,
                variant: finished.variant,
                verdict: finished.verdict,
                expected: finished.expected,
                as_expected: false,
                failed: finished.first,
                seeded: !finished.is_plan,
                remarks: finished.notes,
                repro: Some(finished.repro),
            },
            self.paint,
        ));
    }

    /// Cards and summary; `left` files were not run.
    pub fn finish(&self, left: usize) -> Done {
        let found = self.found();
        let exit = found.exit.unwrap_or(Exit::AsExpected);
        let exit = if found.interrupted { exit.graver(Exit::Budget) } else { exit };
        if self.format == Format::Json {
            return Ok(exit);
        }
        let mut out = String::new();
        for card in &found.cards {
            out.push('\n');
            out.push_str(card);
        }
        let surprises = found.cards.len() as u64;
        out.push_str(&format!("\n{} as expected, {} not", thousands(found.as_expected), thousands(surprises)));
        if left > 0 {
            let why = if found.interrupted { "interrupted" } else { "stopped" };
            out.push_str(&format!(", {left} not run ({why})"));
        } else if found.interrupted {
            out.push_str(" (interrupted)");
        }
        out.push_str(&format!("; {} seeds, {} steps", thousands(found.seeds), thousands(found.steps)));
        drop(found);
        self.print(&out)?;
        Ok(exit)
    }

    /// Whether something was not as expected.
    pub fn has_surprise(&self) -> bool {
        !self.found().cards.is_empty()
    }

    /// Remembers that Ctrl-C ended a sweep.
    pub fn note_interrupt(&self) {
        self.found().interrupted = true;
    }

    /// Whether Ctrl-C was pressed; if so, that is remembered.
    pub fn is_interrupted(&self, flag: &AtomicBool) -> bool {
        let interrupted = flag.load(Ordering::Relaxed);
        if interrupted {
            self.note_interrupt();
        }
        interrupted
    }

    /// Prints a line; a reader that has gone away ends the command with what was found so far.
    fn print(&self, text: &str) -> Result<(), Stop> {
        line(text).map_err(|error| match error {
            OutputError::ReaderGone => Stop::ReaderGone(self.found().exit.unwrap_or(Exit::AsExpected)),
            OutputError::Failed(_) => error.into(),
        })
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
