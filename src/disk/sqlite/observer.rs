//! Committed state, seen from outside.
//!
//! The observer opens SQLite on a copy-on-write fork of the files a node sees. Locks, faults and accounts
//! stay behind; a transaction that is open on the node is rolled back by SQLite's own recovery, on the fork.
//! Without a log, the connection is kept from look to look and finds the fork's files changed, as it would
//! if another process had written them; with one it is opened anew. After a crash, which may have damaged anything, it
//! is kept only if the schema reads as it did when it was opened, since SQLite does not read it a second time; a file that
//! is gone, or that has a log, is opened anew.
//! The next observer on the same thread takes it over under the same condition: opening a database and preparing its
//! statements costs more than looking at it, and nothing but its schema and its statements is still there from before.
//!
//! A journal that belongs to a commit over several databases counts only while its super-journal exists, so
//! the super-journals in the directory are part of what is looked at.

use std::cell::RefCell;

use rusqlite::types::Value;

use super::handle::parent;
use super::volume::{Database, Volume};
use crate::disk::Disk;

thread_local! {
    /// What observers that are gone have left behind.
    static IDLE: RefCell<Vec<(String, Look)>> = const { RefCell::new(Vec::new()) };
}

/// More than the databases a world has.
const IDLE_MAX: usize = 4;

/// A database that was looked at.
struct Look {
    at: Seen,
    database: Database,
    /// As it was at the last look before which the disk had crashed, or the database been opened or taken over.
    schema: Schema,
}

/// What a look was taken at.
#[derive(PartialEq)]
struct Seen {
    /// The version of each file.
    versions: [Option<u64>; 3],
    /// Paths of the super-journals that may decide what becomes of a journal.
    supers: Vec<String>,
    /// How often the disk had crashed.
    crashes: u32,
}

/// The rows of `sqlite_schema`; `None` if they cannot be read.
type Schema = Option<Vec<[Value; 5]>>;

/// Looks at one database of a node, again and again.
pub struct Observer {
    files: [String; 3],
    last: Option<Look>,
}

impl Observer {
    /// An observer of the database at this path.
    #[must_use]
    pub fn new(path: &str) -> Observer {
        let files = ["", "-journal", "-wal"].map(|suffix| format!("{path}{suffix}"));
        Observer { files, last: None }
    }

    /// Takes a new look if a file of the database has changed since the last one. Answers whether it has.
    ///
    /// # Errors
    /// Those of SQLite: the database cannot be opened.
    pub fn refresh(&mut self, disk: &Disk) -> rusqlite::Result<bool> {
        let now = Seen {
            versions: [0, 1, 2].map(|index| disk.version(&self.files[index])),
            supers: self.super_journals(disk),
            crashes: disk.crashes(),
        };
        if self.last.as_ref().is_some_and(|last| last.at == now) {
            return Ok(false);
        }
        let (last, may_differ) = match self.last.take() {
            Some(last) => {
                let has_crashed = last.at.crashes != now.crashes;
                (Some(last), has_crashed)
            }
            None => (take_over(&self.files[0]), true),
        };
        let mut supers = now.supers.clone();
        supers.extend(last.iter().flat_map(|last| last.at.supers.iter().cloned()));
        let names: Vec<&str> = self.files.iter().chain(&supers).map(String::as_str).collect();
        let kept = match last {
            Some(last) if can_follow(&last.at, &now) && last.database.volume().follow(disk, &names) => {
                // Nothing that was read from the files as they were before may be used again.
                last.database.release_memory()?;
                let is_sound = !may_differ || last.schema.is_some() && read_schema(&last.database) == last.schema;
                is_sound.then_some(last)
            }
            _ => None,
        };
        self.last = Some(match kept {
            Some(last) => Look { at: now, ..last },
            None => {
                let fork = disk.fork_files(&names).unwrap_or_else(|error| panic!("{}: {error}", self.files[0]));
                let database = Volume::aside(fork).open(&self.files[0])?;
                let schema = read_schema(&database);
                Look { at: now, database, schema }
            }
        });
        Ok(true)
    }

    /// The super-journals beside the database, if there is a journal they may decide about. SQLite makes up their
    /// names, behind that of the database whose connection commits.
    fn super_journals(&self, disk: &Disk) -> Vec<String> {
        const JOURNAL: usize = 1;
        if !disk.exists(&self.files[JOURNAL]) {
            return Vec::new();
        }
        let directory = parent(&self.files[0]);
        let names = disk.read_dir(directory).unwrap_or_default();
        let supers = names.into_iter().filter(|name| name.contains("-mj"));
        supers.map(|name| if directory.is_empty() { name } else { format!("{directory}/{name}") }).collect()
    }

    /// The database at the last look; `None` before the first. It is for reading.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.last.as_ref().map(|last| &last.database)
    }
}

impl Drop for Observer {
    /// Leaves the database to the next, without its content.
    fn drop(&mut self) {
        let Some(last) = self.last.take().filter(|last| last.database.is_at_rest()) else {
            return;
        };
        let path = std::mem::take(&mut self.files[0]);
        if !last.database.volume().keep_only(&path) || last.database.release_memory().is_err() {
            return;
        }
        // A thread that ends drops what is left here anyway.
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            idle.truncate(IDLE_MAX - 1);
            idle.insert(0, (path, last));
        });
    }
}

/// What an observer of this path has left behind.
fn take_over(path: &str) -> Option<Look> {
    IDLE.with_borrow_mut(|idle| {
        let at = idle.iter().position(|(of, _)| of == path)?;
        Some(idle.remove(at).1)
    })
}

/// Whether an open connection sees what the files have become. Not if there is a log, or was one, whose index in the
/// memory of the connection would be stale; nor if the database is gone, since what comes by its name later is another
/// file than the one that is open.
fn can_follow(before: &Seen, now: &Seen) -> bool {
    const DATABASE: usize = 0;
    const LOG: usize = 2;
    now.versions[DATABASE].is_some() && before.versions[LOG].is_none() && now.versions[LOG].is_none()
}

fn read_schema(database: &Database) -> Schema {
    let mut statement =
        database.prepare_cached("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema").ok()?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]));
    rows.ok()?.collect::<rusqlite::Result<_>>().ok()
}
