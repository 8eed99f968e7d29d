//! What clients are answered and sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{each, require};
use crate::check::Outcome;
use crate::flows::mailbox::model::{
    Admission, ChannelRows, Delivery, Durable, NameEvent, NameplateSideRow, Reply, Subscription, WireLog,
};

/// `acked-once-and-in-order`: of a connection's whole log, `message` frames left out.
#[must_use]
pub fn acked_once_and_in_order(log: &WireLog) -> Outcome {
    let mut replies = log.replies.iter().take_while(|reply| matches!(reply, Reply::Frame(..))).peekable();
    let dropped = log.replies.iter().any(|reply| matches!(reply, Reply::Dropped(_)));
    let mut next = |expected: &[&str]| match replies.next_if(|reply| is_frame(reply, expected)) {
        Some(Reply::Frame(kind, id)) => Some((kind.as_str(), id.as_deref())),
        _ => None,
    };
    if next(&["welcome"]).is_none() && !dropped {
        return Outcome::violated("no welcome first", format!("{:?}", log.replies.first()));
    }
    for command in &log.commands {
        let Some(kind) = &command.kind else {
            next(&["error"]);
            continue;
        };
        match next(&["ack"]) {
            Some((_, id)) if id == Some(&command.id) => {}
            None if dropped => break,
            other => {
                return Outcome::violated("command not acked first", format!("{kind}: {other:?}"));
            }
        }
        let own = answer_to(kind);
        let answered = next(&[own.unwrap_or("error"), "error"]).is_some();
        if own.is_some() && !answered && !dropped {
            return Outcome::violated("command not answered", format!("{kind} with id {}", command.id));
        }
    }
    match replies.next() {
        Some(reply) => Outcome::violated("frame out of order", format!("{reply:?}")),
        None => Outcome::Held,
    }
}

fn is_frame(reply: &Reply, kinds: &[&str]) -> bool {
    matches!(reply, Reply::Frame(kind, _) if kinds.contains(&kind.as_str()))
}

/// The frame that answers a command directly, if one does.
fn answer_to(kind: &str) -> Option<&'static str> {
    match kind {
        "ping" => Some("pong"),
        "list" => Some("nameplates"),
        "allocate" => Some("allocated"),
        "claim" => Some("claimed"),
        "release" => Some("released"),
        "close" => Some("closed"),
        "bind" | "open" | "add" => None,
        _ => Some("error"),
    }
}

/// `answer-is-durable`: committed rows at the moment a frame is handed to the transport.
#[must_use]
pub fn answer_is_durable(app: &str, side: &str, answer: &Durable, rows: &ChannelRows) -> Outcome {
    let nameplate = |name: &str| rows.nameplates.iter().find(|n| n.app == app && n.name == name);
    let claims = |name: &str| -> Option<&NameplateSideRow> {
        rows.sides_of_nameplate(nameplate(name)?.id).find(|s| s.side == side && s.claimed)
    };
    // Ids are global: the mailbox of another app is not the one that is meant.
    let own_app = |mailbox: &str| rows.mailbox(mailbox).is_none_or(|row| row.app == app);
    let opened = |mailbox: &str| {
        let own = rows.sides_of_mailbox(mailbox).find(|s| s.side == side && own_app(mailbox));
        own.map(|s| s.opened)
    };
    let durable = match answer {
        Durable::Allocated { name } => claims(name).is_some(),
        Durable::Claimed { name, mailbox } => {
            claims(name).is_some()
                && nameplate(name).is_some_and(|n| n.mailbox == *mailbox)
                && opened(mailbox).is_some()
        }
        Durable::Released { name } => claims(name).is_none(),
        Durable::Closed { mailbox } => opened(mailbox) != Some(true),
        Durable::Echo { mailbox, phase, body } => rows
            .messages
            .iter()
            .any(|x| x.app == app && x.mailbox == *mailbox && x.side == side && x.phase == *phase && x.body == *body),
    };
    match require(durable, "answer sent before it is durable", || format!("to side {side} of {app}: {answer:?}")) {
        Ok(()) => Outcome::Held,
        Err(violated) => violated,
    }
}

