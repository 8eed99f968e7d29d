//! What servers accept, and what follows for the versions on them.

use super::super::facts::{Fact, Tick};
use super::super::ghost::Publish;
use super::super::servermap::ServerId;
use super::super::storage::ShareNumber;
use super::{COPIES, DAMAGE, Judge, ROT, Rule, both, require};
use crate::check::{InvariantInfo, InvariantKind, Outcome, Promise};

/// The crispest predicate for ticket 877: black-box, and no honest client can violate it.
pub static NO_SELF_REJECTION: Rule = Rule {
    info: InvariantInfo {
        id: "no-self-rejection",
        kind: InvariantKind::Always,
        doc: "a publish's write is never refused because of what the same publish wrote",
        promise: Promise::Unless(COPIES),
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::Handled { publish, server, own, .. } => require(own.is_empty(), "own write refused", || {
            format!("{server} refuses publish {}: it wrote shares {own:?} there itself", publish.0)
        }),
        _ => Outcome::Idle,
    }),
};

/// What the protocol rests on. Who dies half-way is excused: nothing undoes what is written by then.
pub static ALL_OR_NOTHING_WRITES: Rule = Rule {
    info: InvariantInfo {
        id: "all-or-nothing-writes",
        kind: InvariantKind::Always,
        doc: "of the shares of one message all are written, or none, unless the server dies of it",
        promise: Promise::Unless(ROT),
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::Handled { handling, .. } if handling.died => Outcome::Idle,
        Fact::Handled { publish, server, shares, handling, .. } => {
            let whole = handling.changed.is_empty() || handling.as_asked == *shares;
            require(whole, "written in part", || {
                format!("{server} wrote {:?} of {shares:?} for publish {}", handling.as_asked, publish.0)
            })
        }
        _ => Outcome::Idle,
    }),
};

/// Test vectors and write enablers are obeyed.
pub static WRITES_ARE_GUARDED: Rule = Rule {
    info: InvariantInfo {
        id: "writes-are-guarded",
        kind: InvariantKind::Always,
        doc: "a share changes only by a request that names it, knows the write enabler, and whose tests held",
        promise: Promise::Unless(ROT),
    },
    judge: Judge::Fact(|_, fact| {
        let Fact::Handled { server, shares, handling, .. } = fact else {
            return Outcome::Idle;
        };
        if handling.changed.is_empty() {
            return Outcome::Held;
        }
        let changed = &handling.changed;
        both(require(handling.enabler_held, "wrong write enabler", || format!("{server} changed {changed:?}")), || {
            both(
                require(handling.failed_tests.is_empty(), "a test failed", || {
                    format!("{server} changed {changed:?} though tests of {:?} failed", handling.failed_tests)
                }),
                || {
                    require(changed.is_subset(shares), "share not named", || {
                        format!("{server} changed {changed:?} for a request about {shares:?}")
                    })
                },
            )
        })
    }),
};

/// Versions of one writer go up.
pub static SEQNUM_DISCIPLINE: Rule = Rule {
    info: InvariantInfo {
        id: "seqnum-discipline",
        kind: InvariantKind::Always,
        doc: "a publish's sequence number is one above its map; one client's numbers only go up at each place",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| match fact {
        Fact::Encoded { publish, version } => {
            let highest = model.publish(*publish).start.highest;
            require(version.seqnum == highest + 1, "not one above the map", || {
                format!("publish {} makes {version} over a map that goes up to #{highest}", publish.0)
            })
        }
        Fact::Handled { publish, server, replaced_own, .. } => {
            let new = model.publish(*publish).version.map_or(0, |version| version.seqnum);
            let stale = replaced_own.iter().find(|(_, before)| before.seqnum >= new);
            match stale {
                None if replaced_own.is_empty() => Outcome::Idle,
                None => Outcome::Held,
                Some((share, before)) => Outcome::violated(
                    "not increasing",
                    format!("publish {} replaces share {share} of {before} on {server} by #{new}", publish.0),
                ),
            }
        }
        _ => Outcome::Idle,
    }),
};

/// Two versions under one number need two writers at one time. One writer alone makes a number twice only if its map
/// could not see the first: the server that holds it had not answered, or had not written it yet.
pub static NO_FORK_WITHOUT_CONTENTION: Rule = Rule {
    info: InvariantInfo {
        id: "no-fork-without-contention",
        kind: InvariantKind::Always,
        doc: "shares of one number and two roots were written by publishes that overlapped, or out of sight of the later one's map",
        promise: Promise::Unless(DAMAGE),
    },
    judge: Judge::Fact(|model, fact| {
        let Fact::Handled { publish, server, handling, forks, .. } = fact else {
            return Outcome::Idle;
        };
        if handling.changed.is_empty() {
            return Outcome::Idle;
        }
        let mine = model.publish(*publish);
        let seen = |server: ServerId, share: ShareNumber| {
            let written = model.written().get(&(server, share));
            mine.start.answered.contains(&server) && written.is_some_and(|last| last.at < mine.start.map_start)
        };
        let lonely: Vec<_> = forks
            .iter()
            .filter(|(_, _, other)| other == publish || !overlap(mine, model.publish(*other)))
            .filter(|(server, share, other)| other == publish || seen(*server, *share))
            .collect();
        require(lonely.is_empty(), "same number, two roots", || {
            format!("publish {} wrote {:?} on {server}; forks: {lonely:?}", publish.0, mine.version)
        })
    }),
};

/// Whether two publishes, each from the beginning of its map update to its end, were under way at one time.
pub(super) fn overlap(a: &Publish, b: &Publish) -> bool {
    let end = |publish: &Publish| publish.end.as_ref().map_or(Tick(u64::MAX), |(at, _)| *at);
    a.start.map_start <= end(b) && b.start.map_start <= end(a)
}
