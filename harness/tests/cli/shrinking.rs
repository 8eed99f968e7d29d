//! `shrink`, `promote`, and regressions under `run`, with the toy that has two bugs.

use std::fs;

use crate::program::{Bench, Said, Test, snapshot};

pub const TESTS: &[Test] = &[
    (
        "a_seed_is_shrunk_to_a_plan_that_is_promoted_and_replayed",
        a_seed_is_shrunk_to_a_plan_that_is_promoted_and_replayed,
    ),
    ("shrinking_is_told_as_json", shrinking_is_told_as_json),
    ("shrinking_says_what_it_cannot_do", shrinking_says_what_it_cannot_do),
    ("stale_and_fixed_are_told_apart", stale_and_fixed_are_told_apart),
    ("growth_of_a_minimal_run_is_noticed", growth_of_a_minimal_run_is_noticed),
];

const FILE: &str = "scenarios/toy/twice.toml";
const PLAN: &str = "scenarios/toy/regressions/sold-twice.plan.toml";
/// The first seed that sells twice.
const SEED: &str = "5";

fn bench(name: &str, minimal: &str) -> Bench {
    let text = format!(
        "seedbed = 1\ngoal = \"A test.\"\nflow = \"toy\"\nvariant = \"1.0\"\n[workload]\noperations = 20\n\
         [faults]\n\"net/cut\" = 0.05\n\"net/partial-write\" = 0.1\n[expect]\nviolates = \"books-balance\"\n{minimal}"
    );
    Bench::new(name).file(FILE, &text)
}

fn seed_of(bench: &Bench) -> String {
    let said = bench.run(&["run", FILE, "--format", "json"]);
    let line: serde_json::Value = serde_json::from_str(said.out.lines().last().expect("a line")).expect("JSON");
    line["first_failure"]["seed"].as_str().expect("a seed fails").to_owned()
}

fn shrunk(bench: &Bench, arguments: &[&str]) -> Said {
    let seed = seed_of(bench);
    bench.run(&[&["shrink", FILE, "--seed", &seed], arguments].concat())
}

fn read(bench: &Bench, path: &str) -> String {
    fs::read_to_string(bench.path(path)).expect("it was written")
}

fn a_seed_is_shrunk_to_a_plan_that_is_promoted_and_replayed() {
    let bench = bench("shrink", "");
    let said = shrunk(&bench, &["--jobs", "1"]);
    snapshot("shrink-command", &said.exits(0).shown_without_digests());
    assert_eq!(said.err, "", "no progress outside a terminal");
    let plan = read(&bench, "twice.plan.toml");
    let again = shrunk(&bench, &["--jobs", "2"]);
    assert_eq!((again.out.as_str(), read(&bench, "twice.plan.toml")), (said.out.as_str(), plan));
    // The line to paste shows the failure.
    assert!(bench.paste(said.line("repro: ")).exits(0).out.contains("sold twice"));
    // Shrunk again it stays as it is.
    bench.run(&["shrink", "twice.plan.toml"]).exits(0);
    let same = |text: &str| {
        let story = text.split_once("operations = [").expect("a story").1;
        story.to_owned()
    };
    assert_eq!(same(&read(&bench, "twice.min.plan.toml")), same(&read(&bench, "twice.plan.toml")));

    let promoted = bench.run(&[
        "promote",
        "twice.plan.toml",
        "--name",
        "sold-twice",
        "--sentence",
        "A repeated purchase is sold twice.",
        "--holds-on",
        "1.1,correct",
    ]);
    assert!(promoted.exits(0).out.contains("fails on 1.0; holds on 1.1, correct"), "{}", promoted.out);
    let text = read(&bench, PLAN);
    for words in ["sentence = \"A repeated", "fails-on = [\"1.0\"]", "holds-on = [\"1.1\", \"correct\"]"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let run = bench.run(&["run"]);
    let rows: Vec<&str> = run.exits(0).out.lines().filter(|line| line.starts_with("ok")).collect();
    assert!(rows.len() == 4 && rows[0].contains("toy/sold-twice.plan"), "{}", run.out);

    let twice = bench.run(&["promote", "twice.plan.toml", "--name", "sold-twice"]);
    assert!(twice.exits(2).err.contains("exists"), "{}", twice.err);
}

fn shrinking_is_told_as_json() {
    let bench = bench("shrink-json", "");
    let said = shrunk(&bench, &["--format", "json"]);
    snapshot("shrink-json", &said.exits(0).shown_without_digests());
}

fn shrinking_says_what_it_cannot_do() {
    let bench = bench("shrink-refuses", "");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["shrink", FILE], 2, "add --seed N"),
        (&["shrink", FILE, "--seed", SEED, "-o", "x.toml"], 2, "ends with .plan.toml"),
        (&["shrink", FILE, "--seed", SEED, "--variant", "correct"], 1, "there is nothing to shrink"),
        (&["promote", FILE, "--name", "x"], 2, "not a plan"),
        (&["promote", "x.plan.toml", "--name", "Sold Twice"], 2, "kebab-case"),
        (&["promote", "x.plan.toml", "--name", "x"], 2, "x.plan.toml"),
    ];
    for (arguments, code, words) in cases {
        let said = bench.run(arguments);
        assert!(said.exits(code).err.contains(words), "{arguments:?}: {}", said.err);
    }
    shrunk(&bench, &[]).exits(0);
    let broken = bench.run(&["promote", "twice.plan.toml", "--name", "x", "--fails-on", "1.0,correct"]);
    assert!(broken.exits(1).out.contains("on correct it must fail, but shows: holds [fixed]"), "{}", broken.out);
    assert!(!bench.path("scenarios/toy/regressions").exists(), "nothing is written");
    let unknown = bench.run(&["promote", "twice.plan.toml", "--name", "x", "--holds-on", "2.0"]);
    assert!(unknown.exits(2).err.contains("the variants of toy are"), "{}", unknown.err);
}

