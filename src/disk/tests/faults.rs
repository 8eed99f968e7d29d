//! Each fault does what its line in the table says, and the atlas knows about it.

use std::collections::BTreeMap;

use crate::choice::Domain;
use crate::disk::{
    Calm, Chance, Contract, DamageKind, Disk, DiskError, DiskSetup, FAULTS, Fault, OpenFile, OpenMode, Profile,
};

/// Answers in words, by fault, once each; counts what the code under test was told.
#[derive(Default)]
struct Scripted {
    words: BTreeMap<Fault, Vec<&'static str>>,
    observed: BTreeMap<Fault, u32>,
}

impl Scripted {
    fn once(fault: Fault, words: &'static str) -> Scripted {
        Scripted { words: BTreeMap::from([(fault, vec![words])]), observed: BTreeMap::new() }
    }
}

impl Chance for Scripted {
    fn choose<D: Domain>(&mut self, fault: Fault, domain: &D) -> D::Value {
        match self.words.get_mut(&fault).and_then(Vec::pop) {
            Some(words) => domain.parse(words).unwrap_or_else(|| panic!("`{words}` is no value of {fault:?}")),
            None => domain.quiet(),
        }
    }

    fn observed(&mut self, fault: Fault) {
        *self.observed.entry(fault).or_default() += 1;
    }
}

fn disk() -> (Disk, OpenFile) {
    let mut contract = Contract::default();
    FAULTS.iter().for_each(|info| contract.tolerate(info.fault));
    let mut disk = Disk::new(DiskSetup { contract, ..DiskSetup::default() });
    let file = disk.open("a", OpenMode::Create).unwrap();
    disk.write_at(&mut Calm, &file, 0, &[1; 4096]).unwrap();
    disk.sync_all(&mut Calm, &file).unwrap();
    disk.sync_dir(&mut Calm, "").unwrap();
    (disk, file)
}

fn lose_everything(disk: &mut Disk) {
    let shape = disk.cut_shape();
    disk.power_cut(&shape, &shape.parse("none").unwrap());
}

fn bytes(disk: &Disk) -> Vec<u8> {
    disk.content("a").unwrap()
}

/// Short counts and interruptions are reported as such, and what was counted was done.
#[test]
fn short_and_interrupted() {
    let (mut disk, file) = disk();
    let mut chance = Scripted::once(Fault::ShortWrite, "3");
    assert_eq!(disk.write_at(&mut chance, &file, 0, &[2; 10]), Ok(3));
    assert_eq!(bytes(&disk)[..5], [2, 2, 2, 1, 1]);
    assert_eq!(chance.observed[&Fault::ShortWrite], 1);
    let mut chance = Scripted::once(Fault::ShortRead, "4");
    assert_eq!(disk.read_at(&mut chance, &file, 0, &mut [0; 10]), Ok(4));
    let mut chance = Scripted::once(Fault::Interrupted, "before");
    assert_eq!(disk.write_at(&mut chance, &file, 0, &[3; 10]), Err(DiskError::Interrupted));
    assert_eq!(bytes(&disk)[0], 2);
    let mut chance = Scripted::once(Fault::Interrupted, "halfway");
    assert_eq!(disk.write_at(&mut chance, &file, 0, &[3; 10]), Ok(5));
}

/// An error passes or stays, as drawn; one that stays goes with the cache.
#[test]
fn errors_once_and_sticky() {
    let (mut disk, file) = disk();
    let mut chance = Scripted::once(Fault::WriteError, "once");
    assert_eq!(disk.write_at(&mut chance, &file, 0, &[2]), Err(DiskError::Io));
    assert_eq!(disk.write_at(&mut chance, &file, 0, &[2]), Ok(1));
    let mut chance = Scripted::once(Fault::ReadError, "sticky");
    assert_eq!(disk.read_at(&mut chance, &file, 0, &mut [0]), Err(DiskError::Io));
    assert_eq!(disk.read_at(&mut chance, &file, 0, &mut [0]), Err(DiskError::Io));
    assert_eq!(chance.observed[&Fault::ReadError], 2);
    lose_everything(&mut disk);
    assert_eq!(disk.read_at(&mut Calm, &file, 0, &mut [0]), Err(DiskError::Stale));
    let file = disk.open("a", OpenMode::Write).unwrap();
    assert_eq!(disk.read_at(&mut Calm, &file, 0, &mut [0]), Ok(1));
}

