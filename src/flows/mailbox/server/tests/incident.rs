//! The incident as call sequences on 0.3.1, step by step: the violated foreign key, the mailbox without sides,
//! the timer that never runs again. Each is also run on the corrected server, where nothing of it happens.

use serde_json::json;

use super::bench::{Bench, Client};
use crate::flows::mailbox::server::{Raised, TickReport};
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0};

/// A mailbox that is there without any side.
fn poisoned(bench: &Bench) -> usize {
    let rows = bench.rows();
    rows.mailboxes.iter().filter(|m| rows.sides_of_mailbox(&m.id).count() == 0).count()
}

/// A claims, opens, says something and closes without having released.
fn close_without_release(bench: &Bench) -> (Client, String, Result<(), Raised>) {
    let a = bench.bound("a");
    let mailbox = a.claim("4");
    a.open(&mailbox);
    a.add("hello").unwrap();
    let closed = a.close().map(drop);
    if closed.is_err() {
        a.connection.on_lost();
    }
    (a, mailbox, closed)
}

fn is_dead(report: &TickReport) -> bool {
    !report.alive && !report.status_written && report.prune_errors.iter().any(|raised| raised.name == "IndexError")
}

/// Claim: one client that closes without releasing kills the timer of 0.3.1: the foreign key fails, somebody
/// else's commit publishes a mailbox without sides and messages, and the tick that meets it raises. All other
/// commands go on working meanwhile; the status row stays as it was.
#[test]
fn one_client_without_release() {
    let bench = Bench::new(&RELEASE_0_3_1);
    assert!(bench.tick().alive);
    let status = bench.usage().current;
    let (a, mailbox, closed) = close_without_release(&bench);
    let raised = closed.unwrap_err();
    assert_eq!((raised.name, raised.detail.as_str()), ("IntegrityError", "FOREIGN KEY constraint failed"));
    assert!(a.frames().is_empty(), "not a word to the client");
    assert_eq!(bench.server.borrow().open_transactions(), (true, false));
    bench.bystander();
    assert_eq!(bench.server.borrow().open_transactions(), (false, false));
    let rows = bench.rows();
    assert_eq!((poisoned(&bench), rows.messages.len()), (1, 0));
    assert_eq!((rows.nameplates.len(), rows.nameplate_sides.len()), (1, 1));
    assert!(bench.server.borrow().view().mailboxes.iter().any(|m| m.id == mailbox), "still registered");
    bench.later(600.0);
    assert!(bench.tick().alive, "not old yet");
    bench.later(300.0);
    let report = bench.tick();
    assert!(is_dead(&report));
    assert_eq!(report.next_in(&bench.server.borrow()), None);
    assert_eq!(bench.server.borrow().open_transactions(), (true, true));
    assert_eq!(bench.usage().current[0].updated, status[0].updated + 600.0);
    let b = bench.bound("b");
    let other = b.claim("5");
    assert!(b.open(&other).is_empty());
    assert_eq!(b.add("works").unwrap().len(), 1);
    // That commit made the deletions durable: the poisoned row is gone, without a usage row.
    assert_eq!(poisoned(&bench), 0);
    assert_eq!(bench.results(), (vec![], vec!["pruney".to_owned()]));
}

/// Claim: each retry over a new connection re-inserts the side, publishes the deletions before, and fails again.
#[test]
fn retrying_does_not_help() {
    let bench = Bench::new(&RELEASE_0_3_1);
    let (_, mailbox, _) = close_without_release(&bench);
    for _ in 0..3 {
        let again = bench.bound("a");
        let close = json!({ "type": "close", "mailbox": mailbox, "mood": "happy" });
        assert_eq!(again.ask(close).unwrap_err().name, "IntegrityError");
        again.connection.on_lost();
    }
    bench.bystander();
    assert_eq!(poisoned(&bench), 1);
    bench.later(661.0);
    assert!(is_dead(&bench.tick()));
}

/// Claim: of two clients it is enough that one never releases, whoever closes last.
#[test]
fn two_clients_one_release() {
    for (a_releases, b_releases, last) in [(false, true, "a"), (false, true, "b"), (false, false, "b")] {
        for (rules, raises) in [(&RELEASE_0_3_1, true), (&CORRECT, false)] {
            let bench = Bench::new(rules);
            let (a, b) = (bench.bound("a"), bench.bound("b"));
            let mailbox = a.claim("4");
            b.claim("4");
            for (client, releases) in [(&a, a_releases), (&b, b_releases)] {
                if releases {
                    assert_eq!(client.say(json!({ "type": "release" })), "released");
                }
                client.open(&mailbox);
                client.add("hello").unwrap();
            }
            let (first, second) = if last == "b" { (&a, &b) } else { (&b, &a) };
            assert_eq!(first.close().unwrap()[0]["type"], "closed");
            match second.close() {
                Err(raised) => {
                    assert!(raises, "{raised}");
                    assert_eq!(raised.name, "IntegrityError");
                    bench.bystander();
                    assert_eq!(poisoned(&bench), 1);
                    bench.later(661.0);
                    assert!(is_dead(&bench.tick()));
                }
                Ok(frames) => {
                    assert!(!raises);
                    assert_eq!(frames[0]["type"], "closed");
                    assert!(bench.rows().is_empty());
                    assert_eq!(bench.results(), (vec!["happy".to_owned()], vec!["happy".to_owned()]));
                }
            }
        }
    }
}

