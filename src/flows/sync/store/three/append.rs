//! A delivery: message files, cache records, index records, and at last the header that counts them.

use super::{count, open, write_header};
use crate::flows::sync::format::build;
use crate::flows::sync::store::message::{put_flags, record_of};
use crate::flows::sync::store::{Fail, NewMessage, Store, Stored, io, stage};

/// Stores messages. Until the header is written nobody sees them, and the next delivery overwrites what is there.
pub fn append(store: &Store, mailbox: &str, messages: &[NewMessage]) -> Result<Vec<Stored>, Fail> {
    let mut staged = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        staged.push(stage::deliver(store, number, &message.bytes)?);
    }
    let mut open = open(store, mailbox)?;
    let mut names = store.names(&open.paths)?;
    let known = names.flags.len();
    let (mut end, mut stored) = (open.cache.size()?, Vec::new());
    let now = store.now();
    open.header.highestmodseq += 1;
    for (message, file) in messages.iter().zip(&staged) {
        let uid = open.header.last_uid + 1;
        io::link_over(&store.disk, file, &open.paths.message(uid))?;
        io::sync(&store.disk, &open.paths.message(uid))?;
        let cache = build(&message.bytes);
        io::write_all(&open.cache, end, &cache)?;
        let mut record = record_of(&message.bytes, now);
        record.uid = uid;
        record.guid = store.id_of(message);
        record.cache_offset = end as u32;
        record.modseq = open.header.highestmodseq;
        put_flags(&mut record, &message.flags, &mut names);
        let slot = open.header.slot(open.records.len() as u32);
        io::write_all(&open.index, slot, &record.encode(open.header.minor))?;
        end += cache.len() as u64;
        stored.push(Stored { uid, guid: record.guid });
        open.records.push(record);
        open.header.last_uid = uid;
    }
    if names.flags.len() > known {
        store.write_names(&open.paths, &names)?;
    }
    open.cache.sync_all()?;
    open.index.sync_all()?;
    open.header.last_appenddate = now;
    count(&mut open.header, &open.records);
    write_header(store, &open.index, &open.header)?;
    open.index.sync_all()?;
    for file in staged {
        io::remove(&store.disk, &file)?;
    }
    Ok(stored)
}
