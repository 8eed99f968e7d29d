//! `[explore]`: bounds of a systematic exploration.

use super::catalogue::{Names, labels};
use super::fields::Fields;
use super::findings::{Findings, shown};
use super::model::Explore;
use super::values::Placed;

/// Reads the bounds; names are checked when the flow is known.
pub(super) fn read(fields: &Fields<'_, '_>, names: Option<&Names<'_>>, findings: &mut Findings<'_>) -> Explore {
    let from = fields.string("from", findings);
    let events = fields.strings("events", findings);
    let sites = fields.strings("sites", findings);
    let mut explore =
        Explore { from: from.as_ref().map(|mark| mark.value.clone()), events: values(&events), sites: values(&sites) };
    let Some(names) = names else { return explore };
    let info = names.flow.info();
    if let Some(mark) = &from {
        check(mark, "mark", info.name, &labels(info.marks), findings);
    }
    for event in &events {
        check(event, "event", info.name, &labels(info.events), findings);
    }
    explore.sites = sites
        .iter()
        .filter_map(|label| {
            let site = names.site(&label.value);
            if site.is_none() {
                findings.not_of(&label.span, info.name, "site", &label.value, &names.site_labels());
            }
            Some(site?.label.to_owned())
        })
        .collect();
    explore
}

/// Complains about a name that the flow does not declare.
pub(super) fn check(name: &Placed<String>, kind: &str, flow: &str, valid: &[&str], findings: &mut Findings<'_>) {
    if valid.is_empty() {
        findings.add(&name.span, format!("flow {flow} has no {kind}s at all, found {}", shown(&name.value)));
    } else if !valid.contains(&name.value.as_str()) {
        findings.not_of(&name.span, flow, kind, &name.value, valid);
    }
}

fn values(placed: &[Placed<String>]) -> Vec<String> {
    placed.iter().map(|item| item.value.clone()).collect()
}
