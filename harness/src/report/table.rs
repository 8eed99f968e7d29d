//! The table of a `run`: one row per scenario, printed as soon as it is known.
//!
//! Column widths depend on the scenarios only, not on results, so that rows can be printed one by one.

use seedbed::check::Verdict;

use super::{Paint, thousands};

/// One row.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Name of the scenario or plan.
    pub scenario: &'a str,
    /// The variant that was run.
    pub variant: &'a str,
    /// What it amounts to.
    pub verdict: Verdict,
    /// What was expected, in words.
    pub expected: &'a str,
    /// Whether that is as expected.
    pub as_expected: bool,
    /// Seeds that count; none for a plan.
    pub seeds: Option<u64>,
    /// Their steps.
    pub steps: u64,
    /// The lowest failing seed.
    pub first_failure: Option<u64>,
    /// Remarks.
    pub notes: &'a [String],
}

/// Widths of the columns.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    scenario: usize,
    variant: usize,
    expected: usize,
    paint: Paint,
}

const VERDICT: usize = 8;
const SEEDS: usize = 7;
const STEPS: usize = 11;
const FIRST: usize = 13;

impl Table {
    /// A table for these scenarios: name, variant and expectation of each.
    pub fn new<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>, paint: Paint) -> Table {
        let mut table =
            Table { scenario: "scenario".len(), variant: "variant".len(), expected: "expected".len(), paint };
        for (scenario, variant, expected) in rows {
            table.scenario = table.scenario.max(scenario.chars().count());
            table.variant = table.variant.max(variant.chars().count());
            table.expected = table.expected.max(expected.chars().count());
        }
        table
    }

    /// The names of the columns.
    #[must_use]
    pub fn header(&self) -> String {
        let Table { scenario, variant, expected, .. } = *self;
        let line = format!(
            "      {:scenario$}  {:variant$}  {:VERDICT$}  {:expected$}  {:>SEEDS$}  {:>STEPS$}  {:>FIRST$}  note",
            "scenario", "variant", "verdict", "expected", "seeds", "steps", "first failure",
        );
        self.paint.strong(&line)
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: &Row<'_>) -> String {
        let Table { scenario, variant, expected, paint } = *self;
        let mark = if row.as_expected { paint.good("ok  ") } else { paint.bad("FAIL") };
        let seeds = row.seeds.map_or("-".to_owned(), thousands);
        let first = row.first_failure.map_or("-".to_owned(), |seed| seed.to_string());
        let line = format!(
            "{mark}  {:scenario$}  {:variant$}  {:VERDICT$}  {:expected$}  {seeds:>SEEDS$}  {:>STEPS$}  {first:>FIRST$}  {}",
            row.scenario,
            row.variant,
            row.verdict.word(),
            row.expected,
            thousands(row.steps),
            row.notes.join("; "),
        );
        line.trim_end().to_owned()
    }
}
