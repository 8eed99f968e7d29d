//! The incident as a whole.

use super::*;

const PRUNE_LOOP: &str = include_str!("../../../../scenarios/mailbox/prune-loop.toml");

/// The stories that need no luck, and the last thing that goes wrong in each.
const STORIES: &[(&str, &str)] = &[
    (include_str!("../../../../scenarios/mailbox/close-without-release.toml"), "status-row-is-fresh"),
    (include_str!("../../../../scenarios/mailbox/published-by-another.toml"), "mailbox-has-a-side"),
    (include_str!("../../../../scenarios/mailbox/close-again-and-again.toml"), "status-row-is-fresh"),
    (include_str!("../../../../scenarios/mailbox/one-never-releases.toml"), "status-row-is-fresh"),
    (include_str!("../../../../scenarios/mailbox/half-dead-connection.toml"), "status-row-is-fresh"),
    (include_str!("../../../../scenarios/mailbox/commit-fails-inside-claim.toml"), "status-row-is-fresh"),
    (include_str!("../../../../scenarios/mailbox/side-is-a-number.toml"), "status-row-is-fresh"),
    (include_str!("../../../../scenarios/mailbox/fixed-close-still-fails.toml"), "no-drop-without-reason"),
    (include_str!("../../../../scenarios/mailbox/message-without-mailbox.toml"), "message-has-its-mailbox"),
    (include_str!("../../../../scenarios/mailbox/one-app-starves-the-others.toml"), "faulty-mailbox-is-isolated"),
    (include_str!("../../../../scenarios/mailbox/status-write-kills-the-timer.toml"), "status-row-is-fresh"),
];

fn on_variant(text: &str, variant: &str) -> String {
    text.replace("\"0.3.1\"", &format!("\"{variant}\"")).replace("\"0.8.0\"", &format!("\"{variant}\""))
}

/// Claim: each story ends as it should whatever the seed, and on the corrected server nothing is wrong in any.
#[test]
fn stories_end_as_they_should() {
    for (text, invariant) in STORIES {
        for seed in [0, 7] {
            let report = run(text, seed);
            assert_eq!(report.failure.as_ref().map(|failure| failure.invariant.as_str()), Some(*invariant), "{text}");
            let (story, _) = text.split_once("[expect]").unwrap();
            let correct = on_variant(&format!("{story}[expect]\nholds = true\n"), "correct");
            assert_eq!(failures(&run(&correct, seed)), Vec::<String>::new(), "{text}");
        }
    }
}

/// Claim: monitoring probes beside a story change nothing about it.
#[test]
fn probes_change_nothing() {
    for (text, _) in STORIES {
        let watched = format!("{text}\n[flow-config]\nprobes = 2\n");
        let fingerprint = |report: RunReport| report.failure.map(|failure| failure.fingerprint());
        let (alone, watched) = (run(text, 3), run(&watched, 3));
        let answers = watched.trace.as_ref().unwrap().events();
        let answers = answers.iter().filter(|event| event.header.kind.label == "probe").count();
        assert!(answers > 0 || watched.steps < 60, "the probes look");
        assert_eq!(fingerprint(watched), fingerprint(alone), "{text}");
    }
}

/// Claim: one trace shows every symptom the operators saw, in the order in which they come about.
#[test]
fn symptoms_come_in_order() {
    let report = run(PRUNE_LOOP, 7);
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
    assert_eq!(failures(&run(&correct, 7)), Vec::<String>::new());
    let fixed = run(&PRUNE_LOOP.replace("\"0.3.1\"", "\"0.8.0\""), 7);
    assert!(!fixed.sometimes.contains_key("timer-dead"), "{:?}", fixed.sometimes);
}

/// Claim: standing still in the disk while the timer is due breaks no promise; a timer that does not come back does.
#[test]
fn a_slow_disk_is_no_dead_timer() {
    let slow = include_str!("../../../../scenarios/mailbox/slow-disk.toml");
    assert_eq!(failures(&run(slow, 1)), Vec::<String>::new());
    let dying = r#"seedbed = 1
goal = "A side that is a number, and a slow disk."
flow = "mailbox"
variant = "0.3.1"
[[workload.op]]
wait = { seconds = 60 }
[[workload.op]]
session = { unbound = true, steps = [
  'say {"type": "bind", "appid": "app", "side": 3}',
  'say {"type": "open", "mailbox": "zz"}',
] }
[[workload.op]]
wait = { seconds = 60 }
[[workload.op]]
session = { side = "z", steps = ["open m", "leave"] }
[[workload.op]]
wait = { seconds = 2_000 }
[faults]
"net/latency" = 0
"mailbox/pause" = 0
"disk/latency" = { pin = "2s", actors = ["server:usage.sqlite-journal"] }
[budget]
virtual = "2h"
[expect]
violates = "status-row-is-fresh"
"#;
    let failure = run(dying, 1).failure.map(|failure| failure.invariant);
    assert_eq!(failure.as_deref(), Some("status-row-is-fresh"));
}
