//! What was measured before: a small file beside the code, so that a strategy, a site or a scenario that becomes worse
//! at finding known failures is noticed.
//!
//! Counts only. They do not depend on the machine, so a difference is a change of the code; it counts as worse when the
//! new median lies beyond the 95 % interval of the old one, when there is none any more, or when a failure that was
//! found at all is not found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cell, Median};

/// The measurement of every cell, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of the format.
    pub v: u32,
    /// Trials per cell.
    pub trials: u64,
    /// Seeds a trial may take.
    pub seeds: u64,
    /// By scenario, then by strategy.
    pub cells: BTreeMap<String, BTreeMap<String, Measured>>,
}

/// One cell: how many trials detected it, and the median of the seeds it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Trials that detected it.
    pub detected: u64,
    /// Median of the seeds, if more than half of them did.
    pub median: Option<u64>,
    /// Upper end of its 95 % interval, if that is within the budget.
    pub high: Option<u64>,
    /// Steps of all trials together; 0 in baselines that did not count them.
    #[serde(default)]
    pub steps: u64,
}

/// A cell that has become worse, or cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worse {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the strategy.
    pub strategy: String,
    /// In words.
    pub what: String,
}

impl Baseline {
    /// The measurement as a baseline.
    #[must_use]
    pub fn of(cells: &[Cell]) -> Baseline {
        let mut baseline = Baseline { v: 1, ..Baseline::default() };
        for cell in cells {
            baseline.trials = cell.trials.len() as u64;
            baseline.seeds = cell.budget;
            let Median { median, high, .. } = cell.seeds();
            let measured = Measured { detected: cell.detected(), median, high, steps: cell.steps_in_all() };
            let of_scenario = baseline.cells.entry(cell.scenario.clone()).or_default();
            of_scenario.insert(cell.strategy.label().to_owned(), measured);
        }
        baseline
    }

    /// The file: JSON with a line per cell, so that a change of it is a change of a line.
    ///
    /// # Errors
    /// None that plain data can have.
    pub fn text(&self) -> serde_json::Result<String> {
        let Baseline { v, trials, seeds, cells } = self;
        let mut scenarios = Vec::new();
        for (scenario, strategies) in cells {
            let mut lines = Vec::new();
            for (strategy, measured) in strategies {
                lines.push(format!("      {}: {}", json(strategy)?, json(measured)?));
            }
            scenarios.push(format!("    {}: {{\n{}\n    }}", json(scenario)?, lines.join(",\n")));
        }
        let scenarios = scenarios.join(",\n");
        Ok(format!(
            "{{\n  \"v\": {v},\n  \"trials\": {trials},\n  \"seeds\": {seeds},\n  \"cells\": {{\n{scenarios}\n  }}\n}}\n"
        ))
    }

    /// Whether the other one was measured in the same way.
    #[must_use]
    pub fn is_comparable(&self, other: &Baseline) -> bool {
        (self.v, self.trials, self.seeds) == (other.v, other.trials, other.seeds)
    }

    /// The cells that can have become worse, and of these the ones that took at most so many steps.
    #[must_use]
    pub fn worth_comparing(&self, steps_max: u64) -> Baseline {
        let worth = |measured: &Measured| measured.detected > 0 && measured.steps <= steps_max;
        let mut fewer = self.clone();
        for strategies in fewer.cells.values_mut() {
            strategies.retain(|_, measured| worth(measured));
        }
        fewer.cells.retain(|_, strategies| !strategies.is_empty());
        fewer
    }

    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// What is worse now. A scenario or strategy that has gone is worse too; one that is new is not.
    #[must_use]
    pub fn worse_in(&self, now: &Baseline) -> Vec<Worse> {
        let mut all = Vec::new();
        for (scenario, strategies) in &self.cells {
            for (strategy, before) in strategies {
                let here = now.cells.get(scenario).and_then(|strategies| strategies.get(strategy));
                if let Some(what) = worse(before, here, self.trials) {
                    all.push(Worse { scenario: scenario.clone(), strategy: strategy.clone(), what });
                }
            }
        }
        all
    }
}

fn json<T: Serialize>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

fn worse(before: &Measured, now: Option<&Measured>, trials: u64) -> Option<String> {
    let Some(now) = now else {
        return Some("is not measured any more".to_owned());
    };
    if before.detected > 0 && now.detected == 0 {
        return Some(format!("found in {} of {trials} trials before, in none now", before.detected));
    }
    match (before.median, before.high, now.median) {
        (Some(median), Some(high), Some(now)) if now > high => {
            Some(format!("takes {now} seeds; {median} before, at most {high} within the noise"))
        }
        (Some(median), Some(_), None) => {
            Some(format!("takes {median} seeds before; now found in {} of {trials} trials only", now.detected))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(detected: u64, median: Option<u64>, high: Option<u64>) -> Measured {
        Measured { detected, median, high, steps: 100 }
    }

    /// Worse is what lies beyond the noise, is not found, or is not looked at; better is fine.
    #[test]
    fn what_counts_as_worse() {
        let before = measured(30, Some(5), Some(9));
        let now = |now: Measured| worse(&before, Some(&now), 30);
        assert_eq!(now(measured(30, Some(9), Some(20))), None);
        assert_eq!(now(measured(30, Some(2), Some(3))), None);
        assert!(now(measured(30, Some(10), Some(20))).is_some());
        assert!(now(measured(12, None, None)).is_some());
        assert!(worse(&before, None, 30).is_some());
        let rare = measured(3, None, None);
        assert_eq!(worse(&rare, Some(&measured(1, None, None)), 30), None);
        assert!(worse(&rare, Some(&measured(0, None, None)), 30).is_some());
    }

    /// What was never found cannot become worse, and what takes too many steps is left for another day.
    #[test]
    fn what_is_worth_comparing() {
        let mut baseline = Baseline { v: 1, trials: 30, seeds: 64, ..Baseline::default() };
        let cheap = measured(30, Some(5), None);
        let cells = [("mix", cheap), ("pct", Measured { steps: 101, ..cheap }), ("swizzle", measured(0, None, None))];
        let cells = cells.map(|(strategy, measured)| (strategy.to_owned(), measured));
        baseline.cells.insert("publish/x".to_owned(), BTreeMap::from(cells));
        baseline.cells.insert("publish/y".to_owned(), BTreeMap::from([("mix".to_owned(), measured(0, None, None))]));
        let left = |steps_max| baseline.worth_comparing(steps_max).len();
        assert_eq!((baseline.len(), left(u64::MAX), left(100), left(99)), (4, 2, 1, 0));
        assert!(!baseline.worth_comparing(100).cells.contains_key("publish/y"));
        assert!(baseline.worth_comparing(99).is_empty());
    }

    /// A baseline survives its file, and what was measured otherwise is not compared.
    #[test]
    fn in_a_file() {
        let mut baseline = Baseline { v: 1, trials: 30, seeds: 64, ..Baseline::default() };
        let cells = BTreeMap::from([("mix".to_owned(), measured(30, Some(5), None))]);
        baseline.cells.insert("publish/x".to_owned(), cells);
        let text = baseline.text().expect("plain data");
        assert_eq!(text.lines().filter(|line| line.contains("detected")).count(), 1, "{text}");
        let read: Baseline = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, baseline);
        assert!(baseline.is_comparable(&read));
        assert!(!baseline.is_comparable(&Baseline { seeds: 65, ..read }));
    }
}
