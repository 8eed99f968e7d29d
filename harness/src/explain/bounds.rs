//! How far a number can be moved before a run stops failing: a search that asks for one execution at a time, so
//! that many searches can go on side by side.

use serde::Serialize;

use super::numbers::{Unit, is_rounder};

/// What a run with another number shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The same failure.
    Failure,
    /// No failure, or another one.
    Other,
    /// The number is none that could be chosen there.
    Impossible,
}

/// The search for the farthest failing number in one direction.
#[derive(Clone, Debug)]
struct Side {
    up: bool,
    /// The farthest number known to fail.
    fails: u64,
    /// The nearest beyond it that does not, and what it shows instead.
    beyond: Option<(u64, Shows)>,
    /// Nothing beyond this is tried.
    limit: u64,
}

impl Side {
    /// The next number to try; `None`: the boundary is found.
    fn next(&self) -> Option<u64> {
        match self.beyond {
            None if self.fails == self.limit => None,
            // Twice as far each time; downwards there is an end, which is tried at once.
            None if self.up => Some(self.fails.saturating_mul(2).max(1).min(self.limit)),
            None => Some(self.limit),
            Some((beyond, _)) => {
                let middle = self.fails.min(beyond) + self.fails.abs_diff(beyond) / 2;
                (self.fails.abs_diff(beyond) > 1).then_some(middle)
            }
        }
    }

    fn tell(&mut self, number: u64, shows: Shows) {
        match shows {
            Shows::Failure => self.fails = number,
            other => self.beyond = Some((number, other)),
        }
    }

    /// The boundary, if there is a possible number beyond it that does not fail.
    fn boundary(&self) -> Option<Boundary> {
        match self.beyond {
            Some((number, Shows::Other)) => Some(Boundary { fails: self.fails, passes: number }),
            _ => None,
        }
    }
}

/// Two neighbours, one of which fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Boundary {
    /// The last number that fails.
    pub fails: u64,
    /// The next one, which does not.
    pub passes: u64,
}

/// The search for the range around a failing number.
#[derive(Clone, Debug)]
pub struct Search {
    start: u64,
    down: Side,
    up: Side,
    /// Numbers inside the range, tried at the end: it need not be without holes.
    samples: Option<Vec<u64>>,
    holes: bool,
}

/// How many numbers between a boundary and the start are tried for holes.
const SAMPLES: u64 = 3;

impl Search {
    /// A search around a number that fails; none above `limit` is tried.
    #[must_use]
    pub fn new(start: u64, limit: u64) -> Search {
        let side = |up, limit| Side { up, fails: start, beyond: None, limit };
        Search { start, down: side(false, 0), up: side(true, limit.max(start)), samples: None, holes: false }
    }

    /// The next number to try; `None`: the search is over.
    pub fn ask(&mut self) -> Option<u64> {
        if let Some(number) = self.down.next().or_else(|| self.up.next()) {
            return Some(number);
        }
        let samples = self.samples.get_or_insert_with(|| samples(self.down.fails, self.start, self.up.fails));
        samples.last().copied()
    }

    /// What the number asked for has shown.
    pub fn tell(&mut self, number: u64, shows: Shows) {
        if let Some(samples) = &mut self.samples {
            samples.pop();
            self.holes |= shows != Shows::Failure;
        } else if self.down.next() == Some(number) {
            self.down.tell(number, shows);
        } else {
            self.up.tell(number, shows);
        }
    }

    /// The range found.
    #[must_use]
    pub fn range(&self) -> Range {
        Range {
            lower: self.down.boundary(),
            upper: self.up.boundary(),
            tried_to: (self.up.beyond.is_none()).then_some(self.up.fails),
            holes: self.holes,
        }
    }
}

fn samples(low: u64, start: u64, high: u64) -> Vec<u64> {
    let between = |from: u64, to: u64| (1..=SAMPLES).map(move |part| from + (to - from) / (SAMPLES + 1) * part);
    let mut samples: Vec<u64> = between(low, start).chain(between(start, high)).collect();
    samples.retain(|number| ![low, start, high].contains(number));
    samples.sort_unstable();
    samples.dedup();
    samples
}

/// The numbers that fail, around the one that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it ends below; `None`: every possible smaller number fails too.
    pub lower: Option<Boundary>,
    /// Where it ends above; `None`: every possible larger number that was tried fails too.
    pub upper: Option<Boundary>,
    /// Nothing larger than this was tried, although it might be possible.
    pub tried_to: Option<u64>,
    /// Some number inside does not fail.
    pub holes: bool,
}

