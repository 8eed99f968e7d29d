//! `[flow-config]` and operations: data in the flow's own types, checked by the flow.
//!
//! serde stops at its first error. For a configuration the offending key is taken out and the rest is tried
//! again, so that here, too, everything wrong is told at once.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::catalogue::Names;
use super::findings::Findings;
use super::serde_words;
use super::values::{self, Value};
use crate::flow::ConfigComplaint;

/// Tries at one configuration; each removes one key.
const TRIES_MAX: usize = 20;

/// Reads `[flow-config]`. `variant`: the scenario's, if it is a valid one.
pub(super) fn read_config(
    config: Option<&Value<'_>>,
    whole: &Range<usize>,
    variant: Option<&str>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> toml::Table {
    let empty = DeTable::new();
    let (table, span) = match config {
        None => (&empty, whole.clone()),
        Some(value) => match values::table(value, "flow-config", findings) {
            None => return toml::Table::new(),
            Some(table) => (table, value.span()),
        },
    };
    let accepted = names.is_none_or(|names| check_config(table, &span, variant, names, findings));
    let mut config = toml::Table::new();
    if accepted {
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref().to_owned();
            config.extend(plain(value, findings).map(|value| (name, value)));
        }
    }
    config
}

/// Whether the flow's type accepts the configuration.
fn check_config(
    table: &DeTable<'_>,
    span: &Range<usize>,
    variant: Option<&str>,
    names: &Names<'_>,
    findings: &mut Findings<'_>,
) -> bool {
    let variants = names.flow.info().variants;
    let Some(checked_as) = variant.or(variants.first().map(|variant| variant.label)) else {
        return true;
    };
    let mut rest = table.clone();
    let mut removed: Vec<String> = Vec::new();
    for _ in 0..TRIES_MAX {
        let value = Spanned::new(span.clone(), DeValue::Table(rest.clone()));
        let error = match names.flow.check_config(checked_as, ValueDeserializer::from(value)) {
            // Without a variant, or with keys taken out, a configuration cannot be judged as a whole.
            Ok(complaints) if variant.is_some() && removed.is_empty() => {
                for complaint in &complaints {
                    complain_about_key(complaint, table, span, findings);
                }
                return complaints.is_empty();
            }
            Ok(_) => return removed.is_empty(),
            Err(error) => error,
        };
        let missing = serde_words::missing_field(error.message());
        if missing.is_some_and(|field| removed.iter().any(|key| key == field)) {
            return false;
        }
        complain(&error, span, "flow-config", findings);
        let Some(key) = error.span().and_then(|place| key_at(&rest, &place)) else {
            return false;
        };
        rest.remove(key.as_str());
        removed.push(key);
    }
    false
}

/// The key of a table whose entry covers a place.
fn key_at(table: &DeTable<'_>, place: &Range<usize>) -> Option<String> {
    let inside = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    let entry = table.iter().find(|(key, value)| inside(key.span()) || covers(value, place));
    entry.map(|(key, _)| key.get_ref().as_ref().to_owned())
}

/// Whether a place lies in a value. A table under a header spans its header only, so its entries are asked too.
fn covers(value: &Value<'_>, place: &Range<usize>) -> bool {
    let span = value.span();
    let inside = span.start <= place.start && place.end <= span.end;
    inside
        || match value.get_ref() {
            DeValue::Table(table) => key_at(table, place).is_some(),
            DeValue::Array(items) => items.iter().any(|item| covers(item, place)),
            _ => false,
        }
}

/// A complaint of the flow: its place is that of the longest part of its key that exists.
fn complain_about_key(
    complaint: &ConfigComplaint,
    table: &DeTable<'_>,
    whole: &Range<usize>,
    findings: &mut Findings<'_>,
) {
    let mut place = whole.clone();
    let mut inner = Some(table);
    for part in complaint.key.split('.') {
        let Some(value) = inner.and_then(|table| table.get(part)) else {
            break;
        };
        place = value.span();
        inner = value.get_ref().as_table();
    }
    findings.add(&place, format!("flow-config.{}: {}", complaint.key, complaint.message));
}

/// Reads one operation. `None`: it has been complained about.
pub(super) fn read_operation(
    operation: &Value<'_>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> Option<toml::Value> {
    if let Some(names) = names {
        let checked = names.flow.check_operation(ValueDeserializer::from(operation.clone()));
        if let Err(error) = checked {
            complain(&error, &operation.span(), "operation", findings);
            return None;
        }
    }
    plain(operation, findings)
}

/// The value in TOML's own types. Fails for what these cannot hold, such as an integer of more than 64 bits,
/// even if the flow's type can.
fn plain(value: &Value<'_>, findings: &mut Findings<'_>) -> Option<toml::Value> {
    match toml::Value::deserialize(ValueDeserializer::from(value.clone())) {
        Ok(plain) => Some(plain),
        Err(error) => {
            let span = error.span().unwrap_or_else(|| value.span());
            findings.add(&span, format!("this number is too large; at most {}", i64::MAX));
            None
        }
    }
}

/// Says what serde says, in plain words and where it says it.
fn complain(error: &toml::de::Error, whole: &Range<usize>, what: &str, findings: &mut Findings<'_>) {
    let span = error.span().unwrap_or_else(|| whole.clone());
    let words = serde_words::of_type_error(error.message());
    findings.add_with(&span, format!("{what}: {}", words.message), || words.help);
}
