//! Expunging. Delayed: the records move to `cyrus.expunge`, and cache, generation and message files stay. At once: a
//! new cache without them, and their files go. The second form, when it is forced on a server that delays, does not
//! look at `cyrus.expunge`, whose records point into the cache that is being replaced.

use super::expire::copy_cache;
use super::{Open, count, new_cache, next_generation, open, open_expunge, pop_lock, take_place, write_new};
use crate::disk::OpenMode;
use crate::flows::sync::format::{Header, Record};
use crate::flows::sync::host::ExpungeMode;
use crate::flows::sync::store::{Fail, Store, io};

/// Expunges these messages, those of them that are there.
pub fn expunge(store: &Store, mailbox: &str, uids: &[u32], force: bool) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    pop_lock(&open)?;
    let (gone, kept): (Vec<Record>, Vec<Record>) =
        std::mem::take(&mut open.records).into_iter().partition(|record| uids.contains(&record.uid));
    if gone.is_empty() {
        return Ok(());
    }
    open.records = kept;
    open.header.highestmodseq += 1;
    if force || store.host.expunge == ExpungeMode::Immediate {
        at_once(store, open, gone)
    } else {
        later(store, open, gone)
    }
}

fn later(store: &Store, mut open: Open, gone: Vec<Record>) -> Result<(), Fail> {
    let now = store.now();
    let path = open.paths.expunge();
    let (mut header, mut records, file) = match open_expunge(store, &open.paths)? {
        Some(expunged) => (expunged.header, expunged.records, expunged.file),
        None => {
            let header = Header { records: 0, ..open.header.clone() };
            let file = store.disk.open(&path, OpenMode::Create)?;
            io::write_all(&file, 0, &Header { records: 0, quota_used: 0, ..header.clone() }.encode())?;
            (header, Vec::new(), file)
        }
    };
    for mut record in gone {
        record.last_updated = now;
        record.modseq = open.header.highestmodseq;
        io::write_all(&file, header.slot(records.len() as u32), &record.encode(header.minor))?;
        records.push(record);
    }
    count(&mut open.header, &open.records);
    let index = write_new(store, &open.paths.index(), &open.header, &open.records)?;
    count(&mut header, &records);
    io::write_all(&file, 0, &header.encode())?;
    file.sync_all()?;
    store.preempted("expunge header and index");
    index.sync_all()?;
    take_place(store, &open.paths.index())?;
    Ok(())
}

fn at_once(store: &Store, mut open: Open, gone: Vec<Record>) -> Result<(), Fail> {
    open.header.generation = next_generation(store, open.header.generation, false);
    let cache = new_cache(store, &open.paths, open.header.generation)?;
    let mut end = cache.size()?;
    for record in &mut open.records {
        if record.cache_offset == 0 {
            continue;
        }
        let bytes = copy_cache(store.rules().guard, &open.cache, record)?;
        io::write_all(&cache, end, &bytes)?;
        record.cache_offset = end as u32;
        end += bytes.len() as u64;
    }
    count(&mut open.header, &open.records);
    let index = write_new(store, &open.paths.index(), &open.header, &open.records)?;
    index.sync_all()?;
    cache.sync_all()?;
    take_place(store, &open.paths.index())?;
    store.preempted("the two renames");
    take_place(store, &open.paths.cache())?;
    // The lock is given up before the files go; so is everything that is open.
    let paths = open.paths;
    drop((cache, index));
    for record in gone {
        io::remove(&store.disk, &paths.message(record.uid))?;
    }
    Ok(())
}
