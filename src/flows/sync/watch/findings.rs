//! Outcomes on their way to the invariants: a step may find several, the worst counts.

use std::cell::RefCell;

use crate::check::Outcome;
use crate::flows::sync::invariants::{INVARIANTS, Id};

/// One slot for each invariant.
pub struct Findings(RefCell<Vec<Option<Outcome>>>);

impl Default for Findings {
    fn default() -> Findings {
        Findings(RefCell::new(vec![None; INVARIANTS.len()]))
    }
}

impl Findings {
    /// Notes an outcome; a violation is not overwritten.
    pub fn report(&self, id: Id, outcome: Outcome) {
        let slot = &mut self.0.borrow_mut()[id as usize];
        let keeps = matches!((&slot, &outcome), (Some(Outcome::Violated(_)), _) | (Some(_), Outcome::Idle));
        if !keeps {
            *slot = Some(outcome);
        }
    }

    /// What was found since the last call.
    pub fn take(&self, index: usize) -> Outcome {
        self.0.borrow_mut()[index].take().unwrap_or(Outcome::Idle)
    }
}
