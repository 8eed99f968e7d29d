//! One connection, used by one request at a time. Others may run before each statement; a lock in the way is waited for
//! in simulated time, as SQLite's own handler would: not by a transaction that holds a lock already, because that could
//! wait for ever.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use rusqlite::{Connection, Statement, params_from_iter};

use super::error::{OrmError, OrmResult};
use super::signals::Receiver;
use super::value::Value;
use crate::disk::sqlite::Database;
use crate::flows::merge::schema::Era;

/// A future that is owned by whoever waits for it.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// How long a statement waits for a lock: the default of Python's `sqlite3`.
pub const BUSY_TIMEOUT_US: u64 = 5_000_000;

/// Nested receivers beyond this are Python's recursion limit: each level is some ten of its frames.
const RECURSION_MAX: u32 = 100;

/// Why a transaction is there; whoever watches the connection is told when it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What the request is about.
    Work,
    /// The record of what was done.
    Audit,
}

/// What is around a connection: time, others, and somebody who watches.
pub trait Surroundings {
    /// Before a statement: others may run.
    fn before_statement<'a>(&'a self, sql: &'a str) -> Waiting<'a, ()>;

    /// Microseconds of a clock that never jumps.
    fn now_us(&self) -> u64;

    /// A lock is in the way: waits until somebody gives one back. Answers `false` when that time has come first.
    fn lock_released(&self, until_us: u64) -> Waiting<'_, bool>;

    /// A transaction is about to commit, and has then succeeded or failed.
    fn commits(&self, purpose: Purpose, commit: &mut dyn FnMut() -> OrmResult<()>) -> OrmResult<()>;

    /// A receiver is about to be called.
    fn receiver_called(&self, receiver: &'static str);
}

/// The mapper on one connection.
pub struct Orm {
    connection: Database,
    era: Era,
    receivers: Rc<[&'static Receiver]>,
    around: Rc<dyn Surroundings>,
    purpose: Cell<Purpose>,
    depth: Cell<u32>,
    /// A transaction is open and has a lock.
    holds_lock: Cell<bool>,
    calls: Cell<u32>,
}

impl Orm {
    /// Takes over a connection.
    ///
    /// # Errors
    /// The era's pragma cannot be set.
    pub fn new(
        connection: Database,
        era: Era,
        receivers: &Rc<[&'static Receiver]>,
        around: Rc<dyn Surroundings>,
    ) -> OrmResult<Orm> {
        const STATEMENTS_MAX: usize = 128;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.execute_batch(match era {
            Era::Django1 => "PRAGMA foreign_keys = OFF",
            Era::Django2 => "PRAGMA foreign_keys = ON",
        })?;
        Ok(Orm {
            connection,
            era,
            receivers: Rc::clone(receivers),
            around,
            purpose: Cell::new(Purpose::Work),
            depth: Cell::new(0),
            holds_lock: Cell::new(false),
            calls: Cell::new(0),
        })
    }

    /// The era whose rules deleting follows.
    #[must_use]
    pub fn era(&self) -> Era {
        self.era
    }

    /// Callbacks that are connected.
    #[must_use]
    pub fn receivers(&self) -> &Rc<[&'static Receiver]> {
        &self.receivers
    }

    /// Calls a receiver, unless calls are nested without end.
    pub(super) async fn call(&self, receiver: &'static Receiver, row: i64) -> OrmResult<()> {
        if self.calls.get() >= RECURSION_MAX {
            return Err(OrmError::Recursion);
        }
        self.calls.set(self.calls.get() + 1);
        self.around.receiver_called(receiver.name);
        let result = (receiver.act)(self, row).await;
        self.calls.set(self.calls.get() - 1);
        result
    }

    /// Runs a statement that answers no rows; answers how many it changed.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn execute(&self, sql: &str, parameters: &[Value]) -> OrmResult<usize> {
        self.attempt(sql, || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(params_from_iter(parameters))
        })
        .await
    }

    /// Runs a query; all its rows are read before anything else happens.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn query(&self, sql: &str, parameters: &[Value]) -> OrmResult<Vec<Vec<Value>>> {
        self.attempt(sql, || {
            let mut statement = self.connection.prepare_cached(sql)?;
            all_rows(&mut statement, parameters)
        })
        .await
    }

