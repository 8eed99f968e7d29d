//! What crashes and damage may leave on a server's disk, and what others may notice of it.

use super::super::facts::{Fact, Found};
use super::{Judge, Rule, require};
use crate::check::{InvariantInfo, InvariantKind, Outcome, Promise};

/// Servers of the release write in place, so torn shares exist; hashes and signature are there to notice.
pub static TORN_SHARES_NEVER_VERIFY: Rule = Rule {
    info: InvariantInfo {
        id: "torn-shares-never-verify",
        kind: InvariantKind::Always,
        doc: "whatever a crash or damage leaves on a disk: a share that passes signature, share hash chain and block hash is byte for byte one that a publish made",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::Examined { server, share, found } => require(*found != Found::Forged, "nobody made it", || {
            format!("share {share} on {server} verifies, and no publish made it")
        }),
        _ => Outcome::Idle,
    }),
};

/// One share of a slot must not take the others with it.
pub static BAD_SHARE_STANDS_ALONE: Rule = Rule {
    info: InvariantInfo {
        id: "bad-share-stands-alone",
        kind: InvariantKind::Always,
        doc: "a share that cannot be read hides no other share of its server from a client that asks for all of them",
        promise: Promise::Always,
    },
    judge: Judge::Fact(|_, fact| match fact {
        Fact::Beside { server, hidden, behind } => require(hidden.is_empty(), behind, || {
            format!("{server} holds shares {hidden:?} as well, and they are not seen")
        }),
        _ => Outcome::Idle,
    }),
};
