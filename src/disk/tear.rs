//! How a write in flight is torn when the power goes off.
//!
//! Sectors are counted within the write, from 0. What lies outside the written range never changes.

use std::fmt::Write as _;

use crate::choice::Expander;

/// The part of a write that persisted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tear {
    /// The sectors before this one.
    Before(u32),
    /// This sector and all behind it: the device began at the far end.
    From(u32),
    /// These sectors.
    Only(Sectors),
    /// All of it, but these sectors hold noise.
    Noise(Sectors),
}

impl Tear {
    /// Draws a tear of a write over `sectors` sectors: prefix 50 %, suffix 15 %, any subset 25 %, noise
    /// 10 %. A single sector is never partly written, so only noise is left for it.
    pub(crate) fn draw(sectors: u32, expander: &mut Expander) -> Tear {
        let inner = u64::from(sectors.saturating_sub(1));
        if inner == 0 {
            return Tear::Noise(Sectors::single(0));
        }
        match expander.weighted(&[50, 15, 25, 10]) {
            0 => Tear::Before(expander.range_inclusive(1, inner) as u32),
            1 => Tear::From(expander.range_inclusive(1, inner) as u32),
            2 => Tear::Only(Sectors::draw_proper(sectors, expander)),
            _ => Tear::Noise(Sectors::draw(sectors, expander)),
        }
    }

    /// What this sector of the write became.
    pub(crate) fn sector(&self, sector: u32) -> SectorFate {
        let kept = match self {
            Tear::Before(end) => sector < *end,
            Tear::From(first) => sector >= *first,
            Tear::Only(sectors) => sectors.contains(sector),
            Tear::Noise(sectors) if sectors.contains(sector) => return SectorFate::Noise,
            Tear::Noise(_) => true,
        };
        if kept { SectorFate::New } else { SectorFate::Old }
    }

    /// `at sector 2`, `from sector 2`, `to sectors {0,3-5}`, `noise {1}`.
    pub(crate) fn words(&self) -> String {
        match self {
            Tear::Before(end) => format!("at sector {end}"),
            Tear::From(first) => format!("from sector {first}"),
            Tear::Only(sectors) => format!("to sectors {}", sectors.words()),
            Tear::Noise(sectors) => format!("noise {}", sectors.words()),
        }
    }

    /// Reads [`words`](Self::words); `None` if a write over `sectors` sectors cannot be torn so.
    pub(crate) fn parse(words: &str, sectors: u32) -> Option<Tear> {
        let inner = |number: &str| number.parse().ok().filter(|sector| (1..sectors).contains(sector));
        if let Some(end) = words.strip_prefix("at sector ") {
            return inner(end).map(Tear::Before);
        }
        if let Some(first) = words.strip_prefix("from sector ") {
            return inner(first).map(Tear::From);
        }
        if let Some(set) = words.strip_prefix("to sectors ") {
            let set = Sectors::parse(set, sectors)?;
            return (set.count() < sectors && set.count() > 0).then_some(Tear::Only(set));
        }
        let set = Sectors::parse(words.strip_prefix("noise ")?, sectors)?;
        (set.count() > 0).then_some(Tear::Noise(set))
    }
}

/// What became of one sector of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectorFate {
    /// It holds what it held before.
    Old,
    /// It was written.
    New,
    /// The written bytes hold noise.
    Noise,
}

/// A set of small numbers, as sorted ranges that do not touch: `{0,3-5}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sectors(Vec<(u32, u32)>);

impl Sectors {
    pub(crate) fn single(sector: u32) -> Sectors {
        Sectors(vec![(sector, sector)])
    }

    /// The numbers an iterator yields in rising order.
    pub(crate) fn collect(numbers: impl Iterator<Item = u32>) -> Sectors {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == number => *end = number,
                _ => ranges.push((number, number)),
            }
        }
        Sectors(ranges)
    }

    /// A non-empty subset of `0..n`. Up to 64 each number has a coin of its own, above that each run of
    /// neighbours has.
    fn draw(n: u32, expander: &mut Expander) -> Sectors {
        let run = n.div_ceil(64).max(1);
        let coins = n.div_ceil(run);
        let mask = match expander.subset(coins) {
            0 => 1 << expander.below(u64::from(coins)),
            mask => mask,
        };
        Sectors::collect((0..n).filter(|number| mask >> (number / run) & 1 == 1))
    }

    /// A subset of `0..n` that is neither empty nor everything (`n` is at least 2).
    fn draw_proper(n: u32, expander: &mut Expander) -> Sectors {
        let set = Sectors::draw(n, expander);
        let out = expander.below(u64::from(n)) as u32;
        if set.count() < n { set } else { Sectors::collect((0..n).filter(|&number| number != out)) }
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|&(start, end)| (start..=end).contains(&number))
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|&(start, end)| end - start + 1).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|&(start, end)| start..=end)
    }

    pub(crate) fn words(&self) -> String {
        let mut words = String::from("{");
        for (index, &(start, end)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = if start == end { write!(words, "{comma}{start}") } else { write!(words, "{comma}{start}-{end}") };
        }
        words.push('}');
        words
    }

    /// Reads a set of numbers below `limit` in rising order.
    pub(crate) fn parse(words: &str, limit: u32) -> Option<Sectors> {
        let inner = words.strip_prefix('{')?.strip_suffix('}')?;
        if inner.is_empty() {
            return Some(Sectors::default());
        }
        let mut numbers = Vec::new();
        for part in inner.split(',') {
            let part = part.trim();
            let (start, end) = part.split_once('-').unwrap_or((part, part));
            let (start, end) = (start.parse::<u32>().ok()?, end.parse::<u32>().ok()?);
            if start > end || end >= limit || numbers.last().is_some_and(|&last| last >= start) {
                return None;
            }
            numbers.extend(start..=end);
        }
        Some(Sectors::collect(numbers.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every drawn tear really tears, and its words mean the same tear.
        #[test]
        fn tears(word: u64, sectors in 1_u32..300) {
            let tear = Tear::draw(sectors, &mut Expander::new(word));
            prop_assert_eq!(Tear::parse(&tear.words(), sectors), Some(tear.clone()));
            prop_assert!((0..sectors).any(|sector| tear.sector(sector) != SectorFate::New));
        }
    }

    /// Each form of tear comes up in its share.
    #[test]
    fn shares() {
        let mut counts = [0_u32; 4];
        for word in 0..10_000 {
            let form = match Tear::draw(8, &mut Expander::new(word)) {
                Tear::Before(_) => 0,
                Tear::From(_) => 1,
                Tear::Only(_) => 2,
                Tear::Noise(_) => 3,
            };
            counts[form] += 1;
        }
        for (count, share) in counts.into_iter().zip([50, 15, 25, 10]) {
            assert!(count.abs_diff(share * 100) < 200, "{counts:?}");
        }
    }

    /// What a write of this length cannot suffer is refused.
    #[test]
    fn refused() {
        for words in [
            "at sector 0",
            "at sector 4",
            "from sector 4",
            "to sectors {}",
            "to sectors {0-3}",
            "noise {4}",
            "noise {}",
            "gone",
        ] {
            assert_eq!(Tear::parse(words, 4), None, "{words}");
        }
        assert_eq!(Tear::parse("to sectors {0,2-3}", 4), Some(Tear::Only(Sectors(vec![(0, 0), (2, 3)]))));
    }
}
