//! How a command fails: an answer to the client, or an exception that escapes the handler.

use crate::flows::mailbox::database::{DbError, DbErrorKind};

/// An exception that nobody in the server catches: the connection it came up on is dropped without a reply,
/// or the timer it came up in ends. Named as in Python, since those names are what the operators saw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {detail}")]
pub struct Raised {
    /// The class of the exception: `IntegrityError`, `IndexError` ….
    pub name: &'static str,
    /// What it says.
    pub detail: String,
}

impl Raised {
    /// An exception of any class.
    #[must_use]
    pub fn new(name: &'static str, detail: impl Into<String>) -> Raised {
        Raised { name, detail: detail.into() }
    }

    /// A value of another type than the code expects.
    #[must_use]
    pub fn assertion(detail: &str) -> Raised {
        Raised::new("AssertionError", detail)
    }

    /// A value of the right type that makes no sense.
    #[must_use]
    pub fn value(detail: &str) -> Raised {
        Raised::new("ValueError", detail)
    }
}

impl From<DbError> for Raised {
    fn from(error: DbError) -> Raised {
        let name = match error.kind {
            DbErrorKind::Constraint => "IntegrityError",
            DbErrorKind::Busy | DbErrorKind::Io | DbErrorKind::Full | DbErrorKind::Other => "OperationalError",
        };
        Raised::new(name, error.message)
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An `error` frame; the connection stays.
    Error(&'static str),
    /// An exception; the connection goes.
    Raised(Raised),
}

impl From<Raised> for Refusal {
    fn from(raised: Raised) -> Refusal {
        Refusal::Raised(raised)
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Refusal {
        Refusal::Raised(error.into())
    }
}
