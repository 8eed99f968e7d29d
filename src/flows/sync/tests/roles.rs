//! What is left on both servers when they have swapped their roles.

use super::*;
use crate::flows::sync::workload::Flag;

/// Number and number of the change of each expunged message.
fn expunged(found: &OnDisk) -> Vec<(u32, u64)> {
    found.expunged().map(|entry| (entry.uid, entry.modseq)).collect()
}

fn force(of: (usize, usize)) -> Op {
    Op::Force(Messages { of: vec![of] })
}

/// Claim: a message that a former master has expunged and forgotten gets a new number from the new one; the former
/// master of the corrected form knows its old number again, without a file, until an expire drops it and says so.
#[test]
fn a_former_master_has_forgotten() {
    let operations = || vec![deliver(&[80], false), Op::Sync {}, Op::AtOnce {}, force((0, 0)), Op::Failover {}];
    for (label, known) in [("2.4", false), ("correct", true)] {
        let lab = Lab::new(rules(label), one_by_one()).take(operations()).settle();
        let (former, new) = (lab.on_disk(0), lab.on_disk(1));
        assert_eq!(expunged(&former) == expunged(&new), known, "{label}: {former:?} {new:?}");
        let uids: Vec<u32> = former.live().map(|entry| entry.uid).collect();
        assert_eq!(uids, [2], "{label}: the message itself is kept, under another number");
        let silent = "expunged-sets-agree: expunged on one side".to_owned();
        assert_eq!(lab.failures().contains(&silent), !known, "{label}: {:?}", lab.failures());
    }
    let more =
        [operations(), synced([deliver(&[80], false)]), vec![Op::Expire(Expire { replica: true, days: 3 })]].concat();
    let lab = Lab::new(rules("correct"), one_by_one()).take(more).settle();
    let (former, new) = (lab.on_disk(0), lab.on_disk(1));
    let [(1, modseq)] = expunged(&new)[..] else { panic!("{new:?}") };
    assert_eq!((expunged(&former), former.index.unwrap().deletedmodseq), (Vec::new(), modseq));
}

/// Claim: the same the other way round: what the new master has expunged and forgotten, and the former one has still, is
/// recorded on both.
#[test]
fn a_new_master_has_forgotten() {
    let operations = || {
        vec![deliver(&[80], false), Op::Sync {}, Op::AtOnce {}, deliver(&[100], false), Op::Failover {}, force((0, 0))]
    };
    for (label, known) in [("2.4", false), ("correct", true)] {
        let lab = Lab::new(rules(label), one_by_one()).take(operations()).settle();
        let (former, new) = (lab.on_disk(0), lab.on_disk(1));
        assert_eq!(expunged(&former) == expunged(&new), known, "{label}: {former:?} {new:?}");
        assert!(!expunged(&former).is_empty(), "{label}");
    }
}

/// Claim: two servers that each change one of two messages in the same way notice that they differ, unless their sums
/// are linear.
#[test]
fn changes_that_cancel_out() {
    let pause = wrong("sync/pause", "people".to_owned(), 3, "0ns");
    let flag = |place| Op::Flag(Flag { of: (0, place), flag: "\\Flagged".into(), on: false });
    let operations = || vec![deliver(&[80, 80], false), Op::Sync {}, flag(0), Op::AtOnce {}, Op::Failover {}, flag(1)];
    for (label, noticed) in [("2.4", false), ("correct", true)] {
        let script = [pause.clone()].into_iter().collect();
        let lab = Lab::scripted(rules(label), one_by_one(), script).take(operations()).settle();
        let differ = "replicas-agree: messages differ".to_owned();
        assert_eq!(lab.failures().contains(&differ), !noticed, "{label}: {:?}", lab.failures());
        let states = [0, 1].map(|which| lab.on_disk(which).index.unwrap().sync_crc);
        assert_eq!(states[0], states[1], "{label}: as far as the sums say, they are the same");
    }
}
