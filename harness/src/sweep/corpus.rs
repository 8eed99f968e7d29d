//! Runs worth going back to: for each feature the first that showed it, for strategies that start from what was found.
//!
//! A seed sees only what generations before its own have found, so what it does depends neither on the number of
//! workers nor on who was faster.
//!
//! Which run a seed goes back to is decided by what that run was the first to show: a feature is drawn, the more likely
//! the fewer seeds have shown it so far. What has become common is not worth going back to any more, so the search moves
//! on by itself (the idea of AFLFast's power schedules, Böhme and others 2016, applied to features).

use std::collections::BTreeMap;

use seedbed::choice::{Seed, Strategy, generation_start};
use seedbed::scenario::{Parent, Scenario};

use super::shown::{Showing, Shown};
use crate::strategy::PARENTS_MAX;

/// Features that are remembered, so that memory does not grow with the number of seeds.
const FEATURES_MAX: usize = 1 << 14;
/// The weight of a feature that one seed has shown.
const WEIGHT: u64 = 1 << 32;

/// The runs of a sweep that showed something new.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The first seed of the sweep.
    first: u64,
    /// Seeds counted so far.
    counted: u64,
    /// What finished generations have shown.
    met: BTreeMap<u64, Showing>,
    /// What the present one has shown so far.
    pending: Shown,
    /// The runs that were the first to show something, each with what it goes back to.
    members: BTreeMap<u64, Vec<Parent>>,
    /// What can be drawn, by where a generation ends; of the last two.
    draws: BTreeMap<u64, Draw>,
}

/// Members by the features they were the first to show, with the weights summed up.
#[derive(Clone, Debug, Default)]
struct Draw(Vec<(u64, u64)>);

impl Draw {
    fn of(met: &BTreeMap<u64, Showing>) -> Draw {
        let mut draw = Draw::default();
        let mut total = 0;
        for showing in met.values() {
            if let Some(first) = showing.first {
                total += WEIGHT / showing.seeds.max(1);
                draw.0.push((total, first));
            }
        }
        draw
    }

    fn pick(&self, word: u64) -> Option<u64> {
        let (total, _) = self.0.last().filter(|(total, _)| *total > 0)?;
        let at = self.0.partition_point(|(up_to, _)| *up_to <= word % total);
        Some(self.0[at].1)
    }
}

impl Corpus {
    /// Nothing is known yet; `first` is the first seed of the sweep.
    #[must_use]
    pub fn new(first: u64) -> Corpus {
        Corpus {
            first,
            counted: 0,
            met: BTreeMap::new(),
            pending: Shown::default(),
            members: BTreeMap::new(),
            draws: BTreeMap::new(),
        }
    }

    /// Counts the next so many seeds of the sweep, all of one generation, with what those of them showed that survived.
    pub fn count(&mut self, scenario: &Scenario, seeds: u64, shown: &Shown) {
        self.pending.merge(shown);
        self.counted += seeds;
        if generation_start(self.counted) == self.counted {
            self.end_generation(scenario);
        }
    }

    fn end_generation(&mut self, scenario: &Scenario) {
        for (feature, showing) in std::mem::take(&mut self.pending).iter() {
            let known = self.met.get(&feature).copied();
            if known.is_none() && self.met.len() >= FEATURES_MAX {
                continue;
            }
            if let (None, Some(seed)) = (known.and_then(|known| known.first), showing.first)
                && !self.members.contains_key(&seed)
            {
                let parents = self.parents_of(scenario, seed);
                self.members.insert(seed, parents);
            }
            self.met.entry(feature).or_default().add(showing);
        }
        self.draws.insert(self.counted, Draw::of(&self.met));
        // Nobody asks about a generation once the one after it has ended.
        if self.draws.len() > 2 {
            self.draws.pop_first();
        }
    }

    /// The parents of a seed of the sweep: none unless it stands for a mutation and there is something to go back to. That
    /// is every other time a stored plan, where there are some, and always as long as no generation has found anything.
    #[must_use]
    pub fn parents_of(&self, scenario: &Scenario, seed: u64) -> Vec<Parent> {
        let search = &scenario.search;
        if !search.parents.is_empty() {
            return search.parents.clone();
        }
        if search.strategy.of_seed(Seed(seed)) != Strategy::Mutation {
            return Vec::new();
        }
        let word = |n| Seed(seed).derive("parent", n);
        let known = self.draws.get(&generation_start(seed.wrapping_sub(self.first)));
        let found = known.and_then(|draw| draw.pick(word(0)));
        let plans = &search.plans;
        if !plans.is_empty() && (found.is_none() || word(1).is_multiple_of(2)) {
            return vec![Parent::Plan(plans[(word(2) % plans.len() as u64) as usize].path.clone())];
        }
        let Some(found) = found else {
            return Vec::new();
        };
        let mut parents = self.members[&found].clone();
        parents.push(Parent::Seed(found));
        parents
    }
}

/// Whether others may go back to a run that goes back to these itself.
#[must_use]
pub fn may_be_parent(parents: &[Parent]) -> bool {
    parents.len() < PARENTS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What few have shown is drawn more often than what many have, by the inverse of how many.
    #[test]
    fn the_rare_is_drawn_more_often() {
        let showing = |seeds, first| Showing { seeds, first };
        let met = BTreeMap::from([(7, showing(1, Some(100))), (8, showing(4, Some(200))), (9, showing(1, None))]);
        let draw = Draw::of(&met);
        let mut drawn: BTreeMap<u64, u64> = BTreeMap::new();
        for n in 0..10_000 {
            *drawn.entry(draw.pick(Seed(n).derive("parent", 0)).expect("there are some")).or_default() += 1;
        }
        assert_eq!(drawn.len(), 2);
        assert!((7_800..8_200).contains(&drawn[&100]), "{drawn:?}");
        assert_eq!(Draw::of(&BTreeMap::new()).pick(3), None);
    }
}
