//! What a publish may send, and when.

use super::super::facts::Fact;
use super::{Judge, Rule, both, require};
use crate::check::{InvariantInfo, InvariantKind, Outcome, Promise};

/// The clearest sign of re-entry: visible at the second send, long before anybody is told.
pub static NO_DUPLICATE_IN_FLIGHT: Rule = Rule {
    info: InvariantInfo {
        id: "no-duplicate-in-flight",
        kind: InvariantKind::Always,
        doc: "a publish has at most one unresolved message for a share on a server",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::Sent { publish, server, in_flight_already, .. } => {
            require(in_flight_already.is_empty(), "sent twice", || {
                format!("publish {} sends shares {in_flight_already:?} to {server} while they are in flight", publish.0)
            })
        }
        _ => Outcome::Idle,
    }),
};

/// The client's own bookkeeping, at the moment of sending.
pub static SEND_PRECONDITION: Rule = Rule {
    info: InvariantInfo {
        id: "send-precondition",
        kind: InvariantKind::Always,
        doc: "a publish sends only while it runs, only shares it wants and has not placed, never to a bad server",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| {
        let Fact::Sent { publish, server, shares, state, .. } = fact else {
            return Outcome::Idle;
        };
        let say = |what: &str| format!("publish {} sends {shares:?} to {server}: {what}", publish.0);
        both(require(state.running, "not running", || say("it has ended")), || {
            both(require(!state.bad_server, "bad server", || say("that server has failed before")), || {
                both(require(state.wanted.is_superset(shares), "not wanted", || say("not in its goal")), || {
                    require(state.placed.is_empty(), "already placed", || say("already placed"))
                })
            })
        })
    }),
};

/// White box: only code that can be re-entered nests.
pub static NO_NESTED_LOOP: Rule = Rule {
    info: InvariantInfo {
        id: "no-nested-loop",
        kind: InvariantKind::Always,
        doc: "a publish's loop never runs inside itself",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::LoopEntered { publish, depth, .. } => require(*depth <= 1, "nested", || {
            format!("publish {}: {depth} frames of its loop are on the stack", publish.0)
        }),
        _ => Outcome::Idle,
    }),
};

/// A wave may leave a server out (when what it wanted there was done meanwhile), never serve it twice.
pub static SEND_BUDGET: Rule = Rule {
    info: InvariantInfo {
        id: "send-budget",
        kind: InvariantKind::Always,
        doc: "a wave sends at most one message to each server it was planned for, and none to others",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::Sent { publish, server, planned, of_wave, .. } => both(
            require(*planned, "unplanned", || format!("publish {}: {server} is not of this wave", publish.0)),
            || {
                require(*of_wave == 1, "several of one wave", || {
                    format!("publish {}: message {of_wave} of one wave to {server}", publish.0)
                })
            },
        ),
        _ => Outcome::Idle,
    }),
};

/// Late answers and loops that nobody stopped.
pub static NOTHING_AFTER_THE_END: Rule = Rule {
    info: InvariantInfo {
        id: "nothing-after-the-end",
        kind: InvariantKind::Always,
        doc: "a publish that has ended sends nothing and leaves its caller's map alone",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::AfterEnd { publish, what } => {
            Outcome::violated(*what, format!("publish {} {what} after its end", publish.0))
        }
        Fact::Ended { .. } => Outcome::Held,
        _ => Outcome::Idle,
    }),
};
