//! What happens when a listener calls the server back in the middle of a fan-out, a replay or a stop.

use std::rc::Rc;

use serde_json::json;

use super::bench::{Bench, Client};
use crate::flows::mailbox::server::Raised;
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0, Rules};

/// Sides a, b and a second connection of b listen to mailbox m, in this order.
fn three(rules: &'static Rules) -> (Bench, [Client; 3]) {
    let bench = Bench::new(rules);
    let clients = [bench.bound("a"), bench.bound("b"), bench.bound("b")];
    for client in &clients {
        client.open("m");
        client.wire.frames.borrow_mut().clear();
    }
    (bench, clients)
}

/// Lets `client` do something once, inside the next message it is sent.
fn on_message(client: &Client, mut what: impl FnMut() -> Result<(), Raised> + 'static) {
    let mut done = false;
    *client.wire.on_send.borrow_mut() = Some(Box::new(move |frame| {
        if frame["type"] != "message" || std::mem::replace(&mut done, true) {
            return Ok(());
        }
        what()
    }));
}

fn command(client: &Client, command: serde_json::Value) -> impl FnMut() -> Result<(), Raised> + 'static {
    let connection = Rc::clone(&client.connection);
    move || connection.on_message(command.to_string().as_bytes())
}

/// Claim: a listener that is lost, or another that is added, in mid-fan-out ends it with a RuntimeError: the
/// message is stored, the adder is dropped, later listeners get nothing. The corrected fan-out goes on.
#[test]
fn dictionary_changes_size() {
    for rules in [&RELEASE_0_3_1, &RELEASE_0_8_0, &CORRECT] {
        for joins in [false, true] {
            let (bench, [a, b, b2]) = three(rules);
            let newcomer = bench.bound("a");
            let lost = Rc::clone(&b.connection);
            let mut join = command(&newcomer, json!({ "type": "open", "mailbox": "m" }));
            on_message(&b, move || {
                if joins {
                    join()?;
                } else {
                    lost.on_lost();
                }
                Ok(())
            });
            let result = a.add("x");
            assert_eq!(bench.rows().messages.len(), 1);
            if rules == &CORRECT {
                assert!(result.is_ok());
                assert_eq!(b2.bodies(), ["x"]);
                assert_eq!(newcomer.bodies().len(), usize::from(joins), "in its replay, and only there");
            } else {
                assert_eq!(result.unwrap_err().name, "RuntimeError");
                assert!(b2.bodies().is_empty());
            }
        }
    }
}

/// Claim: a listener whose send raises drops the adder and starves later listeners; the corrected server gives up
/// that listener alone.
#[test]
fn send_raises() {
    for rules in [&RELEASE_0_3_1, &CORRECT] {
        let (bench, [a, b, b2]) = three(rules);
        on_message(&b, || Err(Raised::new("Disconnected", "sending on a closed transport")));
        let result = a.add("x");
        if rules == &CORRECT {
            assert!(result.is_ok() && b.wire.abandoned.get());
            assert_eq!(b2.bodies(), ["x"]);
            assert_eq!(bench.server.borrow().view().mailboxes[0].listeners.len(), 2);
        } else {
            assert_eq!(result.unwrap_err().name, "Disconnected");
            assert!(b2.bodies().is_empty());
        }
    }
}

/// Claim: an add from inside a delivery reaches later listeners before the outer message does; the corrected
/// server delivers in the order of the commits to everybody.
#[test]
fn nested_add() {
    for (rules, order) in [(&RELEASE_0_3_1, ["inner", "outer"]), (&CORRECT, ["outer", "inner"])] {
        let (_bench, [a, b, b2]) = three(rules);
        on_message(&b, command(&b2, json!({ "type": "add", "phase": "p", "body": "inner" })));
        a.add("outer").unwrap();
        assert_eq!(a.bodies(), ["outer", "inner"]);
        assert_eq!(b2.bodies(), order, "{}", rules.label);
    }
}

