//! Whether a failure still shrinks to what its scenario says.

use seedbed::run::AnyFlow;
use seedbed::scenario::{Minimal, Scenario};

use crate::shrink::{Options, ShrinkEnd, ShrinkError, Shrunk, Size, shrink_seed};

/// What a must-fail scenario shrinks to, compared with what it says.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The smallest run.
    pub shrunk: Shrunk,
    /// What the scenario says.
    pub stated: Option<Minimal>,
}

/// Shrinks a failing seed of a scenario.
///
/// # Errors
/// As [`shrink_seed`].
pub fn reach(
    flow: &dyn AnyFlow,
    scenario: &Scenario,
    seed: u64,
    options: &Options<'_>,
) -> Result<Reached, ShrinkError> {
    Ok(Reached { shrunk: shrink_seed(flow, scenario, seed, options)?, stated: scenario.expect.minimal })
}

impl Reached {
    /// Whether the scenario states what is reached.
    #[must_use]
    pub fn is_as_stated(&self) -> bool {
        self.shrunk.ended == ShrinkEnd::Minimal && self.stated.is_some_and(|stated| fits(self.shrunk.to, stated))
    }

    /// One remark about it.
    #[must_use]
    pub fn remark(&self) -> String {
        let Size { operations, deviations, .. } = self.shrunk.to;
        let reached = format!("{}, {}", count(operations, "operation"), count(deviations, "deviation"));
        match (self.shrunk.ended, self.stated) {
            (ShrinkEnd::Budget | ShrinkEnd::Interrupted, _) => {
                format!("shrinking ended early, at {reached}")
            }
            (ShrinkEnd::Minimal, None) => format!(
                "shrinks to {reached}, but [expect] states no minimal = {{ deviations = {deviations}, operations = {operations} }}"
            ),
            (ShrinkEnd::Minimal, Some(stated)) if !fits(self.shrunk.to, stated) => format!(
                "shrinks to {reached} only; expect.minimal says {}, {}",
                count(stated.operations, "operation"),
                count(stated.deviations, "deviation")
            ),
            (ShrinkEnd::Minimal, Some(_)) => format!("shrinks to {reached}"),
        }
    }
}

fn fits(size: Size, stated: Minimal) -> bool {
    size.operations <= stated.operations && size.deviations <= stated.deviations
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
