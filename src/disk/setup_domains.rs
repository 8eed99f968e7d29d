//! What can be drawn about a disk when it is made.

use std::ops::Range;

use super::contract::Contract;
use super::image::PAGE_BYTES;
use super::profile::Profile;
use crate::choice::{Domain, Expander};

/// A profile of the contract, by weight; quiet is the heaviest.
pub(crate) struct ProfileOf<'a>(pub(crate) &'a Contract);

impl Domain for ProfileOf<'_> {
    type Value = Profile;

    fn quiet(&self) -> Profile {
        self.0.profiles().next().map_or(Profile::Ordered, |(profile, _)| profile)
    }

    fn draw(&self, expander: &mut Expander) -> Profile {
        let (profiles, weights): (Vec<_>, Vec<_>) = self.0.profiles().unzip();
        profiles.get(expander.weighted(&weights)).copied().unwrap_or_else(|| self.quiet())
    }

    fn words(&self, profile: &Profile) -> String {
        profile.label().to_owned()
    }

    fn parse(&self, words: &str) -> Option<Profile> {
        let profile = Profile::from_label(words)?;
        self.0.profiles().any(|(allowed, _)| allowed == profile).then_some(profile)
    }

    fn values(&self) -> Option<Vec<Profile>> {
        Some(self.0.profiles().map(|(profile, _)| profile).collect())
    }
}

/// The space of a disk: quiet endless, else 4 to 1,023 pages, every power of two as likely as any other.
pub(crate) struct Capacity;

const ENDLESS: &str = "endless";
const PAGES_MIN: u64 = 4;

impl Domain for Capacity {
    type Value = Option<u64>;

    fn quiet(&self) -> Option<u64> {
        None
    }

    fn draw(&self, expander: &mut Expander) -> Option<u64> {
        Some(expander.pow2_scale(9).max(PAGES_MIN) * PAGE_BYTES as u64)
    }

    fn words(&self, capacity: &Option<u64>) -> String {
        capacity.map_or_else(|| ENDLESS.to_owned(), |bytes| bytes.to_string())
    }

    fn parse(&self, words: &str) -> Option<Option<u64>> {
        if words == ENDLESS { Some(None) } else { words.parse().ok().map(Some) }
    }

    fn values(&self) -> Option<Vec<Option<u64>>> {
        None
    }
}

/// The syncs that lie, by number: `3 to 9`, both included; quiet is none.
pub(crate) struct LyingSyncs;

impl Domain for LyingSyncs {
    type Value = Range<u64>;

    fn quiet(&self) -> Range<u64> {
        0..0
    }

    fn draw(&self, expander: &mut Expander) -> Range<u64> {
        let first = expander.pow2_scale(5) - 1;
        first..first + expander.pow2_scale(4)
    }

    fn words(&self, syncs: &Range<u64>) -> String {
        if syncs.is_empty() { "none".to_owned() } else { format!("{} to {}", syncs.start, syncs.end - 1) }
    }

    fn parse(&self, words: &str) -> Option<Range<u64>> {
        if words == "none" {
            return Some(0..0);
        }
        let (first, last) = words.split_once(" to ")?;
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        (first <= last && last < u64::MAX).then(|| first..last + 1)
    }

    fn values(&self) -> Option<Vec<Range<u64>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn obeys<D: Domain<Value: std::fmt::Debug>>(domain: &D, word: u64) -> Result<(), TestCaseError> {
        for value in [domain.quiet(), domain.draw(&mut Expander::new(word))] {
            prop_assert_eq!(domain.parse(&domain.words(&value)), Some(value));
        }
        Ok(())
    }

    proptest! {
        /// What is drawn about a disk can be written down and read again.
        #[test]
        fn words_mean_values(word: u64) {
            obeys(&ProfileOf(&Contract::parse(Some("any"), None).unwrap()), word)?;
            obeys(&Capacity, word)?;
            obeys(&LyingSyncs, word)?;
        }
    }

    /// Profiles come up in their shares.
    #[test]
    fn shares() {
        let contract = Contract::parse(Some("any"), None).unwrap();
        for (profile, share) in Profile::WEIGHTS {
            let drawn = (0..10_000).filter(|&word| ProfileOf(&contract).draw(&mut Expander::new(word)) == profile);
            assert!((drawn.count() as u32).abs_diff(share * 100) < 200, "{profile:?}");
        }
    }
}
