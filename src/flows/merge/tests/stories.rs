//! The incidents as wholes.

use super::*;

const FEED: &str = include_str!("../../../../scenarios/merge/feed-fails-open.toml");

/// Claim: one trace shows the incident from its cause to what people saw: the merge, the loss, the feed that answers with
/// everything at the next poll, and a page on which the tag is missing.
#[test]
fn symptoms_come_in_order() {
    let report = run(FEED, 7);
    assert_eq!(report.failure.as_ref().map(|failure| failure.invariant.as_str()), Some("feed-soundness"));
    assert_eq!(
        report.failure.as_ref().map(|failure| failure.cause.as_str()),
        Some("a tag that is gone narrows nothing")
    );
    let also: Vec<_> = report.also.iter().map(|failure| failure.invariant.as_str()).collect();
    assert!(["catalogue", "frame", "feed-across-merge"].iter().all(|id| also.contains(id)), "{also:?}");
    let on = FEED.replace("feed-soundness", "one-event-fewer");
    let report = run(&on, 7);
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

const LOST: &str = include_str!("../../../../scenarios/merge/lost-tag.toml");

/// Claim: nobody has to tell the story: where drawn operations make a merge lose a tag, the run that goes on shows the feed
/// failing open for it at the next poll, before anybody sees the loss on a page or without it.
#[test]
fn the_feed_follows_the_loss() {
    let text = LOST
        .replace("[expect]", "[checks]\ncatalogue = \"record\"\n[expect]")
        .replace("violates = \"catalogue\"", "holds = [\"one-event-fewer\"]");
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("minimal") && !line.starts_with("within"))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut followed = 0;
    for seed in 0..20 {
        let report = run(&text, seed);
        let trace = report.trace.as_ref().unwrap();
        let at = |mark: &str| {
            trace
                .events()
                .iter()
                .position(|event| event.header.kind.label == "mark" && trace.names().text(event.header.subject) == mark)
        };
        if let (Some(lost), Some(open)) = (at("tag-lost"), at("feed-fails-open-after-loss")) {
            assert!(lost < open, "seed {seed}");
            assert!(broken_in(&report).contains("catalogue"), "seed {seed}: {:?}", broken_in(&report));
            followed += 1;
        }
    }
    assert!(followed > 0, "no run in which the feed is asked for what was lost");
}

/// Claim: the same story loses nothing on the fixed release, and breaks nothing on the corrected one.
#[test]
fn other_variants_survive_the_incident() {
    let fixed = run(&FEED.replace("\"1.5.1\"", "\"1.5.2\""), 7);
    assert_eq!(fixed.sometimes.get("tag-lost"), None);
    let correct = run(&FEED.replace("\"1.5.1\"", "\"correct\""), 7);
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
    let report = run(text, 0);
    assert_eq!(failures(&report), [] as [&str; 0]);
    assert!(report.sometimes.contains_key("waited-for-a-lock"), "{:?}", report.sometimes);
    assert_eq!(report.outcomes.get("merged"), Some(&1), "{:?}", report.outcomes);
}
