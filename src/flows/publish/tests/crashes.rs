//! What crashes leave on the disks of servers that write in place, and what a map update makes of it; and that nothing of
//! the kind is left by servers that replace whole files.

use super::*;

/// What the server wrote to a share's file, in order: (offset, length).
fn disk_writes(report: &RunReport, file: &str) -> Vec<(u64, u64)> {
    let trace = report.trace.as_ref().expect("the trace was kept");
    let to_file = |event: &&crate::trace::Event| {
        event.header.kind.label == "write" && trace.names().text(event.header.subject) == file
    };
    trace.events().iter().filter(to_file).map(|event| (event.header.args[0], event.header.args[1])).collect()
}

#[test]
fn each_kind_of_update_writes_its_fields_in_the_order_of_the_release() {
    let text = r#"
        [flow-config]
        servers = 1
        k = 1
        n = 1
        placement = {}
        final-read = false
        [[workload.op]]
        create = { bytes = 40 }
        [[workload.op]]
        overwrite = { bytes = 40 }
        [[workload.op]]
        overwrite = { bytes = 60 }
        [[workload.op]]
        overwrite = { bytes = 30 }
        "#;
    // Header, key and signature, no chain, one hash, and the text.
    let share = |bytes: u64| 107 + 32 + 64 + 32 + bytes;
    let (old, long, short) = (share(40), share(60), share(30));
    let create = [(0, 468), (468, 4), (468 + old, 4), (92, 8), (84, 8), (468, old), (100, 92)];
    let same = [(84, 8), (468, old), (100, 92)];
    let longer = [(468 + long, 4), (92, 8), (84, 8), (468, long), (100, 92)];
    let shorter = [(468, short), (100, 92)];
    let expected: Vec<(u64, u64)> = [&create[..], &same, &longer, &shorter].concat();
    for variant in ["1.5.0", "1.6.0"] {
        assert_eq!(disk_writes(&run(&scenario(variant, text), 0), "sh0"), expected, "{variant}");
    }
    // Whole files, and a stale length is kept.
    let report = run(&scenario("correct", text), 0);
    let whole = |bytes: u64| (0, 468 + bytes + 4);
    assert_eq!(disk_writes(&report, "sh0.new"), [whole(old), whole(old), whole(long), whole(long)]);
    assert_eq!((disk_writes(&report, "sh0"), failures(&report)), (vec![], vec![]));
}

/// Share 1 is replaced on s1, then share 0, which has lost its server, is created beside it; s1 dies at one of its writes,
/// and is asked what it holds when it is back.
fn dies_while_creating(what: &str, death: &str) -> String {
    format!(
        r#"
        [flow-config]
        servers = 2
        k = 1
        n = 2
        placement = {{ s1 = [1], s2 = [0] }}
        dead = ["s2"]
        may-crash = ["s1"]
        final-read = false
        [[workload.op]]
        overwrite = {{ bytes = 40 }}
        [[workload.op]]
        keep-map = {{ mode = "check" }}
        [faults]
        "publish/server-dies" = {{ pin = "{death}", actors = ["s1:sh0:{what}"] }}
        "publish/pause" = {{ pin = "10s" }}
        "#
    )
}

