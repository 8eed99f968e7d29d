//! What an outcome claims must be true.

use std::collections::BTreeSet;

use super::super::facts::{Fact, Outcome as Ended, PublishId, Tick};
use super::super::ghost::Publish;
use super::super::model::Model;
use super::server::overlap;
use super::{DAMAGE, Judge, Rule, SILENCE, both, require};
use crate::check::{InvariantInfo, InvariantKind, Outcome, Promise};

/// "Somebody else wrote" must be true. The cause says what the client took for somebody else.
pub static UCWE_IS_EARNED: Rule = Rule {
    info: InvariantInfo {
        id: "ucwe-is-earned",
        kind: InvariantKind::Always,
        doc: "an uncoordinated write error means that another publish wrote to a server of this one at that time, or left a share there that is as new",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Fact::Ended { publish: id, outcome: Ended::Ucwe } = fact else {
            return Outcome::Idle;
        };
        let publish = model.publish(*id);
        let cause = if publish.refused_itself {
            "self"
        } else if !publish.unlisted.is_empty() {
            "unknown-old-share"
        } else if publish.own_update_pending {
            "own-update-pending"
        } else {
            "other"
        };
        let newer = publish.unlisted.values().any(|found| Some(found.seqnum) >= publish.version.map(|own| own.seqnum));
        require(newer || rival(model, *id).is_some(), cause, || {
            let placed = publish.applied.len();
            format!("publish {} of {} met nobody; {placed} of its shares are in place", id.0, publish.start.client)
        })
    }),
};

/// Another publish that wrote to a server this one reached, between the start of its map and its end.
fn rival(model: &Model, id: PublishId) -> Option<PublishId> {
    let publish = model.publish(id);
    let end = publish.end.as_ref().map(|(at, _)| *at);
    let during = |at: Tick| at >= publish.start.map_start && end.is_none_or(|end| at <= end);
    let met =
        |rival: &Publish| rival.applied.iter().any(|((server, _), at)| during(*at) && publish.reached.contains(server));
    model.publishes().find_map(|(other, rival)| (other != id && met(rival)).then_some(other))
}

/// "Not enough servers" must be true.
pub static NOT_ENOUGH_SERVERS_IS_EARNED: Rule = Rule {
    info: InvariantInfo {
        id: "not-enough-servers-is-earned",
        kind: InvariantKind::Always,
        doc: "not enough servers means that each server the client knew had failed",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|model, fact| {
        let Fact::Ended { publish: id, outcome: Ended::NotEnoughServers } = fact else {
            return Outcome::Idle;
        };
        let publish = model.publish(*id);
        let fine: BTreeSet<_> = publish.start.servers.difference(&publish.failed).collect();
        require(fine.is_empty(), "a server is left", || format!("publish {} never saw {fine:?} fail", id.0))
    }),
};

/// Success is in place, on servers that said so.
pub static SUCCESS_IS_DURABLE: Rule = Rule {
    info: InvariantInfo {
        id: "success-is-durable",
        kind: InvariantKind::Always,
        doc: "success means: each share was acknowledged by a server that wrote it, and k of them are there or overwritten by a later version",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Fact::Ended { publish: id, outcome: Ended::Ok } = fact else {
            return Outcome::Idle;
        };
        let publish = model.publish(*id);
        let (k, n) = publish.start.encoding;
        let real: BTreeSet<_> = publish
            .placed
            .iter()
            .filter(|place| publish.applied.contains_key(place))
            .map(|(_, share)| *share)
            .collect();
        let missing: Vec<u8> = (0..n).filter(|share| !real.contains(share)).collect();
        let kept: BTreeSet<u8> = publish
            .placed
            .iter()
            .filter(|place| {
                let last = model.written().get(place);
                last.is_some_and(|last| !last.torn && (last.by == *id || Some(last.version) > publish.version))
            })
            .map(|(_, share)| *share)
            .collect();
        both(
            require(missing.is_empty(), "share not written", || {
                format!("publish {}: shares {missing:?} were never acknowledged by a server that wrote them", id.0)
            }),
            || {
                require(kept.len() >= usize::from(k), "too few shares", || {
                    format!("publish {}: only shares {kept:?} are there, {k} are needed", id.0)
                })
            },
        )
    }),
};

