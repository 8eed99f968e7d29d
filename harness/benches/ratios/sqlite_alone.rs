//! What SQLite alone takes for what a run of the mailbox server asks of it: two databases in memory, about 105 transactions
//! of seven statements each, in five lives with new connections, since a run's server dies four times. No disk, no faults,
//! no checks: the floor that no simulation with real SQLite goes below.

use seedbed::disk::sqlite::rusqlite::{Connection, Result, params_from_iter};

const LIVES: usize = 5;
const TRANSACTIONS: usize = 21;

const SCHEMA: &str = "
ATTACH ':memory:' AS usage;
BEGIN;
CREATE TABLE nameplates (id INTEGER PRIMARY KEY, app_id VARCHAR, name VARCHAR, mailbox_id VARCHAR);
CREATE INDEX nameplates_idx ON nameplates (app_id, name);
CREATE INDEX nameplates_mailbox_idx ON nameplates (app_id, mailbox_id);
CREATE TABLE nameplate_sides (nameplates_id INTEGER, claimed BOOLEAN, side VARCHAR, added INTEGER);
CREATE TABLE mailboxes (app_id VARCHAR, id VARCHAR PRIMARY KEY, updated INTEGER, for_nameplate BOOLEAN);
CREATE INDEX mailboxes_idx ON mailboxes (app_id, id);
CREATE TABLE mailbox_sides (mailbox_id VARCHAR, opened BOOLEAN, side VARCHAR, added INTEGER, mood VARCHAR);
CREATE TABLE messages (app_id VARCHAR, mailbox_id VARCHAR, side VARCHAR, phase VARCHAR, body VARCHAR);
CREATE INDEX messages_idx ON messages (app_id, mailbox_id);
CREATE TABLE usage.finished (app_id VARCHAR, started INTEGER, total_time INTEGER, result VARCHAR);
CREATE INDEX usage.finished_idx ON finished (app_id, started);
COMMIT;
";

/// What each transaction looks up before it changes anything.
const LOOKS: [&str; 2] =
    ["SELECT app_id FROM mailboxes WHERE id=?", "SELECT side, opened FROM mailbox_sides WHERE mailbox_id=?"];

/// Three kinds of transaction, in turn.
const CHANGES: [[&str; 3]; 3] = [
    [
        "INSERT INTO mailboxes (app_id, id, for_nameplate, updated) VALUES (?,?,?,?)",
        "INSERT INTO mailbox_sides (mailbox_id, opened, side, added) VALUES (?,?,?,?)",
        "INSERT INTO nameplates (app_id, name, mailbox_id) VALUES (?,?,?)",
    ],
    [
        "INSERT INTO messages (app_id, mailbox_id, side, phase, body) VALUES (?,?,?,?,?)",
        "UPDATE mailboxes SET updated=? WHERE id=?",
        "UPDATE mailbox_sides SET mood=? WHERE mailbox_id=?",
    ],
    [
        "DELETE FROM messages WHERE mailbox_id=?",
        "DELETE FROM mailbox_sides WHERE mailbox_id=?",
        "INSERT INTO usage.finished VALUES (?,?,?,?)",
    ],
];

/// Does what so many runs ask of SQLite.
pub fn runs(count: u64) {
    for _ in 0..count {
        for _ in 0..LIVES {
            life().expect("nothing goes wrong in memory");
        }
    }
}

fn life() -> Result<()> {
    let connection = Connection::open_in_memory()?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(SCHEMA)?;
    for number in 0..TRANSACTIONS {
        connection.prepare_cached("BEGIN")?.execute([])?;
        for sql in LOOKS.into_iter().chain(CHANGES[number % CHANGES.len()]) {
            let mut statement = connection.prepare_cached(sql)?;
            let words = (0..statement.parameter_count()).map(|_| format!("m{number}"));
            let mut rows = statement.query(params_from_iter(words))?;
            while rows.next()?.is_some() {}
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
    }
    Ok(())
}
