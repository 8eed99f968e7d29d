//! Deviations in exchange for other operations.
//!
//! A run may need a deviation only because its operations are what they are: two of them have to come close together,
//! say, where a third one would do without. No removal and no simpler value leads from the one to the other. So when
//! nothing else helps, the deviations are left out and drawn operations are drawn anew, no more of them than before.

use seedbed::choice::Seed;
use seedbed::scenario::Workload;

use super::case::Edit;
use super::search::{Search, Stop};

/// How often operations are drawn anew.
const DRAWS: u64 = 512;
/// With more operations than this, nothing is drawn anew: hardly any of what comes out would fail.
const OPERATIONS_MAX: usize = 6;

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

    /// Every other draw is of all operations, those in between are of some of them.
    fn draw(&self, draw: u64) -> Option<Edit> {
        let count = self.best.operations.len();
        let all = (1_u64 << count) - 1;
        let chosen = if draw.is_multiple_of(2) { all } else { 1 + (draw / 2) % all };
        let mut operations = self.best.operations.clone();
        for (position, (index, value)) in operations.iter_mut().enumerate() {
            if chosen >> position & 1 == 1 {
                let tree = self.bench.flow.drawn_operation(&self.best.config, Seed(draw), *index)?;
                *value = tree.current();
            }
        }
        Some(Edit::Redrawn(operations))
    }
}
