//! A partial-write calibration: SQLite under power cuts. Numbered transactions, each acknowledged after its commit; no
//! acknowledged one may ever be gone, and no file damaged. Which of SQLite's modes promise that, and which keep it?
//! Its scenarios lie beside it: `cargo run --release --example ledger`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use seedbed::disk::sqlite::{Database, Observer, Volume, rusqlite};
use seedbed::kernel::NodeId;
use seedbed::prelude::*;
use serde::{Deserialize, Serialize};

const PATH: &str = "ledger.sqlite";

/// The flow. Variants are named `<journal mode>-<synchronous>`.
struct Ledger;

/// One transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    /// A value is written: the file grows, unless a former value gives its pages.
    Put { key: u8, bytes: u16 },
    /// A value goes; its pages are free and stay in the file.
    Delete { key: u8 },
    /// Free pages leave the file, which shrinks.
    Shrink,
    /// All of the file is written anew, without its free pages.
    Vacuum,
}

impl Flow for Ledger {
    type Config = NoConfig;
    type Op = Entry;

    const INFO: FlowInfo = FlowInfo {
        variants: MODES,
        invariants: &[
            InvariantInfo::always("undamaged", "integrity_check is ok, and there is what some number of entries left"),
            InvariantInfo::always("acknowledged-survives", "an acknowledged transaction is there from then on"),
            InvariantInfo::always("all-but-last-survive", "of the acknowledged transactions at most the last one goes"),
            InvariantInfo::eventually("complete", "once faults have stopped, every transaction is entered"),
        ],
        sometimes: &[Named::new("cut-while-opening", "the power goes off while the file is created or recovered")],
        outcomes: &[Named::new("acknowledged", "committed"), Named::new("error", "refused, and tried again")],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("ledger", "SQLite's journal modes and levels of synchronous", "sqlite.org/pragma.html")
    };

    fn operation(_: &NoConfig) -> BoxedStrategy<Entry> {
        let entry = |(kind, key, bytes)| match kind {
            0..=5 => Entry::Put { key, bytes },
            6..=8 => Entry::Delete { key },
            9..=10 => Entry::Shrink,
            _ => Entry::Vacuum,
        };
        (0_u8..12, 0_u8..4, 1_u16..9_000).prop_map(entry).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let (journal, synchronous) = setup.variant.split_once('-').expect("a mode and a level");
        let ledger = Rc::new(State {
            pragmas: (journal.to_owned(), synchronous.to_owned()),
            entries: setup.operations.into_iter().map(|(_, entry)| entry).collect(),
            acknowledged: Cell::new(0),
            opening: Cell::new(false),
            complete: Cell::new(false),
        });
        let shared = Rc::clone(&ledger);
        let server = world.client("server", move |node| serve(node, Rc::clone(&shared)));
        world.may_crash(server);
        world.run_limit(Duration::from_secs(60));
        let shown = Rc::clone(&ledger);
        world.snapshot("server", move || json!({ "acknowledged": shown.acknowledged.get() }));
        let audit = Rc::new(RefCell::new(Audit {
            observer: Observer::new(PATH),
            world: world.clone(),
            server,
            ledger: Rc::clone(&ledger),
            last: (u64::MAX, None),
        }));
        let look = Rc::clone(&audit);
        world.always("undamaged", move || match look.borrow_mut().look() {
            Some(Err((cause, detail))) => Outcome::violated(cause, detail),
            Some(Ok(_)) => Outcome::Held,
            None => Outcome::Idle,
        });
        for (id, spared) in [("acknowledged-survives", 0), ("all-but-last-survive", 1)] {
            let (audit, ledger) = (Rc::clone(&audit), Rc::clone(&ledger));
            world.always(id, move || match (audit.borrow_mut().look(), ledger.acknowledged.get()) {
                (Some(Ok(there)), promised) if there + spared < promised => {
                    let detail = format!("acknowledged up to {promised}, there up to {there}");
                    Outcome::violated("acknowledged and gone", detail)
                }
                (Some(Ok(_)), 1..) => Outcome::Held,
                _ => Outcome::Idle,
            });
        }
        world.eventually("complete", move || match ledger.complete.get() {
            true => Outcome::Held,
            false => {
                Outcome::violated("not all is entered", format!("acknowledged up to {}", ledger.acknowledged.get()))
            }
        });
    }
}

