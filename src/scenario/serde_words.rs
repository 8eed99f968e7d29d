//! What serde and the TOML parser say, in the words of this format.
//!
//! Their messages name Rust types and parser states. Those that people meet are put into plain words; one that
//! is not known here is passed on as it is, which is never wrong.

use super::nearest;

/// A message, and a way out if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub message: String,
    pub help: Option<String>,
}

impl Words {
    fn new(message: impl Into<String>) -> Words {
        Words { message: message.into(), help: None }
    }
}

/// A message of deserialization.
pub(super) fn of_type_error(message: &str) -> Words {
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .or_else(|| message.strip_prefix("invalid length "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        return Words::new(format!("expected {}, found {}", type_in_words(expected), found_in_words(found)));
    }
    if let Some((found, valid)) =
        message.strip_prefix("unexpected keys in table: ").and_then(|rest| rest.split_once(", available keys: "))
    {
        return unknown("key ", found.split(", ").next().unwrap_or(found), &valid.split(", ").collect::<Vec<_>>());
    }
    for (prefix, kind) in [("unknown field ", "key "), ("unknown variant ", "")] {
        if message.starts_with(prefix) {
            let mut names = quoted(message);
            let found = names.next().unwrap_or_default();
            return unknown(kind, found, &names.collect::<Vec<_>>());
        }
    }
    if let Some(field) = missing_field(message) {
        return Words::new(format!("missing key `{field}`"));
    }
    match message {
        "wanted exactly 1 element, more than 1 element" => Words::new("expected one key, its kind; found several"),
        "wanted exactly 1 element, found 0 elements" => Words::new("expected one key, its kind; found none"),
        "wanted string or table" => Words::new("expected a string or a table"),
        other => Words::new(other),
    }
}

fn unknown(kind: &str, found: &str, valid: &[&str]) -> Words {
    Words { message: format!("unknown {kind}`{found}`"), help: nearest::way_out(found, valid) }
}

/// The field a message says is missing.
pub(super) fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The names in backticks.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

/// A Rust type as people know it.
fn type_in_words(expected: &str) -> String {
    let bits = |prefix| expected.strip_prefix(prefix).and_then(|bits: &str| bits.parse::<u32>().ok());
    if let Some(bits) = bits("u").filter(|bits| (1..64).contains(bits)) {
        return format!("a whole number from 0 to {}", u64::MAX >> (64 - bits));
    }
    if let Some(bits) = bits("i").filter(|bits| (1..64).contains(bits)) {
        let max = i64::MAX >> (64 - bits);
        return format!("a whole number from {} to {max}", -max - 1);
    }
    let plain = match expected {
        "u64" | "usize" => "a whole number of at least 0 and below 2^64",
        "isize" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other => match other.strip_prefix("struct ") {
            Some(_) => "a table",
            None => other,
        },
    };
    plain.to_owned()
}

fn found_in_words(found: &str) -> String {
    let value = quoted(found).next();
    match (found, value) {
        ("sequence", _) => "a list".to_owned(),
        ("map", _) => "a table".to_owned(),
        (_, Some(value)) if found.starts_with("integer") || found.starts_with("floating point") => {
            format!("the number {value}")
        }
        (_, Some(value)) if found.starts_with("boolean") => value.to_owned(),
        _ if found.starts_with("string ") => format!("the {found}"),
        _ => found.to_owned(),
    }
}

/// A message of the TOML parser about `place`, the text it points at.
pub(super) fn of_syntax_error(message: &str, place: &str) -> Words {
    match message {
        "string values must be quoted, expected literal string" if place.is_empty() => {
            Words::new("not TOML: there is no value behind the `=`")
        }
        "string values must be quoted, expected literal string" => {
            // Only what would be right as it stands is suggested.
            let plain = place.chars().all(|c| !c.is_control() && !matches!(c, '"' | '\\'));
            Words {
                message: "not TOML: a text must stand in quotes".to_owned(),
                help: plain.then(|| format!("write \"{}\"", place.trim())),
            }
        }
        "invalid unquoted key, expected letters, numbers, `-`, `_`" => Words {
            message: "not TOML: this key must stand in quotes".to_owned(),
            help: Some("a site is written \"net/reset\" = 0.1".to_owned()),
        },
        "invalid float, expected nothing" => {
            Words::new("not TOML: this is not a number; a text such as a version must stand in quotes")
        }
        "invalid basic string, expected `\"`" => Words::new("not TOML: the closing `\"` is missing in this line"),
        "invalid literal string, expected `'`" => Words::new("not TOML: the closing `'` is missing in this line"),
        "unexpected key or value, expected newline, `#`" => {
            Words::new("not TOML: something follows the value; expected the end of the line or a # comment")
        }
        "duplicate key" => Words::new("this was given before: a key or [table] may stand only once"),
        other => Words::new(format!("not TOML: {}", other.trim_end_matches(", expected nothing"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn said<'de, T: Deserialize<'de>>(text: &'de str) -> String {
        let value = toml::de::ValueDeserializer::parse(text).expect("TOML");
        of_type_error(T::deserialize(value).map(|_| ()).expect_err("another type").message()).message
    }

    /// Rust's types are put into words, with the bounds they have.
    #[test]
    fn types() {
        assert_eq!(said::<u8>("256"), "expected a whole number from 0 to 255, found the number 256");
        assert_eq!(said::<u64>("-1"), "expected a whole number of at least 0 and below 2^64, found the number -1");
        assert_eq!(said::<i8>("200"), "expected a whole number from -128 to 127, found the number 200");
        assert_eq!(
            said::<usize>("'x'"),
            "expected a whole number of at least 0 and below 2^64, found the string \"x\""
        );
        assert_eq!(said::<f64>("true"), "expected a number, found true");
        assert_eq!(said::<bool>("1.5"), "expected true or false, found the number 1.5");
        assert_eq!(said::<Vec<u8>>("{}"), "expected a list, found a table");
        assert_eq!(said::<String>("[]"), "expected a string, found a list");
    }

    /// A message that is not known is passed on.
    #[test]
    fn other_messages_pass() {
        assert_eq!(of_type_error("k must be odd"), Words::new("k must be odd"));
        assert_eq!(of_syntax_error("odd", ""), Words::new("not TOML: odd"));
    }
}
