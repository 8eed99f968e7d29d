//! What a sync server commits. Uploads above the last uid are appended in place; anything else goes through the
//! combine, which makes new files by merging, and which is where the incident happened.

use super::{Open, count, new_cache, next_generation, open, open_expunge, take_place, write_header, write_new};
use crate::disk::{BlockingFile, OpenMode};
use crate::flows::sync::format::{Header, HeaderFile, Minor, Record};
use crate::flows::sync::store::message::{Flags, flags_of, put_flags};
use crate::flows::sync::store::three::expire::copy_cache;
use crate::flows::sync::store::{Fail, Paths, Store, Upload, io};
use crate::flows::sync::variants::{AppendSyncs, Combine, Guard};

/// A mailbox a session has selected: opened and mapped, no lock kept.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its name.
    pub mailbox: String,
    /// Its unique id.
    pub unique_id: String,
    /// The last uid when it was opened.
    pub last_uid: u32,
    /// How long the cache was when it was opened; appends go there.
    cache_len: u64,
    /// The user flags as the command that runs knows them.
    names: HeaderFile,
}

/// Opens a mailbox for a session.
pub fn select(store: &Store, mailbox: &str) -> Result<Selected, Fail> {
    let paths = Paths::of(mailbox);
    let index = store.disk.open(&paths.index(), OpenMode::Read)?;
    let cache = store.disk.open(&paths.cache(), OpenMode::Read)?;
    let header = read_header(&index)?;
    super::check_generation(&header, &cache)?;
    let names = store.names(&paths)?;
    Ok(Selected {
        mailbox: mailbox.to_owned(),
        unique_id: names.unique_id.clone(),
        last_uid: header.last_uid,
        cache_len: cache.size()?,
        names,
    })
}

/// Only the header of an index.
fn read_header(index: &BlockingFile) -> Result<Header, Fail> {
    Ok(Header::decode(&io::read_range(index, 0, Minor::V10.header_len())?)?)
}

/// A message's cache record as it is sent along with the message.
pub fn cache_of(store: &Store, mailbox: &str, record: &Record) -> Result<Vec<u8>, Fail> {
    let cache = store.disk.open(&Paths::of(mailbox).cache(), OpenMode::Read)?;
    copy_cache(Guard::None, &cache, record)
}

/// Commits what one UPLOAD brought, and opens the mailbox again.
pub fn upload(
    store: &Store,
    selected: &mut Selected,
    uploads: &[Upload],
    last_uid: u32,
    appenddate: u32,
) -> Result<(), Fail> {
    let Some(first) = uploads.first() else {
        return Ok(());
    };
    let mut open = open(store, &selected.mailbox)?;
    let uids = || uploads.iter().map(|upload| upload.record.uid);
    store.host.takes_in(&selected.mailbox, uids());
    let known = selected.names.flags.len();
    let mut records = Vec::new();
    for upload in uploads {
        let mut record = upload.record.clone();
        put_flags(&mut record, &upload.flags, &mut selected.names);
        records.push(record);
    }
    if selected.names.flags.len() > known {
        store.write_names(&open.paths, &selected.names)?;
    }
    if open.header.last_uid >= first.record.uid {
        combine(store, open, uploads, records, (last_uid, appenddate))?;
    } else {
        let remembered = (open.header.slot(open.header.records), selected.cache_len);
        let done = append(store, &mut open, selected.cache_len, uploads, records, (last_uid, appenddate));
        if let Err(fail) = done {
            // The header may say more already.
            let _ = open.cache.set_len(remembered.1);
            let _ = open.index.set_len(remembered.0);
            return Err(fail);
        }
    }
    store.host.has_taken_in(&selected.mailbox, uids());
    *selected = select(store, &selected.mailbox)?;
    Ok(())
}

/// Links the uploaded files to their numbers: what was there before is gone from now on.
fn link(store: &Store, paths: &Paths, uploads: &[Upload]) -> Result<(), Fail> {
    for upload in uploads {
        io::link_over(&store.disk, &upload.staged, &paths.message(upload.record.uid))?;
    }
    Ok(())
}

/// In place, in one go: unless the form syncs in between, nothing keeps the header from becoming durable before what it
/// counts.
fn append(
    store: &Store,
    open: &mut Open,
    cache_len: u64,
    uploads: &[Upload],
    records: Vec<Record>,
    (last_uid, appenddate): (u32, u32),
) -> Result<(), Fail> {
    link(store, &open.paths, uploads)?;
    let mut end = cache_len;
    for (mut record, upload) in records.into_iter().zip(uploads) {
        io::write_all(&open.cache, end, &upload.cache)?;
        record.cache_offset = end as u32;
        end += upload.cache.len() as u64;
        open.header.highestmodseq = open.header.highestmodseq.max(record.modseq);
        open.records.push(record);
    }
    let from = open.header.records as usize;
    for (slot, record) in open.records.iter().enumerate().skip(from) {
        io::write_all(&open.index, open.header.slot(slot as u32), &record.encode(open.header.minor))?;
    }
    let header_last = store.rules().append_syncs == AppendSyncs::HeaderLast;
    if header_last {
        open.cache.sync_all()?;
        open.index.sync_all()?;
    }
    count(&mut open.header, &open.records);
    open.header.last_uid = open.header.last_uid.max(last_uid);
    open.header.last_appenddate = appenddate;
    write_header(store, &open.index, &open.header)?;
    open.index.sync_all()?;
    if !header_last {
        open.cache.sync_all()?;
    }
    Ok(())
}

/// Where a record of a merge comes from.
enum From<'a> {
    Upload(&'a Upload),
    Mailbox,
}

