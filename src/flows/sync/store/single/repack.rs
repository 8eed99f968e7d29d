//! What makes a mailbox smaller, and what repairs one that a crash has caught.

use super::{count, open, write_new};
use crate::disk::DiskError;
use crate::flows::sync::format::{Record, UNLINKED, crc32};
use crate::flows::sync::store::{Fail, Paths, Store, fresh, io};
use crate::flows::sync::variants::Recovery;

/// Drops what was expunged at `mark` or before.
pub fn expire(store: &Store, mailbox: &str, mark: u32) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    let mut due = false;
    for record in open.records.iter_mut().filter(|record| !record.is_live()) {
        if record.last_updated <= mark {
            record.system_flags |= UNLINKED;
        }
        due |= record.system_flags & UNLINKED != 0;
    }
    if !due {
        return Ok(());
    }
    open.commit(store)?;
    repack(store, mailbox)
}

/// New index and cache without the records whose files are to go. The index is renamed first.
pub(super) fn repack(store: &Store, mailbox: &str) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    let (gone, kept): (Vec<Record>, Vec<Record>) =
        std::mem::take(&mut open.records).into_iter().partition(|record| record.system_flags & UNLINKED != 0);
    open.records = kept;
    open.header.generation = open.header.generation.wrapping_add(1);
    let dropped = gone.iter().map(|record| record.modseq).max().unwrap_or(0);
    open.header.v12.deletedmodseq = open.header.v12.deletedmodseq.max(dropped);
    open.header.v12.last_repack = store.now();
    let path = open.paths.cache();
    let mut content = open.header.generation.to_be_bytes().to_vec();
    for slot in 0..open.records.len() {
        let bytes = open.cache_record(&open.records[slot])?;
        open.records[slot].cache_offset = content.len() as u32;
        content.extend(bytes);
    }
    count(store, &mut open.header, &open.records, &open.names);
    let cache = io::create(&store.disk, &fresh(&path))?;
    io::write_all(&cache, 0, &content)?;
    let index = write_new(store, &open.paths.index(), &open.header, &open.records)?;
    index.sync_all()?;
    cache.sync_all()?;
    store.sync_dir(open.paths.dir())?;
    store.disk.rename(&fresh(&open.paths.index()), &open.paths.index())?;
    store.sync_dir(open.paths.dir())?;
    store.host.touched();
    store.preempted("index and cache renames");
    store.disk.rename(&fresh(&path), &path)?;
    store.sync_dir(open.paths.dir())?;
    store.host.touched();
    for record in gone {
        io::remove(&store.disk, &open.paths.message(record.uid))?;
    }
    Ok(())
}

/// Finishes what a crash has interrupted, and removes what it has left behind.
pub fn recover(store: &Store, mailbox: &str) -> Result<(), Fail> {
    debug_assert!(store.rules().recovery == Recovery::Complete);
    let paths = Paths::of(mailbox);
    let mut open = open(store, mailbox)?;
    if open.header.v12.header_file_crc != crc32(&open.names.encode()) {
        // The names were replaced, the index that knows of it was not.
        open.commit(store)?;
        open = super::open(store, mailbox)?;
    }
    if open.records.iter().any(|record| record.system_flags & UNLINKED != 0) {
        drop(open);
        repack(store, mailbox)?;
        open = super::open(store, mailbox)?;
    }
    for name in store.disk.read_dir(paths.dir())? {
        let path = format!("{}/{name}", paths.dir());
        let is_left_over = match name.strip_suffix('.').map(str::parse::<u32>) {
            Some(Ok(uid)) => !open.records.iter().any(|record| record.uid == uid),
            _ => name.ends_with(".NEW"),
        };
        if is_left_over {
            match store.disk.unlink(&path) {
                Ok(()) | Err(DiskError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    store.sync_dir(paths.dir())?;
    store.host.touched();
    Ok(())
}
