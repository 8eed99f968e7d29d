//! The model against the specification: random operations, syncs and cuts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::spec::{Found, Spec};
use crate::choice::{Domain, Expander};
use crate::disk::{Calm, Disk, DiskSetup, OpenMode, Profile};

/// Directories of the test: the root and one below it.
const DIRS: [&str; 2] = ["", "d"];
const NAMES: [&str; 3] = ["a", "b", "c"];

type Place = (usize, usize);

#[derive(Clone, Debug)]
enum Step {
    Write(Place, usize, usize),
    SetLen(Place, usize),
    Unlink(Place),
    Rename(Place, Place),
    Link(Place, Place),
    SyncFile(Place),
    SyncDir(usize),
}

fn place() -> impl Strategy<Value = Place> {
    (prop_oneof![3 => Just(0_usize), 1 => Just(1)], 0..NAMES.len())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (place(), prop_oneof![Just(0_usize), 0..1_500_usize], 1..1_300_usize).prop_map(|(at, offset, len)| Step::Write(at, offset, len)),
        1 => (place(), 0..2_000_usize).prop_map(|(at, len)| Step::SetLen(at, len)),
        1 => place().prop_map(Step::Unlink),
        1 => (place(), place()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (place(), place()).prop_map(|(from, to)| Step::Link(from, to)),
        2 => place().prop_map(Step::SyncFile),
        1 => (0..DIRS.len()).prop_map(Step::SyncDir),
    ]
}

fn path((dir, name): Place) -> String {
    if dir == 0 { NAMES[name].to_owned() } else { format!("{}/{}", DIRS[dir], NAMES[name]) }
}

/// A disk and its specification, side by side.
struct Pair {
    disk: Disk,
    spec: Spec,
    fill: u8,
}

impl Pair {
    fn new(profile: Profile) -> Pair {
        let mut disk = Disk::new(DiskSetup { profile, ..DiskSetup::default() });
        disk.create_dir(DIRS[1]).unwrap();
        disk.sync_dir(&mut Calm, "").unwrap();
        assert_eq!(disk.pending(), 0);
        Pair { disk, spec: Spec::new(profile), fill: 0 }
    }

    fn run(&mut self, step: &Step) {
        let exists = |pair: &Pair, at: Place| pair.disk.exists(&path(at));
        match *step {
            Step::Write(at, offset, len) => {
                self.fill += 1;
                let bytes = vec![self.fill; len];
                let file = self.disk.open(&path(at), OpenMode::Create).unwrap();
                assert_eq!(self.disk.write_at(&mut Calm, &file, offset as u64, &bytes), Ok(len));
                self.disk.close(file);
                let file = self.spec.open(at.0, NAMES[at.1]);
                self.spec.write(file, offset, &bytes);
            }
            Step::SetLen(at, len) if exists(self, at) => {
                let file = self.disk.open(&path(at), OpenMode::Write).unwrap();
                self.disk.set_len(&file, len as u64).unwrap();
                self.disk.close(file);
                let file = self.spec.open(at.0, NAMES[at.1]);
                self.spec.set_len(file, len);
            }
            Step::Unlink(at) if exists(self, at) => {
                self.disk.unlink(&path(at)).unwrap();
                self.spec.unlink(at.0, NAMES[at.1]);
            }
            Step::Rename(from, to) if exists(self, from) && from != to => {
                self.disk.rename(&path(from), &path(to)).unwrap();
                self.spec.rename((from.0, NAMES[from.1]), (to.0, NAMES[to.1]));
            }
            Step::Link(from, to) if exists(self, from) && !exists(self, to) => {
                self.disk.link(&path(from), &path(to)).unwrap();
                self.spec.link((from.0, NAMES[from.1]), (to.0, NAMES[to.1]));
            }
            Step::SyncFile(at) if exists(self, at) => {
                let file = self.disk.open(&path(at), OpenMode::Write).unwrap();
                self.disk.sync_all(&mut Calm, &file).unwrap();
                self.disk.close(file);
                let file = self.spec.open(at.0, NAMES[at.1]);
                self.spec.sync_file(file);
            }
            Step::SyncDir(dir) => {
                self.disk.sync_dir(&mut Calm, DIRS[dir]).unwrap();
                self.spec.sync_dir(dir);
            }
            _ => {}
        }
    }

