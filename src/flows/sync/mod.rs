//! Replication of mailboxes between two Cyrus servers, in 2007 and after.
//!
//! A mailbox is a directory: an index of fixed records, a cache of what was parsed out of messages, the messages, and in
//! 2.3 a second index of what was expunged and is still kept. A master writes what changed into a log; a client reads
//! it and tells a replica in a protocol of lines and literals. In September 2007 replicas were found whose expunge
//! files pointed into caches that had been rewritten without them: "cyrus.expunge/cyrus.cache mistmatch on replica",
//! cyrus-devel, 2007-09-24.
//!
//! | file | holds |
//! |---|---|
//! | `variants`, `config`, `sites`, `trace` | the historical forms; what a scenario pins; choices; trace kinds |
//! | `format/` | the bytes of index, expunge, cache and header files |
//! | `store/` | what a server's processes do with those files, write by write |
//! | `protocol`, `server/`, `client/` | the wire; who answers; who asks |
//! | `host`, `machine`, `watchers` | a machine; what runs on it, and which of two is the master; who is told of changes |
//! | `workload/` | operations, messages, and who takes them |
//! | `checker/` | a decoder of its own over raw bytes, and what must hold of one mailbox |
//! | `watch/`, `invariants` | what was acknowledged; what must hold |
//!
//! Left out: IMAP and its other front ends, folders that come, go and are renamed, seen state, sieve, annotations and
//! quota roots. A process's work on files is synchronous: others run between two of its steps only where
//! `sync/preempted` and `sync/notifier` say. `docs/sync.md` says which form does what, and what sweeps found.

pub mod checker;
pub mod client;
pub mod config;
mod flow;
pub mod format;
pub mod host;
pub mod invariants;
pub mod machine;
pub mod protocol;
pub mod server;
pub mod sites;
pub mod store;
pub mod trace;
pub mod variants;
pub mod watch;
mod watchers;
pub mod workload;

#[cfg(test)]
mod tests;

pub use flow::Sync;

/// The first server: the master until the roles are swapped.
pub const MASTER: &str = "master";
/// The second server.
pub const REPLICA: &str = "replica";
