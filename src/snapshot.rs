//! What a run shows of its nodes' state: for people who look at one run, never for sweeps.
//!
//! A flow registers per node what is worth seeing (`World::snapshot`); a run collects it at its end or after each
//! step when asked to ([`KeepStates`]). Values are flattened to **fields** with dotted names
//! (`client.servermap.s1`), so that a change has a name and two runs can be compared. The engine adds
//! `<node>.(node)`: up, down or paused. Looking changes nothing: a run has the same digest with and without.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::disk::Disks;
use crate::kernel::Sim;

/// Fields by name, each with a plain value. An empty list or map has no fields.
pub type Fields = BTreeMap<String, Value>;

/// Which states a run keeps for its report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepStates {
    /// None.
    #[default]
    Never,
    /// How it was at the end of the run.
    Last,
    /// That, with the files of every node.
    Files,
    /// What changed in each step.
    EachStep,
}

/// One field that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The step after which it was noticed; 0: before the first.
    pub step: u64,
    /// The field.
    pub field: String,
    /// What it was; `None`: it was not there.
    pub before: Option<Value>,
    /// What it is now; `None`: it is gone.
    pub after: Option<Value>,
}

/// The states a run has kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    last: Fields,
    changes: Vec<Change>,
    files: Vec<FileAtEnd>,
}

/// A file of a simulated node when the run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAtEnd {
    /// The node's name.
    pub node: String,
    /// The path on its disk.
    pub path: String,
    /// What everybody saw in it.
    pub bytes: Vec<u8>,
}

impl States {
    /// How it was at the end.
    #[must_use]
    pub fn last(&self) -> &Fields {
        &self.last
    }

    /// The files of every node, by node and path; with [`KeepStates::Files`] only.
    #[must_use]
    pub fn files(&self) -> &[FileAtEnd] {
        &self.files
    }

    /// Every change in the order of steps, then of field names; with [`KeepStates::EachStep`] only.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes of one step.
    #[must_use]
    pub fn changed_in(&self, step: u64) -> &[Change] {
        let from = self.changes.partition_point(|change| change.step < step);
        let to = self.changes.partition_point(|change| change.step <= step);
        &self.changes[from..to]
    }

    /// How it was after a step; with [`KeepStates::EachStep`] only.
    #[must_use]
    pub fn as_of(&self, step: u64) -> Fields {
        let to = self.changes.partition_point(|change| change.step <= step);
        let mut fields = Fields::new();
        for change in &self.changes[..to] {
            match &change.after {
                Some(value) => fields.insert(change.field.clone(), value.clone()),
                None => fields.remove(&change.field),
            };
        }
        fields
    }
}

/// Looks at one node.
type Show = Box<dyn Fn() -> Value>;

/// Collects the states of one run.
#[derive(Default)]
pub(crate) struct Recorder {
    keep: KeepStates,
    sources: Vec<(String, Show)>,
    states: States,
}

impl Recorder {
    pub(crate) fn keep(&mut self, keep: KeepStates) {
        self.keep = keep;
    }

    /// Whether each step is to be recorded.
    pub(crate) fn is_stepping(&self) -> bool {
        self.keep == KeepStates::EachStep
    }

    pub(crate) fn add(&mut self, node: &str, show: Show) {
        self.sources.push((node.to_owned(), show));
    }

    /// Looks at every node, and notes what has changed since it was last done.
    pub(crate) fn record(&mut self, sim: &Sim) {
        if self.keep == KeepStates::Never {
            return;
        }
        let now = self.look(sim);
        if self.keep == KeepStates::EachStep {
            let step = sim.step();
            let changes = changes(&self.states.last, &now);
            self.states.changes.extend(changes.into_iter().map(|(field, before, after)| Change {
                step,
                field,
                before,
                after,
            }));
        }
        self.states.last = now;
    }

    /// Keeps the files of every node, if that is wanted.
    pub(crate) fn record_files(&mut self, sim: &Sim, disks: &Disks) {
        if self.keep != KeepStates::Files {
            return;
        }
        for node in sim.node_ids() {
            let name = sim.node_name(node).to_string();
            let files = disks.files(node).into_iter();
            self.states.files.extend(files.map(|(path, bytes)| FileAtEnd { node: name.clone(), path, bytes }));
        }
    }

    pub(crate) fn take(&mut self) -> States {
        std::mem::take(&mut self.states)
    }

    /// Drops the sources, which may point back at the simulation.
    pub(crate) fn tear_down(&mut self) {
        self.sources.clear();
    }

    fn look(&self, sim: &Sim) -> Fields {
        let mut fields = Fields::new();
        for node in sim.node_ids() {
            let word = match (sim.is_up(node), sim.is_paused(node)) {
                (_, true) => "paused",
                (true, false) => "up",
                (false, false) => "down",
            };
            fields.insert(format!("{}.(node)", sim.node_name(node)), word.into());
        }
        for (node, show) in &self.sources {
            // State that is borrowed at the moment cannot be looked at; that is no failure of the run.
            let value = catch_unwind(AssertUnwindSafe(show)).unwrap_or_else(|_| Value::from("(cannot be looked at)"));
            flatten(node, value, &mut fields);
        }
        fields
    }
}

fn flatten(name: &str, value: Value, fields: &mut Fields) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                flatten(&format!("{name}.{key}"), value, fields);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.into_iter().enumerate() {
                flatten(&format!("{name}.{index}"), value, fields);
            }
        }
        plain => {
            fields.insert(name.to_owned(), plain);
        }
    }
}

/// The fields that differ, in the order of their names, with their value before and after.
#[must_use]
pub fn changes(before: &Fields, after: &Fields) -> Vec<(String, Option<Value>, Option<Value>)> {
    let gone = before
        .iter()
        .filter(|(field, _)| !after.contains_key(*field))
        .map(|(field, value)| (field.clone(), Some(value.clone()), None));
    let new = after
        .iter()
        .filter(|(field, value)| before.get(*field) != Some(*value))
        .map(|(field, value)| (field.clone(), before.get(field).cloned(), Some(value.clone())));
    let mut changes: Vec<_> = gone.chain(new).collect();
    changes.sort_by(|one, other| one.0.cmp(&other.0));
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        let mut fields = Fields::new();
        flatten("n", value, &mut fields);
        fields
    }

    #[test]
    fn nested_values_become_fields_with_dotted_names() {
        let shown = fields(json!({ "b": { "c": [1, "x"], "d": {} }, "a": null }));
        let names: Vec<&str> = shown.keys().map(String::as_str).collect();
        assert_eq!(names, ["n.a", "n.b.c.0", "n.b.c.1"]);
        assert_eq!(fields(json!(3)).get("n"), Some(&json!(3)));
    }

    #[test]
    fn a_change_names_the_field_that_came_went_or_differs_and_no_other() {
        let (one, other) = (
            fields(json!({ "same": 1, "differs": 1, "gone": 1 })),
            fields(json!({ "same": 1, "differs": 2, "new": 1 })),
        );
        let expected = [
            ("n.differs".to_owned(), Some(json!(1)), Some(json!(2))),
            ("n.gone".to_owned(), Some(json!(1)), None),
            ("n.new".to_owned(), None, Some(json!(1))),
        ];
        assert_eq!(changes(&one, &other), expected);
        assert!(changes(&one, &one).is_empty());
    }
}
