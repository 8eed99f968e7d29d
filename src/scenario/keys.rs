//! The tables of scenario and plan files and the keys each may have.

/// A table of the format with its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// How messages name the table; the file's top level has no name.
    pub table: &'static str,
    pub keys: &'static [&'static str],
}

pub(super) const SCENARIO: Keys = Keys {
    table: "",
    keys: &[
        "seedbed",
        "goal",
        "flow",
        "variant",
        "flow-config",
        "workload",
        "faults",
        "contract",
        "budget",
        "explore",
        "expect",
        "checks",
    ],
};
pub(super) const WORKLOAD: Keys = Keys {
    table: "[workload]",
    keys: &["operations", "op"],
};
pub(super) const SITE: Keys = Keys {
    table: "a site's table",
    keys: &["rate", "actors", "max", "pin"],
};
pub(super) const BUDGET: Keys = Keys {
    table: "[budget]",
    keys: &[
        "steps",
        "virtual",
        "polls-per-step",
        "trace-events",
        "seeds",
    ],
};
pub(super) const SEEDS: Keys = Keys {
    table: "budget.seeds",
    keys: &["test", "run", "full"],
};
pub(super) const EXPLORE: Keys = Keys {
    table: "[explore]",
    keys: &["from", "events", "sites"],
};
pub(super) const EXPECT: Keys = Keys {
    table: "[expect]",
    keys: &["violates", "holds", "within-seeds", "sometimes", "minimal"],
};
pub(super) const MINIMAL: Keys = Keys {
    table: "expect.minimal",
    keys: &["deviations", "operations"],
};

pub(super) const PLAN: Keys = Keys {
    table: "",
    keys: &[
        "seedbed",
        "scenario",
        "sentence",
        "flow",
        "variant",
        "fails-on",
        "holds-on",
        "found-at",
        "digest",
        "operations",
        "deviations",
        "failure",
        "expect",
        "checks",
        "flow-config",
        "contract",
        "budget",
    ],
};
pub(super) const OPERATION: Keys = Keys {
    table: "an operation",
    keys: &["n", "op"],
};
pub(super) const DEVIATION: Keys = Keys {
    table: "a deviation",
    keys: &["site", "actor", "n", "value", "step"],
};
pub(super) const FAILURE: Keys = Keys {
    table: "[failure]",
    keys: &["invariant", "cause"],
};
pub(super) const PLAN_BUDGET: Keys = Keys {
    table: "[budget]",
    keys: &["steps", "virtual", "polls-per-step", "trace-events"],
};
pub(super) const PLAN_EXPECT: Keys = Keys {
    table: "[expect]",
    keys: &["violates", "holds"],
};

/// Where a key that stands in the wrong table belongs.
///
/// In TOML everything below a header belongs to that header, so a top-level key added at the end of a file
/// silently lands in its last table; saying so is worth more than a list of keys.
pub(super) fn home_of(key: &str, found_in: Keys, plan: bool) -> Option<&'static str> {
    let tables: &[Keys] = if plan {
        &[PLAN, FAILURE, PLAN_BUDGET, PLAN_EXPECT]
    } else {
        &[SCENARIO, WORKLOAD, BUDGET, EXPLORE, EXPECT]
    };
    let home = tables
        .iter()
        .find(|table| table.table != found_in.table && table.keys.contains(&key))?;
    Some(if home.table.is_empty() {
        "the top of the file, above the first [table]"
    } else {
        home.table
    })
}
