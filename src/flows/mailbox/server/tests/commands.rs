//! Every command with its reply, and every rule about order with its exact error text. What all variants do
//! alike is run on all.

use serde_json::{Value as Json, json};

use super::bench::{Bench, START};
use crate::flows::mailbox::server::Config;
use crate::flows::mailbox::variants::{ALL, RELEASE_0_3_1, RELEASE_0_8_0};

/// Claim: the first frame is the welcome; it carries the operator's keys, and since 0.8.0 the client's address.
#[test]
fn welcome_comes_first() {
    for rules in &ALL {
        let welcome = json!({ "motd": "hello" }).as_object().unwrap().clone();
        let bench = Bench::with(rules, Config { welcome, ..Config::default() });
        let wire = std::rc::Rc::new(super::bench::Wire::default());
        bench.server.borrow().connect(wire.clone(), Some(("::1", 4711))).unwrap();
        let mut expected = json!({ "type": "welcome", "server_tx": START, "welcome": { "motd": "hello" } });
        if rules.label != "0.3.1" {
            expected["welcome"]["your-address"] = json!({ "port": 4711, "ipv6": "::1" });
        }
        assert_eq!(*wire.frames.borrow(), [expected], "{}", rules.label);
    }
}

/// Claim: every object with a type is acknowledged first, with its id or null; one without is not.
#[test]
fn acks_come_before_anything_else() {
    for bench in Bench::all() {
        let client = bench.connect();
        client.ask(json!({ "type": "ping", "ping": [1], "id": "x" })).unwrap();
        let frames = client.wire.frames.borrow().clone();
        assert_eq!(frames[0], json!({ "type": "ack", "id": "x", "server_tx": START }));
        assert_eq!(frames[1], json!({ "type": "pong", "pong": [1], "server_tx": START }));
        client.ask(json!({ "type": "nonsense" })).unwrap();
        assert_eq!(client.wire.frames.borrow()[0]["id"], Json::Null);
        let orig = json!({ "id": 3 });
        assert_eq!(
            client.ask(orig.clone()).unwrap(),
            [json!({ "type": "error", "error": "missing 'type'", "orig": orig })]
        );
        assert_eq!(client.wire.frames.borrow().len(), 1, "no ack");
    }
}

/// Claim: each rule about required fields and order answers its own text and keeps the connection.
#[test]
fn errors_have_their_texts() {
    for bench in Bench::all() {
        let c = bench.connect();
        assert_eq!(c.say(json!({ "type": "ping" })), "ping requires 'ping'");
        assert_eq!(c.say(json!({ "type": "list" })), "must bind first");
        assert_eq!(c.say(json!({ "type": "nonsense" })), "must bind first");
        assert_eq!(c.say(json!({ "type": "bind", "side": "a" })), "bind requires 'appid'");
        assert_eq!(c.say(json!({ "type": "bind", "appid": "app" })), "bind requires 'side'");
        assert_eq!(c.say(json!({ "type": "bind", "appid": "app", "side": "a" })), "");
        assert_eq!(c.say(json!({ "type": "bind", "appid": "app", "side": "a" })), "already bound");
        assert_eq!(c.say(json!({ "type": "nonsense" })), "unknown type");
        assert_eq!(c.say(json!({ "type": "claim" })), "claim requires 'nameplate'");
        assert_eq!(c.say(json!({ "type": "release" })), "release without nameplate must follow claim");
        assert_eq!(c.say(json!({ "type": "open" })), "open requires 'mailbox'");
        assert_eq!(c.say(json!({ "type": "add", "phase": "p", "body": "b" })), "must open mailbox before adding");
        assert_eq!(c.say(json!({ "type": "close" })), "close without mailbox must follow open");
        assert_eq!(c.say(json!({ "type": "allocate" })), "allocated");
        assert_eq!(c.say(json!({ "type": "allocate" })), "you already allocated one, don't be greedy");
        assert_eq!(
            c.say(json!({ "type": "release" })),
            "release without nameplate must follow claim",
            "allocate is no claim"
        );
        assert_eq!(c.say(json!({ "type": "claim", "nameplate": "5" })), "claimed");
        assert_eq!(c.say(json!({ "type": "claim", "nameplate": "5" })), "only one claim per connection");
        assert_eq!(c.say(json!({ "type": "release", "nameplate": "6" })), "release and claim must use same nameplate");
        assert_eq!(c.say(json!({ "type": "release" })), "released");
        assert_eq!(c.say(json!({ "type": "release" })), "only one release per connection");
        assert_eq!(c.say(json!({ "type": "open", "mailbox": "m" })), "");
        assert_eq!(c.say(json!({ "type": "open", "mailbox": "m" })), "only one open per connection");
        assert_eq!(c.say(json!({ "type": "add", "body": "b" })), "missing 'phase'");
        assert_eq!(c.say(json!({ "type": "add", "phase": "p" })), "missing 'body'");
        assert_eq!(c.say(json!({ "type": "close", "mailbox": "n" })), "open and close must use same mailbox");
        assert_eq!(c.say(json!({ "type": "close" })), "closed");
        assert_eq!(c.say(json!({ "type": "close" })), "only one close per connection");
    }
}

