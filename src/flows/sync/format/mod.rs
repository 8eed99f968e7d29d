//! The files of a mailbox as the code under test reads and writes them. Every number is big-endian.
//!
//! | file | holds |
//! |---|---|
//! | `layout` | the minor versions of `cyrus.index` and `cyrus.expunge`: 9, 10 and 12 |
//! | `header`, `record` | what these files begin with; one message in them |
//! | `cache` | the framing of `cyrus.cache`, and what a message's record in it is |
//! | `names` | the text of `cyrus.header` |
//! | `digest` | the two sums the formats use |

pub mod cache;
pub mod digest;
pub mod header;
pub mod layout;
pub mod names;
pub mod record;

pub use cache::{GENERATION_BYTES, build, frame, record_len};
pub use digest::{Guid, crc32, guid};
pub use header::{Header, HeaderV12};
pub use layout::Minor;
pub use names::HeaderFile;
pub use record::{ANSWERED, DELETED, EXPUNGED, FLAGGED, Record, UNLINKED};

/// Why bytes are no mailbox file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file ends before what should be there.
    #[error("{what}: {len} bytes, expected at least {expected}")]
    Short {
        /// Which part.
        what: &'static str,
        /// Bytes there are.
        len: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// A minor version nobody wrote.
    #[error("minor version {0}, expected 9, 10 or 12")]
    Version(u32),
    /// A checksum of version 12 does not match.
    #[error("the checksum of {0} does not match")]
    Checksum(&'static str),
    /// A text file that is not as it should be.
    #[error("cyrus.header: {0}")]
    Text(&'static str),
}
