//! Each invariant has a run in which it fires: some in what the historical forms do by themselves, the others when
//! somebody damages a file behind the servers' backs.

use std::collections::BTreeSet;

use super::*;
use crate::flows::sync::format::{EXPUNGED, Header, Minor, Record};
use crate::flows::sync::host::ExpungeMode;
use crate::flows::sync::variants::{Ids, NullIds};

/// Deliveries that are replicated, an expunge, and time in which something may be damaged.
fn quiet() -> Vec<Op> {
    [synced([deliver(&[80, 100, 120], false), expunge(&[(0, 1)])]), vec![wait()]].concat()
}

/// A run in which somebody damages something on a server half an hour after its beginning.
fn damaged(label: &str, which: usize, damage: impl Fn(&Store) + 'static) -> Lab {
    Lab::new(rules(label), one_by_one()).take_and(quiet(), Duration::from_secs(1_800), which, damage)
}

/// Writes the index anew with something changed in it.
fn rewrite(store: &Store, change: impl Fn(&mut Header, &mut Vec<Record>)) {
    let path = "spool/user.a/cyrus.index";
    let bytes = crate::flows::sync::store::io::read(&store.disk, path).unwrap();
    let mut header = Header::decode(&bytes).unwrap();
    let minor = header.minor;
    let slots = bytes[minor.header_len()..].chunks_exact(minor.record_len());
    let mut records: Vec<Record> = slots.map(|slot| Record::decode(minor, slot).unwrap()).collect();
    change(&mut header, &mut records);
    let records = records.iter().flat_map(|record| record.encode(minor));
    let bytes: Vec<u8> = header.encode().into_iter().chain(records).collect();
    let file = crate::flows::sync::store::io::create(&store.disk, path).unwrap();
    crate::flows::sync::store::io::write_all(&file, 0, &bytes).unwrap();
}

/// A delivery on each side of a change of roles; where there are no ids, the two cannot be told apart.
fn split_brain(form: &'static Rules) -> Lab {
    let operations = vec![
        deliver(&[80], false),
        Op::Sync {},
        Op::AtOnce {},
        deliver(&[100], true),
        Op::Failover {},
        deliver(&[120], true),
        Op::Sync {},
    ];
    Lab::new(form, Config { unassigned: 1, ..one_by_one() }).take(operations).settle()
}

/// Power that goes off when a new cache has no name yet.
fn half_made() -> Lab {
    let config = Config { master_expunge: ExpungeMode::Immediate, ..one_by_one() };
    Lab::scripted(rules("2.3.10"), config, power("master", "cyrus.cache.NEW", 3, "before")).take(quiet())
}

/// Something that is not there is taken for done.
fn told(what: impl Fn(&Lab)) -> Lab {
    let lab = Lab::new(rules("correct"), one_by_one()).take(quiet()).settle();
    what(&lab);
    for kind in [InvariantKind::Always, InvariantKind::Eventually] {
        let _ = lab.world.checks().borrow_mut().evaluate(&lab.sim, kind);
    }
    lab
}

