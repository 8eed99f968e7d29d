//! The commands of 2.3.

use super::session::{Held, Prepared, Reply, Session};
use crate::disk::{DiskError, LockKind, OpenMode};
use crate::flows::sync::format::{Guid, Record, build, guid};
use crate::flows::sync::protocol::{Line, Token};
use crate::flows::sync::store::log::user_of;
use crate::flows::sync::store::message::record_of;
use crate::flows::sync::store::{Fail, Paths, Store, Upload, View, io, three};
use crate::flows::sync::variants::{Ids, SimpleIds};

/// The file on which sessions exclude each other.
const LOCK: &str = "sync/lock";

/// Handles one command. [`Fail::Busy`] means that it is to be handled again, later.
pub(super) fn handle(session: &mut Session, command: &[Token]) -> Result<Reply, Fail> {
    let (Some(name), arguments) = (command.first().and_then(Token::atom), &command[command.len().min(1)..]) else {
        return Ok(Reply::bad());
    };
    match name {
        "LOCK" => lock(session),
        "UNLOCK" => {
            session.lock = None;
            session.selected = None;
            Ok(Reply::ok(restart(session)))
        }
        "RESTART" => Ok(Reply { ends: true, ..Reply::ok("OK") }),
        _ if session.lock.is_none() => Ok(Reply::ok("NO not locked")),
        "MAILBOXES" => mailboxes(&session.store, arguments.iter().filter_map(Token::atom)),
        "USER" => user(session, arguments),
        "SELECT" => select(session, arguments),
        "STATUS" => status(session),
        "RESERVE" => reserve(session, arguments),
        "UPLOAD" => upload(session, arguments),
        "UIDLAST" => uid_last(session, arguments),
        "SETFLAGS" => set_flags(session, arguments),
        "EXPUNGE" => expunge(session, arguments),
        "SETUIDVALIDITY" => set_uidvalidity(session, arguments),
        _ => {
            session.store.watch.unknown_command(&session.store.host, name);
            Ok(Reply::ok("BAD unknown command"))
        }
    }
}

fn lock(session: &mut Session) -> Result<Reply, Fail> {
    let file = session.store.disk.open(LOCK, OpenMode::Create)?.file();
    match file.try_lock(LockKind::Exclusive) {
        Ok(()) => {
            session.lock = Some(file);
            Ok(Reply::ok("OK"))
        }
        Err(DiskError::WouldBlock) => Err(Fail::Busy),
        Err(error) => Err(error.into()),
    }
}

fn restart(session: &Session) -> &'static str {
    if session.taken > session.settings.restart_after { "OK [RESTART]" } else { "OK [CONTINUE]" }
}

fn mailboxes<'a>(store: &Store, names: impl Iterator<Item = &'a str>) -> Result<Reply, Fail> {
    let mut lines = Vec::new();
    for name in names {
        describe(&three::view(store, name)?, name, &mut lines);
    }
    Ok(Reply::with(lines, "OK"))
}

/// A folder and what is live in it: what is expunged, the protocol does not show.
fn describe(view: &View, name: &str, lines: &mut Vec<Line>) {
    let View { unique_id, uidvalidity, last_uid, .. } = view;
    lines.push(Line::new(format!("** {unique_id} {name} acl {uidvalidity} {last_uid} 0")));
    messages(view, lines);
}

fn messages(view: &View, lines: &mut Vec<Line>) {
    for message in &view.messages {
        lines.push(Line::new(format!("* {} {}", message.uid, message.guid)).list(&message.flags));
    }
}

fn user(session: &Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let Some(user) = arguments.first().and_then(Token::atom) else {
        return Ok(Reply::bad());
    };
    let names = session.store.disk.read_dir("spool")?;
    mailboxes(&session.store, names.iter().map(String::as_str).filter(|name| user_of(name) == user))
}

fn select(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let Some(name) = arguments.first().and_then(Token::atom) else {
        return Ok(Reply::bad());
    };
    let selected = three::select(&session.store, name)?;
    let answer = format!("OK {} {}", selected.unique_id, selected.last_uid);
    session.selected = Some(selected);
    Ok(Reply::ok(&answer))
}

/// What is live in the selected folder.
fn status(session: &Session) -> Result<Reply, Fail> {
    let Some(selected) = &session.selected else {
        return Ok(Reply::ok("NO nothing is selected"));
    };
    let view = three::view(&session.store, &selected.mailbox)?;
    let mut lines = Vec::new();
    messages(&view, &mut lines);
    Ok(Reply::with(lines, &format!("OK {}", view.last_uid)))
}

/// Messages of a folder become usable by their ids, for this process.
fn reserve(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let Some((name, ids)) = arguments.split_first().and_then(|(name, ids)| Some((name.atom()?, ids))) else {
        return Ok(Reply::bad());
    };
    let view = three::view(&session.store, name)?;
    let mut lines = Vec::new();
    for id in ids.iter().filter_map(|token| Guid::parse(token.atom()?)) {
        let Some(message) = view.messages.iter().find(|message| message.guid == id) else {
            continue;
        };
        let path = Paths::of(name).message(message.uid);
        let staged = session.stage()?.link(&path)?;
        let bytes = io::read(&session.store.disk, &staged)?;
        let held = held(staged, &bytes);
        session.take(id, held);
        lines.push(Line::new(format!("* {id}")));
    }
    Ok(Reply::with(lines, "OK"))
}

fn held(staged: String, bytes: &[u8]) -> Held {
    let Record { size, header_size, content_lines, .. } = record_of(bytes, 0);
    Held { staged, size, header_size, content_lines, cache: build(bytes) }
}

