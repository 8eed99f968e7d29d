//! What is in a column.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;

/// One SQL value. The schema has no others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A number, a key, or 0 and 1 for no and yes.
    Integer(i64),
    /// Text.
    Text(String),
}

impl Value {
    /// The number of a number.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text of a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What is read from SQLite.
    #[must_use]
    pub fn read(cell: ValueRef<'_>) -> Value {
        match cell {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Integer(number as i64),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    /// Whether [`read`](Value::read) would make this value of the cell.
    #[must_use]
    pub fn is(&self, cell: ValueRef<'_>) -> bool {
        match (self, cell) {
            (Value::Text(text), ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => text.as_bytes() == bytes,
            (Value::Text(_), _) | (_, ValueRef::Text(_) | ValueRef::Blob(_)) => false,
            _ => *self == Value::read(cell),
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Value {
        number.map_or(Value::Null, Value::Integer)
    }
}
