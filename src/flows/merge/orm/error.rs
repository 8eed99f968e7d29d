//! How an operation of the mapper fails.

use rusqlite::ErrorCode;

use crate::flows::merge::schema::Table;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrmError {
    /// A unique key or a foreign key: the statement is undone, the transaction goes on.
    #[error("{0}")]
    Constraint(String),
    /// Somebody else holds a lock, and patience is over or would not help.
    #[error("database is locked")]
    Busy,
    /// The disk failed, or is full; or anything else SQLite says.
    #[error("{0}")]
    Database(String),
    /// Rows of this table protect what was to be deleted.
    #[error("cannot delete because rows of `{}` refer to it", .0.name())]
    Protected(Table),
    /// Receivers call each other without end.
    #[error("maximum recursion depth exceeded")]
    Recursion,
}

/// The result of an operation.
pub type OrmResult<T> = Result<T, OrmError>;

impl From<rusqlite::Error> for OrmError {
    fn from(error: rusqlite::Error) -> OrmError {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => OrmError::Constraint(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OrmError::Busy,
            _ => OrmError::Database(error.to_string()),
        }
    }
}
