//! Kinds of trace events the flow emits.

use crate::trace::Kind;

/// A client sends a write message.
pub static STORE: Kind = Kind::new("store", 's', "a client sends shares to a server", &[]);
/// A server has written what it was asked to.
pub static WROTE: Kind = Kind::new("wrote", 'W', "a server has written shares", &[]);
/// A server has refused to write.
pub static REFUSED: Kind = Kind::new("refused", '!', "a server's test failed: nothing is written", &[]);
/// A server has raised.
pub static RAISED: Kind = Kind::new("raised", 'R', "a server raises", &[]);
/// A share is lost or damaged.
pub static HARM: Kind = Kind::new("harm", '*', "a share is lost or damaged on its server", &[]);
/// A reference has died.
pub static DEAD: Kind = Kind::new("dead", 'D', "a client's reference to a server is dead", &[]);
/// A map update has ended.
pub static MAP: Kind =
    Kind::new("map", 'M', "a client has updated its map", &["shares", "recoverable", "unrecoverable"]);
/// An operation begins.
pub static OPERATION: Kind = Kind::new("operation", 'O', "an operation is called", &[]);
/// An operation has ended.
pub static RESULT: Kind = Kind::new("result", '=', "the caller is told", &[]);
/// A server has started again, and its disk is looked at.
pub static FOUND: Kind = Kind::new("found", 'F', "what a server finds on its disk when it starts again", &[]);
