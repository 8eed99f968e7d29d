//! One database connection under a transaction discipline.
//!
//! The historical server used Python's `sqlite3` module in its implicit mode: a SELECT opens no transaction,
//! the first INSERT, UPDATE or DELETE does, and it stays open until somebody commits on that connection,
//! whatever happened in between. The corrected server runs each command in one explicit transaction that is
//! rolled back on any error. Both live here, so that the rest of the server only says what it reads and writes.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Changed, Database, DbError, Row, Value};
use crate::flows::mailbox::model::Effect;

/// A connection that everybody in the server shares, and what it has made durable so far.
pub struct Store {
    db: Rc<dyn Database>,
    pending: RefCell<Vec<Effect>>,
    committed: RefCell<Vec<Effect>>,
}

impl Store {
    /// Wraps an open connection.
    #[must_use]
    pub fn new(db: Rc<dyn Database>) -> Store {
        Store { db, pending: RefCell::default(), committed: RefCell::default() }
    }

    /// The connection itself.
    #[must_use]
    pub fn database(&self) -> &Rc<dyn Database> {
        &self.db
    }

    /// A SELECT. Never opens a transaction.
    ///
    /// # Errors
    /// As the database reports them.
    pub fn read(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        self.db.query(sql, parameters)
    }

    /// The first row of a SELECT.
    ///
    /// # Errors
    /// As the database reports them.
    pub fn first(&self, sql: &str, parameters: &[Value]) -> Result<Option<Row>, DbError> {
        Ok(self.db.query(sql, parameters)?.into_iter().next())
    }

    /// An INSERT, UPDATE or DELETE; opens a deferred transaction if none is open, and leaves it open.
    ///
    /// # Errors
    /// As the database reports them. Only this statement is undone, unless SQLite rolled everything back.
    pub fn write(&self, sql: &str, parameters: &[Value]) -> Result<Changed, DbError> {
        self.begin()?;
        self.settle(self.db.execute(sql, parameters))
    }

    /// Opens a deferred transaction if none is open. Python does this before it looks at a statement's
    /// parameters, so even a statement that is never executed leaves a transaction behind.
    ///
    /// # Errors
    /// As the database reports them.
    pub fn begin(&self) -> Result<(), DbError> {
        if !self.db.in_transaction() {
            self.db.execute("BEGIN", &[])?;
        }
        Ok(())
    }

    /// Commits whatever is open on the connection, no matter who wrote it. A no-op if nothing is.
    ///
    /// # Errors
    /// As the database reports them. After "busy" everything is still there for the next commit.
    pub fn commit(&self) -> Result<(), DbError> {
        if self.db.in_transaction() {
            self.settle(self.db.execute("COMMIT", &[]))?;
        }
        self.committed.borrow_mut().append(&mut self.pending.borrow_mut());
        Ok(())
    }

    /// Runs `work` in one transaction that is committed if it succeeds and rolled back if it or the commit fails.
    ///
    /// # Errors
    /// Those of `work`, or of the database.
    pub fn atomically<T, E: From<DbError>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.db.execute("BEGIN", &[])?;
        let result = work().and_then(|value| {
            self.db.execute("COMMIT", &[])?;
            Ok(value)
        });
        if result.is_ok() {
            self.committed.borrow_mut().append(&mut self.pending.borrow_mut());
        } else {
            self.pending.borrow_mut().clear();
            if self.db.in_transaction() {
                // The first error is the one to report; if not even this works, nothing is committed either.
                drop(self.db.execute("ROLLBACK", &[]));
            }
        }
        result
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.db.in_transaction()
    }

    /// Remembers what the statement just executed means; it counts from the next commit on.
    pub fn note(&self, effect: Effect) {
        self.pending.borrow_mut().push(effect);
    }

    /// Takes the effects that were committed since the last call, in order.
    #[must_use]
    pub fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut self.committed.borrow_mut())
    }

    fn settle<T>(&self, result: Result<T, DbError>) -> Result<T, DbError> {
        if result.is_err() && !self.db.in_transaction() {
            self.pending.borrow_mut().clear();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::mailbox::database::DbErrorKind;

    fn store() -> Store {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.script(
            "PRAGMA foreign_keys = ON; CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a(id));
             INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);",
        )
        .unwrap();
        Store::new(Rc::new(db))
    }

    fn effect(mailbox: &str) -> Effect {
        Effect::MailboxCreated { app: "app".into(), mailbox: mailbox.into() }
    }

    /// Claim: under the implicit discipline somebody else's commit publishes what a failed command left behind.
    #[test]
    fn implicit_leftovers_are_published_by_the_next_commit() {
        let store = store();
        store.read("SELECT id FROM a", &[]).unwrap();
        assert!(!store.in_transaction(), "a SELECT opens no transaction");
        store.write("INSERT INTO a VALUES (2)", &[]).unwrap();
        store.note(effect("m"));
        assert_eq!(store.write("DELETE FROM a WHERE id = 1", &[]).unwrap_err().kind, DbErrorKind::Constraint);
        assert!(store.in_transaction());
        assert!(store.take_effects().is_empty());
        store.commit().unwrap();
        assert!(!store.in_transaction());
        assert_eq!(store.take_effects(), [effect("m")]);
        assert_eq!(store.read("SELECT id FROM a", &[]).unwrap().len(), 2);
    }

    /// Claim: an explicit transaction leaves nothing behind when its work fails.
    #[test]
    fn explicit_transaction_is_rolled_back() {
        let store = store();
        let result: Result<(), DbError> = store.atomically(|| {
            store.write("INSERT INTO a VALUES (2)", &[])?;
            store.note(effect("m"));
            store.write("DELETE FROM a WHERE id = 1", &[]).map(drop)
        });
        assert_eq!(result.unwrap_err().kind, DbErrorKind::Constraint);
        assert!(!store.in_transaction());
        assert!(store.take_effects().is_empty());
        assert_eq!(store.read("SELECT id FROM a", &[]).unwrap().len(), 1);
    }
}
