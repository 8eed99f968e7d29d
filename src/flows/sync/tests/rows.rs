//! What each form does in each of the situations that the report and its sequel are about: a row for each, a column for
//! the baseline, the two ways out the report names, and the redesign.

use super::*;
use crate::flows::sync::variants::{AS_RELEASED, AppendSyncs, BASELINE, Combine, FIXED, Layout, NullIds, Uploads};

/// The baseline, the two ways out, the redesign.
const COLUMNS: [&str; 4] = ["2.3.9", "2.3.9+option-a", "2.3.10", "2.4"];

/// Of these failures, those that begin like this.
fn of<'a>(failures: &'a [String], begin: &str) -> Vec<&'a str> {
    failures.iter().map(String::as_str).filter(|failure| failure.starts_with(begin)).collect()
}

fn table(more: &[usize]) -> Vec<Op> {
    let mut operations = synced([deliver(&[200, 120, 160], false), expunge(&[(0, 0), (0, 2)]), deliver(more, true)]);
    operations.push(look_through());
    operations
}

/// Claim: two holes and an expire for which nothing is due: on the baseline two messages' records are wrong or the
/// expire does not survive it; where expunged offsets are not trusted they are 0 afterwards and nothing live is
/// wrong; the others are whole.
#[test]
fn two_holes_and_an_expire() {
    for (more, loud) in [(&[80, 100][..], false), (&[80, 100, 140], true)] {
        for label in COLUMNS {
            let lab = Lab::new(rules(label), one_by_one()).take(table(more));
            let failures = lab.failures();
            let matches = of(&failures, "cache-matches-message");
            assert_eq!(matches.is_empty(), label != "2.3.9", "{label}: {failures:?}");
            assert_eq!(lab.mark("expire-killed"), u64::from(loud && label == "2.3.9"), "{label}");
            if label == "2.3.9+option-a" {
                let found = lab.replica();
                let offsets: Vec<u32> = found.expunged().map(|entry| entry.offset).collect();
                assert_eq!(offsets, [0, 0], "nobody may read them");
            }
            if ["2.3.10", "2.4"].contains(&label) {
                assert_eq!(failures, Vec::<String>::new(), "{label}");
            }
        }
    }
}

/// Claim: three messages and one hole: silent on the baseline, whatever its expire checks; nothing elsewhere.
#[test]
fn one_hole() {
    let operations = || {
        let mut operations = synced([deliver(&[120], false), expunge(&[(0, 0)]), deliver(&[80, 100], true)]);
        operations.push(look_through());
        operations
    };
    for rules in [rules("2.3.9"), rules("2.3.9+2007-09"), &GUARD_2008] {
        let lab = Lab::new(rules, one_by_one()).take(operations());
        let failures = lab.failures();
        assert_eq!(
            of(&failures, "cache-matches-message"),
            ["cache-matches-message: expunged: another message's record"],
            "{failures:?}"
        );
        assert_eq!((lab.mark("expire-killed"), lab.mark("expire-bogus-offset")), (0, 0), "nobody noticed");
    }
    for label in &COLUMNS[1..] {
        let failures = Lab::new(rules(label), one_by_one()).take(operations()).failures();
        assert_eq!(of(&failures, "cache"), Vec::<&str>::new(), "{label}");
    }
}

fn cut(n: u64, value: &str) -> Script {
    [wrong("net/cut", "master->replica".to_owned(), n, value)].into_iter().collect()
}

