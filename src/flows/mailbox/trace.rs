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
/// Rows were committed.
pub static COMMITTED: Kind =
    Kind::new("committed", 'C', "rows have been committed", &["nameplates", "mailboxes", "messages"]);
/// The wall clock jumps.
pub static CLOCK: Kind = Kind::new("clock", '@', "the server's wall clock jumps", &[]);
/// Somebody outside reads a database.
pub static OUTSIDE: Kind = Kind::new("outside", '#', "somebody outside reads a database", &[]);
/// A person at a client begins an operation or a step of it.
pub static STEP: Kind = Kind::new("step", 'o', "a step of an operation begins", &[]);
/// A client's session has ended.
pub static SESSION: Kind = Kind::new("session", '=', "a client's session has ended", &[]);
