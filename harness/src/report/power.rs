//! How fast strategies find known failures: a table for people, a line per cell for scripts.

use std::fmt::Write;

use seedbed::choice::generation_start;
use serde::Serialize;

use super::thousands;
use crate::power::{Cell, Median};

/// The version of the JSON object.
const VERSION: u32 = 1;

/// One cell. Field names and their order are public.
#[derive(Debug, Serialize)]
pub struct PowerLine<'a> {
    v: u32,
    scenario: &'a str,
    flow: &'a str,
    variant: &'a str,
    strategy: &'static str,
    trials: u64,
    budget: u64,
    detected: u64,
    otherwise: u64,
    seeds: MedianLine,
    steps: MedianLine,
    /// Wall time in microseconds; differs from machine to machine.
    micros: MedianLine,
    clean_seeds: Option<u64>,
    false_alarms: u64,
}

/// A median with its 95 % interval; null is beyond the budget.
#[derive(Debug, Serialize)]
struct MedianLine {
    median: Option<u64>,
    low: Option<u64>,
    high: Option<u64>,
}

impl From<Median> for MedianLine {
    fn from(Median { median, low, high }: Median) -> MedianLine {
        MedianLine { median, low, high }
    }
}

impl<'a> PowerLine<'a> {
    /// The fields of a cell.
    #[must_use]
    pub fn new(cell: &'a Cell) -> PowerLine<'a> {
        PowerLine {
            v: VERSION,
            scenario: &cell.scenario,
            flow: &cell.flow,
            variant: &cell.variant,
            strategy: cell.strategy.label(),
            trials: cell.trials.len() as u64,
            budget: cell.budget,
            detected: cell.detected(),
            otherwise: cell.otherwise(),
            seeds: cell.seeds().into(),
            steps: cell.steps().into(),
            micros: cell.micros().into(),
            clean_seeds: cell.clean_seeds,
            false_alarms: cell.false_alarms,
        }
    }
}

/// What a table shows of each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The median of the seeds to detection.
    Seeds,
    /// That of the steps.
    Steps,
    /// That of the wall time; differs from machine to machine.
    Milliseconds,
    /// The share of trials that detected it.
    Share,
}

/// The cells as a table: a row per known failure, a column per strategy.
#[must_use]
pub fn power_table(cells: &[Cell], quantity: Quantity) -> String {
    let strategies = strategies(cells);
    let mut scenarios: Vec<(&str, &str)> = Vec::new();
    for cell in cells {
        let row = (cell.scenario.as_str(), cell.variant.as_str());
        if !scenarios.contains(&row) {
            scenarios.push(row);
        }
    }
    let header = ["scenario", "variant"].into_iter().chain(strategies.iter().copied());
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for (scenario, variant) in scenarios {
        let of = |strategy: &&str| {
            let mut all = cells.iter().filter(|cell| cell.scenario == scenario);
            all.find(|cell| cell.strategy.label() == *strategy).map_or_else(String::new, |cell| entry(cell, quantity))
        };
        let names = [scenario.to_owned(), variant.to_owned()].into_iter();
        rows.push(names.chain(strategies.iter().map(of)).collect());
    }
    aligned(&rows, 2)
}

/// How many of each flow's failures a strategy found at all, and the median over the failures of the median seeds.
#[must_use]
pub fn power_summary(cells: &[Cell]) -> String {
    let strategies = strategies(cells);
    let mut flows: Vec<&str> = cells.iter().map(|cell| cell.flow.as_str()).collect();
    flows.sort_unstable();
    flows.dedup();
    let header = ["flow", "failures"].into_iter().chain(strategies.iter().copied());
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for flow in flows {
        let mut scenarios: Vec<&str> = cells.iter().filter(|cell| cell.flow == flow).map(|c| &*c.scenario).collect();
        scenarios.dedup();
        let mut row = vec![flow.to_owned(), scenarios.len().to_string()];
        for strategy in &strategies {
            let mine: Vec<&Cell> =
                cells.iter().filter(|cell| cell.flow == flow && cell.strategy.label() == *strategy).collect();
            let found = mine.iter().filter(|cell| cell.detected() > 0).count();
            let mut medians: Vec<u64> = mine.iter().map(|cell| cell.seeds().median.unwrap_or(u64::MAX)).collect();
            medians.sort_unstable();
            let median = match medians.get(medians.len().saturating_sub(1) / 2) {
                Some(&u64::MAX) | None => "later".to_owned(),
                Some(median) => thousands(*median),
            };
            row.push(format!("{found}, {median}"));
        }
        rows.push(row);
    }
    aligned(&rows, 1)
}

/// The strategies of some cells, in their order.
fn strategies(cells: &[Cell]) -> Vec<&'static str> {
    let mut strategies = Vec::new();
    for cell in cells {
        if !strategies.contains(&cell.strategy.label()) {
            strategies.push(cell.strategy.label());
        }
    }
    strategies
}

