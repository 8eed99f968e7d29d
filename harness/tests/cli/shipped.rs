//! The binary `seedbed` itself, with the flows that come with it.

use std::process::Command;

use crate::program::{Said, Test, snapshot};

pub const TESTS: &[Test] = &[
    ("the_version_names_the_host", the_version_names_the_host),
    ("help_teaches_with_examples", help_teaches_with_examples),
    ("the_ticket_reads_as_a_card", the_ticket_reads_as_a_card),
    ("the_ticket_reads_in_columns", the_ticket_reads_in_columns),
    ("the_ticket_is_one_json_object", the_ticket_is_one_json_object),
    ("the_incident_is_explained", the_incident_is_explained),
    ("a_replay_leaves_the_files_of_its_nodes", a_replay_leaves_the_files_of_its_nodes),
    ("everything_shipped_is_listed", everything_shipped_is_listed),
    ("runs_do_not_depend_on_their_company", runs_do_not_depend_on_their_company),
    ("the_reference_of_faults_is_up_to_date", the_reference_of_faults_is_up_to_date),
];

const MINIMAL: &str = "scenarios/publish/ticket-877-minimal.toml";

fn seedbed(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    Said::of(command.args(arguments).output().expect("the binary starts"))
}

fn the_version_names_the_host() {
    let host = if cfg!(madsim) { "madsim" } else { "none" };
    assert_eq!(seedbed(&["--version"]).exits(0).out, format!("seedbed {}\nhost: {host}\n", env!("CARGO_PKG_VERSION")));
}

fn help_teaches_with_examples() {
    for arguments in [&["--help"][..], &["run", "--help"], &["replay", "--help"]] {
        let said = seedbed(arguments);
        assert!(said.exits(0).out.contains("Examples:"), "{}", said.out);
    }
    assert!(!seedbed(&["--help"]).out.contains("worker"), "what people do not need is hidden");
}

fn the_ticket_reads_as_a_card() {
    let said = seedbed(&["replay", MINIMAL, "--seed", "0", "--trace", "card"]);
    snapshot("ticket-877-minimal-card", &said.exits(0).out);
}

fn the_ticket_reads_in_columns() {
    let said = seedbed(&["replay", MINIMAL, "--seed", "0", "--trace", "full"]);
    snapshot("ticket-877-minimal-trace", &said.exits(0).out);
}

fn the_ticket_is_one_json_object() {
    let said = seedbed(&["run", MINIMAL, "--format", "json"]);
    let host = if cfg!(madsim) { "madsim" } else { "none" };
    let line = said.exits(0).out.replace(&format!("\"host\":\"{host}\""), "\"host\":\"HOST\"");
    snapshot("ticket-877-minimal-run-json", &line);
}

/// The chain of causes leads from the deletions that a failed close left pending to the other client's commit.
fn the_incident_is_explained() {
    let plan = "scenarios/mailbox/regressions/published-by-another.plan.toml";
    let text = seedbed(&["explain", plan]).exits(0).out.clone();
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no `{words}` in\n{text}"));
    assert!(at("delete mailbox_sides") < at("command z"), "{text}");
    assert!(at("command z") < at(" published "), "{text}");
    assert!(text.contains("deviations: none"), "{text}");
}

/// What the incident has left behind, decoded by nothing that Seedbed has: offsets of the expunge file as they were,
/// and a cache that is shorter than the last one.
fn a_replay_leaves_the_files_of_its_nodes() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("dump");
    // It is there only if this test ran before.
    let _ = std::fs::remove_dir_all(&folder);
    let plan = "scenarios/sync/regressions/table.plan.toml";
    let path = folder.to_str().expect("the target folder is text");
    seedbed(&["replay", plan, "--dump", path]).exits(0);
    let file = |name: &str| std::fs::read(folder.join("replica/spool/user.a").join(name)).expect("it was written");
    let word = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (index, expunge, cache) = (file("cyrus.index"), file("cyrus.expunge"), file("cyrus.cache"));
    assert_eq!((word(&index, 8), word(&expunge, 8)), (10, 10), "minor versions");
    assert_eq!(index[..4], cache[..4], "generations");
    assert_ne!(expunge[..4], cache[..4], "generations");
    assert!(word(&expunge, 96 + 24) >= 4 && file("1.").starts_with(b"Subject: m0.0"));
    assert!(folder.join("master/spool/user.a/cyrus.header").exists());
}

fn everything_shipped_is_listed() {
    let said = seedbed(&["list"]);
    let host = if cfg!(madsim) { "madsim" } else { "none" };
    snapshot("list-shipped", &said.exits(0).out.replace(&format!("host: {host}"), "host: HOST"));
}

/// Real SQLite has one random generator per process, which the worlds of all threads share.
fn runs_do_not_depend_on_their_company() {
    for scenario in ["scenarios/publish/ticket-877.toml", "scenarios/mailbox/sweep-0.3.1.toml"] {
        let said = seedbed(&["audit", scenario, "--seeds", "0..3"]);
        assert_eq!(said.exits(0).out.matches("3 of 3 seeds identical").count(), 3, "{}", said.out);
    }
}

fn the_reference_of_faults_is_up_to_date() {
    let generated = seedbed(&["list", "--faults"]);
    let committed = include_str!("../../../docs/faults.md");
    let same = generated.exits(0).out == committed;
    assert!(same, "write it anew: cargo run -- list --faults > docs/faults.md");
}
