//! The two databases as files on the server's disk: how a process opens them, somebody outside who reads them, and
//! what is committed in them, as seen by an observer that disturbs nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use super::database::{Change, Changed, Database, DbError, DbErrorKind, Row, Value};
use super::model::{ChannelRows, UsageRows};
use super::schema::{CHANNEL_VERSION, OpenError, USAGE_VERSION, create_channel, create_usage, prepare};
use super::server::Storage;
use super::variants::{Discipline, Rules};
use super::{sites, trace};
use crate::disk::sqlite::{self, Observer, Volume};
use crate::disk::{Disk, DiskSetup};
use crate::kernel::{NodeId, Time};
use crate::trace::EventId;
use crate::world::{Node, World};

/// The file with the channel tables.
pub const CHANNEL_FILE: &str = "relay.sqlite";
/// The file with the usage tables.
pub const USAGE_FILE: &str = "usage.sqlite";

/// How long a statement waits for a lock: the default of Python's `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements a connection keeps: more than the server has.
const STATEMENTS_MAX: usize = 128;

/// Both files as a first start of the server leaves them; the same bytes in every run.
fn new_files() -> &'static [(&'static str, Vec<u8>)] {
    static FILES: OnceLock<[(&str, Vec<u8>); 2]> = OnceLock::new();
    FILES.get_or_init(|| {
        let volume = Volume::aside(Disk::new(DiskSetup::default()));
        let open = |path| volume.open(path).unwrap_or_else(|error| panic!("a disk aside has no faults: {error}"));
        let made = create_channel(&*open(CHANNEL_FILE)).and_then(|()| create_usage(&*open(USAGE_FILE), "main"));
        made.unwrap_or_else(|error| panic!("the schema is valid: {error}"));
        [CHANNEL_FILE, USAGE_FILE].map(|path| {
            let content = volume.disk().and_then(|disk| disk.content(path).ok());
            (path, content.unwrap_or_default())
        })
    })
}

/// Lets the server's disk begin with both databases there, and empty.
pub fn install(world: &World, node: &str) {
    let mut disk = Disk::new(DiskSetup::default());
    for (path, content) in new_files() {
        disk.install(path, content).unwrap_or_else(|error| panic!("a disk aside has no faults: {error}"));
    }
    world.disks().install(node, &disk);
}

/// Opens both databases for a process that starts.
///
/// # Errors
/// What the disk does, and what the start of the server refuses.
pub fn open(node: &Node, rules: &Rules, trouble: &Rc<Trouble>) -> Result<Storage, OpenError> {
    let volume = Volume::of_node(&node.disk().blocking());
    let file = |path: &'static str| File::open(node, &volume, path, trouble);
    let channel = file(CHANNEL_FILE)?;
    match rules.discipline {
        Discipline::SharedImplicit => {
            prepare(&*channel, "main", CHANNEL_VERSION)?;
            let usage = file(USAGE_FILE)?;
            prepare(&*usage, "main", USAGE_VERSION)?;
            Ok(Storage::Apart { channel, usage: Some(usage) })
        }
        Discipline::PerCommand => {
            // Durable when COMMIT returns: the directory is synced after the journal is gone.
            channel.script(&format!(
                "PRAGMA synchronous = EXTRA; ATTACH '{USAGE_FILE}' AS usage; PRAGMA usage.synchronous = EXTRA"
            ))?;
            prepare(&*channel, "main", CHANNEL_VERSION)?;
            prepare(&*channel, "usage", USAGE_VERSION)?;
            Ok(Storage::Attached(channel))
        }
    }
}

/// What the disk and locks have done to the server.
#[derive(Debug, Default)]
pub struct Trouble {
    failures: Cell<u64>,
}

impl Trouble {
    /// How many statements have failed because of the disk or a lock.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.failures.get()
    }
}

/// Somebody outside who reads: holds a shared lock.
struct Reader {
    until: Time,
    /// Dropped when the reading ends.
    _connection: sqlite::Database,
}

