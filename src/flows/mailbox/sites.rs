//! The flow's own choice sites, and what can be chosen there.

use std::time::Duration;

use super::invariants;
use crate::choice::{Domain, Expander, OneOf, Rate, Site};

const fn fault(label: &'static str, doc: &'static str, default: u32, cap: u32) -> Site {
    Site::fault(label, doc, Rate::per_million(default), Rate::per_million(cap))
}

/// While a message is handed to a listener.
pub static LISTENER: Site =
    Site::reentry("mailbox/listener", "an event is handled inside the call that hands a message to a listener");

/// While a listener is told that its mailbox is gone.
pub static LISTENER_STOP: Site = Site::reentry(
    "mailbox/listener-stop",
    "an event is handled inside the call that tells a listener that its mailbox is gone",
);

/// A wall clock that jumps back.
pub static CLOCK_BACK: Site =
    fault(invariants::CLOCK_BACK, "the server's wall clock is set back at a tick or a new connection", 5_000, 50_000);

/// A wall clock that jumps forward.
pub static CLOCK_FORWARD: Site = fault(
    invariants::CLOCK_FORWARD,
    "the server's wall clock is set forward at a tick or a new connection",
    5_000,
    50_000,
);

/// A reader from outside.
pub static OUTSIDE_LOCK: Site = fault(
    invariants::OUTSIDE_LOCK,
    "somebody outside reads a database, so that a commit has to wait, or fails after 5 s",
    2_000,
    30_000,
);

/// Which free name an allocation takes.
pub static FREE_NAME: Site =
    Site::value("mailbox/free-name", "which of the free names of the fewest digits an allocation takes");

/// The order in which a set is walked.
pub static SET_ORDER: Site =
    Site::value("mailbox/set-order", "the order in which pruning walks a set: Python leaves it open");

/// How long the people at the clients take.
pub static PAUSE: Site = Site::latency("mailbox/pause", "how long people wait before the next operation");

/// How much later than it should a probe begins.
pub static PROBE: Site = Site::latency("mailbox/probe", "how much later than it should a monitoring probe looks");

/// Every choice site of the flow.
pub static SITES: &[&Site] =
    &[&LISTENER, &LISTENER_STOP, &CLOCK_BACK, &CLOCK_FORWARD, &OUTSIDE_LOCK, &FREE_NAME, &SET_ORDER, &PAUSE, &PROBE];

/// How far a clock jumps: seconds around the timer's period, expiry, and beyond both.
pub static JUMPS: OneOf<Duration> = OneOf(&[
    ("no", Duration::ZERO, 0),
    ("1s", Duration::from_secs(1), 2),
    ("1m", Duration::from_secs(60), 2),
    ("10m", Duration::from_secs(600), 2),
    ("11m", Duration::from_secs(660), 1),
    ("1h", Duration::from_secs(3_600), 1),
]);

/// How long somebody outside reads.
pub static READS: OneOf<Duration> = OneOf(&[
    ("no", Duration::ZERO, 0),
    ("2s", Duration::from_secs(2), 1),
    ("6s", Duration::from_secs(6), 2),
    ("20s", Duration::from_secs(20), 1),
]);

/// A number below `0`'s; every one is as likely as any other, quiet is zero.
pub struct Below(pub u64);

impl Domain for Below {
    type Value = u64;

    fn quiet(&self) -> u64 {
        0
    }

    fn draw(&self, expander: &mut Expander) -> u64 {
        expander.below(self.0.max(1))
    }

    fn words(&self, value: &u64) -> String {
        value.to_string()
    }

    fn parse(&self, words: &str) -> Option<u64> {
        words.parse().ok().filter(|value| *value < self.0.max(1))
    }

    fn values(&self) -> Option<Vec<u64>> {
        (self.0 <= 16).then(|| (0..self.0.max(1)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Claim: labels are unique and belong to the flow.
    #[test]
    fn labels_are_unique_and_begin_with_the_flow() {
        let labels: BTreeSet<_> = SITES.iter().map(|site| site.label).collect();
        assert_eq!(labels.len(), SITES.len());
        assert!(labels.iter().all(|label| label.starts_with("mailbox/")));
    }

    /// Claim: a number is in the domain exactly if it is below the bound.
    #[test]
    fn numbers_below_the_bound_survive_their_words() {
        let domain = Below(9);
        for word in 0..200 {
            let drawn = domain.draw(&mut Expander::new(word));
            assert_eq!(domain.parse(&domain.words(&drawn)), Some(drawn));
        }
        assert_eq!(domain.parse("9"), None);
        assert_eq!(Below(0).values(), Some(vec![0]));
    }
}
