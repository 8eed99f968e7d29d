//! Typed access to one table of a file: each getter says what is wrong with its key and goes on.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::duration;
use super::findings::{Findings, shown};
use super::keys::{self, Keys};
use super::nearest;

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// One table of a file.
#[derive(Clone)]
pub(super) struct Fields<'t, 'i> {
    keys: Keys,
    table: &'t DeTable<'i>,
    /// Its header, or the inline table itself; for keys that are missing.
    pub span: Range<usize>,
    /// In a file that is a plan.
    plan: bool,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// The top level of a file.
    pub(super) fn root(table: &'t DeTable<'i>, keys: Keys, plan: bool) -> Fields<'t, 'i> {
        Fields {
            keys,
            table,
            span: 0..0,
            plan,
        }
    }

    /// A value that has to be a table; complains about keys that do not exist.
    pub(super) fn of(
        value: &'t Value<'i>,
        name: &str,
        keys: Keys,
        plan: bool,
        findings: &mut Findings<'_>,
    ) -> Option<Fields<'t, 'i>> {
        let DeValue::Table(table) = value.get_ref() else {
            wrong_type(value, name, "a table", findings);
            return None;
        };
        let fields = Fields {
            keys,
            table,
            span: value.span(),
            plan,
        };
        fields.refuse_unknown_keys(findings);
        Some(fields)
    }

