//! The incidents as wholes.

use super::*;

const FEED: &str = include_str!("../../../../scenarios/merge/feed-fails-open.toml");

/// Claim: one trace shows the incident from its cause to what people saw: the merge, the loss, the feed that answers with
/// everything at the next poll, and a page on which the tag is missing.
#[test]
fn symptoms_come_in_order() {
    let report = run(&scenario(FEED), 7, false);
    assert_eq!(report.failure.as_ref().map(|failure| failure.invariant.as_str()), Some("feed-soundness"));
    assert_eq!(
        report.failure.as_ref().map(|failure| failure.cause.as_str()),
        Some("a tag that is gone narrows nothing")
    );
    let also: Vec<_> = report.also.iter().map(|failure| failure.invariant.as_str()).collect();
    assert!(also.contains(&"catalogue") && also.contains(&"frame"), "{also:?}");
    let on = FEED.replace("feed-soundness", "one-event-fewer");
    let report = run(&scenario(&on), 7, true);
    let trace = report.trace.as_ref().unwrap();
    let marks = trace.events().iter().filter(|event| event.header.kind.label == "mark");
    let mut marks: Vec<_> = marks.map(|event| trace.names().text(event.header.subject)).collect();
    marks.dedup();
    let expected = ["merged", "tag-lost", "feed-fails-open", "feed-fails-open-after-loss", "loss-seen-on-a-page"];
    let mut seen = marks.iter();
    for mark in expected {
        assert!(seen.any(|found| *found == mark), "{mark} is not there, or too early: {marks:?}");
    }
}

/// Claim: the same story loses nothing on the fixed release, and breaks nothing on the corrected one.
#[test]
fn other_variants_survive_the_incident() {
    let fixed = run(&scenario(&FEED.replace("\"1.5.1\"", "\"1.5.2\"")), 7, false);
    assert_eq!(fixed.sometimes.get("tag-lost"), None);
    let correct = run(&scenario(&FEED.replace("\"1.5.1\"", "\"correct\"")), 7, false);
    assert_eq!(failures(&correct), [] as [&str; 0]);
    assert_eq!(correct.outcomes.get("merged"), Some(&1));
}

/// Claim: with one worker's transaction open, the other waits for the lock instead of failing at once, and both end.
#[test]
fn workers_wait_for_each_other() {
    let text = r#"
seedbed = 1
goal = "Two people act at the same moment."
flow = "merge"
variant = "correct"
[flow-config]
may-crash = false
[[workload.op]]
merge = { with-next = true }
[[workload.op]]
edit = { event = "C", notes = "new" }
[faults]
profile = "quiet"
"net/latency" = 0
[expect]
holds = true
"#;
    let report = run(&scenario(text), 0, false);
    assert_eq!(failures(&report), [] as [&str; 0]);
    assert!(report.sometimes.contains_key("waited-for-a-lock"), "{:?}", report.sometimes);
    assert_eq!(report.outcomes.get("merged"), Some(&1), "{:?}", report.outcomes);
}
