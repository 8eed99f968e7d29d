//! What `replay --until`, `why`, `when` and `diff` say.

use seedbed::snapshot::KeepStates;
use seedbed_harness::Harness;
use seedbed_harness::execute::{Execution, Keep};
use seedbed_harness::files::{Loaded, load};
use serde_json::Value;

use crate::explain::{bench, plan};
use crate::post::Post;
use crate::program::{Said, Test, snapshot};

pub const TESTS: &[Test] = &[
    ("replay_until_shows_the_state_of_each_node", replay_until_shows_the_state_of_each_node),
    ("what_is_only_recorded_is_told", what_is_only_recorded_is_told),
    ("why_goes_back_from_a_step_or_an_event", why_goes_back_from_a_step_or_an_event),
    ("when_names_the_last_step_that_changed_a_field", when_names_the_last_step_that_changed_a_field),
    ("diff_names_the_first_difference_in_events_and_in_state", diff_names_the_first_difference_in_events_and_in_state),
    ("changes_add_up_to_the_state_at_every_step", changes_add_up_to_the_state_at_every_step),
    ("looking_at_states_changes_no_digest", looking_at_states_changes_no_digest),
];

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.exits(0).out).expect("one JSON object")
}

/// The last step of the late parcel's run.
fn last_step(said: &Value) -> u64 {
    said["steps"].as_u64().expect("a number")
}

fn replay_until_shows_the_state_of_each_node() {
    let bench = bench("views-until");
    let said = json(&bench.run(&["replay", "late.plan.toml", "--format", "json"]));
    let last = last_step(&said);
    assert!(said.get("state").is_none(), "nobody asked for it");
    let until = |step: u64| {
        let step = step.to_string();
        json(&bench.run(&["replay", "late.plan.toml", "--until", &step, "--format", "json"]))
    };
    assert_eq!(until(last)["state"]["office.lost.0"], "parcel-0");
    let before = until(last - 1);
    assert!(before["state"].get("office.lost.0").is_none());
    assert_eq!(before["state"]["office.arrived"], 1);
    assert_eq!(before["state"]["office.(node)"], "up");
    let said = bench.run(&["replay", "late.plan.toml", "--until", &(last - 1).to_string()]);
    snapshot("replay-until", &said.shown());
}

fn what_is_only_recorded_is_told() {
    let late = plan("1.0", "", &[700], &[("delay", 0, "5ms")]);
    let recorded = late.replace("violates = \"nothing-lost\"", "holds = [\"no-panic\"]");
    let bench = bench("views-recorded").file("recorded.plan.toml", &recorded);
    let said = bench.run(&["replay", "recorded.plan.toml"]);
    assert!(said.line("also: ").starts_with("nothing-lost at step "), "{}", said.out);
    let calm = bench.run(&["replay", "calm.plan.toml"]);
    assert!(!calm.out.contains("also: "), "{}", calm.out);
}

fn why_goes_back_from_a_step_or_an_event() {
    let bench = bench("views-why");
    let last = last_step(&json(&bench.run(&["replay", "late.plan.toml", "--format", "json"])));
    let said = bench.run(&["why", "late.plan.toml", &last.to_string()]);
    snapshot("why", &said.exits(0).shown());
    let said = json(&bench.run(&["why", "late.plan.toml", &last.to_string(), "--format", "json"]));
    let lines = said["lines"].as_array().expect("a list");
    let lost = lines.iter().find(|line| line["text"] == "parcel-lost parcel-0");
    let number = lost.expect("the loss is in that step")["event"].to_string();
    let of_event = |word: String| json(&bench.run(&["why", "late.plan.toml", &word, "--format", "json"]));
    let chain = of_event(format!("#{number}"));
    assert_eq!(chain, of_event(format!("e{number}")));
    let lines = chain["lines"].as_array().expect("a list");
    assert_eq!(lines.last().expect("the event itself")["text"], "parcel-lost parcel-0");
    // Each line is the cause of the next.
    for (cause, effect) in lines.iter().zip(&lines[1..]) {
        assert_eq!(effect["cause"], cause["event"]);
    }
    bench.run(&["why", "late.plan.toml", "999"]).exits(2);
    bench.run(&["why", "late.plan.toml", "#999"]).exits(2);
    bench.run(&["why", "late.plan.toml", "soon"]).exits(2);
}

