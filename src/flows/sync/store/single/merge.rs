//! What a former master has and this one has not, taken over in one step: as long as it is not, no number counts as given
//! out here that only the other one has given out. Step by step, a number that was passed over for a message still to
//! come would look like that of a message that was expunged and forgotten.

use super::open;
use crate::flows::sync::format::{EXPUNGED, Record, build};
use crate::flows::sync::store::message::{Flags, put_flags};
use crate::flows::sync::store::{Fail, Store, View, io, stage};

/// What becomes of a message.
#[derive(Clone, Debug)]
pub enum Move {
    /// A live message of this server gets a new number; its old one is expunged.
    Renumber(u32),
    /// A message of the other server is stored under a new number.
    Copy {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its record there.
        like: Record,
        /// Its flags.
        flags: Flags,
    },
    /// A message of the other server has no record here and is expunged there, or will be: that is recorded.
    Gone {
        /// Its record there.
        like: Record,
        /// Its flags.
        flags: Flags,
    },
}

/// Makes these moves under numbers above those of both servers, all or none of them.
///
/// # Errors
/// [`Fail::Changed`] if the mailbox is not what it was when the servers were compared, and what the disk says.
pub fn merge(
    store: &Store,
    mailbox: &str,
    compared: &View,
    last_uid: u32,
    highestmodseq: u64,
    moves: &[Move],
) -> Result<(), Fail> {
    let mut staged = Vec::new();
    for (number, one) in moves.iter().enumerate() {
        if let Move::Copy { bytes, .. } = one {
            staged.push(stage::deliver(store, number, bytes)?);
        }
    }
    let mut open = open(store, mailbox)?;
    if (open.header.last_uid, open.header.highestmodseq) != (compared.last_uid, compared.highestmodseq) {
        return Err(Fail::Changed);
    }
    open.pass_over(store, last_uid)?;
    open.header.highestmodseq = open.header.highestmodseq.max(highestmodseq + 1);
    let (modseq, now) = (open.change_number(), store.now());
    let mut files = staged.iter();
    for one in moves {
        let new = open.header.last_uid + 1;
        match one {
            Move::Renumber(uid) => {
                let live = |record: &&mut Record| record.uid == *uid && record.is_live();
                let record = open.records.iter_mut().find(live).ok_or(Fail::NoMessage(*uid))?;
                let copy = Record { uid: new, modseq, ..record.clone() };
                record.system_flags |= EXPUNGED;
                (record.modseq, record.last_updated) = (modseq, now);
                io::link_over(&store.disk, &open.paths.message(*uid), &open.paths.message(new))?;
                open.records.push(copy);
                open.header.last_uid = new;
            }
            Move::Copy { bytes, like, flags } => {
                let file = files.next().ok_or(Fail::NoMessage(like.uid))?;
                io::link_over(&store.disk, file, &open.paths.message(new))?;
                let mut record = Record { uid: new, modseq, last_updated: now, ..like.clone() };
                put_flags(&mut record, flags, &mut open.names);
                open.add_cache(&mut record, &build(bytes))?;
                open.records.push(record);
                open.header.last_uid = new;
            }
            Move::Gone { like, flags } => {
                open.add_gone(store, &Record { modseq, last_updated: now, ..like.clone() }, flags)?;
            }
        }
    }
    store.sync_dir(open.paths.dir())?;
    open.commit(store)?;
    for file in staged {
        io::remove(&store.disk, &file)?;
    }
    Ok(())
}
