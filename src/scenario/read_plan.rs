//! Reading and checking a plan file.

use std::collections::BTreeMap;
use std::ops::Range;

use super::budget;
use super::catalogue::{Catalogue, Names};
use super::complaint::Complaints;
use super::contract;
use super::expect;
use super::fields::Fields;
use super::findings::{Findings, shown};
use super::flow_types;
use super::header::{self, Subject};
use super::keys;
use super::plan::Plan;
use super::values::Placed;
use crate::check::Fingerprint;
use crate::choice::{Deviation, Script};

/// Reads a plan.
///
/// A plan is edited by people, so it is checked like a scenario. Values of deviations are not: whether one is
/// (still) in its site's domain only shows in the replay, which reports what did not apply.
///
/// # Errors
/// Everything that is wrong with the file, by position.
pub fn read_plan(path: &str, bytes: &[u8], catalogue: &Catalogue<'_>) -> Result<Plan, Complaints> {
    let (table, mut findings) = header::parse(path, bytes)?;
    let root = Fields::root(&table, keys::PLAN);
    if !header::check_version(&root, &mut findings) {
        return findings.finish(None);
    }
    root.refuse_unknown_keys(&mut findings);
    let plan = check(&root, catalogue, &mut findings);
    findings.finish(plan)
}

fn check(root: &Fields<'_, '_>, catalogue: &Catalogue<'_>, findings: &mut Findings<'_>) -> Option<Plan> {
    let scenario = root.required_string("scenario", "scenario = \"publish/ticket-877\"", findings);
    let Subject { flow, variant, names, valid_variant } = header::read_subject(root, catalogue, findings);
    let names = names.as_ref();
    let text = |key, findings: &mut Findings<'_>| root.string(key, findings).map(|text| text.value);
    let (sentence, found_at) = (text("sentence", findings), text("found-at", findings));
    let digest = text("digest", findings);

    let operations = read_operations(root, names, findings);
    let script = Script { deviations: read_deviations(root, names, findings) };
    let failure = root.table("failure", keys::FAILURE, findings);
    let failure = failure.map(|table| read_failure(&table, names, findings));
    let (fails_on, holds_on) = read_variants(root, variant.as_deref(), failure.is_some(), names, findings);

    root.require("expect", "[expect] with violates = \"no-panic\" or holds = true", findings);
    let expected = root.table("expect", keys::PLAN_EXPECT, findings);
    let claim = expected.and_then(|table| expect::claim(&table, names, findings));
    let checks =
        root.names("checks", findings).map(|table| expect::read_checks(table, claim.as_ref(), names, findings));
    let config = root.get("flow-config");
    let config = flow_types::read_config(config, &root.span, valid_variant.as_deref(), names, findings);
    let contract = root.names("contract", findings).map(|table| contract::read(table, findings));
    let limits = root.table("budget", keys::PLAN_BUDGET, findings);
    let budget = budget::read(limits.as_ref(), findings);

    Some(Plan {
        scenario: scenario?.value,
        sentence,
        flow: flow?,
        variant: variant?,
        fails_on,
        holds_on,
        found_at,
        digest,
        operations,
        script,
        failure: match failure {
            None => None,
            Some(failure) => Some(failure?),
        },
        claim: claim?,
        checks: checks.unwrap_or_default(),
        config,
        contract: contract.unwrap_or_default(),
        budget,
    })
}

