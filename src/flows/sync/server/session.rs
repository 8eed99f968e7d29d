//! What one process of the sync server knows and holds.

use std::collections::BTreeMap;

use crate::disk::File;
use crate::flows::sync::format::Guid;
use crate::flows::sync::protocol::Line;
use crate::flows::sync::store::stage::Stage;
use crate::flows::sync::store::three::Selected;
use crate::flows::sync::store::{Fail, Store, Upload};

/// What a server can be told.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Uploaded messages after which a process wants to be restarted.
    pub restart_after: usize,
    /// Seconds for which expunged messages are kept.
    pub keep_s: u32,
}

/// A message the process holds: uploaded, or reserved.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) staged: String,
    pub(super) size: u32,
    pub(super) header_size: u32,
    pub(super) content_lines: u32,
    pub(super) cache: Vec<u8>,
}

/// What a command comes to.
pub(super) struct Reply {
    pub(super) lines: Vec<Line>,
    /// The process ends after the answer.
    pub(super) ends: bool,
}

impl Reply {
    pub(super) fn ok(words: &str) -> Reply {
        Reply::with(Vec::new(), words)
    }

    /// Untagged lines and the answer.
    pub(super) fn with(mut lines: Vec<Line>, words: &str) -> Reply {
        lines.push(Line::new(words));
        Reply { lines, ends: false }
    }

    pub(super) fn bad() -> Reply {
        Reply::ok("BAD syntax")
    }
}

/// An upload that was read and waits for its commit.
pub(super) struct Prepared {
    pub(super) last_uid: u32,
    pub(super) appenddate: u32,
    pub(super) uploads: Vec<Upload>,
}

/// One process.
pub(super) struct Session {
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) pid: u32,
    pub(super) stage: Option<Stage>,
    /// The lock on the whole server.
    pub(super) lock: Option<File>,
    pub(super) selected: Option<Selected>,
    pub(super) held: BTreeMap<Guid, Held>,
    /// Messages it has taken in.
    pub(super) taken: usize,
    pub(super) prepared: Option<Prepared>,
}

impl Session {
    pub(super) fn new(store: &Store, settings: Settings) -> Session {
        Session {
            store: store.clone(),
            settings,
            pid: store.host.next_pid(),
            stage: None,
            lock: None,
            selected: None,
            held: BTreeMap::new(),
            taken: 0,
            prepared: None,
        }
    }

    /// Holds a message, from now on usable by this id; under none it only takes room.
    pub(super) fn take(&mut self, id: Guid, held: Held) {
        self.taken += 1;
        if !id.is_null() {
            self.held.insert(id, held);
        }
    }

    /// The process's stage, made when first needed.
    pub(super) fn stage(&mut self) -> Result<&mut Stage, Fail> {
        let stage = match self.stage.take() {
            Some(stage) => stage,
            None => Stage::open(&self.store, self.pid)?,
        };
        Ok(self.stage.insert(stage))
    }
}