/// A failed sync loses what it should have kept, in each of its manners; a retry succeeds all the same.
#[test]
fn failed_syncs() {
    for (words, at_once, after_reads, late) in [
        ("kept", 2, 2, false),
        ("evicted after 1", 2, 1, false),
        ("reverted", 1, 1, false),
        ("reverted, reported late", 1, 1, true),
        ("kept, reported late", 2, 2, true),
    ] {
        let (mut disk, file) = disk();
        disk.write_at(&mut Calm, &file, 0, &[2; 4096]).unwrap();
        let mut chance = Scripted::once(Fault::SyncError, words);
        let first = disk.sync_all(&mut chance, &file);
        let read = |disk: &mut Disk| {
            let mut byte = [0];
            disk.read_at(&mut Calm, &file, 0, &mut byte).unwrap();
            byte[0]
        };
        assert_eq!(read(&mut disk), at_once, "{words}");
        assert_eq!(read(&mut disk), after_reads, "{words}");
        let second = disk.sync_all(&mut chance, &file);
        assert_eq!((first.is_err(), second.is_err()), (!late, late), "{words}");
        assert_eq!(disk.sync_all(&mut chance, &file), Ok(()), "{words}");
        assert_eq!(chance.observed[&Fault::SyncError], 1);
        assert_eq!(disk.atlas().explains("a", 0..1).len(), 1);
        lose_everything(&mut disk);
        assert_eq!(bytes(&disk)[0], 1, "{words}: the content never became durable");
    }
}

/// After a failed sync, what is written and synced later does become durable, and only that.
#[test]
fn a_failed_sync_is_not_made_good_by_the_next() {
    let (mut disk, file) = disk();
    disk.write_at(&mut Calm, &file, 0, &[2; 1024]).unwrap();
    disk.sync_all(&mut Scripted::once(Fault::SyncError, "kept"), &file).unwrap_err();
    disk.write_at(&mut Calm, &file, 512, &[3; 512]).unwrap();
    disk.sync_all(&mut Calm, &file).unwrap();
    assert_eq!((bytes(&disk)[0], bytes(&disk)[512]), (2, 3));
    lose_everything(&mut disk);
    assert_eq!((bytes(&disk)[0], bytes(&disk)[512]), (1, 3));
}

/// A sector that cannot be read stops a read in front of it, survives a power cut, and is healed by a rewrite.
#[test]
fn bad_sectors() {
    let (mut disk, file) = disk();
    let mut chance = Scripted::once(Fault::SectorError, "sector 2");
    let mut buffer = [0; 4096];
    assert_eq!(disk.read_at(&mut chance, &file, 0, &mut buffer), Ok(1024));
    assert_eq!(disk.read_at(&mut chance, &file, 1024, &mut buffer), Err(DiskError::Io));
    assert_eq!(chance.observed[&Fault::SectorError], 1);
    assert_eq!(disk.read_mapped(&mut Calm, &file, 0, &mut buffer), Err(DiskError::Io));
    lose_everything(&mut disk);
    let file = disk.open("a", OpenMode::Write).unwrap();
    assert_eq!(disk.read_at(&mut Calm, &file, 1024, &mut buffer), Err(DiskError::Io));
    disk.write_at(&mut Calm, &file, 1024, &[2; 512]).unwrap();
    assert_eq!(disk.read_at(&mut Calm, &file, 0, &mut buffer), Ok(4096));
    assert!(disk.atlas().explains("a", 0..4096).is_empty());
}

