//! The rows of both databases, as read through any connection that sees committed state.

use crate::flows::mailbox::database::{Database, DbError, Row, Value};

/// All rows of the channel database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelRows {
    /// Table `nameplates`.
    pub nameplates: Vec<NameplateRow>,
    /// Table `nameplate_sides`.
    pub nameplate_sides: Vec<NameplateSideRow>,
    /// Table `mailboxes`.
    pub mailboxes: Vec<MailboxRow>,
    /// Table `mailbox_sides`.
    pub mailbox_sides: Vec<MailboxSideRow>,
    /// Table `messages`, in the order of insertion.
    pub messages: Vec<MessageRow>,
}

/// A short name and the mailbox it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameplateRow {
    /// Row id, never reused.
    pub id: i64,
    /// App id.
    pub app: String,
    /// The name.
    pub name: String,
    /// Its mailbox.
    pub mailbox: String,
}

/// A side that has claimed a nameplate.
#[derive(Clone, Debug, PartialEq)]
pub struct NameplateSideRow {
    /// Row id of the nameplate.
    pub nameplate: i64,
    /// Not released yet.
    pub claimed: bool,
    /// The side.
    pub side: String,
    /// When it claimed.
    pub added: f64,
}

/// A mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct MailboxRow {
    /// App id.
    pub app: String,
    /// Mailbox id, unique over all apps.
    pub id: String,
    /// Last touched, in seconds: the only expiry clock.
    pub updated: f64,
    /// Made by a claim, not by an open.
    pub for_nameplate: bool,
}

/// A side that has opened a mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct MailboxSideRow {
    /// Mailbox id.
    pub mailbox: String,
    /// Not closed yet.
    pub opened: bool,
    /// The side.
    pub side: String,
    /// When it opened first.
    pub added: f64,
    /// The mood of its close.
    pub mood: Option<String>,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// App id.
    pub app: String,
    /// Mailbox id.
    pub mailbox: String,
    /// Side of the sender.
    pub side: String,
    /// Phase.
    pub phase: String,
    /// Body.
    pub body: String,
    /// When the server got it.
    pub server_rx: f64,
}

/// All rows of the usage database that checks look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageRows {
    /// Table `current`.
    pub current: Vec<CurrentRow>,
    /// Table `nameplates`, in the order of insertion.
    pub nameplates: Vec<UsageRow>,
    /// Table `mailboxes`, in the order of insertion.
    pub mailboxes: Vec<UsageRow>,
}

/// The status row.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentRow {
    /// When the server started.
    pub rebooted: f64,
    /// When the row was written.
    pub updated: f64,
    /// Listeners at that moment.
    pub connections: i64,
}

/// A finished nameplate or mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    /// App id.
    pub app: String,
    /// When it began.
    pub started: f64,
    /// Seconds until the second side came.
    pub waiting: Option<f64>,
    /// Seconds until it ended.
    pub total: f64,
    /// How it ended.
    pub result: String,
}

impl ChannelRows {
    /// Reads all tables through a connection.
    ///
    /// # Errors
    /// As the database reports them.
    pub fn read(db: &dyn Database) -> Result<ChannelRows, DbError> {
        Ok(ChannelRows {
            nameplates: rows(db, "SELECT id, app_id, name, mailbox_id FROM nameplates ORDER BY id", |r| {
                NameplateRow {
                    id: r[0].integer(),
                    app: text(&mut r[1]),
                    name: text(&mut r[2]),
                    mailbox: text(&mut r[3]),
                }
            })?,
            nameplate_sides: rows(
                db,
                "SELECT nameplates_id, claimed, side, added FROM nameplate_sides ORDER BY rowid",
                |r| NameplateSideRow {
                    nameplate: r[0].integer(),
                    claimed: r[1].truth(),
                    side: text(&mut r[2]),
                    added: number(&r[3]),
                },
            )?,
            mailboxes: rows(db, "SELECT app_id, id, updated, for_nameplate FROM mailboxes ORDER BY rowid", |r| {
                MailboxRow {
                    app: text(&mut r[0]),
                    id: text(&mut r[1]),
                    updated: number(&r[2]),
                    for_nameplate: r[3].truth(),
                }
            })?,
            mailbox_sides: rows(
                db,
                "SELECT mailbox_id, opened, side, added, mood FROM mailbox_sides ORDER BY rowid",
                |r| MailboxSideRow {
                    mailbox: text(&mut r[0]),
                    opened: r[1].truth(),
                    side: text(&mut r[2]),
                    added: number(&r[3]),
                    mood: optional_text(&mut r[4]),
                },
            )?,
            messages: rows(
                db,
                "SELECT app_id, mailbox_id, side, phase, body, server_rx FROM messages ORDER BY rowid",
                |r| MessageRow {
                    app: text(&mut r[0]),
                    mailbox: text(&mut r[1]),
                    side: text(&mut r[2]),
                    phase: text(&mut r[3]),
                    body: text(&mut r[4]),
                    server_rx: number(&r[5]),
                },
            )?,
        })
    }

    /// Whether no table has a row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == ChannelRows::default()
    }

    /// The row of a mailbox.
    #[must_use]
    pub fn mailbox(&self, id: &str) -> Option<&MailboxRow> {
        self.mailboxes.iter().find(|mailbox| mailbox.id == id)
    }

    /// The sides of a mailbox.
    pub fn sides_of_mailbox<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a MailboxSideRow> {
        self.mailbox_sides.iter().filter(move |side| side.mailbox == id)
    }

    /// The sides of a nameplate.
    pub fn sides_of_nameplate(&self, id: i64) -> impl Iterator<Item = &NameplateSideRow> {
        self.nameplate_sides.iter().filter(move |side| side.nameplate == id)
    }
}

impl UsageRows {
    /// Reads the tables in the named schema through a connection.
    ///
    /// # Errors
    /// As the database reports them.
    pub fn read(db: &dyn Database, schema: &str) -> Result<UsageRows, DbError> {
        let usage = |table: &str| {
            let sql = format!(
                "SELECT app_id, started, waiting_time, total_time, result FROM {schema}.{table} ORDER BY rowid"
            );
            rows(db, &sql, |r| UsageRow {
                app: text(&mut r[0]),
                started: number(&r[1]),
                waiting: r[2].number(),
                total: number(&r[3]),
                result: text(&mut r[4]),
            })
        };
        let current = format!("SELECT rebooted, updated, connections_websocket FROM {schema}.current");
        Ok(UsageRows {
            current: rows(db, &current, |r| CurrentRow {
                rebooted: number(&r[0]),
                updated: number(&r[1]),
                connections: r[2].integer(),
            })?,
            nameplates: usage("nameplates")?,
            mailboxes: usage("mailboxes")?,
        })
    }
}

fn rows<T>(db: &dyn Database, sql: &str, row: impl Fn(&mut Row) -> T) -> Result<Vec<T>, DbError> {
    Ok(db.query(sql, &[])?.iter_mut().map(row).collect())
}

fn text(value: &mut Value) -> String {
    optional_text(value).unwrap_or_default()
}

fn optional_text(value: &mut Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(std::mem::take(text)),
        _ => None,
    }
}

fn number(value: &Value) -> f64 {
    value.number().unwrap_or(0.0)
}