    /// Complains about keys that do not exist.
    pub(super) fn refuse_unknown_keys(&self, findings: &mut Findings<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.keys.keys.contains(&name) {
                continue;
            }
            let place = match self.keys.table {
                "" => String::new(),
                table => format!(" in {table}"),
            };
            let message = format!("unknown key {}{place}", shown(name));
            let (keys, plan) = (self.keys, self.plan);
            findings.add_with(&key.span(), message, || {
                match keys::home_of(name, keys, plan) {
                    Some(home) => Some(
                        format!("`{name}` belongs in {home}").replace("in the top", "at the top"),
                    ),
                    None => nearest::way_out(name, keys.keys),
                }
            });
        }
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'t Value<'i>> {
        debug_assert!(self.keys.keys.contains(&key), "{key} is not declared");
        self.table.get(key)
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Where a key stands (not its value).
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table
            .get_key_value(key)
            .map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// How messages name a key of this table.
    fn name(&self, key: &str) -> String {
        match self
            .keys
            .table
            .strip_prefix('[')
            .and_then(|table| table.strip_suffix(']'))
        {
            Some(table) => format!("{table}.{key}"),
            None if self
                .keys
                .table
                .starts_with(|c: char| c.is_ascii_lowercase())
                && !self.keys.table.contains(' ') =>
            {
                format!("{}.{key}", self.keys.table)
            }
            None => key.to_owned(),
        }
    }

    /// Complains that a key is missing; `example` shows how it is written.
    pub(super) fn missing(&self, key: &str, example: &str, findings: &mut Findings<'_>) {
        let place = match self.keys.table {
            "" => String::new(),
            table => format!(" in {table}"),
        };
        findings.add_help(
            &self.span,
            format!("missing key `{key}`{place}"),
            format!("as in: {example}"),
        );
    }

    pub(super) fn string(
        &self,
        key: &'static str,
        findings: &mut Findings<'_>,
    ) -> Option<Placed<String>> {
        string(self.get(key)?, &self.name(key), findings)
    }

    /// A string that has to be there.
    pub(super) fn required_string(
        &self,
        key: &'static str,
        example: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Placed<String>> {
        if !self.has(key) {
            self.missing(key, example, findings);
        }
        self.string(key, findings)
    }

    /// A list of strings.
    pub(super) fn strings(
        &self,
        key: &'static str,
        findings: &mut Findings<'_>,
    ) -> Option<Vec<Placed<String>>> {
        let list = self.list(key, "a list of strings", findings)?;
        Some(
            list.iter()
                .filter_map(|item| string(item, &self.name(key), findings))
                .collect(),
        )
    }

    pub(super) fn list(
        &self,
        key: &'static str,
        expected: &str,
        findings: &mut Findings<'_>,
    ) -> Option<&'t DeArray<'i>> {
        let value = self.get(key)?;
        let DeValue::Array(list) = value.get_ref() else {
            wrong_type(value, &self.name(key), expected, findings);
            return None;
        };
        Some(list)
    }

    /// A whole number within bounds.
    pub(super) fn count(
        &self,
        key: &'static str,
        min: u64,
        max: u64,
        findings: &mut Findings<'_>,
    ) -> Option<Placed<u64>> {
        let value = self.get(key)?;
        let name = self.name(key);
        let DeValue::Integer(number) = value.get_ref() else {
            wrong_type(value, &name, "a whole number", findings);
            return None;
        };
        let found = whole_number(number).filter(|number| (min..=max).contains(number));
        if found.is_none() {
            let bounds = match max {
                u64::MAX | I64_MAX => format!("at least {min}"),
                max => format!("between {min} and {max}"),
            };
            findings.add(
                &value.span(),
                format!("`{name}` is {number}; it must be {bounds}"),
            );
        }
        Some(Placed {
            value: found?,
            span: value.span(),
        })
    }

    /// A duration above zero.
    pub(super) fn duration(
        &self,
        key: &'static str,
        findings: &mut Findings<'_>,
    ) -> Option<Duration> {
        let text = self.string(key, findings)?;
        let name = self.name(key);
        match duration::parse_duration(&text.value) {
            Some(Duration::ZERO) => {
                findings.add(
                    &text.span,
                    format!("`{name}` is zero; it must be above zero"),
                );
                None
            }
            None => {
                let message = format!("`{name}` is not a duration: {}", shown(&text.value));
                findings.add_help(
                    &text.span,
                    message,
                    format!("expected {}", duration::EXPECTED),
                );
                None
            }
            found => found,
        }
    }

    /// A table inside this one.
    pub(super) fn table(
        &self,
        key: &'static str,
        keys: Keys,
        findings: &mut Findings<'_>,
    ) -> Option<Fields<'t, 'i>> {
        Fields::of(self.get(key)?, &self.name(key), keys, self.plan, findings)
    }

    /// A table whose keys are names rather than keys of the format.
    pub(super) fn names(
        &self,
        key: &'static str,
        findings: &mut Findings<'_>,
    ) -> Option<&'t DeTable<'i>> {
        let value = self.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            wrong_type(value, &self.name(key), "a table", findings);
            return None;
        };
        Some(table)
    }
}

const I64_MAX: u64 = i64::MAX as u64;

/// A value that has to be a string. On the command line, where nobody writes quotes, `1.5` is one too.
pub(super) fn string(
    value: &Value<'_>,
    name: &str,
    findings: &mut Findings<'_>,
) -> Option<Placed<String>> {
    let span = value.span();
    if let DeValue::String(text) = value.get_ref() {
        return Some(Placed {
            value: text.as_ref().to_owned(),
            span,
        });
    }
    let scalar = !matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
    if let Some(typed) = findings.sources.typed(&span).filter(|_| scalar) {
        return Some(Placed {
            value: typed.to_owned(),
            span,
        });
    }
    wrong_type(value, name, "a string", findings);
    None
}

pub(super) fn wrong_type(
    value: &Value<'_>,
    name: &str,
    expected: &str,
    findings: &mut Findings<'_>,
) {
    let found = value_in_words(value.get_ref());
    let message = format!("`{name}` must be {expected}, found {found}");
    let quotable = expected == "a string"
        && matches!(
            value.get_ref(),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)
        );
    findings.add_with(&value.span(), message, || {
        quotable.then(|| "put it in quotes".to_owned())
    });
}

/// A value as messages name it.
pub(super) fn value_in_words(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {}", shown(text)),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => format!("{truth}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `None`: negative or too large.
pub(super) fn whole_number(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}