/// One connection of the server.
struct File {
    node: Node,
    path: &'static str,
    actor: String,
    volume: Volume,
    connection: sqlite::Database,
    reader: RefCell<Option<Reader>>,
    trouble: Rc<Trouble>,
    pending: RefCell<Vec<Pending>>,
}

/// A change in the open transaction.
struct Pending {
    event: EventId,
    step: u64,
    subject: String,
}

impl File {
    fn open(node: &Node, volume: &Volume, path: &'static str, trouble: &Rc<Trouble>) -> Result<Rc<File>, DbError> {
        let connection = volume.open(path).map_err(|error| {
            let error = DbError::from(error);
            note_trouble(trouble, &error);
            error
        })?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Rc::new(File {
            node: node.clone(),
            path,
            actor: format!("{}:{path}", node.name()),
            volume: volume.clone(),
            connection,
            reader: RefCell::default(),
            trouble: Rc::clone(trouble),
            pending: RefCell::default(),
        }))
    }

    /// Before a commit: somebody outside may be reading. The process stands still while it waits for them.
    fn wait_for_readers(&self) {
        let length = self.node.choose_as(&sites::OUTSIDE_LOCK, &self.actor, &sites::READS);
        if !length.is_zero() && self.reader.borrow().is_none() {
            self.begin_to_read(length);
        }
        let Some(reader) = self.reader.take() else {
            return;
        };
        let left = reader.until.since(self.node.now().min(reader.until));
        let wait = left.min(BUSY_TIMEOUT);
        self.node.sim().add_debt(self.node.id(), wait);
        if left > BUSY_TIMEOUT {
            self.node.observed(&sites::OUTSIDE_LOCK, &self.actor);
            self.reader.replace(Some(reader));
        }
    }

    fn begin_to_read(&self, length: Duration) {
        let Ok(connection) = self.volume.open(self.path) else {
            return;
        };
        if connection.execute_batch("BEGIN; SELECT version FROM version").is_err() {
            return;
        }
        self.node.note(&trace::OUTSIDE, self.path, format_args!("for {} s", length.as_secs()));
        self.reader.replace(Some(Reader { until: self.node.now() + length, _connection: connection }));
    }

    /// Tells the trace what a statement has done.
    fn trace(&self, sql: &str, parameters: &[Value], changed: Changed) {
        let sim = self.node.sim();
        if let Some(change) = Change::of(sql, parameters).filter(|_| changed.rows > 0) {
            let subject = change.subject();
            let text = format_args!("{} {}, rows: {}", change.verb, change.table, changed.rows);
            let event = self.node.note(&trace::CHANGED, &subject, text);
            self.pending.borrow_mut().push(Pending { event, step: sim.step(), subject });
        } else if sql == "COMMIT" {
            let pending = std::mem::take(&mut *self.pending.borrow_mut());
            let left_over: Vec<_> = pending.iter().filter(|change| change.step != sim.step()).collect();
            let counts = [pending.len() as u64, left_over.len() as u64, 0];
            self.node.event(&trace::COMMITTED, self.path, counts);
            for change in left_over {
                let subject = sim.name(&change.subject);
                sim.emit_caused(self.node.id(), &trace::PUBLISHED, subject, [0; 3], change.event);
            }
        }
    }

    /// What SQLite has rolled back, asked to or not, is not pending any more.
    fn forget_undone(&self) {
        if Database::in_transaction(&*self.connection) {
            return;
        }
        let undone = std::mem::take(&mut *self.pending.borrow_mut()).len();
        if undone > 0 {
            self.node.event(&trace::UNDONE, self.path, [undone as u64, 0, 0]);
        }
    }

    fn noted<T>(&self, result: Result<T, DbError>) -> Result<T, DbError> {
        result.inspect_err(|error| note_trouble(&self.trouble, error))
    }
}

fn note_trouble(trouble: &Trouble, error: &DbError) {
    if error.kind != DbErrorKind::Constraint {
        trouble.failures.set(trouble.failures.get() + 1);
    }
}

