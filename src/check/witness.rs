//! One witness for many invariants: it looks once after a step, and the invariants ask what it has found.
//!
//! Reading a database or a file for each invariant anew would cost most of a run. The looking is no invariant's
//! business, so that one that is `off` silences no other.

use std::cell::RefCell;

use super::Outcome;

/// What a witness has found since it was last asked: one slot for each declared invariant, in their order.
pub struct Findings(RefCell<Vec<Outcome>>);

impl Findings {
    /// Nothing found yet about this many invariants.
    #[must_use]
    pub fn new(invariants: usize) -> Findings {
        Findings(RefCell::new(vec![Outcome::Idle; invariants]))
    }

    /// Adds what was found about one invariant. The first violation stays, and nothing replaces an answer by none.
    ///
    /// # Panics
    /// When there is no invariant with this index.
    pub fn report(&self, index: usize, outcome: Outcome) {
        let slot = &mut self.0.borrow_mut()[index];
        if !matches!((&*slot, &outcome), (Outcome::Violated(_), _) | (_, Outcome::Idle)) {
            *slot = outcome;
        }
    }

    /// Takes what was found about one invariant.
    ///
    /// # Panics
    /// When there is no invariant with this index.
    pub fn take(&self, index: usize) -> Outcome {
        std::mem::replace(&mut self.0.borrow_mut()[index], Outcome::Idle)
    }
}

/// Sees a run, and answers for several invariants; installed with [`World::witness`](crate::world::World::witness).
pub trait Witness {
    /// Where it writes down what it finds.
    fn findings(&self) -> &Findings;

    /// Looks at the system: after each step, before the invariants that must always hold are asked.
    fn look(&self) {}

    /// Looks at the settled system: once, before the invariants that must hold in the end are asked.
    fn look_settled(&self) {}
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::check::{CheckMode, Checks, InvariantInfo, InvariantKind};
    use crate::choice::{Choices, Mode, Script, Seed, Settings};
    use crate::kernel::{Dispatch, Limits, Sim};
    use crate::trace::Trace;
    use crate::world::World;

    #[test]
    fn the_first_violation_stays_until_it_is_taken() {
        let findings = Findings::new(2);
        findings.report(1, Outcome::Held);
        findings.report(1, Outcome::Idle);
        assert_eq!(findings.take(1), Outcome::Held);
        findings.report(1, Outcome::violated("first", ""));
        findings.report(1, Outcome::violated("second", ""));
        findings.report(1, Outcome::Held);
        assert_eq!(findings.take(1), Outcome::violated("first", ""));
        assert_eq!(findings.take(1), Outcome::Idle);
        assert_eq!(findings.take(0), Outcome::Idle);
    }

    const TWO: &[InvariantInfo] =
        &[InvariantInfo::always("one", "the one"), InvariantInfo::always("other", "the other")];

    /// Finds both violated each time it looks, unless it panics.
    struct Both {
        findings: Findings,
        looked: Cell<u32>,
        panics: bool,
    }

    impl Witness for Both {
        fn findings(&self) -> &Findings {
            &self.findings
        }

        fn look(&self) {
            self.looked.set(self.looked.get() + 1);
            assert!(!self.panics, "cannot look");
            for index in 0..TWO.len() {
                self.findings.report(index, Outcome::violated("broken", ""));
            }
        }
    }

    /// What is found in two rounds, and how often the witness has looked.
    fn evaluated(off: &'static str, panics: bool) -> (Vec<String>, u32) {
        let choices = Choices::new(Seed(1), Mode::Replay, &Script::default(), &Settings::default());
        let sim = Sim::new(choices, Trace::new(false, 0), Limits::default(), Dispatch::default());
        let mode = move |id: &str| if id == off { CheckMode::Off } else { CheckMode::Record };
        let world = World::new(&sim, Checks::new(TWO, mode));
        let both = Rc::new(Both { findings: Findings::new(TWO.len()), looked: Cell::new(0), panics });
        world.witness(TWO, &both);
        for _ in 0..2 {
            let _ = world.checks().borrow_mut().evaluate(&sim, InvariantKind::Always);
        }
        let checks = world.checks().borrow();
        let first = checks.failure().map(|(failure, _)| failure);
        (first.into_iter().chain(checks.also()).map(|failure| failure.invariant.clone()).collect(), both.looked.get())
    }

    #[test]
    fn an_invariant_that_is_off_silences_no_other() {
        assert_eq!(evaluated("", false), (vec!["one".to_owned(), "other".to_owned()], 2));
        assert_eq!(evaluated("one", false), (vec!["other".to_owned()], 2));
        assert_eq!(evaluated("other", false), (vec!["one".to_owned()], 2));
    }

    #[test]
    fn a_witness_that_panics_is_a_failure_and_looks_no_more() {
        assert_eq!(evaluated("", true), (vec!["no-panic".to_owned()], 1));
    }
}
