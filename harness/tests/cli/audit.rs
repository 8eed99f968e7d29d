//! `audit`: a run that depends on where it is executed is found, and told which step.

use crate::program::{Bench, Test};

pub const TESTS: &[Test] = &[
    ("audit::what_is_the_same_everywhere_passes", what_is_the_same_everywhere_passes),
    ("audit::a_counter_of_the_process_is_found", a_counter_of_the_process_is_found),
    ("audit::a_death_names_its_seeds", a_death_names_its_seeds),
];

const HOLDS: &str = "[expect]\nholds = true\n";
const FILE: &str = "scenarios/double/x.toml";

fn what_is_the_same_everywhere_passes() {
    let bench = Bench::new("audit-fine").scenario("x", HOLDS);
    let said = bench.run(&["audit", FILE, "--seeds", "0..5"]);
    let lines: Vec<&str> = said.exits(0).out.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "ok    double/x  alone in a process: 5 of 5 seeds identical");
}

/// Two seeds read one counter of the process: each alone sees its first value, so does the second execution.
/// Only in company it differs.
fn a_counter_of_the_process_is_found() {
    let bench = Bench::new("audit-counter").scenario("x", &format!("flow-config = {{ flaky-at = [2, 4] }}\n{HOLDS}"));
    let said = bench.run(&["audit", FILE, "--seeds", "0..6", "--format", "json"]);
    let lines = said.exits(4).out.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<serde_json::Value> = lines.collect();
    assert_eq!((&lines[0]["surrounding"], &lines[0]["identical"]), (&"alone".into(), &6.into()));
    assert_eq!((&lines[1]["surrounding"], &lines[1]["identical"]), (&"after-others".into(), &5.into()));
    assert_eq!((&lines[1]["first"]["seed"], &lines[1]["first"]["step"]), (&"4".into(), &5.into()));
}

fn a_death_names_its_seeds() {
    let bench = Bench::new("audit-death").scenario("x", &format!("flow-config = {{ aborts-at = [3] }}\n{HOLDS}"));
    let said = bench.run(&["audit", FILE, "--seeds", "0..6"]);
    assert!(said.exits(5).err.contains("seeds 3, alone in a process"), "{}", said.err);
}