/// Claim: a connection that ends between two batches leaves a gap behind a last uid if each batch carries the final
/// one, whatever the combine; it leaves none if each carries its own, and none where everything comes in one command.
#[test]
fn cut_between_batches() {
    static RULES: [Rules; 6] = [
        BASELINE,
        Rules { uploads: Uploads::ChunkLastUid, ..BASELINE },
        Rules { combine: Combine::OffsetsUntrusted, ..BASELINE },
        Rules { combine: Combine::OffsetsUntrusted, uploads: Uploads::ChunkLastUid, ..BASELINE },
        Rules { uploads: Uploads::FinalLastUid, ..FIXED },
        FIXED,
    ];
    let operations = || synced([deliver(&[80, 80, 80], true), deliver(&[100], false)]);
    let forms = RULES.iter().chain([rules("2.4"), rules("correct")]);
    for form in forms {
        let mut died = 0;
        for n in 0..9 {
            for value in ["before delivery", "before the reply"] {
                let lab = Lab::scripted(form, one_by_one(), cut(n, value)).take(operations());
                died += lab.mark("client-died");
                let failures = lab.failures();
                let gap = !of(&failures, "no-gap-on-replica").is_empty();
                let final_uid = form.layout == Layout::ThreeFiles && form.uploads == Uploads::FinalLastUid;
                // Where the first batch never arrives, nothing claims anything.
                if !final_uid {
                    assert!(!gap, "{} {:?} {:?} cut {n}: {failures:?}", form.label, form.combine, form.uploads);
                } else if n >= 4 {
                    assert!(gap, "{} {:?} cut {n}: {failures:?}", form.label, form.combine);
                }
            }
        }
        assert!(died > 4, "{}: {died} clients have met a cut", form.label);
    }
}

/// Failures of runs in which power goes off around each change of a file, and how often a mark was seen.
fn with_power_cuts(
    form: &'static Rules,
    config: &Config,
    operations: &[Op],
    (server, file): (&str, &str),
    mark: &str,
) -> (Vec<String>, u64) {
    let (mut all, mut marks) = (Vec::new(), 0);
    for n in 0..8 {
        for value in ["before", "after"] {
            let lab = Lab::scripted(form, config.clone(), power(server, file, n, value)).take(operations.to_vec());
            all.extend(lab.failures());
            marks += lab.mark(mark);
        }
    }
    all.sort();
    all.dedup();
    (all, marks)
}

/// Claim: power that goes off between the renames of index and cache leaves a mailbox nobody can open in all forms with
/// three files; the redesign gives the new cache its name.
#[test]
fn crash_between_index_and_cache() {
    let operations = [deliver(&[80, 100], false), expunge(&[(0, 0)]), deliver(&[120], false), wait()];
    let config = Config { master_expunge: crate::flows::sync::host::ExpungeMode::Immediate, ..one_by_one() };
    for label in COLUMNS {
        let file = ("master", "cyrus.cache.NEW");
        let (failures, finished) = with_power_cuts(rules(label), &config, &operations, file, "cache-rename-finished");
        let unreadable = failures.contains(&"generations-match: index and cache".to_owned());
        assert_eq!(unreadable, label != "2.4", "{label}: {failures:?}");
        assert_eq!(finished > 0, label == "2.4", "{label}");
    }
}

/// Claim: power that goes off between the renames of cache and expunge file brings the incident back on the form that
/// merges three files: generations differ, and where the cache had leaked bytes, an expunged message points elsewhere.
/// The others have no such moment in a combine.
#[test]
fn crash_between_cache_and_expunge() {
    let operations = || {
        vec![
            deliver(&[80, 100], false),
            Op::Sync {},
            wait(),
            deliver(&[120, 160], true),
            Op::Sync {},
            expunge(&[(0, 0), (3, 0)]),
            Op::Sync {},
            unexpunge((0, 0)),
            deliver(&[80], true),
            Op::Sync {},
            wait(),
        ]
    };
    // What an append leaves behind that was broken off: bytes of the cache that are nobody's.
    let leak = |store: &Store| {
        if store.rules().layout == Layout::ThreeFiles {
            overwrite(store, "cyrus.cache", 184, &[0; 40]);
        }
    };
    for label in ["2.3.9", "2.3.9+option-a", "2.3.10", "2.4", "correct"] {
        let mut failures = Vec::new();
        for n in 0..8 {
            let lab = Lab::scripted(rules(label), one_by_one(), power("replica", "cyrus.expunge.NEW", n, "before"));
            failures.extend(lab.take_and(operations(), Duration::from_secs(1_800), 1, leak).failures());
        }
        let generations = failures.contains(&"generations-match: expunge and cache".to_owned());
        let matches = !of(&failures, "cache-matches-message: expunged").is_empty();
        match label {
            "2.3.10" => assert!(generations && matches, "{failures:?}"),
            "2.4" | "correct" => assert_eq!(failures, Vec::<String>::new(), "{label}"),
            // They have the incident itself instead, where offsets are trusted.
            _ => assert_eq!((generations, matches), (true, label == "2.3.9"), "{label}: {failures:?}"),
        }
    }
}