/// Rotten bits stay flipped, also across a power cut, and the atlas says where.
#[test]
fn bit_rot() {
    let (mut disk, file) = disk();
    let mut chance = Scripted::once(Fault::BitRot, "sector 3");
    let mut buffer = [0; 4096];
    disk.read_at(&mut chance, &file, 0, &mut buffer).unwrap();
    let flipped: u32 = buffer[1536..2048].iter().map(|byte| (byte ^ 1).count_ones()).sum();
    assert_eq!(flipped, 1);
    assert!(buffer[..1536].iter().all(|byte| *byte == 1));
    assert!(chance.observed[&Fault::BitRot] >= 1);
    lose_everything(&mut disk);
    assert_eq!(bytes(&disk), buffer);
    assert_eq!(disk.atlas().explains("a", 1536..1537).len(), 1);
    assert!(disk.atlas().explains("a", 0..1536).is_empty());
    assert!(disk.atlas().explains("b", 1536..1537).is_empty());
}

/// A lost write is acknowledged and not there; a misdirected one damages two places.
#[test]
fn lost_and_misdirected() {
    let (mut disk, file) = disk();
    assert_eq!(disk.write_at(&mut Scripted::once(Fault::LostWrite, "sector 1"), &file, 0, &[2; 1536]), Ok(1536));
    assert_eq!([bytes(&disk)[0], bytes(&disk)[512], bytes(&disk)[1024]], [2, 1, 2]);
    let astray = Scripted::once(Fault::MisdirectedWrite, "sector 5 to 7");
    assert_eq!(disk.write_at(&mut { astray }, &file, 2560, &[3; 512]), Ok(512));
    assert_eq!([bytes(&disk)[2560], bytes(&disk)[3584]], [1, 3]);
    let kinds: Vec<DamageKind> = disk.atlas().damages().iter().map(|damage| damage.kind).collect();
    assert_eq!(kinds, [DamageKind::LostWrite, DamageKind::Misdirected, DamageKind::Misdirected]);
}

/// A full disk takes what fits, then nothing, until space is freed.
#[test]
fn full() {
    let mut disk = Disk::new(DiskSetup { capacity: Some(2 * 4096), ..DiskSetup::default() });
    let file = disk.open("a", OpenMode::Create).unwrap();
    assert_eq!(disk.write_at(&mut Calm, &file, 100, &[1; 10_000]), Ok(8_092));
    assert_eq!(disk.append(&mut Calm, &file, &[1]), Err(DiskError::NoSpace));
    assert_eq!(disk.write_at(&mut Calm, &file, 0, &[1; 10]), Ok(10), "overwriting needs no space");
    disk.set_len(&file, 4096).unwrap();
    assert_eq!(disk.append(&mut Calm, &file, &[1; 5_000]), Ok(4_096));
}

/// Syncs that lie leave everything pending, and the atlas says so.
#[test]
fn lying_syncs() {
    let mut disk = Disk::new(DiskSetup { lying_syncs: 0..2, profile: Profile::Hostile, ..DiskSetup::default() });
    let file = disk.open("a", OpenMode::Create).unwrap();
    disk.write_at(&mut Calm, &file, 0, &[1]).unwrap();
    assert_eq!((disk.sync_all(&mut Calm, &file), disk.sync_dir(&mut Calm, "")), (Ok(()), Ok(())));
    assert_eq!(disk.pending(), 2);
    assert_eq!(disk.sync_all(&mut Calm, &file), Ok(()));
    assert_eq!(disk.pending(), 1);
    assert_eq!(disk.atlas().damages().len(), 2);
}

/// A hostile device can be caught in the middle of a rename over a file.
#[test]
fn torn_renames() {
    let mut base = Disk::new(DiskSetup { torn_rename: true, profile: Profile::Hostile, ..DiskSetup::default() });
    base.install("old", b"old").unwrap();
    base.install("new", b"new").unwrap();
    base.rename("new", "old").unwrap();
    let after = |words: &str| {
        let mut disk = base.clone();
        let shape = disk.cut_shape();
        disk.power_cut(&shape, &shape.parse(words).unwrap());
        (disk.content("old").ok(), disk.content("new").ok())
    };
    let (old, new) = (Some(b"old".to_vec()), Some(b"new".to_vec()));
    assert_eq!(after("all"), (new.clone(), None));
    assert_eq!(after("none"), (old, new.clone()));
    assert_eq!(after("rename 1 target-missing"), (None, new.clone()));
    assert_eq!(after("rename 1 both-names"), (new.clone(), new));
}

