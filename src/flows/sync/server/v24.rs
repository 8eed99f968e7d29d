//! A small part of the commands of 2.4: states are asked for and applied.

use std::collections::BTreeMap;

use super::session::{Held, Reply, Session};
use crate::flows::sync::format::{Guid, Record, UNLINKED, guid};
use crate::flows::sync::protocol::{Line, Token};
use crate::flows::sync::store::message::record_of;
use crate::flows::sync::store::single::{self, Applied};
use crate::flows::sync::store::{Fail, Paths, Seen, View, io};
use crate::flows::sync::variants::UnknownExpunged;

/// Handles one command. [`Fail::Busy`] means that it is to be handled again, later.
pub(super) fn handle(session: &mut Session, command: &[Token]) -> Result<Reply, Fail> {
    let word = |at: usize| command.get(at).and_then(Token::atom);
    let arguments = command.get(2..).unwrap_or_default();
    match (word(0), word(1)) {
        (Some("GET"), Some("MAILBOXES")) => {
            let mut lines = Vec::new();
            for name in arguments.iter().filter_map(Token::atom) {
                lines.push(summary(&single::view(&session.store, name)?, name));
            }
            Ok(Reply::with(lines, "OK"))
        }
        (Some("GET"), Some("FULLMAILBOX")) => full(session, arguments),
        (Some("GET"), Some("FETCH")) => fetch(session, arguments),
        (Some("APPLY"), Some("RESERVE")) => reserve(session, arguments),
        (Some("APPLY"), Some("MESSAGE")) => message(session, arguments),
        (Some("APPLY"), Some("MAILBOX")) => mailbox(session, arguments),
        (Some("APPLY"), Some("EXPUNGE")) => expunge(session, arguments),
        (Some("RESTART"), None) => Ok(Reply { ends: true, ..Reply::ok("OK") }),
        (first, _) => {
            session.store.watch.unknown_command(&session.store.host, first.unwrap_or_default());
            Ok(Reply::ok("BAD unknown command"))
        }
    }
}

fn summary(view: &View, name: &str) -> Line {
    let View { unique_id, uidvalidity, last_uid, last_appenddate, highestmodseq, deletedmodseq, sync_crc, .. } = view;
    Line::new(format!(
        "* MAILBOX {name} {unique_id} {uidvalidity} {last_uid} {last_appenddate} {highestmodseq} {deletedmodseq} {sync_crc}"
    ))
}

/// A record as both sides write it.
pub fn record_line(line: Line, message: &Seen) -> Line {
    let Record { uid, internaldate, sentdate, size, last_updated, modseq, guid, .. } = &message.record;
    let state = if message.expunged { "EXPUNGED" } else { "LIVE" };
    line.word(format!("{uid} {guid} {modseq} {last_updated} {internaldate} {sentdate} {size} {state}"))
        .list(&message.flags)
}

/// Reads what [`record_line`] wrote: nine tokens.
#[must_use]
pub fn record_of_line(tokens: &[Token]) -> Option<Seen> {
    let number = |at: usize| tokens.get(at).and_then(Token::number::<u32>);
    let expunged = tokens.get(7)?.atom()? == "EXPUNGED";
    let guid = Guid::parse(tokens.get(1)?.atom()?)?;
    let record = Record {
        uid: number(0)?,
        guid,
        modseq: tokens.get(2)?.number()?,
        last_updated: number(3)?,
        internaldate: number(4)?,
        sentdate: number(5)?,
        size: number(6)?,
        system_flags: if expunged { crate::flows::sync::format::EXPUNGED } else { 0 },
        cache_version: 3,
        ..Record::default()
    };
    Some(Seen { uid: record.uid, guid, flags: tokens.get(8)?.words()?, expunged, record })
}

fn full(session: &Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let Some(name) = arguments.first().and_then(Token::atom) else {
        return Ok(Reply::bad());
    };
    let view = single::view(&session.store, name)?;
    let mut lines = vec![summary(&view, name)];
    lines.extend(view.messages.iter().map(|message| record_line(Line::new("* RECORD"), message)));
    Ok(Reply::with(lines, "OK"))
}

