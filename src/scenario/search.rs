//! `[search]`: how seeds are searched.

use super::fields::Fields;
use super::findings::Findings;
use super::model::Search;
use super::values::{self, wrong_type};
use crate::choice::Strategy;

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
    for seed in fields.list("parents", "a list of seeds", findings).into_iter().flatten() {
        match seed.get_ref() {
            toml::de::DeValue::Integer(number) if values::whole_number(number).is_some() => {
                search.parents.extend(values::whole_number(number));
            }
            _ => wrong_type(seed, "search.parents", "a list of seeds", findings),
        }
    }
    if search.parents.len() > PARENTS_MAX {
        findings.add(&fields.value_span("parents"), format!("more than {PARENTS_MAX} parents"));
    }
    search
}
