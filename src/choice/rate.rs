//! How often a choice deviates, as a 64-bit threshold: exact, and the same on every machine.

use std::fmt;

/// A probability `threshold / 2^64`; the largest threshold stands for certainty.
///
/// ```
/// use seedbed::choice::Rate;
/// assert_eq!(Rate::from_f64(0.5).unwrap(), Rate::HALF);
/// assert_eq!(Rate::per_million(10_000).to_string(), "0.01");
/// assert!(Rate::from_f64(1.5).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// Not a probability.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a rate: expected a number from 0 to 1")]
pub struct RateError(f64);

impl Rate {
    /// No offer deviates.
    pub const NEVER: Rate = Rate(0);
    /// One offer in two deviates.
    pub const HALF: Rate = Rate(1 << 63);
    /// Every offer deviates.
    pub const ALWAYS: Rate = Rate(u64::MAX);

    /// This many offers in a million; a million or more is [`Rate::ALWAYS`].
    #[must_use]
    pub const fn per_million(parts: u32) -> Rate {
        if parts >= 1_000_000 {
            return Rate::ALWAYS;
        }
        Rate((((parts as u128) << 64) / 1_000_000) as u64)
    }

    /// The rate a person wrote. The only float in this module: scaling by a power of two is exact, so the
    /// result is the same everywhere. A positive number, however small, is not [`Rate::NEVER`].
    ///
    /// # Errors
    /// When the number is outside `0..=1` or not a number.
    pub fn from_f64(rate: f64) -> Result<Rate, RateError> {
        const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;
        if !(0.0..=1.0).contains(&rate) {
            return Err(RateError(rate));
        }
        if rate == 0.0 {
            return Ok(Rate::NEVER);
        }
        // `as` saturates, which makes 1.0 the certain rate.
        Ok(Rate(((rate * TWO_POW_64) as u64).max(1)))
    }

    /// The threshold below which a uniform word hits.
    #[must_use]
    pub const fn threshold(self) -> u64 {
        self.0
    }

    pub(super) const fn from_threshold(threshold: u64) -> Rate {
        Rate(threshold)
    }

    /// Whether a uniform word hits. Raising the rate only adds hits, so a run at a higher rate repeats
    /// every deviation of the same run at a lower one.
    #[must_use]
    #[inline]
    pub const fn hits(self, word: u64) -> bool {
        word < self.0 || self.0 == u64::MAX
    }

    /// A rate between `low` and `high` whose logarithm is uniform, in steps of a sixteenth of an octave:
    /// a fault with a range from 1 in 10,000 to 1 in 10 spends as many runs near either end. `draw` draws a number
    /// between two, both included.
    #[must_use]
    pub fn log_uniform(low: Rate, high: Rate, draw: impl FnOnce(u64, u64) -> u64) -> Rate {
        let (low, high) = (low.0.max(1), high.0.max(1));
        let (first, last) = (sixteenths(low), sixteenths(high.max(low)));
        let drawn = from_sixteenths(draw(first, last));
        Rate(drawn.clamp(low, high.max(low)))
    }
}

/// `floor(2^(63 + i/16))`. Written out, because a library's logarithm may round differently elsewhere.
const SIXTEENTHS_OF_AN_OCTAVE: [u64; 16] = [
    0x8000_0000_0000_0000,
    0x85aa_c367_cc48_7b14,
    0x8b95_c1e3_ea8b_d6e6,
    0x91c3_d373_ab11_c336,
    0x9837_f051_8db8_a96f,
    0x9ef5_3260_91a1_11ad,
    0xa5fe_d6a9_b151_38ea,
    0xad58_3eea_42a1_4ac6,
    0xb504_f333_f9de_6484,
    0xbd08_a39f_580c_36be,
    0xc567_2a11_5506_dadd,
    0xce24_8c15_1f84_80e3,
    0xd744_fcca_d69d_6af4,
    0xe0cc_deec_2a94_e111,
    0xeac0_c6e7_dd24_392e,
    0xf525_7d15_2486_cc2c,
];

