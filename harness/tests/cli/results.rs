//! What `run`, `replay` and `list` say about the test double.

use std::fs;

use crate::program::{Bench, Test, snapshot};

pub const TESTS: &[Test] = &[
    ("run_prints_a_table_and_a_card_for_each_surprise", run_prints_a_table_and_a_card_for_each_surprise),
    ("run_gives_one_json_object_per_scenario", run_gives_one_json_object_per_scenario),
    ("the_number_of_jobs_changes_no_byte", the_number_of_jobs_changes_no_byte),
    ("a_pasted_line_shows_the_failure_again", a_pasted_line_shows_the_failure_again),
    ("replay_shows_one_seed", replay_shows_one_seed),
    ("a_run_written_as_a_plan_can_be_followed", a_run_written_as_a_plan_can_be_followed),
    ("regressions_run_first", regressions_run_first),
    ("fail_fast_stops_after_a_surprise", fail_fast_stops_after_a_surprise),
    ("list_names_everything", list_names_everything),
    ("seeds_can_be_chosen", seeds_can_be_chosen),
];

const UNSAFE: &str = "flow-config = { unsafe-at = [9, 30] }\n[expect]\nviolates = \"safe\"\n";

fn bench(name: &str) -> Bench {
    Bench::new(name)
        .scenario("known", UNSAFE)
        .scenario("quiet", "[budget]\nseeds = { run = 100 }\n[expect]\nholds = true\n")
        .scenario("surprise", "flow-config = { unsafe-at = [12] }\n[expect]\nholds = true\n")
        .scenario(
            "vacuous",
            "[budget]\nseeds = { run = 50 }\n[faults]\n\"double/slumbers\" = 0.5\n[expect]\nholds = true\n",
        )
}

fn run_prints_a_table_and_a_card_for_each_surprise() {
    let said = bench("table").run(&["run"]);
    snapshot("run-table-and-cards", &said.exits(1).shown());
    assert!(!said.out.contains('\x1b'), "no colours outside a terminal");
    assert_eq!(said.err, "", "no progress bar outside a terminal");
}

fn run_gives_one_json_object_per_scenario() {
    let said = bench("json").run(&["--format", "json"]);
    snapshot("run-json", &said.exits(1).shown());
    for line in said.out.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is a JSON object");
    }
}

fn the_number_of_jobs_changes_no_byte() {
    let bench = bench("jobs");
    for format in ["text", "json"] {
        let alone = bench.run(&["run", "--format", format, "--jobs", "1"]);
        let many = bench.run(&["run", "--format", format, "--jobs", "7"]);
        assert_eq!(alone.out, many.out);
    }
}

fn a_pasted_line_shows_the_failure_again() {
    let bench = Bench::new("paste").scenario("it's new", "flow-config = { stuck-at = [5] }\n[expect]\nholds = true\n");
    let said = bench.run(&["run", "--variant", "1.0", "--set", "flow-config.unsafe-at=[2, 3]"]);
    let said = said.exits(1);
    let line = said.line("repro: ");
    assert!(line.contains("--seed 2 --trace full --variant 1.0"), "{line}");
    let again = bench.paste(line);
    assert_eq!(again.exits(1).line("determinism: "), said.line("determinism: "));
}

fn replay_shows_one_seed() {
    let bench = bench("replay");
    let file = "scenarios/double/known.toml";
    for mode in ["none", "card", "full"] {
        let said = bench.run(&["replay", file, "--seed", "9", "--trace", mode]);
        snapshot(&format!("replay-trace-{mode}"), &said.exits(0).shown());
    }
    let json = bench.run(&["replay", file, "--seed", "0x9", "--format", "json"]);
    snapshot("replay-json", &json.exits(0).shown());
    let holds = bench.run(&["replay", file, "--seed", "10"]);
    snapshot("replay-holds", &holds.exits(0).shown());
    let surprise = bench.run(&["replay", "scenarios/double/surprise.toml", "--seed", "12"]);
    assert!(surprise.exits(1).out.contains("expected: holds"), "{}", surprise.out);
}

