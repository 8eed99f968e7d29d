//! What the ghost history knows of one publish, one share, one message.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::facts::{Outcome, PublishId, Tick};
use super::layout::Checkstring;
use super::servermap::{Place, ServerId};
use super::version::NewVersion;

/// What a publish starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Name of the client's node.
    pub client: String,
    /// The text to publish.
    pub text: Vec<u8>,
    /// Shares needed and made.
    pub encoding: (u8, u8),
    /// When the update of its map began.
    pub map_start: Tick,
    /// The greatest sequence number in its map.
    pub highest: u64,
    /// The shares in its map.
    pub known: BTreeMap<Place, Checkstring>,
    /// Servers that answered the map update.
    pub answered: BTreeSet<ServerId>,
    /// Servers the client knew of.
    pub servers: BTreeSet<ServerId>,
}

/// One publish, from outside.
#[derive(Clone, Debug)]
pub struct Publish {
    /// What it started from.
    pub start: Start,
    /// Its version, once encoded.
    pub version: Option<Checkstring>,
    /// The shares it made.
    pub made: Option<Rc<NewVersion>>,
    /// Frames of its loop on the stack.
    pub depth: u32,
    /// Loops entered.
    pub loops: u32,
    /// Messages sent.
    pub sent: u32,
    /// Messages answered or failed.
    pub resolved: u32,
    /// Servers of which a message failed or was refused.
    pub failed: BTreeSet<ServerId>,
    /// Servers that handled one of its messages.
    pub reached: BTreeSet<ServerId>,
    /// Places about which a server's answer arrived.
    pub replied: BTreeSet<Place>,
    /// Shares taken for placed.
    pub placed: BTreeSet<Place>,
    /// Places that were written, and when.
    pub applied: BTreeMap<Place, Tick>,
    /// A write was refused for a share this publish had written itself.
    pub refused_itself: bool,
    /// Places, on servers it reached, that held a share which its map did not list, and that share's version.
    pub unlisted: BTreeMap<Place, Checkstring>,
    /// Servers it reached that still showed the version its map listed, at a place it wanted to replace.
    pub own_update_pending: bool,
    /// When and how it ended.
    pub end: Option<(Tick, Outcome)>,
}

impl Publish {
    /// A publish that has just begun.
    #[must_use]
    pub fn new(start: Start) -> Publish {
        Publish {
            start,
            version: None,
            made: None,
            depth: 0,
            loops: 0,
            sent: 0,
            resolved: 0,
            failed: BTreeSet::new(),
            reached: BTreeSet::new(),
            replied: BTreeSet::new(),
            placed: BTreeSet::new(),
            applied: BTreeMap::new(),
            refused_itself: false,
            unlisted: BTreeMap::new(),
            own_update_pending: false,
            end: None,
        }
    }
}

/// Who wrote last at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The publish.
    pub by: PublishId,
    /// Its version.
    pub version: Checkstring,
    /// When.
    pub at: Tick,
    /// What is there is not (all of) what the publish wrote.
    pub torn: bool,
}

/// How a message was resolved at the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// An answer: written.
    Wrote,
    /// An answer: refused.
    Refused,
    /// An error.
    Failed,
}
