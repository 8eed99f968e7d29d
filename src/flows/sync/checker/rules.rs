//! What must hold of one mailbox on one disk, whatever happened before.

use std::collections::BTreeSet;

use super::decode::{Entry, Index, item_walk};
use super::mailbox::OnDisk;
use crate::check::Outcome;
use crate::flows::sync::format::guid;
use crate::flows::sync::variants::Sums;

/// Something that is not as it should be: a short cause and words for people.
type Complaint = (&'static str, String);

/// Turns complaints into an outcome: idle if there was nothing to look at.
fn outcome(looked_at: bool, complaint: Option<Complaint>) -> Outcome {
    match complaint {
        Some((cause, detail)) => Outcome::violated(cause, detail),
        None if looked_at => Outcome::Held,
        None => Outcome::Idle,
    }
}

fn kind(entry: &Entry, at: &OnDisk) -> &'static str {
    let live = at.live().any(|live| std::ptr::eq(live, entry));
    if live { "live" } else { "expunged" }
}

/// All records that own cache bytes: under `live_only`, those of live messages.
fn owners(at: &OnDisk, live_only: bool) -> Vec<&Entry> {
    let expunged = at.expunged().filter(|_| !live_only);
    at.live().chain(expunged).collect()
}

/// Index and expunge file are long enough, in a known layout.
#[must_use]
pub fn index_length(at: &OnDisk) -> Outcome {
    let Some(index) = &at.index else {
        return Outcome::violated("index unreadable", "cyrus.index cannot be read");
    };
    let complain = |name: &str, index: &Index| {
        let detail = format!("{name}: {} bytes, {} records of {}", index.len, index.claimed, index.record_size);
        if !index.has_known_layout() {
            return Some(("unknown layout", detail));
        }
        (index.len < index.expected_len()).then_some(("too short", detail))
    };
    let of_expunge = at.expunge.as_ref().and_then(|expunge| match expunge {
        None => Some(("expunge file unreadable", "cyrus.expunge cannot be read".to_owned())),
        Some(index) => complain("cyrus.expunge", index),
    });
    outcome(true, complain("cyrus.index", index).or(of_expunge))
}

/// Every offset can be walked from.
#[must_use]
pub fn cache_readable(at: &OnDisk, live_only: bool) -> Outcome {
    let owners = owners(at, live_only);
    let complaint = owners.iter().find_map(|entry| {
        let fits = entry.offset >= 4 && entry.offset % 4 == 0 && item_walk(&at.cache, entry.offset).is_some();
        let cause = if kind(entry, at) == "live" { "live record" } else { "expunged record" };
        (!fits).then(|| {
            (cause, format!("uid {} points to {} of {} bytes of cache", entry.uid, entry.offset, at.cache.len()))
        })
    });
    outcome(!owners.is_empty(), complaint)
}

/// The bytes at every offset are those of the message.
#[must_use]
pub fn cache_matches(at: &OnDisk, live_only: bool) -> Outcome {
    let mut any = false;
    for entry in owners(at, live_only) {
        let Some(file) = at.files.get(&entry.uid) else {
            continue;
        };
        let Some(range) = item_walk(&at.cache, entry.offset) else {
            let detail = format!("{} uid {}: no record at {}", kind(entry, at), entry.uid, entry.offset);
            return Outcome::violated(format!("{}: no record", kind(entry, at)), detail);
        };
        any = true;
        let bytes = &at.cache[range];
        if bytes == file.cache {
            continue;
        }
        let whose = at.files.iter().find(|(_, other)| other.cache == bytes);
        let what = match whose {
            Some(_) => "another message's record",
            None if bytes.iter().all(|byte| *byte == 0) => "zeros",
            None => "other bytes",
        };
        let of = whose.map(|(uid, _)| format!(" (of uid {uid})")).unwrap_or_default();
        let detail = format!("{} uid {} at {}: {what}{of}", kind(entry, at), entry.uid, entry.offset);
        return Outcome::violated(format!("{}: {what}", kind(entry, at)), detail);
    }
    if any { Outcome::Held } else { Outcome::Idle }
}

/// Whether the record's bytes in the cache are its message's.
#[must_use]
pub fn has_own_cache(at: &OnDisk, entry: &Entry) -> bool {
    let bytes = item_walk(&at.cache, entry.offset).map(|range| &at.cache[range]);
    at.files.get(&entry.uid).is_some_and(|file| bytes == Some(&file.cache[..]))
}

