//! Committed state, seen from outside.
//!
//! The observer opens SQLite on a copy-on-write fork of the files a node sees. Locks, faults and accounts
//! stay behind; a transaction that is open on the node is rolled back by SQLite's own recovery, on the fork.

use super::volume::{Database, Volume};
use crate::disk::Disk;

/// Looks at one database of a node, again and again.
pub struct Observer {
    files: [String; 3],
    seen: Option<[Option<u64>; 3]>,
    database: Option<Database>,
}

impl Observer {
    /// An observer of the database at this path.
    #[must_use]
    pub fn new(path: &str) -> Observer {
        let files = ["", "-journal", "-wal"].map(|suffix| format!("{path}{suffix}"));
        Observer {
            files,
            seen: None,
            database: None,
        }
    }

    /// Takes a new fork if a file of the database has changed since the last look. Answers whether it has.
    ///
    /// # Errors
    /// Those of SQLite: the database cannot be opened.
    pub fn refresh(&mut self, disk: &Disk) -> rusqlite::Result<bool> {
        let now = [0, 1, 2].map(|index| disk.version(&self.files[index]));
        if self.seen == Some(now) {
            return Ok(false);
        }
        self.database = None;
        let names = [0, 1, 2].map(|index| self.files[index].as_str());
        let fork = disk
            .fork_files(&names)
            .unwrap_or_else(|error| panic!("{}: {error}", self.files[0]));
        let database = Volume::aside(fork).open(&self.files[0])?;
        self.database = Some(database);
        self.seen = Some(now);
        Ok(true)
    }

    /// The database at the last look; `None` before the first.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }
}
