//! A run's behaviour in 64 bits: what happened at all, and very roughly how often.
//!
//! It has to be coarse. A sweep estimates from the behaviours it met once how likely the next run shows a new one; if
//! every run were a behaviour of its own, that would say nothing. So a count is none, one, a few or many, and of the
//! faults only how many kinds of them struck: which of twenty did is a draw of the swarm, not a behaviour.

use std::collections::BTreeMap;

use crate::check::Evaluations;
use crate::trace::Digest;

/// What a signature is made of.
pub(super) struct Behaviour<'a> {
    pub(super) kinds_fired: u64,
    pub(super) reentries: &'a BTreeMap<(String, String), u64>,
    pub(super) outcomes: &'a BTreeMap<String, u64>,
    pub(super) sometimes: &'a BTreeMap<String, u64>,
    pub(super) invariants: &'a BTreeMap<String, Evaluations>,
}

impl Behaviour<'_> {
    pub(super) fn signature(&self) -> u64 {
        let mut digest = Digest::EMPTY;
        let mut add = |part: u64, name: &str, bucket: u64| {
            if bucket > 0 {
                digest.absorb(part, bucket);
                digest.absorb_bytes(name.as_bytes());
            }
        };
        add(0, "", bucket(self.kinds_fired));
        for ((inner, outer), count) in self.reentries {
            add(2, inner, u64::from(*count > 0));
            add(3, outer, u64::from(*count > 0));
        }
        for (outcome, count) in self.outcomes {
            add(4, outcome, bucket(*count));
        }
        for (label, count) in self.sometimes {
            add(5, label, u64::from(*count > 0));
        }
        for (id, count) in self.invariants {
            add(6, id, u64::from(count.antecedent > 0));
        }
        digest.first_word()
    }
}

/// None, one, a few, many.
const fn bucket(count: u64) -> u64 {
    match count {
        0 => 0,
        1 => 1,
        2..=7 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(kinds_fired: u64, outcome: &str, count: u64) -> u64 {
        Behaviour {
            kinds_fired,
            reentries: &BTreeMap::new(),
            outcomes: &BTreeMap::from([(outcome.to_owned(), count)]),
            sometimes: &BTreeMap::new(),
            invariants: &BTreeMap::new(),
        }
        .signature()
    }

    /// Another outcome, or many instead of one, is another behaviour; one more of a few is not.
    #[test]
    fn what_is_told_apart() {
        assert_eq!(signature(3, "ok", 4), signature(4, "ok", 5));
        assert_ne!(signature(3, "ok", 1), signature(3, "ok", 9));
        assert_ne!(signature(3, "ok", 4), signature(3, "lost", 4));
        assert_ne!(signature(0, "ok", 4), signature(1, "ok", 4));
    }
}
