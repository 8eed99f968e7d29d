//! Cyrus 2.3: live messages in `cyrus.index`, expunged ones that are still kept in `cyrus.expunge`, both pointing into
//! one `cyrus.cache`. The generation ties index and cache together; nobody compares that of `cyrus.expunge`.
//!
//! | file | holds |
//! |---|---|
//! | `append` | a delivery |
//! | `expunge` | expunging, later or at once |
//! | `expire` | what the nightly job drops, and what it copies |
//! | `unexpunge` | bringing a message back |
//! | `replica` | what a sync server commits: append, combine, flags, numbers |

mod append;
mod expire;
mod expunge;
mod replica;
mod unexpunge;

pub use append::append;
pub use expire::expire;
pub use expunge::expunge;
pub use replica::{Selected, cache_of, select, set_flags, set_last_uid, set_uidvalidity, upload};
pub use unexpunge::unexpunge;

use super::message::{changed, flags_of, put_flags};
use super::{Fail, Locks, Paths, Seen, Store, View, fresh, io};
use crate::disk::{BlockingFile, DiskError, LockKind, OpenMode};
use crate::flows::sync::format::{DELETED, GENERATION_BYTES, Header, Record};
use crate::flows::sync::variants::GenerationStep;

/// A mailbox that is open and locked.
pub(super) struct Open {
    pub(super) paths: Paths,
    pub(super) header: Header,
    pub(super) records: Vec<Record>,
    pub(super) index: BlockingFile,
    pub(super) cache: BlockingFile,
    _locks: Locks,
}

/// `cyrus.expunge`, if there is one.
pub(super) struct Expunged {
    pub(super) header: Header,
    pub(super) records: Vec<Record>,
    pub(super) file: BlockingFile,
}

/// Opens a mailbox and takes its locks.
pub(super) fn open(store: &Store, mailbox: &str) -> Result<Open, Fail> {
    let paths = Paths::of(mailbox);
    let locks = store.lock(&[paths.header(), paths.index()])?;
    let index = store.disk.open(&paths.index(), OpenMode::Write)?;
    let cache = store.disk.open(&paths.cache(), OpenMode::Write)?;
    let (header, records) = read_index(&index)?;
    check_generation(&header, &cache)?;
    Ok(Open { paths, header, records, index, cache, _locks: locks })
}

/// An index and its cache belong together if both say the same generation.
fn check_generation(header: &Header, cache: &BlockingFile) -> Result<(), Fail> {
    let word = io::read_range(cache, 0, GENERATION_BYTES)?;
    let cache = word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    if word.len() < GENERATION_BYTES || cache != header.generation {
        return Err(Fail::Generation { index: header.generation, cache });
    }
    Ok(())
}

fn read_index(file: &BlockingFile) -> Result<(Header, Vec<Record>), Fail> {
    let bytes = io::read_open(file)?;
    let header = Header::decode(&bytes)?;
    let mut records = Vec::new();
    for slot in 0..header.records {
        let at = header.slot(slot) as usize;
        records.push(Record::decode(header.minor, bytes.get(at..).unwrap_or_default())?);
    }
    Ok((header, records))
}