/// Claim: while a half-dead connection still listens, every tick touches the poisoned mailbox and lives; once its
/// loss is noticed, the timer dies 660 seconds later.
#[test]
fn half_dead_connection_delays_it() {
    let bench = Bench::new(&RELEASE_0_3_1);
    let (a, b0) = (bench.bound("a"), bench.bound("b"));
    let mailbox = a.claim("4");
    b0.claim("4");
    a.open(&mailbox);
    b0.open(&mailbox);
    a.close().unwrap();
    let b1 = bench.bound("b");
    assert_eq!(b1.ask(json!({ "type": "close", "mailbox": mailbox })).unwrap_err().name, "IntegrityError");
    b1.connection.on_lost();
    bench.bystander();
    assert_eq!(poisoned(&bench), 1);
    for _ in 0..5 {
        bench.later(300.0);
        assert!(bench.tick().alive, "the listener keeps it young");
    }
    b0.connection.on_lost();
    bench.later(600.0);
    assert!(bench.tick().alive);
    bench.later(61.0);
    assert!(is_dead(&bench.tick()));
}

/// Claim: death between the two commits of a claim leaves a mailbox without sides, although nothing ever failed.
/// A repeated claim heals it; otherwise the timer dies.
#[test]
fn death_between_the_commits_of_a_claim() {
    for heals in [false, true] {
        let bench = Bench::new(&RELEASE_0_3_1);
        // What the first commit of a claim makes durable.
        bench.sql(
            "INSERT INTO mailboxes VALUES ('app', 'm', 1000000.5, 1);
             INSERT INTO nameplates (app_id, name, mailbox_id) VALUES ('app', '4', 'm');
             INSERT INTO nameplate_sides VALUES (1, 1, 'a', 1000000.5);",
        );
        bench.crash();
        assert_eq!(poisoned(&bench), 1);
        if heals {
            assert_eq!(bench.bound("a").claim("4"), "m");
        }
        bench.later(661.0);
        assert_eq!(is_dead(&bench.tick()), !heals);
    }
}

/// Claim: a restart does not help while nobody commits, since the first tick runs at once on the rows that were
/// rolled back; each poisoned row kills the timer once, and leaves a usage row for its nameplate only.
#[test]
fn every_poisoned_row_kills_once() {
    let bench = Bench::new(&RELEASE_0_3_1);
    for (side, name) in [("a", "1"), ("b", "2"), ("c", "3")] {
        let client = bench.bound(side);
        let mailbox = client.claim(name);
        client.open(&mailbox);
        client.close().unwrap_err();
        client.connection.on_lost();
        bench.bystander();
    }
    assert_eq!(poisoned(&bench), 3);
    bench.later(661.0);
    assert!(is_dead(&bench.tick()));
    for _ in 0..2 {
        bench.crash();
        assert_eq!(poisoned(&bench), 3, "rolled back");
        assert!(is_dead(&bench.tick()));
    }
    for left in [2, 1, 0] {
        bench.bystander();
        assert_eq!(poisoned(&bench), left);
        bench.later(661.0);
        let report = bench.tick();
        assert_eq!(is_dead(&report), left > 0, "{left} left");
    }
    let (mailboxes, nameplates) = bench.results();
    assert_eq!(nameplates, ["pruney"; 3]);
    assert!(!mailboxes.contains(&"lonely".to_owned()));
}

/// Negative control: if the process dies before anybody else commits, the journal restores sides and messages,
/// and pruning later deletes everything cleanly.
#[test]
fn death_before_the_next_commit_is_harmless() {
    let bench = Bench::new(&RELEASE_0_3_1);
    let (_, mailbox, closed) = close_without_release(&bench);
    assert_eq!(closed.unwrap_err().name, "IntegrityError");
    bench.crash();
    assert_eq!(poisoned(&bench), 0);
    assert_eq!(bench.rows().sides_of_mailbox(&mailbox).count(), 1);
    assert_eq!(bench.rows().messages.len(), 1);
    bench.later(661.0);
    let report = bench.tick();
    assert!(report.alive && report.prune_errors.is_empty() && report.status_written);
    assert!(bench.rows().is_empty());
    assert_eq!(bench.results(), (vec!["pruney".to_owned()], vec!["pruney".to_owned()]));
}

/// Claim: 0.8.0 closes the one-client case without an error (and without a usage row for the nameplate), the
/// corrected server with one.
#[test]
fn one_client_after_the_fixes() {
    for (rules, nameplates) in [(&RELEASE_0_8_0, vec![]), (&CORRECT, vec!["lonely".to_owned()])] {
        let bench = Bench::new(rules);
        assert_eq!(close_without_release(&bench).2, Ok(()));
        assert!(bench.rows().is_empty());
        assert_eq!(bench.results(), (vec!["lonely".to_owned()], nameplates));
        assert_eq!(bench.server.borrow().open_transactions(), (false, false));
    }
}
