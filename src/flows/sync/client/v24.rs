//! The client of 2.4: if the replica's numbers and sum are the master's, nothing is to be done; otherwise records above
//! the replica's highest change go over, together with the state they lead to.

use super::{Client, SyncError, WireError};
use crate::flows::sync::protocol::{Line, Token};
use crate::flows::sync::server::v24::record_line;
use crate::flows::sync::store::{Seen, View};

/// A mailbox of the replica in a line.
pub(super) struct Summary {
    pub(super) uidvalidity: u32,
    pub(super) last_uid: u32,
    pub(super) highestmodseq: u64,
    pub(super) sync_crc: u32,
}

impl Summary {
    pub(super) fn parse(line: &[Token]) -> Option<Summary> {
        Some(Summary {
            uidvalidity: line.get(4)?.number()?,
            last_uid: line.get(5)?.number()?,
            highestmodseq: line.get(7)?.number()?,
            sync_crc: line.get(9)?.number()?,
        })
    }

    fn is_same(&self, view: &View) -> bool {
        let Summary { uidvalidity, last_uid, highestmodseq, sync_crc } = self;
        (*uidvalidity, *last_uid, *highestmodseq, *sync_crc)
            == (view.uidvalidity, view.last_uid, view.highestmodseq, view.sync_crc)
    }
}

impl Client {
    /// Brings a mailbox over; a CRC failure is repaired once.
    pub(super) async fn mailbox_24(&mut self, name: &str) -> Result<(), SyncError> {
        let (lines, _) = self.ask(Line::new("GET MAILBOXES").word(name)).await?;
        let summary = lines.first().and_then(|line| Summary::parse(line)).ok_or(WireError::Malformed)?;
        let view = self.read(name)?;
        if !summary.is_same(&view) {
            match self.update(name, &view, &summary, false).await {
                Err(SyncError::Crc) => {
                    self.store.node.sometimes("crc-repaired");
                    let summary = self.repair(name).await?;
                    let view = self.read(name)?;
                    self.update(name, &view, &summary, true).await?;
                }
                other => other?,
            }
        }
        self.store.watch.client_is_done(&self.store.host, name);
        Ok(())
    }

    /// What is to be brought over.
    fn read(&self, name: &str) -> Result<View, SyncError> {
        let view = self.store.view(name)?;
        self.store.watch.client_reads(&self.store.host, name);
        Ok(view)
    }

    /// Sends what is new, or everything.
    async fn update(&mut self, name: &str, view: &View, there: &Summary, all: bool) -> Result<(), SyncError> {
        let changed: Vec<&Seen> =
            view.messages.iter().filter(|message| all || message.record.modseq > there.highestmodseq).collect();
        let new: Vec<&&Seen> =
            changed.iter().filter(|message| !message.expunged && message.uid > there.last_uid).collect();
        if !new.is_empty() {
            let mut line = Line::new("APPLY RESERVE").word(name);
            for message in &new {
                line = line.word(message.guid);
            }
            let (lines, _) = self.ask(line).await?;
            let missing = lines.first().and_then(|line| line.get(2)?.words()).ok_or(WireError::Malformed)?;
            for message in new.iter().filter(|message| missing.contains(&message.guid.to_string())) {
                let bytes = self.store.message(name, message.uid)?;
                self.ask(Line::new("APPLY MESSAGE").word(message.guid).literal(&bytes)).await?;
            }
        }
        let View { uidvalidity, last_uid, last_appenddate, highestmodseq, deletedmodseq, sync_crc, .. } = view;
        let mut line = Line::new(format!(
            "APPLY MAILBOX {name} {uidvalidity} {last_uid} {last_appenddate} {highestmodseq} {deletedmodseq} {sync_crc}"
        ));
        for message in changed {
            line = record_line(line, message);
        }
        self.change(line).await.map(drop)
    }
}
