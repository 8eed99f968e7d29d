//! Reading and checking a scenario file.

use super::catalogue::Catalogue;
use super::complaint::Complaints;
use super::fields::Fields;
use super::findings::Findings;
use super::header::{self, Subject};
use super::model::Scenario;
use super::overrides::{self, Override};
use super::{budget, contract, expect, explore, faults, flow_types, keys, search, workload};

/// Reads a scenario.
///
/// `path` is only shown and gives the scenario its name. `settings` come from the command line and are laid
/// over the file before anything is checked.
///
/// # Errors
/// Everything that is wrong with the file and the settings, by position.
pub fn read_scenario(
    path: &str,
    bytes: &[u8],
    catalogue: &Catalogue<'_>,
    settings: &[Override],
) -> Result<Scenario, Complaints> {
    let (mut table, mut findings) = header::parse(path, bytes)?;
    overrides::apply(&mut table, settings, &mut findings);
    let root = Fields::root(&table, keys::SCENARIO);
    if !header::check_version(&root, &mut findings) {
        return findings.finish(None);
    }
    root.refuse_unknown_keys(&mut findings);
    let scenario = check(path, &root, catalogue, &mut findings);
    findings.finish(scenario)
}

fn check(
    path: &str,
    root: &Fields<'_, '_>,
    catalogue: &Catalogue<'_>,
    findings: &mut Findings<'_>,
) -> Option<Scenario> {
    let goal = root.required_string("goal", "goal = \"One sentence: what this scenario shows.\"", findings);
    let Subject { flow, variant, names, valid_variant } = header::read_subject(root, catalogue, findings);
    let names = names.as_ref();

    let config = root.get("flow-config");
    let config = flow_types::read_config(config, &root.span, valid_variant.as_deref(), names, findings);
    let workload = root.table("workload", keys::WORKLOAD, findings);
    let workload = workload::read(workload.as_ref(), names, findings);
    let faults = root.names("faults", findings).map(|table| faults::read(table, names, findings));
    let contract = root.names("contract", findings).map(|table| contract::read(table, findings));

    let limits = root.table("budget", keys::BUDGET, findings);
    let mut budget = budget::read(limits.as_ref(), findings);
    if let Some(limits) = &limits {
        budget::read_seeds(limits, &mut budget, findings);
    }
    let searched = root.table("search", keys::SEARCH, findings);
    let search = searched.map(|table| search::read(&table, findings));
    let bounds = root.table("explore", keys::EXPLORE, findings);
    let explore = bounds.map(|table| explore::read(&table, names, findings));

    root.require("expect", "[expect] with violates = \"no-panic\" or holds = true", findings);
    let expected = root.table("expect", keys::EXPECT, findings);
    let expect = expected.and_then(|table| expect::read(&table, names, &budget, findings));
    let claim = expect.as_ref().map(|expect| &expect.claim);
    let checks = root.names("checks", findings).map(|table| expect::read_checks(table, claim, names, findings));

    Some(Scenario {
        name: header::name_of(path),
        path: path.to_owned(),
        goal: goal?.value,
        flow: flow?,
        variant: variant?,
        config,
        workload,
        faults: faults.unwrap_or_default(),
        contract: contract.unwrap_or_default(),
        budget,
        search: search.unwrap_or_default(),
        explore: explore.unwrap_or_default(),
        expect: expect?,
        checks: checks.unwrap_or_default(),
    })
}