/// `no-drop-without-reason`: `io_failed` says that a disk or lock fault had hit the command.
#[must_use]
pub fn no_drop_without_reason(log: &WireLog, io_failed: bool) -> Outcome {
    let well_formed = log.commands.iter().all(|command| command.well_formed);
    let drops = log.replies.iter().filter_map(|reply| match reply {
        Reply::Dropped(name) if well_formed && !io_failed => Some(name),
        _ => None,
    });
    match each(drops, |name| {
        let last = log.commands.last().and_then(|command| command.kind.as_deref()).unwrap_or("nothing");
        Err(Outcome::violated(format!("dropped a client with {name}"), format!("after {last}")))
    }) {
        Outcome::Idle if !log.commands.is_empty() => Outcome::Held,
        outcome => outcome,
    }
}

/// `same-side-same-mailbox`: of one app's nameplates.
#[must_use]
pub fn same_side_same_mailbox(events: &[NameEvent]) -> Outcome {
    let mut told: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    each(events, |event| match event {
        NameEvent::Ended { name } => {
            told.retain(|(known, _), _| *known != name.as_str());
            Ok(())
        }
        NameEvent::Claimed { name, side, mailbox } => {
            let before = *told.entry((name.as_str(), side.as_str())).or_insert(mailbox);
            require(before == mailbox, "claim answers another mailbox", || {
                format!("nameplate {name}, side {side}: {before}, then {mailbox}")
            })
        }
    })
}

/// `two-sides-and-no-more`: admissions in order, of mailboxes whose ids are never used again.
#[must_use]
pub fn two_sides_and_no_more(admissions: &[Admission]) -> Outcome {
    let mut inside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    each(admissions, |admission| {
        let sides = inside.entry(&admission.mailbox).or_default();
        let detail = || format!("side {} of mailbox {}", admission.side, admission.mailbox);
        let known = sides.contains(admission.side.as_str());
        require(admission.admitted || !known, "side crowded out of its own mailbox", detail)?;
        require(!admission.admitted || known || sides.len() < 2, "third side admitted", detail)?;
        if admission.admitted {
            sides.insert(&admission.side);
        }
        Ok(())
    })
}

/// `subscription-is-complete`
#[must_use]
pub fn subscription_is_complete(subscription: &Subscription) -> Outcome {
    let Subscription { stored, delivered, settled } = subscription;
    let detail = || format!("stored {stored:?}, delivered {delivered:?}");
    let mut seen = BTreeSet::new();
    let result = require(delivered.iter().all(|m| seen.insert(m)), "message delivered twice", detail)
        .and_then(|()| {
            let stray = delivered.iter().any(|m| !stored.contains(m));
            require(!stray, "message delivered that is not stored", detail)
        })
        .and_then(|()| {
            let mut order = delivered.iter().map(|m| stored.iter().position(|s| s == m));
            let in_order = order.by_ref().is_sorted();
            require(in_order, "messages delivered out of order", detail)
        })
        .and_then(|()| {
            // Without a gap: what comes later must not overtake what is missing.
            require(stored.starts_with(delivered), "message skipped", detail)
        })
        .and_then(|()| require(!settled || delivered.len() == stored.len(), "message not delivered", detail));
    result.err().unwrap_or(if stored.is_empty() { Outcome::Idle } else { Outcome::Held })
}

/// `bad-listener-harms-nobody`: of deliveries in which a listener failed.
#[must_use]
pub fn bad_listener_harms_nobody(delivery: &Delivery) -> Outcome {
    if delivery.failed.is_empty() {
        return Outcome::Idle;
    }
    let own_fault = delivery.failed.contains(&delivery.sender);
    let result = require(!delivery.sender_dropped || own_fault, "sender dropped for a bad listener", || {
        format!("connection {}", delivery.sender)
    })
    .and_then(|()| {
        let healthy = delivery.listeners.iter().filter(|handle| !delivery.failed.contains(handle));
        let starved: Vec<_> = healthy.filter(|handle| !delivery.reached.contains(handle)).collect();
        require(starved.is_empty(), "listeners starved by a bad one", || format!("connections {starved:?}"))
    });
    result.err().unwrap_or(Outcome::Held)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
