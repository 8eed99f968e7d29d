//! APPLY MAILBOX: everything is checked first, then everything is changed at once.

use std::collections::BTreeMap;

use super::open;
use crate::flows::sync::format::{EXPUNGED, Guid, Record, UNLINKED, build};
use crate::flows::sync::store::message::{Flags, put_flags};
use crate::flows::sync::store::{Fail, Store, io};

/// A state of a mailbox, as far as it is newer than the other server's.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Life of the uids.
    pub uidvalidity: u32,
    /// The highest uid given out.
    pub last_uid: u32,
    /// Time of the last append.
    pub last_appenddate: u32,
    /// The highest number of a change.
    pub highestmodseq: u64,
    /// The highest number of a change whose record is gone.
    pub deletedmodseq: u64,
    /// What the records contribute.
    pub sync_crc: u32,
    /// Records that changed, with their flags.
    pub records: Vec<(Record, Flags)>,
}

/// Brings a mailbox to the stated state. `staged` knows the files of messages that are not there yet.
///
/// # Errors
/// [`Fail::Crc`] if the state cannot be reached; nothing is changed then.
pub fn apply(store: &Store, mailbox: &str, state: &Applied, staged: &BTreeMap<Guid, String>) -> Result<(), Fail> {
    let mut open = open(store, mailbox)?;
    if open.header.highestmodseq > state.highestmodseq {
        return Err(Fail::Crc("the replica has later changes"));
    }
    if open.header.last_uid > state.last_uid {
        return Err(Fail::Crc("the replica has given out more numbers"));
    }
    for (record, _) in &state.records {
        let mine = open.records.iter().find(|mine| mine.uid == record.uid);
        match mine {
            Some(mine) if mine.guid != record.guid && (mine.is_live() || record.is_live()) => {
                return Err(Fail::Crc("another message has that number"));
            }
            Some(mine) if !mine.is_live() && record.is_live() => {
                return Err(Fail::Crc("expunged on the replica only"));
            }
            None if record.is_live() && record.uid <= open.header.last_uid => {
                return Err(Fail::Crc("a number below the last one is missing"));
            }
            _ => {}
        }
    }
    let uids = || state.records.iter().map(|(record, _)| record.uid);
    store.host.takes_in(mailbox, uids());
    let known_uid = open.header.last_uid;
    open.pass_over(store, state.last_uid)?;
    let mut linked = false;
    for (record, flags) in &state.records {
        let place = open.records.iter().position(|mine| mine.uid == record.uid);
        match place {
            Some(slot) => {
                let mut mine = open.records[slot].clone();
                mine.system_flags = mine.system_flags & UNLINKED | record.system_flags & EXPUNGED;
                (mine.modseq, mine.last_updated) = (record.modseq, record.last_updated);
                mine.internaldate = record.internaldate;
                put_flags(&mut mine, flags, &mut open.names);
                open.records[slot] = mine;
            }
            None if record.uid > known_uid => {
                let Some(file) = staged.get(&record.guid) else {
                    if record.is_live() {
                        return Err(Fail::Crc("a message was not sent"));
                    }
                    open.add_gone(store, record, flags)?;
                    continue;
                };
                let bytes = io::read(&store.disk, file)?;
                let mut new = record.clone();
                put_flags(&mut new, flags, &mut open.names);
                io::link_over(&store.disk, file, &open.paths.message(new.uid))?;
                linked = true;
                open.add_cache(&mut new, &build(&bytes))?;
                open.records.push(new);
            }
            // Expunged, and never seen here, or forgotten.
            None => open.add_gone(store, record, flags)?,
        }
    }
    let header = &mut open.header;
    header.last_appenddate = state.last_appenddate;
    header.highestmodseq = state.highestmodseq;
    header.v12.deletedmodseq = header.v12.deletedmodseq.max(state.deletedmodseq);
    header.uidvalidity = state.uidvalidity;
    super::count(store, &mut open.header, &open.records, &open.names);
    if open.header.v12.sync_crc != state.sync_crc {
        return Err(Fail::Crc("the sums differ"));
    }
    if linked {
        store.sync_dir(open.paths.dir())?;
    }
    open.commit(store)?;
    store.host.has_taken_in(mailbox, uids());
    Ok(())
}
