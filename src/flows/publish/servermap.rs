//! What a client knows about where the shares of a file are.
//!
//! Two properties matter and look like mistakes: an entry is never removed because its server failed to answer
//! an update, and a recorded share is known by its signed prefix only; its data may be damaged, so "recoverable"
//! is an upper bound.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::layout::VersionInfo;
use super::storage::ShareNumber;

/// A storage server: `ServerId(0)` is `s1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u8);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", u16::from(self.0) + 1)
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A share on a server.
pub type Place = (ServerId, ShareNumber);

/// How hard an update looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// Any recoverable version will do.
    Anything,
    /// The newest version, with reasonable effort.
    Read,
    /// All shares, up to a boundary of servers without any.
    Write,
    /// Every server is asked.
    Check,
}

/// The map; `C` is how a server is reached.
#[derive(Clone, Debug)]
pub struct ServerMap<C> {
    /// Shares with a good prefix: the version and when it was seen (virtual nanoseconds).
    pub shares: BTreeMap<Place, (VersionInfo, u64)>,
    /// The reference through which each server was last asked. It is kept for ever, also when it is dead.
    pub connections: BTreeMap<ServerId, C>,
    /// Shares known to be damaged, with the bytes they began with.
    pub bad_shares: BTreeMap<Place, Vec<u8>>,
    /// Servers that answered.
    pub reachable: BTreeSet<ServerId>,
    /// Servers that did not; a server whose answer could not be digested is in both sets.
    pub unreachable: BTreeSet<ServerId>,
    /// Servers that answered the last update in time, with an answer that could be digested.
    pub heard: BTreeSet<ServerId>,
    /// The mode of the last finished update.
    pub last_update: Option<UpdateMode>,
}

impl<C> Default for ServerMap<C> {
    fn default() -> Self {
        ServerMap {
            shares: BTreeMap::new(),
            connections: BTreeMap::new(),
            bad_shares: BTreeMap::new(),
            reachable: BTreeSet::new(),
            unreachable: BTreeSet::new(),
            heard: BTreeSet::new(),
            last_update: None,
        }
    }
}

impl<C> ServerMap<C> {
    /// Records a share with a good prefix; it is no longer bad.
    pub fn add_new_share(&mut self, place: Place, version: VersionInfo, at: u64) {
        self.bad_shares.remove(&place);
        self.shares.insert(place, (version, at));
    }

    /// Records that a share is damaged; `beginning` is what a later write will test for.
    pub fn mark_bad_share(&mut self, place: Place, beginning: Vec<u8>) {
        self.bad_shares.insert(place, beginning);
        self.shares.remove(&place);
    }

    /// Servers known to hold a good share.
    #[must_use]
    pub fn holders(&self) -> BTreeSet<ServerId> {
        self.shares.keys().map(|(server, _)| *server).collect()
    }

    /// The version recorded for a place.
    #[must_use]
    pub fn version_at(&self, place: Place) -> Option<&VersionInfo> {
        self.shares.get(&place).map(|(version, _)| version)
    }