fn a_run_written_as_a_plan_can_be_followed() {
    let bench = bench("plan");
    let plan = "scenarios/double/regressions/found.plan.toml";
    fs::create_dir_all(bench.path("scenarios/double/regressions")).expect("the target folder is writable");
    bench.run(&["replay", "scenarios/double/known.toml", "--seed", "9", "-o", plan]).exits(0);
    let followed = bench.run(&["replay", plan, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&followed.exits(0).out).expect("one object");
    assert_eq!(answer["invariant"], "safe");
    assert_eq!(answer["seed"], serde_json::Value::Null);
    assert_eq!(answer["anchored"], serde_json::json!([1, 1]));
    bench.run(&["replay", plan, "--variant", "correct"]).exits(0);

    let emptied = fs::read_to_string(bench.path(plan)).expect("it was written").replace("strikes", "slumbers");
    fs::write(bench.path(plan), emptied).expect("the target folder is writable");
    let surprise = bench.run(&["replay", plan]);
    assert!(surprise.exits(1).out.contains("not anchored: double/slumbers client #9 yes"), "{}", surprise.out);
}

fn regressions_run_first() {
    let bench = Bench::new("regressions").scenario("a", UNSAFE);
    fs::create_dir_all(bench.path("scenarios/double/regressions")).expect("the target folder is writable");
    let plan = "scenarios/double/regressions/z.plan.toml";
    bench.run(&["replay", "scenarios/double/a.toml", "--seed", "9", "-o", plan]).exits(0);
    let said = bench.run(&[]);
    let rows: Vec<&str> = said.exits(0).out.lines().filter(|line| line.starts_with("ok")).collect();
    assert!(rows[0].contains("double/z.plan") && rows[1].contains("double/a"), "{}", said.out);
    // What is set on the command line does not apply to plans, so they are left out, or refused by name.
    assert!(!bench.run(&["run", "--variant", "1.0"]).exits(0).out.contains("z.plan"));
    bench.run(&["run", plan, "--variant", "1.0"]).exits(2);
}

fn fail_fast_stops_after_a_surprise() {
    let said = bench("fail-fast").run(&["run", "--fail-fast"]);
    let said = said.exits(1);
    assert!(said.out.contains("2 as expected, 1 not, 1 not run (stopped)"), "{}", said.out);
}

fn list_names_everything() {
    let bench = bench("list").scenario("wrong", "[expect]\nviolates = \"saef\"\n");
    let said = bench.run(&["list"]);
    let (flows, rest) = said.exits(0).out.split_once("under every flow\n").expect("the engine has its part");
    let (engine, scenarios) = rest.split_once("\nscenarios\n").expect("scenarios have their part");
    assert!(engine.contains("no-panic"), "{engine}");
    let (double, _) = flows.split_once("flow asks-std").expect("flows are in order");
    snapshot("list-double", &format!("{double}scenarios\n{scenarios}"));
    for line in bench.run(&["list", "--format", "json"]).exits(0).out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is a JSON object");
        assert_eq!(line["v"], 1);
    }
}

fn seeds_can_be_chosen() {
    let bench = bench("seeds");
    let known = "scenarios/double/known.toml";
    let run = |arguments: &[&str]| {
        let said = bench.run(&[&["run", known, "--format", "json"], arguments].concat());
        serde_json::from_str::<serde_json::Value>(&said.out).expect("one object")
    };
    assert_eq!(run(&["--seeds", "20..40"])["first_failure"]["seed"], "30");
    let all = run(&["--keep-going", "--seeds", "0..=30"]);
    assert_eq!((&all["seeds"], &all["failures"]), (&31.into(), &2.into()));
    assert_eq!(run(&["--seeds", "31..40"])["verdict"], "holds");
    let timed = run(&["--for", "50ms", "--seeds", "31..40"]);
    assert_eq!((&timed["verdict"], &timed["seeds"]), (&"holds".into(), &9.into()));
}
