//! Typed access to one table of a file: each getter says what is wrong with its key and goes on.

use std::ops::Range;
use std::time::Duration;

use toml::de::{DeArray, DeTable, DeValue};

use super::duration;
use super::findings::{Findings, TOP, shown};
use super::keys::Keys;
use super::nearest;
use super::values::{self, Placed, Value, wrong_type};

/// Unknown keys of one table that are compared with a missing one; people have fewer.
const COMPARED_KEYS_MAX: usize = 20;

/// One table of a file.
#[derive(Clone)]
pub(super) struct Fields<'t, 'i> {
    keys: Keys,
    table: &'t DeTable<'i>,
    /// Its header, or the inline table itself; for keys that are missing.
    pub span: Range<usize>,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// The top level of a file.
    pub(super) fn root(table: &'t DeTable<'i>, keys: Keys) -> Fields<'t, 'i> {
        Fields { keys, table, span: TOP }
    }

    /// A value that has to be a table; complains about keys that do not exist.
    pub(super) fn of(
        value: &'t Value<'i>,
        name: &str,
        keys: Keys,
        findings: &mut Findings<'_>,
    ) -> Option<Fields<'t, 'i>> {
        let table = values::table(value, name, findings)?;
        let fields = Fields { keys, table, span: value.span() };
        fields.refuse_unknown_keys(findings);
        Some(fields)
    }

    /// Complains about keys that do not exist.
    pub(super) fn refuse_unknown_keys(&self, findings: &mut Findings<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !self.keys.keys.contains(&name) {
                let message = format!("unknown key {}{}", shown(name), self.keys.place());
                findings.add_with(&key.span(), message, || Some(self.keys.way_out(name)));
            }
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
        self.table.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// Where the value of a key stands.
    pub(super) fn value_span(&self, key: &'static str) -> Range<usize> {
        self.get(key).map_or(self.span.clone(), |value| value.span())
    }

    /// How messages name a key of this table.
    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.keys.prefix)
    }

    /// Complains if a key is missing; `example` shows how it is written.
    pub(super) fn require(&self, key: &'static str, example: &str, findings: &mut Findings<'_>) {
        if self.has(key) {
            return;
        }
        if !self.misspelt(key) {
            let message = format!("missing key `{key}`{}", self.keys.place());
            findings.add_help(&self.span, message, format!("as in: {example}"));
        }
    }

    /// Whether there is an unknown key that was probably meant to be this one: it has been complained about,
    /// and the right one is not missing as well.
    pub(super) fn misspelt(&self, key: &'static str) -> bool {
        let names = self.table.keys().map(|found| found.get_ref().as_ref());
        let unknown = names.filter(|name| !self.keys.keys.contains(name));
        unknown.take(COMPARED_KEYS_MAX).any(|name| nearest::nearest(name, self.keys.keys) == Some(key))
    }

    pub(super) fn string(&self, key: &'static str, findings: &mut Findings<'_>) -> Option<Placed<String>> {
        values::string(self.get(key)?, &self.name(key), findings)
    }

    /// A string that has to be there.
    pub(super) fn required_string(
        &self,
        key: &'static str,
        example: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Placed<String>> {
        self.require(key, example, findings);
        self.string(key, findings)
    }

    /// A list of strings; empty without the key.
    pub(super) fn strings(&self, key: &'static str, findings: &mut Findings<'_>) -> Vec<Placed<String>> {
        let list = self.list(key, "a list of strings", findings);
        list.map_or(Vec::new(), |list| values::strings(list, &self.name(key), findings))
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
        let parsed = values::whole_number(number);
        let found = parsed.filter(|number| (min..=max).contains(number));
        if found.is_none() {
            let too_large = parsed.is_none() && !number.as_str().starts_with('-');
            let bounds = match max {
                u64::MAX if too_large => format!("at most {max}"),
                u64::MAX => format!("at least {min}"),
                max => format!("between {min} and {max}"),
            };
            findings.add(&value.span(), format!("`{name}` is {number}; it must be {bounds}"));
        }
        Some(Placed { value: found?, span: value.span() })
    }

    /// A duration above zero.
    pub(super) fn duration(&self, key: &'static str, findings: &mut Findings<'_>) -> Option<Duration> {
        let value = self.get(key)?;
        let name = self.name(key);
        let Some(text) = values::string_on(value, &findings.sources) else {
            wrong_type(value, &name, "a duration in quotes, as in \"10m\" or \"1.5s\"", findings);
            return None;
        };
        let found = duration::parse_duration(&text);
        match found {
            Some(Duration::ZERO) => {
                findings.add(&value.span(), format!("`{name}` is zero; it must be above zero"));
                None
            }
            None => {
                let message = format!("`{name}` is not a duration: {}", shown(&text));
                findings.add_help(&value.span(), message, format!("expected {}", duration::EXPECTED));
                None
            }
            found => found,
        }
    }

    /// A table inside this one.
    pub(super) fn table(&self, key: &'static str, keys: Keys, findings: &mut Findings<'_>) -> Option<Fields<'t, 'i>> {
        Fields::of(self.get(key)?, &self.name(key), keys, findings)
    }

    /// A table whose keys are names rather than keys of the format.
    pub(super) fn names(&self, key: &'static str, findings: &mut Findings<'_>) -> Option<&'t DeTable<'i>> {
        values::table(self.get(key)?, &self.name(key), findings)
    }
}
