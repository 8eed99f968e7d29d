//! Settings from the command line, laid over a scenario file before it is checked.
//!
//! `--set flow-config.servers=5` names a key by its path and gives a TOML value; what is not TOML is taken as
//! a string, so that `--set budget.virtual=5m` needs no quotes within quotes. They pass the same checks as the
//! file, and what is wrong with one is said about the command line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::complaint::Complaint;
use super::findings::{Findings, shown};
use super::values::in_words;

/// One key set on the command line; later ones win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The option that was used: `--set`, `--variant` or `--strategy`.
    option: &'static str,
    /// Path of the key, as in `flow-config.servers`.
    pub key: String,
    /// Its value in TOML, or a bare word.
    pub value: String,
}

/// Keys that exclude each other: setting the first drops the others.
const EXCLUSIVE: &[(&[&str], &[&[&str]])] = &[
    (&["workload", "operations"], &[&["workload", "op"]]),
    (&["workload", "op"], &[&["workload", "operations"]]),
    (&["expect", "violates"], &[&["expect", "holds"]]),
    (&["expect", "holds"], &[&["expect", "violates"], &["expect", "within-seeds"], &["expect", "minimal"]]),
];

impl Override {
    /// Reads the argument of `--set`: `key=value`.
    ///
    /// ```
    /// use seedbed::scenario::Override;
    /// assert_eq!(Override::parse("budget.virtual=5m").unwrap().key, "budget.virtual");
    /// assert!(Override::parse("budget.virtual").is_err());
    /// ```
    ///
    /// # Errors
    /// No `=`, no key or no value.
    pub fn parse(argument: &str) -> Result<Override, Complaint> {
        let wrong = |what: &str| {
            let message = format!("--set {}: {what}", shown(argument));
            Complaint::command_line(message).with_help("write --set key=value, as in --set flow-config.servers=5")
        };
        let (key, value) = argument.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        if value.trim().is_empty() {
            return Err(wrong("there is no value behind the `=`"));
        }
        if segments(key).is_none() {
            return Err(wrong("there is no key in front of the `=`"));
        }
        Ok(Override { option: "--set", key: key.to_owned(), value: value.to_owned() })
    }

    /// `--variant NAME`.
    #[must_use]
    pub fn variant(name: &str) -> Override {
        Override { option: "--variant", key: "variant".to_owned(), value: name.to_owned() }
    }

    /// `--strategy NAME`.
    #[must_use]
    pub fn strategy(name: &str) -> Override {
        Override { option: "--strategy", key: "search.strategy".to_owned(), value: name.to_owned() }
    }

    /// The setting as it stands on the command line.
    pub(super) fn as_typed(&self) -> String {
        match self.option {
            "--set" => format!("--set {}={}", self.key, self.value),
            option => format!("{option} {}", self.value),
        }
    }
}

/// Lays settings over a file's table.
pub(super) fn apply<'t>(table: &mut DeTable<'t>, settings: &'t [Override], findings: &mut Findings<'_>) {
    for setting in settings {
        let base = findings.sources.add(setting);
        let value_at = base + setting.as_typed().len() - setting.value.len();
        let key_at = if setting.option == "--set" { base + "--set ".len() } else { value_at };
        let Some(path) = segments(&setting.key) else {
            findings.add(&(key_at..value_at), "not the path of a key");
            continue;
        };
        let value = if setting.option != "--set" {
            word(&setting.value, value_at)
        } else {
            match value_of(setting, value_at) {
                Ok(value) => value,
                Err((span, message)) => {
                    findings.add(&span, format!("this is not a TOML value: {message}"));
                    continue;
                }
            }
        };
        let names: Vec<&str> = path.iter().map(|segment| segment.name).collect();
        for (_, dropped) in EXCLUSIVE.iter().filter(|(set, _)| *set == names) {
            for other in *dropped {
                remove(table, other);
            }
        }
        let path = path.iter().map(|segment| segment.spanned(key_at)).collect();
        if let Err((span, found)) = insert(table, path, value) {
            findings.add(&span, format!("`{}` is not a table but {found}", &setting.key[..span.end - key_at]));
        }
    }
}

/// One part of a key's path, with its place in the path.
struct Segment<'k> {
    name: &'k str,
    span: Range<usize>,
}

impl<'k> Segment<'k> {
    fn spanned(&self, base: usize) -> Spanned<DeString<'k>> {
        Spanned::new(base + self.span.start..base + self.span.end, self.name.into())
    }
}