#[test]
fn a_server_that_dies_creating_a_share_leaves_what_the_table_says() {
    const CONTAINER: &str = "bad-share-stands-alone: broken container";
    const SHARE: &str = "bad-share-stands-alone: unparsable share";
    let rows = [
        ("header", "before it", [0, 0, 0], Some(CONTAINER)),
        ("header", "after 99 bytes of it", [0, 0, 0], Some(CONTAINER)),
        ("header", "after it", [0, 0, 0], Some(SHARE)),
        ("lease-count", "after it", [0, 0, 0], Some(SHARE)),
        ("lease-offset", "before it", [0, 0, 0], Some(SHARE)),
        ("length", "before it", [0, 0, 0], Some(SHARE)),
        // The length is there, the data is zeros: damaged, and nothing else suffers.
        ("length", "after it", [1, 1, 0], None),
        ("data", "before it", [1, 1, 0], None),
        ("data", "after 60 bytes of it", [1, 1, 0], None),
        // The signature is there: a good share, for all a map can know.
        ("data", "after 230 bytes of it", [2, 1, 0], None),
        ("data", "after it", [2, 1, 0], None),
        ("lease", "before it", [2, 1, 0], None),
    ];
    for (what, death, map, violated) in rows {
        let report = run(&scenario("1.6.0", &dies_while_creating(what, death)), 0);
        assert_eq!(outcomes(&report), [("not-enough-servers", 1), ("ok", 1)], "{what} {death}");
        assert_eq!(last_map(&report), map, "{what} {death}");
        let expected: Vec<String> = violated.into_iter().map(str::to_owned).collect();
        assert_eq!(failures(&report), expected, "{what} {death}");
    }
}

#[test]
fn a_server_that_dies_replacing_a_share_leaves_the_old_one_the_new_one_or_a_torn_one() {
    let text = |what: &str, death: &str| {
        format!(
            r#"
            [flow-config]
            servers = 1
            k = 1
            n = 1
            placement = {{ s1 = [0] }}
            may-crash = ["s1"]
            readers = 1
            [[workload.op]]
            overwrite = {{ bytes = 100 }}
            [faults]
            "publish/server-dies" = {{ pin = "{death}", actors = ["s1:sh0:{what}"] }}
            "#
        )
    };
    let lost = vec!["failures-are-indeterminate: lost".to_owned()];
    let read = [("not-enough-servers", 1), ("ok", 1)];
    let unread = [("not-enough-servers", 1), ("not-enough-shares", 1)];
    let rows = [
        ("moved-leases", "before it", read, vec![]),
        ("length", "after it", read, vec![]),
        ("data", "before it", read, vec![]),
        ("data", "after 1 bytes of it", read, vec![]),
        ("data", "after 20 bytes of it", unread, lost.clone()),
        ("data", "after 300 bytes of it", unread, lost),
        ("data", "after it", read, vec![]),
        ("lease", "before it", read, vec![]),
    ];
    for (what, death, outcome, violated) in rows {
        let report = run(&scenario("1.6.0", &text(what, death)), 0);
        assert_eq!((outcomes(&report), failures(&report)), (outcome.to_vec(), violated), "{what} {death}");
    }
    for (what, death) in [
        ("new-file", "before it"),
        ("new-file", "after 100 bytes of it"),
        ("new-file", "after it"),
        ("rename", "before it"),
        ("rename", "after it"),
    ] {
        let report = run(&scenario("correct", &text(what, death)), 0);
        assert_eq!((outcomes(&report), failures(&report)), (read.to_vec(), vec![]), "{what} {death}");
    }
}

#[test]
fn what_is_shown_of_a_node_says_what_is_on_its_disk_and_showing_changes_nothing() {
    let scenario = scenario("1.6.0", &dies_while_creating("lease-count", "after it"));
    let run = |keep_states| {
        erased::<Publish>().run(&RunRequest {
            scenario: &scenario,
            seed: Some(Seed(0)),
            source: Source::Search,
            operations: None,
            keep_trace: false,
            keep_offers: false,
            keep_states,
            dispatch: Dispatch::ByTime,
            until_step: None,
        })
    };
    let shown = run(KeepStates::EachStep);
    let last = shown.states.last();
    assert_eq!(last["s1.sh0"], "0 bytes, at least 57 needed");
    assert!(last["s1.sh1"].as_str().is_some_and(|version| version.starts_with("#2-")), "{last:?}");
    assert!(shown.states.changes().iter().any(|change| change.field == "client.publish.outstanding.s1"));
    assert_eq!(run(KeepStates::Never).digest, shown.digest);
}

