//! The records of `cyrus.index` and `cyrus.expunge`: 80 bytes in version 9, 88 in version 10 and 96 in version 12, which
//! ends in a checksum. In version 12 a record stays when its message is expunged, and carries [`EXPUNGED`].

use super::layout::{Minor, Words, long, word};
use super::{FormatError, Guid, crc32};

/// System flag: answered.
pub const ANSWERED: u32 = 1;
/// System flag: flagged.
pub const FLAGGED: u32 = 1 << 1;
/// System flag: to be deleted.
pub const DELETED: u32 = 1 << 2;
/// Version 12: the file is to go with the next repack.
pub const UNLINKED: u32 = 1 << 30;
/// Version 12: the message is expunged.
pub const EXPUNGED: u32 = 1 << 31;

/// One message in an index or expunge file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number; 0 is illegal.
    pub uid: u32,
    /// When it arrived, in seconds.
    pub internaldate: u32,
    /// When it says that it was sent.
    pub sentdate: u32,
    /// Bytes of its file.
    pub size: u32,
    /// Bytes of its head.
    pub header_size: u32,
    /// Before version 12: where its body begins. Version 12: the time it was sent, with the hour.
    pub body_or_gmtime: u32,
    /// Where its cache record begins; 0: nowhere.
    pub cache_offset: u32,
    /// When it was changed last; in an expunge file, when it was expunged.
    pub last_updated: u32,
    /// Bits of the system flags.
    pub system_flags: u32,
    /// Bit n: the n-th name in `cyrus.header`.
    pub user_flags: u128,
    /// Lines of its body.
    pub content_lines: u32,
    /// How the cache record was made.
    pub cache_version: u32,
    /// Its id; in version 9 its first twelve bytes.
    pub guid: Guid,
    /// The number of the last change.
    pub modseq: u64,
    /// Version 12: CRC32 of its cache record.
    pub cache_crc: u32,
}

impl Record {
    /// The bytes of the record.
    #[must_use]
    pub fn encode(&self, minor: Minor) -> Vec<u8> {
        let mut out = Words::default();
        out.put(&[self.uid, self.internaldate, self.sentdate, self.size, self.header_size]);
        out.put(&[self.body_or_gmtime, self.cache_offset, self.last_updated, self.system_flags]);
        for index in 0..4 {
            out.put(&[(self.user_flags >> (32 * index)) as u32]);
        }
        out.put(&[self.content_lines, self.cache_version]);
        out.0.extend_from_slice(&self.guid.0[..minor.id_len()]);
        out.put_u64(self.modseq);
        if minor == Minor::V12 {
            out.put(&[self.cache_crc]);
            out.seal();
        }
        out.0
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`FormatError::Short`], and of version 12 [`FormatError::Checksum`].
    pub fn decode(minor: Minor, bytes: &[u8]) -> Result<Record, FormatError> {
        let len = minor.record_len();
        if bytes.len() < len {
            return Err(FormatError::Short { what: "index record", len: bytes.len(), expected: len });
        }
        if minor == Minor::V12 && word(bytes, 92) != crc32(&bytes[..92]) {
            return Err(FormatError::Checksum("an index record"));
        }
        let mut guid = Guid::default();
        let id_end = 60 + minor.id_len();
        guid.0[..minor.id_len()].copy_from_slice(&bytes[60..id_end]);
        Ok(Record {
            uid: word(bytes, 0),
            internaldate: word(bytes, 4),
            sentdate: word(bytes, 8),
            size: word(bytes, 12),
            header_size: word(bytes, 16),
            body_or_gmtime: word(bytes, 20),
            cache_offset: word(bytes, 24),
            last_updated: word(bytes, 28),
            system_flags: word(bytes, 32),
            user_flags: (0..4).fold(0, |bits, index| bits | u128::from(word(bytes, 36 + 4 * index)) << (32 * index)),
            content_lines: word(bytes, 52),
            cache_version: word(bytes, 56),
            guid,
            modseq: long(bytes, id_end),
            cache_crc: if minor == Minor::V12 { word(bytes, 88) } else { 0 },
        })
    }

    /// Whether it is there for everybody.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.system_flags & EXPUNGED == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::hex;
    use super::*;

    fn record() -> Record {
        Record {
            uid: 1,
            internaldate: 2,
            sentdate: 3,
            size: 4,
            header_size: 5,
            body_or_gmtime: 6,
            cache_offset: 0x144,
            last_updated: 8,
            system_flags: ANSWERED | DELETED,
            user_flags: 1 << 33 | 1,
            content_lines: 10,
            cache_version: 11,
            guid: Guid([0xab; 20]),
            modseq: 0x3_0000_000d,
            cache_crc: 0,
        }
    }

    const RECORD: &str = "00000001 00000002 00000003 00000004 00000005 00000006 00000144 00000008 00000005
        00000001 00000002 00000000 00000000 0000000a 0000000b
        abababab abababab abababab abababab abababab 00000003 0000000d";

    /// Claim: version 10 has its fields where the format's table has them; version 9 has twelve bytes of id.
    #[test]
    fn versions_9_and_10_are_pinned() {
        let bytes = hex(RECORD);
        assert_eq!((bytes.len(), record().encode(Minor::V10)), (88, bytes.clone()));
        assert_eq!(Record::decode(Minor::V10, &bytes), Ok(record()));
        let bytes = [&bytes[..72], &bytes[80..]].concat();
        assert_eq!((bytes.len(), record().encode(Minor::V9)), (80, bytes.clone()));
        let mut record = record();
        record.guid.0[12..].fill(0);
        assert_eq!(Record::decode(Minor::V9, &bytes), Ok(record));
    }

    /// Claim: version 12 has its fields where the format's table has them, and its sum at the end.
    #[test]
    fn version_12_is_pinned() {
        let record = Record { cache_crc: 0x1234, ..record() };
        let mut bytes = hex(&format!("{RECORD} 00001234"));
        bytes.extend(crc32(&bytes).to_be_bytes());
        assert_eq!((bytes.len(), record.encode(Minor::V12)), (96, bytes.clone()));
        assert_eq!(Record::decode(Minor::V12, &bytes), Ok(record));
    }

    /// Claim: version 12 notices a changed byte, and all notice missing ones.
    #[test]
    fn damage_is_noticed() {
        let mut bytes = record().encode(Minor::V12);
        bytes[70] ^= 1;
        assert_eq!(Record::decode(Minor::V12, &bytes), Err(FormatError::Checksum("an index record")));
        assert!(matches!(Record::decode(Minor::V10, &bytes[..87]), Err(FormatError::Short { .. })));
        assert!(matches!(Record::decode(Minor::V9, &bytes[..79]), Err(FormatError::Short { .. })));
    }
}
