//! A real mailbox of version 10, read and written again. Its folder comes in `SEEDBED_CYRUS_MAILBOX`.
#![cfg(feature = "flows")]
#![expect(clippy::disallowed_methods, reason = "the fixture is a folder of real files")]

use std::path::PathBuf;

use seedbed::flows::sync::checker::{decode_index, decode_names, item_walk};
use seedbed::flows::sync::format::{GENERATION_BYTES, Header, HeaderFile, Minor, Record, guid, record_len};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("SEEDBED_CYRUS_MAILBOX");
    if folder.is_none() {
        println!("SEEDBED_CYRUS_MAILBOX is not set: the round trip of a real mailbox did not run");
    }
    folder.map(PathBuf::from)
}

fn file(folder: &std::path::Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Claim: every byte of a real index, cache and header file comes back from what was read out of it, every id is the
/// SHA-1 of its message, and the checker's decoder sees the same.
#[test]
fn a_real_mailbox_survives_reading_and_writing() {
    let Some(folder) = folder() else { return };
    let bytes = file(&folder, "cyrus.index");
    let header = Header::decode(&bytes).unwrap();
    assert_eq!((header.minor, header.records), (Minor::V10, 8));
    let records: Vec<_> = bytes[header.start_offset as usize..]
        .chunks(header.record_size as usize)
        .map(|bytes| Record::decode(header.minor, bytes).unwrap())
        .collect();
    assert_eq!(records.len(), header.records as usize);
    let mut again = header.encode();
    again.extend(records.iter().flat_map(|record| record.encode(header.minor)));
    assert!(again == bytes, "cyrus.index");

    let cache = file(&folder, "cyrus.cache");
    assert_eq!(cache[..GENERATION_BYTES], header.generation.to_be_bytes());
    let mut end = GENERATION_BYTES;
    let seen = decode_index(&bytes).unwrap();
    for (record, entry) in records.iter().zip(&seen.entries) {
        let message = file(&folder, &format!("{}.", record.uid));
        assert_eq!((guid(&message), message.len()), (record.guid, record.size as usize), "uid {}", record.uid);
        assert_eq!(record.cache_offset as usize, end, "uid {}", record.uid);
        end += record_len(&cache, end).unwrap();
        assert_eq!(item_walk(&cache, entry.offset).unwrap().end, end);
        assert_eq!((entry.uid, entry.guid, entry.size), (record.uid, record.guid.0, record.size));
        assert_eq!((entry.internaldate, entry.modseq), (record.internaldate, record.modseq));
    }
    assert_eq!(end, cache.len());
    assert_eq!(seen.quota, records.iter().map(|record| u64::from(record.size)).sum::<u64>());

    let text = file(&folder, "cyrus.header");
    let names = HeaderFile::decode(&text).unwrap();
    assert!(names.encode() == text, "cyrus.header");
    assert_eq!(decode_names(&text).unwrap().unique_id, names.unique_id);
}