/// Columns under each other, the first few to the left.
fn aligned(rows: &[Vec<String>], to_the_left: usize) -> String {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (text, width)) in row.iter().zip(&widths).enumerate() {
            let left = column < to_the_left;
            let padded = if left { format!("{text:width$}  ") } else { format!("{text:>width$}  ") };
            line.push_str(&padded);
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// `12`: the median. `>half (40 %)`: less than half of the trials found it. `never`: none did.
fn entry(cell: &Cell, quantity: Quantity) -> String {
    let (trials, detected) = (cell.trials.len() as u64, cell.detected());
    let share = detected * 100 / trials.max(1);
    let median = match quantity {
        Quantity::Seeds => cell.seeds().median,
        Quantity::Steps => cell.steps().median,
        Quantity::Milliseconds => cell.micros().median.map(|micros| micros.div_ceil(1_000)),
        Quantity::Share => return format!("{share} %"),
    };
    match median {
        Some(median) => thousands(median),
        None if detected == 0 => "never".to_owned(),
        None => format!(">half ({share} %)"),
    }
}

/// What the table does not say: shares, failures of another kind, false alarms.
#[must_use]
pub fn power_remarks(cells: &[Cell]) -> String {
    let mut out = String::new();
    for strategy in strategies(cells) {
        let mine: Vec<&Cell> = cells.iter().filter(|cell| cell.strategy.label() == strategy).collect();
        let trials: u64 = mine.iter().map(|cell| cell.trials.len() as u64).sum();
        let detected: u64 = mine.iter().map(|cell| cell.detected()).sum();
        let found = mine.iter().filter(|cell| cell.detected() > 0).count();
        let otherwise: u64 = mine.iter().map(|cell| cell.otherwise()).sum();
        let clean: u64 = mine.iter().filter_map(|cell| cell.clean_seeds).sum();
        let alarms: u64 = mine.iter().map(|cell| cell.false_alarms).sum();
        let share = detected * 100 / trials.max(1);
        let _ = writeln!(
            out,
            "{strategy}: {found} of {} failures found, in {share} % of {} trials; {} seeds failed otherwise; {} false \
             alarms in {} seeds of corrected variants",
            mine.len(),
            thousands(trials),
            thousands(otherwise),
            thousands(alarms),
            thousands(clean),
        );
    }
    out
}

/// Everything that does not depend on the machine, as a page of documentation.
#[must_use]
pub fn power_page(cells: &[Cell]) -> String {
    let (trials, seeds) = cells.first().map_or((0, 0), |cell| (cell.trials.len(), cell.budget));
    let mut scenarios: Vec<&str> = cells.iter().map(|cell| cell.scenario.as_str()).collect();
    scenarios.dedup();
    let labels = strategies(cells).join(",");
    let mut out = format!(
        "<!-- Written by `seedbed power --trials {trials} --seeds {seeds} --strategies {labels} --markdown FILE`. -->\n\n\
         # How fast known failures are found\n\n\
         {} scenarios that must fail, {} strategies, {trials} independent trials each of at most {seeds} seeds. A trial \
         ends at the seed\nthat breaks the invariant which the scenario claims; one that never did counts as \"later\" \
         (Kaplan-Meier). `never`: no trial\nfound it. `>half`: fewer than half of them did, and how many. `seedbed run \
         --help` says what the strategies are.\n",
        scenarios.len(),
        strategies(cells).len(),
    );
    if generation_start(seeds.saturating_sub(1)) == 0 && cells.iter().any(|cell| cell.strategy.has_feedback()) {
        out.push_str(
            "\nTrials as short as these end within the first generation, so no mutation has parents: it is a swarm seed.\n",
        );
    }
    let sections = [
        (
            "By flow",
            "How many of the failures were found in at least one trial, and the median over the failures of the median \
             seeds.",
            power_summary(cells),
        ),
        ("Seeds", "Median seeds to detection.", power_table(cells, Quantity::Seeds)),
        ("Share", "Share of the trials that detected the failure.", power_table(cells, Quantity::Share)),
        (
            "Steps",
            "Median steps to detection, with those that a strategy spends on preparing a run.",
            power_table(cells, Quantity::Steps),
        ),
        ("Other failures and false alarms", "", power_remarks(cells)),
    ];
    for (title, text, table) in sections {
        let _ = write!(out, "\n## {title}\n\n");
        if !text.is_empty() {
            let _ = write!(out, "{text}\n\n");
        }
        let _ = write!(out, "```\n{table}```\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use seedbed::choice::Strategy;

    use super::*;
    use crate::power::Trial;

    /// The table shows medians, and where there is none it says how often it was found.
    #[test]
    fn the_table() {
        let trials = |found: usize| {
            let trial = |number: usize| Trial { detected: number < found, seeds: 7, steps: 1_234, ..Trial::default() };
            (0..4).map(trial).collect::<Vec<_>>()
        };
        let cell = |scenario: &str, strategy, found| Cell {
            scenario: scenario.to_owned(),
            flow: "publish".to_owned(),
            variant: "1.5.0".to_owned(),
            strategy,
            budget: 7,
            trials: trials(found),
            clean_seeds: Some(20),
            false_alarms: 0,
        };
        let cells = [
            cell("publish/a", Strategy::Swarm, 4),
            cell("publish/a", Strategy::SingleFault, 1),
            cell("publish/longer", Strategy::Swarm, 0),
            cell("publish/longer", Strategy::SingleFault, 3),
        ];
        assert_eq!(
            power_table(&cells, Quantity::Steps),
            "scenario        variant  swarm   single-fault\n\
             publish/a       1.5.0    1,234  >half (25 %)\n\
             publish/longer  1.5.0    never         1,234\n"
                .replace("swarm   single", "swarm  single")
        );
        assert!(power_table(&cells, Quantity::Seeds).contains("publish/a       1.5.0        7"));
        assert_eq!(
            power_summary(&cells),
            "flow     failures  swarm  single-fault\npublish         2   1, 7          2, 7\n"
                .replace("2, later", "2, 7")
        );
        let page = power_page(&cells);
        assert!(page.contains("\npublish/a       1.5.0    100 %          25 %\n"), "{page}");
        assert!(power_remarks(&cells).starts_with(
            "swarm: 1 of 2 failures found, in 50 % of 8 trials; 0 seeds failed otherwise; 0 false alarms in 40 seeds"
        ));
    }
}