/// Opens `cyrus.expunge` if it is there.
pub(super) fn open_expunge(store: &Store, paths: &Paths) -> Result<Option<Expunged>, Fail> {
    let file = match store.disk.open(&paths.expunge(), OpenMode::Write) {
        Ok(file) => file,
        Err(DiskError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (header, records) = read_index(&file)?;
    Ok(Some(Expunged { header, records, file }))
}

/// The lock on the cache that keeps POP sessions out. It goes with the file.
pub(super) fn pop_lock(open: &Open) -> Result<(), Fail> {
    match open.cache.file().try_lock(LockKind::Exclusive) {
        Err(DiskError::WouldBlock) => Err(Fail::Busy),
        other => Ok(other?),
    }
}

/// Counts and bytes of the records, as the header keeps them.
pub(super) fn count(header: &mut Header, records: &[Record]) {
    let flagged = |bit| records.iter().filter(|record| record.system_flags & bit != 0).count() as u32;
    header.records = records.len() as u32;
    header.deleted = flagged(DELETED);
    header.answered = flagged(crate::flows::sync::format::ANSWERED);
    header.flagged = flagged(crate::flows::sync::format::FLAGGED);
    header.quota_used = records.iter().map(|record| u64::from(record.size)).sum();
}

/// Writes a whole new index or expunge file beside the old one.
pub(super) fn write_new(store: &Store, path: &str, header: &Header, records: &[Record]) -> Result<BlockingFile, Fail> {
    let file = io::create(&store.disk, &fresh(path))?;
    let mut bytes = header.encode();
    bytes.extend(records.iter().flat_map(|record| record.encode(header.minor)));
    io::write_all(&file, 0, &bytes)?;
    Ok(file)
}

/// A new cache beside the old one, with its generation.
pub(super) fn new_cache(store: &Store, paths: &Paths, generation: u32) -> Result<BlockingFile, Fail> {
    let file = io::create(&store.disk, &fresh(&paths.cache()))?;
    io::write_all(&file, 0, &generation.to_be_bytes())?;
    Ok(file)
}

/// The next generation. The combine of its day took the word for a native one.
pub(super) fn next_generation(store: &Store, generation: u32, by_combine: bool) -> u32 {
    match store.rules().generation {
        GenerationStep::RawWord if by_combine => generation.swap_bytes().wrapping_add(1).swap_bytes(),
        _ => generation.wrapping_add(1),
    }
}

/// Overwrites the header where it is.
pub(super) fn write_header(store: &Store, file: &BlockingFile, header: &Header) -> Result<(), Fail> {
    io::write_all(file, 0, &header.encode())?;
    store.notify();
    Ok(())
}

/// Renames a new file over the old one.
pub(super) fn take_place(store: &Store, path: &str) -> Result<(), Fail> {
    store.disk.rename(&fresh(path), path)?;
    store.host.touched();
    Ok(())
}

/// Sets or clears a flag: the record is overwritten where it is.
pub fn set_flag(store: &Store, mailbox: &str, uid: u32, flag: &str, on: bool) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    let mut names = store.names(&open.paths)?;
    let known = names.flags.len();
    let slot = open.records.iter().position(|record| record.uid == uid).ok_or(Fail::NoMessage(uid))?;
    let flags = changed(flags_of(&open.records[slot], &names), flag, on);
    let record = &mut open.records[slot];
    put_flags(record, &flags, &mut names);
    open.header.highestmodseq += 1;
    record.modseq = open.header.highestmodseq;
    record.last_updated = store.now();
    if names.flags.len() > known {
        store.write_names(&open.paths, &names)?;
    }
    io::write_all(&open.index, open.header.slot(slot as u32), &open.records[slot].encode(open.header.minor))?;
    count(&mut open.header, &open.records);
    write_header(store, &open.index, &open.header)?;
    open.index.sync_all()?;
    Ok(())
}

/// What is in a mailbox, read without locks, as a reader does.
pub fn view(store: &Store, mailbox: &str) -> Result<View, Fail> {
    let paths = Paths::of(mailbox);
    let index = store.disk.open(&paths.index(), OpenMode::Read)?;
    let (header, records) = read_index(&index)?;
    check_generation(&header, &store.disk.open(&paths.cache(), OpenMode::Read)?)?;
    let names = store.names(&paths)?;
    let seen = |record: Record| Seen {
        uid: record.uid,
        guid: record.guid,
        flags: flags_of(&record, &names),
        expunged: false,
        record,
    };
    Ok(View {
        unique_id: names.unique_id.clone(),
        uidvalidity: header.uidvalidity,
        last_uid: header.last_uid,
        last_appenddate: header.last_appenddate,
        highestmodseq: header.highestmodseq,
        deletedmodseq: 0,
        sync_crc: 0,
        messages: records.into_iter().map(seen).collect(),
    })
}
