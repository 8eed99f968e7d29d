//! What must hold, as it is declared. The code behind each is in `watch/`.

use crate::check::InvariantInfo;

/// Faults under which nothing is promised that needs every operation to succeed in the end: a file whose reads or
/// writes fail for good, and a disk that is full.
const LASTING: &[&str] = &["disk/read-error", "disk/write-error", "disk/capacity"];

macro_rules! invariants {
    ($($(#[$doc:meta])* $id:ident = $info:expr;)*) => {
        /// Names an invariant in code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Id { $($(#[$doc])* $id,)* }

        /// All of them, in the order of [`Id`].
        pub const INVARIANTS: &[InvariantInfo] = &[$($info,)*];
    };
}

invariants! {
    /// Lengths.
    IndexLength = InvariantInfo::always(
        "index-length-fits",
        "index and expunge file can be read and are as long as their headers say",
    );
    /// Structure of the cache.
    CacheReadable = InvariantInfo::always(
        "cache-record-readable",
        "every cache offset is a place where ten items can be read",
    );
    /// Content of the cache.
    CacheMatches = InvariantInfo::always(
        "cache-matches-message",
        "the cache record a record points to is that of its message file",
    );
    /// Ranges of the cache.
    CacheApart = InvariantInfo::always(
        "cache-records-apart",
        "cache records of different messages do not overlap",
    );
    /// Order of uids.
    UidsInOrder = InvariantInfo::always("uids-in-order", "uids ascend, are above 0 and at most last_uid");
    /// Index against expunge file.
    LiveOrExpunged = InvariantInfo::always("uid-live-or-expunged", "no uid is in the index and the expunge file at once");
    /// Counts in the header.
    Counters = InvariantInfo::always("counters-match", "the counts in a header are those of its records");
    /// Generations.
    Generations = InvariantInfo::always(
        "generations-match",
        "index, cache and a non-empty expunge file have one generation",
    );
    /// Message files.
    MessageFile = InvariantInfo::always(
        "message-file-intact",
        "every record's message file is there, as long as it says, with the SHA-1 it says",
    );
    /// Files nobody knows.
    NoStray = InvariantInfo::always("no-stray-file", "every message file has a record, or was never acknowledged");
    /// Leftovers.
    NoLeftover = InvariantInfo::always("no-leftover-file", "after a server has started, no half-made file is left");
    /// Numbers that only grow.
    NumbersGrow = InvariantInfo::always(
        "numbers-never-go-back",
        "last_uid and the numbers of changes never go below what was acknowledged, and no uid gets another message",
    );
    /// Checksums of version 12.
    Checksums = InvariantInfo::always("checksums-match", "the checksums of version 12 are those of what they cover");
    /// Durability of deliveries.
    AckedKept = InvariantInfo::always(
        "acked-message-is-kept",
        "a message whose delivery was acknowledged is there until somebody expunges it, with its flags",
    );
    /// Durability of the log.
    AckedLogged = InvariantInfo::always(
        "acked-change-is-logged",
        "an acknowledged change is in the sync log or a work file until a sync has carried it over",
    );
    /// Expire.
    ExpireExact = InvariantInfo::always("expire-drops-what-is-due", "expire drops exactly what is due");
    /// Unexpunge.
    UnexpungeRestores = InvariantInfo::always(
        "unexpunge-restores-message",
        "an unexpunged message is the message it was, with the cache record it had",
    );
    /// Gaps.
    NoGap = InvariantInfo::always(
        "no-gap-on-replica",
        "a replica that claims a last_uid has every message up to it that the master had when it was told",
    );
    /// History.
    Follows = InvariantInfo::always(
        "replica-follows-history",
        "a mailbox that was brought over is as the master had it, and never as it had it earlier; on the way messages arrive in order",
    );
    /// Copies.
    CopiesHeld = InvariantInfo::always("copies-are-held", "a COPY names only messages the server's process holds");
    /// Desync.
    NoDesync = InvariantInfo::always("no-command-from-literal", "no text of a message is taken for a command");
    /// Convergence.
    Agree = InvariantInfo::eventually(
        "replicas-agree",
        "after healing and a full sync both servers hold the same messages with the same flags",
    )
    .unless(LASTING);
    /// Nothing is lost in a failover.
    Survives = InvariantInfo::eventually(
        "delivered-message-survives",
        "a message that was acknowledged and that nobody wanted gone is on both servers, whoever was the master",
    )
    .unless(LASTING);
    /// Idempotence.
    SecondSync = InvariantInfo::eventually("second-sync-is-quiet", "a second full sync changes nothing").unless(LASTING);
    /// Expunged sets.
    ExpungedAgree = InvariantInfo::eventually(
        "expunged-sets-agree",
        "after a full sync both servers call the same messages expunged (one index only)",
    )
    .unless(LASTING);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: an id in code is the place of its declaration, and labels are unique.
    #[test]
    fn ids_are_places() {
        assert_eq!(INVARIANTS[Id::CacheMatches as usize].id, "cache-matches-message");
        assert_eq!(INVARIANTS[Id::ExpungedAgree as usize].id, "expunged-sets-agree");
        let labels: std::collections::BTreeSet<_> = INVARIANTS.iter().map(|info| info.id).collect();
        assert_eq!(labels.len(), INVARIANTS.len());
    }
}
