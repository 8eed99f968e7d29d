//! `[flow-config]` and operations: data in the flow's own types, checked by the flow.
//!
//! serde stops at its first error. For a configuration the offending key is taken out and the rest is tried
//! again, so that here, too, everything wrong is told at once.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::catalogue::Names;
use super::fields::Value;
use super::findings::Findings;
use super::nearest;
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
    let (table, span) = match config.map(|value| (value.get_ref(), value)) {
        None => (&empty, whole.clone()),
        Some((DeValue::Table(table), value)) => (table, value.span()),
        Some((_, value)) => {
            super::fields::wrong_type(value, "flow-config", "a table", findings);
            return toml::Table::new();
        }
    };
    if let Some(names) = names {
        check_config(table, &span, variant, names, findings);
    }
    // Fails for what TOML's own types cannot hold, such as an integer beyond 64 bits, even if the flow's could.
    let mut config = toml::Table::new();
    for (key, value) in table.iter() {
        match plain(value) {
            Ok(plain) => {
                config.insert(key.get_ref().as_ref().to_owned(), plain);
            }
            Err(error) => complain(&error, &value.span(), None, findings),
        }
    }
    config
}

fn check_config(
    table: &DeTable<'_>,
    span: &Range<usize>,
    variant: Option<&str>,
    names: &Names<'_>,
    findings: &mut Findings<'_>,
) {
    let variants = names.flow.info().variants;
    let Some(checked_as) = variant.or(variants.first().map(|variant| variant.label)) else {
        return;
    };
    let mut rest = table.clone();
    let mut removed: Vec<String> = Vec::new();
    for _ in 0..TRIES_MAX {
        let value = Spanned::new(span.clone(), DeValue::Table(rest.clone()));
        match names
            .flow
            .check_config(checked_as, ValueDeserializer::from(value))
        {
            // Without its variant, or with keys taken out, a configuration cannot be judged as a whole.
            Ok(complaints) if variant.is_some() && removed.is_empty() => {
                for complaint in complaints {
                    complain_about_key(&complaint, table, span, findings);
                }
                return;
            }
            Ok(_) => return,
            Err(error) => {
                let missing = quoted(error.message())
                    .next()
                    .filter(|_| error.message().starts_with("missing field"));
                if missing.is_some_and(|field| removed.iter().any(|key| key == field)) {
                    return;
                }
                complain(&error, span, Some("flow-config"), findings);
                let Some(key) = error.span().and_then(|place| key_at(&rest, &place)) else {
                    return;
                };
                rest.remove(key.as_str());
                removed.push(key);
            }
        }
    }
}

/// The key of a table whose entry covers a place.
fn key_at(table: &DeTable<'_>, place: &Range<usize>) -> Option<String> {
    let inside = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    let entry = table
        .iter()
        .find(|(key, value)| inside(key.span()) || covers(value, place));
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
    findings.add(
        &place,
        format!("flow-config.{}: {}", complaint.key, complaint.message),
    );
}

/// Reads one operation. `None`: it has been complained about.
pub(super) fn read_operation(
    operation: &Value<'_>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> Option<toml::Value> {
    if let Some(names) = names {
        let checked = names
            .flow
            .check_operation(ValueDeserializer::from(operation.clone()));
        if let Err(error) = checked {
            complain(&error, &operation.span(), Some("operation"), findings);
            return None;
        }
    }
    match plain(operation) {
        Ok(value) => Some(value),
        Err(error) => {
            complain(&error, &operation.span(), None, findings);
            None
        }
    }
}

fn plain(value: &Value<'_>) -> Result<toml::Value, toml::de::Error> {
    toml::Value::deserialize(ValueDeserializer::from(value.clone()))
}

/// Says what serde says, where it says it, with the nearest name it would have taken.
fn complain(
    error: &toml::de::Error,
    whole: &Range<usize>,
    what: Option<&str>,
    findings: &mut Findings<'_>,
) {
    let span = error.span().unwrap_or_else(|| whole.clone());
    let message = error.message();
    let prefix = what.map_or(String::new(), |what| format!("{what}: "));
    let Some((unknown, _)) = message
        .split_once(", expected")
        .filter(|_| message.starts_with("unknown "))
    else {
        findings.add(&span, format!("{prefix}{message}"));
        return;
    };
    let mut names = quoted(message);
    let found = names.next().unwrap_or_default();
    let valid: Vec<&str> = names.collect();
    findings.add_with(&span, format!("{prefix}{unknown}"), || {
        nearest::way_out(found, &valid)
    });
}

/// The names in backticks of a serde message.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}
