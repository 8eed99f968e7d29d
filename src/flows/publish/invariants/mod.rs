//! What must hold, as pure functions over the [model](super::model).
//!
//! A [`Rule`] judges one fact at a time, or the whole history at the end. A [`Checker`] remembers how far a rule
//! has read, so that looking after every step costs only what is new.
//!
//! # What no client of this protocol can hold
//!
//! | invariant | not promised under | because |
//! |---|---|---|
//! | `no-self-rejection` | a transport that delivers twice | the server cannot tell a copy from a second request: the first copy has changed what the second tests |
//! | `publish-ends` | a silent server, an overtaken part of a request | the protocol has no deadline, and an unanswered write may still be applied: to give it up is to risk that |
//! | `writes-are-guarded`, `all-or-nothing-writes` | a medium that changes what nobody wrote | no server has done it |
//! | `read-back`, `success-is-durable`, … | damage, a disk that breaks its promises | a server acknowledged what it lost afterwards |
//!
//! Three more limits are part of the rules themselves, not of a promise: a writer cut off from the servers that
//! hold another's version makes the same number again ([`no-fork-without-contention`](RULES) asks whether its map
//! could have seen it); a share as new as one's own, found where the map saw nothing, cannot be told from a rival's
//! (`ucwe-is-earned` accepts it); and if N ≤ S · (k − 1), S competing versions can leave none of them with k shares
//! (`failures-are-indeterminate` accepts the loss).

mod client;
mod disk;
mod outcome;
mod reader;
mod server;

#[cfg(test)]
mod tests;

use super::facts::Fact;
use super::model::Model;
use super::sites;
use crate::check::{InvariantInfo, Outcome};

/// The transport delivers a request twice.
const COPIES: &[&str] = &["net/duplicate"];
/// The medium changed what nobody wrote, or did not change what somebody wrote.
const ROT: &[&str] = &["disk/bit-rot", "disk/lost-write", "disk/misdirected-write"];
/// A server lost or damaged what it had acknowledged, or its disk did.
const DAMAGE: &[&str] = &[
    sites::SHARE_DAMAGE.label,
    "disk/bit-rot",
    "disk/sector-error",
    "disk/lost-write",
    "disk/misdirected-write",
    "disk/sync-error",
    "disk/lying-flush",
];
/// A server never answers, or never gets the whole of a request: overtaking can strike between the parts of one.
const SILENCE: &[&str] = &[sites::SERVER_SILENT.label, "net/reorder"];

/// All rules, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &client::NO_DUPLICATE_IN_FLIGHT,
    &client::SEND_PRECONDITION,
    &client::NO_NESTED_LOOP,
    &client::SEND_BUDGET,
    &client::NOTHING_AFTER_THE_END,
    &server::NO_SELF_REJECTION,
    &server::ALL_OR_NOTHING_WRITES,
    &server::WRITES_ARE_GUARDED,
    &server::SEQNUM_DISCIPLINE,
    &server::NO_FORK_WITHOUT_CONTENTION,
    &disk::TORN_SHARES_NEVER_VERIFY,
    &disk::BAD_SHARE_STANDS_ALONE,
    &outcome::UCWE_IS_EARNED,
    &outcome::NOT_ENOUGH_SERVERS_IS_EARNED,
    &outcome::SUCCESS_IS_DURABLE,
    &outcome::CONTENTION_HAS_ONE_WINNER,
    &outcome::ONE_OUTCOME,
    &outcome::PUBLISH_ENDS,
    &reader::READER_SOUNDNESS,
    &reader::READ_BACK,
    &reader::FAILURES_ARE_INDETERMINATE,
];

/// The declarations of all rules, for the flow's own declaration.
pub const INFOS: &[InvariantInfo] = &{
    let mut infos = [RULES[0].info; RULES.len()];
    let mut index = 0;
    while index < RULES.len() {
        infos[index] = RULES[index].info;
        index += 1;
    }
    infos
};

/// An invariant and how it is judged.
#[derive(Debug)]
pub struct Rule {
    /// Its declaration.
    pub info: InvariantInfo,
    judge: Judge,
}

#[derive(Debug)]
enum Judge {
    /// Each fact, as it comes.
    Fact(fn(&Model, &Fact) -> Outcome),
    /// Everything, when the run has settled.
    History(fn(&Model) -> Outcome),
}

/// A rule and how far it has read.
#[derive(Debug)]
pub struct Checker {
    rule: &'static Rule,
    read: usize,
}

impl Checker {
    /// Nothing read yet.
    #[must_use]
    pub fn new(rule: &'static Rule) -> Checker {
        Checker { rule, read: 0 }
    }

    /// Judges what is new. It stops behind the first violation; the next call reads on from there.
    pub fn look(&mut self, model: &Model) -> Outcome {
        let judge = match self.rule.judge {
            Judge::Fact(judge) => judge,
            Judge::History(judge) => return judge(model),
        };
        let mut outcome = Outcome::Idle;
        while let Some(fact) = model.facts().get(self.read) {
            self.read += 1;
            match judge(model, fact) {
                Outcome::Idle => {}
                Outcome::Held => outcome = Outcome::Held,
                violated @ Outcome::Violated(_) => return violated,
            }
        }
        outcome
    }
}

/// Held, or violated with a stable cause and a detail for people.
fn require(holds: bool, cause: &str, detail: impl FnOnce() -> String) -> Outcome {
    if holds { Outcome::Held } else { Outcome::violated(cause, detail()) }
}

/// Both were judged: the first violation counts.
fn both(first: Outcome, second: impl FnOnce() -> Outcome) -> Outcome {
    match first {
        Outcome::Violated(_) => first,
        Outcome::Held => match second() {
            Outcome::Idle => Outcome::Held,
            other => other,
        },
        Outcome::Idle => second(),
    }
}
