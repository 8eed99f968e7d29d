//! The bytes of a share: where each field is, and what identifies a version.
//!
//! Big-endian, tightly packed, from offset 0 of the share's data:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | version byte, always 0 |
//! | 1 | 8 | sequence number |
//! | 9 | 32 | root of the share hash tree |
//! | 41 | 16 | salt |
//! | 57 | 1, 1, 8, 8 | k, N, segment size, data length |
//! | 75 | 4 × 4, 2 × 8 | offsets: signature, share hash chain, block hash tree, share data, private key, end |
//! | 107 | … | verification key, signature, share hash chain, block hash tree, share data |
//!
//! Bytes 0 to 56 are the *checkstring* that test vectors compare, 0 to 74 the *prefix* that is signed, 0 to 106
//! the *header*. Our shares carry no encrypted private key: its offset equals the end. What lies behind the end
//! is ignored, so a share that was overwritten by a shorter one stays readable.

use std::fmt;

use thiserror::Error;

use super::merkle::Hash;

/// Length of a checkstring.
pub const CHECKSTRING_LENGTH: usize = 57;
/// Length of the signed prefix.
pub const PREFIX_LENGTH: usize = 75;
/// Length of the header: prefix and offset table.
pub const HEADER_LENGTH: usize = 107;

/// What a test vector compares: a version's sequence number, root and salt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkstring {
    /// Sequence number; the first version is 1.
    pub seqnum: u64,
    /// Root of the share hash tree.
    pub root: Hash,
    /// Fresh for every publish.
    pub salt: [u8; 16],
}

impl Checkstring {
    /// Its 57 bytes.
    #[must_use]
    pub fn pack(&self) -> [u8; CHECKSTRING_LENGTH] {
        let mut bytes = [0; CHECKSTRING_LENGTH];
        bytes[1..9].copy_from_slice(&self.seqnum.to_be_bytes());
        bytes[9..41].copy_from_slice(&self.root);
        bytes[41..57].copy_from_slice(&self.salt);
        bytes
    }

    /// Reads it from the beginning of a share.
    ///
    /// # Errors
    /// Too few bytes, or not version 0.
    pub fn parse(bytes: &[u8]) -> Result<Checkstring, ParseError> {
        if bytes.len() < CHECKSTRING_LENGTH {
            return Err(ParseError::Short { needed: CHECKSTRING_LENGTH, got: bytes.len() });
        }
        if bytes[0] != 0 {
            return Err(ParseError::UnknownVersion(bytes[0]));
        }
        Ok(Checkstring { seqnum: be64(bytes, 1), root: array(bytes, 9), salt: array(bytes, 41) })
    }
}

impl fmt::Debug for Checkstring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Checkstring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}-{:02x}{:02x}", self.seqnum, self.root[0], self.root[1])
    }
}

/// The offset table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offsets {
    /// Where the signature begins (the verification key ends).
    pub signature: u32,
    /// Where the share hash chain begins.
    pub share_hash_chain: u32,
    /// Where the block hash tree begins.
    pub block_hash_tree: u32,
    /// Where the block begins.
    pub share_data: u32,
    /// Where the encrypted private key would begin: the end of the block.
    pub private_key: u64,
    /// The end of the share; bytes behind it do not count.
    pub end: u64,
}

/// The identity of a version as clients see it. Two shares are of one version only if all nine parts match.
/// Ordered by sequence number, then root: the greatest recoverable version is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionInfo {
    /// Sequence number.
    pub seqnum: u64,
    /// Root of the share hash tree.
    pub root: Hash,
    /// Salt.
    pub salt: [u8; 16],
    /// Data length rounded up to a multiple of k.
    pub segment_size: u64,
    /// Bytes of the plain text.
    pub data_length: u64,
    /// Shares needed.
    pub k: u8,
    /// Shares made.
    pub n: u8,
    /// The signed bytes.
    pub prefix: [u8; PREFIX_LENGTH],
    /// The offset table.
    pub offsets: Offsets,
}

impl VersionInfo {
    /// The part that test vectors compare.
    #[must_use]
    pub fn checkstring(&self) -> Checkstring {
        Checkstring { seqnum: self.seqnum, root: self.root, salt: self.salt }
    }
}

impl fmt::Debug for VersionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-of-{}, {} bytes", self.checkstring(), self.k, self.n, self.data_length)
    }
}

/// The 75 signed bytes of a version.
#[must_use]
pub fn pack_prefix(checkstring: &Checkstring, k: u8, n: u8, data_length: u64) -> [u8; PREFIX_LENGTH] {
    let mut bytes = [0; PREFIX_LENGTH];
    bytes[..CHECKSTRING_LENGTH].copy_from_slice(&checkstring.pack());
    bytes[57] = k;
    bytes[58] = n;
    bytes[59..67].copy_from_slice(&segment_size(k, data_length).to_be_bytes());
    bytes[67..75].copy_from_slice(&data_length.to_be_bytes());
    bytes
}

/// Data length rounded up to a multiple of k.
#[must_use]
pub fn segment_size(k: u8, data_length: u64) -> u64 {
    data_length.next_multiple_of(u64::from(k.max(1)))
}

/// Why bytes are not a share.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Fewer bytes than the fixed part.
    #[error("{got} bytes, at least {needed} needed")]
    Short {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        got: usize,
    },
    /// The share goes on behind what was read.
    #[error("the share needs {needed} bytes, {got} were read")]
    NeedMore {
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        got: usize,
    },
    /// The version byte is not 0.
    #[error("share format version {0} is unknown")]
    UnknownVersion(u8),
    /// Offsets that do not increase, or fields of impossible length.
    #[error("the {0} has an impossible place or length")]
    Geometry(&'static str),
}

pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

/// A fixed-size field; the caller has checked the length.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has this length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_where_the_table_says() {
        let checkstring = Checkstring { seqnum: 0x0102, root: [7; 32], salt: [9; 16] };
        let prefix = pack_prefix(&checkstring, 3, 10, 100);
        assert_eq!(prefix[..9], [0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(prefix[9..41], [7; 32]);
        assert_eq!(prefix[41..57], [9; 16]);
        assert_eq!(prefix[57..59], [3, 10]);
        assert_eq!(prefix[59..67], 102u64.to_be_bytes());
        assert_eq!(prefix[67..75], 100u64.to_be_bytes());
        assert_eq!(Checkstring::parse(&prefix), Ok(checkstring));
    }
}
