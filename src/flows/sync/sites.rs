//! The flow's own choice sites.

use crate::choice::{Rate, Site};

/// Whoever watches mailboxes is told of a change while locks are held.
pub static NOTIFIER: Site = Site::reentry(
    "sync/notifier",
    "an event of the same server is handled while an index header is written and its locks are held",
);

/// Another process runs between two steps of an operation.
pub static PREEMPTED: Site = Site::reentry(
    "sync/preempted",
    "another process of the same server runs between two steps of an operation on a mailbox",
);

/// Somebody else works on the replica.
pub static SECOND_ACTOR: Site = Site::fault(
    "sync/second-actor",
    "an expire begins on a replica at the moment in which it handles a command",
    Rate::per_million(10_000),
    Rate::per_million(200_000),
);

/// How long people take.
pub static PAUSE: Site = Site::latency("sync/pause", "how long people wait before the next operation");

/// Every choice site of the flow.
pub static SITES: &[&Site] = &[&NOTIFIER, &PREEMPTED, &SECOND_ACTOR, &PAUSE];

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: labels are unique and begin with the flow's name.
    #[test]
    fn labels_are_unique() {
        let labels: std::collections::BTreeSet<_> = SITES.iter().map(|site| site.label).collect();
        assert_eq!(labels.len(), SITES.len());
        assert!(labels.iter().all(|label| label.starts_with("sync/")));
    }
}
