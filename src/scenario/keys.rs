//! The tables of scenario and plan files and the keys each may have.

use super::nearest;

/// A table of the format with its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// How messages name the table; the file's top level has no name.
    pub table: &'static str,
    /// What messages put in front of its keys.
    pub prefix: &'static str,
    /// Which kind of file it is part of.
    pub file: FileKind,
    pub keys: &'static [&'static str],
}

/// The kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Scenario,
    Plan,
}

const fn scenario(table: &'static str, prefix: &'static str, keys: &'static [&'static str]) -> Keys {
    Keys { table, prefix, file: FileKind::Scenario, keys }
}

const fn plan(table: &'static str, prefix: &'static str, keys: &'static [&'static str]) -> Keys {
    Keys { table, prefix, file: FileKind::Plan, keys }
}

#[rustfmt::skip] // One table, one paragraph.
mod tables {
    use super::{Keys, plan, scenario};

    pub const SCENARIO: Keys = scenario("", "", &[
        "seedbed", "goal", "flow", "variant", "flow-config", "workload", "faults", "contract", "budget", "search",
        "explore", "expect", "checks",
    ]);
    pub const WORKLOAD: Keys = scenario("[workload]", "workload.", &["operations", "op"]);
    pub const SITE: Keys = scenario("a site's table", "", &["rate", "actors", "max", "pin"]);
    pub const BUDGET: Keys = scenario("[budget]", "budget.", &[
        "steps", "virtual", "polls-per-step", "trace-events", "seeds",
    ]);
    pub const SEEDS: Keys = scenario("budget.seeds", "budget.seeds.", &["test", "run", "full"]);
    pub const SEARCH: Keys = scenario("[search]", "search.", &["strategy", "plans", "parents"]);
    pub const EXPLORE: Keys = scenario("[explore]", "explore.", &["from", "events", "sites"]);
    pub const EXPECT: Keys = scenario("[expect]", "expect.", &[
        "violates", "holds", "within-seeds", "sometimes", "minimal",
    ]);
    pub const MINIMAL: Keys = scenario("expect.minimal", "expect.minimal.", &["deviations", "operations"]);

    pub const PLAN: Keys = plan("", "", &[
        "seedbed", "scenario", "sentence", "flow", "variant", "fails-on", "holds-on", "found-at", "digest",
        "operations", "deviations", "failure", "expect", "checks", "flow-config", "contract", "budget",
    ]);
    pub const OPERATION: Keys = plan("an operation", "", &["n", "op"]);
    pub const DEVIATION: Keys = plan("a deviation", "", &["site", "actor", "n", "value", "step"]);
    pub const FAILURE: Keys = plan("[failure]", "failure.", &["invariant", "cause"]);
    pub const PLAN_BUDGET: Keys = plan("[budget]", "budget.", &[
        "steps", "virtual", "polls-per-step", "trace-events",
    ]);
    pub const PLAN_EXPECT: Keys = plan("[expect]", "expect.", &["violates", "holds"]);
}
pub(super) use tables::*;

impl Keys {
    /// Where the table is, as the end of a message.
    pub(super) fn place(self) -> String {
        match self.table {
            "" => String::new(),
            table => format!(" in {table}"),
        }
    }

    /// A way out of a key that this table does not have.
    pub(super) fn way_out(self, key: &str) -> String {
        self.home_of(key)
            .or_else(|| nearest::nearest(key, self.keys).map(|name| format!("did you mean `{name}`?")))
            .unwrap_or_else(|| format!("valid: {}", nearest::listed(self.keys)))
    }

    /// Where a key belongs that stands in the wrong table.
    ///
    /// In TOML everything below a header belongs to that header, so a top-level key added at the end of a
    /// file silently lands in its last table; saying so is worth more than a list of keys.
    fn home_of(self, key: &str) -> Option<String> {
        let (top, tables, other): (_, &[Keys], _) = match self.file {
            FileKind::Scenario => (SCENARIO, &[WORKLOAD, BUDGET, SEARCH, EXPLORE, EXPECT], PLAN),
            FileKind::Plan => (PLAN, &[FAILURE, PLAN_BUDGET, PLAN_EXPECT], SCENARIO),
        };
        if !self.table.is_empty() && top.keys.contains(&key) {
            return Some(format!("`{key}` belongs at the top of the file, above the first [table]"));
        }
        let home = tables.iter().find(|table| table.table != self.table && table.keys.contains(&key));
        if let Some(home) = home {
            return Some(format!("`{key}` belongs in {}", home.table));
        }
        let elsewhere = self.table.is_empty() && other.keys.contains(&key);
        elsewhere.then(|| match self.file {
            FileKind::Scenario => format!("`{key}` is for plans, which are called *.plan.toml"),
            FileKind::Plan => format!("`{key}` is for scenarios; a plan has no use for it"),
        })
    }
}
