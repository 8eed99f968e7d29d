//! Kinds of behaviour met in a sweep, and how likely the next seed shows one that was not met.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Signatures that are remembered, so that memory does not grow with the number of seeds.
const REMEMBERED_MAX: usize = 1 << 16;

/// How often each kind of behaviour was met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviours {
    /// By signature: once (`false`) or more often (`true`).
    met: BTreeMap<u64, bool>,
    /// Runs whose signature was new when there was no room to remember it: counted as met once.
    beyond: u64,
}

impl Behaviours {
    /// Counts a run.
    pub fn count(&mut self, signature: u64) {
        self.add(signature, false);
    }

    /// Adds what another shard has met.
    pub fn merge(&mut self, other: &Behaviours) {
        for (signature, again) in &other.met {
            self.add(*signature, *again);
        }
        self.beyond += other.beyond;
    }

    fn add(&mut self, signature: u64, again: bool) {
        if let Some(met) = self.met.get_mut(&signature) {
            *met = true;
        } else if self.met.len() < REMEMBERED_MAX {
            self.met.insert(signature, again);
        } else {
            self.beyond += 1;
        }
    }

    /// Kinds that were met exactly once: after Good and Turing, their share of all runs estimates how likely the next
    /// run shows a kind that was not met yet.
    #[must_use]
    pub fn met_once(&self) -> u64 {
        let once = self.met.values().filter(|again| !**again).count();
        once as u64 + self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the runs are divided into shards, the same kinds were met once.
    #[test]
    fn shards_add_up() {
        let runs = [7, 8, 7, 9, 10, 9, 9, 11];
        let counted = |runs: &[u64]| {
            let mut behaviours = Behaviours::default();
            runs.iter().for_each(|signature| behaviours.count(*signature));
            behaviours
        };
        let whole = counted(&runs);
        assert_eq!(whole.met_once(), 3);
        for at in 0..runs.len() {
            let mut joined = counted(&runs[..at]);
            joined.merge(&counted(&runs[at..]));
            assert_eq!(joined, whole);
        }
    }
}
