//! The checker's decoder: offsets as the formats' tables list them, one function per file.

/// An index or expunge file, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The minor version.
    pub minor: u32,
    /// Generation.
    pub generation: u32,
    /// Where records begin.
    pub start: u32,
    /// Bytes of a record.
    pub record_size: u32,
    /// Records the header claims.
    pub claimed: u32,
    /// The highest uid given out.
    pub last_uid: u32,
    /// Bytes of the messages that are not expunged.
    pub quota: u64,
    /// Life of the uids.
    pub uidvalidity: u32,
    /// Deleted, answered, flagged.
    pub counts: [u32; 3],
    /// The highest number of a change.
    pub highestmodseq: u64,
    /// Version 12 only; zeros before.
    pub deletedmodseq: u64,
    /// Version 12: records that are not expunged.
    pub exists: u32,
    /// Version 12: CRC32 of the header file.
    pub header_file_crc: u32,
    /// Version 12: what the records contribute.
    pub sync_crc: u32,
    /// Version 12: the header's own checksum holds. True before.
    pub sealed: bool,
    /// The records that are there, at most as many as claimed.
    pub entries: Vec<Entry>,
    /// Bytes of the file.
    pub len: usize,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of the message.
    pub uid: u32,
    /// When it arrived.
    pub internaldate: u32,
    /// Bytes of its file.
    pub size: u32,
    /// Where its cache record begins.
    pub offset: u32,
    /// Changed or expunged at.
    pub updated: u32,
    /// System flags.
    pub system: u32,
    /// User flags.
    pub user: u128,
    /// SHA-1 of its file. In version 9, whose ids say nothing about a file, that of the file that is there.
    pub guid: [u8; 20],
    /// Number of the last change.
    pub modseq: u64,
    /// Version 12: CRC32 of the cache record.
    pub cache_crc: u32,
    /// Version 12: the record's own checksum holds. True before.
    pub sealed: bool,
}

impl Entry {
    /// Version 12: the message is expunged.
    #[must_use]
    pub fn is_expunged(&self) -> bool {
        self.system >> 31 == 1
    }
}

impl Index {
    /// Whether start and record size are those of the minor version.
    #[must_use]
    pub fn has_known_layout(&self) -> bool {
        matches!((self.minor, self.start, self.record_size), (9, 96, 80) | (10, 96, 88) | (12, 128, 96))
    }

    /// Bytes the header says the file has at least.
    #[must_use]
    pub fn expected_len(&self) -> usize {
        self.start as usize + self.claimed as usize * self.record_size as usize
    }
}

fn be(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    Some(field.iter().fold(0, |value, byte| value * 256 + u64::from(*byte)))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    be(bytes, at, 4).map(|value| value as u32)
}

/// Reads an index or expunge file; `None` if not even its header is there, or of an unknown version.
#[must_use]
pub fn decode_index(bytes: &[u8]) -> Option<Index> {
    let at = |offset| be32(bytes, offset);
    let minor = at(8)?;
    let twelve = match minor {
        9 | 10 => false,
        12 => true,
        _ => return None,
    };
    let header = bytes.get(..if twelve { 128 } else { 96 })?;
    let (start, record_size, claimed) = (at(12)?, at(16)?, at(20)?);
    let only_twelve = |offset| if twelve { at(offset) } else { Some(0) };
    let mut index = Index {
        minor,
        generation: at(0)?,
        start,
        record_size,
        claimed,
        last_uid: at(28)?,
        quota: be(bytes, 32, 8)?,
        uidvalidity: at(44)?,
        counts: [at(48)?, at(52)?, at(56)?],
        highestmodseq: be(bytes, 68, 8)?,
        deletedmodseq: if twelve { be(bytes, 76, 8)? } else { 0 },
        exists: only_twelve(84)?,
        header_file_crc: only_twelve(96)?,
        sync_crc: only_twelve(100)?,
        sealed: !twelve || be32(header, 124) == Some(crc32fast::hash(&header[..124])),
        entries: Vec::new(),
        len: bytes.len(),
    };
    if index.has_known_layout() {
        let records = bytes.get(start as usize..).unwrap_or_default().chunks_exact(record_size as usize);
        index.entries = records.take(claimed as usize).filter_map(|record| entry(record, minor)).collect();
    }
    Some(index)
}

fn entry(record: &[u8], minor: u32) -> Option<Entry> {
    let twelve = minor == 12;
    let at = |offset| be32(record, offset);
    let mut user = 0;
    for word in (0..4).rev() {
        user = user << 32 | u128::from(at(36 + word * 4)?);
    }
    Some(Entry {
        uid: at(0)?,
        internaldate: at(4)?,
        size: at(12)?,
        offset: at(24)?,
        updated: at(28)?,
        system: at(32)?,
        user,
        guid: if minor == 9 { [0; 20] } else { record.get(60..80)?.try_into().ok()? },
        modseq: be(record, if minor == 9 { 72 } else { 80 }, 8)?,
        cache_crc: if twelve { at(88)? } else { 0 },
        sealed: !twelve || at(92)? == crc32fast::hash(&record[..92]),
    })
}

