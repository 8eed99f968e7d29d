//! Each rule fires on the damage it is about, and on nothing else that is whole.

use std::collections::BTreeSet;

use super::mailbox::{FileCache, OnDisk};
use super::rules::*;
use crate::check::Outcome;
use crate::disk::{Disk, DiskSetup};
use crate::flows::sync::format::{EXPUNGED, Header, HeaderFile, Minor, Record, build, crc32, guid};
use crate::flows::sync::store::single::contribution;
use crate::flows::sync::variants::Sums;
use crate::flows::sync::workload::mail;

/// A whole mailbox: uid 1 and 3 are live, uid 2 is expunged.
struct Mailbox {
    header: Header,
    records: Vec<Record>,
    expunge: Option<(Header, Vec<Record>)>,
    cache: Vec<u8>,
    names: HeaderFile,
    files: Vec<(u32, Vec<u8>)>,
}

impl Mailbox {
    fn new(minor: Minor) -> Mailbox {
        let names = HeaderFile {
            quota_root: String::new(),
            unique_id: "u".into(),
            flags: vec!["todo".into()],
            acl: String::new(),
        };
        let mut cache = vec![0, 0, 0, 7];
        let mut records = Vec::new();
        let mut files = Vec::new();
        for uid in 1..=3_u32 {
            let bytes = mail(0, uid as usize, 20);
            let item = build(&bytes);
            records.push(Record {
                uid,
                size: bytes.len() as u32,
                cache_offset: cache.len() as u32,
                cache_crc: crc32(&item),
                guid: guid(&bytes),
                modseq: 5,
                user_flags: u128::from(uid == 3),
                ..Record::default()
            });
            cache.extend(item);
            files.push((uid, bytes));
        }
        let mut header = Header { generation: 7, last_uid: 3, highestmodseq: 5, ..Header::new(minor, 1) };
        let expunge = match minor {
            Minor::V9 | Minor::V10 => {
                let gone = records.remove(1);
                let quota_used = u64::from(gone.size);
                Some((Header { records: 1, quota_used, ..header.clone() }, vec![gone]))
            }
            Minor::V12 => {
                records[1].system_flags |= EXPUNGED;
                None
            }
        };
        let live: Vec<&Record> = records.iter().filter(|record| record.is_live()).collect();
        header.records = records.len() as u32;
        header.quota_used = live.iter().map(|record| u64::from(record.size)).sum();
        if minor == Minor::V12 {
            header.v12.exists = 2;
            header.v12.header_file_crc = crc32(&names.encode());
            header.v12.sync_crc = live.iter().fold(0, |sum, record| sum ^ contribution(record, &names, Sums::Crc32));
        }
        Mailbox { header, records, expunge, cache, names, files }
    }

    fn on_disk(&self) -> OnDisk {
        let minor = self.header.minor;
        let mut disk = Disk::new(DiskSetup::default());
        for dir in ["spool", "spool/m"] {
            disk.create_dir(dir).unwrap();
        }
        let index = |header: &Header, records: &[Record]| {
            let records = records.iter().flat_map(|record| record.encode(minor));
            header.encode().into_iter().chain(records).collect::<Vec<u8>>()
        };
        let mut put = |name: &str, bytes: &[u8]| disk.install(&format!("spool/m/{name}"), bytes).unwrap();
        put("cyrus.index", &index(&self.header, &self.records));
        if let Some((header, records)) = &self.expunge {
            put("cyrus.expunge", &index(header, records));
        }
        put("cyrus.cache", &self.cache);
        put("cyrus.header", &self.names.encode());
        for (uid, bytes) in &self.files {
            put(&format!("{uid}."), bytes);
        }
        OnDisk::read(&disk, "server", "m", &mut FileCache::default())
    }

