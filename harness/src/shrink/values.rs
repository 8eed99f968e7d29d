//! Simpler values of what cannot be removed: of deviations, and of operations.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::choice::{Deviation, Offer, Seed};
use seedbed::run::OperationTree;

use super::case::Edit;
use super::search::{Search, Stop};

/// Steps spent on one drawn operation at most.
const TREE_STEPS_MAX: usize = 1_000;

/// Drawn operations that can still be simplified, by index.
pub(super) type Trees = BTreeMap<usize, Box<dyn OperationTree>>;

type Place = (String, String, u64);

fn place(deviation: &Deviation) -> Place {
    (deviation.site.clone(), deviation.actor.clone(), deviation.n)
}

impl Search<'_> {
    /// Gives each deviation the simplest value with which the run still fails.
    pub(super) fn deviation_values(&mut self) -> Result<(), Stop> {
        if self.best.script.is_empty() {
            return Ok(());
        }
        let mut simpler = simpler_by_place(self.inspect()?.offers);
        let mut done = BTreeSet::new();
        loop {
            let mut deviations = self.best.script.iter().enumerate();
            let next = deviations.find(|(_, deviation)| !done.contains(&place(deviation)));
            let Some((at, deviation)) = next else {
                return Ok(());
            };
            let place = place(deviation);
            let words = simpler.remove(&place).unwrap_or_default();
            let edits = words.into_iter().map(|words| Edit::Value(at, words)).collect();
            if self.first(edits)?.is_some() {
                simpler = simpler_by_place(self.inspect()?.offers);
            } else {
                done.insert(place);
            }
        }
    }

    /// The trees of the operations that a seed stands for.
    pub(super) fn trees(&self, seed: Option<u64>) -> Trees {
        let Some(seed) = seed else {
            return Trees::new();
        };
        let config = &self.bench.scenario.config;
        let tree = |(index, value): &(usize, toml::Value)| {
            let tree = self.bench.flow.drawn_operation(config, Seed(seed), *index)?;
            // Listed operations have indices too, and were not drawn.
            (tree.current() == *value).then_some((*index, tree))
        };
        self.best.operations.iter().filter_map(tree).collect()
    }

    /// Simplifies drawn operations along their trees, as far as each of them goes.
    pub(super) fn drawn_operations(&mut self, trees: &mut Trees) -> Result<(), Stop> {
        for at in 0..self.best.operations.len() {
            let Some(mut tree) = trees.remove(&self.best.operations[at].0) else {
                continue;
            };
            let mut moved = tree.simplify();
            for _ in 0..TREE_STEPS_MAX {
                if !moved {
                    break;
                }
                let value = tree.current();
                let fails =
                    value == self.best.operations[at].1 || self.first(vec![Edit::Operation(at, value)])?.is_some();
                moved = if fails { tree.simplify() } else { tree.complicate() };
            }
        }
        Ok(())
    }

    /// Simplifies operations by the flow's own idea of simpler.
    pub(super) fn operation_values(&mut self) -> Result<(), Stop> {
        for at in 0..self.best.operations.len() {
            let mut seen = vec![self.best.operations[at].1.clone()];
            loop {
                let mut simpler = self.bench.flow.simpler(&self.best.operations[at].1);
                simpler.retain(|value| !seen.contains(value));
                let edits = simpler.into_iter().map(|value| Edit::Operation(at, value));
                if self.first(edits.collect())?.is_none() {
                    break;
                }
                seen.push(self.best.operations[at].1.clone());
            }
        }
        Ok(())
    }
}

fn simpler_by_place(offers: Vec<Offer>) -> BTreeMap<Place, Vec<String>> {
    let deviating = offers.into_iter().filter(|offer| !offer.simpler.is_empty());
    deviating.map(|offer| ((offer.site, offer.actor, offer.n), offer.simpler)).collect()
}
