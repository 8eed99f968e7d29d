//! What a run has shown, one thing at a time, each as 64 bits.
//!
//! A signature says which things came together, and has to be coarse to say anything. A search that goes back to runs
//! which showed something new wants the opposite: it should notice the first torn write at one site although everything
//! else about that run has been seen before. So each thing is a feature of its own: a site with what came of its offers,
//! something that ran inside something else, an outcome, a mark, what an invariant had to check, a violation. How often
//! it happened is told in powers of two (American fuzzy lop's buckets for counts of branches, Zalewski 2014).

use std::collections::BTreeMap;

use crate::check::{Evaluations, Failure};
use crate::choice::SiteCount;
use crate::trace::Digest;

/// What features are made of.
pub(super) struct Shown<'a> {
    pub(super) faults: &'a BTreeMap<String, SiteCount>,
    /// Values taken, by site and word; those without a fixed word under the empty one.
    pub(super) values: &'a BTreeMap<(&'static str, &'static str), u64>,
    pub(super) reentries: &'a BTreeMap<(String, String), u64>,
    pub(super) outcomes: &'a BTreeMap<String, u64>,
    pub(super) sometimes: &'a BTreeMap<String, u64>,
    pub(super) invariants: &'a BTreeMap<String, Evaluations>,
    pub(super) violations: &'a [Failure],
}

impl Shown<'_> {
    /// Each feature once, in no particular order.
    pub(super) fn features(&self) -> Vec<u64> {
        let mut features = Vec::with_capacity(256);
        let mut add = |part: u64, name: Digest, count: u64| {
            if count > 0 {
                let mut feature = name;
                feature.absorb(part, bucket(count));
                features.push(feature.first_word());
            }
        };
        for (site, count) in self.faults {
            let name = named(&[site]);
            add(0, name, count.offered);
            add(1, name, count.observed);
            add(2, name, count.ineligible);
        }
        for ((site, value), count) in self.values {
            add(3, named(&[site, value]), *count);
        }
        for ((inner, outer), count) in self.reentries {
            add(4, named(&[inner, outer]), u64::from(*count > 0));
        }
        for (outcome, count) in self.outcomes {
            add(5, named(&[outcome]), *count);
        }
        for (mark, count) in self.sometimes {
            add(6, named(&[mark]), u64::from(*count > 0));
        }
        for (id, count) in self.invariants {
            add(7, named(&[id]), count.antecedent);
        }
        for failure in self.violations {
            add(8, named(&[&failure.invariant, &failure.cause]), 1);
        }
        features
    }
}

fn named(names: &[&str]) -> Digest {
    let mut digest = Digest::EMPTY;
    names.iter().for_each(|name| digest.absorb_bytes(name.as_bytes()));
    digest
}

/// 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, and more.
const fn bucket(count: u64) -> u64 {
    match count {
        0..=3 => count,
        4..=7 => 4,
        8..=15 => 5,
        16..=31 => 6,
        32..=127 => 7,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn features(sites: &[(&str, SiteCount)], values: &[(&'static str, &'static str, u64)]) -> BTreeSet<u64> {
        let none = BTreeMap::new();
        let shown = Shown {
            faults: &sites.iter().map(|(site, count)| ((*site).to_owned(), *count)).collect(),
            values: &values.iter().map(|(site, value, count)| ((*site, *value), *count)).collect(),
            reentries: &BTreeMap::new(),
            outcomes: &none,
            sometimes: &none,
            invariants: &BTreeMap::new(),
            violations: &[],
        };
        let all = shown.features();
        let features: BTreeSet<u64> = all.iter().copied().collect();
        assert_eq!(features.len(), all.len(), "each once");
        features
    }

    /// Another value at a site, the same value at another site, and twice instead of once are new; five instead of four
    /// is not, and what happened at one site hides nothing at another.
    #[test]
    fn what_is_told_apart() {
        let torn = features(&[], &[("disk/torn", "head", 1)]);
        assert_ne!(torn, features(&[], &[("disk/torn", "tail", 1)]));
        assert_ne!(torn, features(&[], &[("disk/lost", "head", 1)]));
        assert_ne!(torn, features(&[], &[("disk/torn", "head", 2)]));
        let four = features(&[], &[("disk/torn", "head", 4)]);
        assert_eq!(four, features(&[], &[("disk/torn", "head", 5)]));
        let both = features(&[], &[("disk/torn", "head", 1), ("disk/lost", "yes", 4)]);
        assert!(both.is_superset(&torn) && both.len() == 2);
    }

    /// A fault that the code noticed is another feature than one that it did not, and one that could not apply a third.
    #[test]
    fn what_came_of_a_fault() {
        let count = |observed, ineligible| SiteCount { offered: 9, observed, ineligible, ..SiteCount::default() };
        let shown = [count(0, 0), count(1, 0), count(0, 1)].map(|count| features(&[("net/reset", count)], &[]));
        assert_eq!(shown.each_ref().map(BTreeSet::len), [1, 2, 2]);
        assert_ne!(shown[1], shown[2]);
    }
}
