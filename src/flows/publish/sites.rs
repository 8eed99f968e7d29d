//! The flow's choice sites, and what can be chosen there.

use crate::choice::{Domain, Expander, OneOf, Rate, Site};

const fn fault(label: &'static str, doc: &'static str, default: u32, cap: u32) -> Site {
    Site::fault(label, doc, Rate::per_million(default), Rate::per_million(cap))
}

/// Between map and publish.
pub static DEAD_REFERENCE: Site = fault(
    "publish/dead-reference",
    "a server's connection is lost between map update and publish: the map keeps a dead reference",
    20_000,
    300_000,
);

/// In the turn in which a publish begins.
pub static STALE_LIST: Site = fault(
    "publish/stale-list",
    "a server's connection is lost in the turn in which a publish begins: the list still offers it",
    20_000,
    300_000,
);

/// While a map is updated.
pub static SERVER_OFFLINE: Site = fault(
    "publish/server-offline",
    "a server is not in the list while a map is updated, and is back afterwards",
    20_000,
    300_000,
);

/// Where the failure of a call through a dead reference arrives.
pub static DEAD_ANSWERS: Site = Site::reentry(
    "publish/dead-answers",
    "an answer that is there at once is handled on the caller's stack instead of a turn later",
);

/// Success on the caller's stack.
pub static ANSWERED_AT_ONCE: Site = Site::reentry(
    "publish/answered-at-once",
    "a server with nothing else in flight answers before the call returns, as one in the same process would",
);

/// Remote exceptions.
pub static SERVER_RAISES: Site = fault(
    "publish/server-raises",
    "a server raises: before anything, for the write enabler, or when the lease fails after the data was written",
    5_000,
    100_000,
);

/// Neither answer nor disconnect.
pub static SERVER_SILENT: Site = fault(
    "publish/server-silent",
    "a server never answers a request, which it ignored or handled, and keeps the connection",
    1_000,
    20_000,
);

/// Late answers.
pub static SLOW_SERVER: Site =
    fault("publish/slow-server", "a server answers up to 30 s late, in order", 10_000, 200_000);

/// Disks that lie.
pub static SHARE_DAMAGE: Site =
    fault("publish/share-damage", "a server loses a share, or a bit of one flips", 1_000, 50_000);

/// Processes that die in the middle of a write.
pub static SERVER_DIES: Site = fault(
    "publish/server-dies",
    "the process of a server that may crash is killed before, inside or after one of the writes that store a share",
    1_000,
    50_000,
)
.passing();

/// The order of a walk.
pub static WALK: Site =
    Site::value("publish/walk", "the order in which servers are called in a wave or a round of queries");

/// Which file.
pub static FILE: Site =
    Site::value("publish/file", "which file it is: decides keys and the permuted order of the servers");

/// The back-off's jitter.
pub static JITTER: Site =
    Site::value("publish/jitter", "how long modify waits before it tries again: 88 to 112 % of the plan");

/// Between operations.
pub static PAUSE: Site = Site::latency("publish/pause", "how long callers wait before the next operation");

/// Every choice site of the flow.
pub static SITES: &[&Site] = &[
    &DEAD_REFERENCE,
    &STALE_LIST,
    &SERVER_OFFLINE,
    &DEAD_ANSWERS,
    &ANSWERED_AT_ONCE,
    &SERVER_RAISES,
    &SERVER_SILENT,
    &SLOW_SERVER,
    &SHARE_DAMAGE,
    &SERVER_DIES,
    &WALK,
    &FILE,
    &JITTER,
    &PAUSE,
];

/// How a server raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// It does not.
    No,
    /// Before it did anything.
    Early,
    /// It takes the write enabler for a wrong one.
    WriteEnabler,
    /// The data was written, the lease could not be.
    Lease,
}

/// The ways to raise.
pub static RAISES: OneOf<Raise> = OneOf(&[
    ("no", Raise::No, 0),
    ("before anything", Raise::Early, 2),
    ("bad write enabler", Raise::WriteEnabler, 1),
    ("after the data", Raise::Lease, 2),
]);

/// How a server stays silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It answers.
    No,
    /// The request is not handled.
    Ignored,
    /// The request is handled.
    Handled,
}

/// The ways to stay silent.
pub static SILENCES: OneOf<Silence> =
    OneOf(&[("answers", Silence::No, 0), ("ignores it", Silence::Ignored, 1), ("handles it", Silence::Handled, 1)]);

/// What happens to a share on its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Nothing.
    None,
    /// It is gone.
    Lost(u8),
    /// A bit of this byte flips.
    Flipped(u8, u64),
}

/// What can happen to shares of these lengths.
pub struct Harms<'a> {
    /// Number and length of each share.
    pub shares: &'a [(u8, u64)],
}

impl Harms<'_> {
    fn has(&self, share: u8, byte: u64) -> bool {
        self.shares.iter().any(|(number, length)| *number == share && byte < *length)
    }
}

