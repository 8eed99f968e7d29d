//! What runs of a sweep have shown: each feature, in how many seeds, and which of them was the first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Features with the seeds that showed them. Adding up shards in the order of their seeds gives the same, however the
/// seeds are cut into shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown(BTreeMap<u64, Showing>);

/// Who has shown a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Showing {
    /// So many seeds.
    pub seeds: u64,
    /// The first of them that others may go back to.
    pub first: Option<u64>,
}

impl Shown {
    /// Counts the next seed.
    pub fn count(&mut self, seed: u64, may_be_parent: bool, features: &[u64]) {
        let first = may_be_parent.then_some(seed);
        features.iter().for_each(|feature| self.add(*feature, Showing { seeds: 1, first }));
    }

    /// Adds what later seeds have shown.
    pub fn merge(&mut self, other: &Shown) {
        other.0.iter().for_each(|(feature, showing)| self.add(*feature, *showing));
    }

    fn add(&mut self, feature: u64, showing: Showing) {
        self.0.entry(feature).or_default().add(showing);
    }

    /// Every feature, with who has shown it.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Showing)> {
        self.0.iter().map(|(feature, showing)| (*feature, *showing))
    }
}

impl Showing {
    /// Adds later seeds.
    pub fn add(&mut self, later: Showing) {
        self.seeds += later.seeds;
        self.first = self.first.or(later.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the seeds are divided into shards, the same ones were first, and as many showed each feature.
    #[test]
    fn shards_add_up() {
        let runs: [(bool, &[u64]); 6] =
            [(false, &[1, 2]), (true, &[2]), (true, &[1, 2, 3]), (false, &[4]), (true, &[3]), (true, &[])];
        let counted = |from: usize, to: usize| {
            let mut shown = Shown::default();
            let some = runs[from..to].iter().enumerate();
            some.for_each(|(at, (may, features))| shown.count((from + at) as u64, *may, features));
            shown
        };
        let whole = counted(0, runs.len());
        let of = |seeds, first| Showing { seeds, first };
        let expected = [(1, of(2, Some(2))), (2, of(3, Some(1))), (3, of(2, Some(2))), (4, of(1, None))];
        assert!(whole.iter().eq(expected), "{whole:?}");
        for at in 0..=runs.len() {
            let mut joined = counted(0, at);
            joined.merge(&counted(at, runs.len()));
            assert_eq!(joined, whole);
        }
    }
}