fn fetch(session: &Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let fields = arguments.first().and_then(Token::atom).zip(arguments.get(1).and_then(Token::number));
    let Some((name, uid)) = fields else {
        return Ok(Reply::bad());
    };
    let bytes = session.store.message(name, uid)?;
    Ok(Reply::with(vec![Line::new("* FILE").literal(&bytes)], "OK"))
}

/// Which of these messages have to be sent: what some mailbox has is linked into the stage.
fn reserve(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let Some((name, ids)) = arguments.split_first().and_then(|(name, ids)| Some((name.atom()?, ids))) else {
        return Ok(Reply::bad());
    };
    let view = single::view(&session.store, name)?;
    let records_unknown = session.store.rules().unknown == UnknownExpunged::Recorded;
    let mut missing = Vec::new();
    for id in ids.iter().filter_map(|token| Guid::parse(token.atom()?)) {
        if session.held.contains_key(&id) {
            continue;
        }
        // Of what was recorded without a file there is nothing to be linked.
        let has_file = |message: &&Seen| !records_unknown || message.record.system_flags & UNLINKED == 0;
        match view.messages.iter().filter(has_file).find(|message| message.guid == id) {
            Some(message) => {
                let staged = session.stage()?.link(&Paths::of(name).message(message.uid))?;
                let bytes = io::read(&session.store.disk, &staged)?;
                if guid(&bytes) == id {
                    hold(session, id, staged, &bytes);
                    continue;
                }
                missing.push(id.to_string());
            }
            None => missing.push(id.to_string()),
        }
    }
    Ok(Reply::with(vec![Line::new("* MISSING").list(&missing)], "OK"))
}

fn hold(session: &mut Session, id: Guid, staged: String, bytes: &[u8]) {
    let Record { size, header_size, content_lines, .. } = record_of(bytes, 0);
    session.held.insert(id, Held { staged, size, header_size, content_lines, cache: Vec::new() });
}

fn message(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let [id, Token::Literal(bytes)] = arguments else {
        return Ok(Reply::bad());
    };
    let Some(id) = id.atom().and_then(Guid::parse).filter(|id| guid(bytes) == *id) else {
        return Ok(Reply::ok("NO another message"));
    };
    let staged = session.stage()?.put(bytes)?;
    hold(session, id, staged, bytes);
    Ok(Reply::ok("OK"))
}

fn mailbox(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let number = |at: usize| arguments.get(at).and_then(Token::number::<u64>);
    let fields = (|| {
        let name = arguments.first()?.atom()?;
        let word = |at| number(at).and_then(|number| u32::try_from(number).ok());
        let state = Applied {
            uidvalidity: word(1)?,
            last_uid: word(2)?,
            last_appenddate: word(3)?,
            highestmodseq: number(4)?,
            deletedmodseq: number(5)?,
            sync_crc: word(6)?,
            records: Vec::new(),
        };
        let records: Option<Vec<_>> = arguments[7..].chunks(9).map(record_of_line).collect();
        Some((name, state, records?))
    })();
    let Some((name, mut state, records)) = fields else {
        return Ok(Reply::bad());
    };
    for message in records {
        let mut record = message.record;
        if let Some(held) = session.held.get(&record.guid) {
            (record.header_size, record.body_or_gmtime) = (held.header_size, record.sentdate);
            record.content_lines = held.content_lines;
        }
        state.records.push((record, message.flags));
    }
    let staged: BTreeMap<Guid, String> = session.held.iter().map(|(id, held)| (*id, held.staged.clone())).collect();
    single::apply(&session.store, name, &state, &staged)?;
    Ok(Reply::ok("OK"))
}

fn expunge(session: &Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let Some((name, uids)) = arguments.split_first().and_then(|(name, uids)| Some((name.atom()?, uids))) else {
        return Ok(Reply::bad());
    };
    let uids: Vec<u32> = uids.iter().filter_map(Token::number).collect();
    single::expunge(&session.store, name, &uids, false)?;
    Ok(Reply::ok("OK"))
}