    /// The key of the last row that was inserted.
    #[must_use]
    pub fn last_id(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    async fn attempt<T>(&self, sql: &str, run: impl Fn() -> rusqlite::Result<T>) -> OrmResult<T> {
        self.around.before_statement(sql).await;
        let is_transaction = self.depth.get() > 0;
        let mut until = None;
        loop {
            // Outside a transaction a statement that changes something is one of its own.
            let result = if is_transaction || is_reading(sql) {
                run().map_err(OrmError::from)
            } else {
                let mut answer = None;
                let done = self.around.commits(self.purpose.get(), &mut || {
                    answer = Some(run()?);
                    Ok(())
                });
                done.and_then(|()| answer.ok_or_else(|| OrmError::Database("no answer".to_owned())))
            };
            match result {
                Err(OrmError::Busy) if !self.holds_lock.get() => self.wait_for_lock(&mut until).await?,
                Ok(answer) => {
                    self.holds_lock.set(is_transaction);
                    return Ok(answer);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits once more, within the limit that begins with the first wait.
    async fn wait_for_lock(&self, until: &mut Option<u64>) -> OrmResult<()> {
        let until = *until.get_or_insert_with(|| self.around.now_us() + BUSY_TIMEOUT_US);
        match self.around.lock_released(until).await {
            true => Ok(()),
            false => Err(OrmError::Busy),
        }
    }

    /// Everything in one transaction, or in one savepoint inside of one: kept if the body succeeds, undone if not. The
    /// transaction takes no lock before its first statement does.
    ///
    /// # Errors
    /// Those of the body, and of the transaction.
    pub async fn atomic<T, E: From<OrmError>>(&self, body: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        self.transaction("BEGIN", body).await
    }

    /// In the transaction that is open, or else in one of its own.
    pub(super) async fn together<T, E: From<OrmError>>(
        &self,
        body: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.depth.get() > 0 { body().await } else { self.transaction("BEGIN", body).await }
    }

    /// As [`atomic`](Orm::atomic), but nobody else can write from the beginning on.
    ///
    /// # Errors
    /// Those of the body, and of the transaction.
    pub async fn exclusive<T, E: From<OrmError>>(&self, body: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        self.transaction("BEGIN IMMEDIATE", body).await
    }

    /// As [`atomic`](Orm::atomic), for the record of what was done.
    ///
    /// # Errors
    /// Those of the body, and of the transaction.
    pub async fn audit<T, E: From<OrmError>>(&self, body: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        self.purpose.set(Purpose::Audit);
        let result = self.transaction("BEGIN", body).await;
        self.purpose.set(Purpose::Work);
        result
    }

    async fn transaction<T, E: From<OrmError>>(
        &self,
        begin: &str,
        body: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let depth = self.depth.get();
        if depth > 0 {
            return self.savepoint(depth, body).await;
        }
        self.around.before_statement(begin).await;
        let mut until = None;
        loop {
            match self.run(begin) {
                Ok(()) => break,
                Err(OrmError::Busy) => self.wait_for_lock(&mut until).await?,
                Err(error) => return Err(error.into()),
            }
        }
        self.depth.set(1);
        self.holds_lock.set(begin != "BEGIN");
        let result = body().await;
        let result = match result {
            Ok(answer) => match self.commit().await {
                Ok(()) => Ok(answer),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        self.depth.set(0);
        self.holds_lock.set(false);
        if result.is_err() {
            self.around.before_statement("ROLLBACK").await;
            self.roll_back();
        }
        result
    }

    async fn commit(&self) -> OrmResult<()> {
        self.around.before_statement("COMMIT").await;
        let mut until = None;
        loop {
            let commit = &mut || self.run("COMMIT");
            match self.around.commits(self.purpose.get(), commit) {
                // Whoever reads will be done some time; nobody else can write meanwhile.
                Err(OrmError::Busy) => self.wait_for_lock(&mut until).await?,
                other => return other,
            }
        }
    }

    /// A statement without parameters that is needed again and again.
    fn run(&self, sql: &str) -> OrmResult<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// SQLite may have done so itself, on an error of the disk.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // Failing to roll back leaves the journal, and the next to open the file rolls back.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    async fn savepoint<T, E: From<OrmError>>(
        &self,
        depth: u32,
        body: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let name = format!("s{depth}");
        self.execute(&format!("SAVEPOINT {name}"), &[]).await?;
        self.depth.set(depth + 1);
        let result = body().await;
        self.depth.set(depth);
        if result.is_err() {
            self.execute(&format!("ROLLBACK TO {name}"), &[]).await?;
        }
        self.execute(&format!("RELEASE {name}"), &[]).await?;
        result
    }

    /// Whether the connection is as a new one: no transaction was left open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// The connection itself, to look at it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn is_reading(sql: &str) -> bool {
    sql.starts_with("SELECT") || sql.starts_with("PRAGMA")
}

fn all_rows(statement: &mut Statement<'_>, parameters: &[Value]) -> rusqlite::Result<Vec<Vec<Value>>> {
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(parameters))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cells = Vec::with_capacity(columns);
        for column in 0..columns {
            cells.push(Value::read(row.get_ref(column)?));
        }
        all.push(cells);
    }
    Ok(all)
}
