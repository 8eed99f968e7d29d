//! The two databases: channel (version 1, releases 0.1 to 0.8) and usage (version 2).
//!
//! What matters for the incident: a nameplate refers to its mailbox by a foreign key that is checked at once
//! and cascades nothing; messages refer to nothing at all; a mailbox id is unique over all apps; and nothing
//! declares a side unique.

use super::database::{Database, DbError, Value};

/// Version written into a new channel database.
pub const CHANNEL_VERSION: i64 = 1;
/// Version written into a new usage database.
pub const USAGE_VERSION: i64 = 2;

const CHANNEL: &str = "
CREATE TABLE version (version INTEGER);
CREATE TABLE nameplates (
  id INTEGER PRIMARY KEY AUTOINCREMENT, app_id VARCHAR, name VARCHAR,
  mailbox_id VARCHAR REFERENCES mailboxes(id), request_id VARCHAR);
CREATE INDEX nameplates_idx ON nameplates (app_id, name);
CREATE INDEX nameplates_mailbox_idx ON nameplates (app_id, mailbox_id);
CREATE INDEX nameplates_request_idx ON nameplates (app_id, request_id);
CREATE TABLE nameplate_sides (
  nameplates_id REFERENCES nameplates(id), claimed BOOLEAN, side VARCHAR, added INTEGER);
CREATE TABLE mailboxes (app_id VARCHAR, id VARCHAR PRIMARY KEY, updated INTEGER, for_nameplate BOOLEAN);
CREATE INDEX mailboxes_idx ON mailboxes (app_id, id);
CREATE TABLE mailbox_sides (
  mailbox_id REFERENCES mailboxes(id), opened BOOLEAN, side VARCHAR, added INTEGER, mood VARCHAR);
CREATE TABLE messages (
  app_id VARCHAR, mailbox_id VARCHAR, side VARCHAR, phase VARCHAR, body VARCHAR, server_rx INTEGER, msg_id VARCHAR);
CREATE INDEX messages_idx ON messages (app_id, mailbox_id);
INSERT INTO version VALUES (1);
";

const USAGE: &str = "
CREATE TABLE @version (version INTEGER);
CREATE TABLE @current (rebooted INTEGER, updated INTEGER, blur_time INTEGER, connections_websocket INTEGER);
CREATE TABLE @nameplates (
  app_id VARCHAR, started INTEGER, waiting_time INTEGER, total_time INTEGER, result VARCHAR);
CREATE INDEX @nameplates_idx ON nameplates (app_id, started);
CREATE TABLE @mailboxes (
  app_id VARCHAR, for_nameplate BOOLEAN, started INTEGER, total_time INTEGER, waiting_time INTEGER, result VARCHAR);
CREATE INDEX @mailboxes_idx ON mailboxes (app_id, started);
CREATE INDEX @mailboxes_result_idx ON mailboxes (result);
CREATE TABLE @client_versions (
  app_id VARCHAR, side VARCHAR, connect_time INTEGER, implementation VARCHAR, version VARCHAR);
CREATE INDEX @client_versions_time_idx ON client_versions (connect_time);
CREATE INDEX @client_versions_appid_time_idx ON client_versions (app_id, connect_time);
INSERT INTO @version VALUES (2);
";

/// Creates the channel tables in an empty database.
///
/// # Errors
/// As the database reports them.
pub fn create_channel(db: &dyn Database) -> Result<(), DbError> {
    db.script(&format!("BEGIN;{CHANNEL}COMMIT;"))
}

/// Creates the usage tables in the named schema (`main`, or the name under which the file is attached).
///
/// # Errors
/// As the database reports them.
pub fn create_usage(db: &dyn Database, schema: &str) -> Result<(), DbError> {
    db.script(&format!("BEGIN;{}COMMIT;", USAGE.replace('@', &format!("{schema}."))))
}

/// Why an existing database is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A statement failed.
    #[error("cannot open the database: {0}")]
    Database(#[from] DbError),
    /// The check of foreign keys at open found rows that refer to nothing.
    #[error("refusing a database with {0} dangling references")]
    ForeignKeys(usize),
    /// The version row is missing or another one than expected.
    #[error("database has version {found:?}, expected {expected}")]
    Version {
        /// What the version table says.
        found: Option<i64>,
        /// What this server can handle.
        expected: i64,
    },
}

/// What every start does with an existing file: foreign keys on, checked once, and the version looked at.
/// Nothing else is configured; journal mode and synchronous are the caller's.
///
/// # Errors
/// The database cannot be read, has dangling references, or another version.
pub fn prepare(db: &dyn Database, schema: &str, expected: i64) -> Result<(), OpenError> {
    db.script("PRAGMA foreign_keys = ON")?;
    let dangling = db.query(&format!("PRAGMA {schema}.foreign_key_check"), &[])?.len();
    if dangling > 0 {
        return Err(OpenError::ForeignKeys(dangling));
    }
    let found = db.query(&format!("SELECT version FROM {schema}.version"), &[])?;
    let found = found.first().and_then(|row| row.first()).map(Value::integer);
    if found != Some(expected) {
        return Err(OpenError::Version { found, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    /// Claim: both schemas can be created and opened, side by side in two files and attached in one connection.
    #[test]
    fn created_databases_open() {
        let channel = Connection::open_in_memory().unwrap();
        create_channel(&channel).unwrap();
        prepare(&channel, "main", CHANNEL_VERSION).unwrap();
        let usage = Connection::open_in_memory().unwrap();
        create_usage(&usage, "main").unwrap();
        prepare(&usage, "main", USAGE_VERSION).unwrap();
        channel.script("ATTACH ':memory:' AS usage").unwrap();
        create_usage(&channel, "usage").unwrap();
        prepare(&channel, "usage", USAGE_VERSION).unwrap();
        let tables = channel.query("SELECT count(*) FROM usage.mailboxes, main.mailboxes", &[]).unwrap();
        assert_eq!(tables, [[Value::Integer(0)]]);
    }

    /// Claim: a start refuses a file with dangling references, and one of another version.
    #[test]
    fn damaged_databases_are_refused() {
        let db = Connection::open_in_memory().unwrap();
        create_channel(&db).unwrap();
        db.script("PRAGMA foreign_keys = OFF; INSERT INTO mailbox_sides (mailbox_id, side) VALUES ('gone', 'a')")
            .unwrap();
        assert_eq!(prepare(&db, "main", CHANNEL_VERSION), Err(OpenError::ForeignKeys(1)));
        db.script("DELETE FROM mailbox_sides; UPDATE version SET version = 9").unwrap();
        assert_eq!(
            prepare(&db, "main", CHANNEL_VERSION),
            Err(OpenError::Version { found: Some(9), expected: CHANNEL_VERSION })
        );
    }
}
