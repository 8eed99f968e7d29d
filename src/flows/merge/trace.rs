//! Kinds of trace events the flow emits.

use crate::trace::Kind;

/// A worker begins a request.
pub static REQUEST: Kind = Kind::new("request", 'r', "a worker begins a request", &["number"]);
/// A worker is about to run a statement.
pub static STATEMENT: Kind = Kind::new("statement", 's', "a worker runs a statement", &[]);
/// A worker has answered.
pub static ANSWER: Kind = Kind::new("answer", 'a', "a worker has answered", &["status"]);
/// Rows were committed.
pub static COMMITTED: Kind = Kind::new("committed", 'C', "rows have been committed", &["events", "tags", "join rows"]);
/// A lock is in the way.
pub static LOCKED: Kind = Kind::new("locked", 'L', "a worker waits for a lock", &[]);
/// A receiver is called.
pub static RECEIVER: Kind = Kind::new("receiver", '!', "a receiver is called inside a transaction", &[]);
/// A person does something.
pub static PERSON: Kind = Kind::new("person", 'o', "a person begins an operation", &[]);
/// A backup is finished.
pub static BACKUP: Kind = Kind::new("backup", 'B', "a backup is finished and durable", &["number"]);
/// The website has asked for everything it wants.
pub static ROUND: Kind = Kind::new("round", '=', "the website has polled everything it shows", &["round", "events"]);
