//! Plain data that checks look at: committed rows, objects in memory, and what happened so far.

mod history;
mod rows;

pub use history::{
    Admission, ClientEnd, ClientLog, Created, Delivery, Durable, Effect, NameEvent, Reply, Subscription, TickRecord,
    WireCommand, WireLog,
};
pub use rows::{
    ChannelRows, CurrentRow, MailboxRow, MailboxSideRow, MessageRow, NameplateRow, NameplateSideRow, UsageRow,
    UsageRows,
};

/// The objects of a running server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryView {
    /// Registered apps: id and object number.
    pub apps: Vec<(String, u64)>,
    /// Mailbox objects: registered ones, and others that a connection still holds.
    pub mailboxes: Vec<MailboxView>,
    /// Connections that somebody still holds.
    pub connections: Vec<ConnectionView>,
}

/// One mailbox object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxView {
    /// App id.
    pub app: String,
    /// Mailbox id.
    pub id: String,
    /// Object number.
    pub object: u64,
    /// Whether the registered app object would find it by its id.
    pub registered: bool,
    /// Handles of the connections in its dictionary, in order.
    pub listeners: Vec<u64>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionView {
    /// Its handle.
    pub handle: u64,
    /// Whether its loss was processed.
    pub lost: bool,
    /// The app it is bound to: id and object number.
    pub app: Option<(String, u64)>,
    /// Its side, if that is text.
    pub side: Option<String>,
    /// The mailbox object it holds and is a listener of: id and object number.
    pub listening: Option<(String, u64)>,
}
