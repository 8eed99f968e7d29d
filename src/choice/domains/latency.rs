//! Durations.

use std::time::Duration;

use crate::choice::domain::{Domain, Note, distinct};
use crate::choice::expand::Expander;

/// How long something takes, from 0 to `max`, or the quiet duration.
///
/// Draws are whole microseconds whose scale is uniform over powers of two: 1 to 2 µs as often as half a
/// second to a second. A uniform draw would almost never be short, and orders that need one early and one
/// late event would never come up.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// The quiet duration: the base latency of the link.
    pub quiet: Duration,
    /// The longest one, at most 584 years (u64 nanoseconds).
    pub max: Duration,
}

impl Domain for Latency {
    type Value = Duration;

    #[inline]
    fn quiet(&self) -> Duration {
        self.quiet
    }

    #[inline]
    fn draw(&self, expander: &mut Expander) -> Duration {
        let max = nanoseconds(self.max);
        let max_micros = max / 1_000;
        if max_micros == 0 {
            return Duration::from_nanos(expander.range_inclusive(0, max));
        }
        let micros = expander.pow2_scale(max_micros.ilog2()).min(max_micros);
        Duration::from_nanos(micros * 1_000)
    }

    fn words(&self, value: &Duration) -> String {
        to_words(nanoseconds(*value))
    }

    fn parse(&self, words: &str) -> Option<Duration> {
        let value = Duration::from_nanos(from_words(words)?);
        (value <= self.max || value == self.quiet).then_some(value)
    }

    fn values(&self) -> Option<Vec<Duration>> {
        None
    }

    /// At once, and as late as possible.
    fn representatives(&self) -> Vec<Duration> {
        let mut edges = vec![Duration::ZERO, self.max];
        edges.retain(|edge| *edge != self.quiet);
        distinct(edges)
    }

    fn simpler(&self, value: &Duration) -> Vec<Duration> {
        let rounder = rounder(nanoseconds(*value)).into_iter().map(Duration::from_nanos);
        rounder.filter(|rounder| *rounder <= self.max && *rounder != self.quiet).collect()
    }

    /// At most the longest one; from 1 µs up where the quiet duration is nothing.
    fn slowed(&self, doublings: u32) -> Option<Duration> {
        if doublings == 0 {
            return Some(self.quiet);
        }
        let unit = self.quiet.max(Duration::from_micros(1));
        let slowed = 1_u32.checked_shl(doublings).and_then(|factor| unit.checked_mul(factor));
        Some(slowed.unwrap_or(self.max).min(self.max.max(self.quiet)))
    }