    /// With the power on, everybody sees everything.
    fn check_alive(&self) -> Result<(), TestCaseError> {
        let seen = found(&self.disk);
        let expected: Found =
            self.spec.names().into_iter().map(|(name, file)| (name, self.spec.content(file))).collect();
        prop_assert_eq!(&seen, &expected);
        prop_assert_eq!(&found(&self.disk.fork()), &expected);
        Ok(())
    }
}

fn found(disk: &Disk) -> Found {
    let mut found = Found::new();
    for (dir, path) in DIRS.iter().enumerate() {
        for name in disk.read_dir(path).unwrap() {
            if dir > 0 || name != DIRS[1] {
                found.insert((dir, name.clone()), disk.content(&format!("{path}/{name}")).unwrap());
            }
        }
    }
    found
}

fn cut(disk: &Disk, word: u64) -> Disk {
    let mut after = disk.clone();
    let shape = after.cut_shape();
    after.power_cut(&shape, &shape.draw(&mut Expander::new(word)));
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a cut leaves, sampled or enumerated, is a state the profile allows; what everybody saw
    /// before is everything; and a second cut at once changes nothing.
    #[test]
    fn every_state_is_allowed(which in 0..3_usize, steps in prop::collection::vec(step(), 1..9), word: u64) {
        let mut pair = Pair::new(Profile::WEIGHTS[which].0);
        for step in &steps {
            pair.run(step);
            pair.check_alive()?;
        }
        let shape = pair.disk.cut_shape();
        let mut expander = Expander::new(word);
        let sampled = (0..12).map(|_| shape.draw(&mut Expander::new(expander.next())));
        let enumerated = shape.values().unwrap_or_default();
        let some = enumerated.len().div_ceil(24).max(1);
        for outcome in sampled.chain(enumerated.into_iter().step_by(some)) {
            let mut after = pair.disk.clone();
            after.power_cut(&shape, &outcome);
            let state = found(&after);
            prop_assert!(pair.spec.allows(&state), "{} is not allowed: {:?}", shape.words(&outcome), state);
            prop_assert_eq!(after.pending(), 0);
            prop_assert_eq!(&found(&cut(&after, word)), &state);
            let pages: usize = state.values().map(|content| content.chunks(4096).count()).sum();
            prop_assert!(after.used() <= pages as u64 * 4096);
        }
    }

    /// What was synced with its name is there after any cut.
    #[test]
    fn synced_survives(which in 0..3_usize, steps in prop::collection::vec(step(), 0..6), word: u64) {
        let mut pair = Pair::new(Profile::WEIGHTS[which].0);
        let kept = (0, 2);
        for step in [Step::Write(kept, 0, 700), Step::SyncFile(kept), Step::SyncDir(0)] {
            pair.run(&step);
        }
        let content = pair.disk.content("c").unwrap();
        for step in steps.iter().filter(|step| !touches(step, kept)) {
            pair.run(step);
        }
        prop_assert_eq!(cut(&pair.disk, word).content("c"), Ok(content));
    }

    /// A killed process loses nothing it did.
    #[test]
    fn a_killed_process_loses_nothing(steps in prop::collection::vec(step(), 1..9)) {
        let mut pair = Pair::new(Profile::PosixStrict);
        steps.iter().for_each(|step| pair.run(step));
        let (before, pending) = (found(&pair.disk), pair.disk.pending());
        pair.disk.kill_process();
        prop_assert_eq!(found(&pair.disk), before);
        prop_assert_eq!(pair.disk.pending(), pending);
    }
}

fn touches(step: &Step, place: Place) -> bool {
    match *step {
        Step::Write(at, ..) | Step::SetLen(at, _) | Step::Unlink(at) | Step::SyncFile(at) => at == place,
        Step::Rename(from, to) | Step::Link(from, to) => from == place || to == place,
        Step::SyncDir(_) => false,
    }
}

