//! The client of 2.3: compares live messages by uid and sends what differs, in a fixed order.

use std::collections::BTreeMap;

use super::{Client, SyncError, WireError};
use crate::flows::sync::format::{Guid, Record};
use crate::flows::sync::protocol::{Line, Token};
use crate::flows::sync::store::message::Flags;
use crate::flows::sync::store::three;
use crate::flows::sync::store::{Seen, View};
use crate::flows::sync::variants::{Items, NullIds, Rules, Uploads};

/// A folder of the replica, as it lists it.
#[derive(Default)]
struct Folder {
    uidvalidity: u32,
    last_uid: u32,
    messages: Vec<(u32, Guid, Flags)>,
}

impl Client {
    /// An APPEND event: everything above the replica's last uid goes over; nobody looks for gaps.
    pub(super) async fn append_23(&mut self, name: &str) -> Result<(), SyncError> {
        let view = self.store.view(name)?;
        let last_uid: u32 = self.select(name).await?;
        let new: Vec<Seen> = view.messages.iter().filter(|message| message.uid > last_uid).cloned().collect();
        let batch = match self.store.rules().uploads {
            Uploads::FinalLastUid => 0,
            // Where nothing is configured, this path sends one message at a time.
            Uploads::ChunkLastUid => self.settings.batch.max(1),
        };
        self.upload(name, &view, &new, batch).await
    }

    /// Opens a mailbox on the replica; answers its last uid there.
    async fn select(&mut self, name: &str) -> Result<u32, SyncError> {
        let (_, answer) = self.ask(Line::new("SELECT").word(name)).await?;
        Ok(answer.get(2).and_then(Token::number).ok_or(WireError::Malformed)?)
    }

    /// The MAILBOX events of a log, all in one go.
    pub(super) async fn mailboxes_23(&mut self, names: &[String]) -> Result<(), SyncError> {
        let (lines, _) = self.ask(Line::new(format!("MAILBOXES {}", names.join(" ")))).await?;
        let folders = folders(&lines).ok_or(WireError::Malformed)?;
        let mut views = Vec::new();
        for name in names {
            views.push((name.as_str(), self.store.view(name)?));
            self.store.watch.client_reads(&self.store.host, name);
        }
        self.reserve(&views, &folders).await?;
        for (name, view) in &views {
            let folder = folders.get(*name).ok_or(WireError::Malformed)?;
            self.mailbox_23(name, view, folder).await?;
            self.store.watch.client_is_done(&self.store.host, name);
        }
        Ok(())
    }

