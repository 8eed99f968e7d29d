//! The incident as a whole.

use super::*;

const PRUNE_LOOP: &str = include_str!("../../../../scenarios/mailbox/prune-loop.toml");

/// Claim: one trace shows every symptom the operators saw, in the order in which they come about.
#[test]
fn symptoms_come_in_order() {
    let report = run(&scenario(PRUNE_LOOP), 7, true);
    let trace = report.trace.as_ref().unwrap();
    let marks: Vec<_> = trace
        .events()
        .iter()
        .filter(|event| event.header.kind.label == "mark")
        .map(|event| trace.names().text(event.header.subject))
        .collect();
    assert_eq!(
        marks,
        [
            "foreign-key-failure",
            "mailbox-without-sides",
            "tick-raised",
            "timer-dead",
            "status-frozen",
            "long-names",
            "still-serving",
        ]
    );
    let failure = report.failure.as_ref().unwrap();
    assert_eq!(failure.invariant, "everything-expires");
}

/// Claim: the same story holds on the corrected server, and no timer dies on the fixed release.
#[test]
fn other_variants_survive_the_incident() {
    let correct = PRUNE_LOOP.replace("\"0.3.1\"", "\"correct\"");
    assert_eq!(failures(&run(&scenario(&correct), 7, false)), Vec::<String>::new());
    let fixed = run(&scenario(&PRUNE_LOOP.replace("\"0.3.1\"", "\"0.8.0\"")), 7, false);
    assert!(!fixed.sometimes.contains_key("timer-dead"), "{:?}", fixed.sometimes);
}
