//! `[search]`: how seeds are searched.

use super::fields::Fields;
use super::findings::Findings;
use super::model::{Parent, Search};
use super::values::{self, wrong_type};
use crate::choice::Strategy;

use toml::de::DeValue;

/// Longest line of parents.
const PARENTS_MAX: usize = 16;

pub(super) fn read(fields: &Fields<'_, '_>, findings: &mut Findings<'_>) -> Search {
    let mut search = Search::default();
    if let Some(name) = fields.string("strategy", findings) {
        match name.value.parse() {
            Ok(strategy) => search.strategy = strategy,
            Err(_) => {
                let valid = Strategy::ALL.map(Strategy::label);
                findings.unknown(&name.span, "strategy", &name.value, &valid);
            }
        }
    }
    if let Some(value) = fields.get("plans") {
        match value.get_ref() {
            DeValue::Boolean(plans) => search.from_plans = *plans,
            _ => wrong_type(value, "search.plans", "true or false", findings),
        }
    }
    const PARENTS: &str = "a list of seeds, which may begin with the path of a plan";
    for (at, parent) in fields.list("parents", PARENTS, findings).into_iter().flatten().enumerate() {
        match parent.get_ref() {
            DeValue::Integer(number) if values::whole_number(number).is_some() => {
                search.parents.extend(values::whole_number(number).map(Parent::Seed));
            }
            DeValue::String(path) if at == 0 => search.parents.push(Parent::Plan(path.to_string())),
            _ => wrong_type(parent, "search.parents", PARENTS, findings),
        }
    }
    if search.parents.len() > PARENTS_MAX {
        findings.add(&fields.value_span("parents"), format!("more than {PARENTS_MAX} parents"));
    }
    search
}
