//! What the wire tells about one connection: commands as they arrive, frames as they are handed to the transport.
//!
//! A command begins when its `ack` is sent: nothing has happened before, and whichever way commands nest, the next
//! frames belong to the one whose `ack` came last and which is not over yet.

use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::flows::mailbox::model::{ChannelRows, Durable, Reply, WireCommand, WireLog};
use crate::flows::mailbox::protocol::{Command, ServerFrame, StoredMessage, is_digits, is_well_typed, parse};
use crate::flows::mailbox::server::Handle;

/// A command being handled.
pub(super) struct Current {
    pub(super) command: Command,
    pub(super) kind: String,
    /// Committed rows when it began.
    pub(super) before: Rc<ChannelRows>,
    /// Usage rows about mailboxes when it began.
    pub(super) usage_rows: usize,
    /// Answered with an error.
    pub(super) refused: bool,
    /// Mailboxes whose clock it has set.
    pub(super) touched: Vec<String>,
}

impl Current {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.command.get(key).and_then(Json::as_str)
    }
}

/// A standing subscription.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscribed {
    pub(super) mailbox: String,
    pub(super) delivered: Vec<String>,
}

/// One connection.
pub(super) struct Session {
    pub(super) handle: Handle,
    pub(super) log: WireLog,
    pub(super) waiting: VecDeque<Command>,
    pub(super) stack: Vec<Current>,
    pub(super) app: Option<String>,
    pub(super) side: Option<String>,
    /// The name it has claimed.
    pub(super) claimed: Option<String>,
    /// The mailbox it has opened.
    pub(super) opened: Option<String>,
    pub(super) subscribed: Option<Subscribed>,
    /// The closing handshake has begun: nothing can be sent any more.
    pub(super) closing: bool,
    /// The transport is gone, and since which step.
    pub(super) over: Option<u64>,
    /// Something happened since it was last looked at.
    pub(super) changed: bool,
}

impl Session {
    pub(super) fn new() -> Session {
        Session {
            handle: 0,
            log: WireLog::default(),
            waiting: VecDeque::new(),
            stack: Vec::new(),
            app: None,
            side: None,
            claimed: None,
            opened: None,
            subscribed: None,
            closing: false,
            over: None,
            changed: true,
        }
    }

    /// Whether frames can still reach the client.
    pub(super) fn is_open(&self) -> bool {
        !self.closing && self.over.is_none()
    }

    /// A frame from the client has arrived; it is handled now, or after the one being handled.
    pub(super) fn received(&mut self, payload: &[u8]) {
        self.changed = true;
        let Ok(command) = parse(payload) else {
            self.log.commands.push(WireCommand { kind: None, id: "null".to_owned(), well_formed: false });
            return;
        };
        let kind = command.get("type").map(text_of);
        self.log.commands.push(WireCommand {
            id: command.get("id").unwrap_or(&Json::Null).to_string(),
            well_formed: is_well_formed(&command),
            kind,
        });
        self.waiting.push_back(command);
    }

    /// A frame was handed to the transport.
    pub(super) fn replied(&mut self, frame: &ServerFrame) {
        self.changed = true;
        let id = match frame {
            ServerFrame::Message(_) => return,
            ServerFrame::Ack { id } => Some(id.to_string()),
            _ => None,
        };
        self.log.replies.push(Reply::Frame(frame.kind().to_owned(), id));
    }

    /// What a frame promises, if it promises something.
    pub(super) fn promise(&self, frame: &ServerFrame) -> Option<Durable> {
        let current = self.stack.last();
        let asked = |key: &str, own: &Option<String>| {
            let asked = current.and_then(|current| current.text(key));
            asked.map(str::to_owned).or_else(|| own.clone())
        };
        match frame {
            ServerFrame::Allocated { nameplate } => Some(Durable::Allocated { name: nameplate.clone() }),
            ServerFrame::Claimed { mailbox } => {
                Some(Durable::Claimed { name: asked("nameplate", &self.claimed)?, mailbox: mailbox.clone() })
            }
            ServerFrame::Released => Some(Durable::Released { name: asked("nameplate", &self.claimed)? }),
            ServerFrame::Closed => Some(Durable::Closed { mailbox: asked("mailbox", &self.opened)? }),
            ServerFrame::Message(message) if message.side.as_str() == self.side.as_deref() && self.side.is_some() => {
                Some(Durable::Echo {
                    mailbox: self.subscribed.as_ref()?.mailbox.clone(),
                    phase: stored_text(&message.phase),
                    body: stored_text(&message.body),
                })
            }
            _ => None,
        }
    }
}

/// Whether the protocol allows a command's form. A version, if there is one, is a pair.
fn is_well_formed(command: &Command) -> bool {
    let version = command.get("client_version").is_none_or(|version| {
        version.as_array().is_some_and(|parts| parts.len() >= 2 && parts.iter().all(Json::is_string))
    });
    let name = command.get("nameplate");
    command.get("type").is_some_and(Json::is_string)
        && is_well_typed(command)
        && version
        && name.is_none_or(|name| name.as_str().is_some_and(is_digits))
}

fn text_of(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// A client's value as a text column keeps it.
pub(super) fn stored_text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Bool(flag) => u8::from(*flag).to_string(),
        other => other.to_string(),
    }
}

/// A message by a name of its own, as long as nobody sends the same at the same instant.
pub(super) fn message_name(side: &str, phase: &str, body: &str, server_rx: f64) -> String {
    format!("{side}/{phase}/{body}@{server_rx:.6}")
}

/// The name of a message in a frame.
pub(super) fn name_of(message: &StoredMessage) -> String {
    message_name(
        &stored_text(&message.side),
        &stored_text(&message.phase),
        &stored_text(&message.body),
        message.server_rx,
    )
}
