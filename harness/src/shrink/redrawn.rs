//! Deviations in exchange for other operations.
//!
//! A run may need a deviation only because its operations are what they are: two of them have to come close together,
//! say, where in another order, or with a third one, no haste would be needed. No removal and no simpler value leads
//! from the one to the other. So when nothing else helps, all deviations are left out, and operations that were drawn
//! change places and are drawn anew: mostly one of them, sometimes all.

use seedbed::choice::Seed;
use seedbed::scenario::Workload;

use super::case::Edit;
use super::search::{Search, Stop};

/// How often operations are drawn anew.
const DRAWS: u64 = 1_024;
/// With more operations than this, nothing is drawn anew: hardly any of what comes out would fail.
const OPERATIONS_MAX: usize = 6;
/// One draw of so many is of all operations.
const ALL_EVERY: u64 = 4;

impl Search<'_> {
    /// The same failure without any deviation, from other operations; whether there is one.
    pub(super) fn redrawn(&mut self) -> Result<bool, Stop> {
        let count = self.best.operations.len();
        let listed = matches!(self.bench.scenario.workload, Workload::Listed(_));
        if self.best.script.is_empty() || listed || count == 0 || count > OPERATIONS_MAX {
            return Ok(false);
        }
        let edits = (0..DRAWS).filter_map(|draw| self.draw(draw)).collect();
        Ok(self.first(edits)?.is_some())
    }

    fn draw(&self, draw: u64) -> Option<Edit> {
        let mut operations = self.best.operations.clone();
        let count = operations.len() as u64;
        let all = draw % ALL_EVERY == ALL_EVERY - 1;
        // They change places, not their numbers: whoever refers to a number means whatever has it now.
        let values = order(draw / count, operations.len()).into_iter().map(|from| self.best.operations[from].1.clone());
        for (position, ((index, value), moved)) in operations.iter_mut().zip(values).enumerate() {
            *value = moved;
            if all || position as u64 == draw % count {
                let tree = self.bench.flow.drawn_operation(&self.best.config, Seed(draw), *index)?;
                *value = tree.current();
            }
        }
        Some(Edit::Redrawn(operations))
    }
}

/// An order of so many things: the `number`-th one, the present one first.
fn order(mut number: u64, count: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    while !left.is_empty() {
        let choices = left.len() as u64;
        order.push(left.remove((number % choices) as usize));
        number /= choices;
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Claim: the present order comes first, and every other one in turn.
    #[test]
    fn every_order_has_a_number() {
        assert_eq!(order(0, 4), [0, 1, 2, 3]);
        let orders: BTreeSet<Vec<usize>> = (0..24).map(|number| order(number, 4)).collect();
        assert_eq!(orders.len(), 24);
        assert_eq!(order(24, 4), order(0, 4));
    }
}