/// Claim: an expire renames the same three files in all forms that have them, so the same crash there leaves expunged
/// messages with places in another cache.
#[test]
fn crash_between_cache_and_expunge_in_expire() {
    let operations = [
        deliver(&[80, 100, 120], false),
        expunge(&[(0, 0)]),
        Op::Wait(Hours { hours: 30 }),
        expunge(&[(0, 1)]),
        Op::Expire(Expire { replica: false, days: 1 }),
        wait(),
    ];
    let config = Config { nightly: false, ..one_by_one() };
    for label in COLUMNS.into_iter().chain(["correct"]) {
        let file = ("master", "cyrus.expunge.NEW");
        let (failures, _) = with_power_cuts(rules(label), &config, &operations, file, "");
        let generations = failures.contains(&"generations-match: expunge and cache".to_owned());
        let three = rules(label).layout == Layout::ThreeFiles;
        assert_eq!(generations, three, "{label}: {failures:?}");
        let wrong = !of(&failures, "cache-matches-message").is_empty();
        assert_eq!(wrong, three && label != "2.3.9+option-a", "{label}: {failures:?}");
    }
}

/// Claim: power that goes off while a replica appends can leave a header that counts what never became durable; with a
/// sync before the header it cannot.
#[test]
fn header_before_its_records() {
    static HEADER_LAST: Rules = Rules { append_syncs: AppendSyncs::HeaderLast, ..FIXED };
    let operations = || vec![deliver(&[80, 600], false), Op::Sync {}, wait()];
    let mut seen = Vec::new();
    for (form, file) in [(rules("2.3.10"), "cyrus.cache"), (&HEADER_LAST, "cyrus.cache")] {
        let mut failures = Vec::new();
        for n in 0..8 {
            for state in ["keep {1-2}", "keep {1}", "keep {2}", "keep {0-1}", "keep {3}", "keep {2-3}"] {
                let mut script = power("replica", file, n, "before");
                script.deviations.push(wrong("disk/cut-state", "replica".to_owned(), 0, state));
                failures.extend(Lab::scripted(form, one_by_one(), script).take(operations()).failures());
            }
        }
        seen.push(!of(&failures, "cache-matches-message").is_empty());
    }
    assert_eq!(seen, [true, false], "as it was; with a sync before the header");
}

/// Claim: a work file named after the parent of a client that died is found by the next client of that parent, and not
/// after the machine was started again; under its own id it is not found; under one name it always is.
#[test]
fn work_files_of_the_dead() {
    use crate::flows::sync::variants::WorkLog;
    static PARENT: Rules = Rules { work_log: WorkLog::ParentPid, ..FIXED };
    static RUN_FIRST: Rules = Rules { work_log: WorkLog::RunFirst, ..FIXED };
    let operations = || vec![deliver(&[80], false), Op::Sync {}, wait()];
    for (form, found) in [(rules("2.3.10"), false), (&PARENT, true), (&RUN_FIRST, true)] {
        let lab = Lab::scripted(form, one_by_one(), cut(1, "before delivery")).take(operations());
        assert_eq!(lab.mark("client-died"), 1, "{:?}", form.work_log);
        let there = lab.replica().live().count();
        assert_eq!(there, usize::from(found), "{:?}", form.work_log);
    }
}

