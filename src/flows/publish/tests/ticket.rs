//! Ticket 877, its fix, and everything near it.

use super::*;

/// Three of ten shares on eleven servers, share 2 on two of them; the walk visits `s1` to `s11` in order.
fn ticket(pinned: &str) -> String {
    format!(
        r#"
        [flow-config]
        servers = 11
        k = 3
        n = 10
        placement = {{ s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4], s6 = [5], s7 = [6], s8 = [7], s9 = [8], s10 = [9], s11 = [2] }}
        walk = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"]
        readers = 0
        {pinned}
        [[workload.op]]
        overwrite = {{ bytes = 64 }}
        "#
    )
}

/// Three servers, two shares: s1 holds share 0, s2 share 1, s3 nothing.
fn minimal(k: u8, pinned: &str) -> String {
    format!(
        r#"
        [flow-config]
        servers = 3
        k = {k}
        n = 2
        placement = {{ s1 = [0], s2 = [1], s3 = [] }}
        readers = 0
        {pinned}
        [[workload.op]]
        overwrite = {{ bytes = 64 }}
        [faults]
        "publish/file" = {{ pin = "{file}" }}
        "#,
        file = file_visited_in_order(3),
    )
}

const MINIMAL_INLINE: &str = r#"dead = ["s1"]
walk = ["s1", "s2", "s3"]
dead-answers = "inline""#;

#[test]
fn with_the_third_of_eleven_dead_the_release_writes_19_times_of_which_8_are_duplicates() {
    let scenario = scenario("1.5.0", &ticket("dead = [\"s3\"]\ndead-answers = \"inline\""));
    let report = run(&scenario, 0);
    assert_eq!((count(&report, "store"), count(&report, "wrote"), count(&report, "refused")), (19, 10, 8));
    assert_eq!(
        failures(&report),
        [
            "no-duplicate-in-flight: sent twice",
            "no-nested-loop: nested",
            "no-self-rejection: own write refused",
            "ucwe-is-earned: self"
        ]
    );
    assert_eq!(outcomes(&report), [("ucwe", 1)]);
}

#[test]
fn a_dead_server_at_position_p_costs_the_release_22_minus_p_writes_and_the_fix_11() {
    for position in 1..=11 {
        // Share 2 is on s3 and s11, so one of these two may die without a share to be moved; the dead one is
        // brought to each position of the walk in turn.
        let mut walk: Vec<String> =
            (1..=11).filter(|server| *server != 3).map(|server| format!("\"s{server}\"")).collect();
        walk.insert(position - 1, "\"s3\"".to_owned());
        let text = ticket("dead = [\"s3\"]\ndead-answers = \"inline\"").replace(
            r#"walk = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"]"#,
            &format!("walk = [{}]", walk.join(", ")),
        );
        let released = run(&scenario("1.5.0", &text), 1);
        assert_eq!(count(&released, "store"), 22 - position, "position {position}");
        assert_eq!(count(&released, "refused"), 11 - position, "position {position}");
        if position < 10 {
            assert_eq!(outcomes(&released), [("ucwe", 1)], "position {position}");
        }
        let fixed = run(&scenario("1.6.0", &text), 1);
        assert_eq!((count(&fixed, "store"), count(&fixed, "refused")), (11, 0), "position {position}");
        assert_eq!(outcomes(&fixed), [("ok", 1)], "position {position}");
        assert_eq!(failures(&fixed), [] as [&str; 0], "position {position}");
    }
}

#[test]
fn m_dead_servers_at_the_head_make_m_plus_1_copies_of_everything_behind_them() {
    for dead in 1..=5_usize {
        let names: Vec<String> = (1..=dead).map(|server| format!("\"s{server}\"")).collect();
        let pinned = format!("dead = [{}]\ndead-answers = \"inline\"", names.join(", "));
        let report = run(&scenario("1.5.0", &ticket(&pinned)), 0);
        let copies = report.trace.as_ref().unwrap().events().iter().filter(|event| {
            let trace = report.trace.as_ref().unwrap();
            event.header.kind.label == "store" && trace.names().text(event.header.subject) == "s10"
        });
        assert_eq!(copies.count(), dead + 1);
        let fixed = run(&scenario("1.6.0", &ticket(&pinned)), 0);
        assert_eq!(outcomes(&fixed), [("ok", 1)]);
        assert_eq!(count(&fixed, "refused"), 0);
    }
}

#[test]
fn three_servers_and_two_shares_are_enough_and_whether_it_shows_depends_on_the_order_of_answers() {
    for k in [1, 2] {
        let released = tally(&scenario("1.5.0", &minimal(k, MINIMAL_INLINE)), 60, run_shuffled);
        assert_eq!(released.keys().collect::<Vec<_>>(), ["ok", "ucwe"], "k = {k}: {released:?}");
        let fixed = tally(&scenario("1.6.0", &minimal(k, MINIMAL_INLINE)), 60, run_shuffled);
        assert_eq!(fixed, BTreeMap::from([("ok".to_owned(), 60)]), "k = {k}");
    }
}

