//! What has happened so far, as far as checks need to know it: facts that rows alone do not tell.

use std::collections::BTreeMap;

use super::rows::ChannelRows;

/// Something that became durable in the channel database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A mailbox row was inserted.
    MailboxCreated {
        /// App id.
        app: String,
        /// Mailbox id.
        mailbox: String,
    },
    /// A mailbox row was deleted.
    MailboxRetired {
        /// App id.
        app: String,
        /// Mailbox id.
        mailbox: String,
    },
    /// A nameplate row was inserted.
    NameplateCreated {
        /// App id.
        app: String,
        /// The name.
        name: String,
        /// Its row id.
        nameplate: i64,
        /// Its mailbox.
        mailbox: String,
    },
    /// A nameplate row was deleted.
    NameplateRetired {
        /// App id.
        app: String,
        /// Its row id.
        nameplate: i64,
    },
}

/// How many mailboxes and nameplates an app ever had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// App id to (mailboxes, nameplates).
    pub per_app: BTreeMap<String, (u64, u64)>,
}

impl Created {
    /// Counts an effect.
    pub fn count(&mut self, effect: &Effect) {
        match effect {
            Effect::MailboxCreated { app, .. } => self.per_app.entry(app.clone()).or_default().0 += 1,
            Effect::NameplateCreated { app, .. } => self.per_app.entry(app.clone()).or_default().1 += 1,
            Effect::MailboxRetired { .. } | Effect::NameplateRetired { .. } => {}
        }
    }
}

/// One tick, as seen from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickRecord {
    /// When it ran.
    pub at: f64,
    /// Committed rows before.
    pub before: ChannelRows,
    /// Committed rows after.
    pub after: ChannelRows,
    /// Mailboxes (ids) that a connection listened to during the tick, whichever object it holds.
    pub listened: Vec<String>,
    /// Exceptions while pruning.
    pub errors: usize,
    /// The disk or a lock was in the way.
    pub excused: bool,
    /// The number of connections in the status row, if it was written.
    pub status: Option<i64>,
}

/// A client's command as the server got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireCommand {
    /// Its `type`, if it is a JSON object that has one.
    pub kind: Option<String>,
    /// Its `id` as JSON text (`null` if absent).
    pub id: String,
    /// Whether the protocol allows its form: types of the fields, and a nameplate that is one.
    pub well_formed: bool,
}

/// What the server did on a connection, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A frame other than `message`: its type, and for `ack` the echoed id.
    Frame(String, Option<String>),
    /// The server dropped the connection: after an exception of this name.
    Dropped(String),
}

/// One connection from its welcome on; `message` frames are left out, they belong to subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireLog {
    /// Commands handled, in order.
    pub commands: Vec<WireCommand>,
    /// What came back, in order.
    pub replies: Vec<Reply>,
}

/// A reply that promises something, with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durable {
    /// `allocated`: the nameplate exists and is this side's.
    Allocated {
        /// The name.
        name: String,
    },
    /// `claimed`: the nameplate stands for the mailbox, and this side has both.
    Claimed {
        /// The name.
        name: String,
        /// The mailbox.
        mailbox: String,
    },
    /// `released`: this side has no claim.
    Released {
        /// The name.
        name: String,
    },
    /// `closed`: this side does not have the mailbox open.
    Closed {
        /// The mailbox.
        mailbox: String,
    },
    /// The echo of an own message: it is stored.
    Echo {
        /// The mailbox.
        mailbox: String,
        /// Its phase.
        phase: String,
        /// Its body.
        body: String,
    },
}

/// What happened to a nameplate, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameEvent {
    /// A side was told its mailbox.
    Claimed {
        /// The name.
        name: String,
        /// Who claimed.
        side: String,
        /// What it was told.
        mailbox: String,
    },
    /// Its row was deleted.
    Ended {
        /// The name.
        name: String,
    },
}

/// A side came to a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Mailbox id.
    pub mailbox: String,
    /// The side.
    pub side: String,
    /// Served, or answered `crowded`.
    pub admitted: bool,
}

/// What one subscription should get and got; messages by any unique name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The mailbox's messages in the order in which they were committed.
    pub stored: Vec<String>,
    /// The `message` frames of the subscription, in order.
    pub delivered: Vec<String>,
    /// It still stands and nothing is on the way: whatever is stored should have been delivered.
    pub settled: bool,
}

/// One message handed to the listeners of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Connection of the sender.
    pub sender: u64,
    /// Listeners when it was committed.
    pub listeners: Vec<u64>,
    /// Those to which it was handed.
    pub reached: Vec<u64>,
    /// Those whose transport failed or ended meanwhile.
    pub failed: Vec<u64>,
    /// Whether the server dropped the sender.
    pub sender_dropped: bool,
}

/// How a client's session ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientEnd {
    /// Not yet.
    #[default]
    Waiting,
    /// Its nameplate is released and its mailbox closed, as far as it was told.
    Finished,
    /// The server answered an error it cannot go on after.
    Refused,
    /// Its connection broke, and it does not come back.
    Lost,
}

/// What one client of a pair saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLog {
    /// Its side.
    pub side: String,
    /// Phases it sent, in order.
    pub sent: Vec<String>,
    /// (side, phase) of the messages it accepted, in order.
    pub seen: Vec<(String, String)>,
    /// How it ended.
    pub end: ClientEnd,
}
