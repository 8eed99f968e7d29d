//! One process of the sync server: reads commands, answers them, and cleans up when it ends in order.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{v23, v24};
use crate::choice::Coin;
use crate::disk::File;
use crate::flows::sync::format::Guid;
use crate::flows::sync::protocol::{Line, Token, Wire};
use crate::flows::sync::store::stage::Stage;
use crate::flows::sync::store::three::Selected;
use crate::flows::sync::store::{Fail, Store, Upload};
use crate::flows::sync::variants::Layout;
use crate::flows::sync::{sites, trace};
use crate::net::Stream;

/// How long a process waits before it asks for a lock again.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// How often it asks.
const LOCK_TRIES: u32 = 1_000;

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

    pub(super) async fn run(mut self, stream: Stream) {
        let mut wire = Wire::new(stream);
        while let Ok(Some(command)) = wire.receive().await {
            let words = shown(&command);
            self.store.node.note(&trace::COMMAND, &words, format_args!("pid {}", self.pid));
            self.second_actor();
            let reply = match self.answer(&command).await {
                Ok(reply) => reply,
                Err(fail) if fail.is_deadly() => {
                    self.failed(&fail);
                    self.store.node.sometimes("sync-server-killed");
                    // Nothing is cleaned up.
                    return wire.abort();
                }
                Err(fail) => {
                    self.failed(&fail);
                    Reply::ok(&refusal(&fail))
                }
            };
            self.store.host.watch.command_done(&self.store.host);
            if wire.send(&reply.lines).await.is_err() || reply.ends {
                break;
            }
        }
        if let Some(stage) = &mut self.stage {
            stage.clear();
        }
    }

    /// Says what went wrong, and where.
    fn failed(&self, fail: &Fail) {
        let mailbox = self.selected.as_ref().map_or("no mailbox", |selected| &selected.mailbox);
        self.store.node.note(&trace::FAILED, "sync-server", format_args!("{mailbox}: {fail}"));
    }

    /// Housekeeping may begin while the command is handled.
    fn second_actor(&self) {
        let node = &self.store.node;
        if !node.choose(&sites::SECOND_ACTOR, &Coin) {
            return;
        }
        node.observed(&sites::SECOND_ACTOR, &node.name());
        let (store, keep_s) = (self.store.clone(), self.settings.keep_s);
        node.after(Duration::ZERO, "second-actor", move || {
            for mailbox in store.disk.read_dir("spool").unwrap_or_default() {
                let result = store.expire(&mailbox, keep_s);
                store.node.note(&trace::JOB, "second expire", format_args!("{mailbox}: {result:?}"));
            }
        });
    }

    async fn answer(&mut self, command: &[Token]) -> Result<Reply, Fail> {
        for _ in 0..LOCK_TRIES {
            let reply = match self.store.rules().layout {
                Layout::ThreeFiles => v23::handle(self, command),
                Layout::SingleIndex => v24::handle(self, command),
            };
            match reply {
                Err(fail) if fail.is_passing() => self.store.node.sleep(LOCK_WAIT).await,
                other => return other,
            }
        }
        Err(Fail::Busy)
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

fn refusal(fail: &Fail) -> String {
    match fail {
        Fail::Crc(_) => "NO CRC".to_owned(),
        _ => format!("NO {}", fail.to_string().replace(['\r', '\n', '(', ')'], " ")),
    }
}

/// The words a command begins with.
fn shown(command: &[Token]) -> String {
    let words: Vec<&str> = command.iter().map_while(Token::atom).take(3).collect();
    words.join(" ")
}
