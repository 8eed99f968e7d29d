//! A 128-bit hash chain: equality of executions.
//!
//! Not cryptographic: nobody forges traces. Frozen, because digests stand in files; pinned by a golden test.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Hash chain over trace events. Written `d1:` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    high: u64,
    low: u64,
}

const SEED_HIGH: u64 = 0x9E37_79B9_7F4A_7C15;
const SEED_LOW: u64 = 0xD1B5_4A32_D192_ED03;
const MULTIPLIER: u64 = 0xFF51_AFD7_ED55_8CCD;

const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a as u128).wrapping_mul(b as u128);
    (wide as u64) ^ ((wide >> 64) as u64)
}

impl Digest {
    /// The digest of nothing.
    pub const EMPTY: Digest = Digest { high: SEED_HIGH, low: SEED_LOW };

    /// Half of the digest, for where 64 bits do.
    #[must_use]
    pub const fn first_word(self) -> u64 {
        self.high
    }

    /// Chains two numbers on.
    pub const fn absorb(&mut self, a: u64, b: u64) {
        let mixed = fold(self.high ^ a, MULTIPLIER ^ b ^ self.low.rotate_left(29));
        self.high = self.low.wrapping_add(a.rotate_left(17)) ^ mixed;
        self.low = fold(mixed ^ b, SEED_HIGH).wrapping_add(self.high.rotate_left(41));
    }

    /// Chains bytes on, with their length.
    pub fn absorb_bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(16);
        for chunk in &mut chunks {
            self.absorb(word(&chunk[..8]), word(&chunk[8..]));
        }
        let rest = chunks.remainder();
        let (first, second) = rest.split_at(rest.len().min(8));
        self.absorb(word(first), word(second) ^ (bytes.len() as u64).rotate_left(56));
    }
}

/// Up to eight bytes as a little-endian number.
fn word(bytes: &[u8]) -> u64 {
    let mut buffer = [0; 8];
    buffer[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(buffer)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d1:{:016x}{:016x}", self.high, self.low)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected `d1:` and 32 hexadecimal digits")]
pub struct NotADigest(pub String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NotADigest(text.to_owned());
        let digits = text.strip_prefix("d1:").ok_or_else(bad)?;
        if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let half = |part: &str| u64::from_str_radix(part, 16).map_err(|_| bad());
        Ok(Digest { high: half(&digits[..16])?, low: half(&digits[16..])? })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_function_is_frozen() {
        let mut digest = Digest::EMPTY;
        digest.absorb(1, 2);
        digest.absorb_bytes(b"seventeen bytes..");
        assert_eq!(digest.to_string(), "d1:72dca60a90b43e184b601bcdd4857913");
    }

    #[test]
    fn digests_survive_being_written_down() {
        let mut digest = Digest::EMPTY;
        digest.absorb(7, 0);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("d1:xyz".parse::<Digest>().is_err());
        assert!("".parse::<Digest>().is_err());
    }

    proptest! {
        #[test]
        fn one_changed_bit_changes_the_digest(a: u64, b: u64, bit in 0_u32..128) {
            let (mut left, mut right) = (Digest::EMPTY, Digest::EMPTY);
            left.absorb(a, b);
            if bit < 64 { right.absorb(a ^ (1 << bit), b) } else { right.absorb(a, b ^ (1 << (bit - 64))) }
            prop_assert_ne!(left, right);
        }

        #[test]
        fn bytes_are_not_confused_with_longer_or_shorter_ones(bytes: Vec<u8>) {
            let (mut left, mut right) = (Digest::EMPTY, Digest::EMPTY);
            left.absorb_bytes(&bytes);
            let mut longer = bytes;
            longer.push(0);
            right.absorb_bytes(&longer);
            prop_assert_ne!(left, right);
        }
    }
}
