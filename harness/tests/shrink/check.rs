//! Scenarios as plain tests: what a developer sees when one fails.

use std::panic::catch_unwind;

use seedbed::run::erased;
use seedbed::scenario::read_plan;
use seedbed_harness::shrink::Case;
use seedbed_harness::{REPLAY, check};

use crate::runs::{catalogue, fingerprint, follow};
use crate::toy::{TWICE, Toy};

fn text(variant: &str, expect: &str) -> String {
    format!(
        "seedbed = 1\ngoal = \"A test.\"\nflow = \"toy\"\nvariant = \"{variant}\"\n[workload]\noperations = 6\n\
         [faults]\n\"net/cut\" = 0.05\n[expect]\n{expect}\n"
    )
}

/// What a check panics with; empty if it does not.
fn complaint(variant: &str, expect: &str) -> String {
    let text = text(variant, expect);
    let Err(panic) = catch_unwind(|| check(erased::<Toy>(), &text)) else {
        return String::new();
    };
    panic.downcast_ref::<String>().expect("it panics with a text").clone()
}

#[test]
fn what_is_as_expected_passes() {
    assert_eq!(complaint("correct", "holds = true"), "");
    assert_eq!(complaint("1.0", "violates = \"books-balance\""), "");
    let minimal = "violates = \"books-balance\"\nminimal = { operations = 1, deviations = 1 }";
    assert_eq!(complaint("1.0", minimal), "");
}

#[test]
fn a_failure_is_shrunk_and_its_plan_can_be_followed() {
    let said = complaint("1.0", "holds = true");
    assert!(said.contains("sold twice"), "{said}");
    assert!(said.contains("-> 1 operations"), "{said}");
    let line = |start: &str| {
        let mut lines = said.lines().filter_map(|line| line.strip_prefix(start));
        lines.next().unwrap_or_else(|| panic!("no line starts with {start:?} in {said}"))
    };
    let plan = line("plan: ");
    let repro = line("repro: ");
    assert!(repro.starts_with(&format!("SEEDBED_REPLAY={plan} cargo test")), "{repro}");
    assert!(repro.ends_with("a_failure_is_shrunk_and_its_plan_can_be_followed -- --exact --nocapture"), "{repro}");
    let flow = erased::<Toy>();
    let written = std::fs::read(plan).expect("the plan is there");
    let followed = read_plan(plan, &written, &catalogue(&*flow)).unwrap_or_else(|complaints| panic!("{complaints}"));
    let report = follow(&*flow, &followed.to_scenario(plan), &Case::of_plan(&followed));
    assert_eq!(fingerprint(&report).map(|failure| failure.cause).as_deref(), Some(TWICE));
}

/// The line to paste runs this test with a plan in the environment: it then shows every event of the plan's run.
#[test]
fn the_line_to_paste_shows_every_event() {
    if std::env::var_os(REPLAY).is_some() {
        return check(erased::<Toy>(), &text("1.0", "holds = true"));
    }
    let said = complaint("1.0", "holds = true");
    let plan = said.lines().find_map(|line| line.strip_prefix("plan: ")).expect("a plan");
    let test = std::env::current_exe().expect("this program has a path");
    let again = std::process::Command::new(test)
        .args(["check::the_line_to_paste_shows_every_event", "--exact", "--nocapture"])
        .env(REPLAY, plan)
        .output()
        .expect("it starts");
    let out = String::from_utf8_lossy(&again.stdout);
    assert!(!again.status.success());
    for words in ["cut shop-1->client before delivery", "anchored 1 of 1"] {
        assert!(out.contains(words), "{words} in {out}");
    }
    assert!(String::from_utf8_lossy(&again.stderr).contains("sold twice"));
}

/// With one thread all tests run on the main one, which bears no test's name: the line to paste names the test all
/// the same.
#[test]
fn the_line_to_paste_names_the_test_when_there_is_one_thread() {
    let test = std::env::current_exe().expect("this program has a path");
    let name = "check::a_failure_is_shrunk_and_its_plan_can_be_followed";
    let alone = std::process::Command::new(test).args([name, "--exact", "--test-threads=1"]).output();
    let alone = alone.expect("it starts");
    let out = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.success() && out.contains("1 passed"), "{out}");
}

#[test]
fn a_minimal_that_is_not_reached_fails() {
    let said = complaint("1.0", "violates = \"books-balance\"\nminimal = { operations = 0, deviations = 0 }");
    assert!(
        said.contains("shrinks to 1 operation, 1 deviation only; expect.minimal says 0 operations, 0 deviations"),
        "{said}"
    );
}

#[test]
fn what_never_fails_although_it_must_and_what_is_not_valid_is_said() {
    let said = complaint("correct", "violates = \"books-balance\"");
    assert!(said.contains("no seed violates it"), "{said}");
    let said = complaint("1.0", "violates = \"books-balence\"");
    assert!(said.contains("did you mean `books-balance`?"), "{said}");
    let missing = catch_unwind(|| check(erased::<Toy>(), "tests/no-such-file.toml"));
    assert!(missing.is_err());
}
