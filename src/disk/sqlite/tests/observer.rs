//! What an observer sees.

use std::cell::RefCell;
use std::rc::Rc;

use super::hooked::{Call, Hooked};
use super::{aside, count, pragmas};
use crate::choice::{Domain, Expander};
use crate::disk::sqlite::backend::Aside;
use crate::disk::sqlite::{Observer, Volume};
use crate::disk::{Disk, DiskSetup};

/// An observer sees what was committed, also while a transaction is open whose pages are in the file already.
#[test]
fn observer() {
    for journal in ["DELETE", "WAL"] {
        let volume = aside();
        let database = volume.open("x").unwrap();
        database.execute_batch(&pragmas(journal, "FULL")).unwrap();
        database
            .execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES(1); PRAGMA cache_size=5; PRAGMA cache_spill=1;")
            .unwrap();
        let mut observer = Observer::new("x");
        assert!(observer.refresh(&volume.disk().unwrap()).unwrap());
        assert!(!observer.refresh(&volume.disk().unwrap()).unwrap(), "nothing has changed");
        assert_eq!(count(observer.database().unwrap()), 1);
        database.execute_batch("BEGIN").unwrap();
        for _ in 0..40 {
            database.execute_batch("INSERT INTO t VALUES(randomblob(3000))").unwrap();
        }
        let before = volume.disk().unwrap().content("x").unwrap();
        assert!(observer.refresh(&volume.disk().unwrap()).unwrap(), "{journal}: the cache was spilled");
        assert_eq!(count(observer.database().unwrap()), 1, "{journal}");
        assert_eq!(volume.disk().unwrap().content("x").unwrap(), before, "looking changes nothing");
        database.execute_batch("COMMIT").unwrap();
        assert!(observer.refresh(&volume.disk().unwrap()).unwrap());
        assert_eq!(count(observer.database().unwrap()), 41, "{journal}");
    }
}

/// An observer that keeps its connection sees the same as one that has just come, whatever happens between
/// two looks.
#[test]
fn a_kept_observer_is_not_stale() {
    for journal in ["DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL"] {
        let volume = aside();
        let database = volume.open("x").unwrap();
        database.execute_batch(&pragmas(journal, "FULL")).unwrap();
        database.execute_batch("CREATE TABLE t(x, pad); PRAGMA cache_size=5;").unwrap();
        let mut kept = Observer::new("x");
        let mut expander = Expander::new(11);
        for step in 0..300 {
            let statement = match expander.below(10) {
                0 if database.is_autocommit() => "BEGIN".to_owned(),
                0 => "COMMIT".to_owned(),
                1 if !database.is_autocommit() => "ROLLBACK".to_owned(),
                2 => format!("DELETE FROM t WHERE x % 3 = {}", step % 3),
                3 => format!("UPDATE t SET x = x + 1 WHERE x % 5 = {}", step % 5),
                4 if step % 7 == 0 => format!("CREATE TABLE u{step}(y)"),
                _ => format!("INSERT INTO t VALUES({step}, randomblob({}))", step * 37 % 5000),
            };
            database.execute_batch(&statement).unwrap();
            if journal == "MEMORY" && !database.is_autocommit() {
                // Without a journal on the disk nobody outside can tell what is committed.
                continue;
            }
            let disk = volume.disk().unwrap();
            kept.refresh(&disk).unwrap();
            let mut fresh = Observer::new("x");
            fresh.refresh(&disk).unwrap();
            let summary = |observer: &Observer| -> (i64, i64, i64) {
                let database = observer.database().unwrap();
                let sum =
                    "SELECT count(*), coalesce(sum(x + length(pad)), 0), (SELECT count(*) FROM sqlite_schema) FROM t";
                database.query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
            };
            assert_eq!(summary(&kept), summary(&fresh), "{journal} {step}: {statement}");
        }
    }
}

/// What an observer reads: how many rows, or why it cannot.
fn read(observer: &mut Observer, disk: &Disk) -> Result<i64, String> {
    observer.refresh(disk).map_err(|error| error.to_string())?;
    let database = observer.database().expect("it has looked");
    database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).map_err(|error| error.to_string())
}