/// The names a cut may leave are exactly those the specification enumerates: all of them occur, in order
/// and without order.
#[test]
fn every_namespace_occurs() {
    for (profile, expected) in [(Profile::PosixStrict, 6), (Profile::Ordered, 4), (Profile::InOrder, 4)] {
        let mut pair = Pair::new(profile);
        let steps = [
            Step::Write((0, 0), 0, 10),
            Step::SyncFile((0, 0)),
            Step::SyncDir(0),
            Step::Rename((0, 0), (0, 1)),
            Step::Write((0, 2), 0, 10),
            Step::Write((0, 0), 0, 10),
        ];
        steps.iter().for_each(|step| pair.run(step));
        let seen: BTreeSet<Vec<String>> = (0..400).map(|word| cut(&pair.disk, word).read_dir("").unwrap()).collect();
        assert_eq!(seen.len(), expected, "{profile:?}: {seen:?}");
    }
}

/// Every class of outcome of one append and one overwrite occurs where the profile allows it, and only there.
#[test]
fn every_class_occurs() {
    for profile in [Profile::Ordered, Profile::PosixStrict, Profile::InOrder] {
        let mut disk = Disk::new(DiskSetup { profile, ..DiskSetup::default() });
        let file = disk.open("a", OpenMode::Create).unwrap();
        disk.write_at(&mut Calm, &file, 0, &[1; 2048]).unwrap();
        disk.sync_all(&mut Calm, &file).unwrap();
        disk.sync_dir(&mut Calm, "").unwrap();
        disk.write_at(&mut Calm, &file, 0, &[2; 2048]).unwrap();
        disk.write_at(&mut Calm, &file, 2048, &[3; 1024]).unwrap();
        let classes: BTreeSet<(&str, &str)> =
            (0..3_000).map(|word| classify(&cut(&disk, word).content("a").unwrap())).collect();
        let overwrites: BTreeSet<&str> = classes.iter().map(|(overwrite, _)| *overwrite).collect();
        let appends: BTreeSet<&str> = classes.iter().map(|(_, append)| *append).collect();
        let (torn, appended): (&[&str], &[&str]) = match profile {
            Profile::InOrder => (&["new", "old"], &["new", "old"]),
            Profile::Ordered => (&["gaps", "new", "noise", "old", "prefix", "suffix"], &["new", "old", "short"]),
            _ => (&["gaps", "new", "noise", "old", "prefix", "suffix"], &["new", "noise", "old", "short", "zeros"]),
        };
        assert_eq!(overwrites, torn.iter().copied().collect(), "{profile:?}");
        assert_eq!(appends, appended.iter().copied().collect(), "{profile:?}");
        let reordered = classes.contains(&("old", "new"));
        assert_eq!(reordered, profile != Profile::InOrder, "{profile:?}: the append before the overwrite");
    }
}

fn classify(content: &[u8]) -> (&'static str, &'static str) {
    let sector = |index: usize| &content[index * 512..(index + 1) * 512];
    let kinds: Vec<u8> = (0..4)
        .map(|index| if sector(index).iter().all(|byte| *byte == sector(index)[0]) { sector(index)[0] } else { 9 })
        .collect();
    let overwrite = match kinds.as_slice() {
        kinds if kinds.contains(&9) => "noise",
        [2, 2, 2, 2] => "new",
        [1, 1, 1, 1] => "old",
        kinds if kinds.is_sorted_by(|a, b| a >= b) => "prefix",
        kinds if kinds.is_sorted() => "suffix",
        _ => "gaps",
    };
    let append = match &content[2048..] {
        [] => "old",
        rest if rest.iter().all(|byte| *byte == 3) => {
            if rest.len() == 1024 {
                "new"
            } else {
                "short"
            }
        }
        rest if rest.iter().all(|byte| matches!(byte, 0 | 3)) => "zeros",
        _ => "noise",
    };
    (overwrite, append)
}
