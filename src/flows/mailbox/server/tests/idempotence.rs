//! What repeating a command on a new connection does, and what one connection may do only once.

use serde_json::json;

use super::bench::{Bench, START};
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0};

/// Claim: a claim repeated by a side that still claims gives the same mailbox and no new row, and refreshes the clock.
#[test]
fn claim_again_while_claimed() {
    for bench in Bench::all() {
        let mailbox = bench.bound("a").claim("4");
        let before = bench.rows();
        bench.later(5.0);
        assert_eq!(bench.bound("a").claim("4"), mailbox);
        let mut after = bench.rows();
        assert_eq!(after.mailboxes[0].updated, START + 5.0);
        after.mailboxes[0].updated = START;
        assert_eq!(after, before);
    }
}

/// Claim: a side that has released cannot claim again while the other side still claims.
#[test]
fn claim_after_own_release() {
    for bench in Bench::all() {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.claim("4");
        b.claim("4");
        a.say(json!({ "type": "release" }));
        assert_eq!(bench.bound("a").say(json!({ "type": "claim", "nameplate": "4" })), "reclaimed");
    }
}

/// Claim: a claim after the nameplate was deleted makes a new nameplate with another mailbox.
#[test]
fn claim_after_the_end_is_a_new_nameplate() {
    for bench in Bench::all() {
        let a = bench.bound("a");
        let mailbox = a.claim("4");
        a.say(json!({ "type": "release" }));
        assert_ne!(bench.bound("a").claim("4"), mailbox);
    }
}

/// Claim: releases are silent about names and sides they do not know, and repeatable on new connections.
#[test]
fn release_is_idempotent() {
    for bench in Bench::all() {
        bench.bound("a").claim("4");
        let release = |side: &str, name: &str| bench.bound(side).say(json!({ "type": "release", "nameplate": name }));
        assert_eq!(release("a", "5"), "released");
        assert_eq!(release("b", "4"), "released");
        assert_eq!(bench.rows().nameplates.len(), 1);
        assert_eq!(release("a", "4"), "released");
        assert_eq!(release("a", "4"), "released");
        assert_eq!(bench.results().1, ["lonely"]);
    }
}

/// Claim: opening again on a new connection adds no row and replays everything.
#[test]
fn open_again_replays() {
    for bench in Bench::all() {
        let a = bench.bound("a");
        a.open("m");
        a.add("x").unwrap();
        let sides = bench.rows().mailbox_sides;
        assert_eq!(bench.bound("a").open("m"), ["x"]);
        assert_eq!(bench.rows().mailbox_sides, sides);
    }
}

/// Claim: in the historical servers every close of a mailbox that is gone creates a ghost, deletes it again, and
/// writes a bogus row; the corrected server just says closed.
#[test]
fn close_after_the_end() {
    for (bench, ghosts) in Bench::all().into_iter().zip([2, 2, 0]) {
        let a = bench.bound("a");
        a.open("m");
        a.close().unwrap();
        for _ in 0..2 {
            assert_eq!(bench.bound("a").say(json!({ "type": "close", "mailbox": "m", "mood": "happy" })), "closed");
        }
        assert!(bench.rows().is_empty());
        assert_eq!(bench.results().0, vec!["lonely"; 1 + ghosts], "{}", bench.rules.label);
    }
}

/// Claim: after a close the historical servers accept another open, whose mailbox this connection can never close.
#[test]
fn open_after_close() {
    for rules in [&RELEASE_0_3_1, &RELEASE_0_8_0] {
        let bench = Bench::new(rules);
        let a = bench.bound("a");
        a.open("m");
        a.close().unwrap();
        assert_eq!(a.say(json!({ "type": "open", "mailbox": "n" })), "");
        assert_eq!(a.say(json!({ "type": "close", "mailbox": "n" })), "only one close per connection");
        assert_eq!(bench.rows().mailboxes.len(), 1);
    }
    let bench = Bench::new(&CORRECT);
    let a = bench.bound("a");
    a.open("m");
    a.close().unwrap();
    assert_eq!(a.say(json!({ "type": "open", "mailbox": "n" })), "only one open per connection");
}

/// Claim: a side that opens again after its close stays marked closed although it listens; the corrected server
/// marks it open.
#[test]
fn reopen_after_close() {
    for (bench, opened) in Bench::all().into_iter().zip([false, false, true]) {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.open("m");
        b.open("m");
        a.close().unwrap();
        bench.bound("a").open("m");
        assert_eq!(bench.rows().mailbox_sides[0].opened, opened, "{}", bench.rules.label);
    }
}

/// Claim: a third side gets `crowded`. In the historical servers its rows stay, the clock is refreshed, and from
/// then on the first two are crowded out as well; in the corrected one nothing has happened.
#[test]
fn third_side_is_crowded() {
    for bench in Bench::all() {
        let mailbox = bench.bound("a").claim("4");
        bench.bound("b").claim("4");
        let before = bench.rows();
        bench.later(9.0);
        let crowd = |side: &str| bench.bound(side).say(json!({ "type": "claim", "nameplate": "4" }));
        assert_eq!(crowd("c"), "crowded");
        assert_eq!(bench.bound("d").say(json!({ "type": "open", "mailbox": mailbox })), "crowded");
        if bench.rules == &CORRECT {
            assert_eq!(bench.rows(), before);
            assert_eq!(crowd("a"), "claimed");
            assert_eq!(bench.bound("c").say(json!({ "type": "close", "mailbox": mailbox })), "closed");
            assert_eq!(bench.rows().mailbox_sides.len(), 2);
        } else {
            assert_eq!((bench.rows().mailbox_sides.len(), bench.rows().nameplate_sides.len()), (4, 3));
            assert_eq!(bench.rows().mailboxes[0].updated, START + 9.0);
            assert_eq!(crowd("a"), "crowded");
            assert_eq!(bench.bound("a").say(json!({ "type": "open", "mailbox": mailbox })), "crowded");
            assert_eq!(bench.bound("b").say(json!({ "type": "close", "mailbox": mailbox })), "crowded");
        }
    }
}

/// Claim: two connections of one side are two listeners.
#[test]
fn one_side_may_listen_twice() {
    for bench in Bench::all() {
        let (a, again) = (bench.bound("a"), bench.bound("a"));
        a.open("m");
        again.open("m");
        a.add("x").unwrap();
        assert_eq!((a.bodies(), again.bodies()), (vec!["x".to_owned()], vec!["x".to_owned()]));
    }
}

/// Claim: an add through a connection whose mailbox is gone inserts rows nobody ever deletes, with neither echo
/// nor error; the corrected server refuses it.
#[test]
fn add_to_a_deleted_mailbox() {
    for bench in Bench::all() {
        let old = bench.bound("a");
        old.open("m");
        assert_eq!(bench.bound("a").say(json!({ "type": "close", "mailbox": "m" })), "closed");
        let frames = old.add("orphan").unwrap();
        if bench.rules == &CORRECT {
            assert_eq!(frames[0]["error"], "must open mailbox before adding");
            assert!(bench.rows().is_empty());
        } else {
            assert!(frames.is_empty());
            bench.later(100_000.0);
            bench.tick();
            bench.tick();
            assert_eq!(bench.rows().messages.len(), 1, "orphans survive pruning");
        }
    }
}
