//! The sums the formats use: SHA-1 as a message's id, zlib's CRC32 for the parts of version 12.

use std::fmt;

use sha1::{Digest, Sha1};

/// The id of a message: SHA-1 of its file. In version 9, twelve bytes that were assigned, and zeros.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 20]);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Guid {
    /// Whether there is none.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Reads forty hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Guid> {
        let mut bytes = [0; 20];
        if text.len() != 40 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Guid(bytes))
    }
}

/// The id of a message.
#[must_use]
pub fn guid(message: &[u8]) -> Guid {
    Guid(Sha1::digest(message).into())
}

/// zlib's CRC32.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: both sums are the published ones, and an id survives its text.
    #[test]
    fn published_vectors() {
        assert_eq!(guid(b"abc").to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let id = guid(b"x");
        assert_eq!(Guid::parse(&id.to_string()), Some(id));
        assert_eq!(Guid::parse("abc"), None);
        assert_eq!(Guid::parse(&"g".repeat(40)), None);
    }
}
