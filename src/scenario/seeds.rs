//! Ranges of seeds as they are given on the command line: `0..1000`, `5..=9`, `0x10..0x20`, `42`.

use std::fmt;
use std::str::FromStr;

use crate::choice::{ParseSeedError, Seed};

/// Seeds in order, at least one.
///
/// ```
/// use seedbed::choice::Seed;
/// use seedbed::scenario::SeedRange;
/// let range: SeedRange = "0x10..0x14".parse().unwrap();
/// assert_eq!((range.count(), range.get(0)), (4, Some(Seed(16))));
/// assert!("5..5".parse::<SeedRange>().unwrap_err().to_string().contains("empty"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedRange {
    first: u64,
    /// Inclusive, so that the last seed there is can be in a range.
    last: u64,
}

/// Not a range of seeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedRangeError {
    /// A bound is no seed.
    #[error(transparent)]
    Seed(#[from] ParseSeedError),
    /// There is no seed in it.
    #[error("the range {0} is empty: A..B holds the seeds from A up to but not including B")]
    Empty(String),
    /// A bound is missing.
    #[error("the range `{0}` lacks a bound: write A..B, A..=B or one seed")]
    Open(String),
}

impl SeedRange {
    /// The first `count` seeds, from 0; `None` when that is none.
    #[must_use]
    pub fn first(count: u64) -> Option<SeedRange> {
        count.checked_sub(1).map(|last| SeedRange { first: 0, last })
    }

    /// This seed alone.
    #[must_use]
    pub fn one(seed: Seed) -> SeedRange {
        SeedRange { first: seed.0, last: seed.0 }
    }

    /// How many seeds there are. All 2^64 of them do not fit a `u64`.
    #[must_use]
    pub fn count(self) -> u128 {
        u128::from(self.last - self.first) + 1
    }

    /// Seed number `index` of the range, from 0.
    #[must_use]
    pub fn get(self, index: u64) -> Option<Seed> {
        self.first.checked_add(index).filter(|seed| *seed <= self.last).map(Seed)
    }

    /// The seeds in order.
    pub fn iter(self) -> impl Iterator<Item = Seed> {
        (self.first..=self.last).map(Seed)
    }
}

impl FromStr for SeedRange {
    type Err = SeedRangeError;

    fn from_str(text: &str) -> Result<SeedRange, SeedRangeError> {
        let text = text.trim();
        let Some((first, end)) = text.split_once("..") else {
            let Seed(seed) = text.parse()?;
            return Ok(SeedRange { first: seed, last: seed });
        };
        let (end, inclusive) = match end.strip_prefix('=') {
            Some(end) => (end, true),
            None => (end, false),
        };
        let (first, end) = (first.trim(), end.trim());
        if first.is_empty() || end.is_empty() {
            return Err(SeedRangeError::Open(text.to_owned()));
        }
        let (Seed(first), Seed(end)) = (first.parse()?, end.parse()?);
        let last = if inclusive { Some(end) } else { end.checked_sub(1) };
        last.filter(|last| first <= *last)
            .map(|last| SeedRange { first, last })
            .ok_or_else(|| SeedRangeError::Empty(text.to_owned()))
    }
}

impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last.checked_add(1) {
            _ if self.first == self.last => write!(f, "{}", self.first),
            Some(end) => write!(f, "{}..{end}", self.first),
            None => write!(f, "{}..={}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(text: &str) -> Result<(u64, u64), SeedRangeError> {
        text.parse().map(|range: SeedRange| (range.first, range.last))
    }

    /// Every documented form means what it says, up to the last seed there is.
    #[test]
    fn forms() {
        assert_eq!(range("0..1000"), Ok((0, 999)));
        assert_eq!(range("5..=9"), Ok((5, 9)));
        assert_eq!(range("0x10..0x20"), Ok((16, 31)));
        assert_eq!(range("42"), Ok((42, 42)));
        assert_eq!(range("18446744073709551615"), Ok((u64::MAX, u64::MAX)));
        assert_eq!("0..=18446744073709551615".parse::<SeedRange>().map(SeedRange::count), Ok(1 << 64));
    }

    /// A range without seeds, without a bound or with something else for a bound is refused and says why.
    #[test]
    fn refusals() {
        for empty in ["5..5", "9..5", "6..=5", "0..0"] {
            assert_eq!(range(empty), Err(SeedRangeError::Empty(empty.to_owned())));
        }
        for open in ["..5", "5..", "..", "5..="] {
            assert_eq!(range(open), Err(SeedRangeError::Open(open.to_owned())));
        }
        for wrong in ["", "a..b", "-1..5", "1...5", "18446744073709551616"] {
            assert!(matches!(range(wrong), Err(SeedRangeError::Seed(_))), "{wrong}");
        }
    }

    proptest! {
        /// Writing and reading back gives the same range, and its seeds are those between its bounds.
        #[test]
        fn round_trip(first: u64, length in 0u64..100) {
            let range = SeedRange { first, last: first.saturating_add(length) };
            prop_assert_eq!(range.to_string().parse(), Ok(range));
            prop_assert_eq!(range.iter().count() as u128, range.count());
            prop_assert_eq!(range.get(0), Some(Seed(first)));
            prop_assert_eq!(range.get(length + 1), None);
        }
    }
}
