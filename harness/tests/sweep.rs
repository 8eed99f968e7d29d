//! Sweeps of a test double: what is found and counted does not depend on how the work was divided.

mod double;

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use double::Double;
use seedbed::check::Verdict;
use seedbed::flow::FlowSchema;
use seedbed::scenario::{Catalogue, Scenario, read_scenario};
use seedbed_harness::compare::Second;
use seedbed_harness::execute::ToolFailure;
use seedbed_harness::exit::Exit;
use seedbed_harness::judge::{Judged, judge};
use seedbed_harness::sweep::{Job, Live, Seeds, Stops, SweepEnd, Swept, Workers, sweep};

static NEVER: AtomicBool = AtomicBool::new(false);

fn scenario(rest: &str) -> Scenario {
    let head = "seedbed = 1\ngoal = \"A test.\"\nflow = \"double\"\nvariant = \"1.0\"\n";
    let catalogue = Catalogue { flows: vec![&Double], engine_sites: Vec::new() };
    read_scenario("scenarios/double/test.toml", format!("{head}{rest}").as_bytes(), &catalogue, &[])
        .unwrap_or_else(|complaints| panic!("{complaints}"))
}

fn sweep_with(scenario: &Scenario, count: u64, jobs: usize, keep_going: bool) -> Result<Swept, ToolFailure> {
    let job = Job { flow: &Double, scenario, keep_going };
    let stops = Stops { interrupted: &NEVER, deadline: None };
    let hang = |seed| panic!("seed {seed} hangs");
    let limit = Duration::from_secs(60);
    sweep(job, Seeds { first: 0, count }, jobs, limit, &Workers::Threads(&hang), stops, &Live::default())
}

fn swept(scenario: &Scenario, count: u64) -> Swept {
    sweep_with(scenario, count, 2, false).expect("the double is not broken")
}

fn judged(scenario: &Scenario, swept: &Swept) -> Judged {
    let info = Double.info();
    judge(scenario, info, info.sites, swept, true)
}

/// The number of jobs changes nothing, neither where a sweep stops early nor where it runs to its end.
#[test]
fn jobs_do_not_matter() {
    let stops = scenario("flow-config = { unsafe-at = [301, 1000, 1001] }\n[expect]\nviolates = \"safe\"");
    let holds = scenario("[expect]\nholds = true");
    for (scenario, keep_going) in [(&stops, false), (&stops, true), (&holds, false)] {
        let alone = sweep_with(scenario, 2_000, 1, keep_going).expect("the double is not broken");
        for jobs in [2, 3, 8] {
            assert_eq!(sweep_with(scenario, 2_000, jobs, keep_going).as_ref(), Ok(&alone), "{jobs} jobs");
        }
    }
}

/// A sweep stops at its lowest failing seed; what was run beyond it is not counted.
#[test]
fn the_lowest_failing_seed_ends_a_sweep() {
    let scenario = scenario("flow-config = { unsafe-at = [90, 37] }\n[expect]\nviolates = \"safe\"");
    let swept = swept(&scenario, 1_000);
    let failed = swept.first.as_ref().expect("seed 37 fails");
    assert_eq!((failed.seed, failed.verdict, &failed.second), (37, Verdict::Violates, &Second::Identical));
    assert_eq!((swept.tally.seeds, swept.tally.failures, swept.ended), (38, 1, SweepEnd::AtFailure));
    assert_eq!(swept.tally.steps, (0..=37).map(|seed| 10 + seed % 7).sum::<u64>());
    let judged = judged(&scenario, &swept);
    assert!(judged.as_expected);
    assert_eq!(judged.exit, Exit::AsExpected);
}

/// Asked to go on, a sweep counts every failing seed and still shows the lowest.
#[test]
fn going_on_counts_all_failures() {
    let scenario = scenario("flow-config = { unsafe-at = [90, 37, 999] }\n[expect]\nviolates = \"safe\"");
    let swept = sweep_with(&scenario, 1_000, 2, true).expect("the double is not broken");
    assert_eq!((swept.tally.seeds, swept.tally.failures), (1_000, 3));
    assert_eq!(swept.first.map(|failed| failed.seed), Some(37));
}

/// Any seed may be swept, the very last one too.
#[test]
fn the_last_seed_can_be_swept() {
    let scenario = scenario("[expect]\nholds = true");
    let job = Job { flow: &Double, scenario: &scenario, keep_going: false };
    let stops = Stops { interrupted: &NEVER, deadline: None };
    let seeds = Seeds { first: u64::MAX - 2, count: 3 };
    let limit = Duration::from_secs(60);
    let swept = sweep(job, seeds, 2, limit, &Workers::Threads(&|_| ()), stops, &Live::default());
    assert_eq!(swept.expect("the double is not broken").tally.seeds, 3);
}

/// One in twenty passing seeds is executed twice, always the same ones.
#[test]
fn a_sample_of_passing_seeds_is_executed_twice() {
    let swept = swept(&scenario("[expect]\nholds = true"), 2_000);
    let again = swept.tally.runs - swept.tally.seeds;
    assert!((60..=140).contains(&again), "{again} of 2,000");
}

/// A run that is not repeatable is its own verdict, whatever else was expected, and the first event that
/// differs is named.
#[test]
fn a_difference_between_two_executions_is_named() {
    let scenario = scenario("flow-config = { flaky-at = [5], unsafe-at = [5] }\n[expect]\nviolates = \"safe\"");
    let swept = swept(&scenario, 100);
    let failed = swept.first.as_ref().expect("seed 5 fails");
    assert_eq!(failed.verdict, Verdict::Nondeterministic);
    let Second::Different(difference) = &failed.second else { panic!("{:?}", failed.second) };
    assert_eq!(difference.step, Some(5));
    assert!(difference.one.contains(" ns: tick clock count=") && difference.one != difference.other);
    let judged = judged(&scenario, &swept);
    assert_eq!((judged.as_expected, judged.exit), (false, Exit::Nondeterminism));
}

