//! What `explain` says about runs whose reasons are known.

use serde_json::Value;

use crate::program::{Bench, Said, Test, snapshot};

pub const TESTS: &[Test] = &[
    (
        "explain_finds_the_bounds_of_an_operation_and_of_a_delay",
        explain_finds_the_bounds_of_an_operation_and_of_a_delay,
    ),
    ("explain_names_alternative_sets_of_deviations", explain_names_alternative_sets_of_deviations),
    (
        "explain_keeps_to_forty_lines_in_a_run_of_thousands_of_steps",
        explain_keeps_to_forty_lines_in_a_run_of_thousands_of_steps,
    ),
    ("explain_reduces_a_run_with_many_deviations", explain_reduces_a_run_with_many_deviations),
    ("explain_gives_the_same_bytes_whatever_the_jobs", explain_gives_the_same_bytes_whatever_the_jobs),
    ("explain_has_nothing_to_say_about_a_run_that_holds", explain_has_nothing_to_say_about_a_run_that_holds),
    ("explain_takes_a_seed", explain_takes_a_seed),
    (
        "explain_tells_what_is_known_when_executions_are_used_up",
        explain_tells_what_is_known_when_executions_are_used_up,
    ),
    ("explain_names_who_published_what_was_left_pending", explain_names_who_published_what_was_left_pending),
];

const SCENARIO: &str = "seedbed = 1
goal = \"A test.\"
flow = \"post\"
variant = \"2.0\"
[workload]
operations = 3
[faults]
profile = \"quiet\"
\"post/asleep\" = 0.1
\"post/locked\" = 0.1
[expect]
violates = \"nothing-lost\"
";

/// A plan of the post office.
pub fn plan(variant: &str, config: &str, sizes: &[u32], deviations: &[(&str, u64, &str)]) -> String {
    let operations: Vec<String> =
        sizes.iter().enumerate().map(|(n, bytes)| format!("  {{ n = {n}, op = {{ bytes = {bytes} }} }},\n")).collect();
    let deviations: Vec<String> = deviations
        .iter()
        .map(|(site, n, value)| {
            format!("  {{ site = \"post/{site}\", actor = \"office\", n = {n}, value = \"{value}\" }},\n")
        })
        .collect();
    format!(
        "seedbed = 1\nscenario = \"post/lost\"\nflow = \"post\"\nvariant = \"{variant}\"\n\
         operations = [\n{}]\ndeviations = [\n{}]\n\
         [failure]\ninvariant = \"nothing-lost\"\ncause = \"a parcel is lost\"\n\
         [expect]\nviolates = \"nothing-lost\"\n[flow-config]\n{config}\n",
        operations.concat(),
        deviations.concat()
    )
}

pub fn bench(name: &str) -> Bench {
    let late = plan("1.0", "", &[700], &[("delay", 0, "5ms")]);
    let two_ways = [("asleep", 1, "yes"), ("locked", 1, "yes"), ("fire", 1, "yes")];
    Bench::new(name)
        .file("scenarios/post/lost.toml", SCENARIO)
        .file("late.plan.toml", &late)
        .file("calm.plan.toml", &plan("1.0", "", &[700], &[("delay", 0, "2ms")]))
        .file("two.plan.toml", &plan("2.0", "", &[10, 20], &two_ways))
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.exits(0).out).expect("one JSON object")
}

fn explain_finds_the_bounds_of_an_operation_and_of_a_delay() {
    let bench = bench("explain-bounds");
    let said = bench.run(&["explain", "late.plan.toml"]);
    snapshot("explain-bounds", &said.exits(0).shown());
    assert!(said.out.contains("any ≥ 3ms"), "{}", said.out);
    assert!(said.out.contains("bytes: any > 512"), "{}", said.out);
    let said = bench.run(&["explain", "late.plan.toml", "--format", "json"]);
    snapshot("explain-json", &said.exits(0).shown());
    let deviation = &json(&said)["deviations"][0];
    assert_eq!(deviation["needed"], true);
    assert_eq!(deviation["ranges"][0]["lower"]["fails"], 3_000_000);
    assert_eq!(deviation["ranges"][0]["lower"]["passes"], 2_999_999);
    assert!(deviation["ranges"][0]["upper"].is_null());
}

