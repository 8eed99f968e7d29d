//! Budgets of a run, all of them counts.

use super::Time;

/// Budgets of a run. Using one up ends the run with a verdict of its own.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps; beyond it the answer is unknown.
    pub steps_max: u64,
    /// Polls within one step; beyond it the run hangs.
    pub polls_per_step_max: u64,
    /// Steps at one instant of virtual time; beyond it the run hangs: time stands still.
    pub steps_per_instant_max: u64,
    /// Virtual time; beyond it the answer is unknown.
    pub time_max: Time,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            steps_max: 20_000,
            polls_per_step_max: 10_000,
            steps_per_instant_max: 10_000,
            time_max: Time::from_nanos(600_000_000_000),
        }
    }
}
