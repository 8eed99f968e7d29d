//! One run: a scenario and a seed (or a script) in, a report out.
//!
//! A run passes through five phases. *start*: nodes boot at time zero, nothing harmful happens. *run*: clients start,
//! and faults strike until the workload has ended. *heal*: faults stop, links open, crashed nodes start again. *settle*: the system gets
//! time to recover, then what must hold eventually is checked. *end*: what is looked at once is looked at.

mod engine;
mod erased;
mod execute;
mod features;
mod once;
mod operations;
mod signature;

#[cfg(test)]
mod tests;

pub use engine::{engine_kinds, engine_sites, sites_of};
pub use erased::erased;
pub use once::once;

use std::collections::BTreeMap;

use crate::check::{Evaluations, Failure, Verdict};
use crate::choice::{Anchoring, Deviation, Offer, Script, Seed, SiteCount, Tactic};
use crate::flow::FlowSchema;
use crate::kernel::{Dispatch, Timing};
use crate::scenario::Scenario;
use crate::snapshot::{KeepStates, States};
use crate::trace::{Digest, Trace};

/// What to execute.
#[derive(Clone, Debug)]
pub struct RunRequest<'a> {
    /// The validated scenario (its `variant` and `config` are what is run).
    pub scenario: &'a Scenario,
    /// The seed; `None` when a plan is replayed, which has none.
    pub seed: Option<Seed>,
    /// Where answers come from.
    pub source: Source<'a>,
    /// The operations; `None`: as the scenario says, drawn from the seed.
    pub operations: Option<&'a [(usize, toml::Value)]>,
    /// Keep the whole trace in the report (a digest is always computed).
    pub keep_trace: bool,
    /// Keep the list of all offers in the report.
    pub keep_offers: bool,
    /// Keep the state of the nodes in the report.
    pub keep_states: KeepStates,
    /// Order of dispatch; by time unless exploring.
    pub dispatch: Dispatch,
    /// End the run after this step.
    pub until_step: Option<u64>,
}

/// Where the answers of a run come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Drawn from the seed.
    Search,
    /// Drawn from the seed as a strategy wants.
    Guided(&'a Guide<'a>),
    /// Looked up in a script; what it does not mention is quiet.
    Replay(&'a Script),
    /// From the script up to a step, drawn from the seed afterwards.
    Mixed(&'a Script, u64),
    /// Looked up in a script; what it does not mention is quiet, or what it is pinned to. Offers are listed, and
    /// every invariant is recorded instead of ending the run: for enumerating.
    Explore(Exploring<'a>),
}

/// How a strategy draws a run.
#[derive(Clone, Debug, Default)]
pub struct Guide<'a> {
    /// What it changes about the draws.
    pub tactic: Tactic,
    /// Followed up to a step, before anything is drawn.
    pub beginning: Option<(&'a Script, u64)>,
    /// Put the script and the operations into the report although nothing failed.
    pub keep_script: bool,
    /// With `keep_offers`: of these sites only, by label; `None`: of all.
    pub offers_of: Option<&'a [String]>,
}

/// A run among many that are enumerated.
#[derive(Clone, Copy, Debug)]
pub struct Exploring<'a> {
    /// What deviates.
    pub script: &'a Script,
    /// What deviates there and at every later offer of the same site and actor.
    pub lasting: &'a [Deviation],
    /// Labels of the sites whose offers are listed.
    pub sites: &'a [String],
    /// So many offers are listed at most, the first ones.
    pub offers_max: usize,
    /// They are listed from this mark of the flow on; `None`: from the start.
    pub from: Option<&'a str>,
}

/// Everything a run has to say.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Holds, violates, panics, hangs or budget.
    pub verdict: Verdict,
    /// The failure that ended it.
    pub failure: Option<Failure>,
    /// Other violations, in the order in which they were found (each fingerprint once).
    pub also: Vec<Failure>,
    /// Which budget ended it, when one did: `steps`, `virtual`, `trace-events`.
    pub exhausted: Option<&'static str>,
    /// Steps executed.
    pub steps: u64,
    /// Virtual time at the end, in nanoseconds.
    pub virtual_ns: u64,
    /// Equality of executions.
    pub digest: Digest,
    /// The digest after each step; only with `keep_trace`.
    pub step_digests: Vec<Digest>,
    /// Operations by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Sometimes-marks hit, with counts.
    pub sometimes: BTreeMap<String, u64>,
    /// Accounting per site.
    pub faults: BTreeMap<String, SiteCount>,
    /// Evaluations per invariant.
    pub invariants: BTreeMap<String, Evaluations>,
    /// "X inside Y" pairs that happened, with counts.
    pub reentries: BTreeMap<(String, String), u64>,
    /// The deviations this run took.
    pub script: Script,
    /// How much of the given script was found again.
    pub anchoring: Anchoring,
    /// The operations that were executed.
    pub operations: Vec<(usize, toml::Value)>,
    /// The trace; only with `keep_trace`.
    pub trace: Option<Trace>,
    /// All offers; only with `keep_offers`, or when exploring.
    pub offers: Vec<Offer>,
    /// What kind of behaviour this was: how many kinds of faults struck, what ran inside what, how operations ended and
    /// what the invariants had to check, each about how often. Runs with equal signatures taught the same.
    pub signature: u64,
    /// What the run has shown, one thing at a time: at which sites what happened about how often, what ran inside what,
    /// outcomes, marks, what invariants had to check, violations. Only of runs that were searched.
    pub features: Vec<u64>,
    /// When events were dispatched, and what would have decided it by time; only if the order was chosen.
    pub timings: Vec<Timing>,
    /// The state of the nodes; only with `keep_states`.
    pub states: States,
}

/// A drawn operation that can be simplified step by step: a proptest `ValueTree` without its types.
pub trait OperationTree {
    /// The operation as it is at present.
    fn current(&self) -> toml::Value;

    /// Makes it simpler; answers whether it could.
    fn simplify(&mut self) -> bool;

    /// Takes a part of the last simplification back; answers whether it could.
    fn complicate(&mut self) -> bool;
}

/// A flow without its types: what the harness sweeps, replays and shrinks.
pub trait AnyFlow: FlowSchema {
    /// The operations a seed stands for, each with its index.
    fn draw_operations(&self, config: &toml::Table, seed: Seed, count: usize) -> Vec<(usize, toml::Value)>;

    /// Simpler forms of an operation, simplest first.
    fn simpler(&self, operation: &toml::Value) -> Vec<toml::Value>;

    /// The operation that a seed stands for, with the ways in which its strategy can simplify it.
    fn drawn_operation(&self, config: &toml::Table, seed: Seed, index: usize) -> Option<Box<dyn OperationTree>> {
        let _ = (config, seed, index);
        None
    }

    /// Smaller configurations that are valid for the variant, the smallest first.
    fn smaller_configs(&self, variant: &str, config: &toml::Table) -> Vec<toml::Table> {
        let _ = (variant, config);
        Vec::new()
    }

    /// Executes one run. Whatever the code under test does ends up in the report; this never panics for it.
    fn run(&self, request: &RunRequest<'_>) -> RunReport;
}