/// What there is besides the disk. The server keeps only what a new life of it would know, too.
struct State {
    pragmas: (String, String),
    entries: Vec<Entry>,
    /// The last transaction that somebody was told of.
    acknowledged: Cell<u32>,
    /// The database is being opened.
    opening: Cell<bool>,
    /// Everything is entered.
    complete: Cell<bool>,
}

type Tried<T> = Result<T, Box<dyn Error>>;

/// One life of the server: until all is entered, or the power goes off.
async fn serve(node: Node, ledger: Rc<State>) {
    if ledger.opening.get() {
        node.sometimes("cut-while-opening");
    }
    while work(&node, &ledger).await.is_err() {
        node.outcome("error");
        node.sleep(Duration::from_millis(500)).await;
    }
    ledger.complete.set(node.is_alive());
}

/// Opens the database, looks up how far it came, and goes on from there; up to the first error.
async fn work(node: &Node, ledger: &State) -> Tried<()> {
    ledger.opening.set(true);
    let opened = open(node, &ledger.pragmas);
    ledger.opening.set(!node.is_alive());
    let (database, entered) = opened?;
    for (number, entry) in (1..).zip(&ledger.entries).skip(entered as usize) {
        enter(&database, number, entry)?;
        // When the power goes off inside SQLite, this code runs on to its next await: nobody hears it any more.
        if node.is_alive() {
            ledger.acknowledged.set(number);
            node.outcome("acknowledged");
        }
        node.sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// The first statement that reads the file also recovers it, still with SQLite's defaults: DELETE and FULL.
fn open(node: &Node, (journal, synchronous): &(String, String)) -> Tried<(Database, u32)> {
    let database = Volume::of_node(&node.disk().blocking()).open(PATH)?;
    // Small numbers, so that large transactions write to the file before they commit, and a log ends often.
    database.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA cache_size = 3; PRAGMA wal_autocheckpoint = 8")?;
    let mode: String = database.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| row.get(0))?;
    if mode != *journal {
        return Err(format!("SQLite could not change the mode, and stays with {mode}").into());
    }
    database.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; CREATE TABLE IF NOT EXISTS entry(key INTEGER PRIMARY KEY, value BLOB)"
    ))?;
    let entered = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((database, entered))
}

