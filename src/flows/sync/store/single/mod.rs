//! Cyrus 2.4 and after: one index in which expunged messages stay with a flag, so that every record is found, merged and
//! copied by the same code. Checksums cover records, headers and cache records.
//!
//! `correct` uses the same files and replaces them as a whole: a new index is durable before it takes the old one's
//! name, and its directory is synced before anybody is told.
//!
//! | file | holds |
//! |---|---|
//! | `change` | deliveries, flags, expunges, unexpunges |
//! | `merge` | what a former master has, taken over at once |
//! | `repack` | expire, and what a server repairs |
//! | `replica` | what an APPLY MAILBOX changes, and what it refuses |

mod change;
mod merge;
mod repack;
mod replica;

pub use change::{append, clone_as_new, expunge, raise, set_flag, store_copy, unexpunge};
pub use merge::{Move, merge};
pub use repack::{expire, recover};
pub use replica::{Applied, apply};

use super::message::{Flags, flags_of, put_flags};
use super::{Fail, Locks, Paths, Seen, Store, View, fresh, io};
use crate::disk::{BlockingFile, DiskError, OpenMode};
use crate::flows::sync::format::{
    ANSWERED, DELETED, EXPUNGED, FLAGGED, GENERATION_BYTES, Header, HeaderFile, Minor, Record, UNLINKED, crc32, frame,
    guid as sha1, record_len,
};
use crate::flows::sync::variants::{Commit, Recovery, Sums, UnknownExpunged};

/// A mailbox that is open and locked.
pub(super) struct Open {
    paths: Paths,
    header: Header,
    records: Vec<Record>,
    names: HeaderFile,
    index: BlockingFile,
    cache: BlockingFile,
    /// The records and names as they are on the disk.
    old_records: Vec<Record>,
    old_names: HeaderFile,
    _locks: Locks,
}

/// Opens a mailbox and takes its locks.
fn open(store: &Store, mailbox: &str) -> Result<Open, Fail> {
    let paths = Paths::of(mailbox);
    let locks = store.lock(&[paths.header(), paths.index()])?;
    let (index, header, records) = read_index(store, &paths)?;
    let cache = open_cache(store, &paths, &header)?;
    let names = store.names(&paths)?;
    let (old_records, old_names) = (records.clone(), names.clone());
    Ok(Open { paths, header, records, names, index, cache, old_records, old_names, _locks: locks })
}

fn read_index(store: &Store, paths: &Paths) -> Result<(BlockingFile, Header, Vec<Record>), Fail> {
    let index = store.disk.open(&paths.index(), OpenMode::Write)?;
    let bytes = io::read_open(&index)?;
    let header = Header::decode(&bytes)?;
    let mut records = Vec::new();
    for slot in 0..header.records {
        let at = header.slot(slot) as usize;
        records.push(Record::decode(Minor::V12, bytes.get(at..).unwrap_or_default())?);
    }
    Ok((index, header, records))
}

/// Opens the cache of this generation. One that has not got its name yet is given it.
fn open_cache(store: &Store, paths: &Paths, header: &Header) -> Result<BlockingFile, Fail> {
    let path = paths.cache();
    let generation_of = |path: &str| -> Result<(BlockingFile, u32), Fail> {
        let file = store.disk.open(path, OpenMode::Write)?;
        let word = io::read_range(&file, 0, GENERATION_BYTES)?;
        let known = word.len() == GENERATION_BYTES;
        Ok((file, if known { word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) } else { u32::MAX }))
    };
    let (file, found) = generation_of(&path)?;
    if found == header.generation {
        return Ok(file);
    }
    let wrong = Fail::Generation { index: header.generation, cache: found };
    if store.rules().recovery == Recovery::None {
        return Err(wrong);
    }
    let new = match generation_of(&fresh(&path)) {
        Ok((_, generation)) => generation,
        Err(Fail::Disk(DiskError::NotFound)) => return Err(wrong),
        Err(fail) => return Err(fail),
    };
    if new != header.generation {
        return Err(wrong);
    }
    store.disk.rename(&fresh(&path), &path)?;
    store.sync_dir(paths.dir())?;
    store.host.touched();
    store.node.sometimes("cache-rename-finished");
    Ok(generation_of(&path)?.0)
}