/// An observer that keeps its connection over a crash sees the same as one that has just come: what a power cut has
/// left, what follows it, and that the schema is damaged although SQLite does not read it a second time.
#[test]
fn a_kept_observer_sees_what_a_crash_left() {
    let mut expander = Expander::new(5);
    for journal in ["DELETE", "TRUNCATE", "PERSIST", "WAL"] {
        let volume = aside();
        let database = volume.open("x").unwrap();
        database.execute_batch(&pragmas(journal, "FULL")).unwrap();
        database.execute_batch("CREATE TABLE t(x)").unwrap();
        let mut kept = Observer::new("x");
        for step in 0..60 {
            let begin = if step % 3 == 0 { "BEGIN; " } else { "" };
            let insert = format!("{begin}INSERT INTO t VALUES(randomblob({}))", step * 37 % 5000);
            database.execute_batch(&insert).unwrap();
            let mut cut = volume.disk().unwrap();
            let shape = cut.cut_shape();
            cut.power_cut(&shape, &shape.draw(&mut expander));
            assert_eq!(read(&mut kept, &cut), read(&mut Observer::new("x"), &cut), "{journal} {step}");
            if !database.is_autocommit() {
                database.execute_batch("COMMIT").unwrap();
            }
            assert_eq!(read(&mut kept, &volume.disk().unwrap()), Ok(step + 1), "{journal} {step}");
        }
        if journal == "WAL" {
            // The file itself has no schema yet, and an observer of a log keeps nothing.
            continue;
        }
        let mut damaged = volume.disk().unwrap();
        let mut bytes = damaged.content("x").unwrap();
        let table = bytes.windows(12).position(|bytes| bytes == b"CREATE TABLE").unwrap();
        bytes[table] = b'X';
        damaged.install("x", &bytes).unwrap();
        damaged.kill_process();
        let error = read(&mut kept, &damaged).unwrap_err();
        assert!(error.contains("malformed"), "{journal}: {error}");
        assert_eq!(read(&mut Observer::new("x"), &damaged), Err(error), "{journal}");
    }
}

/// An observer that takes over what another has left sees its own database, whether or not it was there at the first
/// look: a file of the same name is not the one that is still open.
#[test]
fn an_observer_that_takes_over_sees_its_own_file() {
    let filled = |rows: i64| {
        let volume = aside();
        let database = volume.open("x").unwrap();
        database.execute_batch("CREATE TABLE t(x)").unwrap();
        for row in 0..rows {
            database.execute("INSERT INTO t VALUES(?)", [row]).unwrap();
        }
        volume.disk().unwrap()
    };
    assert_eq!(read(&mut Observer::new("x"), &filled(3)), Ok(3));
    assert_eq!(read(&mut Observer::new("x"), &filled(5)), Ok(5), "there at the first look");
    let mut late = Observer::new("x");
    assert!(read(&mut late, &Disk::new(DiskSetup::default())).unwrap_err().contains("no such table"));
    assert_eq!(read(&mut late, &filled(7)), Ok(7), "there at the second look");
    assert!(read(&mut late, &Disk::new(DiskSetup::default())).unwrap_err().contains("no such table"));
}

/// A commit over two databases is seen once its super-journal is gone, and not before, although by then every page is
/// in both files.
#[test]
fn a_commit_over_two_files_is_one() {
    let disk = Rc::new(RefCell::new(Disk::new(DiskSetup::default())));
    let shots: Rc<RefCell<Vec<Disk>>> = Rc::default();
    let (source, taken) = (Rc::clone(&disk), Rc::clone(&shots));
    let hook = move |call: Call<'_>| {
        if let Call::Unlink(path) = call
            && path.contains("-mj")
        {
            let mut shot = source.borrow().clone();
            taken.borrow_mut().push(shot.clone());
            shot.unlink(path).unwrap();
            taken.borrow_mut().push(shot);
        }
    };
    let volume = Volume::new(Box::new(Hooked(Aside(Rc::clone(&disk)), Rc::new(hook))), None);
    disk.borrow_mut().create_dir("d").unwrap();
    let database = volume.open("d/x").unwrap();
    database.execute_batch("ATTACH 'd/y' AS y; CREATE TABLE main.t(x); CREATE TABLE y.t(x);").unwrap();
    let mut observers = ["d/x", "d/y"].map(Observer::new);
    for observer in &mut observers {
        observer.refresh(&disk.borrow()).unwrap();
    }
    shots.borrow_mut().clear();
    database.execute_batch("BEGIN; INSERT INTO main.t VALUES(1); INSERT INTO y.t VALUES(1); COMMIT").unwrap();
    let shots = shots.borrow();
    let [before, after] = shots.as_slice() else { panic!("{} shots", shots.len()) };
    for observer in &mut observers {
        for (shot, rows) in [(before, 0), (after, 1), (&*disk.borrow(), 1)] {
            observer.refresh(shot).unwrap();
            assert_eq!(count(observer.database().unwrap()), rows);
        }
    }
}
