//! What readers may see.

use std::collections::BTreeSet;

use super::super::facts::{Fact, Outcome as Ended, PublishId, Tick};
use super::super::model::{Model, Publish};
use super::{DAMAGE, Judge, Rule, require};
use crate::check::{InvariantInfo, InvariantKind, Outcome, Promise};

/// No mixtures, ever.
pub static READER_SOUNDNESS: Rule = Rule {
    info: InvariantInfo {
        id: "reader-soundness",
        kind: InvariantKind::Always,
        doc: "what a reader gets is exactly a text that some publish was given",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|model, fact| match fact {
        Fact::Read {
            reader,
            result: Ok(text),
            ..
        } => {
            let real = model
                .publishes()
                .any(|(_, publish)| publish.start.text == *text);
            require(real, "never written", || {
                format!("{reader} read {} bytes that nobody published", text.len())
            })
        }
        _ => Outcome::Idle,
    }),
};

/// Success can be read.
pub static READ_BACK: Rule = Rule {
    info: InvariantInfo {
        id: "read-back",
        kind: InvariantKind::Always,
        doc: "after success and in quiet, a reader that heard from every server gets that text",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Some((reader, result)) = decisive(fact) else {
            return Outcome::Idle;
        };
        let Some((winner, failed)) = last_success(model) else {
            return Outcome::Idle;
        };
        if !failed.is_empty() {
            return Outcome::Idle;
        }
        let expected = &model.publish(winner).start.text;
        match result {
            Ok(text) if text == expected => Outcome::Held,
            Ok(_) => Outcome::violated(
                "another text",
                format!("{reader} did not get what publish {} wrote", winner.0),
            ),
            Err(error) => Outcome::violated("unreadable", format!("{reader}: {}", error.label())),
        }
    }),
};

/// A failure says nothing about what is in place: both answers must be accepted, and no third.
pub static FAILURES_ARE_INDETERMINATE: Rule = Rule {
    info: InvariantInfo {
        id: "failures-are-indeterminate",
        kind: InvariantKind::Always,
        doc: "after failures and in quiet, a reader that heard from every server gets the last success or one of the failed texts; nothing only if too many versions compete for too few shares",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Some((reader, result)) = decisive(fact) else {
            return Outcome::Idle;
        };
        let Some((winner, failed)) = last_success(model) else {
            return Outcome::Idle;
        };
        let Some(&newest) = failed.last() else {
            return Outcome::Idle;
        };
        let mut candidates = failed.iter().copied().chain([winner]);
        match result {
            Ok(text) => require(
                candidates.any(|id| model.publish(id).start.text == *text),
                "an older text",
                || {
                    format!(
                        "{reader} got neither the text of publish {} nor one of {failed:?}",
                        winner.0
                    )
                },
            ),
            Err(error) => {
                // N slots, each ending at one of S versions: if N > S · (k − 1), one version has k of them.
                let (k, n) = model.publish(newest).start.encoding;
                let versions = failed.len() + 1;
                let possible = usize::from(n) <= versions * usize::from(k.saturating_sub(1));
                require(possible, "lost", || {
                    format!(
                        "{reader}: {}, though {versions} versions cannot spoil {k}-of-{n}",
                        error.label()
                    )
                })
            }
        }
    }),
};

type Text<'a> = &'a Result<Vec<u8>, Ended>;

/// A read that says something about what is in place: in quiet, with an answer from every server.
fn decisive(fact: &Fact) -> Option<(&str, Text<'_>)> {
    match fact {
        Fact::Read {
            reader,
            asked_all: true,
            quiet: true,
            result,
        } => Some((reader, result)),
        _ => None,
    }
}

/// The success that ended last, and the failures whose shares may still compete with it: all but those that
/// were over, with nothing on its way any more, when a map that covered every server led to that success.
fn last_success(model: &Model) -> Option<(PublishId, BTreeSet<PublishId>)> {
    let succeeded = |publish: &Publish| matches!(publish.end, Some((_, Ended::Ok)));
    let (id, winner) = model
        .publishes()
        .filter(|(_, publish)| succeeded(publish))
        .max_by_key(|(_, publish)| publish.end.as_ref().map(|(at, _)| *at))?;
    let complete = winner.start.answered.is_superset(&winner.start.servers);
    let settled = |failed: &Publish| {
        let before = |at: Tick| at < winner.start.map_start;
        complete
            && failed.end.as_ref().is_some_and(|(at, _)| before(*at))
            && failed.applied.values().all(|at| before(*at))
    };
    let failed = model
        .publishes()
        .filter(|(_, publish)| !succeeded(publish) && !settled(publish));
    Some((id, failed.map(|(id, _)| id).collect()))
}
