//! The timer: what is old, what is spared, what one faulty row costs the others, and the status row.

use serde_json::json;

use super::bench::{Bench, START};
use crate::flows::mailbox::server::{PERIOD_S, RETRY_S};
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0};

/// Claim: "old" is 660 seconds, inclusive; nameplate, sides and messages go with the mailbox.
#[test]
fn idle_mailboxes_expire() {
    for bench in Bench::all() {
        let a = bench.bound("a");
        let mailbox = a.claim("4");
        a.open(&mailbox);
        a.add("x").unwrap();
        a.connection.on_lost();
        bench.later(659.5);
        bench.tick();
        assert_eq!(bench.rows().mailboxes.len(), 1);
        bench.later(0.5);
        let report = bench.tick();
        assert!(report.prune_errors.is_empty());
        assert_eq!(report.next_in(&bench.server.borrow()), Some(PERIOD_S));
        assert!(bench.rows().is_empty());
        assert_eq!(bench.results(), (vec!["pruney".to_owned()], vec!["pruney".to_owned()]));
    }
}

/// Claim: a listener keeps its mailbox and nameplate; its loss starts the clock at the last tick that saw it.
#[test]
fn listeners_protect() {
    for bench in Bench::all() {
        let a = bench.bound("a");
        let mailbox = a.claim("4");
        a.open(&mailbox);
        for _ in 0..10 {
            bench.later(300.0);
            bench.tick();
        }
        assert_eq!(bench.rows().mailboxes[0].updated, START + 3000.0);
        a.connection.on_lost();
        bench.later(661.0);
        bench.tick();
        assert!(bench.rows().is_empty());
    }
}

/// Claim: the status row counts listeners and is rewritten by every tick.
#[test]
fn status_row_is_rewritten() {
    for bench in Bench::all() {
        let (a, b) = (bench.bound("a"), bench.bound("b"));
        a.open("m");
        b.open("m");
        bench.later(7.0);
        bench.tick();
        b.connection.on_lost();
        bench.later(1.0);
        bench.tick();
        let current = bench.usage().current;
        assert_eq!(current.len(), 1);
        assert_eq!((current[0].rebooted, current[0].updated, current[0].connections), (START, START + 8.0, 1));
    }
}

/// Claim: in 0.8.0 a connection bound before its app was pruned keeps a stale object: its listener is neither
/// counted nor protects, and the mailbox dies under it. The corrected server keeps the app while one is bound.
#[test]
fn stale_app_objects() {
    for (bench, stale) in Bench::all().into_iter().zip([false, true, false]) {
        let a = bench.bound("a");
        bench.bound("x").claim("9");
        bench.server.borrow().apps.borrow()["app"].free_mailbox("mailbox000001");
        bench.tick();
        a.open("m");
        bench.later(661.0);
        bench.tick();
        assert_eq!(bench.rows().mailbox("m").is_none(), stale, "{}", bench.rules.label);
        assert_eq!(bench.usage().current[0].connections, i64::from(!stale));
    }
}

/// Claim: one faulty mailbox starves every later app of the historical servers in that tick; 0.8.0 lives on and
/// finishes at the next one. The corrected server repairs it at start, and else prunes around it.
#[test]
fn one_faulty_mailbox() {
    for bench in Bench::all() {
        bench.sql(&format!("INSERT INTO mailboxes VALUES ('aaa', 'bad', {START}, 0)"));
        let b = bench.bound_to("bbb", "b");
        b.open("good");
        b.connection.on_lost();
        bench.later(661.0);
        let report = bench.tick();
        let left = bench.rows().mailbox("good").is_some();
        match bench.rules.label {
            "0.3.1" => assert!(!report.alive && left),
            "0.8.0" => {
                assert!(report.alive && left && report.status_written);
                assert_eq!(report.next_in(&bench.server.borrow()), Some(PERIOD_S));
                bench.tick();
                assert!(bench.rows().mailboxes.is_empty());
            }
            _ => {
                assert!(report.prune_errors.is_empty() && !left);
                assert_eq!(bench.results().0, ["pruney", "pruney"]);
            }
        }
    }
}

