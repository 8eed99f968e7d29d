//! What is wrong with release 0.8.0, one short story per cause. `docs/mailbox.md` tells the mechanisms.

use super::*;

/// A cause, and operations after which it has come about. The faults are all off.
struct Finding {
    /// `invariant: cause`.
    shows: &'static str,
    /// The operations.
    story: &'static [&'static str],
}

const fn finding(shows: &'static str, story: &'static [&'static str]) -> Finding {
    Finding { shows, story }
}

const FINDINGS: &[Finding] = &[
    finding(
        "one-usage-row-each: nameplate without a usage row",
        &[r#"session = { side = "a", steps = ["allocate", "claim", "open", "close"] }"#],
    ),
    finding(
        "repeated-close-adds-no-usage: repeated close makes a ghost",
        &[
            r#"session = { side = "a", steps = ["open m", "close"] }"#,
            r#"session = { side = "a", steps = ["close m"] }"#,
        ],
    ),
    finding(
        "no-drop-without-reason: dropped a client with IntegrityError",
        &[
            r#"session = { app = "app", side = "a", steps = ["open m"] }"#,
            r#"session = { app = "zoo", side = "b", steps = ["open m"] }"#,
        ],
    ),
    finding(
        "two-sides-and-no-more: side crowded out of its own mailbox",
        &[
            r#"session = { side = "a", steps = ["open m"] }"#,
            r#"session = { side = "b", steps = ["open m"] }"#,
            r#"session = { side = "c", steps = ["open m"] }"#,
            r#"session = { side = "a", steps = ["open m"] }"#,
        ],
    ),
    finding(
        "refusal-changes-nothing: refused command changes rows",
        &[
            r#"session = { side = "a", steps = ["open m"] }"#,
            r#"session = { side = "b", steps = ["open m"] }"#,
            r#"session = { side = "c", steps = ["open m"] }"#,
        ],
    ),
    finding(
        "refusal-changes-nothing: refused command refreshes a mailbox",
        &[
            r#"session = { side = "a", steps = ["open m"] }"#,
            r#"session = { side = "b", steps = ["open m"] }"#,
            r#"session = { side = "c", steps = ["open m"] }"#,
            r#"session = { side = "c", steps = ["open m"] }"#,
        ],
    ),
    finding(
        "bound-app-is-registered: bound to a forgotten app object",
        &[
            r#"session = { side = "z", steps = ["allocate"] }"#,
            "kill = { seconds = 1 }",
            "wait = { seconds = 10 }",
            r#"session = { side = "a", steps = [] }"#,
            "wait = { seconds = 400 }",
        ],
    ),
    finding(
        "tick-spares-the-living: tick deletes a mailbox with a listener",
        &[
            r#"session = { side = "z", steps = ["allocate"] }"#,
            "kill = { seconds = 1 }",
            "wait = { seconds = 10 }",
            r#"session = { side = "a", steps = [] }"#,
            "wait = { seconds = 400 }",
            r#"continue = { of = 3, steps = ["open m"] }"#,
            "wait = { seconds = 1_300 }",
        ],
    ),
    finding(
        "mailbox-object-has-a-row: mailbox object without a row",
        &[r#"session = { side = "a", steps = ["open m", "leave"] }"#, "wait = { seconds = 1_300 }"],
    ),
    finding(
        "listening-side-is-open: listens without having the mailbox open",
        &[
            r#"session = { side = "b", steps = ["open m"] }"#,
            r#"session = { side = "a", steps = ["open m", "close"] }"#,
            r#"session = { side = "a", steps = ["open m"] }"#,
        ],
    ),
    finding(
        "bad-listener-harms-nobody: sender dropped for a bad listener",
        &[
            r#"session = { side = "b", steps = ["open m", "linger"] }"#,
            r#"session = { side = "a", steps = ["open m", "add"] }"#,
        ],
    ),
];

fn text(finding: &Finding, variant: &str) -> String {
    let operations: String = finding.story.iter().map(|operation| format!("[[workload.op]]\n{operation}\n")).collect();
    format!(
        r#"seedbed = 1
goal = "A story."
flow = "mailbox"
variant = "{variant}"
{operations}
[faults]
"net/latency" = 0
"disk/latency" = 0
"mailbox/pause" = 0
[budget]
virtual = "2h"
[expect]
holds = ["names-and-sides-are-unique"]
"#
    )
}

/// Claim: each story shows its cause on release 0.8.0, and nothing at all on the corrected server.
#[test]
fn each_story_shows_its_cause() {
    for finding in FINDINGS {
        let found = failures(&run(&text(finding, "0.8.0"), 1));
        assert!(found.iter().any(|failure| failure == finding.shows), "{}: {found:#?}", finding.shows);
        assert_eq!(failures(&run(&text(finding, "correct"), 1)), Vec::<String>::new(), "{}", finding.shows);
    }
}
