//! What no client of this protocol can hold: for each reason why an invariant is not promised, the smallest case
//! in which the corrected client cannot keep it. The arguments are in `invariants/mod.rs`.

use super::*;

/// Violations of an invariant that the corrected client is excused for.
fn excused(text: &str, id: &str) -> u64 {
    let report = run(&scenario("correct", text), 0);
    assert_eq!(failures(&report), [] as [&str; 0], "{id}");
    report.invariants[id].unpromised
}

#[test]
fn a_second_copy_made_by_the_transport_is_refused_and_looks_like_a_refusal_of_oneself() {
    let text = r#"
        [flow-config]
        servers = 1
        k = 1
        n = 1
        [[workload.op]]
        overwrite = { bytes = 1 }
        [faults]
        "net/duplicate" = 1
        "#;
    assert_eq!(excused(text, "no-self-rejection"), 1);
}

#[test]
fn a_server_that_neither_answers_nor_disconnects_is_waited_for() {
    let text = r#"
        [flow-config]
        servers = 1
        k = 1
        n = 1
        readers = 0
        [[workload.op]]
        overwrite = { bytes = 1 }
        [faults]
        "publish/server-silent" = { pin = "ignores it" }
        "#;
    assert_eq!(excused(text, "publish-ends"), 1);
}

#[test]
fn a_share_that_a_server_loses_after_the_success_is_lost() {
    let text = r#"
        [flow-config]
        servers = 1
        k = 1
        n = 1
        placement = {}
        [[workload.op]]
        create = { bytes = 1 }
        [[workload.op]]
        read = { check = true }
        [faults]
        "publish/share-damage" = { pin = "share 0 is lost" }
        "#;
    assert!(excused(text, "read-back") > 0);
}