    /// Version → places that hold it.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<VersionInfo, BTreeSet<Place>> {
        let mut versions: BTreeMap<VersionInfo, BTreeSet<Place>> = BTreeMap::new();
        for (place, (version, _)) in &self.shares {
            versions.entry(*version).or_default().insert(*place);
        }
        versions
    }

    /// Version → distinct share numbers recorded.
    #[must_use]
    pub fn available(&self) -> BTreeMap<VersionInfo, usize> {
        self.versions()
            .into_iter()
            .map(|(version, places)| {
                let numbers: BTreeSet<ShareNumber> = places.into_iter().map(|(_, number)| number).collect();
                (version, numbers.len())
            })
            .collect()
    }

    /// Versions of which at least k distinct shares are recorded, best last.
    #[must_use]
    pub fn recoverable(&self) -> BTreeSet<VersionInfo> {
        self.split().0
    }

    /// Versions of which fewer than k distinct shares are recorded.
    #[must_use]
    pub fn unrecoverable(&self) -> BTreeSet<VersionInfo> {
        self.split().1
    }

    /// The recoverable version with the greatest sequence number, then root.
    #[must_use]
    pub fn best(&self) -> Option<VersionInfo> {
        self.recoverable().pop_last()
    }

    /// Unrecoverable versions newer than every recoverable one: a write would lose their data.
    #[must_use]
    pub fn unrecoverable_newer(&self) -> BTreeSet<VersionInfo> {
        let (recoverable, mut unrecoverable) = self.split();
        if let Some(best) = recoverable.last() {
            unrecoverable.retain(|version| version.seqnum > best.seqnum);
        }
        unrecoverable
    }

    /// Whether two recoverable versions share a sequence number.
    #[must_use]
    pub fn needs_merge(&self) -> bool {
        let recoverable: Vec<_> = self.recoverable().into_iter().collect();
        recoverable.windows(2).any(|pair| pair[0].seqnum == pair[1].seqnum)
    }

    /// The greatest sequence number of any recorded share, recoverable or not; 0 if there is none.
    #[must_use]
    pub fn highest_seqnum(&self) -> u64 {
        self.shares.values().map(|(version, _)| version.seqnum).max().unwrap_or(0)
    }

    fn split(&self) -> (BTreeSet<VersionInfo>, BTreeSet<VersionInfo>) {
        let (yes, no): (Vec<_>, Vec<_>) =
            self.available().into_iter().partition(|(version, found)| *found >= usize::from(version.k));
        let versions = |list: Vec<(VersionInfo, usize)>| list.into_iter().map(|(version, _)| version).collect();
        (versions(yes), versions(no))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::publish::layout::{Checkstring, Offsets, pack_prefix};

    fn version(seqnum: u64, root: u8) -> VersionInfo {
        let checkstring = Checkstring { seqnum, root: [root; 32], salt: [0; 16] };
        VersionInfo {
            seqnum,
            root: [root; 32],
            salt: [0; 16],
            segment_size: 4,
            data_length: 4,
            k: 2,
            n: 4,
            prefix: pack_prefix(&checkstring, 2, 4, 4),
            offsets: Offsets {
                signature: 0,
                share_hash_chain: 0,
                block_hash_tree: 0,
                share_data: 0,
                private_key: 0,
                end: 0,
            },
        }
    }

    fn map(shares: &[(u8, u8, VersionInfo)]) -> ServerMap<()> {
        let mut map = ServerMap::default();
        for (server, number, version) in shares {
            map.add_new_share((ServerId(*server), *number), *version, 0);
        }
        map
    }

    #[test]
    fn one_share_number_on_two_servers_counts_once() {
        let map = map(&[(0, 1, version(1, 1)), (1, 1, version(1, 1))]);
        assert!(map.recoverable().is_empty());
        assert_eq!(map.best(), None);
        assert_eq!(map.available(), BTreeMap::from([(version(1, 1), 1)]));
    }

    #[test]
    fn the_best_version_is_the_greatest_recoverable_one_and_the_highest_number_may_be_unrecoverable() {
        let map = map(&[
            (0, 0, version(3, 1)),
            (1, 1, version(3, 1)),
            (2, 0, version(2, 9)),
            (3, 1, version(2, 9)),
            (4, 2, version(5, 1)),
        ]);
        assert_eq!(map.best(), Some(version(3, 1)));
        assert_eq!(map.highest_seqnum(), 5);
        assert_eq!(map.unrecoverable_newer(), BTreeSet::from([version(5, 1)]));
        assert!(!map.needs_merge());
    }

    #[test]
    fn two_recoverable_versions_of_one_number_need_a_merge_and_the_greater_root_is_best() {
        let map = map(&[(0, 0, version(3, 1)), (1, 1, version(3, 1)), (2, 0, version(3, 2)), (3, 1, version(3, 2))]);
        assert!(map.needs_merge());
        assert_eq!(map.best(), Some(version(3, 2)));
    }

    #[test]
    fn a_bad_share_leaves_the_map_until_it_is_seen_good_again() {
        let mut map = map(&[(0, 0, version(1, 1)), (1, 1, version(1, 1))]);
        let place = (ServerId(0), 0);
        map.mark_bad_share(place, vec![1, 2]);
        assert_eq!(map.holders(), BTreeSet::from([ServerId(1)]));
        assert_eq!(map.bad_shares[&place], [1, 2]);
        map.add_new_share(place, version(1, 1), 0);
        assert!(map.bad_shares.is_empty());
        assert_eq!(map.version_at(place), Some(&version(1, 1)));
    }

    #[test]
    fn a_server_that_fails_keeps_its_entries() {
        let mut map = map(&[(0, 0, version(1, 1)), (1, 1, version(1, 1))]);
        map.unreachable.insert(ServerId(0));
        assert_eq!(map.recoverable().len(), 1);
        assert_eq!(map.holders().len(), 2);
    }

    #[test]
    fn an_empty_map_has_highest_number_zero() {
        assert_eq!(map(&[]).highest_seqnum(), 0);
        assert_eq!(ServerId(10).to_string(), "s11");
    }
}
