//! The nightly expire: what was expunged long enough ago goes, and everything else gets a new cache. To that end it
//! follows the offset of every record that stays, live or expunged, ten items from there, through a memory map.

use super::{count, new_cache, next_generation, open, open_expunge, pop_lock, take_place, write_new};
use crate::disk::{BlockingFile, DiskError};
use crate::flows::sync::format::Record;
use crate::flows::sync::format::cache::{ITEMS, padded};
use crate::flows::sync::store::{Fail, Store, io};
use crate::flows::sync::variants::{Combine, Guard};

/// Drops what was expunged before `mark`.
pub fn expire(store: &Store, mailbox: &str, mark: u32) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    pop_lock(&open)?;
    let Some(expunged) = open_expunge(store, &open.paths)? else {
        return Ok(());
    };
    let (due, mut young): (Vec<Record>, Vec<Record>) =
        expunged.records.into_iter().partition(|record| record.last_updated < mark);
    if due.is_empty() && young.is_empty() {
        return Ok(());
    }
    open.header.generation = next_generation(store, open.header.generation, false);
    let mut header = expunged.header;
    header.generation = open.header.generation;
    let cache = new_cache(store, &open.paths, open.header.generation)?;
    let mut end = cache.size()?;
    let untrusted = store.rules().combine == Combine::OffsetsUntrusted;
    for (record, live) in
        open.records.iter_mut().map(|record| (record, true)).chain(young.iter_mut().map(|r| (r, false)))
    {
        if untrusted && !live {
            record.cache_offset = 0;
        }
        if record.cache_offset == 0 {
            continue;
        }
        let bytes = copy_cache(store.rules().guard, &open.cache, record)?;
        io::write_all(&cache, end, &bytes)?;
        record.cache_offset = end as u32;
        end += bytes.len() as u64;
    }
    count(&mut open.header, &open.records);
    count(&mut header, &young);
    let index = write_new(store, &open.paths.index(), &open.header, &open.records)?;
    let expunge = write_new(store, &open.paths.expunge(), &header, &young)?;
    index.sync_all()?;
    cache.sync_all()?;
    expunge.sync_all()?;
    take_place(store, &open.paths.index())?;
    store.preempted("index and cache renames");
    take_place(store, &open.paths.cache())?;
    store.preempted("cache and expunge renames");
    if young.is_empty() {
        io::remove(&store.disk, &open.paths.expunge())?;
        io::remove(&store.disk, &super::fresh(&open.paths.expunge()))?;
    } else {
        take_place(store, &open.paths.expunge())?;
    }
    store.host.touched();
    for record in due {
        io::remove(&store.disk, &open.paths.message(record.uid))?;
    }
    Ok(())
}

/// How far a map of a file reaches: more than the file has, in whole pages.
fn mapped_len(size: u64) -> u64 {
    (size + 16_383) & !8_191
}

/// Copies the cache record a record points to, ten items from its offset on.
pub(super) fn copy_cache(guard: Guard, cache: &BlockingFile, record: &Record) -> Result<Vec<u8>, Fail> {
    let size = cache.size()?;
    let limit = match guard {
        Guard::None => u64::MAX,
        Guard::MappedLength => mapped_len(size),
        Guard::FileSize => size,
    };
    let begin = u64::from(record.cache_offset);
    let bogus = |found| Fail::BogusOffset { uid: record.uid, offset: record.cache_offset, found };
    let mapped = |at: u64, len: u64| {
        if at + len > mapped_len(size) {
            return Err(Fail::Killed { uid: record.uid, offset: record.cache_offset });
        }
        let mut bytes = vec![0; len as usize];
        match cache.read_mapped(at, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(DiskError::MapFault) => Err(Fail::Killed { uid: record.uid, offset: record.cache_offset }),
            Err(error) => Err(error.into()),
        }
    };
    let mut at = begin;
    for _ in 0..ITEMS {
        if guard == Guard::FileSize && at + 4 > limit {
            return Err(bogus(at));
        }
        let word = mapped(at, 4)?;
        let len = word.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        at += 4 + padded(len as usize) as u64;
        if at > limit {
            return Err(bogus(at));
        }
    }
    mapped(begin, at - begin)
}