#[test]
fn the_dead_server_must_come_first_and_two_servers_can_never_show_it() {
    let last = MINIMAL_INLINE.replace(r#"["s1", "s2", "s3"]"#, r#"["s2", "s1", "s3"]"#);
    let report = run(&scenario("1.5.0", &minimal(2, &last)), 0);
    assert_eq!((count(&report, "refused"), outcomes(&report)), (0, vec![("ok", 1)]));
    let two = minimal(1, MINIMAL_INLINE)
        .replace("servers = 3", "servers = 2")
        .replace(", s3 = []", "")
        .replace(r#", "s3""#, "")
        .replace(&file_visited_in_order(3).to_string(), "0");
    let outcomes = tally(&scenario("1.5.0", &two), 40, run_shuffled);
    assert_eq!(outcomes, BTreeMap::from([("ok".to_owned(), 40)]));
}

#[test]
fn the_same_fault_told_a_turn_later_harms_neither_release() {
    let later = MINIMAL_INLINE.replace("inline", "eventual");
    for variant in ["1.5.0", "1.6.0"] {
        let scenario = scenario(variant, &minimal(2, &later));
        assert_eq!(tally(&scenario, 40, run_shuffled), BTreeMap::from([("ok".to_owned(), 40)]), "{variant}");
        assert_eq!(failures(&run(&scenario, 0)), [] as [&str; 0]);
    }
}

#[test]
fn the_other_patches_are_clean_and_one_is_clean_in_its_outcome_only() {
    for variant in ["1.5.0+loop-guard", "1.5.0+recheck-before-send", "correct"] {
        let scenario = scenario(variant, &minimal(2, MINIMAL_INLINE));
        assert_eq!(tally(&scenario, 40, run_shuffled), BTreeMap::from([("ok".to_owned(), 40)]), "{variant}");
        assert_eq!(count(&run(&scenario, 0), "refused"), 0, "{variant}");
    }
    let scenario = scenario("1.5.0+same-version-is-placed", &minimal(2, MINIMAL_INLINE));
    assert_eq!(tally(&scenario, 40, run_shuffled), BTreeMap::from([("ok".to_owned(), 40)]));
    let report = run(&scenario, 0);
    assert_eq!((count(&report, "store"), count(&report, "refused")), (4, 1));
}

#[test]
fn marking_the_whole_wave_first_is_worse_than_the_bug() {
    let text = r#"
        [flow-config]
        servers = 3
        k = 2
        n = 3
        placement = { s1 = [0], s2 = [1], s3 = [2] }
        readers = 0
        dead = ["s1"]
        dead-answers = "inline"
        walk = ["s1", "s2", "s3"]
        [[workload.op]]
        overwrite = { bytes = 64 }
        "#;
    let worse = scenario("1.5.0+mark-wave-first", text);
    assert_eq!(tally(&worse, 40, run_shuffled), BTreeMap::from([("ucwe".to_owned(), 40)]));
    let report = run(&worse, 0);
    assert_eq!(count(&report, "refused"), 0, "nothing is sent twice");
    assert!(failures(&report).contains(&"ucwe-is-earned: own-update-pending".to_owned()), "{:?}", failures(&report));
    assert!(tally(&scenario("1.5.0", text), 40, run_shuffled).contains_key("ok"));
}

#[test]
fn modify_hits_the_same_trap_on_every_attempt_while_the_text_grows() {
    for position in 1..=4_usize {
        let mut walk = vec!["\"s2\"", "\"s3\"", "\"s4\"", "\"s5\""];
        walk.insert(position - 1, "\"s1\"");
        let text = format!(
            r#"
            [flow-config]
            servers = 5
            k = 2
            n = 5
            placement = {{ s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4] }}
            readers = 0
            dead = ["s1"]
            dead-answers = "inline"
            walk = [{}]
            [[workload.op]]
            modify = {{ bytes = 10 }}
            [faults]
            "net/latency" = {{ pin = "50ms", actors = ["client->s2"] }}
            "#,
            walk.join(", ")
        );
        let released = run(&scenario("1.5.0", &text), 0);
        assert_eq!(outcomes(&released), [("ucwe", 1)], "position {position}");
        let trace = released.trace.as_ref().unwrap();
        for seqnum in 2..=5 {
            let writes = |event: &&crate::trace::Event| trace.text(event).ends_with(&format!("of #{seqnum}"));
            assert!(trace.events().iter().any(|event| writes(&event)), "position {position}: nothing is #{seqnum}");
        }
        assert_eq!(outcomes(&run(&scenario("1.6.0", &text), 0)), [("ok", 1)], "position {position}");
    }
}

#[test]
fn success_on_the_callers_stack_is_as_good_a_trigger_as_failure() {
    let text = |servers: &str| {
        format!(
            r#"
            [flow-config]
            servers = 5
            k = 2
            n = 5
            placement = {{ s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4] }}
            readers = 0
            dead-answers = "inline"
            walk = ["s1", "s2", "s3", "s4", "s5"]
            [[workload.op]]
            overwrite = {{ bytes = 64 }}
            [faults]
            "publish/answered-at-once" = {{ pin = "yes", actors = [{servers}] }}
            "#
        )
    };
    let actors = |servers: &[u8]| {
        let names: Vec<String> = servers.iter().map(|server| format!("\"client->s{server}:write\"")).collect();
        names.join(", ")
    };
    let all = run(&scenario("1.5.0", &text(&actors(&[1, 2, 3, 4, 5]))), 0);
    assert_eq!((count(&all, "store"), outcomes(&all)), (15, vec![("ok", 1)]));
    for slow in 1..=5_u8 {
        let fast: Vec<u8> = (1..=5).filter(|server| *server != slow).collect();
        let one_slow = run(&scenario("1.5.0", &text(&actors(&fast))), 0);
        assert!((11..=15).contains(&count(&one_slow, "store")), "slow {slow}: {}", count(&one_slow, "store"));
        assert_eq!(outcomes(&one_slow), [("ucwe", 1)], "slow {slow}");
        let fixed = run(&scenario("1.6.0", &text(&actors(&fast))), 0);
        assert_eq!((count(&fixed, "store"), outcomes(&fixed)), (5, vec![("ok", 1)]), "slow {slow}");
    }
}