/// One transaction. Its number is the file's user_version, which is part of it.
fn enter(database: &rusqlite::Connection, number: u32, entry: &Entry) -> Tried<()> {
    if let Entry::Vacuum = entry {
        database.execute_batch("VACUUM")?; // a transaction of its own
    }
    let transaction = database.unchecked_transaction()?;
    match *entry {
        Entry::Put { key, bytes } => {
            transaction.execute("REPLACE INTO entry VALUES(?1, ?2)", (key, value(number, bytes)))?;
        }
        Entry::Delete { key } => {
            transaction.execute("DELETE FROM entry WHERE key = ?1", [key])?;
        }
        Entry::Shrink => {
            let mut freeing = transaction.prepare("PRAGMA incremental_vacuum")?;
            let mut pages = freeing.query([])?;
            while pages.next()?.is_some() {}
        }
        Entry::Vacuum => {}
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {number}"))?;
    Ok(transaction.commit()?)
}

fn value(number: u32, bytes: u16) -> Vec<u8> {
    vec![number as u8; usize::from(bytes)]
}

/// Looks at what is committed, whenever it has changed.
struct Audit {
    observer: Observer,
    world: World,
    server: NodeId,
    ledger: Rc<State>,
    /// The step of the last look, and what was new in it.
    last: (u64, Option<Audited>),
}

/// How many transactions are there; or what is wrong with the file.
type Audited = Result<u32, (&'static str, String)>;

impl Audit {
    /// `None`: nothing has changed.
    fn look(&mut self) -> Option<Audited> {
        let step = self.world.sim().step();
        if self.last.0 != step {
            // A copy of the disk, which SQLite recovers as it would after a power cut: no fault strikes it.
            let changed = self.world.disks().look(self.server, |disk| self.observer.refresh(disk));
            let found = match (changed, self.observer.database()) {
                (Ok(true), Some(database)) => Some(audit(database, &self.ledger.entries)),
                (Ok(_), _) => None,
                (Err(error), _) => Some(Err(("it cannot be opened", error.to_string()))),
            };
            self.last = (step, found);
        }
        self.last.1.clone()
    }
}

fn audit(database: &rusqlite::Connection, entries: &[Entry]) -> Audited {
    let unreadable = |error: rusqlite::Error| ("it cannot be read", error.to_string());
    let complaint: String =
        database.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
    if complaint != "ok" {
        return Err(("integrity_check complains", complaint));
    }
    let (number, rows) = contents(database).map_err(unreadable)?;
    let mut expected = BTreeMap::new();
    for (number, entry) in (1..).zip(&entries[..entries.len().min(number as usize)]) {
        match *entry {
            Entry::Put { key, bytes } => drop(expected.insert(key, value(number, bytes))),
            Entry::Delete { key } => drop(expected.remove(&key)),
            Entry::Shrink | Entry::Vacuum => {}
        }
    }
    if number as usize > entries.len() || rows != expected {
        let keys: Vec<_> = rows.keys().collect();
        return Err(("these rows were never there together", format!("transaction {number}, keys {keys:?}")));
    }
    Ok(number)
}

/// The number of the last transaction, and all values by key.
fn contents(database: &rusqlite::Connection) -> rusqlite::Result<(u32, BTreeMap<u8, Vec<u8>>)> {
    let number = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: u32 = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok((number, BTreeMap::new()));
    }
    let mut select = database.prepare_cached("SELECT key, value FROM entry")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((number, rows.collect::<Result<_, _>>()?))
}

/// SQLite's journal modes times its levels of synchronous, and what power cuts do to each on file systems that keep what
/// they promise. FULL and EXTRA differ by one thing: whether the directory is synced after a journal was removed.
const MODES: &[Named] = &[
    Named::new("delete-extra", "holds: the commit is the removal of the journal, and the directory is synced after it"),
    Named::new("delete-full", DELETE),
    Named::new("delete-normal", DELETE),
    Named::new("delete-off", UNSYNCED),
    Named::new("truncate-extra", "holds, as FULL: no journal is removed"),
    Named::new("truncate-full", "holds: the commit is the truncation of the journal, which is synced"),
    Named::new(
        "truncate-normal",
        "loses and damages: the truncation is not synced, so an old journal comes back, whole or half overwritten",
    ),
    Named::new("truncate-off", UNSYNCED),
    Named::new("persist-extra", "holds, as FULL: no journal is removed"),
    Named::new("persist-full", "holds: the commit is a zeroed head of the journal, which is synced"),
    Named::new(
        "persist-normal",
        "no failure found: the zeroed head is synced here, too. SQLite promises less: a journal's head and pages are synced at once, and checksums cover every 200th byte",
    ),
    Named::new("persist-off", UNSYNCED),
    Named::new("memory-extra", IN_MEMORY),
    Named::new("memory-full", IN_MEMORY),
    Named::new("memory-normal", IN_MEMORY),
    Named::new("memory-off", IN_MEMORY),
    Named::new("wal-extra", "holds, as FULL: no journal is removed"),
    Named::new("wal-full", "holds: the commit is a frame of the log, which is synced"),
    Named::new(
        "wal-normal",
        "loses what was acknowledged since the last checkpoint, and damages nothing: the log is synced before a checkpoint only",
    ),
    Named::new("wal-off", UNSYNCED),
    Named::new("off-extra", NO_JOURNAL),
    Named::new("off-full", NO_JOURNAL),
    Named::new("off-normal", NO_JOURNAL),
    Named::new("off-off", NO_JOURNAL),
];

/// The damage needs an order that POSIX leaves open: `pager_end_transaction` truncates the database after it has removed
/// the journal, on the ground that this has committed. A journal that comes back then rolls back a file without its end,
/// whose pages it does not have, because free pages are not journaled. (ext4 keeps both in one journal of its own.)
const DELETE: &str = "loses the last acknowledgement, since the directory is not synced: the journal comes back and rolls \
    back. Damages if meanwhile the file was truncated, and that stayed";
const UNSYNCED: &str =
    "loses and damages: the device decides what is written first; one that keeps the order only loses";
const IN_MEMORY: &str = "damages: after a cut inside a commit nobody has the former pages; SQLite documents it";
const NO_JOURNAL: &str = "damages: there is nothing to roll back with; SQLite documents it";

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;

fn main() -> std::process::ExitCode {
    seedbed_harness::Harness::new().flow::<Ledger>().scenarios("harness/examples/ledger").main()
}
