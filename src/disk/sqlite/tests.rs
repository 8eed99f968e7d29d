//! SQLite on the simulated disk.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::backend::{Aside, Backend, BackendFile};
use super::{Observer, Volume};
use crate::check::{CheckMode, Checks};
use crate::choice::{Choices, Mode, Rate, Script, Seed, Settings, SiteSetting};
use crate::disk::{Contract, Disk, DiskError, DiskSetup, InodeId, Kind, OpenMode};
use crate::kernel::{Dispatch, Limits, Sim, Time, Until};
use crate::trace::Trace;
use crate::world::{Node, World};

fn aside() -> Volume {
    Volume::aside(Disk::new(DiskSetup::default()))
}

fn count(database: &rusqlite::Connection) -> i64 {
    database
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap()
}

fn pragmas(journal: &str, synchronous: &str) -> String {
    format!("PRAGMA journal_mode={journal}; PRAGMA synchronous={synchronous};")
}

/// Every journal mode works, and a database is found again when it is opened anew.
#[test]
fn journal_modes() {
    for journal in ["DELETE", "TRUNCATE", "PERSIST", "WAL", "MEMORY", "OFF"] {
        let volume = aside();
        for round in 1..=3 {
            let database = volume.open("dir.sqlite").unwrap();
            database.execute_batch(&pragmas(journal, "FULL")).unwrap();
            database
                .execute_batch(
                    "CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(randomblob(9000));",
                )
                .unwrap();
            assert_eq!(count(&database), round, "{journal}");
            let check: String = database
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .unwrap();
            assert_eq!(check, "ok");
        }
        let names = volume.disk().unwrap().read_dir("").unwrap();
        let left = if journal == "PERSIST" || journal == "TRUNCATE" {
            vec!["dir.sqlite", "dir.sqlite-journal"]
        } else {
            vec!["dir.sqlite"]
        };
        assert_eq!(names, left, "{journal}");
    }
}

/// Two connections see each other's locks at once, and who waits is told when a lock is given back.
#[test]
fn two_connections() {
    for journal in ["DELETE", "WAL"] {
        let volume = aside();
        let (a, b) = (volume.open("x").unwrap(), volume.open("x").unwrap());
        a.execute_batch(&pragmas(journal, "NORMAL")).unwrap();
        a.execute_batch("CREATE TABLE t(x); BEGIN IMMEDIATE; INSERT INTO t VALUES(1);")
            .unwrap();
        let refused = b.execute_batch("BEGIN IMMEDIATE").unwrap_err();
        assert_eq!(
            refused.sqlite_error_code(),
            Some(rusqlite::ErrorCode::DatabaseBusy),
            "{journal}"
        );
        assert_eq!(count(&b), 0, "{journal}: what is not committed is not seen");
        let mut released = std::pin::pin!(volume.released());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(released.as_mut().poll(&mut context).is_pending());
        a.execute_batch("COMMIT").unwrap();
        assert!(released.as_mut().poll(&mut context).is_ready());
        b.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES(2); COMMIT")
            .unwrap();
        assert_eq!((count(&a), count(&b)), (2, 2), "{journal}");
    }
}

/// An observer sees what was committed, also while a transaction is open whose pages are in the file already.
#[test]
fn observer() {
    for journal in ["DELETE", "WAL"] {
        let volume = aside();
        let database = volume.open("x").unwrap();
        database.execute_batch(&pragmas(journal, "FULL")).unwrap();
        database.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES(1); PRAGMA cache_size=5; PRAGMA cache_spill=1;").unwrap();
        let mut observer = Observer::new("x");
        assert!(observer.refresh(&volume.disk().unwrap()).unwrap());
        assert!(
            !observer.refresh(&volume.disk().unwrap()).unwrap(),
            "nothing has changed"
        );
        assert_eq!(count(observer.database().unwrap()), 1);
        database.execute_batch("BEGIN").unwrap();
        for _ in 0..40 {
            database
                .execute_batch("INSERT INTO t VALUES(randomblob(3000))")
                .unwrap();
        }
        let before = volume.disk().unwrap().content("x").unwrap();
        assert!(
            observer.refresh(&volume.disk().unwrap()).unwrap(),
            "{journal}: the cache was spilled"
        );
        assert_eq!(count(observer.database().unwrap()), 1, "{journal}");
        assert_eq!(
            volume.disk().unwrap().content("x").unwrap(),
            before,
            "looking changes nothing"
        );
        database.execute_batch("COMMIT").unwrap();
        assert!(observer.refresh(&volume.disk().unwrap()).unwrap());
        assert_eq!(count(observer.database().unwrap()), 41, "{journal}");
    }
}

/// A backend in which reading panics on demand.
struct Panicky(Aside, Rc<Cell<bool>>);

struct PanickyFile(Box<dyn BackendFile>, Rc<Cell<bool>>);

impl Backend for Panicky {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Box<dyn BackendFile>, DiskError> {
        Ok(Box::new(PanickyFile(
            self.0.open(path, mode)?,
            Rc::clone(&self.1),
        )))
    }
    fn unlink(&self, path: &str) -> Result<(), DiskError> {
        self.0.unlink(path)
    }
    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        self.0.sync_dir(path)
    }
    fn metadata(&self, path: &str) -> Result<Option<Kind>, DiskError> {
        self.0.metadata(path)
    }
    fn inode(&self, path: &str) -> Option<InodeId> {
        self.0.inode(path)
    }
    fn wall(&self) -> Duration {
        self.0.wall()
    }
    fn sleep(&self, time: Duration) {
        self.0.sleep(time);
    }
    fn is_alive(&self) -> bool {
        true
    }
    fn frozen_call(&self) {}
}

