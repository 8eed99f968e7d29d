//! Kinds of trace events the flow emits.

use crate::trace::Kind;

/// A command of the protocol.
pub static COMMAND: Kind = Kind::new("command", 'c', "a sync server handles a command", &[]);
/// Something failed.
pub static FAILED: Kind = Kind::new("failed", '!', "an operation on a mailbox fails", &[]);
/// Somebody does something with a mailbox.
pub static JOB: Kind = Kind::new("job", 'o', "a user or the nightly job changes a mailbox", &[]);
/// The sync client.
pub static CLIENT: Kind = Kind::new("sync-client", '>', "the sync client has run", &[]);
