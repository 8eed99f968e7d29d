//! Single values of a file: their types, and what is said when they have another one.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::findings::{Findings, shown};
use super::nearest;
use super::source::Sources;

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// The text of a string. On the command line, where nobody writes quotes, `1.5` is one too.
pub(super) fn string_on(value: &Value<'_>, sources: &Sources<'_>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.as_ref().to_owned()),
        DeValue::Array(_) | DeValue::Table(_) => None,
        _ => sources.typed(&value.span()).map(str::to_owned),
    }
}

/// A value that has to be a string.
pub(super) fn string(value: &Value<'_>, name: &str, findings: &mut Findings<'_>) -> Option<Placed<String>> {
    let text = string_on(value, &findings.sources);
    if text.is_none() {
        wrong_type(value, name, "a string", findings);
    }
    Some(Placed { value: text?, span: value.span() })
}

/// The strings of a list; whatever else is in it is complained about and left out.
pub(super) fn strings(list: &DeArray<'_>, name: &str, findings: &mut Findings<'_>) -> Vec<Placed<String>> {
    let items = list.iter().enumerate();
    items.filter_map(|(index, item)| string(item, &format!("{name}[{index}]"), findings)).collect()
}

/// A value that has to be a table.
pub(super) fn table<'t, 'i>(value: &'t Value<'i>, name: &str, findings: &mut Findings<'_>) -> Option<&'t DeTable<'i>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        wrong_type(value, name, "a table", findings);
    }
    table
}

/// A value that has to be one of a few words; `kind` is what they are.
pub(super) fn one_of<T: Copy>(
    value: &Value<'_>,
    name: &str,
    kind: &str,
    words: &[(&str, T)],
    findings: &mut Findings<'_>,
) -> Option<T> {
    let valid: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let Some(found) = string_on(value, &findings.sources) else {
        wrong_type(value, name, &format!("one of {}", nearest::listed(&valid)), findings);
        return None;
    };
    let word = words.iter().find(|(word, _)| *word == found);
    if word.is_none() {
        findings.unknown(&value.span(), kind, &found, &valid);
    }
    word.map(|(_, meaning)| *meaning)
}

/// Complains about a value of another type.
pub(super) fn wrong_type(value: &Value<'_>, name: &str, expected: &str, findings: &mut Findings<'_>) {
    let message = format!("`{name}` must be {expected}, found {}", in_words(value.get_ref()));
    let number = matches!(value.get_ref(), DeValue::Integer(_) | DeValue::Float(_));
    let quotes = (expected == "a string" && number).then(|| "put it in quotes".to_owned());
    findings.add_with(&value.span(), message, || quotes);
}

/// A value as messages name it.
pub(super) fn in_words(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {}", shown(text)),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `None`: negative or too large.
pub(super) fn whole_number(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}
