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
    ("everything_shipped_is_listed", everything_shipped_is_listed),
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

fn everything_shipped_is_listed() {
    let said = seedbed(&["list"]);
    let host = if cfg!(madsim) { "madsim" } else { "none" };
    snapshot("list-shipped", &said.exits(0).out.replace(&format!("host: {host}"), "host: HOST"));
}
