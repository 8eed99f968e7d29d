//! The database as a file on the server's disk: how a run finds it, how a worker opens it, and what is committed in it, as
//! seen by an observer that disturbs nothing.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Mutex;

use super::fixture::Fixture;
use super::orm::OrmResult;
use super::rows::Rows;
use super::schema::ddl;
use super::variants::Journal;
use crate::disk::sqlite::{Database, Observer, Volume};
use crate::disk::{Disk, DiskSetup};
use crate::kernel::NodeId;
use crate::world::World;

/// The file.
pub const FILE: &str = "amy.sqlite";

/// Templates that are kept: more than a sweep needs.
const KEPT_MAX: usize = 256;

/// The bytes of a new file with this content; the same in every run, so they are made once.
fn template(fixture: &Fixture, is_log: bool) -> Vec<u8> {
    type Templates = BTreeMap<(Fixture, bool), Vec<u8>>;
    static MADE: Mutex<Templates> = Mutex::new(Templates::new());
    let key = (fixture.clone(), is_log);
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(bytes) = made.get(&key) {
        return bytes.clone();
    }
    let volume = Volume::aside(Disk::new(DiskSetup::default()));
    let database = volume.open(FILE).unwrap_or_else(|error| panic!("a disk aside has no faults: {error}"));
    let mode = if is_log { "WAL" } else { "DELETE" };
    let filled = database
        .execute_batch(&format!("PRAGMA journal_mode = {mode}; BEGIN; {} {} COMMIT;", ddl(), fixture.sql()))
        .and_then(|()| database.execute_batch("PRAGMA journal_mode"));
    filled.unwrap_or_else(|error| panic!("the fixture fits the tables: {error}"));
    // The last to close a log copies it back.
    drop(database);
    let bytes = volume.disk().and_then(|disk| disk.content(FILE).ok()).unwrap_or_default();
    if made.len() >= KEPT_MAX {
        made.clear();
    }
    made.insert(key, bytes.clone());
    bytes
}

impl Journal {
    /// Whether it is a write-ahead log, which a file says of itself.
    fn is_log(self) -> bool {
        matches!(self, Journal::WalFull | Journal::WalNormal)
    }

    /// What a connection says.
    fn pragmas(self) -> &'static str {
        match self {
            Journal::Off => "PRAGMA synchronous = FULL; PRAGMA journal_mode = OFF",
            Journal::DeleteFull => "PRAGMA synchronous = FULL",
            Journal::DeleteExtra => "PRAGMA synchronous = EXTRA",
            Journal::TruncateFull => "PRAGMA synchronous = FULL; PRAGMA journal_mode = TRUNCATE",
            Journal::PersistFull => "PRAGMA synchronous = FULL; PRAGMA journal_mode = PERSIST",
            Journal::WalFull => "PRAGMA synchronous = FULL",
            Journal::WalNormal => "PRAGMA synchronous = NORMAL",
        }
    }
}

/// Lets a node's disk begin with the database there.
pub fn install(world: &World, node: &str, fixture: &Fixture, journal: Journal) {
    let mut disk = Disk::new(DiskSetup::default());
    let bytes = template(fixture, journal.is_log());
    disk.install(FILE, &bytes).unwrap_or_else(|error| panic!("a disk aside has no faults: {error}"));
    world.disks().install(node, &disk);
}

/// Opens the database for a worker.
///
/// # Errors
/// Those of SQLite: it may have to recover first, and somebody else may be doing that.
pub fn open(volume: &Volume, journal: Journal) -> OrmResult<Database> {
    let database = volume.open(FILE)?;
    database.execute_batch(journal.pragmas())?;
    Ok(database)
}

/// What is committed.
pub struct Committed {
    world: World,
    node: NodeId,
    observer: Observer,
    rows: Rc<Rows>,
}

impl Committed {
    /// On this node.
    ///
    /// # Panics
    /// If the file cannot be read before anything has happened to it.
    #[must_use]
    pub fn new(world: &World, node: NodeId) -> Committed {
        let mut observer = Observer::new(FILE);
        let looked = world.disks().look(node, |disk| observer.refresh(disk));
        let database = observer.database();
        let rows = looked.and_then(|_| database.map(|database| Rows::read(database, None)).transpose());
        let rows = rows.ok().flatten().unwrap_or_else(|| panic!("a new file can be read"));
        Committed { world: world.clone(), node, observer, rows: Rc::new(rows) }
    }

    /// What was there at the last look.
    #[must_use]
    pub fn rows(&self) -> Rc<Rows> {
        Rc::clone(&self.rows)
    }

    /// Looks again; answers whether anything has changed.
    ///
    /// # Errors
    /// It cannot be read although nothing goes wrong: it is damaged.
    pub fn refresh(&mut self) -> rusqlite::Result<bool> {
        let Committed { world, node, observer, rows } = self;
        let has_changed = world.disks().look(*node, |disk| observer.refresh(disk))?;
        let Some(database) = observer.database().filter(|_| has_changed) else {
            return Ok(false);
        };
        let now = Rows::read(database, Some(rows))?;
        if now == **rows {
            return Ok(false);
        }
        *rows = Rc::new(now);
        Ok(true)
    }

    /// What SQLite's own check says: nothing if all is well.
    ///
    /// # Errors
    /// It cannot even be checked.
    pub fn damage(&self) -> rusqlite::Result<Option<String>> {
        let Some(database) = self.observer.database() else {
            return Ok(None);
        };
        let said: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        Ok((said != "ok").then_some(said))
    }
}
