//! Map updates and reads.

use super::*;

fn healthy(op: &str) -> String {
    format!(
        r#"
        [flow-config]
        servers = 10
        k = 3
        n = 10
        readers = 0
        [[workload.op]]
        {op}
        "#
    )
}

#[test]
fn each_mode_looks_as_hard_as_it_should() {
    for variant in ["1.5.0", "1.6.0"] {
        for (mode, shares) in [("check", 10), ("write", 10), ("read", 6), ("anything", 3)] {
            let report = run(&scenario(variant, &healthy(&format!("keep-map = {{ mode = \"{mode}\" }}"))), 0);
            assert_eq!(last_map(&report), [shares, 1, 0], "{variant} {mode}");
        }
    }
}

#[test]
fn a_map_that_is_used_again_never_forgets_a_share_even_if_its_server_fails() {
    let text = r#"
        [flow-config]
        servers = 4
        k = 2
        n = 4
        placement = { s1 = [0], s2 = [1], s3 = [2], s4 = [3] }
        readers = 0
        [[workload.op]]
        modify = { bytes = 10, how = "ucwe-once" }
        "#;
    for variant in ["1.5.0", "1.6.0", "correct"] {
        // The first request to s1 is the first map update; from then on it fails.
        let raises = ("publish/server-raises", "s1", 1..20, "before anything");
        let report = run_script(&scenario(variant, text), &[raises]);
        assert_eq!((maps(&report), outcomes(&report)), (vec![[4, 1, 0]; 2], vec![("ok", 1)]), "{variant}");
    }
}

#[test]
fn two_shares_of_a_version_that_needs_three_are_seen_and_not_read() {
    let text = |op: &str| {
        format!(
            r#"
            [flow-config]
            servers = 10
            k = 3
            n = 10
            placement = {{ s1 = [0], s2 = [1] }}
            final-read = false
            [[workload.op]]
            {op}
            "#
        )
    };
    for mode in ["check", "write", "read", "anything"] {
        let report = run(&scenario("1.5.0", &text(&format!("keep-map = {{ mode = \"{mode}\" }}"))), 0);
        assert_eq!(last_map(&report), [2, 0, 1], "{mode}");
    }
    let report = run(&scenario("1.5.0", &text("read = {}")), 0);
    assert_eq!(outcomes(&report), [("not-enough-shares", 1)]);
}

#[test]
fn five_damaged_blocks_of_ten_do_not_keep_a_reader_from_its_text() {
    let text = r#"
        [flow-config]
        servers = 10
        k = 3
        n = 10
        placement = { s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4], s6 = [5], s7 = [6], s8 = [7], s9 = [8], s10 = [9] }
        damaged = { s1 = "data", s2 = "data", s3 = "data", s4 = "data", s5 = "data" }
        final-read = false
        [[workload.op]]
        read = {}
        "#;
    for variant in ["1.5.0", "correct"] {
        for seed in 0..10 {
            let report = run(&scenario(variant, text), seed);
            assert_eq!((outcomes(&report), failures(&report)), (vec![("ok", 1)], vec![]), "{variant} {seed}");
        }
    }
}

#[test]
fn with_every_signature_damaged_there_is_no_version_to_read() {
    let text = r#"
        [flow-config]
        servers = 3
        k = 2
        n = 3
        damaged = { s1 = "signature", s2 = "signature", s3 = "signature" }
        final-read = false
        [[workload.op]]
        read = { check = true }
        "#;
    let report = run(&scenario("1.5.0", text), 0);
    assert_eq!((outcomes(&report), last_map(&report)), (vec![("not-enough-shares", 1)], [0, 0, 0]));
}

#[test]
fn damaged_shares_are_replaced_by_the_next_publish() {
    let text = r#"
        [flow-config]
        servers = 3
        k = 2
        n = 3
        placement = { s1 = [0], s2 = [1], s3 = [2] }
        damaged = { s1 = "signature" }
        [[workload.op]]
        overwrite = { bytes = 50 }
        "#;
    for variant in ["1.5.0", "1.6.0", "correct"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!((outcomes(&report), count(&report, "wrote")), (vec![("ok", 2)], 3), "{variant}");
        assert_eq!(failures(&report), [] as [&str; 0], "{variant}");
    }
}

#[test]
fn a_version_that_was_overwritten_since_the_map_cannot_be_fetched_with_it() {
    let text = r#"
        [flow-config]
        servers = 10
        k = 3
        n = 10
        response-cache = false
        readers = 0
        writers = 2
        [[workload.op]]
        keep-map = {}
        [[workload.op]]
        overwrite = { by = 1, bytes = 40 }
        [[workload.op]]
        fetch = {}
        "#;
    for variant in ["1.5.0", "1.6.0", "correct"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!(outcomes(&report), [("not-enough-shares", 1), ("ok", 2)], "{variant}");
    }
}

#[test]
fn a_large_text_takes_a_second_round_trip_and_comes_back_whole() {
    let text = r#"
        [flow-config]
        servers = 5
        k = 2
        n = 5
        [[workload.op]]
        overwrite = { bytes = 20000 }
        [[workload.op]]
        read = {}
        [[workload.op]]
        overwrite = { bytes = 0 }
        [[workload.op]]
        read = {}
        "#;
    for variant in ["1.5.0", "correct"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!((outcomes(&report), failures(&report)), (vec![("ok", 5)], vec![]), "{variant}");
    }
}

#[test]
fn a_reference_that_dies_under_a_fetch_breaks_the_releases_walk_and_not_the_corrected_one() {
    let text = r#"
        [flow-config]
        servers = 5
        k = 3
        n = 5
        placement = { s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4] }
        response-cache = false
        final-read = false
        dead-answers = "inline"
        [[workload.op]]
        read = {}
        [faults]
        "publish/dead-reference" = { pin = "yes", actors = ["reader->s1"] }
        "#;
    for variant in ["1.5.0", "1.6.0"] {
        let report = run(&scenario(variant, text), 0);
        assert_eq!(outcomes(&report), [("other", 1)], "{variant}");
        assert_eq!(failures(&report), ["one-outcome: unexpected error"], "{variant}");
    }
    let report = run(&scenario("correct", text), 0);
    assert_eq!((outcomes(&report), failures(&report)), (vec![("ok", 1)], vec![]));
}