/// Claim: if a listener closes the mailbox from inside a delivery and that deletes it, the historical fan-out
/// goes on over the old dictionary and the add returns normally.
#[test]
fn mailbox_closed_in_mid_delivery() {
    let bench = Bench::new(&RELEASE_0_3_1);
    let (a, again) = (bench.bound("a"), bench.bound("a"));
    a.open("m");
    again.open("m");
    let outside = bench.bound("a");
    on_message(&a, command(&outside, json!({ "type": "close", "mailbox": "m" })));
    a.add("x").unwrap();
    assert_eq!(again.bodies(), ["x"]);
    assert!(bench.rows().is_empty());
}

/// Claim: the listener is registered before its backlog is sent, so a message stored from inside the replay
/// arrives in the middle of it; the corrected server sends it after the backlog.
#[test]
fn add_inside_replay() {
    for (rules, order) in [(&RELEASE_0_3_1, ["1", "new", "2"]), (&CORRECT, ["1", "2", "new"])] {
        let bench = Bench::new(rules);
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.open("m");
        a.add("1").unwrap();
        a.add("2").unwrap();
        on_message(&b, command(&a, json!({ "type": "add", "phase": "p", "body": "new" })));
        assert_eq!(b.open("m"), order, "{}", rules.label);
    }
}

/// Claim: a loss delivered from inside the replay removes the listener again.
#[test]
fn loss_inside_replay() {
    for bench in Bench::all() {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.open("m");
        a.add("1").unwrap();
        let lost = Rc::clone(&b.connection);
        on_message(&b, move || {
            lost.on_lost();
            Ok(())
        });
        b.open("m");
        assert_eq!(bench.server.borrow().view().mailboxes[0].listeners, [a.connection.handle]);
    }
}

/// Claim: a stop that removes its own listener raises after the rows are gone, before the object is forgotten; the
/// corrected server finishes.
#[test]
fn stop_removes_its_own_listener() {
    for rules in [&RELEASE_0_3_1, &CORRECT] {
        let bench = Bench::new(rules);
        let (old, a) = (bench.bound("a"), bench.bound("a"));
        old.open("m");
        a.open("m");
        let lost = Rc::clone(&old.connection);
        *old.wire.on_stop.borrow_mut() = Some(Box::new(move |_| {
            lost.on_lost();
            Ok(())
        }));
        let result = a.close();
        assert!(bench.rows().is_empty());
        let objects = bench.server.borrow().view().mailboxes.iter().filter(|mailbox| mailbox.registered).count();
        if rules == &CORRECT {
            assert!(result.is_ok() && objects == 0);
        } else {
            assert_eq!((result.unwrap_err().name, objects), ("RuntimeError", 1));
        }
    }
}

/// Claim: a command that arrives from inside one of the same connection is answered after it by the corrected
/// server, in the middle of it by the historical ones.
#[test]
fn command_inside_own_command() {
    for rules in [&RELEASE_0_3_1, &CORRECT] {
        let bench = Bench::new(rules);
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.open("m");
        b.open("m");
        b.wire.frames.borrow_mut().clear();
        on_message(&a, command(&b, json!({ "type": "ping", "ping": "inside" })));
        let ping = command(&a, json!({ "type": "ping", "ping": "own" }));
        on_message(&b, ping);
        a.add("x").unwrap();
        let kinds = |client: &Client| -> Vec<String> {
            client.wire.frames.borrow().iter().map(|frame| frame["type"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(kinds(&b), ["ack", "pong", "message"]);
        assert_eq!(kinds(&a), ["ack", "message", "ack", "pong"]);
    }
    let bench = Bench::new(&CORRECT);
    let a = bench.bound("a");
    a.open("m");
    on_message(&a, command(&a, json!({ "type": "close" })));
    a.ask(json!({ "type": "add", "phase": "p", "body": "x" })).unwrap();
    assert!(bench.rows().is_empty(), "closed once the add was through");
}