/// Reads all items first; then all of them are committed, or none.
fn upload(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    if session.prepared.is_none() {
        let Some((last_uid, appenddate)) = pair(arguments) else {
            return Ok(Reply::bad());
        };
        let mut uploads = Vec::new();
        let mut rest = &arguments[2..];
        while !rest.is_empty() {
            match item(session, &mut rest)? {
                Some(upload) => uploads.push(upload),
                None => return Ok(Reply::bad()),
            }
        }
        session.prepared = Some(Prepared { last_uid, appenddate, uploads });
    }
    let (Some(selected), Some(prepared)) = (&mut session.selected, &session.prepared) else {
        return Ok(Reply::ok("NO nothing is selected"));
    };
    let Prepared { last_uid, appenddate, uploads } = prepared;
    let done = three::upload(&session.store, selected, uploads, *last_uid, *appenddate);
    if !done.as_ref().is_err_and(Fail::is_passing) {
        session.prepared = None;
    }
    done?;
    Ok(Reply::ok(restart(session)))
}

fn pair(arguments: &[Token]) -> Option<(u32, u32)> {
    Some((arguments.first()?.number()?, arguments.get(1)?.number()?))
}

/// How a message of an upload comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is held already.
    Copy,
    /// As it is.
    Simple,
    /// With what the sender's cache says of it.
    Parsed,
}

/// `SIMPLE id uid internaldate sentdate last_updated modseq (flags) {message}`, or `COPY` without the message, or
/// `PARSED` with header size, lines, cache version and cache record before it.
fn item(session: &mut Session, rest: &mut &[Token]) -> Result<Option<Upload>, Fail> {
    let (kind, len) = match rest.first().and_then(Token::atom) {
        Some("COPY") => (Kind::Copy, 8),
        Some("SIMPLE") => (Kind::Simple, 9),
        Some("PARSED") => (Kind::Parsed, 13),
        _ => return Ok(None),
    };
    let Some((tokens, more)) = rest.split_at_checked(len) else {
        return Ok(None);
    };
    *rest = more;
    let number = |at: usize| tokens[at].number::<u32>();
    let fields = (|| {
        let id = Guid::parse(tokens[1].atom()?)?;
        let record = Record {
            uid: number(2)?,
            internaldate: number(3)?,
            sentdate: number(4)?,
            last_updated: number(5)?,
            modseq: tokens[6].number()?,
            guid: id,
            cache_version: 3,
            ..Record::default()
        };
        Some((id, record, tokens[7].words()?))
    })();
    let Some((id, mut record, flags)) = fields else {
        return Ok(None);
    };
    let held = if kind == Kind::Copy {
        session.held.get(&id).cloned()
    } else {
        let Token::Literal(bytes) = &tokens[len - 1] else {
            return Ok(None);
        };
        let staged = session.stage()?.put(bytes)?;
        let mut held = held(staged, bytes);
        if kind == Kind::Parsed {
            let (Some(header_size), Some(lines), Token::Literal(cache)) = (number(8), number(9), &tokens[11]) else {
                return Ok(None);
            };
            (held.header_size, held.content_lines) = (header_size, lines);
            held.cache.clone_from(cache);
        }
        let rules = session.store.rules();
        let key = match (rules.ids, rules.simple_ids) {
            (_, SimpleIds::Null) if kind == Kind::Simple => Guid::default(),
            (Ids::Sha1, _) => guid(bytes),
            (Ids::Assigned, _) => id,
        };
        session.take(key, held.clone());
        Some(held)
    };
    session.store.watch.copied(&session.store.host, held.is_some());
    let Some(held) = held else {
        return Ok(None);
    };
    record.size = held.size;
    (record.header_size, record.body_or_gmtime) = (held.header_size, held.header_size);
    record.content_lines = held.content_lines;
    Ok(Some(Upload { record, flags, staged: held.staged, cache: held.cache }))
}

fn uid_last(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let (Some(selected), Some((last_uid, appenddate))) = (&mut session.selected, pair(arguments)) else {
        return Ok(Reply::bad());
    };
    three::set_last_uid(&session.store, &selected.mailbox, last_uid, appenddate)?;
    selected.last_uid = last_uid;
    Ok(Reply::ok("OK"))
}

fn set_flags(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let items: Option<Vec<_>> = arguments
        .iter()
        .map(|item| match item {
            Token::List(tokens) => match &tokens[..] {
                [uid, flags] => Some((uid.number()?, flags.words()?)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let (Some(selected), Some(items)) = (&mut session.selected, items) else {
        return Ok(Reply::bad());
    };
    three::set_flags(&session.store, selected, &items)?;
    Ok(Reply::ok("OK"))
}

fn expunge(session: &mut Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let uids: Option<Vec<u32>> = arguments.iter().map(Token::number).collect();
    let (Some(selected), Some(uids)) = (&mut session.selected, uids) else {
        return Ok(Reply::bad());
    };
    three::expunge(&session.store, &selected.mailbox, &uids, false)?;
    *selected = three::select(&session.store, &selected.mailbox)?;
    Ok(Reply::ok("OK"))
}

fn set_uidvalidity(session: &Session, arguments: &[Token]) -> Result<Reply, Fail> {
    let fields = arguments.first().and_then(Token::atom).zip(arguments.get(1).and_then(Token::number));
    let Some((name, uidvalidity)) = fields else {
        return Ok(Reply::bad());
    };
    three::set_uidvalidity(&session.store, name, uidvalidity)?;
    Ok(Reply::ok("OK"))
}
