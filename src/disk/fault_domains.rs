//! What can be chosen at the sites of `faults`: the values, with their weights, in words.

use std::time::Duration;

use crate::choice::{Domain, Expander, Latency, Note, OneOf, Rate};

/// How an error stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorMode {
    /// No error.
    None,
    /// This call only.
    Once,
    /// Every such call on this file until the cache is lost.
    Sticky,
}

/// The values of `disk/write-error` and `disk/read-error`.
pub const ERROR_MODES: OneOf<ErrorMode> =
    OneOf(&[("no", ErrorMode::None, 0), ("once", ErrorMode::Once, 1), ("sticky", ErrorMode::Sticky, 1)]);

/// Where a signal interrupts a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Nowhere.
    None,
    /// Before any effect: `EINTR`.
    Before,
    /// After half of the bytes: a short count.
    Halfway,
}

/// The values of `disk/interrupted`.
pub const INTERRUPTIONS: OneOf<Interruption> =
    OneOf(&[("no", Interruption::None, 0), ("before", Interruption::Before, 3), ("halfway", Interruption::Halfway, 1)]);

/// What a failed sync does to what everybody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncContent {
    /// Reads show the new content until the cache is lost.
    Kept,
    /// Reads show the new content until the page is evicted, this many reads later.
    Evicted(u32),
    /// Reads show the old content at once.
    Reverted,
}

/// A failed sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncFailure {
    /// What reads show from then on.
    pub content: SyncContent,
    /// This sync reports success; the next one reports the error.
    pub late: bool,
}

const fn failure(content: SyncContent, late: bool) -> Option<SyncFailure> {
    Some(SyncFailure { content, late })
}

/// The values of `disk/sync-error`: half of the failures keep the new content, one in five evicts it
/// later, the rest reverts at once; one in ten is reported by the next sync only.
pub const SYNC_FAILURES: OneOf<Option<SyncFailure>> = OneOf(&[
    ("no", None, 0),
    ("kept", failure(SyncContent::Kept, false), 45),
    ("evicted after 1", failure(SyncContent::Evicted(1), false), 6),
    ("evicted after 4", failure(SyncContent::Evicted(4), false), 6),
    ("evicted after 16", failure(SyncContent::Evicted(16), false), 6),
    ("reverted", failure(SyncContent::Reverted, false), 27),
    ("kept, reported late", failure(SyncContent::Kept, true), 5),
    ("evicted after 4, reported late", failure(SyncContent::Evicted(4), true), 2),
    ("reverted, reported late", failure(SyncContent::Reverted, true), 3),
]);

/// When, around an operation, the power goes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutMoment {
    /// It does not.
    None,
    /// The operation never happens.
    Before,
    /// The operation has happened, and its caller is not told.
    After,
}

/// The values of `disk/power-cut`.
pub const CUT_MOMENTS: OneOf<CutMoment> =
    OneOf(&[("no", CutMoment::None, 0), ("before", CutMoment::Before, 1), ("after", CutMoment::After, 1)]);

/// The values of `disk/atomic-unit` where a contract does not mention it: a larger unit harms nobody.
pub const LARGER_UNITS: OneOf<u32> = OneOf(&[("512", 512, 0), ("4096", 4096, 1)]);
/// The values of `disk/atomic-unit` on a device without atomicity.
pub const ALL_UNITS: OneOf<u32> = OneOf(&[("512", 512, 0), ("4096", 4096, 1), ("1", 1, 1)]);

/// How many bytes of `len` a call handles: quiet all, else 1 to `len - 1`, often 1, often all but one,
/// often up to a sector edge. The call has to be for two bytes at least.
#[derive(Clone, Copy, Debug)]
pub struct ShortCount {
    /// The bytes asked for.
    pub len: u64,
    /// Where the call begins, which decides where sector edges lie.
    pub offset: u64,
}

impl Domain for ShortCount {
    type Value = u64;

    fn quiet(&self) -> u64 {
        self.len
    }

    fn draw(&self, expander: &mut Expander) -> u64 {
        let last = self.len.saturating_sub(1).max(1);
        let edge_first = 512 - self.offset % 512;
        match expander.below(8) {
            0 | 1 => 1,
            2 | 3 => last,
            4 | 5 if edge_first <= last => {
                let edges = 1 + (last - edge_first) / 512;
                edge_first + 512 * expander.below(edges)
            }
            _ => expander.range_inclusive(1, last),
        }
    }

    fn words(&self, value: &u64) -> String {
        value.to_string()
    }

    fn parse(&self, words: &str) -> Option<u64> {
        words.parse().ok().filter(|&count| (1..=self.len).contains(&count))
    }

    fn values(&self) -> Option<Vec<u64>> {
        (self.len <= 16).then(|| std::iter::once(self.len).chain(1..self.len).collect())
    }

    fn note(&self, value: &u64) -> Note {
        Note::Number(*value, |count| count.to_string())
    }
}

/// How long an operation takes: 999 of 1,000 draws stay below 17 ms, the rest go up to ten seconds.
#[derive(Clone, Copy, Debug)]
pub struct DiskLatency {
    /// The time of a healthy, idle disk.
    pub quiet: Duration,
}

impl DiskLatency {
    /// The longest an operation can take.
    pub const MAX: Duration = Duration::from_secs(10);

    fn range(&self, max: Duration) -> Latency {
        Latency { quiet: self.quiet, max }
    }
}

impl Domain for DiskLatency {
    type Value = Duration;

    fn quiet(&self) -> Duration {
        self.quiet
    }

    fn draw(&self, expander: &mut Expander) -> Duration {
        let slow = expander.chance(Rate::per_million(1_000));
        self.range(if slow { Self::MAX } else { Duration::from_micros((1 << 14) - 1) }).draw(expander)
    }

    fn words(&self, value: &Duration) -> String {
        self.range(Self::MAX).words(value)
    }

    fn parse(&self, words: &str) -> Option<Duration> {
        self.range(Self::MAX).parse(words)
    }

    fn values(&self) -> Option<Vec<Duration>> {
        None
    }

    fn note(&self, value: &Duration) -> Note {
        self.range(Self::MAX).note(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short count is short, is read back, and takes each of its favourite forms.
    #[test]
    fn short_counts() {
        let domain = ShortCount { len: 2_000, offset: 100 };
        let mut seen = [0_u32; 3];
        for word in 0..2_000 {
            let count = domain.draw(&mut Expander::new(word));
            assert!((1..2_000).contains(&count));
            assert_eq!(domain.parse(&domain.words(&count)), Some(count));
            seen[0] += u32::from(count == 1);
            seen[1] += u32::from(count == 1_999);
            seen[2] += u32::from((count + 100).is_multiple_of(512));
        }
        assert!(seen.iter().all(|&times| times > 300), "{seen:?}");
        assert_eq!(domain.parse("0"), None);
        assert_eq!(domain.parse("2001"), None);
        assert_eq!(ShortCount { len: 2, offset: 511 }.draw(&mut Expander::new(9)), 1);
    }

    /// Slow operations are one in a thousand.
    #[test]
    fn latencies() {
        let domain = DiskLatency { quiet: Duration::from_micros(100) };
        let drawn: Vec<Duration> = (0..20_000).map(|word| domain.draw(&mut Expander::new(word))).collect();
        assert!(drawn.iter().all(|latency| *latency <= DiskLatency::MAX));
        let slow = drawn.iter().filter(|latency| **latency > Duration::from_millis(17)).count();
        assert!((1..30).contains(&slow), "{slow}");
    }
}
