//! `[expect]`: what the author claims; `[checks]`: what happens when an invariant is violated.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::catalogue::{Names, labels};
use super::explore;
use super::fields::Fields;
use super::findings::{Findings, shown};
use super::keys;
use super::model::{Budget, CheckMode, Claim, Expect, Minimal};
use super::values::{self, Placed, wrong_type};

const MODES: &[(&str, CheckMode)] =
    &[("stop", CheckMode::Stop), ("record", CheckMode::Record), ("off", CheckMode::Off)];

/// Reads `[expect]`. `None`: there is no usable claim, which has been complained about.
pub(super) fn read(
    fields: &Fields<'_, '_>,
    names: Option<&Names<'_>>,
    budget: &Budget,
    findings: &mut Findings<'_>,
) -> Option<Expect> {
    let claim = claim(fields, names, findings);
    let within = fields.count("within-seeds", 1, u64::MAX, findings);
    let minimal = fields.table("minimal", keys::MINIMAL, findings).and_then(|table| minimal(&table, findings));
    let sometimes = fields.strings("sometimes", findings);
    if let Some(names) = names {
        let info = names.flow.info();
        for mark in &sometimes {
            explore::check(mark, "sometimes-mark", info.name, &labels(info.sometimes), findings);
        }
    }
    if !fields.has("violates") {
        for key in ["within-seeds", "minimal"] {
            if fields.has(key) {
                let message = format!("`{key}` needs `violates`: only a violation is searched for and shrunk");
                findings.add(&fields.key_span(key), message);
            }
        }
    }
    if let Some(within) = within.as_ref().filter(|within| within.value > budget.seeds_full) {
        let message =
            format!("`within-seeds` is {}, but even a full sweep has only {} seeds", within.value, budget.seeds_full);
        findings.add_help(&within.span, message, "raise [budget] seeds.full");
    }
    Some(Expect {
        claim: claim?,
        within_seeds: within.map(|within| within.value),
        sometimes: sometimes.into_iter().map(|mark| mark.value).collect(),
        minimal,
    })
}

fn minimal(fields: &Fields<'_, '_>, findings: &mut Findings<'_>) -> Option<Minimal> {
    for key in ["deviations", "operations"] {
        fields.require(key, "minimal = { deviations = 2, operations = 1 }", findings);
    }
    let mut size = |key| {
        let count = fields.count(key, 0, u64::from(u32::MAX), findings)?;
        usize::try_from(count.value).ok()
    };
    let (deviations, operations) = (size("deviations"), size("operations"));
    Some(Minimal { deviations: deviations?, operations: operations? })
}

/// Reads `violates` or `holds`.
pub(super) fn claim(fields: &Fields<'_, '_>, names: Option<&Names<'_>>, findings: &mut Findings<'_>) -> Option<Claim> {
    let violates = fields.string("violates", findings);
    let holds = fields.get("holds");
    if let Some(id) = &violates {
        check_invariant(id, names, findings);
    }
    match (fields.has("violates"), holds) {
        (true, Some(_)) => {
            let message = "`holds` and `violates` exclude each other: a scenario claims one or the other";
            findings.add(&fields.key_span("holds"), message);
            None
        }
        (true, None) => violates.map(|id| Claim::Violates(id.value)),
        (false, None) => {
            if !fields.misspelt("violates") && !fields.misspelt("holds") {
                let message = "nothing is expected: [expect] has neither `violates` nor `holds`";
                let example = "as in: violates = \"no-panic\", holds = true or holds = [\"no-panic\"]";
                findings.add_help(&fields.span, message, example);
            }
            None
        }
        (false, Some(value)) => match value.get_ref() {
            DeValue::Boolean(true) => Some(Claim::Holds),
            DeValue::Boolean(false) => {
                let message = "`holds = false` does not say what is violated";
                findings.add_help(&value.span(), message, "write violates = \"<invariant>\"");
                None
            }
            DeValue::Array(list) if list.is_empty() => {
                findings.add_help(&value.span(), "`holds` names no invariant", "holds = true means all of them");
                None
            }
            DeValue::Array(list) => {
                let ids = values::strings(list, "expect.holds", findings);
                for id in &ids {
                    check_invariant(id, names, findings);
                }
                Some(Claim::HoldsOnly(ids.into_iter().map(|id| id.value).collect()))
            }
            _ => {
                wrong_type(value, "holds", "true or a list of invariants", findings);
                None
            }
        },
    }
}

/// Complains about an invariant that neither the flow nor Seedbed has.
pub(super) fn check_invariant(id: &Placed<String>, names: Option<&Names<'_>>, findings: &mut Findings<'_>) {
    let Some(names) = names else { return };
    let valid = names.invariants();
    if !valid.contains(&id.value.as_str()) {
        findings.not_of(&id.span, names.flow.info().name, "invariant", &id.value, &valid);
    }
}

/// Reads `[checks]`, and complains where one contradicts the claim.
pub(super) fn read_checks(
    table: &DeTable<'_>,
    claim: Option<&Claim>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, CheckMode> {
    let mut checks = BTreeMap::new();
    for (key, value) in table.iter() {
        let id = Placed { value: key.get_ref().as_ref().to_owned(), span: key.span() };
        check_invariant(&id, names, findings);
        let name = format!("checks.{}", id.value);
        let Some(mode) = values::one_of(value, &name, "mode of a check", MODES, findings) else {
            continue;
        };
        refuse_contradiction(&id.value, mode, &value.span(), claim, findings);
        checks.insert(id.value, mode);
    }
    checks
}

/// A claim about an invariant that does not stop the run could not be judged.
fn refuse_contradiction(
    id: &str,
    mode: CheckMode,
    span: &Range<usize>,
    claim: Option<&Claim>,
    findings: &mut Findings<'_>,
) {
    let claimed = match claim {
        Some(Claim::Violates(claimed)) => claimed == id,
        Some(Claim::HoldsOnly(claimed)) => claimed.iter().any(|claimed| claimed == id),
        Some(Claim::Holds) | None => false,
    };
    if claimed && mode != CheckMode::Stop {
        let message = format!("{} is what [expect] is about: it has to stop the run", shown(id));
        findings.add_help(span, message, "leave it out of [checks]");
    }
}

/// The word of a mode in files.
pub(super) fn mode_word(mode: CheckMode) -> &'static str {
    match mode {
        CheckMode::Stop => "stop",
        CheckMode::Record => "record",
        CheckMode::Off => "off",
    }
}
