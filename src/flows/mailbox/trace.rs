//! Kinds of trace events the flow emits.

use crate::trace::Kind;

/// The server begins to handle a client's command.
pub static COMMAND: Kind = Kind::new("command", 'c', "the server handles a client's command", &[]);
/// The server hands a frame to a connection.
pub static FRAME: Kind = Kind::new("frame", 'f', "the server sends a frame", &[]);
/// An exception escapes a handler.
pub static RAISED: Kind = Kind::new("raised", 'R', "an exception escapes a handler: the connection is dropped", &[]);
/// The timer callback has run.
pub static TICK: Kind = Kind::new("tick", 'T', "the pruning timer has run", &[]);
/// A statement has changed rows; the transaction is open.
pub static CHANGED: Kind =
    Kind::new("changed", 'w', "a statement has changed rows, in a transaction that is open", &[]);
/// A transaction was committed.
pub static COMMITTED: Kind = Kind::new("committed", 'C', "a transaction has been committed", &["changes", "left-over"]);
/// A commit has published what an earlier event had left in the open transaction.
pub static PUBLISHED: Kind =
    Kind::new("published", '!', "a commit publishes a change that an earlier command had left pending", &[]);
/// A transaction was rolled back.
pub static UNDONE: Kind = Kind::new("undone", 'U', "a transaction has been rolled back", &["changes"]);
/// The wall clock jumps.
pub static CLOCK: Kind = Kind::new("clock", '@', "the server's wall clock jumps", &[]);
/// Somebody outside reads a database.
pub static OUTSIDE: Kind = Kind::new("outside", '#', "somebody outside reads a database", &[]);
/// A person at a client begins an operation or a step of it.
pub static STEP: Kind = Kind::new("step", 'o', "a step of an operation begins", &[]);
/// A monitoring probe has looked.
pub static PROBE: Kind = Kind::new("probe", 'p', "a monitoring probe has an answer, or none", &[]);
/// A client's session has ended.
pub static SESSION: Kind = Kind::new("session", '=', "a client's session has ended", &[]);
