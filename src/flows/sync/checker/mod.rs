//! What a mailbox on a disk really says, read from its raw bytes by a decoder of its own: nothing here calls the code
//! under test, so a mistake there cannot hide itself.

pub mod decode;

pub use decode::{Entry, Index, Names, decode_index, decode_names, item_walk};
