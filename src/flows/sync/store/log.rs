//! The sync log: one line per change that replicas have to learn of. It says what changed, never how.

use std::collections::BTreeSet;

use super::{Fail, Store, io};
use crate::disk::{DiskError, OpenMode};
use crate::flows::sync::variants::WorkLog;

/// Where lines are written.
const LOG: &str = "sync/log";
/// The directory of the log.
const DIR: &str = "sync";
/// The work file that every client looks at first, where there is one.
const RUN: &str = "sync/log-run";

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// Messages were added to a mailbox.
    Append(String),
    /// Something about a mailbox.
    Mailbox(String),
    /// Something about a user.
    User(String),
}

impl Event {
    fn line(&self) -> String {
        match self {
            Event::Append(name) => format!("APPEND {name}\n"),
            Event::Mailbox(name) => format!("MAILBOX {name}\n"),
            Event::User(name) => format!("USER {name}\n"),
        }
    }

    fn parse(line: &str) -> Option<Event> {
        let (kind, name) = line.split_once(' ')?;
        let name = name.to_owned();
        match kind {
            "APPEND" => Some(Event::Append(name)),
            "MAILBOX" => Some(Event::Mailbox(name)),
            "USER" => Some(Event::User(name)),
            _ => None,
        }
    }
}

/// Appends a line, durable when this returns.
pub fn write(store: &Store, event: &Event) -> Result<(), Fail> {
    let file = store.disk.open(LOG, OpenMode::Create)?;
    let end = file.size()?;
    io::write_all(&file, end, event.line().as_bytes())?;
    file.sync_all()?;
    store.sync_dir(DIR)?;
    Ok(())
}

/// A work file: lines a client has taken over.
pub struct Work {
    path: String,
    /// What it says, each event once, without what stronger ones imply.
    pub events: BTreeSet<Event>,
}

/// Takes the log over as the client with this process id; `None` if there is nothing to do.
pub fn take(store: &Store, pid: u32) -> Result<Option<Work>, Fail> {
    let disk = &store.disk;
    let path = match store.rules().work_log {
        WorkLog::Forgotten => format!("sync/log-{pid}"),
        WorkLog::ParentPid => format!("sync/log-{}", store.host.parent_pid()),
        WorkLog::RunFirst => RUN.to_owned(),
    };
    let left_behind = store.rules().work_log != WorkLog::Forgotten && io::exists(disk, &path)?;
    if !left_behind {
        match disk.rename(LOG, &path) {
            // The next log must not take the name before this is durable.
            Ok(()) => store.sync_dir(DIR)?,
            Err(DiskError::NotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let text = String::from_utf8_lossy(&io::read(disk, &path)?).into_owned();
    Ok(Some(Work { path, events: reduce(text.lines().filter_map(Event::parse)) }))
}

/// Whether there is something to do.
pub fn is_waiting(store: &Store) -> bool {
    let has = |path: &str| io::exists(&store.disk, path).unwrap_or(true);
    has(LOG)
        || match store.rules().work_log {
            WorkLog::Forgotten => false,
            WorkLog::ParentPid => has(&format!("sync/log-{}", store.host.parent_pid())),
            WorkLog::RunFirst => has(RUN),
        }
}

/// All of it has been done.
pub fn done(store: &Store, work: &Work) -> Result<(), Fail> {
    io::remove(&store.disk, &work.path)?;
    store.sync_dir(DIR)
}

/// Each event once; what a stronger one covers is dropped.
fn reduce(events: impl Iterator<Item = Event>) -> BTreeSet<Event> {
    let all: BTreeSet<Event> = events.collect();
    let user_of = |mailbox: &str| Event::User(user_of(mailbox).to_owned());
    all.iter()
        .filter(|event| match event {
            Event::Append(name) => !all.contains(&Event::Mailbox(name.clone())) && !all.contains(&user_of(name)),
            Event::Mailbox(name) => !all.contains(&user_of(name)),
            Event::User(_) => true,
        })
        .cloned()
        .collect()
}

/// Whose mailbox it is.
#[must_use]
pub fn user_of(mailbox: &str) -> &str {
    mailbox.split('.').nth(1).unwrap_or(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: a line is its event's text, and what stronger events imply is dropped.
    #[test]
    fn lines_and_their_strength() {
        let events = [
            Event::Append("user.a".into()),
            Event::Mailbox("user.a".into()),
            Event::Append("user.b".into()),
            Event::Append("user.b".into()),
        ];
        let lines: String = events.iter().map(Event::line).collect();
        assert_eq!(lines, "APPEND user.a\nMAILBOX user.a\nAPPEND user.b\nAPPEND user.b\n");
        let read: Vec<_> = lines.lines().filter_map(Event::parse).collect();
        assert_eq!(read, events);
        let reduced = reduce(read.into_iter());
        assert_eq!(reduced.into_iter().collect::<Vec<_>>(), [events[2].clone(), events[1].clone()]);
        let with_user = [events[1].clone(), Event::User("a".into())];
        assert_eq!(reduce(with_user.into_iter()).len(), 1);
        assert_eq!(Event::parse("APPEN"), None);
    }
}
