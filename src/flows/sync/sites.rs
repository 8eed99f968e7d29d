//! The flow's own choice sites.

use crate::choice::{OneOf, Rate, Site};

/// Whoever watches mailboxes is told of a change while locks are held.
pub static NOTIFIER: Site = Site::reentry(
    "sync/notifier",
    "an event of the same server is handled while an index header is written and its locks are held",
);

/// Whoever is told does something.
pub static WATCHER: Site = Site::reentry(
    "sync/watcher",
    "somebody who watches mailboxes is told of a change and does something on the same server",
);

/// What somebody does who was told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// The mailbox is to be replicated once more.
    Sync,
    /// Expire is started.
    Expire,
    /// A message is delivered.
    Append,
    /// A message is brought back.
    Unexpunge,
}

/// What can be done.
pub static TOLD: OneOf<Told> = OneOf(&[
    ("nothing", Told::Nothing, 0),
    ("sync", Told::Sync, 1),
    ("expire", Told::Expire, 2),
    ("append", Told::Append, 2),
    ("unexpunge", Told::Unexpunge, 1),
]);

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
pub static SITES: &[&Site] = &[&NOTIFIER, &WATCHER, &PREEMPTED, &SECOND_ACTOR, &PAUSE];

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
