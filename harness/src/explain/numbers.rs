//! Numbers in the words of a value: finding them, replacing them, and which of two is rounder.

use std::time::Duration;

use seedbed::choice::{Domain, Latency};

/// Every duration there is.
const ANY_DURATION: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_nanos(u64::MAX) };

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, copies, and the like.
    Plain,
    /// Nanoseconds, written with a unit.
    Duration,
}

impl Unit {
    /// The number in words.
    #[must_use]
    pub fn words(self, number: u64) -> String {
        match self {
            Unit::Plain => number.to_string(),
            Unit::Duration => ANY_DURATION.words(&Duration::from_nanos(number)),
        }
    }
}

/// Words with one number in them: `inside, after 12 bytes`, `one way for 3ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberIn {
    before: String,
    /// The number.
    pub number: u64,
    /// What it counts.
    pub unit: Unit,
    after: String,
}

impl NumberIn {
    /// The first word that is a number. Lists and sets have none: their numbers are names.
    #[must_use]
    pub fn find(words: &str) -> Option<NumberIn> {
        if words.contains(['{', '[']) {
            return None;
        }
        let mut start = 0;
        for word in words.split_inclusive(' ') {
            let bare = word.trim_end_matches([' ', ',']);
            if let Some((number, unit)) = number(bare) {
                return Some(NumberIn {
                    before: words[..start].to_owned(),
                    number,
                    unit,
                    after: words[start + bare.len()..].to_owned(),
                });
            }
            start += word.len();
        }
        None
    }

    /// The words with another number.
    #[must_use]
    pub fn with(&self, number: u64) -> String {
        format!("{}{}{}", self.before, self.unit.words(number), self.after)
    }

    /// Whether both are the same words around a number.
    #[must_use]
    pub fn is_like(&self, other: &NumberIn) -> bool {
        (&self.before, self.unit, &self.after) == (&other.before, other.unit, &other.after)
    }
}

fn number(word: &str) -> Option<(u64, Unit)> {
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok().map(|number| (number, Unit::Plain));
    }
    let duration = ANY_DURATION.parse(word)?;
    let nanoseconds = u64::try_from(duration.as_nanos()).ok()?;
    Some((nanoseconds, Unit::Duration))
}

/// How far a number is from being round: significant digits, fewer for powers of two.
fn roughness(number: u64) -> (u32, u64) {
    let mut digits = number;
    while digits != 0 && digits.is_multiple_of(10) {
        digits /= 10;
    }
    let significant = digits.checked_ilog10().unwrap_or(0) + 1;
    let significant = if number.is_power_of_two() { significant.div_ceil(2) } else { significant };
    (significant, number)
}

/// Whether the first number is rounder than the second.
#[must_use]
pub fn is_rounder(one: u64, other: u64) -> bool {
    roughness(one) < roughness(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_where_it_stands_alone_and_can_be_replaced() {
        let replaced = |words: &str, number| NumberIn::find(words).map(|found| found.with(number));
        assert_eq!(replaced("3ms", 250_000).as_deref(), Some("250us"));
        assert_eq!(replaced("inside, after 12 bytes", 7).as_deref(), Some("inside, after 7 bytes"));
        assert_eq!(replaced("both ways for 1.5s", 1_000).as_deref(), Some("both ways for 1us"));
        assert_eq!(replaced("17", 3).as_deref(), Some("3"));
        for names in ["request client->s2", "reply a#2", "{1,3}", "[2,0,1]", "yes", "0x1f", ""] {
            assert_eq!(NumberIn::find(names), None, "{names}");
        }
    }

    #[test]
    fn round_numbers_are_those_that_people_write() {
        for (rounder, other) in
            [(512, 513), (3_000_000, 2_999_999), (2_000_000, 2_000_001), (10, 11), (0, 1), (9, 10_001)]
        {
            assert!(is_rounder(rounder, other), "{rounder} {other}");
            assert!(!is_rounder(other, rounder), "{rounder} {other}");
        }
    }
}
