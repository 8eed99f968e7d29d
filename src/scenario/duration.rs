//! Durations as people write them: `10m`, `1h`, `250ms`, `1.5s`, `40us`.
//!
//! Exact to the nanosecond in both directions; no floating point is involved.

use std::time::Duration;

/// What a duration looks like, for messages.
pub(super) const EXPECTED: &str = "a number and a unit (ns, us, ms, s, m, h), as in \"250ms\", \"1.5s\" or \"10m\"";

/// Units with their nanoseconds, largest first.
const UNITS: &[(&str, u128)] = &[
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a duration.
///
/// ```
/// use std::time::Duration;
/// use seedbed::scenario::{format_duration, parse_duration};
/// assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1_500)));
/// assert_eq!(format_duration(Duration::from_secs(600)), "10m");
/// ```
///
/// `None`: not a number and a unit, finer than a nanosecond, or more than 2^64 nanoseconds (584 years).
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))?;
    let (number, unit) = text.split_at(digits_end);
    let unit = unit.trim_start().replace('µ', "u");
    let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit)?;

    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
    // 20 digits hold every u64, 13 every nanosecond of an hour; longer ones are mistakes.
    if whole.is_empty() || fraction.is_empty() || whole.len() > 20 || fraction.len() > 13 {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<u128>().ok()? * unit_ns;
    if part % scale != 0 {
        return None;
    }
    let ns = whole.parse::<u128>().ok()? * unit_ns + part / scale;
    u64::try_from(ns).ok().map(Duration::from_nanos)
}

/// Writes a duration in the form that [`parse_duration`] reads: whole hours, minutes and seconds as such,
/// everything else as a decimal of the largest unit below an hour that fits.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let ns = duration.as_nanos();
    if ns == 0 {
        return "0s".to_owned();
    }
    if let Some((name, unit_ns)) = UNITS[..3].iter().find(|(_, unit_ns)| ns.is_multiple_of(*unit_ns)) {
        return format!("{}{name}", ns / unit_ns);
    }
    let fits = UNITS[2..].iter().find(|(_, unit_ns)| ns >= *unit_ns);
    let (name, unit_ns) = *fits.unwrap_or(&UNITS[UNITS.len() - 1]);
    let (whole, rest) = (ns / unit_ns, ns % unit_ns);
    if rest == 0 {
        return format!("{whole}{name}");
    }
    let places = unit_ns.ilog10() as usize;
    let fraction = format!("{rest:0places$}");
    format!("{whole}.{}{name}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The forms named in the format's description mean what they say.
    #[test]
    fn documented_forms() {
        let cases = [
            ("10m", 600_000_000_000),
            ("1h", 3_600_000_000_000),
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("40us", 40_000),
            ("40µs", 40_000),
            ("7ns", 7),
            ("0s", 0),
            ("20_000ms", 20_000_000_000),
            ("0.001us", 1),
        ];
        for (text, ns) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(ns)), "{text}");
        }
    }

    /// What is not exactly a duration is refused rather than guessed.
    #[test]
    fn other_forms_are_refused() {
        let cases = [
            "",
            "10",
            "m",
            "-1s",
            "1.s",
            ".5s",
            "1.5.0s",
            "1 fortnight",
            "0.5ns",
            "1e3s",
            "99999999999999999999h",
            "1h30m",
        ];
        for text in cases {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    /// People see the form they would have chosen.
    #[test]
    fn formatting_is_natural() {
        let cases = [
            (0, "0s"),
            (600_000_000_000, "10m"),
            (90_000_000_000, "90s"),
            (7_200_000_000_000, "2h"),
            (1_500_000_000, "1.5s"),
            (250_000_000, "250ms"),
            (1_000_001, "1.000001ms"),
            (40_000, "40us"),
            (999, "999ns"),
        ];
        for (ns, text) in cases {
            assert_eq!(format_duration(Duration::from_nanos(ns)), text);
        }
    }

    proptest! {
        /// Writing and reading back gives the same nanoseconds.
        #[test]
        fn round_trip(ns: u64) {
            let duration = Duration::from_nanos(ns);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }
    }
}
