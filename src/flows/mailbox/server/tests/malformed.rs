//! What clients may send by mistake or malice: where the historical servers drop the connection without a reply,
//! and what they leave behind.

use serde_json::{Value as Json, json};

use super::bench::{Bench, Client};
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0};

fn raised(client: &Client, command: Json) -> &'static str {
    client.ask(command).unwrap_err().name
}

/// Claim: frames that are no JSON object drop the connection in every variant.
#[test]
fn frames_that_are_no_objects() {
    for bench in Bench::all() {
        assert_eq!(bench.connect().connection.on_message(b"{").unwrap_err().name, "ValueError");
        assert_eq!(raised(&bench.connect(), json!([])), "AssertionError");
    }
}

/// Claim: the historical servers drop the connection on values of the wrong type.
#[test]
fn wrong_types_drop_the_connection() {
    for rules in [&RELEASE_0_3_1, &RELEASE_0_8_0] {
        let bench = Bench::new(rules);
        let bind = |extra: Json| {
            let mut bind = json!({ "type": "bind", "appid": "app", "side": "a" });
            bind.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            bind
        };
        assert_eq!(raised(&bench.connect(), bind(json!({ "client_version": null }))), "TypeError");
        assert_eq!(raised(&bench.connect(), bind(json!({ "client_version": ["x"] }))), "IndexError");
        assert_eq!(raised(&bench.connect(), bind(json!({ "client_version": {} }))), "KeyError");
        assert_eq!(raised(&bench.connect(), bind(json!({ "appid": 3 }))), "AssertionError");
        assert_eq!(bench.connect().say(bind(json!({ "side": 3 }))), "", "accepted, explodes later");
        assert_eq!(raised(&bench.bound("a"), json!({ "type": "open", "mailbox": 3 })), "AssertionError");
        assert_eq!(raised(&bench.bound("a"), json!({ "type": "close", "mailbox": [] })), "AssertionError");
        assert_eq!(raised(&bench.bound("a"), json!({ "type": "release", "nameplate": 3 })), "AssertionError");
        assert_eq!(raised(&bench.bound("a"), json!({ "type": "release", "nameplate": null })), "AssertionError");
        let a = bench.bound("a");
        a.open("m");
        assert_eq!(raised(&a, json!({ "type": "add", "phase": [], "body": "" })), "InterfaceError");
        assert_eq!(
            bench.server.borrow().open_transactions(),
            (true, false),
            "begun before the parameters were looked at"
        );
        assert_eq!(raised(&a, json!({ "type": "close", "mood": {} })), "InterfaceError");
    }
}

/// Claim: 0.3.1 takes any string for a nameplate; 0.8.0 drops whoever claims something else than 1 to 40 digits.
#[test]
fn nameplates_that_are_no_numbers() {
    let long = "1".repeat(41);
    for name in ["", "five", long.as_str()] {
        let claim = json!({ "type": "claim", "nameplate": name });
        assert_eq!(Bench::new(&RELEASE_0_3_1).bound("a").say(claim.clone()), "claimed");
        assert_eq!(raised(&Bench::new(&RELEASE_0_8_0).bound("a"), claim.clone()), "ValueError");
        assert_eq!(Bench::new(&CORRECT).bound("a").say(claim), "a nameplate is at most 40 digits");
    }
    let number = json!({ "type": "claim", "nameplate": 5 });
    assert_eq!(raised(&Bench::new(&RELEASE_0_3_1).bound("a"), number.clone()), "AssertionError");
    assert_eq!(raised(&Bench::new(&RELEASE_0_8_0).bound("a"), number), "ValueError");
}

/// Claim: the corrected server answers an error to every well-formed object and keeps the connection.
#[test]
fn correct_answers_wrong_types() {
    let bench = Bench::new(&CORRECT);
    let wrong = "a field has the wrong type";
    let c = bench.connect();
    assert_eq!(c.say(json!({ "type": "bind", "appid": 3, "side": "a" })), wrong);
    assert_eq!(c.say(json!({ "type": "bind", "appid": "app", "side": null })), wrong);
    assert_eq!(c.say(json!({ "type": "bind", "appid": "app", "side": "a", "client_version": null })), "");
    assert_eq!(c.say(json!({ "type": 7 })), "unknown type");
    assert_eq!(c.say(json!({ "type": "claim", "nameplate": 3 })), wrong);
    assert_eq!(c.say(json!({ "type": "release", "nameplate": null })), wrong);
    assert_eq!(c.say(json!({ "type": "open", "mailbox": {} })), wrong);
    assert_eq!(c.say(json!({ "type": "open", "mailbox": "m" })), "");
    assert_eq!(c.say(json!({ "type": "add", "phase": "p", "body": 1 })), wrong);
    assert_eq!(c.say(json!({ "type": "add", "phase": "p", "body": "b", "id": [] })), wrong);
    assert_eq!(c.say(json!({ "type": "close", "mood": 3 })), wrong);
    assert_eq!(c.say(json!({ "type": "close", "mood": null })), "closed");
    assert!(bench.rows().is_empty());
}

/// Claim: a mailbox id in use in another app drops the connection on a uniqueness error; the corrected server
/// answers, and neither touches the other app's mailbox.
#[test]
fn mailbox_ids_of_another_app() {
    for bench in Bench::all() {
        bench.bound_to("other", "x").open("m");
        let a = bench.bound("a");
        let open = json!({ "type": "open", "mailbox": "m" });
        if bench.rules == &CORRECT {
            assert_eq!(a.say(open), "mailbox belongs to another app");
        } else {
            assert_eq!(raised(&a, open), "IntegrityError");
        }
        assert_eq!(bench.rows().mailbox_sides.len(), 1);
    }
}

/// Claim: one hostile client can poison the database: bound with a side that is no text, its open inserts a
/// mailbox that gets no side, and the next commit publishes it.
#[test]
fn a_side_that_is_no_text() {
    for rules in [&RELEASE_0_3_1, &RELEASE_0_8_0] {
        let bench = Bench::new(rules);
        let hostile = bench.connect();
        hostile.say(json!({ "type": "bind", "appid": "app", "side": 3 }));
        assert_eq!(raised(&hostile, json!({ "type": "open", "mailbox": "zz" })), "AssertionError");
        bench.bystander();
        assert_eq!(bench.rows().sides_of_mailbox("zz").count(), 0);
        assert!(bench.rows().mailbox("zz").is_some());
        bench.later(661.0);
        assert_eq!(bench.tick().prune_errors[0].name, "IndexError");
    }
}
