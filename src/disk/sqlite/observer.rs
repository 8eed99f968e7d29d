//! Committed state, seen from outside.
//!
//! The observer opens SQLite on a copy-on-write fork of the files a node sees. Locks, faults and accounts
//! stay behind; a transaction that is open on the node is rolled back by SQLite's own recovery, on the fork.
//! Without a log, the connection is kept from look to look and finds the fork's files changed, as it would
//! if another process had written them; with one it is opened anew. After a crash, which may have damaged anything, it
//! is kept only if the schema reads as it did when it was opened, since SQLite does not read it a second time.
//!
//! A journal that belongs to a commit over several databases counts only while its super-journal exists, so
//! the super-journals in the directory are part of what is looked at.

use rusqlite::types::Value;

use super::handle::parent;
use super::volume::{Database, Volume};
use crate::disk::Disk;

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
    seen: Option<Seen>,
    database: Option<Database>,
    /// As it was at the last look before which the disk had crashed, or the database been opened.
    schema: Schema,
}

impl Observer {
    /// An observer of the database at this path.
    #[must_use]
    pub fn new(path: &str) -> Observer {
        let files = ["", "-journal", "-wal"].map(|suffix| format!("{path}{suffix}"));
        Observer { files, seen: None, database: None, schema: None }
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
        if self.seen.as_ref() == Some(&now) {
            return Ok(false);
        }
        let known = self.seen.iter().flat_map(|seen| &seen.supers).chain(&now.supers);
        let names: Vec<&str> = self.files.iter().chain(known).map(String::as_str).collect();
        let kept = match (&self.seen, self.database.take()) {
            (Some(before), Some(database)) if !has_log(before, &now) && database.volume().follow(disk, &names) => {
                // Nothing that was read from the files as they were before may be used again.
                database.release_memory()?;
                let is_sound =
                    before.crashes == now.crashes || self.schema.is_some() && read_schema(&database) == self.schema;
                is_sound.then_some(database)
            }
            _ => None,
        };
        let database = match kept {
            Some(database) => database,
            None => {
                let fork = disk.fork_files(&names).unwrap_or_else(|error| panic!("{}: {error}", self.files[0]));
                let database = Volume::aside(fork).open(&self.files[0])?;
                self.schema = read_schema(&database);
                database
            }
        };
        self.database = Some(database);
        self.seen = Some(now);
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

    /// The database at the last look; `None` before the first.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }
}

/// Whether there is a log, or was one, whose index in the memory of a connection would be stale.
fn has_log(before: &Seen, now: &Seen) -> bool {
    const LOG: usize = 2;
    before.versions[LOG].is_some() || now.versions[LOG].is_some()
}

fn read_schema(database: &Database) -> Schema {
    let mut statement =
        database.prepare_cached("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema").ok()?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]));
    rows.ok()?.collect::<rusqlite::Result<_>>().ok()
}