    /// The causes of all rules that fire.
    fn complaints(&self) -> Vec<String> {
        let at = self.on_disk();
        let outcomes = [
            index_length(&at),
            cache_readable(&at, false),
            cache_matches(&at, false),
            cache_apart(&at, false),
            uids_in_order(&at),
            live_or_expunged(&at),
            counters(&at),
            generations(&at),
            message_files(&at),
            no_stray(&at, &BTreeSet::new()),
            checksums(&at, Sums::Crc32),
        ];
        let cause = |outcome| match outcome {
            Outcome::Violated(violation) => Some(violation.cause),
            _ => None,
        };
        outcomes.into_iter().filter_map(cause).collect()
    }
}

/// What rules say after some damage.
fn after(minor: Minor, damage: impl FnOnce(&mut Mailbox)) -> Vec<String> {
    let mut mailbox = Mailbox::new(minor);
    damage(&mut mailbox);
    mailbox.complaints()
}

/// Claim: no rule fires on a mailbox that is whole, in either layout.
#[test]
fn whole_mailboxes() {
    for minor in [Minor::V10, Minor::V12] {
        assert_eq!(after(minor, |_| {}), Vec::<String>::new());
    }
}

/// Claim: each kind of damage of version 10 is named by the rule that is about it.
#[test]
fn damage_of_version_10() {
    let ten = |damage: fn(&mut Mailbox)| after(Minor::V10, damage);
    assert_eq!(ten(|mailbox| mailbox.header.records = 3), ["too short"]);
    assert_eq!(ten(|mailbox| mailbox.header.record_size = 80), ["unknown layout", "stray"]);
    assert_eq!(ten(|mailbox| mailbox.header.answered = 1), ["counts"]);
    assert_eq!(ten(|mailbox| mailbox.header.generation = 8), ["index and cache"]);
    assert_eq!(ten(|mailbox| mailbox.expunge.as_mut().unwrap().0.generation = 8), ["expunge and cache"]);
    assert_eq!(ten(|mailbox| mailbox.header.last_uid = 2), ["range"]);
    assert_eq!(ten(|mailbox| mailbox.records.reverse()), ["order"]);
    let stale = |mailbox: &mut Mailbox| {
        let other = mailbox.records[1].cache_offset;
        mailbox.expunge.as_mut().unwrap().1[0].cache_offset = other;
    };
    assert_eq!(ten(stale), ["expunged: another message's record", "overlap"]);
    let behind = ten(|mailbox| mailbox.records[0].cache_offset = 1 << 20);
    assert_eq!(behind, ["live record", "live: no record"]);
    assert_eq!(ten(|mailbox| drop(mailbox.files.remove(0))), ["file of a live message is gone"]);
    assert_eq!(ten(|mailbox| drop(mailbox.files.remove(1))), ["file of an expunged message is gone"]);
    let other = ten(|mailbox| mailbox.files[0].1 = mail(9, 9, 0));
    assert_eq!(other, ["live: other bytes", "another content, live"]);
    let twice = ten(|mailbox| {
        let (header, records) = mailbox.expunge.as_mut().unwrap();
        records.push(mailbox.records[0].clone());
        (header.records, header.quota_used) = (2, header.quota_used + u64::from(mailbox.records[0].size));
    });
    assert_eq!(twice, ["in both"]);
    let stray = ten(|mailbox| {
        mailbox.expunge = None;
    });
    assert_eq!(stray, ["stray"]);
}

/// Claim: version 12 notices what its sums cover, and that alone.
#[test]
fn damage_of_version_12() {
    let twelve = |damage: fn(&mut Mailbox)| after(Minor::V12, damage);
    assert_eq!(twelve(|mailbox| mailbox.header.v12.sync_crc ^= 1), ["sync sum"]);
    assert_eq!(twelve(|mailbox| mailbox.names.acl.push('x')), ["header file"]);
    assert_eq!(twelve(|mailbox| mailbox.records[0].cache_crc ^= 1), ["cache record"]);
    assert_eq!(twelve(|mailbox| mailbox.header.v12.exists = 3), ["counts"]);
    assert_eq!(twelve(|mailbox| mailbox.records[2].modseq = 6), ["sync sum"]);
}