fn explain_names_alternative_sets_of_deviations() {
    let bench = bench("explain-sets");
    let said = bench.run(&["explain", "two.plan.toml"]);
    snapshot("explain-two-ways", &said.exits(0).shown());
    assert_eq!(said.line("suffices: "), "3; or 1 + 2");
    let said = json(&bench.run(&["explain", "two.plan.toml", "--format", "json"]));
    assert_eq!(said["subsets"]["minimal"], serde_json::json!([[2], [0, 1]]));
    assert_eq!(said["subsets"]["complete"], true);
}

fn explain_keeps_to_forty_lines_in_a_run_of_thousands_of_steps() {
    let deviations = [("rain", 0, "yes"), ("asleep", 2, "yes"), ("locked", 2, "yes")];
    let noisy = plan("2.0", "ticks = 700\nwaits = 6_900", &[1, 2, 3], &deviations);
    let bench = Bench::new("explain-noise").file("noisy.plan.toml", &noisy);
    let said = bench.run(&["explain", "noisy.plan.toml"]);
    snapshot("explain-noise", &said.exits(0).shown());
    let steps = said.line("small: ");
    assert!(steps.starts_with("2,0"), "the run is long: {steps}");
    let why = said.out.split("why:").nth(1).and_then(|rest| rest.split("twin:").next());
    let why = why.expect("both parts are there");
    assert!(why.lines().count() <= 41, "{why}");
    assert!(why.contains("parcel-lost parcel-2"), "{why}");
    assert!(why.contains("DEVIATION post/asleep #2: yes"), "{why}");
    assert!(why.contains("office.lost"), "{why}");
}

fn explain_reduces_a_run_with_many_deviations() {
    let rain: Vec<_> = (0..12).map(|n| ("rain", n, "yes")).collect();
    let sizes = [1; 12];
    let deviations = [&rain[..], &[("fire", 11, "yes")]].concat();
    let bench = Bench::new("explain-many").file("many.plan.toml", &plan("2.0", "", &sizes, &deviations));
    let said = bench.run(&["explain", "many.plan.toml", "--format", "json"]);
    let said = json(&said);
    let found = said["deviations"].as_array().expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["site"], "post/fire");
    let notes = said["notes"].to_string();
    assert!(notes.contains("1 of 13 deviations suffice"), "{notes}");
    assert_eq!(said["subsets"]["minimal"], serde_json::json!([[0]]));
}

fn explain_gives_the_same_bytes_whatever_the_jobs() {
    let bench = bench("explain-jobs");
    let one = bench.run(&["explain", "two.plan.toml", "--jobs", "1"]);
    let three = bench.run(&["explain", "two.plan.toml", "--jobs", "3"]);
    assert_eq!(one.exits(0).out, three.exits(0).out);
}

fn explain_has_nothing_to_say_about_a_run_that_holds() {
    let said = bench("explain-calm").run(&["explain", "calm.plan.toml"]);
    assert!(said.exits(1).err.contains("there is no failure to explain"), "{}", said.err);
    assert_eq!(said.out, "");
}

fn explain_takes_a_seed() {
    let bench = bench("explain-seed");
    let run = bench.run(&["run", "scenarios/post/lost.toml", "--format", "json"]);
    let found: Value = serde_json::from_str(run.out.trim()).expect("one JSON object");
    let seed = found["first_failure"]["seed"].as_str().expect("one seed fails");
    let explain = ["explain", "scenarios/post/lost.toml", "--seed", seed, "--format", "json"];
    let said = json(&bench.run(&explain));
    assert_eq!(said["seed"], seed);
    assert_eq!(said["fresh_faults"], "the faults of scenarios/post/lost.toml");
    let jump = &said["no_return"]["jump"];
    assert!(jump["after"].as_u64() > jump["before"].as_u64(), "{jump}");
    let without = bench.run(&["explain", "scenarios/post/lost.toml"]);
    assert!(without.exits(2).err.contains("add --seed N"), "{}", without.err);
}