/// Claim: `list` answers the names sorted as strings, and nothing where the operator forbids it.
#[test]
fn list_is_sorted_as_strings() {
    for rules in &ALL {
        for disallow_list in [false, true] {
            let bench = Bench::with(rules, Config { disallow_list, ..Config::default() });
            for (side, name) in [("a", "9"), ("b", "10"), ("c", "1")] {
                bench.bound(side).claim(name);
            }
            let expected =
                if disallow_list { json!([]) } else { json!([{ "id": "1" }, { "id": "10" }, { "id": "9" }]) };
            assert_eq!(bench.bound("x").ask(json!({ "type": "list" })).unwrap()[0]["nameplates"], expected);
            assert_eq!(
                bench.bound_to("other", "x").ask(json!({ "type": "list" })).unwrap()[0]["nameplates"],
                json!([])
            );
        }
    }
}

/// Claim: allocate takes a free number with the fewest digits, then six-digit ones, then fails.
#[test]
fn allocate_prefers_short_names() {
    for bench in Bench::all() {
        let allocate = |side: &str| bench.bound(side).ask(json!({ "type": "allocate" }));
        let name = |side: &str| allocate(side).unwrap()[0]["nameplate"].as_str().unwrap().to_owned();
        let fill = |from: u32, to: u32| {
            bench.sql(&format!(
                "INSERT OR IGNORE INTO mailboxes VALUES ('app', 'filler', {START}, 0);
                 INSERT INTO mailbox_sides VALUES ('filler', 1, 'f', {START}, NULL);
                 WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i+1 FROM n WHERE i<{to})
                 INSERT INTO nameplates (app_id, name, mailbox_id) SELECT 'app', i, 'filler' FROM n;"
            ));
        };
        fill(1, 8);
        assert_eq!(name("a"), "9");
        assert_eq!(name("b"), "10");
        fill(11, 998);
        assert_eq!(name("c"), "999");
        assert_eq!(name("d"), "1000");
        // This clock's random numbers are all the same, so every further try fails.
        match (bench.rules.label, allocate("e")) {
            ("correct", Ok(frames)) => assert_eq!(frames[0]["error"], "no nameplate is free"),
            (_, result) => assert_eq!(result.unwrap_err().name, "ValueError"),
        }
    }
}

/// Claim: a claim makes nameplate and mailbox and opens the mailbox for the side; a second side gets the same mailbox.
#[test]
fn claim_also_opens() {
    for bench in Bench::all() {
        let mailbox = bench.bound("a").claim("4");
        bench.later(1.0);
        assert_eq!(bench.bound("b").claim("4"), mailbox);
        let rows = bench.rows();
        assert!(rows.mailboxes[0].for_nameplate && rows.mailboxes[0].updated == START + 1.0);
        assert_eq!(
            rows.mailbox_sides.iter().map(|s| (s.side.as_str(), s.opened)).collect::<Vec<_>>(),
            [("a", true), ("b", true)]
        );
        assert!(rows.nameplate_sides.iter().all(|s| s.claimed));
    }
}

