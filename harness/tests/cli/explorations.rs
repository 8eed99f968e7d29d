//! `explore`, from outside.

use super::program::{Bench, Test, snapshot};

pub const TESTS: &[Test] = &[
    ("explore_counts_and_writes_a_plan", counts_and_writes_a_plan),
    ("explore_as_json", as_json),
    ("explore_faults", faults),
    ("explore_cut_short", cut_short),
    ("explore_wrong_usage", wrong_usage),
];

const ORDERS: &str = r#"
[flow-config]
clients = [{ server = 0, requests = 1 }, { server = 0, requests = 1 }, { server = 0, requests = 1, one-way = true }]
forbidden = [2, 1, 0]
[explore]
events = ["request", "reply"]
[expect]
violates = "no-forbidden-order"
"#;

const SLIPS: &str = r#"
[flow-config]
clients = [{ server = 0, requests = 3 }]
slides = 2
[expect]
holds = true
"#;

fn bench(name: &str, rest: &str) -> Bench {
    let head = "seedbed = 1\ngoal = \"A test.\"\nflow = \"toys\"\nvariant = \"1.0\"\n";
    Bench::new(name).file("scenarios/toys/x.toml", &format!("{head}{rest}"))
}

/// The schedules are counted, the first failing one becomes a plan, and following the plan shows the failure.
fn counts_and_writes_a_plan() {
    let bench = bench("explore-orders", ORDERS);
    let path = "scenarios/toys/x.toml";
    let said = bench.run_toys(&["explore", path, "--exhaustive", "-o", "first.plan.toml"]);
    said.exits(0);
    snapshot("explore-text", &said.shown());
    let plan = std::fs::read_to_string(bench.path("first.plan.toml")).expect("it was written");
    snapshot("explore-plan", &plan);
    let followed = bench.run_toys(&["replay", "first.plan.toml", "--format", "json"]);
    followed.exits(0);
    assert!(followed.out.contains("\"invariant\":\"no-forbidden-order\""), "{}", followed.out);
    let correct = bench.run_toys(&["explore", path, "--exhaustive", "--variant", "correct"]);
    correct.exits(1);
    assert!(correct.out.contains("no violation in any schedule"), "{}", correct.out);
}

fn as_json() {
    let bench = bench("explore-json", ORDERS);
    let path = "scenarios/toys/x.toml";
    let said = bench.run_toys(&["explore", path, "--exhaustive", "--format", "json", "--plan-dir", "plans"]);
    said.exits(0);
    let jobs =
        bench.run_toys(&["explore", path, "--exhaustive", "--format", "json", "--plan-dir", "plans", "--jobs", "1"]);
    assert_eq!(said.out, jobs.out);
    snapshot("explore-json", &said.shown());
    assert!(bench.path("plans/toys-x-1.0-no-forbidden-order.plan.toml").exists());
}

/// One fault is not enough for this failure, and a clean complete answer says so; two are.
fn faults() {
    let bench = bench("explore-faults", SLIPS);
    let arguments = ["explore", "scenarios/toys/x.toml", "--sites", "toys/slip,toys/slide", "--faults"];
    let one = bench.run_toys(&[&arguments[..], &["1"]].concat());
    one.exits(0);
    let two = bench.run_toys(&[&arguments[..], &["2"]].concat());
    two.exits(1);
    let json = bench.run_toys(&[&arguments[..], &["2", "--format", "json"]].concat());
    json.exits(1);
    snapshot("explore-faults", &[one.shown(), two.shown(), json.shown()].join("\n"));
}

/// A limit leaves the question open unless the answer was found before.
fn cut_short() {
    let bench = bench("explore-cut", ORDERS);
    let arguments = ["explore", "scenarios/toys/x.toml", "--exhaustive", "--max-schedules", "2"];
    let said = bench.run_toys(&arguments);
    said.exits(6);
    assert!(said.out.contains("2 schedules, not complete"), "{}", said.out);
}

fn wrong_usage() {
    let bench = bench("explore-wrong", ORDERS);
    let path = "scenarios/toys/x.toml";
    bench.run_toys(&["explore", path]).exits(2);
    bench.run_toys(&["explore", path, "--exhaustive", "--faults", "1"]).exits(2);
    bench.run_toys(&["explore", path, "--exhaustive", "-o", "plan.txt"]).exits(2);
    let said = bench.run_toys(&["explore", path, "--exhaustive", "--sites", "toys/slop"]);
    said.exits(2);
    assert!(said.err.contains("unknown site `toys/slop`"), "{}", said.err);
}
