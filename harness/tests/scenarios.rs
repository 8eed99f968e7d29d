//! Every scenario file and every plan of the repository as a test of its own, over the budget of seeds that
//! it sets for tests.

use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use seedbed::run::AnyFlow;
use seedbed::scenario::Scenario;
use seedbed_harness::Harness;
use seedbed_harness::execute::{Execution, on_large_stack};
use seedbed_harness::files::{Loaded, LoadedPlan, LoadedScenario, find, load};
use seedbed_harness::judge::{judge, judge_plan, seeds_needed, variants_of_plan};
use seedbed_harness::report::{Card, Paint, card};
use seedbed_harness::sweep::{Job, Live, Seeds, Stops, Workers, sweep};

/// Where scenarios are, seen from the repository.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
/// No scenario's run takes this long.
const RUN_LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let files = find(&[], FOLDER).unwrap_or_else(|complaints| {
        let wrong: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}", wrong.join("\n"))
    });
    let names = files.iter().map(|path| test_name(path)).collect();
    let mut trials: Vec<Trial> =
        files.into_iter().map(|path| Trial::test(test_name(&path), move || test(&path))).collect();
    trials.push(Trial::test("each-file-is-listed-and-found-by-name", move || are_listed_and_found(names)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The path below the folder of scenarios.
fn test_name(path: &str) -> String {
    path.strip_prefix(FOLDER).unwrap_or(path).trim_start_matches('/').to_owned()
}

/// What `cargo test -- --list` and nextest ask: every file is a test of its own, and its name finds it alone.
fn are_listed_and_found(names: Vec<String>) -> Result<(), Failed> {
    let listed = |arguments: &[&str]| -> Result<Vec<String>, Failed> {
        let mut program = Command::new(std::env::current_exe()?);
        let said = program.args(["--list", "--format", "terse"]).args(arguments).output()?;
        let text = String::from_utf8(said.stdout)?;
        Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
    };
    let all = listed(&[])?;
    if let Some(missing) = names.iter().find(|name| !all.contains(name)) {
        return Err(format!("{missing} is not listed").into());
    }
    for name in names.iter().step_by(7) {
        let found = listed(&[name, "--exact"])?;
        if found != [name.clone()] {
            return Err(format!("{name} finds {found:?}").into());
        }
    }
    Ok(())
}

fn test(path: &str) -> Result<(), Failed> {
    seedbed::kernel::quiet_panics();
    let harness = Harness::shipped();
    match load(&harness, path, &[])? {
        Loaded::Scenario(loaded) => holds_its_expectation(&loaded),
        Loaded::Plan(loaded) => is_followed(&loaded),
    }
}

fn holds_its_expectation(loaded: &LoadedScenario<'_>) -> Result<(), Failed> {
    let LoadedScenario { flow, scenario } = loaded;
    let (flow, seeds): (&dyn AnyFlow, _) = (*flow, seeds_needed(scenario, scenario.budget.seeds_test));
    let job = Job { flow, scenario, keep_going: false };
    let hang = |seed| {
        eprintln!("{}: seed {seed} does not end", scenario.path);
        std::process::exit(3);
    };
    let stops = Stops { interrupted: &AtomicBool::new(false), deadline: None };
    let seeds = Seeds { first: 0, count: seeds };
    // Tests run side by side already.
    let swept = sweep(job, seeds, 1, RUN_LIMIT, &Workers::Threads(&hang), stops, &Live::default())?;
    let sites: Vec<_> = flow.info().sites.iter().copied().chain(seedbed::run::engine_sites()).collect();
    let judged = judge(scenario, flow.info(), &sites, &swept, false);
    if judged.as_expected {
        return Ok(());
    }
    let repro = swept.first.as_ref().map(|failed| format!("seedbed replay {} --seed {}", scenario.path, failed.seed));
    let card = card(
        &Card {
            scenario: &scenario.name,
            variant: &scenario.variant,
            verdict: judged.verdict,
            expected: &judged.expected,
            as_expected: false,
            failed: swept.first.as_ref(),
            seeded: true,
            remarks: &judged.notes,
            repro: repro.as_deref(),
        },
        Paint::PLAIN,
    );
    Err(card.into())
}

fn is_followed(loaded: &LoadedPlan<'_>) -> Result<(), Failed> {
    let LoadedPlan { flow, path, plan } = loaded;
    for (variant, fails) in variants_of_plan(plan) {
        let scenario = Scenario { variant: variant.clone(), ..plan.to_scenario(path) };
        let execution = Execution::of_plan(*flow, &scenario, plan);
        let (report, second) = on_large_stack(|| {
            let report = execution.run(false)?;
            let second = execution.compare(&report)?;
            Ok::<_, seedbed_harness::execute::ToolFailure>((report, second))
        })??;
        let (verdict, as_expected) = judge_plan(plan, fails, &report, &second);
        if !as_expected {
            return Err(format!("{variant}: {} {:?}", verdict.word(), report.failure).into());
        }
    }
    Ok(())
}