/// Test-and-set does its work.
pub static CONTENTION_HAS_ONE_WINNER: Rule = Rule {
    info: InvariantInfo {
        id: "contention-has-one-winner",
        kind: InvariantKind::Always,
        doc: "of two overlapping publishes with the same map and a server that answered both about one share, at most one succeeds",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Fact::Ended { publish: id, outcome: Ended::Ok } = fact else {
            return Outcome::Idle;
        };
        let publish = model.publish(*id);
        let rivals = model.publishes().filter(|(other, rival)| *other != *id && contended(publish, rival));
        let mut outcome = Outcome::Idle;
        for (other, rival) in rivals {
            let earlier =
                matches!((&rival.end, &publish.end), (Some((theirs, Ended::Ok)), Some((mine, _))) if theirs < mine);
            if earlier {
                return Outcome::violated("both succeeded", format!("publishes {} and {}", other.0, id.0));
            }
            outcome = Outcome::Held;
        }
        outcome
    }),
};

fn contended(a: &Publish, b: &Publish) -> bool {
    overlap(a, b)
        && a.start.known == b.start.known
        && a.start.client != "setup"
        && b.start.client != "setup"
        && a.replied.intersection(&b.replied).next().is_some()
}

/// Callers are told once, what they expect, and not from inside.
pub static ONE_OUTCOME: Rule = Rule {
    info: InvariantInfo {
        id: "one-outcome",
        kind: InvariantKind::Always,
        doc: "a caller is told once, on an empty stack: ok, ucwe, not-enough-servers or not-enough-shares",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| {
        let Fact::Told { operation, outcome, times, frames } = fact else {
            return Outcome::Idle;
        };
        both(
            require(*times == 1, "told twice", || format!("operation {} is told {outcome:?} again", operation.0)),
            || {
                both(
                    require(*frames == 0, "told from inside", || {
                        format!("operation {}: {frames} frames of the client are on the stack", operation.0)
                    }),
                    || match outcome {
                        Ended::Other(what) => {
                            Outcome::violated("unexpected error", format!("operation {}: {what}", operation.0))
                        }
                        _ => Outcome::Held,
                    },
                )
            },
        )
    }),
};

/// Liveness: what can end, ends, and those behind it in the queue go on.
pub static PUBLISH_ENDS: Rule = Rule {
    info: InvariantInfo {
        id: "publish-ends",
        kind: InvariantKind::Eventually,
        doc: "every publish ends once its messages are resolved, in at most one loop per message and one more, and queued operations proceed",
        promise: Promise::Unless(SILENCE),
    },
    judge: Judge::History(|model| {
        let mut outcome = Outcome::Idle;
        for (id, publish) in model.publishes().filter(|(_, publish)| publish.start.client != "setup") {
            let waiting = model.in_flight(id);
            let cause = if waiting > 0 { "waits for an answer" } else { "stuck" };
            let judged = both(
                require(publish.end.is_some(), cause, || {
                    format!("publish {} has not ended; {waiting} messages are unresolved", id.0)
                }),
                || {
                    require(publish.loops <= 1 + publish.resolved, "too many loops", || {
                        format!("publish {}: {} loops for {} resolved messages", id.0, publish.loops, publish.resolved)
                    })
                },
            );
            outcome = both(outcome, || judged);
        }
        let untold: Vec<&str> = model.untold().collect();
        both(outcome, || match untold.first() {
            None => Outcome::Idle,
            Some(client) => Outcome::violated(
                "operation waits",
                format!("{} operations have no outcome, the first of them at {client}", untold.len()),
            ),
        })
    }),
};
