//! A message before it is stored, and as a mailbox shows it: flags by name.

use crate::flows::sync::format::cache::split;
use crate::flows::sync::format::{ANSWERED, DELETED, EXPUNGED, FLAGGED, Guid, HeaderFile, Record, UNLINKED, guid};

/// The names of the system flags, with their bits.
const SYSTEM: [(&str, u32); 3] = [("\\Answered", ANSWERED), ("\\Flagged", FLAGGED), ("\\Deleted", DELETED)];

/// Flags of a message by name, sorted.
pub type Flags = Vec<String>;

/// A message that arrives.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its flags.
    pub flags: Flags,
    /// An id it has already, null where whoever delivers assigns none. In forms whose ids are SHA-1 it does not count.
    pub id: Option<Guid>,
}

/// A message that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub uid: u32,
    /// Its id.
    pub guid: Guid,
}

/// A message as the other server sent it.
#[derive(Clone, Debug)]
pub struct Upload {
    /// What is to be recorded; the offset is still to come.
    pub record: Record,
    /// Its flags.
    pub flags: Flags,
    /// Its file in the stage.
    pub staged: String,
    /// Its cache record.
    pub cache: Vec<u8>,
}

/// A message in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub uid: u32,
    /// Its id.
    pub guid: Guid,
    /// Its flags.
    pub flags: Flags,
    /// Whether it is expunged (in a single index only).
    pub expunged: bool,
    /// Its record.
    pub record: Record,
}

/// What is in a mailbox.
#[derive(Clone, Debug)]
pub struct View {
    /// Its unique id.
    pub unique_id: String,
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
    /// What the records contribute (in a single index only).
    pub sync_crc: u32,
    /// Its messages, uids ascending.
    pub messages: Vec<Seen>,
}

/// What a new message's record says, apart from number, place and flags.
#[must_use]
pub fn record_of(bytes: &[u8], now: u32) -> Record {
    let (head, body) = split(bytes);
    Record {
        internaldate: now,
        sentdate: now - now % 86_400,
        size: bytes.len() as u32,
        header_size: head.len() as u32,
        body_or_gmtime: head.len() as u32,
        last_updated: now,
        content_lines: body.iter().filter(|byte| **byte == b'\n').count() as u32,
        cache_version: 3,
        guid: guid(bytes),
        ..Record::default()
    }
}

/// Puts flags into a record; a name for which there is no room is dropped.
pub fn put_flags(record: &mut Record, flags: &[String], names: &mut HeaderFile) {
    record.system_flags &= EXPUNGED | UNLINKED;
    record.user_flags = 0;
    for flag in flags {
        match SYSTEM.iter().find(|(name, _)| name == flag) {
            Some((_, bit)) => record.system_flags |= bit,
            None => {
                if let Some(bit) = names.bit(flag) {
                    record.user_flags |= 1 << bit;
                }
            }
        }
    }
}

/// The flags of a record.
#[must_use]
pub fn flags_of(record: &Record, names: &HeaderFile) -> Flags {
    let system = SYSTEM.iter().filter(|(_, bit)| record.system_flags & bit != 0).map(|(name, _)| (*name).to_owned());
    let user = names.flags.iter().enumerate().filter(|(bit, _)| record.user_flags >> bit & 1 == 1);
    let mut flags: Flags = system.chain(user.map(|(_, name)| name.clone())).collect();
    flags.sort();
    flags
}

/// Flags with one of them set or cleared.
#[must_use]
pub fn changed(mut flags: Flags, flag: &str, on: bool) -> Flags {
    flags.retain(|name| name != flag);
    if on {
        flags.push(flag.to_owned());
        flags.sort();
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: flags survive the way into a record and back, and leave what marks an expunged record alone.
    #[test]
    fn flags_survive() {
        let mut names = HeaderFile {
            quota_root: String::new(),
            unique_id: String::new(),
            flags: vec!["x".into()],
            acl: String::new(),
        };
        let mut record = Record { system_flags: EXPUNGED | ANSWERED, user_flags: 1, ..Record::default() };
        let flags: Flags = vec!["$Junk".into(), "\\Deleted".into()];
        put_flags(&mut record, &flags, &mut names);
        assert_eq!((record.system_flags, record.user_flags), (EXPUNGED | DELETED, 2));
        assert_eq!(flags_of(&record, &names), flags);
        assert_eq!(changed(flags.clone(), "\\Deleted", false), ["$Junk"]);
        assert_eq!(changed(vec!["b".into()], "a", true), ["a", "b"]);
    }
}
