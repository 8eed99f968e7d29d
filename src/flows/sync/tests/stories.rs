//! The incident, offset by offset.

use super::*;
use crate::flows::sync::variants::{FIXED, Uploads};

/// Messages 1 to 3 with records of 200, 120 and 160 bytes; 1 and 3 are expunged; then these arrive.
fn story(more: &[usize]) -> Vec<Op> {
    synced([deliver(&[200, 120, 160], false), expunge(&[(0, 0), (0, 2)]), deliver(more, true)])
}

fn with(mut operations: Vec<Op>, more: Op) -> Vec<Op> {
    operations.push(more);
    operations
}

const ROWS: [&str; 5] = [
    "1@4 2@204 3@324 | none | 484 00000000 | 3",
    "2@204 | 1@4 3@324 gen 00000000 | 484 00000000 | 3",
    "2@204 4@484 | 1@4 3@324 gen 00000000 | 564 00000000 | 6",
    "2@4 4@124 5@204 | 1@4 3@324 gen 00000000 | 304 01000000 | 6",
    "2@4 4@124 5@204 6@304 | 1@4 3@324 gen 00000000 | 444 02000000 | 6",
];

/// Claim: message by message, the replica's files pass through exactly the states of the incident's table, with or
/// without the check in expire.
#[test]
fn the_table() {
    for label in ["2.3.9", "2.3.9+2007-09", "2.3.9+option-a"] {
        let lab = Lab::new(rules(label), one_by_one()).take(story(&[80, 100, 140]));
        assert_eq!(lab.rows()[1..], ROWS, "{label}");
        // The bytes themselves: offsets of cyrus.expunge are stale, those of cyrus.index new.
        let bytes = |file: &str| {
            let path = format!("spool/user.a/{file}");
            lab.world.disks().look(lab.sim.node_ids()[1], |disk| disk.content(&path).unwrap())
        };
        let (index, expunge) = (bytes("cyrus.index"), bytes("cyrus.expunge"));
        assert_eq!(
            (expunge[0x78..0x7c].to_vec(), expunge[0xd0..0xd4].to_vec()),
            (vec![0, 0, 0, 4], vec![0, 0, 1, 0x44])
        );
        let words: Vec<&[u8]> = (0..3).map(|slot| &index[96 + 88 * slot + 24..][..4]).collect();
        assert_eq!(words, [[0, 0, 0, 4], [0, 0, 0, 0x7c], [0, 0, 0, 0xcc]]);
    }
}

/// Claim: the failures a run of the story shows on each form: silent and loud on the baseline, none in what is live
/// where expunged offsets are not trusted, none at all where three files are merged.
#[test]
fn who_is_right() {
    let run = |label: &str| Lab::new(rules(label), one_by_one()).take(story(&[80, 100, 140]));
    let baseline = run("2.3.9").failures();
    assert!(baseline.contains(&"cache-matches-message: expunged: another message's record".to_owned()), "{baseline:?}");
    assert!(baseline.contains(&"generations-match: expunge and cache".to_owned()), "{baseline:?}");
    assert!(baseline.contains(&"no-gap-on-replica: gap".to_owned()), "{baseline:?}");
    let untrusted = run("2.3.9+option-a").failures();
    assert!(!untrusted.iter().any(|failure| failure.starts_with("cache")), "{untrusted:?}");
    for label in ["2.3.10", "2.4", "correct"] {
        assert_eq!(run(label).failures(), Vec::<String>::new(), "{label}");
    }
}

/// Claim: an expire after the first combine, with nothing due, silently gives uid 1 the record of uid 2 and uid 3
/// forty zeros, unless it compares with the size of the file.
#[test]
fn silent() {
    for (rules, silent) in [(rules("2.3.9"), true), (rules("2.3.9+2007-09"), true), (&GUARD_2008, false)] {
        let lab = Lab::new(rules, one_by_one()).take(with(story(&[80, 100]), look_through()));
        let found = lab.replica();
        let expunge = found.expunge.as_ref().unwrap().as_ref().unwrap();
        let bytes = |slot: usize| {
            let entry = &expunge.entries[slot];
            let range = crate::flows::sync::checker::item_walk(&found.cache, entry.offset);
            range.map(|range| found.cache[range].to_vec())
        };
        if silent {
            assert_eq!(bytes(0).unwrap(), found.files[&2].cache, "uid 1 has the record of uid 2");
            assert_eq!(bytes(1).unwrap(), [0; 40], "uid 3 has ten empty items");
            assert_eq!(expunge.generation, found.cache_generation().unwrap(), "and it looks whole");
        } else {
            assert_eq!(row(&found), "2@4 4@124 5@204 | 1@4 3@324 gen 00000000 | 304 01000000 | 5");
            assert_eq!(lab.sim.counters().sometimes.get("expire-bogus-offset"), Some(&1));
        }
    }
}

