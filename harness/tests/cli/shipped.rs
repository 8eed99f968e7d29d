//! The binary `seedbed` itself, with the flows that come with it.

use std::process::Command;

use crate::program::{Said, Test};

pub const TESTS: &[Test] = &[
    ("the_version_names_the_host", the_version_names_the_host),
    ("help_teaches_with_examples", help_teaches_with_examples),
];

fn seedbed(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
    Said::of(command.args(arguments).output().expect("the binary starts"))
}

fn the_version_names_the_host() {
    let host = if cfg!(madsim) { "madsim" } else { "none" };
    assert_eq!(
        seedbed(&["--version"]).exits(0).out,
        format!("seedbed {}\nhost: {host}\n", env!("CARGO_PKG_VERSION"))
    );
}

fn help_teaches_with_examples() {
    for arguments in [&["--help"][..], &["run", "--help"], &["replay", "--help"]] {
        let said = seedbed(arguments);
        assert!(said.exits(0).out.contains("Examples:"), "{}", said.out);
    }
    assert!(
        !seedbed(&["--help"]).out.contains("worker"),
        "what people do not need is hidden"
    );
}