/// Claim: for each invariant there is a run in which it fires, and in the same run without the damage it does not.
#[test]
fn every_invariant_fires() {
    static NO_IDS: Rules = Rules { ids: Ids::Assigned, null_ids: NullIds::Equal, ..BASELINE };
    let quiet_failures = Lab::new(rules("correct"), one_by_one()).take(quiet()).settle().failures();
    assert_eq!(quiet_failures, Vec::<String>::new());
    let runs: Vec<(&str, Lab)> = vec![
        (
            "index-length-fits",
            damaged("2.3.10", 1, |store| {
                let file = store.disk.open("spool/user.a/cyrus.index", OpenMode::Write).unwrap();
                file.set_len(96 + 88 + 80).unwrap();
            }),
        ),
        (
            "cache-record-readable",
            damaged("2.3.10", 1, |store| {
                overwrite(store, "cyrus.index", 96 + 24, &0x00ff_fff0_u32.to_be_bytes());
            }),
        ),
        ("cache-matches-message", damaged("2.3.10", 1, |store| overwrite(store, "cyrus.cache", 12, b"?"))),
        (
            "cache-records-apart",
            damaged("2.3.10", 1, |store| {
                overwrite(store, "cyrus.index", 96 + 88 + 24, &4_u32.to_be_bytes());
            }),
        ),
        (
            "uids-in-order",
            damaged("2.3.10", 1, |store| {
                overwrite(store, "cyrus.index", 96 + 88, &1_u32.to_be_bytes());
            }),
        ),
        (
            "uid-live-or-expunged",
            damaged("2.3.10", 1, |store| {
                overwrite(store, "cyrus.index", 96 + 88, &2_u32.to_be_bytes());
            }),
        ),
        ("counters-match", damaged("2.3.10", 1, |store| overwrite(store, "cyrus.index", 48, &9_u32.to_be_bytes()))),
        ("generations-match", damaged("2.3.10", 1, |store| overwrite(store, "cyrus.cache", 0, &[7; 4]))),
        ("message-file-intact", damaged("2.3.10", 1, |store| store.disk.unlink("spool/user.a/3.").unwrap())),
        (
            "no-stray-file",
            damaged("2.3.10", 0, |store| {
                rewrite(store, |header, records| {
                    records.remove(0);
                    header.records -= 1;
                });
            }),
        ),
        ("no-leftover-file", half_made()),
        (
            "numbers-never-go-back",
            damaged("2.3.10", 0, |store| {
                rewrite(store, |header, _| header.last_uid = 2);
            }),
        ),
        ("checksums-match", damaged("2.4", 1, |store| overwrite(store, "cyrus.index", 128 + 70, &[1]))),
        (
            "acked-message-is-kept",
            damaged("correct", 0, |store| {
                rewrite(store, |_, records| records[0].system_flags |= EXPUNGED);
            }),
        ),
        ("acked-change-is-logged", {
            let at = Duration::from_millis(5_500);
            Lab::new(rules("correct"), one_by_one()).take_and(quiet(), at, 0, |store| {
                store.disk.unlink("sync/log").unwrap();
            })
        }),
        (
            "expire-drops-what-is-due",
            told(|lab| {
                let (watch, host) = (lab.pair.watch(), &lab.pair.machine(0).host);
                let before = watch.before_expire(host, "user.a");
                assert_eq!(before.len(), 1);
                watch.expired(host, "user.a", &before, u32::MAX);
            }),
        ),
        ("unexpunge-restores-message", {
            // The replica's expire has given uid 1 the record of uid 2; then the replica becomes the master.
            let before = synced([deliver(&[120], false), expunge(&[(0, 0)]), deliver(&[80, 100], true)]);
            let operations = [before, vec![look_through(), Op::Failover {}, unexpunge((0, 0))]].concat();
            Lab::new(rules("2.3.9"), one_by_one()).take(operations)
        }),
        ("no-gap-on-replica", {
            let operations = synced([deliver(&[80, 80], true)]);
            Lab::new(rules("2.3.9"), one_by_one()).take(operations)
        }),
        ("replica-follows-history", split_brain(&NO_IDS)),
        ("copies-are-held", {
            let copy = Op::Copy(Messages { of: vec![(1, 0)] });
            let operations = vec![Op::AtOnce {}, deliver(&[80], false), copy, Op::Sync {}];
            Lab::new(rules("2.3.9"), one_by_one()).take(operations)
        }),
        (
            "no-command-from-literal",
            told(|lab| {
                lab.pair.watch().unknown_command(&lab.pair.machine(1).host, "UPLOADED");
            }),
        ),
        ("replicas-agree", split_brain(&NO_IDS)),
        ("delivered-message-survives", split_brain(rules("2.3.10"))),
        ("second-sync-is-quiet", told(|lab| lab.pair.watch().full_sync(Some(1)))),
        ("expunged-sets-agree", {
            let lab = damaged("2.4", 0, |store| {
                rewrite(store, |header, records| {
                    header.records -= 1;
                    records.retain(|record| record.system_flags & EXPUNGED == 0);
                });
            });
            lab.settle()
        }),
    ];
    let mut fired = BTreeSet::new();
    for (id, lab) in &runs {
        let failures = lab.failures();
        assert!(failures.iter().any(|failure| failure.starts_with(id)), "{id} does not fire: {failures:?}");
        fired.insert(*id);
    }
    let declared: BTreeSet<&str> = INVARIANTS.iter().map(|info| info.id).collect();
    assert_eq!(fired, declared, "an invariant without a run");
    assert_eq!(Minor::V12.record_len(), 96, "what the places above are counted in");
}