/// Where the ten items that begin at an offset end; `None` if a word or an item would pass the end.
#[must_use]
pub fn item_walk(cache: &[u8], offset: u32) -> Option<std::ops::Range<usize>> {
    let begin = offset as usize;
    let mut rest = cache.get(begin..)?;
    for _ in 0..10 {
        let (length, items) = rest.split_at_checked(4)?;
        let length = usize::try_from(be(length, 0, 4)?).ok()?;
        rest = items.get(length.div_ceil(4) * 4..)?;
    }
    Some(begin..cache.len() - rest.len())
}

/// The names in a header file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The mailbox's unique id.
    pub unique_id: String,
    /// User flags by bit.
    pub flags: Vec<String>,
}

/// Reads a header file.
#[must_use]
pub fn decode_names(bytes: &[u8]) -> Option<Names> {
    // The magic has three line ends; its first line is not text.
    let mut lines = bytes.split(|byte| *byte == b'\n').skip(3);
    let ids = std::str::from_utf8(lines.next()?).ok()?;
    let flags = std::str::from_utf8(lines.next()?).ok()?;
    let (_, unique_id) = ids.split_once('\t')?;
    Some(Names { unique_id: unique_id.to_owned(), flags: flags.split_whitespace().map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::sync::format::{self, Guid, Header, HeaderFile, Minor, Record};

    /// Claim: both decoders, written apart, read the same fields out of the same bytes.
    #[test]
    fn the_two_decoders_agree() {
        for minor in [Minor::V9, Minor::V10, Minor::V12] {
            let record = Record {
                uid: 7,
                internaldate: 8,
                size: 9,
                cache_offset: 0xd0,
                last_updated: 10,
                system_flags: 5,
                user_flags: 1 << 100 | 1 << 40 | 1,
                guid: Guid([3; 20]),
                modseq: 1 << 33,
                cache_crc: if minor == Minor::V12 { 11 } else { 0 },
                ..Record::default()
            };
            let header = Header {
                generation: 12,
                records: 2,
                last_uid: 13,
                quota_used: 1 << 34,
                deleted: 1,
                answered: 2,
                flagged: 3,
                highestmodseq: 1 << 35,
                ..Header::new(minor, 14)
            };
            let mut bytes = header.encode();
            bytes.extend(record.encode(minor));
            let index = decode_index(&bytes).unwrap();
            assert!(index.has_known_layout() && index.sealed);
            assert_eq!((index.claimed, index.entries.len()), (2, 1), "the second record is missing");
            assert_eq!(index.expected_len(), bytes.len() + minor.record_len());
            assert_eq!((index.generation, index.last_uid, index.quota), (12, 13, 1 << 34));
            assert_eq!((index.uidvalidity, index.counts, index.highestmodseq), (14, [1, 2, 3], 1 << 35));
            let entry = &index.entries[0];
            assert_eq!((entry.uid, entry.internaldate, entry.size, entry.offset), (7, 8, 9, 0xd0));
            assert_eq!((entry.updated, entry.system, entry.user), (10, 5, 1 << 100 | 1 << 40 | 1));
            let id = if minor == Minor::V9 { [0; 20] } else { [3; 20] };
            assert_eq!((entry.guid, entry.modseq, entry.cache_crc), (id, 1 << 33, record.cache_crc));
            assert!(entry.sealed && !entry.is_expunged());
        }
    }

    /// Claim: a changed byte of version 12 breaks a seal, and no length makes the decoder panic.
    #[test]
    fn damage_is_described() {
        let mut bytes = Header { records: 1, ..Header::new(Minor::V12, 1) }.encode();
        bytes.extend(Record::default().encode(Minor::V12));
        for len in 0..bytes.len() {
            let _ = decode_index(&bytes[..len]);
        }
        bytes[70] ^= 1;
        bytes[130] ^= 1;
        let index = decode_index(&bytes).unwrap();
        assert!(!index.sealed && !index.entries[0].sealed);
        bytes[19] = 95;
        assert!(!decode_index(&bytes).unwrap().has_known_layout());
    }

    /// Claim: the walk agrees with the one of the code under test wherever it begins, and the names are found.
    #[test]
    fn walks_and_names_agree() {
        let record = format::build(b"Subject: walk\r\nFrom: a@b\r\nX-Y: z\r\n\r\n");
        let cache = [&[0; 4][..], &record, &record].concat();
        for offset in 0..cache.len() + 8 {
            let len = item_walk(&cache, offset as u32).map(|range| range.len());
            assert_eq!(len, format::record_len(&cache, offset), "at {offset}");
        }
        let file = HeaderFile {
            quota_root: "q".into(),
            unique_id: "u".into(),
            flags: vec!["a".into(), "b".into()],
            acl: "x".into(),
        };
        assert_eq!(decode_names(&file.encode()), Some(Names { unique_id: "u".into(), flags: file.flags }));
    }
}