/// A fault outside the contract is never asked for.
#[test]
fn the_contract_is_kept() {
    let mut disk = Disk::new(DiskSetup::default());
    let file = disk.open("a", OpenMode::Create).unwrap();
    let mut chance = Scripted::once(Fault::SyncError, "kept");
    chance.words.insert(Fault::LostWrite, vec!["sector 0"]);
    disk.write_at(&mut chance, &file, 0, &[1]).unwrap();
    assert_eq!(disk.sync_all(&mut chance, &file), Ok(()));
    assert!(disk.atlas().damages().is_empty());
    assert_eq!(chance.words.len(), 2, "nothing was taken from the script");
}

/// A memory map shows zeros behind the end inside the last page and faults beyond it.
#[test]
fn mapped_reads() {
    let (mut disk, file) = disk();
    disk.set_len(&file, 100).unwrap();
    let mut buffer = [7; 50];
    disk.read_mapped(&mut Calm, &file, 80, &mut buffer).unwrap();
    assert_eq!((&buffer[..20], &buffer[20..]), (&[1; 20][..], &[0; 30][..]));
    disk.read_mapped(&mut Calm, &file, 4046, &mut buffer).unwrap();
    assert_eq!(disk.read_mapped(&mut Calm, &file, 4047, &mut buffer), Err(DiskError::MapFault));
    assert_eq!(disk.read_at(&mut Calm, &file, 80, &mut buffer), Ok(20));
}

/// A data sync may leave a truncation pending, but not one that something was written after.
#[test]
fn data_syncs() {
    let (mut disk, file) = disk();
    disk.write_at(&mut Calm, &file, 0, &[2]).unwrap();
    disk.set_len(&file, 10).unwrap();
    disk.sync_data(&mut Calm, &file).unwrap();
    assert_eq!(disk.pending(), 1);
    disk.append(&mut Calm, &file, &[3]).unwrap();
    disk.sync_data(&mut Calm, &file).unwrap();
    assert_eq!(disk.pending(), 0);
    lose_everything(&mut disk);
    assert_eq!(bytes(&disk), [2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3]);
}

/// A lost disk is empty, an older image is what was durable then, and both outlive no handle.
#[test]
fn lost_disks() {
    let (mut disk, file) = disk();
    disk.write_at(&mut Calm, &file, 0, &[2]).unwrap();
    let image = disk.durable_image();
    disk.sync_all(&mut Calm, &file).unwrap();
    disk.restore(&image);
    assert_eq!(bytes(&disk)[0], 1);
    assert_eq!(disk.write_at(&mut Calm, &file, 0, &[3]), Err(DiskError::Stale));
    disk.lose();
    assert!(disk.read_dir("").unwrap().is_empty());
}

/// A write in flight when its process is killed may stop at any byte; what was done stays.
#[test]
fn killed_in_a_write() {
    let (mut disk, file) = disk();
    let mut chance = Scripted::once(Fault::InFlight, "1");
    assert_eq!(disk.stop_write(&mut chance, &file, 0, &[2; 100]), Ok(1));
    disk.kill_process();
    assert_eq!(bytes(&disk)[..3], [2, 1, 1]);
    assert_eq!(disk.append(&mut Calm, &file, &[2]), Err(DiskError::Stale));
}

/// A fork can be written to, and the disk it was taken from does not notice.
#[test]
fn forks() {
    let (mut disk, file) = disk();
    disk.write_at(&mut Calm, &file, 0, &[2]).unwrap();
    let mut fork = disk.fork_files(&["a", "absent"]).unwrap();
    let copy = fork.open("a", OpenMode::Write).unwrap();
    fork.write_at(&mut Calm, &copy, 0, &[9]).unwrap();
    fork.unlink("a").unwrap();
    assert_eq!((bytes(&disk)[0], fork.pending()), (2, 0));
    assert!(!fork.exists("a") && disk.exists("a"));
}
