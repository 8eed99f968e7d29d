//! What users and their clients change.

use super::open;
use crate::flows::sync::format::{DELETED, EXPUNGED, Record, UNLINKED, build};
use crate::flows::sync::host::ExpungeMode;
use crate::flows::sync::store::message::{changed, flags_of, put_flags, record_of};
use crate::flows::sync::store::{Fail, NewMessage, Store, Stored, io, stage};

/// Stores messages under the next numbers.
pub fn append(store: &Store, mailbox: &str, messages: &[NewMessage]) -> Result<Vec<Stored>, Fail> {
    let mut staged = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        staged.push(stage::deliver(store, number, &message.bytes)?);
    }
    let mut open = open(store, mailbox)?;
    let (modseq, now) = (open.change_number(), store.now());
    let mut stored = Vec::new();
    for (message, file) in messages.iter().zip(&staged) {
        let uid = open.header.last_uid + 1;
        open.header.last_uid = uid;
        io::link_over(&store.disk, file, &open.paths.message(uid))?;
        io::sync(&store.disk, &open.paths.message(uid))?;
        let mut record = record_of(&message.bytes, now);
        (record.uid, record.modseq) = (uid, modseq);
        put_flags(&mut record, &message.flags, &mut open.names);
        open.add_cache(&mut record, &build(&message.bytes))?;
        stored.push(Stored { uid, guid: record.guid });
        open.records.push(record);
    }
    open.header.last_appenddate = now;
    store.sync_dir(open.paths.dir())?;
    open.commit(store)?;
    for file in staged {
        io::remove(&store.disk, &file)?;
    }
    Ok(stored)
}

/// Sets or clears a flag.
pub fn set_flag(store: &Store, mailbox: &str, uid: u32, flag: &str, on: bool) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    let modseq = open.change_number();
    let record = open.records.iter_mut().find(|record| record.uid == uid && record.is_live());
    let record = record.ok_or(Fail::NoMessage(uid))?;
    let flags = changed(flags_of(record, &open.names), flag, on);
    put_flags(record, &flags, &mut open.names);
    (record.modseq, record.last_updated) = (modseq, store.now());
    open.commit(store)
}

/// Flags these messages as expunged, those of them that are there.
pub fn expunge(store: &Store, mailbox: &str, uids: &[u32], force: bool) -> Result<(), Fail> {
    let at_once = force || store.host.expunge == ExpungeMode::Immediate;
    let mut open = open(store, mailbox)?;
    let (modseq, now) = (open.change_number(), store.now());
    let mut any = false;
    for record in open.records.iter_mut().filter(|record| record.is_live() && uids.contains(&record.uid)) {
        record.system_flags |= if at_once { EXPUNGED | UNLINKED } else { EXPUNGED };
        (record.modseq, record.last_updated) = (modseq, now);
        any = true;
    }
    if !any {
        return Ok(());
    }
    open.commit(store)?;
    if at_once { super::repack::repack(store, mailbox) } else { Ok(()) }
}

/// Brings a message back under a new number.
pub fn unexpunge(store: &Store, mailbox: &str, uid: u32) -> Result<u32, Fail> {
    let mut open = open(store, mailbox)?;
    let gone = |record: &&mut Record| record.uid == uid && !record.is_live() && record.system_flags & UNLINKED == 0;
    let record = open.records.iter_mut().find(gone).ok_or(Fail::NoMessage(uid))?;
    let mut back = record.clone();
    record.system_flags |= UNLINKED;
    let modseq = open.change_number();
    let new = open.header.last_uid + 1;
    io::link_over(&store.disk, &open.paths.message(uid), &open.paths.message(new))?;
    open.header.last_uid = new;
    back.uid = new;
    back.system_flags &= !(EXPUNGED | UNLINKED | DELETED);
    (back.modseq, back.last_updated) = (modseq, store.now());
    open.records.push(back);
    store.sync_dir(open.paths.dir())?;
    open.commit(store)?;
    Ok(new)
}

/// A live message gets a new number; its old one is expunged.
pub fn clone_as_new(store: &Store, mailbox: &str, uid: u32) -> Result<u32, Fail> {
    let mut open = open(store, mailbox)?;
    let (modseq, now) = (open.change_number(), store.now());
    let live = |record: &&mut Record| record.uid == uid && record.is_live();
    let record = open.records.iter_mut().find(live).ok_or(Fail::NoMessage(uid))?;
    let mut copy = record.clone();
    record.system_flags |= EXPUNGED;
    (record.modseq, record.last_updated) = (modseq, now);
    let new = open.header.last_uid + 1;
    io::link_over(&store.disk, &open.paths.message(uid), &open.paths.message(new))?;
    open.header.last_uid = new;
    (copy.uid, copy.modseq) = (new, modseq);
    open.records.push(copy);
    store.sync_dir(open.paths.dir())?;
    open.commit(store)?;
    Ok(new)
}

/// Stores a message of the other server under the next number.
pub fn store_copy(store: &Store, mailbox: &str, bytes: &[u8], like: &Record, flags: &[String]) -> Result<u32, Fail> {
    let staged = stage::deliver(store, 0, bytes)?;
    let mut open = open(store, mailbox)?;
    let modseq = open.change_number();
    let uid = open.header.last_uid + 1;
    open.header.last_uid = uid;
    io::link_over(&store.disk, &staged, &open.paths.message(uid))?;
    let mut record = Record { uid, modseq, last_updated: store.now(), ..like.clone() };
    put_flags(&mut record, flags, &mut open.names);
    open.add_cache(&mut record, &build(bytes))?;
    open.records.push(record);
    store.sync_dir(open.paths.dir())?;
    open.commit(store)?;
    io::remove(&store.disk, &staged)?;
    Ok(uid)
}

/// Raises the numbers of a mailbox above these, so that a server that is ahead can follow.
pub fn raise(store: &Store, mailbox: &str, last_uid: u32, highestmodseq: u64) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    if open.header.last_uid >= last_uid && open.header.highestmodseq > highestmodseq {
        return Ok(());
    }
    open.pass_over(store, last_uid)?;
    open.header.highestmodseq = open.header.highestmodseq.max(highestmodseq + 1);
    open.commit(store)
}
