//! A run as data, and the ways in which it is made smaller.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use seedbed::choice::{Script, stable_hash};
use seedbed::run::RunReport;
use seedbed::scenario::{Plan, Scenario};

use super::anchors::Anchors;

/// A run without its seed: all that a replay needs beside the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// `[flow-config]`.
    pub config: toml::Table,
    /// The operations, each with the index it was drawn or listed with.
    pub operations: Vec<(usize, toml::Value)>,
    /// What deviates.
    pub script: Script,
}

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Steps until it failed.
    pub steps: u64,
    /// Operations.
    pub operations: usize,
    /// Deviations.
    pub deviations: usize,
}

/// One way to make a run smaller.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// As it is.
    Nothing,
    /// Without these deviations, by position; ascending.
    Deviations(Vec<usize>),
    /// Without one deviation, and another one that many places earlier; by position.
    Earlier { without: usize, moved: usize, by: u64 },
    /// Without one deviation, and another one at this place of its site; by position.
    Elsewhere { without: usize, moved: usize, actor: String, n: u64 },
    /// Without these operations, by position.
    Operations(Range<usize>),
    /// Likewise, with the deviations moved to where the rest of the workload meets them then.
    Anchored(Range<usize>, Arc<Anchors>),
    /// Another value for the deviation at this position.
    Value(usize, String),
    /// Another value for the operation at this position.
    Operation(usize, toml::Value),
    /// Without any deviation, and with these operations.
    Redrawn(Vec<(usize, toml::Value)>),
    /// Another configuration.
    Config(toml::Table),
}

impl Case {
    /// What a run of this scenario did.
    #[must_use]
    pub fn of_report(scenario: &Scenario, report: &RunReport) -> Case {
        Case { config: scenario.config.clone(), operations: report.operations.clone(), script: report.script.clone() }
    }

    /// What a plan says.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Case {
        Case { config: plan.config.clone(), operations: plan.operations.clone(), script: plan.script.clone() }
    }

    /// The scenario with this configuration.
    #[must_use]
    pub fn scenario<'a>(&self, scenario: &'a Scenario) -> Cow<'a, Scenario> {
        if scenario.config == self.config {
            return Cow::Borrowed(scenario);
        }
        Cow::Owned(Scenario { config: self.config.clone(), ..scenario.clone() })
    }

    /// Operations and deviations together.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.operations.len() + self.script.len()
    }

    /// Equal for cases that mean the same run: the steps noted with deviations mean nothing.
    pub(super) fn key(&self) -> u64 {
        let mut parts = vec![format!("{:?}", self.config)];
        for (index, operation) in &self.operations {
            parts.push(format!("{index} {operation:?}"));
        }
        parts.push(String::new());
        for d in &self.script {
            parts.extend([d.site.clone(), d.actor.clone(), d.n.to_string(), d.value.clone()]);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        stable_hash(&parts)
    }

    pub(super) fn edited(&self, edit: &Edit) -> Case {
        let mut case = self.clone();
        match edit {
            Edit::Nothing => {}
            Edit::Deviations(positions) => {
                let mut at = 0;
                case.script.deviations.retain(|_| {
                    at += 1;
                    positions.binary_search(&(at - 1)).is_err()
                });
            }
            Edit::Earlier { without, moved, by } => {
                case.script.deviations[*moved].n -= by;
                case.script.deviations.remove(*without);
            }
            Edit::Elsewhere { without, moved, actor, n } => {
                let deviation = &mut case.script.deviations[*moved];
                deviation.actor.clone_from(actor);
                deviation.n = *n;
                case.script.deviations.remove(*without);
            }
            Edit::Operations(range) => {
                case.operations.drain(range.clone());
            }
            Edit::Anchored(range, anchors) => {
                case.operations.drain(range.clone());
                case.script = anchors.without(range, &self.script);
            }
            Edit::Value(at, words) => case.script = case.script.with_value(*at, words),
            Edit::Operation(at, value) => case.operations[*at].1 = value.clone(),
            Edit::Redrawn(operations) => {
                case.operations.clone_from(operations);
                case.script = Script::default();
            }
            Edit::Config(config) => case.config = config.clone(),
        }
        case
    }
}