/// Ranges of different messages do not overlap.
#[must_use]
pub fn cache_apart(at: &OnDisk, live_only: bool) -> Outcome {
    let owners = owners(at, live_only);
    let mut ranges: Vec<_> =
        owners.iter().filter_map(|entry| Some((item_walk(&at.cache, entry.offset)?, *entry))).collect();
    ranges.sort_by_key(|(range, entry)| (range.start, entry.uid));
    let complaint = ranges.windows(2).find_map(|pair| {
        let [(a, first), (b, second)] = pair else { return None };
        (b.start < a.end && first.guid != second.guid)
            .then(|| ("overlap", format!("uids {} and {} share bytes from {}", first.uid, second.uid, b.start)))
    });
    outcome(ranges.len() > 1, complaint)
}

/// Live uids ascend, expunged ones differ, none is 0 or above the last.
#[must_use]
pub fn uids_in_order(at: &OnDisk) -> Outcome {
    let Some(index) = &at.index else { return Outcome::Idle };
    let uids: Vec<u32> = index.entries.iter().map(|entry| entry.uid).collect();
    let wrong = uids.windows(2).find(|pair| pair[0] >= pair[1]);
    let mut complaint = wrong.map(|pair| ("order", format!("uid {} comes before {}", pair[0], pair[1])));
    if let Some(uid) = uids.iter().find(|uid| **uid == 0 || **uid > index.last_uid) {
        complaint = Some(("range", format!("uid {uid}, last_uid {}", index.last_uid)));
    }
    let mut seen = BTreeSet::new();
    for entry in at.expunge.iter().flatten().flat_map(|index| &index.entries) {
        if !seen.insert(entry.uid) {
            complaint = Some(("expunged twice", format!("uid {} is in cyrus.expunge twice", entry.uid)));
        }
    }
    outcome(!uids.is_empty(), complaint)
}

/// No uid is in both files.
#[must_use]
pub fn live_or_expunged(at: &OnDisk) -> Outcome {
    let Some(Some(expunge)) = &at.expunge else { return Outcome::Idle };
    let both = expunge.entries.iter().find(|entry| at.live().any(|live| live.uid == entry.uid));
    outcome(true, both.map(|entry| ("in both", format!("uid {} is live and expunged", entry.uid))))
}

/// Counts and bytes are those of the records.
#[must_use]
pub fn counters(at: &OnDisk) -> Outcome {
    let Some(index) = at.index.as_ref().filter(|index| index.entries.len() == index.claimed as usize) else {
        return Outcome::Idle;
    };
    let complain = |name: &str, index: &Index, records: &[&Entry]| {
        let counted = [4, 1, 2].map(|bit| records.iter().filter(|entry| entry.system & bit != 0).count() as u32);
        let bytes: u64 = records.iter().map(|entry| u64::from(entry.size)).sum();
        let exists = index.minor < 12 || index.exists as usize == records.len();
        (index.counts != counted || index.quota != bytes || !exists).then(|| {
            let detail = format!(
                "{name} says {:?} flags, {} bytes, {} messages; its records have {counted:?}, {bytes}, {}",
                index.counts,
                index.quota,
                index.exists,
                records.len()
            );
            ("counts", detail)
        })
    };
    let live: Vec<&Entry> = at.live().collect();
    let expunge = at.expunge.iter().flatten().find_map(|index| {
        let records: Vec<&Entry> = index.entries.iter().collect();
        complain("cyrus.expunge", index, &records)
    });
    outcome(true, complain("cyrus.index", index, &live).or(expunge))
}

/// Whether index and cache belong together: offsets mean nothing otherwise.
#[must_use]
pub fn generations_of_index_match(at: &OnDisk) -> bool {
    at.index.as_ref().is_some_and(|index| at.cache_generation() == Some(index.generation))
}

