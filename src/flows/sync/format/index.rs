//! Headers and records of `cyrus.index` and `cyrus.expunge`.
//!
//! Version 10: a header of 96 bytes, records of 88. Version 12: 128 and 96, with checksums at their ends; there a
//! record stays when its message is expunged, and carries [`EXPUNGED`].

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

/// A layout of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minor {
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
            Minor::V10 => 96,
            Minor::V12 => 128,
        }
    }

    /// Bytes of a record.
    #[must_use]
    pub const fn record_len(self) -> usize {
        match self {
            Minor::V10 => 88,
            Minor::V12 => 96,
        }
    }

    const fn number(self) -> u32 {
        match self {
            Minor::V10 => 10,
            Minor::V12 => 12,
        }
    }
}

/// The first bytes of an index or expunge file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Ties the index to its cache.
    pub generation: u32,
    /// Always 0.
    pub format: u32,
    /// The layout.
    pub minor: Minor,
    /// Where the first record begins.
    pub start_offset: u32,
    /// Bytes from one record to the next.
    pub record_size: u32,
    /// Records in the file; in version 12 the expunged ones too.
    pub records: u32,
    /// Time of the last append, in seconds.
    pub last_appenddate: u32,
    /// The highest uid ever given out.
    pub last_uid: u32,
    /// Bytes of the messages that are not expunged.
    pub quota_used: u64,
    /// Unused here.
    pub pop3_last_login: u32,
    /// Which life of the mailbox uids belong to.
    pub uidvalidity: u32,
    /// Messages that are to be deleted.
    pub deleted: u32,
    /// Messages that were answered.
    pub answered: u32,
    /// Messages that are flagged.
    pub flagged: u32,
    /// Option bits.
    pub options: u32,
    /// Unused here.
    pub leaked_cache: u32,
    /// The highest number of a change.
    pub highestmodseq: u64,
    /// What only version 12 has; zeros in version 10.
    pub v12: HeaderV12,
    /// Words nobody uses: five in version 10, three in version 12.
    pub spare: [u32; 5],
}

/// The fields version 12 added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderV12 {
    /// The highest number of a change whose record is gone.
    pub deletedmodseq: u64,
    /// Records that are not expunged.
    pub exists: u32,
    /// When the oldest expunged record was expunged.
    pub first_expunged: u32,
    /// Time of the last repack.
    pub last_repack: u32,
    /// CRC32 of `cyrus.header`.
    pub header_file_crc: u32,
    /// XOR of what the records that are not expunged contribute.
    pub sync_crc: u32,
    /// Unused here.
    pub recent_uid: u32,
    /// Unused here.
    pub recent_time: u32,
}

impl Header {
    /// The header of an empty mailbox.
    #[must_use]
    pub fn new(minor: Minor, uidvalidity: u32) -> Header {
        Header {
            generation: 0,
            format: 0,
            minor,
            start_offset: minor.header_len() as u32,
            record_size: minor.record_len() as u32,
            records: 0,
            last_appenddate: 0,
            last_uid: 0,
            quota_used: 0,
            pop3_last_login: 0,
            uidvalidity,
            deleted: 0,
            answered: 0,
            flagged: 0,
            options: 0,
            leaked_cache: 0,
            highestmodseq: 1,
            v12: HeaderV12::default(),
            spare: [0; 5],
        }
    }

    /// Where a record is.
    #[must_use]
    pub fn slot(&self, index: u32) -> u64 {
        u64::from(self.start_offset) + u64::from(index) * u64::from(self.record_size)
    }

    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Words::default();
        out.put(&[self.generation, self.format, self.minor.number(), self.start_offset, self.record_size]);
        out.put(&[self.records, self.last_appenddate, self.last_uid]);
        out.put_u64(self.quota_used);
        out.put(&[self.pop3_last_login, self.uidvalidity, self.deleted, self.answered, self.flagged]);
        out.put(&[self.options, self.leaked_cache]);
        out.put_u64(self.highestmodseq);
        match self.minor {
            Minor::V10 => out.put(&self.spare),
            Minor::V12 => {
                let more = &self.v12;
                out.put_u64(more.deletedmodseq);
                out.put(&[more.exists, more.first_expunged, more.last_repack, more.header_file_crc]);
                out.put(&[more.sync_crc, more.recent_uid, more.recent_time]);
                out.put(&self.spare[..3]);
                out.seal();
            }
        }
        out.0
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`FormatError::Short`], [`FormatError::Version`], and of version 12 [`FormatError::Checksum`].
    pub fn decode(bytes: &[u8]) -> Result<Header, FormatError> {
        let short = |expected| FormatError::Short { what: "index header", len: bytes.len(), expected };
        if bytes.len() < Minor::V10.header_len() {
            return Err(short(Minor::V10.header_len()));
        }
        let minor = match word(bytes, 8) {
            10 => Minor::V10,
            12 => Minor::V12,
            other => return Err(FormatError::Version(other)),
        };
        let len = minor.header_len();
        if bytes.len() < len {
            return Err(short(len));
        }
        let mut v12 = HeaderV12::default();
        let mut spare = [0; 5];
        let (from, count) = match minor {
            Minor::V10 => (76, 5),
            Minor::V12 => (112, 3),
        };
        for (index, spare) in spare.iter_mut().enumerate().take(count) {
            *spare = word(bytes, from + 4 * index);
        }
        if minor == Minor::V12 {
            if word(bytes, 124) != crc32(&bytes[..124]) {
                return Err(FormatError::Checksum("the index header"));
            }
            v12 = HeaderV12 {
                deletedmodseq: long(bytes, 76),
                exists: word(bytes, 84),
                first_expunged: word(bytes, 88),
                last_repack: word(bytes, 92),
                header_file_crc: word(bytes, 96),
                sync_crc: word(bytes, 100),
                recent_uid: word(bytes, 104),
                recent_time: word(bytes, 108),
            };
        }
        Ok(Header {
            generation: word(bytes, 0),
            format: word(bytes, 4),
            minor,
            start_offset: word(bytes, 12),
            record_size: word(bytes, 16),
            records: word(bytes, 20),
            last_appenddate: word(bytes, 24),
            last_uid: word(bytes, 28),
            quota_used: long(bytes, 32),
            pop3_last_login: word(bytes, 40),
            uidvalidity: word(bytes, 44),
            deleted: word(bytes, 48),
            answered: word(bytes, 52),
            flagged: word(bytes, 56),
            options: word(bytes, 60),
            leaked_cache: word(bytes, 64),
            highestmodseq: long(bytes, 68),
            v12,
            spare,
        })
    }
}

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
    /// Version 10: where its body begins. Version 12: the time it was sent, with the hour.
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
    /// Its id.
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
        out.0.extend_from_slice(&self.guid.0);
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
        guid.0.copy_from_slice(&bytes[60..80]);
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
            modseq: long(bytes, 80),
            cache_crc: if minor == Minor::V12 { word(bytes, 88) } else { 0 },
        })
    }

    /// Whether it is there for everybody.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.system_flags & EXPUNGED == 0
    }
}

