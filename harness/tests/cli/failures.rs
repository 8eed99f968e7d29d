//! Runs that do not end, processes that die, readers that go away, and Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Bench, Said, Test, snapshot};

pub const TESTS: &[Test] = &[
    ("an_endless_loop_is_found_from_outside", an_endless_loop_is_found_from_outside),
    ("isolation_attributes_deaths_to_seeds", isolation_attributes_deaths_to_seeds),
    ("isolation_changes_no_result", isolation_changes_no_result),
    ("a_difference_has_its_own_exit_code", a_difference_has_its_own_exit_code),
    ("a_defect_of_the_tool_has_its_own_exit_code", a_defect_of_the_tool_has_its_own_exit_code),
    ("a_reader_may_go_away", a_reader_may_go_away),
    ("an_interrupt_ends_with_a_summary", an_interrupt_ends_with_a_summary),
    ("an_interrupt_ends_runs_that_do_not_end", an_interrupt_ends_runs_that_do_not_end),
];

const HOLDS: &str = "[expect]\nholds = true\n";

fn an_endless_loop_is_found_from_outside() {
    let bench = Bench::new("loop")
        .scenario("a-fine", "[budget]\nseeds = { run = 20 }\n[expect]\nholds = true\n")
        .scenario("b-loops", "flow-config = { loops-at = [7] }\n[expect]\nholds = true\n");
    let said = bench.run(&["run", "--run-limit", "300ms"]);
    let said = said.exits(3);
    assert!(said.out.contains("the run had not ended after 0.3 s"), "{}", said.out);
    assert!(said.line("repro: ").contains("replay scenarios/double/b-loops.toml --seed 7 "), "{}", said.out);
    assert!(said.out.contains("1 as expected, 1 not"), "what was done before is still told: {}", said.out);

    let json = bench.run(&["run", "--run-limit", "300ms", "--format", "json"]);
    let last: serde_json::Value =
        serde_json::from_str(json.exits(3).out.lines().last().expect("two objects")).expect("JSON");
    assert_eq!((&last["verdict"], &last["first_failure"]["seed"]), (&"hangs".into(), &"7".into()));

    let file = "scenarios/double/b-loops.toml";
    let replayed = bench.run(&["replay", file, "--seed", "7", "--run-limit", "300ms"]);
    assert!(replayed.exits(3).out.contains("hangs"), "{}", replayed.out);
}

fn isolation_attributes_deaths_to_seeds() {
    let bench = Bench::new("deaths")
        .scenario("a-aborts", "flow-config = { aborts-at = [7, 9] }\n[expect]\nholds = true\n")
        .scenario("b-overflows", "flow-config = { overflows-at = [3] }\n[expect]\nholds = true\n")
        .scenario("c-loops", "flow-config = { loops-at = [5] }\n[expect]\nholds = true\n")
        .scenario("d-fine", "[budget]\nseeds = { run = 20 }\n[expect]\nholds = true\n");
    let said = bench.run(&["run", "--isolate", "--run-limit", "1s", "--jobs", "2"]);
    snapshot("run-isolated-deaths", &said.exits(1).shown());

    let all = bench.run(&["run", "scenarios/double/a-aborts.toml", "--isolate", "--keep-going", "--format", "json"]);
    let all: serde_json::Value = serde_json::from_str(&all.exits(1).out).expect("one object");
    assert_eq!((&all["failures"], &all["seeds"]), (&2.into(), &1_000.into()));
}

fn isolation_changes_no_result() {
    let bench = Bench::new("isolation")
        .scenario("a", "flow-config = { unsafe-at = [200] }\n[expect]\nviolates = \"safe\"\n")
        .scenario("b", HOLDS);
    for format in ["text", "json"] {
        let inside = bench.run(&["run", "--format", format]);
        let apart = bench.run(&["run", "--format", format, "--isolate", "--jobs", "3"]);
        assert_eq!(inside.exits(0).out, apart.exits(0).out);
    }
}

fn a_difference_has_its_own_exit_code() {
    let bench = Bench::new("flaky")
        .scenario("flaky", "flow-config = { unsafe-at = [4], flaky-at = [4] }\n[expect]\nviolates = \"safe\"\n");
    let said = bench.run(&[]);
    let said = said.exits(4);
    assert!(said.out.contains("determinism: run twice, DIFFERENT from step 5 on"), "{}", said.out);
    assert!(said.out.contains("tick clock count="), "both events are shown: {}", said.out);
    bench.run(&["replay", "scenarios/double/flaky.toml", "--seed", "4"]).exits(4);
    bench.run(&["run", "--isolate"]).exits(4);
}

fn a_defect_of_the_tool_has_its_own_exit_code() {
    let bench = Bench::new("defect").scenario("defect", "flow-config = { broken-at = [4] }\n[expect]\nholds = true\n");
    for arguments in [&["run"][..], &["run", "--isolate"], &["replay", "scenarios/double/defect.toml", "--seed", "4"]] {
        let said = bench.run(arguments);
        assert!(said.exits(5).err.contains("a defect of the simulator"), "{}", said.err);
    }
}

fn a_reader_may_go_away() {
    let mut bench = Bench::new("reader");
    for number in 0..50 {
        bench = bench.scenario(&format!("n{number}"), HOLDS);
    }
    let mut child = bench
        .command(&["run", "--jobs", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut first).expect("a line comes");
    let said = Said::of(child.wait_with_output().expect("the program ends"));
    assert!(first.contains("scenario"), "{first}");
    assert_eq!(said.exits(0).err, "");
}

fn an_interrupt_ends_with_a_summary() {
    let bench = Bench::new("interrupt").scenario("a", HOLDS).scenario("b", HOLDS);
    for isolate in [&[][..], &["--isolate"]] {
        let arguments = [&["run", "--seeds", "0..1000000000000"][..], isolate].concat();
        let said = interrupted(&bench, &arguments, 1);
        let said = said.exits(6);
        assert!(said.out.contains("interrupted after"), "{}", said.out);
        assert!(said.out.contains("0 as expected, 1 not, 1 not run (interrupted)"), "{}", said.out);
    }
}

fn an_interrupt_ends_runs_that_do_not_end() {
    let bench =
        Bench::new("interrupt-loop").scenario("loops", "flow-config = { loops-at = [0] }\n[expect]\nholds = true\n");
    // A child can be killed; a thread of this process cannot, so there it takes a second Ctrl-C.
    interrupted(&bench, &["run", "--isolate"], 1).exits(6);
    interrupted(&bench, &["run"], 2).exits(130);
}

/// Runs the program and presses Ctrl-C this often.
fn interrupted(bench: &Bench, arguments: &[&str], times: usize) -> Said {
    let child =
        bench.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let asked = Instant::now();
    for _ in 0..times {
        std::thread::sleep(Duration::from_millis(600));
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
    let said = Said::of(child.wait_with_output().expect("the program ends"));
    assert!(asked.elapsed() < Duration::from_secs(20), "it ends soon");
    said
}
