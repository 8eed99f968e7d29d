//! Replication of mailboxes between two Cyrus servers, in 2007 and after.

pub mod checker;
pub mod format;
