//! A small object-relational mapper with the habits of Django's, on which the merge functions are ordinary code.
//!
//! | file | what is there |
//! |---|---|
//! | `connection` | [`Orm`]: one connection, a statement at a time; waits for locks; transactions |
//! | `query` | [`Query`]: a lazy set of rows |
//! | `collector` | deleting what a query stands for, with everything that hangs on it |
//! | `related` | [`Related`]: managers of relations, with exactly the operations each kind has |
//! | `instance` | [`Instance`]: a row in memory, loaded some time ago |
//! | `signals` | [`Receiver`]: callbacks inside the transaction |
//! | `error` | [`OrmError`] |

mod collector;
mod connection;
mod error;
mod instance;
mod query;
mod related;
mod signals;
#[cfg(test)]
pub(crate) mod tests;
mod value;

pub use connection::{BUSY_TIMEOUT_US, Orm, Purpose, Surroundings, Waiting};
pub use error::{OrmError, OrmResult};
pub use instance::Instance;
pub use query::{Query, Record};
pub use related::{AWARDS, INVOICES, RELATIONS, Related, Relation, TAGS, TASKS, TODOS};
pub use signals::{RECEIVERS, Receiver, Signal};
pub use value::Value;
