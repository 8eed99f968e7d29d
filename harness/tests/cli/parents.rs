//! Mutations that go back to stored plans: which plans, and that what they find can be executed again.

use serde_json::Value;

use super::program::{Bench, Test};

pub const TESTS: &[Test] = &[
    ("parents::stored_plans_are_gone_back_to", stored_plans_are_gone_back_to),
    ("parents::plans_that_do_not_fit", plans_that_do_not_fit),
];

const PATH: &str = "scenarios/toys/x.toml";
const NEAR: &str = "scenarios/toys/regressions/near.plan.toml";

/// Seven slips of twenty at one in fifty: nothing that a sweep meets.
const SCENARIO: &str = "seedbed = 1\ngoal = \"A test.\"\nflow = \"toys\"\nvariant = \"1.0\"\n\
    flow-config = { clients = [{ requests = 20 }], slips-max = 6 }\n[faults]\n\"toys/slip\" = 0.02\n\
    [budget]\nseeds = { run = 1_000 }\n[expect]\nviolates = \"sure-footed\"\n";

/// A plan of that scenario with so many slips, in a smaller configuration.
fn plan(slips: u64, head: &str) -> String {
    let slip = |n| format!("{{ site = \"toys/slip\", actor = \"s0\", n = {n}, value = \"yes\" }}");
    let slips: Vec<String> = (0..slips).map(slip).collect();
    format!(
        "seedbed = 1\nscenario = \"toys/x\"\nflow = \"toys\"\nvariant = \"1.0\"\n\
         operations = []\ndeviations = [{}]\n{head}[expect]\nviolates = \"sure-footed\"\n\
         [flow-config]\nclients = [{{ requests = 14 }}]\nslips-max = 6\n",
        slips.join(", ")
    )
}

fn bench(name: &str) -> Bench {
    let elsewhere = plan(6, "").replace("toys/x", "toys/y");
    Bench::new(name)
        .file(PATH, SCENARIO)
        .file(NEAR, &plan(6, "holds-on = [\"1.0\"]\n"))
        // It has another configuration and is of another scenario, so nobody goes back to it unless told.
        .file("scenarios/toys/regressions/elsewhere.plan.toml", &elsewhere)
}

/// What a sweep does not find alone, it finds from a plan that nearly fails, when asked to go back to it: in threads as in
/// processes. What it names is the same run again, in the plan's configuration, and shrinks.
fn stored_plans_are_gone_back_to() {
    let bench = bench("stored-plans");
    let run = ["run", PATH, "--strategy", "mutation", "--format", "json"];
    let alone = bench.run_toys(&run);
    assert!(alone.exits(1).out.contains("\"first_failure\":null"), "{}", alone.out);
    let found = bench.run_toys(&[&run[..], &["--plans"]].concat());
    let apart = bench.run_toys(&[&run[..], &["--plans", "--isolate", "--jobs", "3"]].concat());
    assert_eq!(found.exits(0).out, apart.exits(0).out);
    let line: Value = serde_json::from_str(&found.out).expect("one object");
    let first = &line["first_failure"];
    let parents: Vec<&str> = first["parents"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(parents.first(), Some(&NEAR), "{line}");
    let (seed, parents) = (first["seed"].as_str().expect("a seed"), parents.join(","));
    let one = ["--seed", seed, "--parents", &parents, "--strategy", "mutation", "--format", "json"];
    let again = bench.run_toys(&[&["replay", PATH], &one[..]].concat());
    let again: Value = serde_json::from_str(&again.exits(0).out).expect("one object");
    for key in ["step", "invariant", "cause"] {
        assert_eq!(again[key], first[key], "{again}\n{line}");
    }
    let shrunk = bench.run_toys(&[&["shrink", PATH, "-o", "small.plan.toml"], &one[..]].concat());
    shrunk.exits(0);
    let small = std::fs::read_to_string(bench.path("small.plan.toml")).expect("it was written");
    assert!(small.contains("requests = 14") && small.matches("toys/slip").count() == 7, "{small}");
    bench.run_toys(&["replay", "small.plan.toml"]).exits(0);
}

/// A plan that is named has to be there, to be one, and to fit the scenario.
fn plans_that_do_not_fit() {
    let contract = plan(6, "[contract]\ndisk = \"ordered\"\n");
    let bench = bench("plans-that-do-not-fit").file("other.plan.toml", &contract);
    let said = |parents: &str| {
        let said = bench.run_toys(&["replay", PATH, "--strategy", "mutation", "--seed", "3", "--parents", parents]);
        said.exits(2);
        said.err
    };
    assert!(said("nowhere.plan.toml,4").contains("nowhere.plan.toml"));
    assert!(said("scenarios/toys/x.toml").contains("neither a seed nor a plan"));
    assert!(said("other.plan.toml").contains("it has another [contract]"));
    assert!(said("4,other.plan.toml").contains("search.parents"));
    let elsewhere = "scenarios/toys/regressions/elsewhere.plan.toml";
    bench.run_toys(&["replay", PATH, "--strategy", "mutation", "--seed", "3", "--parents", elsewhere]).exits(0);
}
