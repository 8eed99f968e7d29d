//! The streams of words that choices are drawn from: one per site and actor, read by position.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::seed::Seed;

/// A site and an actor of one run; see [`Choices::stream`](super::Choices::stream).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub(super) u32);

impl StreamId {
    #[inline]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Random access to the words of one stream: word `n` is the `n`-th u64, whatever was read before it.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    generator: ChaCha8Rng,
    /// The position the generator stands at.
    next: u64,
}

/// Up to this distance reading on is cheaper than seeking, which computes four blocks (32 words) anew.
const SKIP_MAX: u64 = 32;

impl Reader {
    /// At the beginning of a stream.
    pub(super) fn new(seed: Seed, stream: u64) -> Reader {
        Reader { generator: seed.generator(stream), next: 0 }
    }

    /// The word at a position.
    #[inline]
    pub(super) fn at(&mut self, position: u64) -> u64 {
        if position != self.next {
            self.go_to(position);
        }
        self.next = position + 1;
        self.generator.next_u64()
    }

    fn go_to(&mut self, position: u64) {
        match position.checked_sub(self.next) {
            Some(ahead) if ahead <= SKIP_MAX => (0..ahead).for_each(|_| {
                self.generator.next_u64();
            }),
            _ => self.generator.set_word_pos(u128::from(position) * 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A word depends on its position only, not on the way there.
        #[test]
        fn by_position(seed: u64, stream: u64, positions in proptest::collection::vec(0_u64..200, 1..40)) {
            let words: Vec<u64> = {
                let mut reader = Reader::new(Seed(seed), stream);
                (0..200).map(|n| reader.at(n)).collect()
            };
            let mut reader = Reader::new(Seed(seed), stream);
            for position in positions {
                prop_assert_eq!(reader.at(position), words[position as usize]);
            }
        }
    }
}
