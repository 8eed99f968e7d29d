//! What the checks of a step have found: one slot per invariant, emptied when the step is evaluated.

use std::cell::RefCell;

use crate::check::Outcome;
use crate::flows::merge::invariants::{INVARIANTS, Id};

/// One slot per invariant.
pub(super) struct Findings(RefCell<Vec<Outcome>>);

impl Default for Findings {
    fn default() -> Findings {
        Findings(RefCell::new(vec![Outcome::Idle; INVARIANTS.len()]))
    }
}

impl Findings {
    /// Adds what one check has found. The first violation of a step stays.
    pub(super) fn report(&self, id: Id, outcome: Outcome) {
        let mut slots = self.0.borrow_mut();
        let slot = &mut slots[id as usize];
        match (&*slot, &outcome) {
            (Outcome::Violated(_), _) | (_, Outcome::Idle) => {}
            _ => *slot = outcome,
        }
    }

    /// Takes what was found about one invariant.
    pub(super) fn take(&self, index: usize) -> Outcome {
        std::mem::replace(&mut self.0.borrow_mut()[index], Outcome::Idle)
    }
}