fn when_names_the_last_step_that_changed_a_field() {
    let bench = bench("views-when");
    let said = json(&bench.run(&["replay", "late.plan.toml", "--format", "json"]));
    let last = last_step(&said);
    let said = bench.run(&["when", "late.plan.toml", "office"]);
    snapshot("when", &said.exits(0).shown());
    let said = json(&bench.run(&["when", "late.plan.toml", "office.lost.0", "--format", "json"]));
    assert_eq!(said["step"], last);
    assert_eq!(said["before"], Value::Null);
    assert_eq!(said["after"], "parcel-0");
    let until = (last - 1).to_string();
    let earlier = ["when", "late.plan.toml", "office.arrived", "--until", &until, "--format", "json"];
    let said = json(&bench.run(&earlier));
    assert_eq!((&said["before"], &said["after"]), (&0.into(), &1.into()));
    let unknown = bench.run(&["when", "late.plan.toml", "office.found"]);
    assert!(unknown.exits(2).err.contains("office.arrived"), "{}", unknown.err);
}

fn diff_names_the_first_difference_in_events_and_in_state() {
    let bench = bench("views-diff");
    let said = bench.run(&["diff", "late.plan.toml", "calm.plan.toml"]);
    snapshot("diff", &said.exits(0).shown());
    let diff = ["diff", "late.plan.toml", "calm.plan.toml", "--format", "json"];
    let said = json(&bench.run(&diff));
    assert_eq!(said["state"]["field"], "office.lost.0");
    assert_eq!(said["one"]["verdict"], "violates");
    assert_eq!(said["other"]["verdict"], "holds");
    let same = json(&bench.run(&["diff", "late.plan.toml", "late.plan.toml", "--format", "json"]));
    assert_eq!((&same["events"], &same["state"]), (&Value::Null, &Value::Null));
}

/// What changed step by step adds up to what is there when the run is cut after any step.
fn changes_add_up_to_the_state_at_every_step() {
    let bench = bench("views-states");
    let harness = Harness::new().flow::<Post>();
    let path = bench.path("late.plan.toml");
    let loaded = load(&harness, path.to_str().expect("a plain path"), &[]);
    let Ok(Loaded::Plan(loaded)) = loaded else {
        panic!("it is a valid plan");
    };
    let scenario = loaded.plan.to_scenario(&loaded.path);
    let whole = Execution::of_plan(loaded.flow, &scenario, &loaded.plan);
    let run = |until_step, states| {
        let keep = Keep { states, ..Keep::default() };
        Execution { until_step, ..whole }.run_with(keep).expect("the simulator works")
    };
    let each = run(None, KeepStates::EachStep);
    assert!(each.states.changes().len() > 5, "{:?}", each.states);
    for step in 1..=each.steps {
        let cut = run(Some(step), KeepStates::Last);
        assert_eq!(&each.states.as_of(step), cut.states.last(), "step {step}");
        assert!(cut.states.changes().is_empty());
    }
    let never = run(None, KeepStates::Never);
    assert!(never.states.last().is_empty());
    assert_eq!(never.digest, each.digest);
}

fn looking_at_states_changes_no_digest() {
    let bench = bench("views-digest");
    let plain = json(&bench.run(&["replay", "late.plan.toml", "--format", "json"]));
    let looked = json(&bench.run(&["explain", "late.plan.toml", "--format", "json"]));
    assert_eq!(plain["digest"], looked["digest"]);
}