/// `floor(16 * log2(value))` for a positive value.
fn sixteenths(value: u64) -> u64 {
    let octave = u64::from(value.ilog2());
    let normalised = value << value.leading_zeros();
    let within = SIXTEENTHS_OF_AN_OCTAVE.iter().filter(|bound| **bound <= normalised).count();
    octave * 16 + within as u64 - 1
}

/// `2^(sixteenths / 16)`, rounded down.
fn from_sixteenths(sixteenths: u64) -> u64 {
    SIXTEENTHS_OF_AN_OCTAVE[(sixteenths % 16) as usize] >> (63 - sixteenths / 16)
}

impl fmt::Display for Rate {
    /// A decimal fraction with at most seven digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: u128 = 10_000_000;
        let scaled = (u128::from(self.0) * DIGITS + (1 << 63)) >> 64;
        let (whole, fraction) = (scaled / DIGITS, scaled % DIGITS);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:07}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Expander;

    /// A rate written as a fraction is that fraction of 2^64, and its ends are never and always.
    #[test]
    fn fractions_are_exact() {
        assert_eq!(Rate::from_f64(0.0), Ok(Rate::NEVER));
        assert_eq!(Rate::from_f64(1.0), Ok(Rate::ALWAYS));
        assert_eq!(Rate::from_f64(0.25), Ok(Rate(1 << 62)));
        assert_eq!(Rate::from_f64(1e-30), Ok(Rate(1)));
        for wrong in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert!(Rate::from_f64(wrong).is_err(), "{wrong}");
        }
        assert!(Rate::ALWAYS.hits(u64::MAX));
        assert!(!Rate::NEVER.hits(0));
        assert!(Rate::HALF.hits((1 << 63) - 1) && !Rate::HALF.hits(1 << 63));
        assert_eq!(Rate::per_million(500_000), Rate::HALF);
    }

    /// A rate is shown as people write it.
    #[test]
    fn shown_as_a_fraction() {
        let shown: Vec<String> =
            [0.0, 1e-7, 0.000_5, 0.1, 0.3, 1.0].map(|rate| Rate::from_f64(rate).unwrap().to_string()).into();
        assert_eq!(shown, ["0", "0.0000001", "0.0005", "0.1", "0.3", "1"]);
    }

    /// The table holds the powers of 2^(1/16): each entry's square is the entry twice as far.
    #[test]
    fn table_is_geometric() {
        for i in 0..16 {
            // From the eighth entry on the square lies an octave higher.
            let shift = if i < 8 { 63 } else { 64 };
            let square = (u128::from(SIXTEENTHS_OF_AN_OCTAVE[i]).pow(2) >> shift) as u64;
            let expected = SIXTEENTHS_OF_AN_OCTAVE[2 * i % 16];
            assert!(expected.abs_diff(square) <= 2, "{i}: {expected:x} and {square:x}");
        }
        assert!(SIXTEENTHS_OF_AN_OCTAVE.is_sorted());
    }

    /// A drawn rate lies in its range, both ends included, and visits every octave of it about equally.
    #[test]
    fn log_uniform_covers_its_range() {
        let (low, high) = (Rate(1 << 40), Rate(1 << 48));
        let mut octaves = [0_u32; 9];
        for word in 0..8_000 {
            let rate = Rate::log_uniform(low, high, |first, last| Expander::new(word).range_inclusive(first, last));
            assert!(low <= rate && rate <= high);
            octaves[(rate.0.ilog2() - 40) as usize] += 1;
        }
        assert!(octaves[..8].iter().all(|count| (800..1_200).contains(count)), "{octaves:?}");
        let same = Rate::log_uniform(Rate::HALF, Rate::HALF, |first, _| first);
        assert_eq!(same, Rate::HALF);
    }
}
