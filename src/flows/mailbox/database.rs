//! What the server needs of a database: SQL statements in, rows out, and the three ways in which a
//! statement can fail. Nothing here knows a simulation; [`Database`] is implemented for
//! `rusqlite::Connection`, and by whoever wraps one.

mod sqlite;
mod statement;
mod store;

pub use statement::Change;
pub use store::Store;

/// One SQL value. Text columns are UTF-8; the schema has no blobs.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A 64-bit integer; booleans are 0 and 1.
    Integer(i64),
    /// A double: every time the server stores is one, whatever the column was declared as.
    Real(f64),
    /// Text.
    Text(String),
}

impl Value {
    /// The text of a text value.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number, whichever way it is stored.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(*n as f64),
            Value::Real(x) => Some(*x),
            _ => None,
        }
    }

    /// An integer, or zero for anything else.
    #[must_use]
    pub fn integer(&self) -> i64 {
        match self {
            Value::Integer(n) => *n,
            _ => 0,
        }
    }

    /// Python's truth of the value, as the server tests its boolean columns.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Integer(n) => *n != 0,
            Value::Real(x) => *x != 0.0,
            Value::Text(text) => !text.is_empty(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Real(x)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Integer(n)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Integer(i64::from(flag))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row, its columns in the order of the SELECT.
pub type Row = Vec<Value>;

/// What a statement that changes rows reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Rows changed.
    pub rows: usize,
    /// Rowid of the last INSERT on this connection.
    pub last_id: i64,
}

/// Why a statement failed. What becomes of the open transaction differs, and the incident depends on it:
/// after a constraint violation or a busy database it stays open, after an I/O error or a full disk at
/// commit SQLite has rolled it back. [`Database::in_transaction`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DbErrorKind {
    /// A foreign key or uniqueness constraint: this statement alone is undone.
    Constraint,
    /// Somebody else holds a lock.
    Busy,
    /// Reading or writing the file failed.
    Io,
    /// No space is left.
    Full,
    /// Anything else, a database that is gone included.
    Other,
}

/// A failed statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DbError {
    /// The class of the failure.
    pub kind: DbErrorKind,
    /// SQLite's own words.
    pub message: String,
}

/// A connection to one SQLite database.
///
/// Every method takes `&self`: listeners may call the server back from inside a command, so no exclusive
/// borrow of the connection may be needed. No statement is left unfinished between calls.
pub trait Database {
    /// Runs one statement that returns no rows.
    ///
    /// # Errors
    /// As SQLite reports them; see [`DbErrorKind`] for what remains of the transaction.
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Changed, DbError>;

    /// Runs one SELECT or PRAGMA and returns all its rows.
    ///
    /// # Errors
    /// As SQLite reports them.
    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError>;

    /// Runs a script of several statements.
    ///
    /// # Errors
    /// As SQLite reports them; the script stops there.
    fn script(&self, sql: &str) -> Result<(), DbError>;

    /// Whether a transaction is open on this connection.
    fn in_transaction(&self) -> bool;
}
