//! Unexpunge: the record moves back into the index with the offset it has, and the mailbox gets a new uidvalidity.
//! Nothing is synced before the two renames.

use super::{count, open, open_expunge, pop_lock, take_place, write_new};
use crate::flows::sync::format::{DELETED, build};
use crate::flows::sync::store::{Fail, Store, io};
use crate::flows::sync::variants::Combine;

/// Brings a message back under its old number.
pub fn unexpunge(store: &Store, mailbox: &str, uid: u32) -> Result<u32, Fail> {
    let mut open = open(store, mailbox)?;
    pop_lock(&open)?;
    let mut expunged = open_expunge(store, &open.paths)?.ok_or(Fail::NoMessage(uid))?;
    let place = expunged.records.iter().position(|record| record.uid == uid).ok_or(Fail::NoMessage(uid))?;
    let mut record = expunged.records.remove(place);
    let now = store.now();
    open.header.highestmodseq += 1;
    record.modseq = open.header.highestmodseq;
    record.last_updated = now;
    record.system_flags &= !DELETED;
    if store.rules().combine == Combine::OffsetsUntrusted {
        let cache = build(&io::read(&store.disk, &open.paths.message(uid))?);
        let end = open.cache.size()?;
        io::write_all(&open.cache, end, &cache)?;
        record.cache_offset = end as u32;
    }
    let place = open.records.partition_point(|live| live.uid < uid);
    open.records.insert(place, record);
    open.header.uidvalidity = now.max(open.header.uidvalidity);
    count(&mut open.header, &open.records);
    count(&mut expunged.header, &expunged.records);
    write_new(store, &open.paths.index(), &open.header, &open.records)?;
    write_new(store, &open.paths.expunge(), &expunged.header, &expunged.records)?;
    take_place(store, &open.paths.index())?;
    store.preempted("index and expunge renames");
    if expunged.records.is_empty() {
        io::remove(&store.disk, &open.paths.expunge())?;
        io::remove(&store.disk, &super::fresh(&open.paths.expunge()))?;
    } else {
        take_place(store, &open.paths.expunge())?;
    }
    store.host.touched();
    Ok(uid)
}