/// "The bug is gone" and "the plan has lost its way" have different words, both fail, and the second has a way out.
fn stale_and_fixed_are_told_apart() {
    let bench = bench("stale", "");
    shrunk(&bench, &["-o", PLAN]).exits(0);
    let good = read(&bench, PLAN);
    let rewrite = |text: &str| fs::write(bench.path(PLAN), text).expect("the target folder is writable");
    let answer = || {
        let said = bench.run(&["run", PLAN, "--format", "json"]);
        let line: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        (said.code, line["regression"].clone())
    };
    let shown = |answer: &str, anchored: [usize; 2]| serde_json::json!({ "answer": answer, "anchored": anchored });
    assert_eq!(answer(), (Some(0), shown("reproduced", [1, 1])));

    rewrite(&good.replace("variant = \"1.0\"", "variant = \"1.1\""));
    assert_eq!(answer(), (Some(1), shown("fixed", [1, 1])));
    let said = bench.run(&["run", PLAN]);
    assert!(said.exits(1).out.contains("FIXED") && !said.out.contains("STALE"), "{}", said.out);

    let stale = good.replace("n = 0, value", "n = 4, value");
    assert_ne!(stale, good);
    rewrite(&stale);
    assert_eq!(answer(), (Some(1), shown("stale", [0, 1])));
    let said = bench.run(&["run", PLAN]);
    assert!(said.exits(1).out.contains("STALE") && !said.out.contains("FIXED"), "{}", said.out);

    let said = bench.run(&["promote", PLAN, "--refresh"]);
    assert!(said.exits(0).out.contains("fails on"), "{}", said.out);
    assert_eq!(answer(), (Some(0), shown("reproduced", [1, 1])));

    // Where the bug is gone, nothing is found and nothing is written.
    let gone = stale.replace("variant = \"1.0\"", "variant = \"1.1\"");
    rewrite(&gone);
    let said = bench.run(&["promote", PLAN, "--refresh", "--executions", "300"]);
    assert!(said.exits(6).out.contains("nothing near it fails"), "{}", said.out);
    assert_eq!(read(&bench, PLAN), gone);
}

fn growth_of_a_minimal_run_is_noticed() {
    let run = |name: &str, minimal: &str| bench(name, minimal).run(&["run", "--check-minimal"]);
    let said = run("minimal-reached", "minimal = { operations = 1, deviations = 1 }\n");
    assert!(said.exits(0).out.contains("shrinks to 1 operation, 1 deviation"), "{}", said.out);
    let said = run("minimal-grown", "minimal = { operations = 1, deviations = 0 }\n");
    assert!(said.exits(1).out.contains("expect.minimal says 1 operation, 0 deviations"), "{}", said.out);
    let said = run("minimal-missing", "");
    assert!(said.exits(1).out.contains("[expect] states no minimal"), "{}", said.out);
}
