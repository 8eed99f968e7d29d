//! When the power goes off around one operation, and whether that operation is a barrier.

use crate::choice::{Domain, Expander, Note};
use crate::disk::{CUT_MOMENTS, CutMoment};

/// The moments around an operation.
pub(super) struct Moments {
    /// It makes something durable: what is pending before it is a crash state of its own.
    pub(super) barrier: bool,
}

impl Domain for Moments {
    type Value = CutMoment;

    fn quiet(&self) -> CutMoment {
        CUT_MOMENTS.quiet()
    }

    fn draw(&self, expander: &mut Expander) -> CutMoment {
        CUT_MOMENTS.draw(expander)
    }

    fn words(&self, value: &CutMoment) -> String {
        CUT_MOMENTS.words(value)
    }

    fn parse(&self, words: &str) -> Option<CutMoment> {
        CUT_MOMENTS.parse(words)
    }

    fn values(&self) -> Option<Vec<CutMoment>> {
        CUT_MOMENTS.values()
    }

    fn representatives(&self) -> Vec<CutMoment> {
        CUT_MOMENTS.representatives()
    }

    fn simpler(&self, value: &CutMoment) -> Vec<CutMoment> {
        CUT_MOMENTS.simpler(value)
    }

    fn is_barrier(&self) -> bool {
        self.barrier
    }

    fn note(&self, value: &CutMoment) -> Note {
        CUT_MOMENTS.note(value)
    }
}
