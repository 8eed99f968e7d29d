//! The layouts of the index, and the words they are made of.

use super::crc32;

/// A layout of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minor {
    /// Cyrus 2.3 before ids were SHA-1: twelve bytes that somebody has assigned.
    V9,
    /// Cyrus 2.3.
    V10,
    /// Cyrus 2.4.
    V12,
}

impl Minor {
    /// Bytes of a header.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Minor::V9 | Minor::V10 => 96,
            Minor::V12 => 128,
        }
    }

    /// Bytes of a record.
    #[must_use]
    pub const fn record_len(self) -> usize {
        match self {
            Minor::V9 => 80,
            Minor::V10 => 88,
            Minor::V12 => 96,
        }
    }

    /// Bytes of an id.
    #[must_use]
    pub const fn id_len(self) -> usize {
        match self {
            Minor::V9 => 12,
            Minor::V10 | Minor::V12 => 20,
        }
    }

    pub(super) const fn number(self) -> u32 {
        match self {
            Minor::V9 => 9,
            Minor::V10 => 10,
            Minor::V12 => 12,
        }
    }
}

/// The big-endian word at a place that was checked to be there.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) << 32 | u64::from(word(bytes, at + 4))
}

#[derive(Default)]
pub(super) struct Words(pub(super) Vec<u8>);

impl Words {
    pub(super) fn put(&mut self, words: &[u32]) {
        self.0.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }

    pub(super) fn put_u64(&mut self, long: u64) {
        self.0.extend(long.to_be_bytes());
    }

    /// The checksum of everything before it.
    pub(super) fn seal(&mut self) {
        let sum = crc32(&self.0);
        self.put(&[sum]);
    }
}

/// Bytes of hexadecimal digits, as the formats' tables are written.
#[cfg(test)]
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
