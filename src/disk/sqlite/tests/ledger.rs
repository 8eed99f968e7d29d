//! Numbered transactions, acknowledged after their commit, over power cuts at any operation.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::check::{CheckMode, Checks};
use crate::choice::{Choices, Mode, Rate, Script, Seed, Settings, SiteSetting};
use crate::disk::Contract;
use crate::disk::sqlite::Volume;
use crate::kernel::{Dispatch, Limits, Sim, Time, Until};
use crate::trace::Trace;
use crate::world::{Node, World};

/// What a ledger saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ledger {
    acknowledged: i64,
    lives: u32,
    lost: bool,
    damaged: bool,
}

struct Outcome {
    ledger: Ledger,
    digest: String,
    script: Script,
}

/// Transactions numbered from 1, each acknowledged after its commit; every life begins by checking.
fn life(node: &Node, ledger: &RefCell<Ledger>, pragmas: &str) -> rusqlite::Result<()> {
    let database = Volume::of_node(&node.disk().blocking()).open("x.sqlite")?;
    database.execute_batch(pragmas)?;
    database.execute_batch("CREATE TABLE IF NOT EXISTS t(x INTEGER PRIMARY KEY, pad)")?;
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let last: i64 = database.query_row("SELECT coalesce(max(x), 0) FROM t", [], |row| row.get(0))?;
    let rows = count_or(&database)?;
    if !node.is_alive() {
        return Ok(());
    }
    {
        let mut ledger = ledger.borrow_mut();
        ledger.lives += 1;
        ledger.damaged |= check != "ok" || rows != last;
        ledger.lost |= last < ledger.acknowledged;
        // A commit that was not acknowledged may have happened.
        ledger.acknowledged = last;
    }
    for number in last + 1..=last + 4 {
        database.execute("INSERT INTO t VALUES(?1, zeroblob(?2))", [number, 500 + number * 700 % 6000])?;
        if !node.is_alive() {
            return Ok(());
        }
        ledger.borrow_mut().acknowledged = number;
    }
    Ok(())
}

fn count_or(database: &rusqlite::Connection) -> rusqlite::Result<i64> {
    database.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
}

fn ledger(
    seed: u64,
    settings: &Settings,
    contract: &Contract,
    pragmas: &'static str,
    mode: Mode,
    script: &Script,
) -> Outcome {
    let choices = Choices::new(Seed(seed), mode, script, settings);
    let sim = Sim::new(choices, Trace::new(false, 100_000), Limits::default(), Dispatch::default());
    let mut world = World::new(&sim, Checks::new(&[], |_| CheckMode::Stop));
    world.disks().set_contract(contract.clone(), settings);
    let ledger = Rc::new(RefCell::new(Ledger::default()));
    let shared = Rc::clone(&ledger);
    let node = world.node("server", move |node| {
        let ledger = Rc::clone(&shared);
        async move {
            if let Err(error) = life(&node, &ledger, pragmas)
                && node.is_alive()
            {
                ledger.borrow_mut().damaged |= error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt);
            }
        }
    });
    world.may_crash(node);
    let until = Until { deadline: Time::ZERO + Duration::from_secs(300), done: &|| false, last_step: 10_000 };
    sim.run(&until, &mut world);
    assert!(sim.incidents().is_empty(), "{:?}", sim.incidents());
    let digest = sim.trace().digest().to_string();
    let script = sim.with_choices(|choices| choices.script());
    world.tear_down();
    let ledger = ledger.borrow().clone();
    Outcome { ledger, digest, script }
}

/// Power cuts at any operation, one in so many, at most three in a run.
fn cuts(per_million: u32) -> Settings {
    let mut settings = Settings::default();
    let setting = SiteSetting { rate: Some(Rate::per_million(per_million)), max: Some(3), ..SiteSetting::default() };
    settings.sites.insert("disk/power-cut".to_owned(), setting);
    settings
}

fn honest() -> Contract {
    Contract::parse(Some("ordered | posix-strict | in-order"), Some("none")).unwrap()
}