impl BackendFile for PanickyFile {
    fn inode(&self) -> InodeId {
        self.0.inode()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        assert!(!self.1.get(), "told to panic");
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, size: u64) -> Result<(), DiskError> {
        self.0.set_len(size)
    }
    fn size(&self) -> Result<u64, DiskError> {
        self.0.size()
    }
    fn sync(&self) -> Result<(), DiskError> {
        self.0.sync()
    }
}

/// A panic in a callback fails the call in C and goes on in Rust.
#[test]
fn a_panic_does_not_cross_c() {
    let switch = Rc::new(Cell::new(false));
    let disk = Rc::new(RefCell::new(Disk::new(DiskSetup::default())));
    let volume = Volume::new(Box::new(Panicky(Aside(disk), Rc::clone(&switch))), None);
    let database = volume.open("x").unwrap();
    database.execute_batch("CREATE TABLE t(x)").unwrap();
    let other = volume.open("x").unwrap();
    switch.set(true);
    let failed = other.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    assert!(failed.is_err());
    switch.set(false);
    let raised = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| count(&other)));
    assert_eq!(
        raised.unwrap_err().downcast_ref::<&str>(),
        Some(&"told to panic")
    );
    assert_eq!(count(&other), 0);
}

// --- inside a run --------------------------------------------------------------------------------------------------

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
    let last: i64 =
        database.query_row("SELECT coalesce(max(x), 0) FROM t", [], |row| row.get(0))?;
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
        database.execute(
            "INSERT INTO t VALUES(?1, zeroblob(?2))",
            [number, 500 + number * 700 % 6000],
        )?;
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
    let sim = Sim::new(
        choices,
        Trace::new(false, 100_000),
        Limits::default(),
        Dispatch::default(),
    );
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
                ledger.borrow_mut().damaged |=
                    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt);
            }
        }
    });
    world.may_crash(node);
    let until = Until {
        deadline: Time::ZERO + Duration::from_secs(300),
        done: &|| false,
        last_step: 10_000,
    };
    sim.run(&until, &mut world);
    assert!(sim.incidents().is_empty(), "{:?}", sim.incidents());
    let digest = sim.trace().digest().to_string();
    let script = sim.with_choices(|choices| choices.script());
    world.tear_down();
    let ledger = ledger.borrow().clone();
    Outcome {
        ledger,
        digest,
        script,
    }
}

/// Power cuts at any operation, one in so many, at most three in a run.
fn cuts(per_million: u32) -> Settings {
    let mut settings = Settings::default();
    let setting = SiteSetting {
        rate: Some(Rate::per_million(per_million)),
        max: Some(3),
        ..SiteSetting::default()
    };
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
        (
            "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;",
            false,
            false,
        ),
        (
            "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;",
            false,
            false,
        ),
        (
            "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=FULL;",
            false,
            false,
        ),
        (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            false,
            false,
        ),
        (
            "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;",
            true,
            false,
        ),
        (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            true,
            false,
        ),
        (
            "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;",
            true,
            true,
        ),
    ] {
        let (mut lost, mut damaged) = (0, 0);
        for seed in 0..seeds {
            let ran = ledger(
                seed,
                &cuts(20_000),
                &honest(),
                pragmas,
                Mode::Search,
                &Script::default(),
            )
            .ledger;
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
fn one_digest() {
    const PRAGMAS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
    let run = |seed: u64, mode: Mode, script: &Script| {
        ledger(seed, &cuts(20_000), &honest(), PRAGMAS, mode, script)
    };
    let first = run(7, Mode::Search, &Script::default());
    assert!(!first.script.is_empty());
    (100..150).for_each(|seed| drop(run(seed, Mode::Search, &Script::default())));
    assert_eq!(
        run(7, Mode::Search, &Script::default()).digest,
        first.digest
    );
    assert_eq!(run(0, Mode::Replay, &first.script).digest, first.digest);
    let digests = std::thread::scope(|scope| {
        let others = scope
            .spawn(|| (0..30).for_each(|seed| drop(run(seed, Mode::Search, &Script::default()))));
        let same = scope.spawn(|| {
            (0..10)
                .map(|_| run(7, Mode::Search, &Script::default()).digest)
                .collect::<Vec<_>>()
        });
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
            settings.sites.insert(
                "disk/power-cut".to_owned(),
                at(moment, "server:x.sqlite-journal", 2),
            );
            settings
                .sites
                .insert("disk/cut-state".to_owned(), at(cut, "server", 2));
            let ran = ledger(
                1,
                &settings,
                &honest(),
                PRAGMAS,
                Mode::Search,
                &Script::default(),
            )
            .ledger;
            assert_eq!((ran.lost, ran.damaged), (false, false), "{moment} {cut}");
            assert_eq!(
                ran.acknowledged, 4,
                "{moment} {cut}: the third life went on to the end"
            );
        }
    }
}

/// A dying stack that never stops using its database is unwound, in Rust and not through C.
#[test]
fn an_endless_dying_connection() {
    let mut settings = Settings::default();
    let setting = SiteSetting {
        pin: Some("before".to_owned()),
        max: Some(1),
        ..SiteSetting::default()
    };
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
            while database
                .execute_batch("CREATE TABLE IF NOT EXISTS t(x)")
                .is_err()
            {}
        }
    });
    world.may_crash(node);
    let until = Until {
        deadline: Time::ZERO + Duration::from_secs(60),
        done: &|| false,
        last_step: 1_000,
    };
    sim.run(&until, &mut world);
    assert!(sim.incidents().is_empty(), "{:?}", sim.incidents());
    world.tear_down();
    assert_eq!(lives.get(), 2);
}