fn read_operations(
    root: &Fields<'_, '_>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> Vec<(usize, toml::Value)> {
    let mut operations = Vec::new();
    let mut seen = BTreeMap::new();
    let expected = "a list of operations, as in { n = 0, op = { … } }";
    let list = root.list("operations", expected, findings);
    for (index, item) in list.into_iter().flatten().enumerate() {
        let Some(fields) = Fields::of(item, &format!("operations[{index}]"), keys::OPERATION, findings) else {
            continue;
        };
        let n = required_count(&fields, "n", "{ n = 0, op = { … } }", findings);
        if let Some(n) = &n {
            refuse_twice(&mut seen, n.value, &n.span, &format!("operation {}", n.value), findings);
        }
        let Some(op) = fields.get("op") else {
            fields.require("op", "{ n = 0, op = { … } }", findings);
            continue;
        };
        let op = flow_types::read_operation(op, names, findings);
        let n = n.and_then(|n| usize::try_from(n.value).ok());
        operations.extend(n.zip(op));
    }
    operations
}

const DEVIATION: &str = "{ site = \"net/reset\", actor = \"client->server\", n = 0, value = \"yes\" }";

fn read_deviations(root: &Fields<'_, '_>, names: Option<&Names<'_>>, findings: &mut Findings<'_>) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    let mut seen = BTreeMap::new();
    let expected = format!("a list of deviations, as in {DEVIATION}");
    let list = root.list("deviations", &expected, findings);
    for (index, item) in list.into_iter().flatten().enumerate() {
        let Some(fields) = Fields::of(item, &format!("deviations[{index}]"), keys::DEVIATION, findings) else {
            continue;
        };
        let site = fields.required_string("site", DEVIATION, findings).map(|site| current_label(site, names, findings));
        let actor = fields.required_string("actor", DEVIATION, findings);
        let n = required_count(&fields, "n", DEVIATION, findings);
        let value = fields.required_string("value", DEVIATION, findings);
        let step = fields.count("step", 0, u64::MAX, findings).map_or(0, |step| step.value);
        let (Some(site), Some(actor), Some(n), Some(value)) = (site, actor, n, value) else {
            continue;
        };
        let key = (site.clone(), actor.value.clone(), n.value);
        let what = format!("choice {} of {} at {}", n.value, shown(&actor.value), shown(&site));
        refuse_twice(&mut seen, key, &fields.span, &what, findings);
        deviations.push(Deviation { site, actor: actor.value, n: n.value, value: value.value, step });
    }
    deviations
}

/// The present label of a site that a plan names by a label it has or had.
fn current_label(site: Placed<String>, names: Option<&Names<'_>>, findings: &mut Findings<'_>) -> String {
    let Some(names) = names else {
        return site.value;
    };
    match names.site(&site.value) {
        Some(known) => known.label.to_owned(),
        None => {
            findings.not_of(&site.span, names.flow.info().name, "site", &site.value, &names.site_labels());
            site.value
        }
    }
}

fn required_count(
    fields: &Fields<'_, '_>,
    key: &'static str,
    example: &str,
    findings: &mut Findings<'_>,
) -> Option<Placed<u64>> {
    fields.require(key, example, findings);
    fields.count(key, 0, u64::MAX, findings)
}

fn refuse_twice<K: Ord>(
    seen: &mut BTreeMap<K, usize>,
    key: K,
    span: &Range<usize>,
    what: &str,
    findings: &mut Findings<'_>,
) {
    let line = findings.sources.line(span);
    if let Some(first) = seen.insert(key, line) {
        findings.add(span, format!("{what} was given before, in line {first}"));
    }
}

fn read_failure(
    fields: &Fields<'_, '_>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> Option<Fingerprint> {
    let invariant = fields.required_string("invariant", "invariant = \"no-panic\"", findings);
    if let Some(id) = &invariant {
        expect::check_invariant(id, names, findings);
    }
    let cause = fields.required_string("cause", "cause = \"index out of bounds\"", findings);
    Some(Fingerprint { invariant: invariant?.value, cause: cause?.value })
}

/// `fails-on` and `holds-on`: what the plan demands as a regression.
fn read_variants(
    root: &Fields<'_, '_>,
    own: Option<&str>,
    fails: bool,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> (Vec<String>, Vec<String>) {
    let fails_on = root.strings("fails-on", findings);
    let holds_on = root.strings("holds-on", findings);
    if let Some(names) = names {
        for variant in fails_on.iter().chain(&holds_on) {
            header::check_variant(variant, names, findings);
        }
    }
    if let Some(first) = fails_on.first().filter(|_| !fails) {
        findings.add_help(
            &first.span,
            "`fails-on` needs [failure]: which failure?",
            "[failure] has `invariant` and `cause`",
        );
    }
    for variant in &holds_on {
        if fails_on.iter().any(|other| other.value == variant.value) {
            findings.add(&variant.span, format!("{} cannot both fail and hold", shown(&variant.value)));
        } else if fails && own == Some(variant.value.as_str()) {
            let message =
                format!("this plan's own variant {} has a [failure], so it cannot hold", shown(&variant.value));
            findings.add(&variant.span, message);
        }
    }
    let values = |list: Vec<Placed<String>>| list.into_iter().map(|variant| variant.value).collect();
    (values(fails_on), values(holds_on))
}