/// Claim: where ids are assigned and one of the sides lost them, the release as it was sends everything again, over what
/// is there and through the combine; with null ids that may be equal it sends nothing.
#[test]
fn ids_that_are_missing() {
    static EQUAL: Rules = Rules { null_ids: NullIds::Equal, ..AS_RELEASED };
    let operations = || {
        let mut operations = synced([deliver(&[120, 80, 100], false), expunge(&[(0, 0)])]);
        operations.extend([wait(), deliver(&[80], true), Op::Sync {}]);
        operations
    };
    // What a reconstruct that does not trust the old index leaves of assigned ids.
    let forget = |store: &Store| overwrite(store, "cyrus.index", 96 + 60, &[0; 12]);
    for (form, again) in [(rules("2.3.9+2007-08"), true), (&EQUAL, false)] {
        let config = Config { unassigned: 0, ..one_by_one() };
        let lab = Lab::new(form, config).take_and(operations(), Duration::from_secs(1_800), 1, forget);
        let failures = lab.failures();
        assert_eq!(!of(&failures, "cache-matches-message").is_empty(), again, "{:?}: {failures:?}", form.null_ids);
    }
}

/// Claim: a forced expunge while others are kept: their records are wrong on the baseline and after the fix; they do
/// not count where offsets are not trusted, and are right in the redesign.
#[test]
fn force_with_expunged_messages() {
    let operations =
        || vec![deliver(&[80, 100, 120], false), expunge(&[(0, 0)]), Op::Force(Messages { of: vec![(0, 1)] }), wait()];
    for (label, wrong) in COLUMNS.into_iter().zip([true, false, true, false]) {
        let failures = Lab::new(rules(label), one_by_one()).take(operations()).failures();
        assert_eq!(!of(&failures, "cache-matches-message").is_empty(), wrong, "{label}: {failures:?}");
    }
}

/// What was done to the replica's record of an expunged message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    /// It points behind the end of the cache.
    Offset(u32),
    /// The first length word there says more than there is.
    Length,
    /// `cyrus.expunge` is of another generation.
    Generation,
}

/// Damages the second expunged record.
fn damage(store: &Store, damage: Damage) {
    let single = store.rules().layout == Layout::SingleIndex;
    let (file, at) = if single { ("cyrus.index", 128 + 96) } else { ("cyrus.expunge", 96 + 88) };
    match damage {
        Damage::Offset(offset) => overwrite(store, file, at + 24, &offset.to_be_bytes()),
        Damage::Length => overwrite(store, "cyrus.cache", 84, &[0xff; 4]),
        Damage::Generation => overwrite(store, file, 0, &[9; 4]),
    }
}