/// One generation in all files. A cache of version 12 whose successor only lacks its name is not lost: whoever opens
/// the mailbox next gives it the name.
#[must_use]
pub fn generations(at: &OnDisk) -> Outcome {
    let Some(index) = &at.index else { return Outcome::Idle };
    let cache = at.cache_generation();
    if index.minor == 12 && cache != Some(index.generation) && at.new_generation == Some(index.generation) {
        return Outcome::Idle;
    }
    let detail = |what: &str, generation: u32| format!("{what} is of generation {generation}, the cache of {cache:?}");
    let mut complaint = None;
    if cache != Some(index.generation) {
        complaint = Some(("index and cache", detail("the index", index.generation)));
    } else if let Some(Some(expunge)) = at.expunge.as_ref().filter(|expunge| {
        expunge.as_ref().is_some_and(|index| !index.entries.is_empty() && cache != Some(index.generation))
    }) {
        complaint = Some(("expunge and cache", detail("the expunge file", expunge.generation)));
    }
    outcome(true, complaint)
}

/// Message files are what their records say. `UNLINKED` ones may be gone.
#[must_use]
pub fn message_files(at: &OnDisk) -> Outcome {
    let records: Vec<(&Entry, bool)> =
        at.live().map(|entry| (entry, true)).chain(at.expunged().map(|entry| (entry, false))).collect();
    let complaint = records.iter().find_map(|(entry, live)| {
        if entry.system >> 30 & 1 == 1 {
            return None;
        }
        let detail = |words: &str| format!("uid {}: {words}", entry.uid);
        match at.files.get(&entry.uid) {
            None if *live => Some(("file of a live message is gone", detail("no file"))),
            None => Some(("file of an expunged message is gone", detail("no file"))),
            Some(file) if file.len != entry.size as usize || file.guid != entry.guid => {
                let cause = if *live { "another content, live" } else { "another content, expunged" };
                Some((cause, detail(&format!("{} bytes, record says {}", file.len, entry.size))))
            }
            Some(_) => None,
        }
    });
    outcome(!records.is_empty(), complaint)
}

/// Files without a record are above the last uid, or among those that are `excused`.
#[must_use]
pub fn no_stray(at: &OnDisk, excused: &BTreeSet<u32>) -> Outcome {
    let Some(index) = &at.index else { return Outcome::Idle };
    let known: BTreeSet<u32> = at.live().chain(at.expunged()).map(|entry| entry.uid).collect();
    let stray = at.files.keys().find(|uid| !known.contains(uid) && **uid <= index.last_uid && !excused.contains(uid));
    outcome(!at.files.is_empty(), stray.map(|uid| ("stray", format!("{uid}. belongs to no record"))))
}

/// The sums of version 12.
#[must_use]
pub fn checksums(at: &OnDisk, sums: Sums) -> Outcome {
    let Some(index) = at.index.as_ref().filter(|index| index.minor == 12) else {
        return Outcome::Idle;
    };
    let entry = index.entries.iter().find(|entry| !entry.sealed);
    let cache = index.entries.iter().find(|entry| {
        item_walk(&at.cache, entry.offset).is_none_or(|range| crc32fast::hash(&at.cache[range]) != entry.cache_crc)
    });
    let complaint = if !index.sealed {
        Some(("header", "the header's checksum is wrong".to_owned()))
    } else if let Some(entry) = entry {
        Some(("record", format!("the checksum of uid {} is wrong", entry.uid)))
    } else if let Some(entry) = cache {
        Some(("cache record", format!("the cache record of uid {} has another sum", entry.uid)))
    } else if index.header_file_crc != at.names_crc {
        Some(("header file", "cyrus.header has another sum".to_owned()))
    } else if index.sync_crc != sync_sum(at, sums) {
        Some(("sync sum", format!("{:08x}, its records have {:08x}", index.sync_crc, sync_sum(at, sums))))
    } else {
        None
    };
    outcome(true, complaint)
}

/// The sum over live records, computed anew.
fn sync_sum(at: &OnDisk, sums: Sums) -> u32 {
    let mut sum = 0;
    for entry in at.live() {
        let mut flags = 0;
        for flag in at.flags(entry) {
            flags ^= crc32fast::hash(flag.to_ascii_lowercase().as_bytes());
        }
        let id: String = entry.guid.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{} {} {} ({flags}) {} {id}", entry.uid, entry.modseq, entry.updated, entry.internaldate);
        sum ^= match sums {
            Sums::Crc32 => crc32fast::hash(text.as_bytes()),
            Sums::Sha1 => guid(text.as_bytes()).0[..4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte)),
        };
    }
    sum
}