/// The parts of a path, separated by dots; a quoted part may contain some. `None`: one is empty.
fn segments(key: &str) -> Option<Vec<Segment<'_>>> {
    let mut found = Vec::new();
    let mut start = 0;
    loop {
        let rest = &key[start..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let length = match quote {
            Some(quote) => rest[1..].find(quote)? + 2,
            None => rest.find('.').unwrap_or(rest.len()),
        };
        let part = &rest[..length];
        let name = if quote.is_some() { &part[1..length - 1] } else { part.trim() };
        if name.is_empty() {
            return None;
        }
        found.push(Segment { name, span: start..start + length });
        match rest[length..].chars().next() {
            None => return Some(found),
            Some('.') => start += length + 1,
            Some(_) => return None,
        }
    }
}

/// A setting's value with spans in the common numbering.
fn value_of(setting: &Override, base: usize) -> Result<Spanned<DeValue<'_>>, (Range<usize>, String)> {
    let text = setting.value.as_str();
    match DeValue::parse(text) {
        Ok(value) => Ok(moved(value, base)),
        // Something that starts like a string, an array or a table was meant as one.
        Err(error) if text.trim_start().starts_with(['"', '\'', '[', '{']) => {
            let span = error.span().unwrap_or(0..text.len());
            Err((base + span.start..base + span.end, error.message().to_owned()))
        }
        Err(_) => Ok(word(text, base)),
    }
}

fn word(text: &str, base: usize) -> Spanned<DeValue<'_>> {
    Spanned::new(base..base + text.len(), DeValue::String(text.trim().into()))
}

/// Shifts every span inside a value.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved(item, by)).collect()),
        DeValue::Table(entries) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let span = key.span();
                (Spanned::new(span.start + by..span.end + by, key.into_inner()), moved(value, by))
            });
            DeValue::Table(entries.collect())
        }
        scalar => scalar,
    };
    Spanned::new(span.start + by..span.end + by, value)
}

/// Puts a value at a path, making tables on the way. `Err`: a part of the path is no table.
fn insert<'t>(
    table: &mut DeTable<'t>,
    mut path: Vec<Spanned<DeString<'t>>>,
    value: Spanned<DeValue<'t>>,
) -> Result<(), (Range<usize>, String)> {
    let Some(last) = path.pop() else {
        return Ok(());
    };
    let start = path.first().map_or(last.span().start, |first| first.span().start);
    let mut inner = table;
    for part in path {
        let span = part.span();
        let fresh = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
        match inner.entry(part).or_insert_with(fresh).get_mut() {
            DeValue::Table(next) => inner = next,
            other => return Err((start..span.end, in_words(other))),
        }
    }
    // The old key goes first: replacing a value alone would keep the key's old place.
    inner.remove(last.get_ref().as_ref());
    inner.insert(last, value);
    Ok(())
}

fn remove(table: &mut DeTable<'_>, path: &[&str]) {
    match path {
        [] => {}
        [last] => {
            table.remove(*last);
        }
        [first, rest @ ..] => {
            if let Some(DeValue::Table(inner)) = table.get_mut(*first).map(Spanned::get_mut) {
                remove(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &str) -> Option<Vec<&str>> {
        Some(segments(key)?.into_iter().map(|segment| segment.name).collect())
    }

    /// A path is split at its dots, except inside quotes; an empty part is none.
    #[test]
    fn paths_of_keys() {
        assert_eq!(names("flow-config.servers"), Some(vec!["flow-config", "servers"]));
        assert_eq!(names("faults.net/reset"), Some(vec!["faults", "net/reset"]));
        assert_eq!(names("faults.\"a.b\".rate"), Some(vec!["faults", "a.b", "rate"]));
        for bad in ["", ".", "a.", ".a", "a..b", "\"a", "\"a\"b"] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }

    /// An argument without key, value or `=` is refused with the form to use.
    #[test]
    fn arguments_of_set() {
        let parsed = Override::parse("a.b= 5").expect("a key and a value");
        assert_eq!((parsed.key.as_str(), parsed.value.as_str()), ("a.b", " 5"));
        for bad in ["", "a", "a=", "=5", "a.=5"] {
            let text = Override::parse(bad).expect_err(bad).to_string();
            assert!(text.contains("write --set key=value"), "{text}");
        }
    }
}