#[test]
fn a_server_that_dies_between_two_shares_of_a_message_keeps_one_old_and_both_are_moved() {
    let text = r#"
        [flow-config]
        servers = 2
        k = 1
        n = 2
        placement = { s1 = [0, 1] }
        may-crash = ["s1"]
        [[workload.op]]
        overwrite = { bytes = 40 }
        [[workload.op]]
        keep-map = { mode = "check" }
        [faults]
        "publish/server-dies" = { pin = "before it", actors = ["s1:sh1:length", "s1:sh1:data"] }
        "publish/pause" = { pin = "10s" }
        "#;
    let report = run(&scenario("1.6.0", text), 0);
    assert_eq!(outcomes(&report), [("ok", 3)]);
    // Share 0 and 1 of the new version on s2, share 0 of it and share 1 of the old one on s1.
    assert_eq!(last_map(&report), [4, 2, 0]);
    assert_eq!(failures(&report), [] as [&str; 0]);
}

#[test]
fn a_lease_that_finds_no_room_leaves_a_message_half_done_in_the_release_only() {
    let text = r#"
        [flow-config]
        servers = 1
        k = 1
        n = 2
        [[workload.op]]
        overwrite = { bytes = 1 }
        [faults]
        "publish/server-raises" = { pin = "after the data", max = 3 }
        "#;
    let report = run(&scenario("1.6.0", text), 0);
    assert_eq!(failures(&report), ["all-or-nothing-writes: written in part"]);
    assert_eq!(failures(&run(&scenario("correct", text), 0)), [] as [&str; 0]);
}

#[test]
fn what_was_acknowledged_without_a_sync_can_be_gone_and_with_one_it_stays() {
    let text = |profile: &str| {
        format!(
            r#"
            [flow-config]
            servers = 1
            k = 1
            n = 1
            placement = {{ s1 = [0] }}
            may-crash = ["s1"]
            [[workload.op]]
            overwrite = {{ bytes = 100 }}
            [[workload.op]]
            overwrite = {{ bytes = 110 }}
            [faults]
            "disk/profile" = {{ pin = "{profile}" }}
            "disk/power-cut" = 0.1
            "#
        )
    };
    for profile in ["ordered", "posix-strict", "in-order"] {
        let mut forgotten = 0;
        for seed in 0..60 {
            let report = run(&scenario("1.6.0", &text(profile)), seed);
            forgotten +=
                usize::from(failures(&report).contains(&"failures-are-indeterminate: an older text".to_owned()));
            let report = run(&scenario("correct", &text(profile)), seed);
            assert_eq!(failures(&report), [] as [&str; 0], "{profile}, seed {seed}");
        }
        assert!(forgotten > 0, "{profile}: no power cut took an acknowledged version back");
    }
}

#[test]
fn whatever_is_torn_never_verifies() {
    let text = r#"
        [flow-config]
        servers = 3
        k = 2
        n = 4
        may-crash = ["s1", "s2", "s3"]
        [workload]
        operations = 5
        [faults]
        "publish/server-dies" = 0.05
        "disk/power-cut" = 0.02
        "publish/share-damage" = 0.05
        "#;
    let (mut examined, mut torn) = (0, 0);
    for seed in 0..60 {
        let report = run(&scenario("1.6.0", text), seed);
        let evaluations = report.invariants["torn-shares-never-verify"];
        examined += evaluations.antecedent;
        torn += usize::from(failures(&report).iter().any(|failure| failure.starts_with("bad-share")));
        assert!(!failures(&report).iter().any(|failure| failure.starts_with("torn")), "seed {seed}");
        assert!(!failures(&report).iter().any(|failure| failure.starts_with("reader-soundness")), "seed {seed}");
    }
    assert!(examined > 20, "{examined} shares were looked at");
    assert!(torn > 0, "nothing was ever hidden");
}