/// The big-endian word at a place that was checked to be there.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) << 32 | u64::from(word(bytes, at + 4))
}

#[derive(Default)]
struct Words(Vec<u8>);

impl Words {
    fn put(&mut self, words: &[u32]) {
        self.0.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }

    fn put_u64(&mut self, long: u64) {
        self.0.extend(long.to_be_bytes());
    }

    /// The checksum of everything before it.
    fn seal(&mut self) {
        let sum = crc32(&self.0);
        self.put(&[sum]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn header(minor: Minor) -> Header {
        Header {
            generation: 1,
            records: 2,
            last_appenddate: 3,
            last_uid: 4,
            quota_used: 0x1_0000_0005,
            pop3_last_login: 6,
            deleted: 7,
            answered: 8,
            flagged: 9,
            options: 10,
            leaked_cache: 11,
            highestmodseq: 0x2_0000_000c,
            ..Header::new(minor, 13)
        }
    }

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

    const COMMON: &str = "00000003 00000004 00000001 00000005 00000006 0000000d 00000007 00000008 00000009
        0000000a 0000000b 00000002 0000000c";
    const RECORD: &str = "00000001 00000002 00000003 00000004 00000005 00000006 00000144 00000008 00000005
        00000001 00000002 00000000 00000000 0000000a 0000000b
        abababab abababab abababab abababab abababab 00000003 0000000d";

    /// Claim: version 10 has its fields where the format's table has them.
    #[test]
    fn version_10_is_pinned() {
        let bytes = hex(&format!(
            "00000001 00000000 0000000a 00000060 00000058 00000002 {COMMON}
             00000000 00000000 00000000 00000000 00000000"
        ));
        assert_eq!(header(Minor::V10).encode(), bytes);
        assert_eq!(Header::decode(&bytes), Ok(header(Minor::V10)));
        let bytes = hex(RECORD);
        assert_eq!((bytes.len(), record().encode(Minor::V10)), (88, bytes.clone()));
        assert_eq!(Record::decode(Minor::V10, &bytes), Ok(record()));
        assert_eq!(header(Minor::V10).slot(2), 96 + 2 * 88);
    }

    /// Claim: version 12 has its fields where the format's table has them, and its sums at the ends.
    #[test]
    fn version_12_is_pinned() {
        let mut header = header(Minor::V12);
        header.v12 = HeaderV12 {
            deletedmodseq: 0x4_0000_0014,
            exists: 21,
            first_expunged: 22,
            last_repack: 23,
            header_file_crc: 24,
            sync_crc: 25,
            recent_uid: 26,
            recent_time: 27,
        };
        let mut bytes = hex(&format!(
            "00000001 00000000 0000000c 00000080 00000060 00000002 {COMMON}
             00000004 00000014 00000015 00000016 00000017 00000018 00000019 0000001a 0000001b
             00000000 00000000 00000000"
        ));
        bytes.extend(crc32(&bytes).to_be_bytes());
        assert_eq!((bytes.len(), header.encode()), (128, bytes.clone()));
        assert_eq!(Header::decode(&bytes), Ok(header));
        let record = Record { cache_crc: 0x1234, ..record() };
        let mut bytes = hex(&format!("{RECORD} 00001234"));
        bytes.extend(crc32(&bytes).to_be_bytes());
        assert_eq!((bytes.len(), record.encode(Minor::V12)), (96, bytes.clone()));
        assert_eq!(Record::decode(Minor::V12, &bytes), Ok(record));
    }

    /// Claim: version 12 notices a changed byte, both notice missing ones, and other versions are refused.
    #[test]
    fn damage_is_noticed() {
        let mut bytes = header(Minor::V12).encode();
        bytes[30] ^= 1;
        assert_eq!(Header::decode(&bytes), Err(FormatError::Checksum("the index header")));
        bytes[11] = 11;
        assert_eq!(Header::decode(&bytes), Err(FormatError::Version(11)));
        assert!(matches!(Header::decode(&bytes[..95]), Err(FormatError::Short { .. })));
        let mut bytes = record().encode(Minor::V12);
        bytes[70] ^= 1;
        assert_eq!(Record::decode(Minor::V12, &bytes), Err(FormatError::Checksum("an index record")));
        assert!(matches!(Record::decode(Minor::V10, &bytes[..87]), Err(FormatError::Short { .. })));
    }
}
