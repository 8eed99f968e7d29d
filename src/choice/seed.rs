//! The seed of a run, and the frozen functions that turn it and a place's name into a stream of words.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::expand::{GOLDEN, mix};

/// What fixes a whole run.
///
/// Read as decimal or `0x…`, shown as decimal; in data it is a string, because a u64 does not fit every
/// format's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl Seed {
    /// One word for a purpose of its own, independent of every choice: word `n` of the stream `purpose`.
    /// For what has a generator already (a host, a workload strategy) and only needs seeding.
    #[must_use]
    pub fn derive(self, purpose: &str, n: u64) -> u64 {
        let mut generator = self.generator(stable_hash(&["derived", purpose]));
        generator.set_word_pos(u128::from(n) * 2);
        generator.next_u64()
    }

    /// The stream with this id, at its beginning.
    pub(super) fn generator(self, stream: u64) -> ChaCha8Rng {
        let mut key = [0_u8; 32];
        for (index, bytes) in (1..).zip(key.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&mix(self.0.wrapping_add(GOLDEN.wrapping_mul(index))).to_le_bytes());
        }
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        generator
    }
}

/// A 64-bit hash of a list of names that never changes: FNV-1a with an end mark after each part, then mixed.
/// `["ab", "c"]` and `["a", "bc"]` differ.
#[must_use]
pub fn stable_hash(parts: &[&str]) -> u64 {
    // No byte of UTF-8 text has this value.
    const END: u8 = 0xff;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut absorb = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for part in parts {
        part.bytes().for_each(&mut absorb);
        absorb(END);
    }
    mix(hash)
}

/// Not a seed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a seed: expected a decimal number or 0x and hexadecimal digits, below 2^64")]
pub struct ParseSeedError(String);

impl FromStr for Seed {
    type Err = ParseSeedError;

    fn from_str(text: &str) -> Result<Seed, ParseSeedError> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        // The standard parser takes a leading sign, which no seed has.
        let signed = digits.unwrap_or(text).starts_with('+');
        let parsed = digits.map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
        match parsed {
            Ok(seed) if !signed => Ok(Seed(seed)),
            _ => Err(ParseSeedError(text.to_owned())),
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Seed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a seed: a number, or a string with a decimal or 0x number")
            }

            fn visit_u64<E: de::Error>(self, seed: u64) -> Result<Seed, E> {
                Ok(Seed(seed))
            }

            fn visit_i64<E: de::Error>(self, seed: i64) -> Result<Seed, E> {
                u64::try_from(seed).map(Seed).map_err(|_| E::invalid_value(de::Unexpected::Signed(seed), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seed, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed is read in both notations and shown in decimal; anything else is refused with its text.
    #[test]
    fn notations() {
        assert_eq!("123".parse(), Ok(Seed(123)));
        assert_eq!("0xff".parse(), Ok(Seed(255)));
        assert_eq!(u64::MAX.to_string().parse(), Ok(Seed(u64::MAX)));
        assert_eq!(Seed(0x10).to_string(), "16");
        for wrong in ["", "0x", "-1", "+1", "0x+1", "1e3", "18446744073709551616", "ff"] {
            assert_eq!(wrong.parse::<Seed>(), Err(ParseSeedError(wrong.to_owned())));
        }
    }

    /// In data a seed is a string, and a plain number is accepted too.
    #[test]
    fn in_data() {
        assert_eq!(serde_json::to_string(&Seed(u64::MAX)).unwrap(), "\"18446744073709551615\"");
        for text in ["\"0x10\"", "\"16\"", "16"] {
            assert_eq!(serde_json::from_str::<Seed>(text).unwrap(), Seed(16));
        }
        assert!(serde_json::from_str::<Seed>("-1").is_err());
    }

    /// Where one name ends and the next begins matters.
    #[test]
    fn hash_separates_its_parts() {
        let hashes =
            [stable_hash(&["ab", "c"]), stable_hash(&["a", "bc"]), stable_hash(&["abc"]), stable_hash(&["abc", ""])];
        for (i, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..i].contains(hash));
        }
    }
}
