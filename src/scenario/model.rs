//! A validated scenario: what a scenario file says, with every name resolved and every default filled in.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use crate::check::CheckMode;
use crate::choice::{self, Script, Strategy};

/// A scenario file that passed validation.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `<folder>/<file stem>`, as in `publish/ticket-877`.
    pub name: String,
    /// The path as it was given.
    pub path: String,
    /// One sentence: what this scenario is for.
    pub goal: String,
    /// Name of the flow.
    pub flow: String,
    /// One of the flow's variants.
    pub variant: String,
    /// `[flow-config]`, accepted by the flow's own type.
    pub config: toml::Table,
    /// `[workload]`.
    pub workload: Workload,
    /// `[faults]`.
    pub faults: choice::Settings,
    /// `[contract]`: what the system promises to survive. `disk = "ordered | posix-strict"`, `disk-faults =
    /// "sync-error"`: see [`disk::Contract`](crate::disk::Contract).
    pub contract: BTreeMap<String, String>,
    /// `[budget]`.
    pub budget: Budget,
    /// `[search]`.
    pub search: Search,
    /// `[explore]`.
    pub explore: Explore,
    /// `[expect]`.
    pub expect: Expect,
    /// `[checks]`: overrides per invariant.
    pub checks: BTreeMap<String, CheckMode>,
}

/// The operations of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// This many operations, drawn from the seed by the flow's strategy.
    Generated(usize),
    /// Exactly these, in the flow's own operation type.
    Listed(Vec<toml::Value>),
}

/// Limits, as counts; none is in wall-clock seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps per run (default 20,000).
    pub steps: u64,
    /// Task polls per step (default 10,000); above it the run `hangs`.
    pub polls_per_step: u64,
    /// Virtual time per run (default 10 minutes).
    pub virtual_time: Duration,
    /// Trace events per run (default 1,000,000).
    pub trace_events: u64,
    /// Seeds under `cargo test` (default 50).
    pub seeds_test: u64,
    /// Seeds under `seedbed run` (default 1,000).
    pub seeds_run: u64,
    /// Seeds under `seedbed run --full` (default 20,000).
    pub seeds_full: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            steps: 20_000,
            polls_per_step: 10_000,
            virtual_time: Duration::from_secs(600),
            trace_events: 1_000_000,
            seeds_test: 50,
            seeds_run: 1_000,
            seeds_full: 20_000,
        }
    }
}

/// How seeds are searched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// The strategy of the seeds.
    pub strategy: Strategy,
    /// For one seed that stands for a mutation: what it goes back to, the direct parent last. Without them such a seed is
    /// a swarm seed.
    pub parents: Vec<Parent>,
    /// Mutations go back to stored plans, too.
    pub from_plans: bool,
    /// The stored plans that mutations may go back to. A file only names them; whoever reads it fetches them.
    pub plans: Vec<Arc<StoredPlan>>,
}

/// What a mutation goes back to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parent {
    /// A stored plan, by its path; only at the beginning of a line of parents, whose runs have the plan's
    /// configuration.
    Plan(String),
    /// A seed of the same sweep.
    Seed(u64),
}

/// What mutations take from a stored plan.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPlan {
    /// The path as it was given.
    pub path: String,
    /// `[flow-config]`: what its operations are made for.
    pub config: toml::Table,
    /// The operations, each with its index.
    pub operations: Vec<(usize, toml::Value)>,
    /// The deviations.
    pub script: Script,
}

impl From<u64> for Parent {
    fn from(seed: u64) -> Parent {
        Parent::Seed(seed)
    }
}

impl FromStr for Parent {
    type Err = Infallible;

    /// A number is a seed; anything else is the path of a plan.
    fn from_str(text: &str) -> Result<Parent, Infallible> {
        Ok(text.parse().map_or_else(|_| Parent::Plan(text.to_owned()), Parent::Seed))
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parent::Plan(path) => f.write_str(path),
            Parent::Seed(seed) => write!(f, "{seed}"),
        }
    }
}

impl Serialize for Parent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Parent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parent, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Bounds of a systematic exploration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explore {
    /// A mark of the flow; everything before it stays quiet.
    pub from: Option<String>,
    /// Labels of the events whose order is explored; empty: all.
    pub events: Vec<String>,
    /// Choice sites whose values are enumerated; empty: none but the order.
    pub sites: Vec<String>,
}

/// What the scenario's author expects.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// The verdict expected of a sweep.
    pub claim: Claim,
    /// The violation must be found within this many seeds (only with `violates`).
    pub within_seeds: Option<u64>,
    /// Marks that must each be hit at least once in a sweep.
    pub sometimes: Vec<String>,
    /// What shrinking must reach.
    pub minimal: Option<Minimal>,
}

/// The verdict expected of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This invariant is violated; it stops the run, all others are recorded.
    Violates(String),
    /// Every invariant holds; all stop.
    Holds,
    /// These hold and stop; the rest are recorded.
    HoldsOnly(Vec<String>),
}

/// The size a failure must shrink to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimal {
    /// Deviations left, at most.
    pub deviations: usize,
    /// Operations left, at most.
    pub operations: usize,
}
