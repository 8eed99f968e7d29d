//! What is synced, and in which order: SQLite's decisions and those of its unix VFS, seen in the trace of a run.

use std::time::Duration;

use super::pragmas;
use crate::check::{CheckMode, Checks};
use crate::choice::{Choices, Mode, Rate, Script, Seed, Settings, SiteClass};
use crate::disk::sqlite::Volume;
use crate::kernel::{Dispatch, Limits, Sim, Time, Until};
use crate::trace::Trace;
use crate::world::World;

/// Syncs, truncations and changes of names of the third of three commits: `journal`, `x`, `wal`, `directory` are
/// syncs.
fn third_commit(journal: &'static str, synchronous: &'static str) -> Vec<String> {
    let mut settings = Settings::default();
    settings.class_rates.insert(SiteClass::Latency, Rate::NEVER);
    let choices = Choices::new(Seed(1), Mode::Search, &Script::default(), &settings);
    let sim = Sim::new(choices, Trace::new(true, 100_000), Limits::default(), Dispatch::default());
    let mut world = World::new(&sim, Checks::new(&[], |_| CheckMode::Stop));
    world.node("server", move |node| async move {
        let database = Volume::of_node(&node.disk().blocking()).open("x").unwrap();
        database.execute_batch(&pragmas(journal, synchronous)).unwrap();
        for statement in ["CREATE TABLE t(x)", "INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(2)"] {
            node.outcome("commit");
            database.execute_batch(statement).unwrap();
        }
        // The end of the connection is no part of the commit.
        node.outcome("commit");
    });
    let until = Until { deadline: Time::ZERO + Duration::from_secs(60), done: &|| false, last_step: 100 };
    sim.run(&until, &mut world);
    assert!(sim.incidents().is_empty(), "{:?}", sim.incidents());
    let text = sim.trace().render();
    world.tear_down();
    let commit = text.split("outcome commit").nth(3).expect("three commits, and what follows");
    let called = |line: &str| {
        let name = |text: &str| text.split(' ').next().unwrap_or(text).trim_start_matches("x-").to_owned();
        line.split_once(" sync ")
            .map(|(_, file)| name(file))
            .or_else(|| line.contains(" sync-dir").then(|| "directory".to_owned()))
            .or_else(|| line.split_once(" set-len ").map(|(_, file)| format!("cut {}", name(file))))
            .or_else(|| line.split_once(" unlink ").map(|(_, file)| format!("unlink {}", name(file))))
    };
    commit.lines().filter_map(called).collect()
}

/// The directory is synced with the first sync of each new journal or log, and after an unlink at EXTRA only; the
/// journal is synced once more before its head counts its pages, at FULL.
#[test]
fn where_syncs_happen() {
    let journaled = ["journal", "directory", "journal", "x"];
    let with = |rest: &[&'static str]| [&journaled[..], rest].concat();
    for (journal, synchronous, expected) in [
        ("DELETE", "EXTRA", with(&["unlink journal", "directory"])),
        ("DELETE", "FULL", with(&["unlink journal"])),
        ("DELETE", "NORMAL", vec!["journal", "directory", "x", "unlink journal"]),
        ("DELETE", "OFF", vec!["unlink journal"]),
        ("TRUNCATE", "FULL", with(&["cut journal", "journal"])),
        ("TRUNCATE", "NORMAL", vec!["journal", "directory", "x", "cut journal"]),
        ("PERSIST", "FULL", with(&["journal"])),
        ("PERSIST", "NORMAL", vec!["journal", "directory", "x", "journal"]),
        ("MEMORY", "FULL", vec!["x"]),
        ("OFF", "FULL", vec!["x"]),
        ("WAL", "FULL", vec!["wal"]),
        ("WAL", "NORMAL", vec![]),
    ] {
        assert_eq!(third_commit(journal, synchronous), expected, "{journal} {synchronous}");
    }
}
