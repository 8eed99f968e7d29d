//! A plan: everything a replay needs, without the seed.
//!
//! It repeats what it took from its scenario (flow, variant, configuration, contract, limits, claim), so it
//! still means the same run after the scenario was edited; the scenario is named for people only.

use std::collections::BTreeMap;

use super::model::{Budget, CheckMode, Claim, Expect, Explore, Scenario, Search, Workload};
use crate::check::Fingerprint;
use crate::choice::{Script, Settings};

/// One run, to be executed again.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The scenario it came from, as in `publish/ticket-877`.
    pub scenario: String,
    /// One sentence: what happens in this run.
    pub sentence: Option<String>,
    /// Name of the flow.
    pub flow: String,
    /// The variant it was found on.
    pub variant: String,
    /// As a regression: variants on which the failure must occur.
    pub fails_on: Vec<String>,
    /// As a regression: variants on which this run must hold.
    pub holds_on: Vec<String>,
    /// Where it was found: commit, seed, command.
    pub found_at: Option<String>,
    /// Digest of the trace when it was written; it changes when code does, so it is information.
    pub digest: Option<String>,
    /// The operations, each with the index it had when it was drawn or listed.
    pub operations: Vec<(usize, toml::Value)>,
    /// The deviations, in the order in which they happened; whatever it does not mention is quiet.
    pub script: Script,
    /// The failure expected; `None`: the run is expected to hold.
    pub failure: Option<Fingerprint>,
    /// The claim under which it ran: decides which invariants stop it.
    pub claim: Claim,
    /// Overrides per invariant.
    pub checks: BTreeMap<String, CheckMode>,
    /// `[flow-config]`.
    pub config: toml::Table,
    /// `[contract]`.
    pub contract: BTreeMap<String, String>,
    /// Limits of the run. Its numbers of seeds mean nothing here and keep their defaults.
    pub budget: Budget,
}

impl Plan {
    /// The plan of a run of a scenario.
    #[must_use]
    pub fn of(
        scenario: &Scenario,
        operations: Vec<(usize, toml::Value)>,
        script: Script,
        failure: Option<Fingerprint>,
    ) -> Plan {
        let seeds = Budget::default();
        Plan {
            scenario: scenario.name.clone(),
            sentence: None,
            flow: scenario.flow.clone(),
            variant: scenario.variant.clone(),
            fails_on: Vec::new(),
            holds_on: Vec::new(),
            found_at: None,
            digest: None,
            operations,
            script,
            failure,
            claim: scenario.expect.claim.clone(),
            checks: scenario.checks.clone(),
            config: scenario.config.clone(),
            contract: scenario.contract.clone(),
            budget: Budget {
                seeds_test: seeds.seeds_test,
                seeds_run: seeds.seeds_run,
                seeds_full: seeds.seeds_full,
                ..scenario.budget.clone()
            },
        }
    }

    /// The scenario a replay runs: the one it came from as far as one run is concerned.
    ///
    /// Its operations are listed, so they lose their original indices; a replay passes [`Plan::operations`].
    #[must_use]
    pub fn to_scenario(&self, path: &str) -> Scenario {
        Scenario {
            name: self.scenario.clone(),
            path: path.to_owned(),
            goal: self.sentence.clone().unwrap_or_default(),
            flow: self.flow.clone(),
            variant: self.variant.clone(),
            config: self.config.clone(),
            workload: Workload::Listed(self.operations.iter().map(|(_, op)| op.clone()).collect()),
            faults: Settings::default(),
            contract: self.contract.clone(),
            budget: self.budget.clone(),
            search: Search::default(),
            explore: Explore::default(),
            expect: Expect { claim: self.claim.clone(), within_seeds: None, sometimes: Vec::new(), minimal: None },
            checks: self.checks.clone(),
        }
    }
}