/// Claim: a combine over an expunge file that was damaged before: the baseline and the form without trust leave it as
/// it is; the merge that landed follows the offset and its process dies, unless the offset is 0 or only the generation
/// is wrong, which it never compares; the redesign refuses what its sums do not cover. Nothing panics, and who fails
/// names mailbox and uid.
#[test]
fn combine_over_damage() {
    let operations = || {
        let mut operations = synced([deliver(&[80, 80, 80], false), expunge(&[(0, 0), (0, 1)])]);
        operations.extend([wait(), unexpunge((0, 0)), deliver(&[100], true), Op::Sync {}]);
        operations
    };
    for label in COLUMNS {
        for what in
            [Damage::Offset(0x00ff_fff0), Damage::Offset(0), Damage::Offset(90), Damage::Length, Damage::Generation]
        {
            let at = Duration::from_secs(1_800);
            let lab =
                Lab::new(rules(label), one_by_one()).take_and(operations(), at, 1, move |store| damage(store, what));
            let died = lab.mark("sync-server-killed") > 0;
            let deadly = matches!(what, Damage::Offset(0x00ff_fff0) | Damage::Length);
            match label {
                "2.3.9" | "2.3.9+option-a" => {
                    assert!(!died, "{label} {what:?}");
                    let found = lab.replica();
                    let kept: Vec<u32> =
                        found.expunge.iter().flatten().flat_map(|x| &x.entries).map(|e| e.uid).collect();
                    assert_eq!(kept, [1, 2], "{label} {what:?}: nobody has opened it");
                }
                "2.3.10" => assert!(died || !deadly, "{label} {what:?}"),
                _ => {
                    assert!(!died, "{label} {what:?}");
                    let failures = lab.failures();
                    let noticed = !of(&failures, "checksums-match").is_empty()
                        || !of(&failures, "index-length-fits").is_empty()
                        || !of(&failures, "generations-match").is_empty();
                    assert!(noticed, "{label} {what:?}: {failures:?}");
                }
            }
            if died {
                let text = lab.sim.trace().render();
                assert!(text.contains("user.a: killed") && text.contains("of uid 2"), "{text}");
            }
        }
    }
}

/// Claim: whatever the clocks of two servers say, each expire drops what is due by its own clock, and nothing else.
#[test]
fn clocks_that_differ() {
    for label in COLUMNS.into_iter().chain(["2.3.9+2007-08", "correct"]) {
        for skew in [-5 * 86_400, -3_600, 3_600, 5 * 86_400] {
            let operations = vec![
                deliver(&[80, 80, 80, 80], false),
                Op::Sync {},
                expunge(&[(0, 0)]),
                Op::Sync {},
                wait(),
                expunge(&[(0, 2)]),
                Op::Sync {},
                Op::Expire(Expire { replica: true, days: 0 }),
                Op::Expire(Expire { replica: true, days: 3 }),
                Op::Expire(Expire { replica: false, days: 0 }),
            ];
            let config = Config { clock_skew: skew, nightly: false, ..Config::default() };
            let lab = Lab::new(rules(label), config).take(operations);
            let failures = lab.failures();
            assert_eq!(of(&failures, "expire"), Vec::<&str>::new(), "{label} {skew}");
            assert_eq!(of(&failures, "message-file"), Vec::<&str>::new(), "{label} {skew}");
        }
    }
}

/// A delivery and a copy of what is delivered, in one log.
fn delivery_and_copy() -> Vec<Op> {
    vec![
        Op::AtOnce {},
        deliver(&[80, 100, 120], false),
        Op::Copy(Messages { of: vec![(1, 0), (1, 1), (1, 2)] }),
        Op::Sync {},
        wait(),
    ]
}

/// Claim: a message that was sent SIMPLE can be copied by its id later in the session, except on the baseline, which
/// keeps it under none; the release before sent it PARSED, and that could be copied.
#[test]
fn copies_after_uploads() {
    for (label, refused) in
        [("2.3.9+2007-08", false), ("2.3.9", true), ("2.3.9+2007-09", true), ("2.3.10", false), ("2.4", false)]
    {
        let config = Config { unassigned: 0, ..one_by_one() };
        let failures = Lab::new(rules(label), config).take(delivery_and_copy()).failures();
        assert_eq!(!of(&failures, "copies-are-held").is_empty(), refused, "{label}: {failures:?}");
    }
}

/// Claim: a server's process that wants to be restarted holds nothing afterwards, and its client knows.
#[test]
fn copies_and_restarts() {
    for label in ["2.3.9+2007-08", "2.3.10"] {
        let config = Config { restart_after: 1, unassigned: 0, ..one_by_one() };
        let lab = Lab::new(rules(label), config).take(delivery_and_copy());
        assert!(lab.mark("sync-server-restarted") > 0, "{label}");
        assert_eq!(of(&lab.failures(), "copies-are-held"), Vec::<&str>::new(), "{label}");
    }
}
