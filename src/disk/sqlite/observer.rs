//! Committed state, seen from outside.
//!
//! The observer opens SQLite on a copy-on-write fork of the files a node sees. Locks, faults and accounts
//! stay behind; a transaction that is open on the node is rolled back by SQLite's own recovery, on the fork.
//! Without a log, the connection is kept from look to look and finds the fork's files changed, as it would
//! if another process had written them; with one, or after a crash, it is opened anew.

use super::volume::{Database, Volume};
use crate::disk::Disk;

/// What a look was taken at: the version of each file, and how often the disk had crashed.
type Seen = ([Option<u64>; 3], u32);

/// Looks at one database of a node, again and again.
pub struct Observer {
    files: [String; 3],
    seen: Option<Seen>,
    database: Option<Database>,
}

impl Observer {
    /// An observer of the database at this path.
    #[must_use]
    pub fn new(path: &str) -> Observer {
        let files = ["", "-journal", "-wal"].map(|suffix| format!("{path}{suffix}"));
        Observer { files, seen: None, database: None }
    }

    /// Takes a new look if a file of the database has changed since the last one. Answers whether it has.
    ///
    /// # Errors
    /// Those of SQLite: the database cannot be opened.
    pub fn refresh(&mut self, disk: &Disk) -> rusqlite::Result<bool> {
        let now = ([0, 1, 2].map(|index| disk.version(&self.files[index])), disk.crashes());
        if self.seen == Some(now) {
            return Ok(false);
        }
        let names = [0, 1, 2].map(|index| self.files[index].as_str());
        let kept = match (&self.seen, self.database.take()) {
            (Some(before), Some(database)) if goes_on(before, &now) => {
                database.volume().follow(disk, &names).then_some(database)
            }
            _ => None,
        };
        let database = match kept {
            Some(database) => {
                // Nothing that was read from the files as they were before may be used again.
                database.release_memory()?;
                database
            }
            None => {
                let fork = disk.fork_files(&names).unwrap_or_else(|error| panic!("{}: {error}", self.files[0]));
                Volume::aside(fork).open(&self.files[0])?
            }
        };
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

/// Whether a connection can be kept: no crash came between, and there is no log whose index would be stale.
fn goes_on(before: &Seen, now: &Seen) -> bool {
    const LOG: usize = 2;
    before.1 == now.1 && before.0[LOG].is_none() && now.0[LOG].is_none()
}
