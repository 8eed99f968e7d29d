//! After a CRC failure: all records of both sides are compared, and the master is changed until the replica can follow.

use super::v24::Summary;
use super::{Client, SyncError, WireError};
use crate::flows::sync::protocol::{Line, Token};
use crate::flows::sync::server::v24::record_of_line;
use crate::flows::sync::store::single::{self, Move};
use crate::flows::sync::store::{Seen, View};
use crate::flows::sync::variants::Copyback;

impl Client {
    /// Makes the master a state that the replica can be brought to; answers where the replica is now.
    pub(super) async fn repair(&mut self, name: &str) -> Result<Summary, SyncError> {
        let (lines, _) = self.ask(Line::new("GET FULLMAILBOX").word(name)).await?;
        let (first, records) = lines.split_first().ok_or(WireError::Malformed)?;
        let there = Summary::parse(first).ok_or(WireError::Malformed)?;
        let theirs: Option<Vec<Seen>> =
            records.iter().map(|line| record_of_line(line.get(2..).unwrap_or_default())).collect();
        let theirs = theirs.ok_or(WireError::Malformed)?;
        let view = self.store.view(name)?;
        let copyback = self.store.rules().copyback;
        let mut gone = Vec::new();
        let (mut renumber, mut fetch): (Vec<&Seen>, Vec<&Seen>) = (Vec::new(), Vec::new());
        // What nothing is known of here, and is expunged there, or will be.
        let mut unknown: Vec<&Seen> = Vec::new();
        for message in &theirs {
            match view.messages.iter().find(|mine| mine.uid == message.uid) {
                None if message.expunged => unknown.push(message),
                None => {
                    // Not there any more, or never: an expunge that was repacked away has left its number. What is
                    // there under another number was fetched before.
                    let known = view.messages.iter().any(|mine| mine.guid == message.guid && !mine.expunged);
                    let never_here = copyback == Copyback::UnknownUids && message.uid > view.last_uid;
                    if !known && (never_here || message.record.modseq >= view.deletedmodseq) {
                        fetch.push(message);
                    }
                    unknown.push(message);
                    gone.push(message.uid);
                }
                Some(mine) if mine.guid != message.guid => {
                    if !mine.expunged {
                        renumber.push(mine);
                    }
                    if !message.expunged {
                        fetch.push(message);
                        gone.push(message.uid);
                    }
                }
                Some(mine) if !mine.expunged && message.expunged => renumber.push(mine),
                Some(_) => {}
            }
        }
        for mine in view.messages.iter().filter(|mine| !mine.expunged && mine.uid <= there.last_uid) {
            if !theirs.iter().any(|message| message.uid == mine.uid) {
                renumber.push(mine);
            }
        }
        self.store.watch.repairs(&self.store.host, name);
        // The lower id gets the lower number.
        let mut moves: Vec<(&Seen, bool)> = renumber
            .into_iter()
            .map(|mine| (mine, true))
            .chain(fetch.into_iter().map(|theirs| (theirs, false)))
            .collect();
        moves.sort_by_key(|(message, _)| (message.guid, message.uid));
        match copyback {
            Copyback::ByModseq => self.move_one_by_one(name, &there, &moves).await?,
            Copyback::UnknownUids => self.move_at_once(name, &view, &there, &moves, &unknown).await?,
        }
        if !gone.is_empty() {
            let mut line = Line::new("APPLY EXPUNGE").word(name);
            for uid in gone {
                line = line.word(uid);
            }
            self.change(line).await?;
        }
        let (lines, _) = self.ask(Line::new("GET MAILBOXES").word(name)).await?;
        let there = lines.first().and_then(|line| Summary::parse(line)).ok_or(WireError::Malformed)?;
        let last_uid = match copyback {
            Copyback::ByModseq => there.last_uid,
            // What has got a number there since the two were compared is not passed over: it is found the next time.
            Copyback::UnknownUids => 0,
        };
        single::raise(&self.store, name, last_uid, there.highestmodseq)?;
        Ok(there)
    }

    /// Passes over the other server's numbers, then moves one message after the other.
    async fn move_one_by_one(&mut self, name: &str, there: &Summary, moves: &[(&Seen, bool)]) -> Result<(), SyncError> {
        single::raise(&self.store, name, there.last_uid, there.highestmodseq)?;
        for (message, mine) in moves {
            if *mine {
                single::clone_as_new(&self.store, name, message.uid)?;
            } else {
                let bytes = self.fetch(name, message.uid).await?;
                single::store_copy(&self.store, name, &bytes, &message.record, &message.flags)?;
            }
        }
        Ok(())
    }

    /// Fetches everything first. What is not known here is recorded as gone in the same step.
    async fn move_at_once(
        &mut self,
        name: &str,
        compared: &View,
        there: &Summary,
        moves: &[(&Seen, bool)],
        unknown: &[&Seen],
    ) -> Result<(), SyncError> {
        let gone = |message: &&Seen| Move::Gone { like: message.record.clone(), flags: message.flags.clone() };
        let mut all: Vec<Move> = unknown.iter().map(gone).collect();
        for (message, mine) in moves {
            all.push(if *mine {
                Move::Renumber(message.uid)
            } else {
                let bytes = self.fetch(name, message.uid).await?;
                Move::Copy { bytes, like: message.record.clone(), flags: message.flags.clone() }
            });
        }
        single::merge(&self.store, name, compared, there.last_uid, there.highestmodseq, &all)?;
        Ok(())
    }

    async fn fetch(&mut self, name: &str, uid: u32) -> Result<Vec<u8>, SyncError> {
        let (lines, _) = self.ask(Line::new(format!("GET FETCH {name} {uid}"))).await?;
        match lines.first().and_then(|line| line.get(2)) {
            Some(Token::Literal(bytes)) => Ok(bytes.clone()),
            _ => Err(WireError::Malformed.into()),
        }
    }
}