    #[inline]
    fn note(&self, value: &Duration) -> Note {
        Note::Number(nanoseconds(*value), to_words)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

/// Rounder numbers, the roundest first: nothing, powers of ten, one digit, two digits …; among equally round ones
/// the smaller.
fn rounder(nanoseconds: u64) -> Vec<u64> {
    let mut all = vec![0];
    all.extend((3..=10).map(|power| 10_u64.pow(power)));
    let mut unit = 1_u64;
    while let Some(next) = unit.checked_mul(10).filter(|next| *next <= nanoseconds) {
        unit = next;
    }
    all.extend((1..nanoseconds / unit).map(|digit| digit * unit));
    while unit > 0 {
        let down = nanoseconds / unit * unit;
        all.extend([Some(down), down.checked_add(unit)].into_iter().flatten());
        unit /= 10;
    }
    all.retain(|number| roughness(*number) < roughness(nanoseconds));
    all.sort_unstable_by_key(|number| roughness(*number));
    all.dedup();
    all
}

/// How far a number is from being round: significant digits, whether it is a power of ten, size.
fn roughness(number: u64) -> (u32, bool, u64) {
    if number == 0 {
        return (0, false, 0);
    }
    let mut digits = number;
    while digits.is_multiple_of(10) {
        digits /= 10;
    }
    (digits.ilog10() + 1, digits != 1, number)
}

/// Units, the largest first, with their nanoseconds and decimal places.
const UNITS: [(&str, u64, usize); 4] = [("s", 1_000_000_000, 9), ("ms", 1_000_000, 6), ("us", 1_000, 3), ("ns", 1, 0)];

/// Exact, in the largest unit that leaves a whole part: `250us`, `1.5s`.
fn to_words(nanoseconds: u64) -> String {
    let unit = UNITS.iter().find(|unit| nanoseconds >= unit.1).unwrap_or(&UNITS[3]);
    let (whole, fraction) = (nanoseconds / unit.1, nanoseconds % unit.1);
    if fraction == 0 {
        return format!("{whole}{}", unit.0);
    }
    let fraction = format!("{fraction:0places$}", places = unit.2);
    format!("{whole}.{}{}", fraction.trim_end_matches('0'), unit.0)
}

/// Any decimal number and a unit, as long as it is a whole number of nanoseconds.
fn from_words(words: &str) -> Option<u64> {
    let unit_at = words.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, name) = words.split_at(unit_at);
    let unit = UNITS.iter().find(|unit| unit.0 == name)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > unit.2 || number.ends_with('.') {
        return None;
    }
    let fraction = format!("{fraction:0<places$}", places = unit.2);
    let below_one = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.parse::<u64>().ok()?.checked_mul(unit.1)?.checked_add(below_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A duration is written the way people write it, exactly, and read back in any unit.
    #[test]
    fn notation() {
        let shown = [0, 1, 999, 1_000, 250_000, 1_500_000, 3_000_000, 1_500_000_000, 61_000_000_000, 1_000_000_001];
        assert_eq!(
            shown.map(to_words),
            ["0ns", "1ns", "999ns", "1us", "250us", "1.5ms", "3ms", "1.5s", "61s", "1.000000001s"]
        );
        assert_eq!(from_words("0.25ms"), Some(250_000));
        assert_eq!(from_words("1500us"), Some(1_500_000));
        for wrong in ["", "ms", "5", "1.5ns", ".5s", "5.s", "-1ms", "+1ms", "1 ms", "1m", "99999999999s"] {
            assert_eq!(from_words(wrong), None, "{wrong}");
        }
    }

    /// What is tried instead of a duration reads better, and its limit and its quiet value are kept out.
    #[test]
    fn rounder_durations() {
        let domain = Latency { quiet: Duration::from_millis(1), max: Duration::from_millis(50) };
        let rounder = domain.simpler(&Duration::from_micros(3_270));
        let words: Vec<String> = rounder.iter().map(|value| domain.words(value)).collect();
        assert_eq!(words, ["0ns", "1us", "10us", "100us", "10ms", "2ms", "3ms", "4ms", "3.2ms", "3.3ms"]);
        assert!(domain.simpler(&Duration::ZERO).is_empty());
    }

    /// Every power of two of microseconds is as likely as any other.
    #[test]
    fn scale_is_uniform() {
        let domain = Latency { quiet: Duration::ZERO, max: Duration::from_micros(1_023) };
        let mut scales = [0_u32; 10];
        for word in 0..10_000 {
            let drawn = domain.draw(&mut Expander::new(word));
            scales[drawn.as_micros().ilog2() as usize] += 1;
        }
        assert!(scales.iter().all(|count| (850..1_150).contains(count)), "{scales:?}");
    }

    /// A duration beyond the limit is not in the domain; the quiet one is, wherever it lies.
    #[test]
    fn limits() {
        let domain = Latency { quiet: Duration::from_secs(9), max: Duration::from_secs(1) };
        assert_eq!(domain.parse("1s"), Some(Duration::from_secs(1)));
        assert_eq!(domain.parse("0ns"), Some(Duration::ZERO));
        assert_eq!(domain.parse("1.001s"), None);
        assert_eq!(domain.parse("9s"), Some(Duration::from_secs(9)));
    }
}
