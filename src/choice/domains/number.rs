//! Numbers.

use crate::choice::domain::{Domain, Note, distinct};
use crate::choice::expand::Expander;

/// A count from `1` to `max`, or the quiet one, which may lie outside: a short write of `n` bytes is
/// `UpTo { quiet: n, max: n - 1 }`, additional copies are `UpTo { quiet: 0, max: 3 }`.
///
/// Draws favour the edges: 1 in 8 is `1`, 1 in 8 is `max`, 1 in 4 is a power of two, the rest is uniform.
#[derive(Clone, Copy, Debug)]
pub struct UpTo {
    /// The quiet value.
    pub quiet: u64,
    /// The largest deviating value; with 0 only the quiet value is left.
    pub max: u64,
}

/// Domains of more values than this are not enumerated.
const ENUMERABLE_MAX: u64 = 64;

impl Domain for UpTo {
    type Value = u64;

    #[inline]
    fn quiet(&self) -> u64 {
        self.quiet
    }

    fn draw(&self, expander: &mut Expander) -> u64 {
        if self.max == 0 {
            return self.quiet;
        }
        match expander.below(8) {
            0 => 1,
            1 => self.max,
            2 | 3 => 1 << expander.below(u64::from(self.max.ilog2()) + 1),
            _ => expander.range_inclusive(1, self.max),
        }
    }

    fn words(&self, value: &u64) -> String {
        value.to_string()
    }

    fn parse(&self, words: &str) -> Option<u64> {
        let value = words.parse().ok()?;
        (value == self.quiet || (1..=self.max).contains(&value)).then_some(value)
    }

    fn values(&self) -> Option<Vec<u64>> {
        let others = (1..=self.max).filter(|value| *value != self.quiet);
        (self.max <= ENUMERABLE_MAX).then(|| [self.quiet].into_iter().chain(others).collect())
    }

    /// The edges and the middle.
    fn representatives(&self) -> Vec<u64> {
        let mut some = vec![1, self.max / 2, self.max];
        some.retain(|number| *number != self.quiet && (1..=self.max).contains(number));
        distinct(some)
    }

    fn simpler(&self, value: &u64) -> Vec<u64> {
        let mut smaller = smaller(*value);
        smaller.retain(|number| *number != self.quiet);
        smaller
    }

    #[inline]
    fn note(&self, value: &u64) -> Note {
        Note::Number(*value, |number| number.to_string())
    }
}

/// Numbers from 1 up to below this one, ascending: powers of two, and ever finer steps towards it. Few enough to
/// try each, and the largest leads to every smaller one.
#[must_use]
pub fn smaller(number: u64) -> Vec<u64> {
    let powers = (0..64).map(|bit| 1 << bit);
    let steps = (1..64).map(|bit| number - (number >> bit));
    let mut all: Vec<u64> = powers.chain(steps).collect();
    all.push(number.saturating_sub(1));
    all.retain(|smaller| (1..number).contains(smaller));
    all.sort_unstable();
    all.dedup();
    all
}

/// Any u64, for salts and the like; quiet `0`. Unlike [`Choices::word`](crate::choice::Choices::word) the
/// value differs from seed to seed, is a deviation, and a plan records it.
#[derive(Clone, Copy, Debug)]
pub struct Word;

impl Domain for Word {
    type Value = u64;

    #[inline]
    fn quiet(&self) -> u64 {
        0
    }

    #[inline]
    fn draw(&self, expander: &mut Expander) -> u64 {
        expander.next()
    }

    fn words(&self, value: &u64) -> String {
        format!("{value:#x}")
    }

    fn parse(&self, words: &str) -> Option<u64> {
        words.parse::<crate::choice::Seed>().ok().map(|number| number.0)
    }

    fn values(&self) -> Option<Vec<u64>> {
        None
    }

    fn simpler(&self, value: &u64) -> Vec<u64> {
        smaller(*value)
    }

    #[inline]
    fn note(&self, value: &u64) -> Note {
        Note::Number(*value, |number| format!("{number:#x}"))
    }
}
