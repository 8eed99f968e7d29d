//! `[flow-config]`: what a scenario pins.

use serde::Deserialize;

use super::host::ExpungeMode;

/// The configuration of the flow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Messages in one upload on the MAILBOX path; 0, as the server's own default: all (default 0).
    pub batch: usize,
    /// What an expunge does on the first server (default delayed).
    pub master_expunge: ExpungeMode,
    /// What an expunge does on the second server (default delayed).
    pub replica_expunge: ExpungeMode,
    /// Days for which expunged messages are kept by the nightly expire (default 3).
    pub keep_days: u32,
    /// Seconds by which the second server's clock is ahead (default 0).
    pub clock_skew: i64,
    /// Uploaded messages after which a sync server's process wants to be restarted (default 1,000).
    pub restart_after: usize,
    /// One of so many messages arrives without an id, where ids are assigned (0: none; default 3).
    pub unassigned: usize,
    /// Kinds of operations that are generated (default: all but `failover` and `force`).
    pub kinds: Vec<OpKind>,
    /// Servers that the sites for crashes may strike (default both).
    pub may_crash: Vec<String>,
    /// Whether the nightly expire runs (default yes).
    pub nightly: bool,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpKind {
    /// Deliveries.
    Deliver,
    /// Copies to the other mailbox.
    Copy,
    /// Expunges.
    Expunge,
    /// Expunges that are forced.
    Force,
    /// Unexpunges.
    Unexpunge,
    /// Flags.
    Flag,
    /// Hours pass.
    Wait,
    /// Somebody runs expire by hand.
    Expire,
    /// Two operations begin at the same moment.
    AtOnce,
    /// The servers swap their roles.
    Failover,
}

impl Default for Config {
    fn default() -> Config {
        use OpKind::{AtOnce, Copy, Deliver, Expire, Expunge, Flag, Unexpunge, Wait};
        Config {
            batch: 0,
            master_expunge: ExpungeMode::Delayed,
            replica_expunge: ExpungeMode::Delayed,
            keep_days: 3,
            clock_skew: 0,
            restart_after: 1_000,
            unassigned: 3,
            kinds: vec![Deliver, Copy, Expunge, Unexpunge, Flag, Wait, Expire, AtOnce],
            may_crash: vec![super::MASTER.to_owned(), super::REPLICA.to_owned()],
            nightly: true,
        }
    }
}