impl Database for File {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Changed, DbError> {
        if sql == "COMMIT" {
            self.wait_for_readers();
        }
        let result = self.noted(Database::execute(&*self.connection, sql, parameters));
        if let Ok(changed) = &result {
            self.trace(sql, parameters, *changed);
        }
        self.forget_undone();
        result
    }

    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        self.noted(Database::query(&*self.connection, sql, parameters))
    }

    fn script(&self, sql: &str) -> Result<(), DbError> {
        self.noted(Database::script(&*self.connection, sql))
    }

    fn in_transaction(&self) -> bool {
        Database::in_transaction(&*self.connection)
    }
}

/// What is committed in both databases, read through an observer only when a commit has happened.
pub struct Committed {
    world: World,
    node: NodeId,
    channel: Watched,
    usage: Watched,
    /// The rows of the channel database.
    pub rows: Rc<ChannelRows>,
    /// The rows of the usage database.
    pub accounts: Rc<UsageRows>,
}

struct Watched {
    path: &'static str,
    observer: Observer,
    /// SQLite's count of commits in the header of the file, as of the last look, on the recovered fork. While a
    /// commit that failed has not been undone yet, the file itself is ahead of it.
    counter: Option<u32>,
}

impl Watched {
    fn new(path: &'static str) -> Watched {
        Watched { path, observer: Observer::new(path), counter: None }
    }

    /// Whether there may have been a commit since the last look, which is then taken.
    fn look(&mut self, disk: &Disk) -> rusqlite::Result<bool> {
        let counter = commits(disk, self.path);
        if counter == self.counter || counter.is_none() {
            return Ok(false);
        }
        self.observer.refresh(disk)
    }

    /// Reads what is committed, if that is something new.
    fn read<T>(&mut self, read: impl FnOnce(&sqlite::Database) -> Result<T, DbError>) -> Result<Option<T>, DbError> {
        let Some(database) = self.observer.database() else {
            return Ok(None);
        };
        let rows = read(database)?;
        let counter = database.volume().look(|fork| commits(fork, self.path)).flatten();
        let is_new = counter != self.counter;
        self.counter = counter;
        Ok(is_new.then_some(rows))
    }
}

/// How many commits a database file has seen, by its own count.
fn commits(disk: &Disk, path: &str) -> Option<u32> {
    const COUNTER_AT: u64 = 24;
    let mut bytes = [0; 4];
    match disk.peek(path, COUNTER_AT, &mut bytes) {
        Ok(4) => Some(u32::from_be_bytes(bytes)),
        _ => None,
    }
}

impl Committed {
    /// Of the node that owns the databases.
    #[must_use]
    pub fn new(world: &World, node: NodeId) -> Committed {
        Committed {
            world: world.clone(),
            node,
            channel: Watched::new(CHANNEL_FILE),
            usage: Watched::new(USAGE_FILE),
            rows: Rc::default(),
            accounts: Rc::default(),
        }
    }

    /// Takes a new look. Answers whether the channel and the usage database have changed.
    ///
    /// # Errors
    /// A database that cannot be read although nothing goes wrong: it is damaged.
    pub fn refresh(&mut self) -> Result<(bool, bool), DbError> {
        let (channel, usage) = (&mut self.channel, &mut self.usage);
        let looked = self
            .world
            .disks()
            .look(self.node, |disk| Ok::<_, rusqlite::Error>((channel.look(disk)?, usage.look(disk)?)))?;
        let rows = if looked.0 { channel.read(|database| ChannelRows::read(&**database))? } else { None };
        let accounts = if looked.1 { usage.read(|database| UsageRows::read(&**database, "main"))? } else { None };
        let changed = (rows.is_some(), accounts.is_some());
        if let Some(rows) = rows {
            self.rows = Rc::new(rows);
        }
        if let Some(accounts) = accounts {
            self.accounts = Rc::new(accounts);
        }
        Ok(changed)
    }

    /// How many commits both files have seen, by their own count.
    #[must_use]
    pub fn counters(&self) -> (u32, u32) {
        (self.channel.counter.unwrap_or(0), self.usage.counter.unwrap_or(0))
    }
}
