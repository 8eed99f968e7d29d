//! How fast strategies find known failures: a table for people, a line per cell for scripts.

use std::fmt::Write;

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

/// The cells as a table: a row per known failure, a column per strategy. With `steps`, the medians are of steps.
#[must_use]
pub fn power_table(cells: &[Cell], steps: bool) -> String {
    let mut strategies: Vec<&str> = Vec::new();
    let mut scenarios: Vec<(&str, &str)> = Vec::new();
    for cell in cells {
        let label = cell.strategy.label();
        if !strategies.contains(&label) {
            strategies.push(label);
        }
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
            all.find(|cell| cell.strategy.label() == *strategy).map_or_else(String::new, |cell| entry(cell, steps))
        };
        let names = [scenario.to_owned(), variant.to_owned()].into_iter();
        rows.push(names.chain(strategies.iter().map(of)).collect());
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (text, width)) in row.iter().zip(&widths).enumerate() {
            let padded = if column < 2 { format!("{text:width$}  ") } else { format!("{text:>width$}  ") };
            line.push_str(&padded);
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// `12`: the median. `>256 (40 %)`: less than half of the trials found it. `never`: none did.
fn entry(cell: &Cell, steps: bool) -> String {
    let (trials, detected) = (cell.trials.len() as u64, cell.detected());
    let median = if steps { cell.steps() } else { cell.seeds() }.median;
    match median {
        Some(median) => thousands(median),
        None if detected == 0 => "never".to_owned(),
        None => format!(">half ({} %)", detected * 100 / trials.max(1)),
    }
}

/// What the table does not say: shares, failures of another kind, false alarms.
#[must_use]
pub fn power_remarks(cells: &[Cell]) -> String {
    let mut out = String::new();
    let mut strategies: Vec<&str> = Vec::new();
    for cell in cells {
        if !strategies.contains(&cell.strategy.label()) {
            strategies.push(cell.strategy.label());
        }
    }
    for strategy in strategies {
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
            power_table(&cells, true),
            "scenario        variant  swarm   single-fault\n\
             publish/a       1.5.0    1,234  >half (25 %)\n\
             publish/longer  1.5.0    never         1,234\n"
                .replace("swarm   single", "swarm  single")
        );
        assert!(power_table(&cells, false).contains("publish/a       1.5.0        7"));
        assert!(power_remarks(&cells).starts_with(
            "swarm: 1 of 2 failures found, in 50 % of 8 trials; 0 seeds failed otherwise; 0 false alarms in 40 seeds"
        ));
    }
}
