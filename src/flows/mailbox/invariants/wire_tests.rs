use super::super::cause;
use super::*;
use crate::flows::mailbox::model::{MailboxSideRow, MessageRow, NameplateRow, WireCommand};

fn frame(kind: &str) -> Reply {
    Reply::Frame(kind.into(), None)
}

fn ack(id: &str) -> Reply {
    Reply::Frame("ack".into(), Some(id.into()))
}

fn log(commands: &[&str], replies: Vec<Reply>) -> WireLog {
    let command = |(n, kind): (usize, &&str)| WireCommand {
        kind: (!kind.is_empty()).then(|| (*kind).to_owned()),
        id: n.to_string(),
        well_formed: true,
    };
    WireLog { commands: commands.iter().enumerate().map(command).collect(), replies }
}

/// Claim: a complete log holds, errors in place of answers and a drop in mid-command included.
#[test]
fn orderly_logs_hold() {
    let replies =
        vec![frame("welcome"), ack("0"), ack("1"), frame("claimed"), ack("2"), frame("error"), frame("error")];
    assert_eq!(acked_once_and_in_order(&log(&["bind", "claim", "add", ""], replies)), Outcome::Held);
    let dropped = vec![frame("welcome"), ack("0"), Reply::Dropped("IntegrityError".into())];
    assert_eq!(acked_once_and_in_order(&log(&["close"], dropped)), Outcome::Held);
}

/// Claim: missing, double and displaced frames are violations.
#[test]
fn disorderly_logs_fire() {
    let fires = |commands: &[&str], replies: Vec<Reply>, expected: &str| {
        assert_eq!(cause(&acked_once_and_in_order(&log(commands, replies))), expected);
    };
    fires(&[], vec![], "no welcome first");
    fires(&["list"], vec![frame("welcome"), frame("nameplates")], "command not acked first");
    fires(&["list"], vec![frame("welcome"), ack("7"), frame("nameplates")], "command not acked first");
    fires(&["list"], vec![frame("welcome"), ack("0")], "command not answered");
    fires(&["nonsense"], vec![frame("welcome"), ack("0")], "command not answered");
    fires(&["bind"], vec![frame("welcome"), ack("0"), ack("0")], "frame out of order");
    let nested = vec![frame("welcome"), ack("0"), ack("1"), frame("pong"), frame("closed")];
    fires(&["close", "ping"], nested, "command not answered");
}

/// Claim: each promising answer is checked against the rows it promises.
#[test]
fn premature_answers_fire() {
    let rows = ChannelRows {
        nameplates: vec![NameplateRow { id: 1, app: "app".into(), name: "4".into(), mailbox: "m".into() }],
        nameplate_sides: vec![NameplateSideRow { nameplate: 1, claimed: true, side: "a".into(), added: 0.0 }],
        mailbox_sides: vec![MailboxSideRow {
            mailbox: "m".into(),
            opened: true,
            side: "a".into(),
            added: 0.0,
            mood: None,
        }],
        messages: vec![MessageRow {
            app: "app".into(),
            mailbox: "m".into(),
            side: "a".into(),
            phase: "0".into(),
            body: "x".into(),
            server_rx: 0.0,
        }],
        ..ChannelRows::default()
    };
    let done = [
        Durable::Allocated { name: "4".into() },
        Durable::Claimed { name: "4".into(), mailbox: "m".into() },
        Durable::Echo { mailbox: "m".into(), phase: "0".into(), body: "x".into() },
    ];
    let undone = [Durable::Released { name: "4".into() }, Durable::Closed { mailbox: "m".into() }];
    let nothing = ChannelRows::default();
    for (answers, before, after) in [(&done[..], &nothing, &rows), (&undone[..], &rows, &nothing)] {
        for answer in answers {
            assert_eq!(answer_is_durable("app", "a", answer, after), Outcome::Held);
            let early = answer_is_durable("app", "a", answer, before);
            assert_eq!(cause(&early), "answer sent before it is durable");
        }
    }
}