impl Range {
    /// `≥ 3ms`, `> 512`, `3ms to 8ms`; the rounder of two neighbours is written.
    #[must_use]
    pub fn words(&self, unit: Unit) -> String {
        let side = |boundary: Boundary, inclusive: &str, exclusive: &str| {
            if is_rounder(boundary.passes, boundary.fails) {
                format!("{exclusive} {}", unit.words(boundary.passes))
            } else {
                format!("{inclusive} {}", unit.words(boundary.fails))
            }
        };
        let range = match (self.lower, self.upper) {
            (None, None) => "any number".to_owned(),
            (Some(lower), None) => format!("any {}", side(lower, "≥", ">")),
            (None, Some(upper)) if upper.fails == 0 => format!("only {}", unit.words(0)),
            (None, Some(upper)) => format!("any {}", side(upper, "≤", "<")),
            (Some(lower), Some(upper)) if lower.fails == upper.fails => "exactly this".to_owned(),
            (Some(lower), Some(upper)) => {
                let (from, to) = (side(lower, "≥", ">"), side(upper, "≤", "<"));
                match (from.strip_prefix("≥ "), to.strip_prefix("≤ ")) {
                    (Some(from), Some(to)) => format!("{from} to {to}"),
                    _ => format!("{from} and {to}"),
                }
            }
        };
        if self.holes { format!("{range}, but not all of these") } else { range }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn search(start: u64, limit: u64, shows: impl Fn(u64) -> Shows) -> (Range, u32) {
        let mut search = Search::new(start, limit);
        let mut tries = 0;
        while let Some(number) = search.ask() {
            tries += 1;
            search.tell(number, shows(number));
        }
        (search.range(), tries)
    }

    fn words(start: u64, unit: Unit, fails: impl Fn(u64) -> bool) -> String {
        let shows = |number| match number {
            1..=10_000_000_000 if fails(number) => Shows::Failure,
            1..=10_000_000_000 => Shows::Other,
            _ => Shows::Impossible,
        };
        search(start, u64::MAX, shows).0.words(unit)
    }

    #[test]
    fn a_range_is_written_as_people_would() {
        let ms = 1_000_000;
        assert_eq!(words(700, Unit::Plain, |n| n > 512), "any > 512");
        assert_eq!(words(5 * ms, Unit::Duration, |n| n >= 3 * ms), "any ≥ 3ms");
        assert_eq!(words(5 * ms, Unit::Duration, |n| n > 3 * ms), "any > 3ms");
        assert_eq!(words(5, Unit::Plain, |n| n <= 64), "any ≤ 64");
        let only_zero = |n| if n == 0 { Shows::Failure } else { Shows::Other };
        assert_eq!(search(0, 100, only_zero).0.words(Unit::Plain), "only 0");
        assert_eq!(words(5 * ms, Unit::Duration, |n| (3 * ms..=8 * ms).contains(&n)), "3ms to 8ms");
        assert_eq!(words(700, Unit::Plain, |_| true), "any number");
        assert_eq!(words(700, Unit::Plain, |n| n == 700), "exactly this");
        assert_eq!(words(8_000, Unit::Plain, |n| n > 999 && !(1_500..7_000).contains(&n)), "any ≥ 7000");
    }

    #[test]
    fn a_hole_that_a_sample_meets_is_told() {
        let range = words(1_000, Unit::Plain, |n| n >= 10 && !(600..900).contains(&n) || n < 3);
        assert!(range.ends_with("but not all of these"), "{range}");
    }

    proptest! {
        #[test]
        fn both_boundaries_of_an_interval_are_exact(low in 0_u64..5_000, width in 0_u64..5_000, at in 0_u64..5_000) {
            let high = low + width;
            let start = low + at % (width + 1);
            let shows = |n| if (low..=high).contains(&n) { Shows::Failure } else { Shows::Other };
            let (range, tries) = search(start, 20_000, shows);
            let lower = (low > 0).then(|| Boundary { fails: low, passes: low - 1 });
            prop_assert_eq!(range.lower, lower);
            prop_assert_eq!(range.upper, Some(Boundary { fails: high, passes: high + 1 }));
            prop_assert!(!range.holes);
            prop_assert!(tries < 60);
        }
    }
}