/// With few executions the card has what needs none (what broke, and why), says which parts are missing, and the exit
/// code says that there is no whole answer.
fn explain_tells_what_is_known_when_executions_are_used_up() {
    let bench = bench("explain-budget");
    let said = bench.run(&["explain", "two.plan.toml", "--executions", "12"]);
    snapshot("explain-budget", &said.exits(6).shown());
    let said = bench.run(&["explain", "two.plan.toml", "--executions", "12", "--format", "json"]);
    let explanation: Value = serde_json::from_str(&said.exits(6).out).expect("one JSON object");
    assert_eq!(explanation["ended"], "budget");
    assert_eq!(explanation["unfinished"], serde_json::json!(["necessity", "twin", "no-return"]));
    assert!(explanation["executions"].as_u64() <= Some(12), "{}", explanation["executions"]);
    assert!(explanation["why"]["lines"].as_array().is_some_and(|lines| !lines.is_empty()));
    let whole = json(&bench.run(&["explain", "two.plan.toml", "--format", "json"]));
    assert_eq!((&whole["ended"], &whole["unfinished"]), (&"complete".into(), &serde_json::json!([])));
}

/// The mailbox incident, ended by another client's commit: what the first one's `close` left pending is in the chain, and
/// who published it.
fn explain_names_who_published_what_was_left_pending() {
    let bench = Bench::new("explain-pending").file(
        "scenarios/mailbox/published.toml",
        "seedbed = 1\ngoal = \"A test.\"\nflow = \"mailbox\"\nvariant = \"0.3.1\"\n\
         [[workload.op]]\n\
         session = { side = \"a\", steps = [\"allocate\", \"claim\", \"open\", \"close as happy\"] }\n\
         [[workload.op]]\nsession = { side = \"b\", steps = [\"allocate\"] }\n\
         [faults]\n\"net/latency\" = 0\n\"disk/latency\" = 0\n\"mailbox/pause\" = 0\n\
         [expect]\nviolates = \"mailbox-has-a-side\"\n",
    );
    let mut seedbed = std::process::Command::new(env!("CARGO_BIN_EXE_seedbed"));
    let path = bench.path("scenarios/mailbox/published.toml");
    let path = path.to_str().expect("a path in UTF-8");
    seedbed.args(["explain", path, "--seed", "0", "--executions", "40", "--format", "json"]);
    let said = Said::of(seedbed.output().expect("the binary starts"));
    let explanation: Value = serde_json::from_str(&said.exits(6).out).expect("one JSON object");
    let lines = explanation["why"]["lines"].as_array().expect("a list");
    let find = |what: &str| {
        let found = lines.iter().find(|line| line.to_string().contains(what));
        found.unwrap_or_else(|| panic!("{what}: {explanation:#}"))
    };
    let (pending, published) = (find("is left open"), find("left pending in relay.sqlite"));
    let raised = find("IntegrityError");
    assert_eq!(pending["step"], raised["step"], "what was pending is what the failed close had done");
    assert_eq!(find("\\\"type\\\":\\\"close\\\"")["step"], pending["step"]);
    assert_eq!(published["step"], explanation["step"], "the commit is what the check saw");
    let asked = lines.iter().find(|line| line["event"] == published["cause"]).expect("its cause is in the chain");
    assert!(asked["text"].as_str().is_some_and(|text| text.starts_with("deliver b->server")), "{asked}");
    let told = find("published ");
    let change = lines.iter().find(|line| line["event"] == told["cause"]).expect("what it publishes is in the chain");
    assert!(change["text"].as_str().is_some_and(|text| text.contains("delete mailbox_sides")), "{change}");
    assert_eq!((&change["step"], &told["step"]), (&pending["step"], &published["step"]));
    assert!(lines.len() <= 40);
}
