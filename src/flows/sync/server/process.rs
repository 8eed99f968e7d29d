//! One process of the sync server: reads commands, answers them, and cleans up when it ends in order.

use std::time::Duration;

use super::session::{Reply, Session};
use super::{v23, v24};
use crate::choice::Coin;
use crate::flows::sync::protocol::{Token, Wire};
use crate::flows::sync::store::Fail;
use crate::flows::sync::variants::Layout;
use crate::flows::sync::{sites, trace};
use crate::net::Stream;

/// How long a process waits before it asks for a lock again.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// How often it asks.
const LOCK_TRIES: u32 = 1_000;

impl Session {
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
            self.store.watch.command_done(&self.store.host);
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
