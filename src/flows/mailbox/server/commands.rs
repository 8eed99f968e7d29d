//! The commands that touch the database, as a connection calls them. One implementation is historical, the
//! other runs every command in a transaction of its own.

use std::rc::Rc;

use serde_json::Value as Json;

use super::atomic::Atomic;
use super::listeners::{Handle, Listener};
use super::shared::Shared;
use super::{AppNamespace, Mailbox, Raised, Refusal, Server};
use crate::flows::mailbox::protocol::StoredMessage;
use crate::flows::mailbox::variants::Discipline;

/// What a close is about.
pub(super) struct Closing<'a> {
    /// The connection's mailbox object, if it has one.
    pub mailbox: Option<&'a Mailbox>,
    /// The mailbox id: the client's, or the one it opened.
    pub id: &'a Json,
    pub side: &'a Json,
    pub mood: &'a Json,
    pub when: f64,
}

/// Sides, names and ids are the client's JSON values: who checks their types, and when, is part of the behaviour.
pub(super) trait Commands {
    /// Picks a free nameplate and claims it.
    fn allocate(&self, side: &Json, when: f64) -> Result<String, Refusal>;
    /// Whether the client may claim this name at all.
    fn check_nameplate(&self, name: &Json) -> Result<String, Refusal>;
    /// Claims a nameplate, which creates it and its mailbox if need be, and opens the mailbox for the side.
    fn claim(&self, name: &str, side: &Json, when: f64) -> Result<String, Refusal>;
    /// Gives a nameplate up; the last one deletes it. Unknown names and sides are no error.
    fn release(&self, name: &Json, side: &Json, when: f64) -> Result<(), Refusal>;
    /// Opens a mailbox for a side, which creates it if need be.
    fn open(&self, mailbox: &Json, side: &Json, when: f64) -> Result<Rc<Mailbox>, Refusal>;
    /// Registers a listener and sends it the messages so far.
    fn subscribe(&self, mailbox: &Mailbox, handle: Handle, side: &str, wire: &Rc<dyn Listener>) -> Result<(), Raised>;
    /// Stores a message and hands it to every listener.
    fn add(&self, mailbox: &Mailbox, handle: Handle, message: StoredMessage) -> Result<(), Refusal>;
    /// The mailbox object a close on a connection without one works on, if it needs one.
    fn mailbox_to_close(&self, id: &Json, side: &Json, when: f64) -> Result<Option<Rc<Mailbox>>, Refusal>;
    /// Closes a mailbox for a side; the last one deletes it.
    fn close(&self, closing: Closing<'_>) -> Result<(), Refusal>;
}

/// The commands of an app, as this server carries them out.
pub(super) fn commands<'a>(server: &'a Server, app: &'a AppNamespace) -> Box<dyn Commands + 'a> {
    match server.rules().discipline {
        Discipline::SharedImplicit => Box::new(Shared { server, app }),
        Discipline::PerCommand => Box::new(Atomic { server, app }),
    }
}