impl Domain for Harms<'_> {
    type Value = Harm;

    fn quiet(&self) -> Harm {
        Harm::None
    }

    /// The header and the data are hit about equally often, however long the data is.
    fn draw(&self, e: &mut Expander) -> Harm {
        if self.shares.is_empty() {
            return Harm::None;
        }
        let (share, length) = self.shares[e.below(self.shares.len() as u64) as usize];
        match e.below(3) {
            1 if length > 0 => Harm::Flipped(share, e.below(length.min(107))),
            2 if length > 0 => Harm::Flipped(share, e.below(length)),
            _ => Harm::Lost(share),
        }
    }

    fn words(&self, value: &Harm) -> String {
        match value {
            Harm::None => "no".to_owned(),
            Harm::Lost(share) => format!("share {share} is lost"),
            Harm::Flipped(share, byte) => format!("share {share} is damaged at byte {byte}"),
        }
    }

    fn parse(&self, words: &str) -> Option<Harm> {
        if words == "no" {
            return Some(Harm::None);
        }
        let words = words.strip_prefix("share ")?;
        if let Some(share) = words.strip_suffix(" is lost") {
            let share = share.parse().ok()?;
            return self.shares.iter().any(|(number, _)| *number == share).then_some(Harm::Lost(share));
        }
        let (share, byte) = words.split_once(" is damaged at byte ")?;
        let (share, byte) = (share.parse().ok()?, byte.parse().ok()?);
        self.has(share, byte).then_some(Harm::Flipped(share, byte))
    }

    fn values(&self) -> Option<Vec<Harm>> {
        None
    }
}

/// Where in a write the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// It does not.
    None,
    /// Nothing is written.
    Before,
    /// So many bytes are written; at least one, and not all.
    Inside(u64),
    /// All is written, and nothing behind it.
    After,
}

/// The deaths in a write of this many bytes.
#[derive(Clone, Copy, Debug)]
pub struct DeathIn {
    /// Bytes of the write; with one or none there is no inside.
    pub length: u64,
}

impl DeathIn {
    fn inside(self) -> u64 {
        self.length.saturating_sub(1)
    }
}

impl Domain for DeathIn {
    type Value = Death;

    fn quiet(&self) -> Death {
        Death::None
    }

    /// Inside as often as at the borders.
    fn draw(&self, e: &mut Expander) -> Death {
        match e.below(4) {
            0 => Death::Before,
            1 => Death::After,
            _ if self.inside() == 0 => Death::Before,
            _ => Death::Inside(1 + e.below(self.inside())),
        }
    }

    fn words(&self, value: &Death) -> String {
        match value {
            Death::None => "no".to_owned(),
            Death::Before => "before it".to_owned(),
            Death::Inside(count) => format!("after {count} bytes of it"),
            Death::After => "after it".to_owned(),
        }
    }

    fn parse(&self, words: &str) -> Option<Death> {
        match words {
            "no" => Some(Death::None),
            "before it" => Some(Death::Before),
            "after it" => Some(Death::After),
            words => {
                let count = words.strip_prefix("after ")?.strip_suffix(" bytes of it")?.parse().ok()?;
                (1..=self.inside()).contains(&count).then_some(Death::Inside(count))
            }
        }
    }

    /// One death inside stands for all.
    fn values(&self) -> Option<Vec<Death>> {
        let inside = (self.inside() > 0).then_some(Death::Inside(self.length / 2));
        Some([Death::None, Death::Before].into_iter().chain(inside).chain([Death::After]).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_harm_survives_its_words(word: u64, shares in proptest::collection::vec((any::<u8>(), 0_u64..500), 0..4)) {
            let domain = Harms { shares: &shares };
            let harm = domain.draw(&mut Expander::new(word));
            prop_assert_eq!(domain.parse(&domain.words(&harm)), Some(harm));
        }

        #[test]
        fn every_death_survives_its_words(word: u64, length in 0_u64..2_000) {
            let domain = DeathIn { length };
            let death = domain.draw(&mut Expander::new(word));
            for death in domain.values().unwrap().into_iter().chain([death]) {
                prop_assert_eq!(domain.parse(&domain.words(&death)), Some(death));
            }
            prop_assert_eq!(domain.parse(&domain.words(&Death::Inside(length))), None);
        }
    }

    #[test]
    fn a_harm_to_a_share_that_is_not_there_is_not_in_the_domain() {
        let domain = Harms { shares: &[(2, 100)] };
        assert_eq!(domain.parse("share 3 is lost"), None);
        assert_eq!(domain.parse("share 2 is damaged at byte 100"), None);
        assert_eq!(domain.parse("share 2 is damaged at byte 99"), Some(Harm::Flipped(2, 99)));
    }

    #[test]
    fn labels_are_unique_and_begin_with_the_flow() {
        let labels: BTreeSet<_> = SITES.iter().map(|site| site.label).collect();
        assert_eq!(labels.len(), SITES.len());
        assert!(labels.iter().all(|label| label.starts_with("publish/")));
    }
}