/// Claim: the last release deletes the nameplate with a usage row and leaves the mailbox.
#[test]
fn last_release_ends_the_nameplate() {
    for bench in Bench::all() {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.claim("4");
        bench.later(2.5);
        b.claim("4");
        assert_eq!(a.say(json!({ "type": "release" })), "released");
        assert_eq!((bench.rows().nameplates.len(), bench.rows().nameplate_sides.len()), (1, 2));
        bench.later(1.0);
        assert_eq!(b.say(json!({ "type": "release" })), "released");
        let (rows, usage) = (bench.rows(), bench.usage());
        assert!(rows.nameplates.is_empty() && rows.nameplate_sides.is_empty());
        assert_eq!(rows.mailboxes.len(), 1);
        let row = &usage.nameplates[0];
        assert_eq!((row.started, row.waiting, row.total, row.result.as_str()), (START, Some(2.5), 3.5, "happy"));
    }
}

/// Claim: open replays what is stored, by time of receipt and then insertion; add reaches every listener, the
/// sender included, with the sender's id.
#[test]
fn messages_are_replayed_and_echoed() {
    for bench in Bench::all() {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        assert!(a.open("m").is_empty());
        let echo = a.ask(json!({ "type": "add", "phase": "0", "body": "one", "id": "i" })).unwrap();
        let message =
            json!({ "type": "message", "side": "a", "phase": "0", "body": "one", "id": "i", "server_rx": START });
        assert_eq!(echo, [message]);
        a.add("two").unwrap();
        assert_eq!(b.open("m"), ["one", "two"]);
        b.wire.frames.borrow_mut().clear();
        a.add("three").unwrap();
        assert_eq!(b.bodies(), ["three"]);
        b.connection.on_lost();
        a.add("four").unwrap();
        assert_eq!(b.bodies(), ["three"], "a lost connection gets nothing");
        assert_eq!(bench.bound("b").open("m"), ["one", "two", "three", "four"]);
    }
}

/// Claim: in the historical servers a message stamped earlier is replayed first, whatever the order of insertion.
#[test]
fn replay_follows_the_wall_clock() {
    for rules in [&RELEASE_0_3_1, &RELEASE_0_8_0] {
        let bench = Bench::new(rules);
        let a = bench.bound("a");
        a.open("m");
        a.add("first").unwrap();
        bench.later(-10.0);
        a.add("second").unwrap();
        assert_eq!(bench.bound("b").open("m"), ["second", "first"]);
    }
}

/// Claim: the last close deletes the mailbox with all its messages and writes one usage row with the moods.
#[test]
fn last_close_ends_the_mailbox() {
    for bench in Bench::all() {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.open("m");
        b.open("m");
        a.add("x").unwrap();
        assert_eq!(a.say(json!({ "type": "close", "mood": "happy" })), "closed");
        assert_eq!(bench.rows().mailbox_sides[0].mood.as_deref(), Some("happy"));
        assert!(bench.usage().mailboxes.is_empty());
        assert_eq!(b.say(json!({ "type": "close", "mood": "scary" })), "closed");
        assert!(bench.rows().is_empty());
        assert_eq!(bench.results().0, ["scary"]);
        assert!(bench.server.borrow().view().mailboxes.is_empty(), "the object is forgotten");
    }
}

/// Claim: binding writes the client's version into the usage database, blurred if the operator says so.
#[test]
fn bind_records_the_version() {
    for rules in &ALL {
        let bench = Bench::with(rules, Config { blur_usage: Some(3600), ..Config::default() });
        let client = bench.connect();
        client.say(json!({ "type": "bind", "appid": "app", "side": "a", "client_version": ["python", "0.11.0"] }));
        let rows = bench.client_versions();
        assert_eq!(rows, [("python".to_owned(), "0.11.0".to_owned(), 997_200.0)]);
    }
}