/// Claim: a mailbox that cannot be deleted costs the corrected server nothing but itself and an early retry.
#[test]
fn undeletable_mailbox_is_isolated() {
    let bench = Bench::new(&CORRECT);
    for mailbox in ["a", "bad", "z"] {
        let client = bench.bound("s");
        client.open(mailbox);
        client.connection.on_lost();
    }
    bench.sql(
        "CREATE TEMP TRIGGER stuck BEFORE DELETE ON main.mailboxes WHEN old.id='bad'
         BEGIN SELECT RAISE(ABORT, 'stuck'); END",
    );
    bench.later(661.0);
    let report = bench.tick();
    assert_eq!(report.prune_errors.len(), 1);
    assert!(report.alive && report.status_written);
    assert_eq!(report.next_in(&bench.server.borrow()), Some(RETRY_S));
    let rows = bench.rows();
    assert_eq!(rows.mailboxes.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["bad"]);
    assert_eq!(rows.mailbox_sides.len(), 1, "rolled back as a whole");
    assert_eq!(bench.results().0.len(), 2);
}

/// Claim: an exception while writing the status row ends the timer of 0.8.0 for good; the corrected one goes on.
#[test]
fn status_row_cannot_be_written() {
    for (rules, alive) in [(&RELEASE_0_3_1, false), (&RELEASE_0_8_0, false), (&CORRECT, true)] {
        let bench = Bench::new(rules);
        bench.usage_sql("DROP TABLE current");
        let report = bench.tick();
        assert_eq!(report.status_error.as_ref().unwrap().name, "OperationalError");
        assert_eq!((report.alive, report.status_written), (alive, false));
    }
}

/// Claim: the order in which a set is walked decides which usage rows a failing tick has pending.
#[test]
fn walk_order_matters() {
    for (backwards, nameplates) in [(false, 0), (true, 1)] {
        let bench = Bench::new(&RELEASE_0_8_0);
        let orphan = bench.bound("s");
        orphan.say(json!({ "type": "allocate" }));
        bench.bound("t").say(json!({ "type": "allocate" }));
        bench.sql("DELETE FROM nameplate_sides WHERE side='s'");
        bench.clock.backwards.set(backwards);
        bench.later(661.0);
        assert_eq!(bench.tick().prune_errors[0].name, "IndexError");
        assert_eq!(bench.results().1.len(), nameplates);
    }
}

/// Claim: the corrected server repairs at start what an older one left: rows without sides are retired with a
/// usage row, orphaned messages are deleted, and the first tick has nothing to complain about.
#[test]
fn repair_at_start() {
    let bench = Bench::new(&CORRECT);
    bench.sql(&format!(
        "INSERT INTO mailboxes VALUES ('app', 'sideless', {START}, 1), ('app', 'closed', {START}, 0), ('app', 'fine', {START}, 0);
         INSERT INTO nameplates (app_id, name, mailbox_id) VALUES ('app', '4', 'sideless'), ('app', '5', 'fine');
         INSERT INTO mailbox_sides VALUES ('closed', 0, 'a', {START}, 'happy'), ('fine', 1, 'a', {START}, NULL);
         INSERT INTO messages VALUES ('app', 'nowhere', 'a', '0', 'x', {START}, NULL), ('other', 'fine', 'a', '0', 'x', {START}, NULL);"
    ));
    bench.later(3.0);
    bench.crash();
    let rows = bench.rows();
    assert_eq!(rows.mailboxes.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["fine"]);
    assert!(rows.nameplates.is_empty() && rows.messages.is_empty());
    let usage = bench.usage();
    assert_eq!((usage.mailboxes.len(), usage.nameplates.len()), (2, 2));
    assert!(usage.mailboxes.iter().all(|row| row.total == 3.0 && row.result == "pruney"));
    assert!(bench.tick().prune_errors.is_empty());
}

/// Claim: the end of the service stops every listener and forgets it.
#[test]
fn shutdown_stops_listeners() {
    for bench in Bench::all() {
        let a = bench.bound("a");
        a.open("m");
        bench.server.borrow().shutdown().unwrap();
        assert!(bench.server.borrow().view().mailboxes.iter().all(|mailbox| mailbox.listeners.is_empty()));
    }
}