    /// What the replica has in another folder need not be sent.
    async fn reserve(&mut self, views: &[(&str, View)], folders: &BTreeMap<String, Folder>) -> Result<(), SyncError> {
        let mut wanted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, view) in views {
            let Some(folder) = folders.get(*name) else { continue };
            let rules = self.store.rules();
            let missing = view.messages.iter().filter(|message| is_missing(rules, message, folder));
            for message in missing.filter(|message| !message.guid.is_null()) {
                let elsewhere = folders.iter().find(|(other, folder)| {
                    other.as_str() != *name && folder.messages.iter().any(|(_, guid, _)| *guid == message.guid)
                });
                if let Some((other, _)) = elsewhere {
                    wanted.entry(other).or_default().push(message.guid.to_string());
                }
            }
        }
        for (name, ids) in wanted {
            let (lines, _) = self.ask(Line::new(format!("RESERVE {name} {}", ids.join(" ")))).await?;
            let reserved = lines.iter().filter_map(|line| Guid::parse(line.get(1)?.atom()?));
            self.held.extend(reserved);
        }
        Ok(())
    }

    async fn mailbox_23(&mut self, name: &str, view: &View, folder: &Folder) -> Result<(), SyncError> {
        if view.uidvalidity != folder.uidvalidity {
            self.change(Line::new(format!("SETUIDVALIDITY {name} {}", view.uidvalidity))).await?;
        }
        let here = |uid: u32| view.messages.iter().find(|message| message.uid == uid);
        let rules = self.store.rules();
        let same = |uid: u32, guid: Guid| here(uid).filter(|message| is_same(rules, message.guid, guid));
        let mut flags = Line::new("SETFLAGS");
        let mut differ = false;
        for (uid, guid, there) in &folder.messages {
            if let Some(message) = same(*uid, *guid).filter(|message| message.flags != *there) {
                flags = flags.word(format!("({uid}")).list(&message.flags).close();
                differ = true;
            }
        }
        let gone: Vec<String> =
            folder.messages.iter().filter(|(uid, ..)| here(*uid).is_none()).map(|(uid, ..)| uid.to_string()).collect();
        let new: Vec<Seen> =
            view.messages.iter().filter(|message| is_missing(rules, message, folder)).cloned().collect();
        let last_uid_differs = new.is_empty() && view.last_uid != folder.last_uid;
        if !differ && gone.is_empty() && new.is_empty() && !last_uid_differs {
            return Ok(());
        }
        self.select(name).await?;
        if differ {
            self.change(flags).await?;
        }
        if !gone.is_empty() {
            self.change(Line::new(format!("EXPUNGE {}", gone.join(" ")))).await?;
        }
        if last_uid_differs {
            self.change(Line::new(format!("UIDLAST {} {}", view.last_uid, view.last_appenddate))).await?;
        }
        self.upload(name, view, &new, self.settings.batch).await
    }

    /// Sends messages; `batch` is how many go into one command, 0 means all.
    async fn upload(&mut self, name: &str, view: &View, new: &[Seen], batch: usize) -> Result<(), SyncError> {
        let size = if batch == 0 { new.len().max(1) } else { batch };
        let count = new.len().div_ceil(size);
        for (index, chunk) in new.chunks(size).enumerate() {
            let is_last = index + 1 == count;
            let last_uid = match (self.store.rules().uploads, chunk.last()) {
                (Uploads::ChunkLastUid, Some(message)) if !is_last => message.uid,
                _ => view.last_uid,
            };
            let mut line = Line::new(format!("UPLOAD {last_uid} {}", view.last_appenddate));
            for message in chunk {
                let record = &message.record;
                let kind = match self.store.rules().items {
                    _ if self.held.contains(&message.guid) => "COPY",
                    Items::Parsed => "PARSED",
                    Items::Simple => "SIMPLE",
                };
                line = line.word(format!(
                    "{kind} {} {} {} {} {} {}",
                    message.guid, message.uid, record.internaldate, record.sentdate, record.last_updated, record.modseq
                ));
                line = line.list(&message.flags);
                if kind == "PARSED" {
                    let cache = three::cache_of(&self.store, name, record)?;
                    let Record { header_size, content_lines, cache_version, .. } = record;
                    line = line.word(format!("{header_size} {content_lines} {cache_version}")).literal(&cache);
                }
                if kind != "COPY" {
                    line = line.literal(&self.store.message(name, message.uid)?);
                }
            }
            let answer = self.change(line).await?;
            self.held.extend(chunk.iter().map(|message| message.guid).filter(|id| !id.is_null()));
            if self.restart(&answer).await? && !is_last {
                self.select(name).await?;
            }
        }
        Ok(())
    }
}

/// Whether two ids may be one message's.
fn is_same(rules: &Rules, one: Guid, other: Guid) -> bool {
    one == other || rules.null_ids == NullIds::Equal && (one.is_null() || other.is_null())
}

/// Whether the replica lacks a message under its number.
fn is_missing(rules: &Rules, message: &Seen, folder: &Folder) -> bool {
    !folder.messages.iter().any(|(uid, guid, _)| *uid == message.uid && is_same(rules, *guid, message.guid))
}

fn folders(lines: &[Vec<Token>]) -> Option<BTreeMap<String, Folder>> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let mut current = None;
    for line in lines {
        match line.first()?.atom()? {
            "**" => {
                let name = line.get(2)?.atom()?.to_owned();
                let folder = folders.entry(name.clone()).or_default();
                (folder.uidvalidity, folder.last_uid) = (line.get(4)?.number()?, line.get(5)?.number()?);
                current = Some(name);
            }
            "*" => {
                let folder = folders.get_mut(current.as_ref()?)?;
                let guid = Guid::parse(line.get(2)?.atom()?)?;
                folder.messages.push((line.get(1)?.number()?, guid, line.get(3)?.words()?));
            }
            _ => return None,
        }
    }
    Some(folders)
}