/// Among passing seeds, the sample finds a difference without any failure.
#[test]
fn the_sample_finds_differences() {
    let all: Vec<String> = (0..200).map(|seed: u64| seed.to_string()).collect();
    let scenario = scenario(&format!("flow-config = {{ flaky-at = [{}] }}\n[expect]\nholds = true", all.join(", ")));
    let swept = swept(&scenario, 200);
    assert_eq!(swept.first.map(|failed| failed.verdict), Some(Verdict::Nondeterministic));
}

/// Each surprise has its exit code.
#[test]
fn surprises_and_their_exit_codes() {
    for (config, claim, verdict, exit) in [
        ("unsafe-at = [3]", "holds = true", Verdict::Violates, Exit::Unmet),
        ("stuck-at = [3]", "holds = true", Verdict::Violates, Exit::Liveness),
        ("panics-at = [3]", "holds = true", Verdict::Panics, Exit::Unmet),
        ("exhausted-at = [3]", "holds = true", Verdict::Budget, Exit::Budget),
        ("", "violates = \"safe\"", Verdict::Holds, Exit::Unmet),
        ("stuck-at = [3]", "violates = \"safe\"", Verdict::Violates, Exit::Liveness),
        ("panics-at = [3], unsafe-at = [7]", "violates = \"safe\"", Verdict::Panics, Exit::Unmet),
        ("unsafe-at = [70]", "violates = \"safe\"\nwithin-seeds = 70", Verdict::Violates, Exit::Unmet),
    ] {
        let scenario = scenario(&format!("flow-config = {{ {config} }}\n[expect]\n{claim}"));
        let judged = judged(&scenario, &swept(&scenario, 100));
        assert_eq!((judged.verdict, judged.as_expected, judged.exit), (verdict, false, exit), "{config} {claim}");
    }
    let in_time = scenario("flow-config = { unsafe-at = [69] }\n[expect]\nviolates = \"safe\"\nwithin-seeds = 70");
    assert!(judged(&in_time, &swept(&in_time, 100)).as_expected);
}

/// What a scenario names must happen in a whole sweep; an early stop proves nothing either way.
#[test]
fn declared_things_that_never_happen_make_a_sweep_vacuous() {
    let vacuous = [
        ("[expect]\nholds = true\nsometimes = [\"never\"]", "`never` never happened"),
        ("[faults]\n\"double/slumbers\" = 0.5\n[expect]\nholds = true", "`double/slumbers` was offered 200"),
        ("[expect]\nholds = [\"unused\"]", "`unused` never had anything to check"),
    ];
    for (text, says) in vacuous {
        let scenario = scenario(text);
        let swept = swept(&scenario, 100);
        let judged = judged(&scenario, &swept);
        assert_eq!((judged.verdict, judged.exit), (Verdict::Vacuous, Exit::Unmet), "{text}");
        assert!(judged.vacuous[0].starts_with(says), "{:?}", judged.vacuous);
        let info = Double.info();
        let part = judge(&scenario, info, info.sites, &swept, false);
        assert_eq!(part.verdict, Verdict::Holds, "a part of the range");
    }
    let fine = [
        "[faults]\n\"double/slumbers\" = 0.0\n[expect]\nholds = true",
        "[faults]\n\"double/strikes\" = 0.5\n[expect]\nholds = true\nsometimes = [\"even\"]",
        "[expect]\nholds = [\"safe\"]",
    ];
    for text in fine {
        let scenario = scenario(text);
        let judged = judged(&scenario, &swept(&scenario, 100));
        assert!(judged.as_expected, "{text}: {:?}", judged.vacuous);
    }
}

/// A defect of the simulator is no verdict: the sweep fails, with the lowest such seed.
#[test]
fn a_broken_simulator_is_not_a_verdict() {
    let scenario = scenario("flow-config = { broken-at = [60, 50] }\n[expect]\nholds = true");
    for jobs in [1, 4] {
        let failure = sweep_with(&scenario, 100, jobs, false).expect_err("seed 50 breaks the simulator");
        assert_eq!(failure.seed, 50);
        assert!(failure.message.contains("a defect of the simulator"), "{failure}");
    }
}

/// Interrupted, or out of time, a sweep ends with what it has, without a gap.
#[test]
fn a_sweep_can_be_ended_early() {
    let scenario = scenario("[expect]\nholds = true");
    let job = Job { flow: &Double, scenario: &scenario, keep_going: false };
    let everything = Seeds { first: 0, count: u64::MAX };
    let workers = Workers::Threads(&|_| ());
    let limit = Duration::from_secs(60);
    let run =
        |stops| sweep(job, everything, 2, limit, &workers, stops, &Live::default()).expect("the double is not broken");

    let deadline = Some(Instant::now() + Duration::from_millis(50));
    let late = run(Stops { interrupted: &NEVER, deadline });
    assert_eq!(late.ended, SweepEnd::TimeUp);
    assert_eq!(judged(&scenario, &late).verdict, Verdict::Holds);

    let interrupted = run(Stops { interrupted: &AtomicBool::new(true), deadline: None });
    assert_eq!((interrupted.ended, interrupted.tally.seeds), (SweepEnd::Interrupted, 0));
    let judged = judged(&scenario, &interrupted);
    assert_eq!((judged.verdict, judged.exit), (Verdict::Budget, Exit::Budget));
}