/// What each mode promises, over many cuts: durable modes lose nothing; SQLite's default loses the last
/// acknowledgement; without syncs anything goes.
#[test]
fn promises() {
    let (mut cut_count, seeds) = (0, 150);
    for (pragmas, loses, damages) in [
        ("PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;", false, false),
        ("PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;", false, false),
        ("PRAGMA journal_mode=PERSIST; PRAGMA synchronous=FULL;", false, false),
        ("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", false, false),
        ("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;", true, false),
        ("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;", true, false),
        ("PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;", true, true),
    ] {
        let (mut lost, mut damaged) = (0, 0);
        for seed in 0..seeds {
            let ran = ledger(seed, &cuts(20_000), &honest(), pragmas, Mode::Search, &Script::default()).ledger;
            lost += u32::from(ran.lost);
            damaged += u32::from(ran.damaged);
            cut_count += ran.lives.saturating_sub(1);
        }
        assert_eq!(
            (lost > 0 || damaged > 0, damaged > 0),
            (loses, damages),
            "{pragmas}: {lost} lost, {damaged} damaged"
        );
    }
    assert!(cut_count > 500, "{cut_count} cuts");
}

/// One seed gives one digest: first in its thread, after fifty others, and beside a second thread; and its
/// script gives the same run again.
#[test]
#[expect(clippy::disallowed_methods, reason = "two whole runs side by side are what is tested")]
fn one_digest() {
    const PRAGMAS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
    let run = |seed: u64, mode: Mode, script: &Script| ledger(seed, &cuts(20_000), &honest(), PRAGMAS, mode, script);
    let first = run(7, Mode::Search, &Script::default());
    assert!(!first.script.is_empty());
    (100..150).for_each(|seed| drop(run(seed, Mode::Search, &Script::default())));
    assert_eq!(run(7, Mode::Search, &Script::default()).digest, first.digest);
    assert_eq!(run(0, Mode::Replay, &first.script).digest, first.digest);
    let digests = std::thread::scope(|scope| {
        let others = scope.spawn(|| (0..30).for_each(|seed| drop(run(seed, Mode::Search, &Script::default()))));
        let same = scope.spawn(|| (0..10).map(|_| run(7, Mode::Search, &Script::default()).digest).collect::<Vec<_>>());
        others.join().unwrap();
        same.join().unwrap()
    });
    assert!(digests.iter().all(|digest| *digest == first.digest));
}

/// A cut in the middle of COMMIT, when the database file has been written and not been synced: the dying
/// connection cannot repair anything, and the next life rolls back.
#[test]
fn a_cut_inside_commit() {
    const PRAGMAS: &str = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;";
    for moment in ["before", "after"] {
        for cut in ["all", "none"] {
            let mut settings = Settings::default();
            let at = |pin: &str, actor: &str, max| SiteSetting {
                pin: Some(pin.to_owned()),
                actors: vec![actor.to_owned()],
                max: Some(max),
                ..SiteSetting::default()
            };
            settings.sites.insert("disk/power-cut".to_owned(), at(moment, "server:x.sqlite-journal", 2));
            settings.sites.insert("disk/cut-state".to_owned(), at(cut, "server", 2));
            let ran = ledger(1, &settings, &honest(), PRAGMAS, Mode::Search, &Script::default()).ledger;
            assert_eq!((ran.lost, ran.damaged), (false, false), "{moment} {cut}");
            assert_eq!(ran.acknowledged, 4, "{moment} {cut}: the third life went on to the end");
        }
    }
}

/// A dying stack that never stops using its database is unwound, in Rust and not through C.
#[test]
fn an_endless_dying_connection() {
    let mut settings = Settings::default();
    let setting = SiteSetting { pin: Some("before".to_owned()), max: Some(1), ..SiteSetting::default() };
    settings.sites.insert("disk/power-cut".to_owned(), setting);
    let choices = Choices::new(Seed(1), Mode::Search, &Script::default(), &settings);
    let trace = Trace::new(false, 100_000);
    let sim = Sim::new(choices, trace, Limits::default(), Dispatch::default());
    let mut world = World::new(&sim, Checks::new(&[], |_| CheckMode::Stop));
    let lives = Rc::new(Cell::new(0));
    let counted = Rc::clone(&lives);
    let node = world.node("server", move |node| {
        counted.set(counted.get() + 1);
        async move {
            let volume = Volume::of_node(&node.disk().blocking());
            let database = loop {
                match volume.open("x") {
                    Ok(database) => break database,
                    Err(_) => continue,
                }
            };
            while database.execute_batch("CREATE TABLE IF NOT EXISTS t(x)").is_err() {}
        }
    });
    world.may_crash(node);
    let until = Until { deadline: Time::ZERO + Duration::from_secs(60), done: &|| false, last_step: 1_000 };
    sim.run(&until, &mut world);
    assert!(sim.incidents().is_empty(), "{:?}", sim.incidents());
    world.tear_down();
    assert_eq!(lives.get(), 2);
}
