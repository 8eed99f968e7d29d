//! A run's behaviour in 64 bits: what happened at all, and roughly how often.
//!
//! Counts are put into buckets of powers of two, as coverage-guided fuzzers do, so that one retry more is not a new
//! behaviour but twice as many are.

use std::collections::BTreeMap;

use crate::check::Evaluations;
use crate::choice::SiteCount;
use crate::trace::Digest;

/// What a signature is made of.
pub(super) struct Behaviour<'a> {
    pub(super) faults: &'a BTreeMap<String, SiteCount>,
    pub(super) reentries: &'a BTreeMap<(String, String), u64>,
    pub(super) outcomes: &'a BTreeMap<String, u64>,
    pub(super) sometimes: &'a BTreeMap<String, u64>,
    pub(super) invariants: &'a BTreeMap<String, Evaluations>,
}

impl Behaviour<'_> {
    pub(super) fn signature(&self) -> u64 {
        let mut digest = Digest::EMPTY;
        let mut add = |part: u64, name: &str, count: u64| {
            if count > 0 {
                digest.absorb(part, bucket(count));
                digest.absorb_bytes(name.as_bytes());
            }
        };
        for (site, count) in self.faults {
            add(0, site, count.fired);
            add(1, site, count.observed);
        }
        for ((inner, outer), count) in self.reentries {
            add(2, inner, *count);
            add(3, outer, *count);
        }
        for (outcome, count) in self.outcomes {
            add(4, outcome, *count);
        }
        for (label, count) in self.sometimes {
            add(5, label, *count);
        }
        for (id, count) in self.invariants {
            add(6, id, count.antecedent);
        }
        digest.first_word()
    }
}

/// 1, 2 to 3, 4 to 7, and so on.
const fn bucket(count: u64) -> u64 {
    count.ilog2() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(fired: u64, outcome: &str) -> u64 {
        let count = SiteCount { fired, ..SiteCount::default() };
        Behaviour {
            faults: &BTreeMap::from([("net/cut".to_owned(), count)]),
            reentries: &BTreeMap::new(),
            outcomes: &BTreeMap::from([(outcome.to_owned(), 1)]),
            sometimes: &BTreeMap::new(),
            invariants: &BTreeMap::new(),
        }
        .signature()
    }

    /// Twice as many, another outcome, or none at all is another behaviour; one more is not.
    #[test]
    fn what_is_told_apart() {
        assert_eq!(signature(4, "ok"), signature(5, "ok"));
        assert_ne!(signature(4, "ok"), signature(8, "ok"));
        assert_ne!(signature(4, "ok"), signature(4, "lost"));
        assert_ne!(signature(0, "ok"), signature(1, "ok"));
    }
}
