//! What the fix of 2022 left open and what it broke: 0.8.0 deletes nameplate sides by the closer's side string.

use serde_json::json;

use super::bench::Bench;
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0};

/// Claim: with two claimers of which one did not release, the last close of 0.8.0 still violates a foreign key,
/// now on the nameplate. The leftover is milder: sides survive, and pruning can finish.
#[test]
fn unreleased_nameplate_of_two_still_fails() {
    let bench = Bench::new(&RELEASE_0_8_0);
    let (a, b) = (bench.bound("a"), bench.bound("b"));
    let mailbox = a.claim("4");
    b.claim("4");
    b.say(json!({ "type": "release" }));
    a.open(&mailbox);
    b.open(&mailbox);
    a.close().unwrap();
    assert_eq!(b.close().unwrap_err().name, "IntegrityError");
    b.connection.on_lost();
    bench.bystander();
    let rows = bench.rows();
    assert_eq!((rows.nameplates.len(), rows.nameplate_sides.len()), (1, 1));
    assert_eq!(rows.sides_of_mailbox(&mailbox).count(), 2);
    bench.later(661.0);
    let report = bench.tick();
    assert!(report.prune_errors.is_empty() && report.alive);
    assert_eq!(bench.rows().mailbox(&mailbox), None);
}

/// Claim: a lost `allocated` reply is enough. The sender allocates again under the same side; when it closes last,
/// the sides of the first, orphaned nameplate are wiped too, and its expiry raises. 0.3.1 and the corrected
/// server are not affected by this schedule.
#[test]
fn lost_allocated_reply_wipes_the_orphan() {
    for rules in [&RELEASE_0_3_1, &RELEASE_0_8_0, &CORRECT] {
        let bench = Bench::new(rules);
        let cut = bench.bound("sender");
        cut.say(json!({ "type": "allocate" }));
        cut.connection.on_lost();
        let sender = bench.bound("sender");
        let name = sender.ask(json!({ "type": "allocate" })).unwrap()[0]["nameplate"].as_str().unwrap().to_owned();
        let receiver = bench.bound("receiver");
        let mailbox = sender.claim(&name);
        assert_eq!(receiver.claim(&name), mailbox);
        for client in [&sender, &receiver] {
            client.open(&mailbox);
            client.add("hello").unwrap();
            assert_eq!(client.say(json!({ "type": "release" })), "released");
        }
        assert_eq!(receiver.close().unwrap()[0]["type"], "closed");
        assert_eq!(sender.close().unwrap()[0]["type"], "closed");
        let rows = bench.rows();
        let orphan_sides = rows.sides_of_nameplate(rows.nameplates[0].id).count();
        bench.later(661.0);
        let report = bench.tick();
        assert!(report.alive && report.status_written);
        if rules == &RELEASE_0_8_0 {
            assert_eq!(orphan_sides, 0);
            assert_eq!(report.prune_errors[0].name, "IndexError");
            assert_eq!(bench.results().1, ["happy"], "no row for the orphan");
        } else {
            assert_eq!(orphan_sides, 1);
            assert!(report.prune_errors.is_empty());
            assert_eq!(bench.results().1, ["happy", "pruney"]);
        }
    }
}

/// Claim: the wipe crosses apps.
#[test]
fn wipe_crosses_apps() {
    let bench = Bench::new(&RELEASE_0_8_0);
    bench.bound_to("other", "a").claim("9");
    let a = bench.bound("a");
    a.open("m");
    a.close().unwrap();
    let rows = bench.rows();
    assert_eq!((rows.nameplates.len(), rows.nameplate_sides.len()), (1, 0));
}
