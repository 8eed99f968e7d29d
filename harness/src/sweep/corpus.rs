//! Runs worth going back to: the first of each behaviour, for strategies that start from what was found.
//!
//! A seed sees only what generations before its own have found, so what it does depends neither on the number of
//! workers nor on who was faster.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::choice::{Seed, Strategy, generation_start};
use seedbed::scenario::Scenario;

use crate::strategy::PARENTS_MAX;

/// Behaviours that are remembered, so that memory does not grow with the number of seeds.
const BEHAVIOURS_MAX: usize = 1 << 14;

/// The runs of a sweep that showed something new.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    met: BTreeSet<u64>,
    members: Vec<Member>,
    /// Where the last generations ended, and how many members there were by then.
    ends: BTreeMap<u64, usize>,
    /// Seeds counted so far.
    counted: u64,
}

/// A run: its seed, and the seeds it goes back to.
#[derive(Clone, Debug)]
struct Member {
    seed: u64,
    parents: Vec<u64>,
}

impl Corpus {
    /// Counts the next seed of the sweep, with its behaviour unless it did not survive.
    pub fn count(&mut self, scenario: &Scenario, seed: u64, signature: Option<u64>) {
        if let Some(signature) = signature
            && self.met.len() < BEHAVIOURS_MAX
            && self.met.insert(signature)
        {
            let parents = self.parents_of(scenario, seed, self.counted);
            if parents.len() < PARENTS_MAX {
                self.members.push(Member { seed, parents });
            }
        }
        self.counted += 1;
        if generation_start(self.counted) == self.counted {
            self.ends.insert(self.counted, self.members.len());
            // Nobody asks about a generation once the one after it has ended.
            if self.ends.len() > 2 {
                self.ends.pop_first();
            }
        }
    }

    /// The parents of the seed at an index of the sweep: none unless it stands for a mutation and an earlier
    /// generation has found something.
    #[must_use]
    pub fn parents_of(&self, scenario: &Scenario, seed: u64, index: u64) -> Vec<u64> {
        if !scenario.search.parents.is_empty() {
            return scenario.search.parents.clone();
        }
        if scenario.search.strategy.of_seed(Seed(seed)) != Strategy::Mutation {
            return Vec::new();
        }
        let known = self.ends.get(&generation_start(index)).copied().unwrap_or(0);
        if known == 0 {
            return Vec::new();
        }
        let member = &self.members[(Seed(seed).derive("parent", 0) % known as u64) as usize];
        let mut parents = member.parents.clone();
        parents.push(member.seed);
        parents
    }
}