/// Counts, bytes and sums of the records, as the header keeps them.
fn count(store: &Store, header: &mut Header, records: &[Record], names: &HeaderFile) {
    let sums = store.rules().sums;
    let live = || records.iter().filter(|record| record.is_live());
    let flagged = |bit| live().filter(|record| record.system_flags & bit != 0).count() as u32;
    header.records = records.len() as u32;
    header.deleted = flagged(DELETED);
    header.answered = flagged(ANSWERED);
    header.flagged = flagged(FLAGGED);
    header.quota_used = live().map(|record| u64::from(record.size)).sum();
    header.v12.exists = live().count() as u32;
    let expunged = records.iter().filter(|record| !record.is_live());
    header.v12.first_expunged = expunged.map(|record| record.last_updated).min().unwrap_or(0);
    header.v12.sync_crc = live().fold(0, |sum, record| sum ^ contribution(record, names, sums));
}

/// What a record that is not expunged adds to the mailbox's sum.
#[must_use]
pub fn contribution(record: &Record, names: &HeaderFile, sums: Sums) -> u32 {
    let flags = flags_of(record, names).iter().fold(0, |sum, flag| sum ^ crc32(flag.to_lowercase().as_bytes()));
    let Record { uid, modseq, last_updated, internaldate, guid, .. } = record;
    let text = format!("{uid} {modseq} {last_updated} ({flags}) {internaldate} {guid}");
    match sums {
        Sums::Crc32 => crc32(text.as_bytes()),
        Sums::Sha1 => {
            let [a, b, c, d, ..] = sha1(text.as_bytes()).0;
            u32::from_be_bytes([a, b, c, d])
        }
    }
}

impl Open {
    /// The next number of a change.
    fn change_number(&mut self) -> u64 {
        self.header.highestmodseq += 1;
        self.header.highestmodseq
    }

    /// Numbers up to this one are given out, here or elsewhere. A file that a failed change has left under one of them
    /// would never be replaced by another message's.
    fn pass_over(&mut self, store: &Store, last_uid: u32) -> Result<(), Fail> {
        let passed = self.header.last_uid + 1..=last_uid;
        if store.rules().recovery == Recovery::Complete && !passed.is_empty() {
            for name in store.disk.read_dir(self.paths.dir())? {
                let uid = name.strip_suffix('.').and_then(|name| name.parse().ok());
                if let Some(uid) = uid.filter(|uid| passed.contains(uid)) {
                    io::remove(&store.disk, &self.paths.message(uid))?;
                }
            }
        }
        self.header.last_uid = self.header.last_uid.max(last_uid);
        Ok(())
    }

    /// The cache record of a message, checked against its sum.
    fn cache_record(&self, record: &Record) -> Result<Vec<u8>, Fail> {
        let size = self.cache.size()?;
        let offset = u64::from(record.cache_offset);
        let rest = io::read_range(&self.cache, offset, size.saturating_sub(offset) as usize)?;
        let bogus = Fail::BogusOffset { uid: record.uid, offset: record.cache_offset, found: size };
        let len = record_len(&rest, 0).ok_or(bogus.clone())?;
        if crc32(&rest[..len]) != record.cache_crc {
            return Err(bogus);
        }
        Ok(rest[..len].to_vec())
    }

    /// Adds a cache record at the end; says in the record where it is.
    fn add_cache(&self, record: &mut Record, bytes: &[u8]) -> Result<(), Fail> {
        // A write that was torn may have left an odd length behind.
        let end = self.cache.size()?.next_multiple_of(4);
        io::write_all(&self.cache, end, bytes)?;
        record.cache_offset = end as u32;
        record.cache_crc = crc32(bytes);
        Ok(())
    }

