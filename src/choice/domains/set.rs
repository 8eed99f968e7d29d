//! Orders and sets of the numbers `0` to `n - 1`.

use crate::choice::domain::{Domain, Note};
use crate::choice::expand::Expander;

/// An order of `n` things, as in `[2,0,1]`; quiet is the given order.
#[derive(Clone, Copy, Debug)]
pub struct Permutation(pub u8);

/// Orders of more things than this are not enumerated (5! = 120).
const PERMUTATION_ENUMERABLE_MAX: u8 = 5;

impl Domain for Permutation {
    type Value = Vec<u8>;

    fn quiet(&self) -> Vec<u8> {
        (0..self.0).collect()
    }

    fn draw(&self, expander: &mut Expander) -> Vec<u8> {
        let mut order = self.quiet();
        expander.shuffle(&mut order);
        order
    }

    fn words(&self, value: &Vec<u8>) -> String {
        format!("[{}]", joined(value))
    }

    fn parse(&self, words: &str) -> Option<Vec<u8>> {
        let order = numbers(words, '[', ']')?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        (sorted == self.quiet()).then_some(order)
    }

    /// In the order of a dictionary, which begins with the quiet one.
    fn values(&self) -> Option<Vec<Vec<u8>>> {
        if self.0 > PERMUTATION_ENUMERABLE_MAX {
            return None;
        }
        let mut orders = vec![Vec::new()];
        for _ in 0..self.0 {
            orders = orders
                .into_iter()
                .flat_map(|order| {
                    let left: Vec<u8> = (0..self.0).filter(|item| !order.contains(item)).collect();
                    left.into_iter().map(move |item| [order.as_slice(), &[item]].concat())
                })
                .collect();
        }
        Some(orders)
    }

    /// Nearer to the given order: one half sorted, or two neighbours swapped back.
    fn simpler(&self, value: &Vec<u8>) -> Vec<Vec<u8>> {
        let half = value.len() / 2;
        let halves = [0..half, half..value.len()].map(|range| {
            let mut order = value.clone();
            order[range].sort_unstable();
            order
        });
        let swaps = (1..value.len()).filter(|at| value[at - 1] > value[*at]).map(|at| {
            let mut order = value.clone();
            order.swap(at - 1, at);
            order
        });
        let mut orders: Vec<Vec<u8>> = halves.into_iter().chain(swaps).collect();
        orders.retain(|order| order != value && *order != self.quiet());
        orders.sort_by_cached_key(|order| (inversions(order), order.clone()));
        orders.dedup();
        orders
    }
}

/// Pairs that are not in the given order.
fn inversions(order: &[u8]) -> usize {
    let later = |at: usize| order[at + 1..].iter().filter(move |later| **later < order[at]).count();
    (0..order.len()).map(later).sum()
}

/// Some of `n` things (at most 64), as a bit mask; in words `{1,3}`. Quiet is none of them.
#[derive(Clone, Copy, Debug)]
pub struct Subset(pub u8);

/// Sets of more things than this are not enumerated (2^8 = 256).
const SUBSET_ENUMERABLE_MAX: u8 = 8;

impl Domain for Subset {
    type Value = u64;

    #[inline]
    fn quiet(&self) -> u64 {
        0
    }

    fn draw(&self, expander: &mut Expander) -> u64 {
        expander.subset(u32::from(self.0))
    }

    fn words(&self, value: &u64) -> String {
        set_words(*value)
    }

    fn parse(&self, words: &str) -> Option<u64> {
        let mut mask = 0_u64;
        for member in numbers(words, '{', '}')? {
            let bit = 1_u64.checked_shl(u32::from(member))?;
            if member >= self.0 || mask & bit != 0 {
                return None;
            }
            mask |= bit;
        }
        Some(mask)
    }

    fn values(&self) -> Option<Vec<u64>> {
        (self.0 <= SUBSET_ENUMERABLE_MAX).then(|| (0..1 << self.0).collect())
    }

    /// Fewer members, and among equally many the lower ones: at best a prefix.
    fn simpler(&self, value: &u64) -> Vec<u64> {
        let size = value.count_ones();
        let prefixes = (1..=size).map(|size| u64::MAX >> (64 - size));
        let members = (0..64).filter(|member| value >> member & 1 == 1);
        let fewer = members.clone().map(|member| value & !(1 << member));
        let lowest_gap = value.trailing_ones();
        let lower = members.map(|member| value & !(1 << member) | 1 << lowest_gap.min(member));
        let mut sets: Vec<u64> = prefixes.chain(fewer).chain(lower).collect();
        let rank = |set: &u64| (set.count_ones(), *set);
        sets.retain(|set| *set != 0 && rank(set) < rank(value));
        sets.sort_unstable_by_key(rank);
        sets.dedup();
        sets
    }

    #[inline]
    fn note(&self, value: &u64) -> Note {
        Note::Number(*value, set_words)
    }
}

fn set_words(mask: u64) -> String {
    let members: Vec<u8> = (0..64).filter(|member| mask >> member & 1 == 1).collect();
    format!("{{{}}}", joined(&members))
}

fn joined(numbers: &[u8]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
    numbers.join(",")
}

/// A list of numbers between brackets; blanks are allowed, because people edit plans.
fn numbers(words: &str, open: char, close: char) -> Option<Vec<u8>> {
    let inside = words.strip_prefix(open)?.strip_suffix(close)?;
    if inside.trim().is_empty() {
        return Some(Vec::new());
    }
    inside.split(',').map(|number| number.trim().parse().ok()).collect()
}