/// New files out of the old ones and the uploads, by uid.
fn combine(
    store: &Store,
    mut open: Open,
    uploads: &[Upload],
    records: Vec<Record>,
    (last_uid, appenddate): (u32, u32),
) -> Result<(), Fail> {
    let generation = next_generation(store, open.header.generation, true);
    let cache = new_cache(store, &open.paths, generation)?;
    link(store, &open.paths, uploads)?;
    open.header.generation = generation;
    let uploaded = |uid: u32| uploads.iter().any(|upload| upload.record.uid == uid);
    let mut live: Vec<(Record, From<'_>)> =
        records.into_iter().zip(uploads).map(|(r, u)| (r, From::Upload(u))).collect();
    for record in std::mem::take(&mut open.records) {
        if !uploaded(record.uid) {
            live.push((record, From::Mailbox));
        }
    }
    live.sort_by_key(|(record, _)| record.uid);
    let mut expunged = match store.rules().combine {
        Combine::ThreeWay => open_expunge(store, &open.paths)?,
        Combine::LiveOnly | Combine::OffsetsUntrusted => None,
    };
    let mut kept: Vec<Record> = Vec::new();
    if let Some(expunged) = &mut expunged {
        // An upload or a live message takes precedence over an expunged one of the same number.
        kept = std::mem::take(&mut expunged.records);
        kept.retain(|record| !live.iter().any(|(live, _)| live.uid == record.uid));
    }
    write_cache(&open.cache, &cache, &mut live, &mut kept)?;
    open.records = live.into_iter().map(|(record, _)| record).collect();
    for record in &open.records {
        open.header.highestmodseq = open.header.highestmodseq.max(record.modseq);
    }
    count(&mut open.header, &open.records);
    open.header.last_uid = open.header.last_uid.max(last_uid);
    open.header.last_appenddate = appenddate;
    let index = write_new(store, &open.paths.index(), &open.header, &open.records)?;
    if let Some(expunged) = &mut expunged {
        expunged.header.generation = generation;
        count(&mut expunged.header, &kept);
        write_new(store, &open.paths.expunge(), &expunged.header, &kept)?.sync_all()?;
    }
    index.sync_all()?;
    cache.sync_all()?;
    take_place(store, &open.paths.index())?;
    store.preempted("index and cache renames");
    take_place(store, &open.paths.cache())?;
    if expunged.is_some() {
        store.preempted("cache and expunge renames");
        take_place(store, &open.paths.expunge())?;
    }
    Ok(())
}

/// Copies every record's bytes into the new cache, by uid, and says in each record where they are now.
fn write_cache(
    old: &BlockingFile,
    new: &BlockingFile,
    live: &mut [(Record, From<'_>)],
    kept: &mut [Record],
) -> Result<(), Fail> {
    let mut order: Vec<(&mut Record, &From<'_>)> = live.iter_mut().map(|(record, from)| (record, &*from)).collect();
    order.extend(kept.iter_mut().map(|record| (record, &From::Mailbox)));
    order.sort_by_key(|(record, _)| record.uid);
    let mut end = new.size()?;
    for (record, from) in order {
        let bytes = match from {
            From::Upload(upload) => upload.cache.clone(),
            From::Mailbox if record.cache_offset == 0 => continue,
            // The check that expire has got is not here.
            From::Mailbox => copy_cache(Guard::None, old, record)?,
        };
        io::write_all(new, end, &bytes)?;
        record.cache_offset = end as u32;
        end += bytes.len() as u64;
    }
    Ok(())
}

/// Overwrites the flags of messages. The walk through the index stops at the first number it cannot find, and what
/// comes after it is forgotten; the answer is the same.
pub fn set_flags(store: &Store, selected: &mut Selected, items: &[(u32, Flags)]) -> Result<(), Fail> {
    let mut open = open(store, &selected.mailbox)?;
    let known = selected.names.flags.len();
    let mut slot = 0;
    let mut changed = Vec::new();
    for (uid, flags) in items {
        while open.records.get(slot).is_some_and(|record| record.uid < *uid) {
            slot += 1;
        }
        let Some(record) = open.records.get_mut(slot).filter(|record| record.uid == *uid) else {
            break;
        };
        if flags_of(record, &selected.names) != *flags {
            put_flags(record, flags, &mut selected.names);
            record.last_updated = store.now();
            changed.push(slot);
        }
    }
    if selected.names.flags.len() > known {
        store.write_names(&open.paths, &selected.names)?;
    }
    open.header.highestmodseq += 1;
    for slot in changed {
        let record = &mut open.records[slot];
        record.modseq = open.header.highestmodseq;
        io::write_all(&open.index, open.header.slot(slot as u32), &record.encode(open.header.minor))?;
    }
    count(&mut open.header, &open.records);
    write_header(store, &open.index, &open.header)?;
    open.index.sync_all()?;
    Ok(())
}

/// Overwrites the last uid: the header is read, changed and written without any lock.
pub fn set_last_uid(store: &Store, mailbox: &str, last_uid: u32, appenddate: u32) -> Result<(), Fail> {
    unlocked(store, mailbox, |header| {
        header.last_uid = last_uid;
        header.last_appenddate = appenddate;
    })
}

/// Overwrites the uidvalidity, without any lock as well.
pub fn set_uidvalidity(store: &Store, mailbox: &str, uidvalidity: u32) -> Result<(), Fail> {
    unlocked(store, mailbox, |header| header.uidvalidity = uidvalidity)
}

fn unlocked(store: &Store, mailbox: &str, change: impl FnOnce(&mut Header)) -> Result<(), Fail> {
    let index = store.disk.open(&Paths::of(mailbox).index(), OpenMode::Write)?;
    let mut header = read_header(&index)?;
    store.preempted("read and write of an index header");
    change(&mut header);
    write_header(store, &index, &header)?;
    index.sync_all()?;
    Ok(())
}
