//! Expands one u64 into everything a choice needs: numbers in a range, weights, sets, orders.
//!
//! Frozen: a function here never changes what it returns, since stored seeds depend on it. Each consumes a
//! number of words that depends on its arguments only (nothing is rejected and drawn again), and none uses
//! floating point.

use super::rate::Rate;

/// The increment of the counter: 2^64 divided by the golden ratio, odd.
pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014, with Stafford's constants): a bijection in which
/// every input bit reaches every output bit.
#[inline]
pub(super) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A sequence of words that is a function of one word.
///
/// ```
/// use seedbed::choice::Expander;
/// let mut e = Expander::new(42);
/// let die = 1 + e.below(6);
/// assert!((1..=6).contains(&die));
/// assert_eq!(die, 1 + Expander::new(42).below(6));
/// ```
#[derive(Clone, Debug)]
pub struct Expander {
    counter: u64,
}

impl Expander {
    /// Starts from a word, which is taken to be uniform.
    #[must_use]
    #[inline]
    pub const fn new(word: u64) -> Expander {
        Expander { counter: word }
    }

    /// The next word.
    #[expect(clippy::should_implement_trait, reason = "endless, and used one word at a time")]
    #[inline]
    pub fn next(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(GOLDEN);
        mix(self.counter)
    }

    /// A number from `0` to `n - 1`; `0` for `n = 0`. One word.
    ///
    /// By multiplication: values differ in probability by at most `n / 2^64`.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` when the range is empty. One word.
    #[inline]
    pub fn range_inclusive(&mut self, low: u64, high: u64) -> u64 {
        let span = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.next()) * span) >> 64) as u64
    }

    /// True at this rate. One word.
    #[inline]
    pub fn chance(&mut self, rate: Rate) -> bool {
        rate.hits(self.next())
    }

    /// An index, in proportion to its weight; `0` when all weights are zero. One word.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        0
    }

    /// A number from `1` to `2^(max_exponent + 1) - 1` (exponents above 63 count as 63): first its power of
    /// two, uniformly, then where it lies between that and the next one. Two words.
    #[inline]
    pub fn pow2_scale(&mut self, max_exponent: u32) -> u64 {
        let power = 1 << self.below(u64::from(max_exponent.min(63)) + 1);
        power + self.below(power)
    }

    /// Each of `n` members (at most 64) in or out by a fair coin, as a bit mask. One word.
    pub fn subset(&mut self, n: u32) -> u64 {
        let word = self.next();
        if n == 0 { 0 } else { word >> (64 - n.min(64)) }
    }

    /// Puts a slice into a uniformly drawn order. One word per element but the first.
    pub fn shuffle<T>(&mut self, slice: &mut [T]) {
        for last in (1..slice.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            slice.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every number stays in the range it was asked for, at the extremes of u64 too.
        #[test]
        fn in_range(word: u64, a: u64, b: u64, exponent in 0_u32..=63, members in 0_u32..=64) {
            let (low, high) = (a.min(b), a.max(b));
            let mut e = Expander::new(word);
            prop_assert!((low..=high).contains(&e.range_inclusive(low, high)));
            prop_assert!(e.below(a) < a.max(1));
            let scaled = e.pow2_scale(exponent);
            prop_assert!(scaled >= 1 && scaled.ilog2() <= exponent);
            let mask = e.subset(members);
            prop_assert!(members == 64 || mask < 1 << members);
        }

        /// A weight of zero is never chosen while another is positive.
        #[test]
        fn zero_weight_is_never_chosen(word: u64, weights in proptest::collection::vec(0_u32..3, 1..6)) {
            let chosen = Expander::new(word).weighted(&weights);
            prop_assert!(weights[chosen] > 0 || weights.iter().all(|w| *w == 0));
        }

        /// Shuffling loses and duplicates nothing.
        #[test]
        fn shuffle_permutes(word: u64, len in 0_usize..40) {
            let mut items: Vec<usize> = (0..len).collect();
            Expander::new(word).shuffle(&mut items);
            items.sort_unstable();
            prop_assert_eq!(items, (0..len).collect::<Vec<_>>());
        }

        /// How many words a function consumes does not depend on what it drew, so what follows stays put.
        #[test]
        fn consumption_is_fixed(word: u64) {
            let mut e = Expander::new(word);
            e.below(10);
            e.weighted(&[1, 2, 3]);
            e.pow2_scale(20);
            e.subset(7);
            e.shuffle(&mut [1, 2, 3, 4]);
            let mut words = Expander::new(word);
            (0..8).for_each(|_| { words.next(); });
            prop_assert_eq!(e.next(), words.next());
        }
    }

    /// Weights are honoured and every order of three is equally likely.
    #[test]
    fn frequencies() {
        let mut chosen = [0_u32; 3];
        let mut orders = std::collections::BTreeMap::new();
        for word in 0..12_000 {
            let mut e = Expander::new(word);
            chosen[e.weighted(&[1, 0, 3])] += 1;
            let mut order = [0, 1, 2];
            e.shuffle(&mut order);
            *orders.entry(order).or_insert(0_u32) += 1;
        }
        assert_eq!(chosen[1], 0);
        assert!((2_800..3_200).contains(&chosen[0]), "{chosen:?}");
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|count| (1_850..2_150).contains(count)), "{orders:?}");
    }
}
