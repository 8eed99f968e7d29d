//! Who answers when the disk asks what happens next.

use super::faults::Fault;
use crate::choice::Domain;

/// Answers the disk's questions. A file's operations are asked for one by one, so that the n-th answer at a
/// site belongs to the n-th operation whatever else is switched on.
pub trait Chance {
    /// The value of this choice.
    fn choose<D: Domain>(&mut self, fault: Fault, domain: &D) -> D::Value;

    /// The choice exists but nothing but its quiet value is possible here.
    fn ineligible(&mut self, fault: Fault) {
        let _ = fault;
    }

    /// The code under test has been told of this fault.
    fn observed(&mut self, fault: Fault) {
        let _ = fault;
    }
}

/// Nothing ever goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calm;

impl Chance for Calm {
    fn choose<D: Domain>(&mut self, _: Fault, domain: &D) -> D::Value {
        domain.quiet()
    }
}

/// Asks if the fault is possible, and counts the offer either way.
pub(crate) fn offer<D: Domain>(chance: &mut impl Chance, possible: bool, fault: Fault, domain: &D) -> D::Value {
    if possible {
        chance.choose(fault, domain)
    } else {
        chance.ineligible(fault);
        domain.quiet()
    }
}