/// Claim: after the second combine uid 3's offset is inside a record, at text: the expire is killed, or finds out.
#[test]
fn loud() {
    for (rules, mark) in [
        (rules("2.3.9"), "expire-killed"),
        (rules("2.3.9+2007-09"), "expire-bogus-offset"),
        (&GUARD_2008, "expire-bogus-offset"),
    ] {
        let lab = Lab::new(rules, one_by_one()).take(with(story(&[80, 100, 140]), look_through()));
        assert_eq!(lab.sim.counters().sometimes.get(mark), Some(&1), "{mark}");
        assert_eq!(row(&lab.replica()), ROWS[4], "nothing was cleaned");
    }
}

/// Claim: three messages are enough: uid 1 takes over the record of uid 2.
#[test]
fn smallest_silent_case() {
    let operations = synced([deliver(&[120], false), expunge(&[(0, 0)]), deliver(&[80, 100], true)]);
    let lab = Lab::new(rules("2.3.9"), one_by_one()).take(operations);
    assert_eq!(row(&lab.replica()), "2@4 3@84 | 1@4 gen 00000000 | 184 01000000 | 3");
    let failures = lab.failures();
    assert!(failures.contains(&"cache-matches-message: expunged: another message's record".to_owned()), "{failures:?}");
}

/// Claim: with the merge that landed and the old upload policy, two combines leave every offset where it was, and one
/// generation in all three files; from a cache with a hole, offsets do move.
#[test]
fn the_merge() {
    static OLD_UPLOADS: Rules = Rules { uploads: Uploads::FinalLastUid, ..FIXED };
    let lab = Lab::new(&OLD_UPLOADS, one_by_one()).take(story(&[80, 100, 140]));
    let last = "2@204 4@484 5@564 6@664 | 1@4 3@324 gen 00000002 | 804 00000002 | 6";
    assert_eq!(row(&lab.replica()), last);
    // An expire that drops uid 1 leaves the rest compact; the next expunge and combine find them by their offsets.
    let expire = vec![wait(), Op::Expire(Expire { replica: true, days: 0 })];
    let more = synced([deliver(&[200, 80], true), expunge(&[(4, 1), (8, 0)]), deliver(&[120, 160], true)]);
    let lab = Lab::new(&OLD_UPLOADS, one_by_one()).take([story(&[80, 100, 140]), expire, more].concat());
    let lost: Vec<String> = lab
        .failures()
        .into_iter()
        .filter(|failure| failure.starts_with("cache") || failure.starts_with("gen"))
        .collect();
    assert_eq!(lost, Vec::<String>::new());
    assert_eq!(
        row(&lab.replica()),
        "2@4 4@124 6@304 8@644 9@724 10@844 | 5@204 7@444 gen 00000005 | 1004 00000005 | 10"
    );
}

/// Claim: a message that the master brings back is in the replica's index and expunge file at once, and when it is due
/// there, its file goes; with the merge it is in one place only.
#[test]
fn unexpunge_then_expire() {
    let operations = || {
        let mut operations = synced([deliver(&[120, 80], false), expunge(&[(0, 0)])]);
        operations.extend([unexpunge((0, 0)), deliver(&[100], true), Op::Sync {}]);
        operations.extend([wait(), Op::Expire(Expire { replica: true, days: 0 })]);
        operations
    };
    let lost = "message-file-intact: file of a live message is gone".to_owned();
    for (label, loses) in
        [("2.3.9", true), ("2.3.9+option-a", true), ("2.3.10", false), ("2.4", false), ("correct", false)]
    {
        let failures = Lab::new(rules(label), one_by_one()).take(operations()).failures();
        assert_eq!(failures.contains(&lost), loses, "{label}: {failures:?}");
    }
}
