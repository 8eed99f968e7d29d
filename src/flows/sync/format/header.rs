//! The header of `cyrus.index` and `cyrus.expunge`: 96 bytes up to version 10; 128 in version 12, the last four of them
//! a checksum.

use super::layout::{Minor, Words, long, word};
use super::{FormatError, crc32};

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
    /// What only version 12 has; zeros before.
    pub v12: HeaderV12,
    /// Words nobody uses: five, three in version 12.
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
            Minor::V9 | Minor::V10 => out.put(&self.spare),
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
            9 => Minor::V9,
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
            Minor::V9 | Minor::V10 => (76, 5),
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

#[cfg(test)]
mod tests {
    use super::super::layout::hex;
    use super::*;

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

    const COMMON: &str = "00000003 00000004 00000001 00000005 00000006 0000000d 00000007 00000008 00000009
        0000000a 0000000b 00000002 0000000c";

    /// Claim: versions 9 and 10 have their fields where the format's table has them, and differ in what a record is.
    #[test]
    fn versions_9_and_10_are_pinned() {
        for (minor, words) in [(Minor::V9, "00000009 00000060 00000050"), (Minor::V10, "0000000a 00000060 00000058")] {
            let bytes = hex(&format!(
                "00000001 00000000 {words} 00000002 {COMMON}
                 00000000 00000000 00000000 00000000 00000000"
            ));
            assert_eq!(header(minor).encode(), bytes);
            assert_eq!(Header::decode(&bytes), Ok(header(minor)));
        }
        assert_eq!((header(Minor::V9).slot(2), header(Minor::V10).slot(2)), (96 + 2 * 80, 96 + 2 * 88));
    }

    /// Claim: version 12 has its fields where the format's table has them, and its sum at the end.
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
    }

    /// Claim: version 12 notices a changed byte, all notice missing ones, and other versions are refused.
    #[test]
    fn damage_is_noticed() {
        let mut bytes = header(Minor::V12).encode();
        bytes[30] ^= 1;
        assert_eq!(Header::decode(&bytes), Err(FormatError::Checksum("the index header")));
        bytes[11] = 11;
        assert_eq!(Header::decode(&bytes), Err(FormatError::Version(11)));
        assert!(matches!(Header::decode(&bytes[..95]), Err(FormatError::Short { .. })));
    }
}
