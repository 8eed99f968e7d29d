//! What readers may see.

use super::super::facts::{Fact, Outcome as Ended, PublishId};
use super::super::ghost::Publish;
use super::super::model::Model;
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
        Fact::Read { reader, result: Ok(text), .. } => {
            let real = model.publishes().any(|(_, publish)| publish.start.text == *text);
            require(real, "never written", || format!("{reader} read {} bytes that nobody published", text.len()))
        }
        _ => Outcome::Idle,
    }),
};

/// Success can be read.
pub static READ_BACK: Rule = Rule {
    info: InvariantInfo {
        id: "read-back",
        kind: InvariantKind::Always,
        doc: "after success and in quiet, a reader that heard from every server gets that text (of several successes with one number, any)",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Some((reader, result)) = decisive(fact) else {
            return Outcome::Idle;
        };
        let Some(contest) = contest(model) else {
            return Outcome::Idle;
        };
        if contest.failures > 0 { Outcome::Idle } else { judge(model, reader, result, &contest) }
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
        let Some(contest) = contest(model) else {
            return Outcome::Idle;
        };
        if contest.failures == 0 { Outcome::Idle } else { judge(model, reader, result, &contest) }
    }),
};

type Text<'a> = &'a Result<Vec<u8>, Ended>;

/// A read that says something about what is in place: in quiet, with an answer from every server.
fn decisive(fact: &Fact) -> Option<(&str, Text<'_>)> {
    match fact {
        Fact::Read { reader, asked_all: true, quiet: true, result } => Some((reader, result)),
        _ => None,
    }
}

/// The versions among which the servers' shares can be divided.
struct Contest {
    /// The success with the greatest number, and everything as new or newer. What is older may survive on servers
    /// that the success never reached; it is the best only where none of these can be read any more.
    versions: Vec<PublishId>,
    /// How many of them failed.
    failures: usize,
    encoding: (u8, u8),
}

fn contest(model: &Model) -> Option<Contest> {
    let succeeded = |publish: &Publish| matches!(publish.end, Some((_, Ended::Ok)));
    let number = |publish: &Publish| publish.version.map(|version| version.seqnum);
    let (_, winner) =
        model.publishes().filter(|(_, publish)| succeeded(publish)).max_by_key(|(_, publish)| number(publish))?;
    let as_new: Vec<_> = model.publishes().filter(|(_, publish)| number(publish) >= number(winner)).collect();
    Some(Contest {
        failures: as_new.iter().filter(|(_, publish)| !succeeded(publish)).count(),
        versions: as_new.into_iter().map(|(id, _)| id).collect(),
        encoding: model.publishes().last()?.1.start.encoding,
    })
}

fn judge(model: &Model, reader: &str, result: Text<'_>, contest: &Contest) -> Outcome {
    let ids: Vec<u32> = contest.versions.iter().map(|id| id.0).collect();
    // N share numbers, each ending at one of S versions: if N > S · (k − 1), one version has k of them. Otherwise all
    // may be spoiled, and a reader finds nothing, or what survived of an older version.
    let (k, n) = contest.encoding;
    let spoiled = usize::from(n) <= ids.len() * usize::from(k.saturating_sub(1));
    match result {
        Ok(text) => {
            let known = contest.versions.iter().any(|id| model.publish(*id).start.text == *text);
            require(known || spoiled, "an older text", || {
                format!("{reader} got the text of none of the publishes {ids:?}, which cannot spoil {k}-of-{n}")
            })
        }
        Err(error) => require(spoiled, "lost", || {
            format!("{reader}: {}, though the versions of {ids:?} cannot spoil {k}-of-{n}", error.label())
        }),
    }
}