/// Claim: a drop counts only if everything said was well-formed and no fault explains it.
#[test]
fn unjustified_drop_fires() {
    let mut dropped = log(&["close"], vec![Reply::Dropped("IntegrityError".into())]);
    assert_eq!(cause(&no_drop_without_reason(&dropped, false)), "dropped a client with IntegrityError");
    assert_eq!(no_drop_without_reason(&dropped, true), Outcome::Held);
    dropped.commands[0].well_formed = false;
    assert_eq!(no_drop_without_reason(&dropped, false), Outcome::Held);
    assert_eq!(no_drop_without_reason(&WireLog::default(), false), Outcome::Idle);
}

/// Claim: another mailbox for the same side is a violation while the nameplate lives, not after its end.
#[test]
fn changing_mailbox_fires() {
    let claimed = |mailbox: &str| NameEvent::Claimed { name: "4".into(), side: "a".into(), mailbox: mailbox.into() };
    let ended = || NameEvent::Ended { name: "4".into() };
    assert_eq!(same_side_same_mailbox(&[]), Outcome::Idle);
    assert_eq!(same_side_same_mailbox(&[claimed("m"), claimed("m"), ended(), claimed("n")]), Outcome::Held);
    assert_eq!(cause(&same_side_same_mailbox(&[claimed("m"), claimed("n")])), "claim answers another mailbox");
}

/// Claim: admitting a third side is a violation, and so is crowding out one of the first two.
#[test]
fn crowds_fire() {
    let comes = |side: &str, admitted| Admission { mailbox: "m".into(), side: side.into(), admitted };
    let two = [comes("a", true), comes("b", true), comes("c", false), comes("a", true)];
    assert_eq!(two_sides_and_no_more(&[]), Outcome::Idle);
    assert_eq!(two_sides_and_no_more(&two), Outcome::Held);
    let third = [comes("a", true), comes("b", true), comes("c", true)];
    assert_eq!(cause(&two_sides_and_no_more(&third)), "third side admitted");
    let out = [comes("a", true), comes("a", false)];
    assert_eq!(cause(&two_sides_and_no_more(&out)), "side crowded out of its own mailbox");
}

/// Claim: duplicates, strays, disorder, gaps and missing messages are told apart.
#[test]
fn incomplete_subscriptions_fire() {
    let check = |delivered: &[&str], settled| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let outcome = subscription_is_complete(&Subscription {
            stored: list(&["1", "2", "3"]),
            delivered: list(delivered),
            settled,
        });
        cause(&outcome).to_owned()
    };
    assert_eq!(check(&["1", "2"], false), "held");
    assert_eq!(check(&["1", "2", "3"], true), "held");
    assert_eq!(check(&["1", "1"], false), "message delivered twice");
    assert_eq!(check(&["1", "9"], false), "message delivered that is not stored");
    assert_eq!(check(&["2", "1"], false), "messages delivered out of order");
    assert_eq!(check(&["1", "3"], false), "message skipped");
    assert_eq!(check(&["1", "2"], true), "message not delivered");
    assert_eq!(subscription_is_complete(&Subscription::default()), Outcome::Idle);
}

/// Claim: a dropped sender and starved listeners are violations unless they are the bad ones.
#[test]
fn harm_fires() {
    let sound =
        Delivery { sender: 1, listeners: vec![1, 2, 3], reached: vec![1, 3], failed: vec![2], sender_dropped: false };
    assert_eq!(bad_listener_harms_nobody(&sound), Outcome::Held);
    let dropped = Delivery { sender_dropped: true, ..sound.clone() };
    assert_eq!(cause(&bad_listener_harms_nobody(&dropped)), "sender dropped for a bad listener");
    let starved = Delivery { reached: vec![1], ..sound.clone() };
    assert_eq!(cause(&bad_listener_harms_nobody(&starved)), "listeners starved by a bad one");
    let own = Delivery { failed: vec![1], reached: vec![2, 3], sender_dropped: true, ..sound.clone() };
    assert_eq!(bad_listener_harms_nobody(&own), Outcome::Held);
    assert_eq!(bad_listener_harms_nobody(&Delivery { failed: vec![], ..sound }), Outcome::Idle);
}