    /// Records that a message is expunged of which there is no record here: it was never here, or was forgotten. Whoever
    /// saw it on the other server may ask here what has vanished since.
    fn add_gone(&mut self, store: &Store, record: &Record, flags: &Flags) -> Result<(), Fail> {
        if store.rules().unknown == UnknownExpunged::Skipped {
            return Ok(());
        }
        // It has no file, so there is nothing to be parsed.
        let mut gone = Record { system_flags: EXPUNGED | UNLINKED, ..record.clone() };
        put_flags(&mut gone, flags, &mut self.names);
        self.add_cache(&mut gone, &frame(&Default::default()))?;
        let slot = self.records.partition_point(|mine| mine.uid < gone.uid);
        self.records.insert(slot, gone);
        Ok(())
    }

    /// Makes the change durable and visible.
    fn commit(mut self, store: &Store) -> Result<(), Fail> {
        let new_names = self.names != self.old_names;
        if new_names && store.rules().commit == Commit::InPlace {
            store.write_names(&self.paths, &self.names)?;
        }
        self.header.v12.header_file_crc = crc32(&self.names.encode());
        count(store, &mut self.header, &self.records, &self.names);
        self.cache.sync_all()?;
        match store.rules().commit {
            Commit::InPlace => self.commit_in_place(store),
            Commit::WholeFile => {
                // Everything that can fail for lack of space or a bad write comes before the first rename; what a
                // crash leaves between two of them is found at the next start.
                let (path, names) = (self.paths.index(), self.paths.header());
                if new_names {
                    io::write_synced(&store.disk, &fresh(&names), &self.names.encode())?;
                }
                let file = write_new(store, &path, &self.header, &self.records)?;
                file.sync_all()?;
                store.preempted("a new index and its rename");
                if new_names {
                    store.disk.rename(&fresh(&names), &names)?;
                    store.sync_dir(self.paths.dir())?;
                }
                store.disk.rename(&fresh(&path), &path)?;
                store.sync_dir(self.paths.dir())?;
                store.notify();
                Ok(())
            }
        }
    }

    fn commit_in_place(&self, store: &Store) -> Result<(), Fail> {
        for (slot, record) in self.records.iter().enumerate() {
            if self.old_records.get(slot) != Some(record) {
                io::write_all(&self.index, self.header.slot(slot as u32), &record.encode(Minor::V12))?;
            }
        }
        io::write_all(&self.index, 0, &self.header.encode())?;
        store.notify();
        self.index.sync_all()?;
        Ok(())
    }
}

/// Writes a whole new index beside the old one.
fn write_new(store: &Store, path: &str, header: &Header, records: &[Record]) -> Result<BlockingFile, Fail> {
    let file = io::create(&store.disk, &fresh(path))?;
    let mut bytes = header.encode();
    bytes.extend(records.iter().flat_map(|record| record.encode(Minor::V12)));
    io::write_all(&file, 0, &bytes)?;
    Ok(file)
}

/// What is in a mailbox, expunged messages included.
pub fn view(store: &Store, mailbox: &str) -> Result<View, Fail> {
    let paths = Paths::of(mailbox);
    let (_, header, records) = read_index(store, &paths)?;
    let names = store.names(&paths)?;
    let seen = |record: Record| Seen {
        uid: record.uid,
        guid: record.guid,
        flags: flags_of(&record, &names),
        expunged: !record.is_live(),
        record,
    };
    Ok(View {
        unique_id: names.unique_id.clone(),
        uidvalidity: header.uidvalidity,
        last_uid: header.last_uid,
        last_appenddate: header.last_appenddate,
        highestmodseq: header.highestmodseq,
        deletedmodseq: header.v12.deletedmodseq,
        sync_crc: header.v12.sync_crc,
        messages: records.into_iter().map(seen).collect(),
    })
}
