//! Values that have names.

use crate::choice::domain::{Domain, Note};
use crate::choice::expand::Expander;

/// Whether something happens: `yes` or `no`, quiet `no`.
#[derive(Clone, Copy, Debug)]
pub struct Coin;

impl Domain for Coin {
    type Value = bool;

    #[inline]
    fn quiet(&self) -> bool {
        false
    }

    /// The site's rate has decided already.
    #[inline]
    fn draw(&self, _: &mut Expander) -> bool {
        true
    }

    fn words(&self, value: &bool) -> String {
        if *value { "yes" } else { "no" }.to_owned()
    }

    fn parse(&self, words: &str) -> Option<bool> {
        match words {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    fn values(&self) -> Option<Vec<bool>> {
        Some(vec![false, true])
    }

    #[inline]
    fn note(&self, value: &bool) -> Note {
        Note::Fixed(if *value { "yes" } else { "no" })
    }
}

/// One of a fixed list: name, value and weight; the first is quiet.
///
/// The weight of the first counts like any other: 0 where a deviation must deviate, positive where the list
/// is a neutral choice. Names and values must be distinct.
#[derive(Clone, Copy, Debug)]
pub struct OneOf<T: 'static>(pub &'static [(&'static str, T, u32)]);

impl<T: Copy + PartialEq + 'static> OneOf<T> {
    fn name(&self, value: &T) -> &'static str {
        let entry = self.0.iter().find(|entry| entry.1 == *value);
        entry.expect("a value of this domain").0
    }
}

impl<T: Copy + PartialEq + 'static> Domain for OneOf<T> {
    type Value = T;

    #[inline]
    fn quiet(&self) -> T {
        self.0[0].1
    }

    fn draw(&self, expander: &mut Expander) -> T {
        let total = self.0.iter().map(|entry| u64::from(entry.2)).sum();
        let mut left = expander.below(total);
        for (_, value, weight) in self.0 {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return *value,
            }
        }
        self.quiet()
    }

    fn words(&self, value: &T) -> String {
        self.name(value).to_owned()
    }

    fn parse(&self, words: &str) -> Option<T> {
        self.0.iter().find(|entry| entry.0 == words).map(|entry| entry.1)
    }

    fn values(&self) -> Option<Vec<T>> {
        Some(self.0.iter().map(|entry| entry.1).collect())
    }

    fn note(&self, value: &T) -> Note {
        Note::Fixed(self.name(value))
    }
}
