//! What a mailbox on a disk really says, read from its raw bytes by a decoder of its own: nothing here calls the code
//! under test, so a mistake there cannot hide itself. (What a message's cache record is, [`super::format::build`]
//! defines for both.)

pub mod decode;
pub mod mailbox;
pub mod rules;

#[cfg(test)]
mod rules_tests;

pub use decode::{Entry, Index, Names, decode_index, decode_names, item_walk};
pub use mailbox::{FileCache, MessageFile, OnDisk};
