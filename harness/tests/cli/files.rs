//! Files and arguments that are wrong: the program says where and why, and runs nothing.

use crate::program::{Bench, Test};

pub const TESTS: &[Test] = &[
    ("check_names_all_errors_of_all_files", check_names_all_errors_of_all_files),
    ("wrong_arguments_are_explained", wrong_arguments_are_explained),
    ("a_wrong_file_keeps_everything_from_running", a_wrong_file_keeps_everything_from_running),
];

const HOLDS: &str = "[expect]\nholds = true\n";

fn check_names_all_errors_of_all_files() {
    let bench = Bench::new("check")
        .scenario("a", "[expect]\nviolates = \"saef\"\n")
        .scenario("b", "[fautls]\n")
        .scenario("c", HOLDS);
    let said = bench.run(&["check"]);
    let said = said.exits(2);
    for words in ["a.toml:6:12", "did you mean `safe`?", "b.toml:5:", "did you mean `faults`?", "2 of 3 files"] {
        assert!(said.err.contains(words), "{words} in {}", said.err);
    }
    let json = bench.run(&["check", "--format", "json"]);
    let lines: Vec<serde_json::Value> =
        json.exits(2).out.lines().map(|line| serde_json::from_str(line).expect("one object per file")).collect();
    assert_eq!((&lines[0]["ok"], &lines[0]["errors"][0]["line"]), (&false.into(), &6.into()));
    assert_eq!((&lines[2]["ok"], &lines[2]["v"]), (&true.into(), &1.into()));
    assert!(bench.run(&["check", "scenarios/double/c.toml"]).exits(0).out.contains("1 file is valid"));
}

fn wrong_arguments_are_explained() {
    let bench = Bench::new("arguments").scenario("good", HOLDS);
    let good = "scenarios/double/good.toml";
    for (arguments, words) in [
        (&["run", "scenarios/double/goood.toml"][..], "did you mean `scenarios/double/good.toml`?"),
        (&["run", good, "--seeds", "5..5"], "the range 5..5 is empty"),
        (&["run", good, "--seeds", "0..10", "--full"], "cannot be used with"),
        (&["run", good, "--variant", "corect"], "did you mean `correct`?"),
        (&["run", good, "--set", "budget.steps"], "write --set key=value"),
        (&["run", good, "--for", "soon"], "expected a positive duration"),
        (&["run", good, "--jobs", "0"], "0 is not in 1..=1024"),
        (&["replay", good], "add --seed N"),
        (&["replay", "scenarios/double/god.toml", "--seed", "1"], "did you mean `scenarios/double/good.toml`?"),
        (&["replay", good, "--seed", "x"], "`x` is not a seed"),
        (&["replay", good, "--seed", "1", "-o", "x.toml"], "ends with .plan.toml"),
        (&["replay", good, "--seed", "1", "--trace", "full", "--format", "json"], "without --format json"),
        (&["reply"], "reply"),
        (&["run", "."], "seedbed"),
    ] {
        let said = bench.run(arguments);
        if arguments != ["run", "."] {
            assert!(said.exits(2).err.contains(words), "{arguments:?}: {}", said.err);
        } else {
            said.exits(0);
        }
    }
}

fn a_wrong_file_keeps_everything_from_running() {
    let bench = Bench::new("wrong-file").scenario("a", HOLDS).scenario("b", "[expect]\nholds = 5\n");
    let said = bench.run(&[]);
    assert!(said.exits(2).err.contains("b.toml:6:"), "{}", said.err);
    assert_eq!(said.out, "");
    let elsewhere = Bench::new("no-scenarios");
    assert!(elsewhere.run(&[]).exits(2).err.contains("holds no scenario"));
}
