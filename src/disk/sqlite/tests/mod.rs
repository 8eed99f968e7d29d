//! SQLite on the simulated disk.

mod hooked;
mod ledger;
mod observer;
mod panics;
mod syncs;

use super::Volume;
use crate::disk::{Disk, DiskSetup};

fn aside() -> Volume {
    Volume::aside(Disk::new(DiskSetup::default()))
}

fn count(database: &rusqlite::Connection) -> i64 {
    database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
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
            database.execute_batch("CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(randomblob(9000));").unwrap();
            assert_eq!(count(&database), round, "{journal}");
            let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
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
        a.execute_batch("CREATE TABLE t(x); BEGIN IMMEDIATE; INSERT INTO t VALUES(1);").unwrap();
        let refused = b.execute_batch("BEGIN IMMEDIATE").unwrap_err();
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy), "{journal}");
        assert_eq!(count(&b), 0, "{journal}: what is not committed is not seen");
        let mut released = std::pin::pin!(volume.released());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(released.as_mut().poll(&mut context).is_pending());
        let c = volume.open("x").unwrap();
        assert!(c.execute_batch("BEGIN IMMEDIATE").is_err(), "{journal}");
        assert!(released.as_mut().poll(&mut context).is_pending(), "{journal}: who is refused wakes nobody");
        a.execute_batch("COMMIT").unwrap();
        assert!(released.as_mut().poll(&mut context).is_ready());
        b.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES(2); COMMIT").unwrap();
        assert_eq!((count(&a), count(&b)), (2, 2), "{journal}");
    }
}
