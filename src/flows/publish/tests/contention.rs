//! Two writers, and maps that are no longer true.

use super::*;

#[test]
fn a_stale_map_is_noticed_and_the_other_writers_text_stays() {
    let text = r#"
        [flow-config]
        servers = 10
        k = 3
        n = 10
        writers = 2
        [[workload.op]]
        keep-map = {}
        [[workload.op]]
        overwrite = { by = 1, bytes = 40 }
        [[workload.op]]
        upload = { bytes = 30 }
        "#;
    for variant in ["1.5.0", "1.6.0", "correct"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!(outcomes(&report), [("ok", 3), ("ucwe", 1)], "{variant}");
        assert_eq!((count(&report, "wrote"), count(&report, "refused")), (10, 10), "{variant}");
        assert_eq!(failures(&report), [] as [&str; 0], "{variant}");
    }
}

#[test]
fn a_share_that_moved_since_the_map_is_noticed() {
    let text = r#"
        [flow-config]
        servers = 10
        k = 3
        n = 10
        placement = { s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4], s6 = [5], s7 = [6], s8 = [7], s9 = [8], s10 = [9] }
        dead = ["s1"]
        [[workload.op]]
        keep-map = {}
        [[workload.op]]
        overwrite = { bytes = 40 }
        [[workload.op]]
        upload = { bytes = 30 }
        "#;
    for variant in ["1.6.0", "correct"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!(outcomes(&report), [("ok", 3), ("ucwe", 1)], "{variant}");
    }
}

#[test]
fn of_two_writers_at_one_time_never_both_succeed_and_what_is_lost_had_to_be() {
    for (n, bound) in [(4, true), (10, false)] {
        let text = format!(
            r#"
            [flow-config]
            servers = {n}
            k = 3
            n = {n}
            writers = 2
            readers = 1
            [[workload.op]]
            overwrite = {{ bytes = 40, with-next = true }}
            [[workload.op]]
            overwrite = {{ by = 1, bytes = 50 }}
            [faults]
            "publish/pause" = 0
            "#
        );
        let mut lost = 0;
        let mut contended = 0;
        for seed in 0..100 {
            let report = run(&scenario("1.6.0", &text), seed);
            let both = report.outcomes.get("ok") == Some(&3);
            contended += report.invariants["contention-has-one-winner"].antecedent;
            lost += report.outcomes.get("not-enough-shares").unwrap_or(&0);
            let known: Vec<String> =
                failures(&report).into_iter().filter(|failure| !failure.starts_with("nothing-after")).collect();
            assert_eq!(known, [] as [&str; 0], "seed {seed}");
            assert!(!both || count(&report, "refused") == 0, "seed {seed}: both succeeded though one was refused");
        }
        assert!(contended > 0, "n = {n}: no contest had a winner");
        assert_eq!(lost > 0, bound, "n = {n}: {lost} of 100 runs lost the file");
    }
}

#[test]
fn the_fix_relies_on_each_connection_keeping_its_order_and_the_corrected_client_does_not() {
    // Share 0 moves to s2 or s3 while that server's own update is still under way, and overtakes it.
    let text = r#"
        [flow-config]
        servers = 3
        k = 2
        n = 3
        placement = { s1 = [0], s2 = [1], s3 = [2] }
        readers = 0
        [[workload.op]]
        overwrite = { bytes = 40 }
        [faults]
        "net/cut" = { pin = "before delivery", rate = 0.5, actors = ["client->s1"] }
        "net/notice" = { pin = "inline" }
        "net/reorder" = 1
        "#;
    let mut surprised = 0;
    for seed in 0..200 {
        let report = run(&scenario("1.6.0", text), seed);
        if failures(&report).contains(&"ucwe-is-earned: own-update-pending".to_owned()) {
            surprised += 1;
        }
        let report = run(&scenario("correct", text), seed);
        assert!(!report.outcomes.contains_key("ucwe"), "seed {seed}: {:?}", failures(&report));
    }
    assert!(surprised > 0, "nothing overtook anything");
}

#[test]
fn a_transport_that_delivers_twice_does_not_confuse_a_client_that_counts_its_calls() {
    let text = r#"
        [flow-config]
        servers = 4
        k = 2
        n = 4
        [[workload.op]]
        overwrite = { bytes = 40 }
        [faults]
        "net/duplicate" = 1
        "#;
    for variant in ["1.5.0", "1.6.0", "correct"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!((outcomes(&report), count(&report, "refused")), (vec![("ok", 2)], 4), "{variant}");
        assert_eq!(failures(&report), [] as [&str; 0], "{variant}");
    }
}

#[test]
fn a_run_is_the_same_a_second_time_and_its_script_replays_it_without_the_seed() {
    let text = r#"
        [flow-config]
        writers = 2
        [workload]
        operations = 6
        [faults]
        profile = "swarm"
        "#;
    for variant in ["1.5.0", "correct"] {
        let scenario = scenario(variant, text);
        for seed in 0..20 {
            let first = run(&scenario, seed);
            assert_eq!(first.digest, run(&scenario, seed).digest, "seed {seed}");
            let replayed = erased::<Publish>().run(&RunRequest {
                scenario: &scenario,
                seed: None,
                source: Source::Replay(&first.script),
                operations: Some(&first.operations),
                keep_trace: true,
                keep_offers: false,
                keep_states: crate::snapshot::KeepStates::Never,
                dispatch: Dispatch::ByTime,
                until_step: None,
            });
            assert_eq!(replayed.anchoring.used, replayed.anchoring.total, "seed {seed}");
            assert_eq!(replayed.digest, first.digest, "seed {seed}");
        }
    }
}
