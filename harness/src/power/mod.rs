//! How fast each strategy finds each known failure.
//!
//! The catalogue is made of the scenarios that must fail: each is a historical variant with an invariant that it
//! violates. A *cell* is one of them under one strategy; it gets a number of independent trials, each over seeds of its
//! own, until the claimed invariant breaks or the budget of seeds is used up. Budgets are counts, so a cell gives the
//! same seeds and steps wherever it is computed; only seconds differ.
//!
//! | file | holds |
//! |---|---|
//! | `catalogue` | which scenarios, and their corrected counterparts |
//! | `trial` | one trial, and the corrected variant under the same strategy |
//! | `survival` | medians of trials of which some detected nothing |
//! | `baseline` | what was measured before, and whether it has become worse |

mod baseline;
mod catalogue;
mod survival;
mod trial;

pub use baseline::{Baseline, Measured, Worse};
pub use catalogue::{Known, catalogue};
pub use survival::{Median, Observation, Point, curve, median};
pub use trial::{Bounds, Row, measure};

use std::time::Duration;

use seedbed::choice::Strategy;

/// What one trial came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Whether the claimed invariant broke.
    pub detected: bool,
    /// Seeds until then, that one included; or the budget.
    pub seeds: u64,
    /// Their steps, with those of runs that a strategy needed to prepare them.
    pub steps: u64,
    /// Seeds that failed in another way on the way.
    pub otherwise: u64,
    /// Wall time. Not part of any comparison.
    pub took: Duration,
}

/// A known failure under a strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Name of the scenario.
    pub scenario: String,
    /// Its flow.
    pub flow: String,
    /// The variant that fails.
    pub variant: String,
    /// The strategy.
    pub strategy: Strategy,
    /// Seeds a trial may take.
    pub budget: u64,
    /// All trials.
    pub trials: Vec<Trial>,
    /// Seeds run on the corrected variant; none if it cannot be run with this configuration.
    pub clean_seeds: Option<u64>,
    /// How many of those failed.
    pub false_alarms: u64,
}

impl Cell {
    /// Trials that detected it.
    #[must_use]
    pub fn detected(&self) -> u64 {
        self.trials.iter().filter(|trial| trial.detected).count() as u64
    }

    /// What the trials cost, all together.
    #[must_use]
    pub fn steps_in_all(&self) -> u64 {
        self.trials.iter().map(|trial| trial.steps).sum()
    }

    /// Failures of another kind, in all trials together.
    #[must_use]
    pub fn otherwise(&self) -> u64 {
        self.trials.iter().map(|trial| trial.otherwise).sum()
    }

    /// The median of a number that every trial has.
    #[must_use]
    pub fn median_of(&self, number: impl Fn(&Trial) -> u64) -> Median {
        let seen = |trial: &Trial| Observation { at: number(trial), detected: trial.detected };
        median(&self.trials.iter().map(seen).collect::<Vec<_>>())
    }

    /// Seeds to detection.
    #[must_use]
    pub fn seeds(&self) -> Median {
        self.median_of(|trial| trial.seeds)
    }

    /// Steps to detection.
    #[must_use]
    pub fn steps(&self) -> Median {
        self.median_of(|trial| trial.steps)
    }

    /// Microseconds to detection.
    #[must_use]
    pub fn micros(&self) -> Median {
        self.median_of(|trial| u64::try_from(trial.took.as_micros()).unwrap_or(u64::MAX))
    }
}
