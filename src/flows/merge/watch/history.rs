//! Committed states in order, which merge made each, and who was told. A crash may take the end of it away.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::flows::merge::invariants::merge::Asked;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::Table;

/// One committed state.
pub(super) struct State {
    /// What was there.
    pub(super) rows: Rc<Rows>,
    /// The merge that made it.
    pub(super) merged: Option<Asked>,
    /// The number of its request.
    pub(super) number: Option<u64>,
    /// Somebody was told that the merge was done.
    pub(super) acknowledged: bool,
    /// Something besides the record of merges has changed.
    pub(super) has_worked: bool,
    /// It brought back what was deleted before, on purpose.
    pub(super) restored: bool,
}

/// All of them.
pub(super) struct History(Vec<State>);

impl History {
    pub(super) fn new(rows: Rc<Rows>) -> History {
        History(vec![State {
            rows,
            merged: None,
            number: None,
            acknowledged: false,
            has_worked: false,
            restored: false,
        }])
    }

    pub(super) fn last(&self) -> &State {
        self.0.last().expect("there is always a state")
    }

    /// Where the last state is.
    pub(super) fn index(&self) -> usize {
        self.0.len() - 1
    }

    pub(super) fn states(&self) -> &[State] {
        &self.0
    }

    pub(super) fn push(&mut self, state: State) {
        self.0.push(state);
    }

    /// Goes on from what was found, whoever has made it.
    pub(super) fn goes_on_from(&mut self, rows: Rc<Rows>) {
        self.0.push(State { rows, merged: None, number: None, acknowledged: false, has_worked: true, restored: false });
    }

    /// Forgets what came after a state.
    pub(super) fn truncate(&mut self, last: usize) -> Vec<State> {
        self.0.split_off(last + 1)
    }

    /// Somebody was told; answers whether that merge is there.
    pub(super) fn acknowledge(&mut self, number: u64) -> bool {
        let state = self.0.iter_mut().find(|state| state.number == Some(number));
        state.map(|state| state.acknowledged = true).is_some()
    }

    /// Whether the same merge was done before.
    pub(super) fn has_done(&self, asked: &Asked) -> bool {
        self.0.iter().any(|state| state.merged.as_ref().is_some_and(|merged| merged.is_same(asked)))
    }

    /// How many merges were done, by survivor.
    pub(super) fn merges(&self) -> Vec<(i64, usize)> {
        let mut all = BTreeMap::new();
        for merged in self.0.iter().filter_map(|state| state.merged.as_ref()) {
            *all.entry(merged.base()).or_insert(0) += 1;
        }
        all.into_iter().collect()
    }

    /// Every key that was there and is not any more, up to the last state.
    pub(super) fn deleted(&self) -> BTreeSet<(Table, i64)> {
        let mut deleted = BTreeSet::new();
        for pair in self.0.windows(2) {
            for (table, rows) in Table::ALL.map(|table| (table, pair[0].rows.of(table))) {
                let after = pair[1].rows.of(table);
                if !std::ptr::eq(rows, after) {
                    deleted.extend(rows.keys().filter(|id| !after.contains_key(id)).map(|id| (table, *id)));
                }
            }
            if pair[1].restored {
                deleted.retain(|(table, id)| !pair[1].rows.of(*table).contains_key(id));
            }
        }
        deleted
    }
}
