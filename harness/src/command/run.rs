//! `run`: scenarios over their seeds, regression plans, a table and a card for each surprise.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use seedbed::check::{Failure, Verdict};
use seedbed::scenario::{Claim, Override, Parent, Scenario};

use super::session::{Finished, Session};
use super::{Done, Stop, interrupt, shrink};
use crate::Harness;
use crate::cli::{RunArguments, RunOptions};
use crate::compare::Second;
use crate::execute::{Execution, ToolFailure, supervised};
use crate::exit::Exit;
use crate::files::{Loaded, LoadedPlan, LoadedScenario, find, is_plan, load};
use crate::judge::{Judged, exit_of, expected, expected_of_plan, judge, judge_plan, seeds_needed, variants_of_plan};
use crate::minimal::reach;
use crate::regression::Answer;
use crate::report::{MinimalLine, RegressionLine, command_line, with_progress, with_shrinking};
use crate::shrink::Case;
use crate::strategy::strategy_of;
use crate::sweep::{ChildCommand, FailedRun, Job, Live, Seeds, Stops, SweepEnd, Tally, Workers, sweep};

pub fn run(harness: &Harness, arguments: RunArguments) -> Done {
    let options = &arguments.options;
    let loaded = load_all(harness, &arguments)?;
    let interrupted = interrupt::listen();
    let rows = loaded.iter().flat_map(row_names).collect();
    let session = Session::start(options.format, rows)?;
    let mut left = loaded.len();
    for file in &loaded {
        if session.is_interrupted(interrupted) || (options.fail_fast && session.has_surprise()) {
            break;
        }
        match file {
            Loaded::Scenario(scenario) => {
                let stops = Stops { interrupted, deadline: options.time.map(|time| Instant::now() + time) };
                run_scenario(&session, scenario, options, stops)?;
            }
            Loaded::Plan(plan) => run_plan(&session, plan, options)?,
        }
        left -= 1;
    }
    session.finish(left)
}

/// Everything that is to be run; a single wrong file and nothing is.
fn load_all<'a>(harness: &'a Harness, arguments: &RunArguments) -> Result<Vec<Loaded<'a>>, Stop> {
    let settings: Vec<Override> = arguments.options.overlay.overrides();
    let (mut loaded, mut wrong) = (Vec::new(), Vec::new());
    for file in find(&arguments.paths, harness.folder())? {
        if is_plan(&file) && !settings.is_empty() {
            if arguments.paths.contains(&file) {
                wrong.push(format!("{file}: a plan fixes everything; --set and --variant do not apply to it"));
            }
            continue;
        }
        match load(harness, &file, &settings) {
            Ok(file) => loaded.push(file),
            Err(complaints) => wrong.push(complaints.to_string()),
        }
    }
    if wrong.is_empty() { Ok(loaded) } else { Err(Stop::Usage(wrong.join("\n\n"))) }
}

/// Name, variant and expectation of the rows a file will have.
fn row_names(file: &Loaded<'_>) -> Vec<[String; 3]> {
    match file {
        Loaded::Scenario(loaded) => {
            let Scenario { name, variant, expect, .. } = &loaded.scenario;
            vec![[name.clone(), variant.clone(), expected(&expect.claim)]]
        }
        Loaded::Plan(loaded) => variants_of_plan(&loaded.plan)
            .into_iter()
            .map(|(variant, fails)| [loaded.name(), variant, expected_of_plan(&loaded.plan, fails)])
            .collect(),
    }
}

fn run_scenario(
    session: &Session,
    loaded: &LoadedScenario<'_>,
    options: &RunOptions,
    stops: Stops<'_>,
) -> Result<(), Stop> {
    let LoadedScenario { flow, scenario } = loaded;
    let whole = options.seeds.is_none() && options.time.is_none();
    let seeds = seeds_of(scenario, options);
    let jobs = options.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let on_hang = |seed| hang(session, loaded, options, seed);
    let child = child_command(scenario, options)?;
    let workers = if options.isolate { Workers::Processes(&child) } else { Workers::Threads(&on_hang) };
    let job = Job { flow: *flow, scenario, keep_going: options.keep_going };
    let live = Live::default();
    let total = options.time.is_none().then_some(seeds.count);
    let swept = with_progress(&scenario.name, "seeds", total, &live, || {
        sweep(job, seeds, jobs, options.run_limit, &workers, stops, &live)
    });
    let swept = swept.map_err(|failure| tool_failure(scenario, options, &failure))?;
    if swept.ended == SweepEnd::Interrupted {
        session.note_interrupt();
    }
    let sites: Vec<_> = flow.info().sites.iter().copied().chain(seedbed::run::engine_sites()).collect();
    let mut judged = judge(scenario, flow.info(), &sites, &swept, whole);
    let mut minimal = None;
    if let Some(failed) = swept.first.as_ref().filter(|_| options.check_minimal && judged.as_expected) {
        minimal = check_minimal(loaded, options, failed, &mut judged)?;
    }
    let repro = match &swept.first {
        Some(failed) => replay_line(scenario, options, failed.seed, &failed.parents),
        None => run_line(scenario, options),
    };
    session.report(&Finished {
        name: &scenario.name,
        flow: &scenario.flow,
        variant: &scenario.variant,
        tally: &swept.tally,
        verdict: judged.verdict,
        expected: &judged.expected,
        as_expected: judged.as_expected,
        exit: judged.exit,
        notes: &judged.notes,
        first: swept.first.as_ref(),
        is_plan: false,
        repro: &repro,
        minimal,
        regression: None,
    })?;
    Ok(())
}

/// Shrinks an expected failure; what it shrinks to belongs to what is expected.
fn check_minimal(
    loaded: &LoadedScenario<'_>,
    options: &RunOptions,
    failed: &FailedRun,
    judged: &mut Judged,
) -> Result<Option<MinimalLine>, Stop> {
    let LoadedScenario { flow, scenario } = loaded;
    let on_hang = |_: &Case| {
        eprintln!("{}: a smaller run does not end", scenario.name);
        Exit::Liveness
    };
    let live = crate::shrink::Live::default();
    let shrinking =
        shrink::options(shrink::jobs(options.jobs), options.run_limit, interrupt::listen(), &on_hang, &live);
    let reached = with_shrinking(&scenario.name, shrinking.executions, &live, || {
        reach(*flow, &failed.scenario(scenario), failed.seed, &shrinking)
    });
    let reached = match reached {
        Ok(reached) => reached,
        Err(error) => {
            judged.as_expected = false;
            judged.exit = shrink::told(&scenario.name, error)?;
            judged.notes.push("it could not be shrunk".to_owned());
            return Ok(None);
        }
    };
    judged.notes.push(reached.remark());
    if !reached.is_as_stated() {
        judged.as_expected = false;
        judged.exit = Exit::Unmet;
    }
    Ok(Some(MinimalLine {
        operations: reached.shrunk.to.operations,
        deviations: reached.shrunk.to.deviations,
        executions: reached.shrunk.executions,
    }))
}

/// The seeds of a sweep. A violation that is promised within a number of seeds gets at least that many.
fn seeds_of(scenario: &Scenario, options: &RunOptions) -> Seeds {
    if let Some(range) = options.seeds {
        let first = range.get(0).map_or(0, |seed| seed.0);
        return Seeds { first, count: u64::try_from(range.count()).unwrap_or(u64::MAX) };
    }
    if options.time.is_some() {
        return Seeds { first: 0, count: u64::MAX };
    }
    let budget = if options.full { scenario.budget.seeds_full } else { scenario.budget.seeds_run };
    Seeds { first: 0, count: seeds_needed(scenario, budget) }
}

fn child_command(scenario: &Scenario, options: &RunOptions) -> Result<ChildCommand, Stop> {
    let program: PathBuf = std::env::current_exe().map_err(|error| Stop::Tool(format!("who am I? {error}")))?;
    let mut arguments = vec!["worker".to_owned(), scenario.path.clone()];
    arguments.extend(options.overlay.arguments());
    if !options.overlay.parents.is_empty() {
        arguments.extend(["--parents".to_owned(), options.overlay.parents.join(",")]);
    }
    if options.keep_going {
        arguments.push("--keep-going".to_owned());
    }
    arguments.extend(["--run-limit".to_owned(), format!("{}ms", options.run_limit.as_millis().max(1))]);
    Ok(ChildCommand { program, arguments })
}

fn replay_line(scenario: &Scenario, options: &RunOptions, seed: u64, parents: &[Parent]) -> String {
    let mut arguments = vec!["replay".to_owned(), scenario.path.clone(), "--seed".to_owned(), seed.to_string()];
    if !parents.is_empty() {
        let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
        arguments.extend(["--parents".to_owned(), parents.join(",")]);
    }
    arguments.extend(["--trace".to_owned(), "full".to_owned()]);
    arguments.extend(options.overlay.arguments());
    command_line(arguments)
}

fn run_line(scenario: &Scenario, options: &RunOptions) -> String {
    let mut arguments = vec!["run".to_owned(), scenario.path.clone()];
    if options.full {
        arguments.push("--full".to_owned());
    }
    if let Some(seeds) = options.seeds {
        arguments.extend(["--seeds".to_owned(), seeds.to_string()]);
    }
    arguments.extend(options.overlay.arguments());
    command_line(arguments)
}

fn tool_failure(scenario: &Scenario, options: &RunOptions, failure: &ToolFailure) -> Stop {
    let line = replay_line(scenario, options, failure.seed, &[]);
    Stop::Tool(format!("{}: seed {}: {failure}\nrepro: {line}", scenario.name, failure.seed))
}

/// A run that does not end cannot be stopped inside this process: says so and ends it.
fn hang(session: &Session, loaded: &LoadedScenario<'_>, options: &RunOptions, seed: u64) {
    let LoadedScenario { flow, scenario } = loaded;
    let failed = FailedRun {
        seed,
        verdict: Verdict::Hangs,
        failure: Some(Failure {
            invariant: "no-hang".to_owned(),
            cause: "no end within the wall limit".to_owned(),
            detail: format!(
                "the run had not ended after {} s of wall time; --isolate would go on with other scenarios",
                options.run_limit.as_secs_f64()
            ),
            step: 0,
            at_ns: 0,
        }),
        also: Vec::new(),
        steps: 0,
        digest: None,
        deviations: Vec::new(),
        second: Second::NotTried,
        strategy: strategy_of(scenario, seed),
        parents: Vec::new(),
    };
    let as_expected = matches!(&scenario.expect.claim, Claim::Violates(invariant) if invariant == "no-hang");
    let reported = session.report(&Finished {
        name: &scenario.name,
        flow: &scenario.flow,
        variant: &scenario.variant,
        tally: &Tally { failures: 1, ..Tally::default() },
        verdict: Verdict::Hangs,
        expected: &expected(&scenario.expect.claim),
        as_expected,
        exit: exit_of(Verdict::Hangs, Some(&failed), flow.info()),
        notes: &["the watchdog ended the program here".to_owned()],
        first: Some(&failed),
        is_plan: false,
        repro: &replay_line(scenario, options, seed, &[]),
        minimal: None,
        regression: None,
    });
    let exit = reported.and_then(|()| session.finish(0)).unwrap_or_else(Stop::exit);
    std::process::exit(i32::from(exit.graver(Exit::Liveness).code()));
}

fn run_plan(session: &Session, loaded: &LoadedPlan<'_>, options: &RunOptions) -> Result<(), Stop> {
    let LoadedPlan { flow, path, plan } = loaded;
    for (variant, fails) in variants_of_plan(plan) {
        let scenario = Scenario { variant: variant.clone(), ..plan.to_scenario(path) };
        let execution = Execution::of_plan(*flow, &scenario, plan);
        let repro = command_line(["replay", path, "--trace", "full", "--variant", &variant]);
        let on_hang = || {
            eprintln!("{}: the run does not end\nrepro: {repro}", loaded.name());
            std::process::exit(i32::from(Exit::Liveness.code()));
        };
        let twice = supervised(options.run_limit, &on_hang, || {
            let report = execution.run(false)?;
            let second = execution.compare(&report)?;
            Ok::<_, ToolFailure>((report, second))
        });
        let (report, second) =
            twice.map_err(|error| Stop::Tool(error.to_string()))?.map_err(|error| Stop::Tool(error.to_string()))?;
        let (verdict, as_expected) = judge_plan(plan, fails, &report, &second);
        let answer = Answer::of(plan, fails, &report, &second);
        let mut tally = Tally::default();
        tally.count(&report, crate::execute::has_failed(verdict));
        (tally.seeds, tally.runs) = (0, 2);
        let anchoring = &report.anchoring;
        let notes = answer.remarks(anchoring, path);
        let failed = FailedRun::new(&scenario, 0, &report, second);
        session.report(&Finished {
            name: &loaded.name(),
            flow: &plan.flow,
            variant: &variant,
            tally: &tally,
            verdict,
            expected: &expected_of_plan(plan, fails),
            as_expected,
            exit: if as_expected { Exit::AsExpected } else { exit_of(verdict, Some(&failed), flow.info()) },
            notes: &notes,
            first: crate::execute::has_failed(verdict).then_some(&failed),
            is_plan: true,
            repro: &repro,
            minimal: None,
            regression: Some(RegressionLine { answer: answer.word(), anchored: [anchoring.used, anchoring.total] }),
        })?;
    }
    Ok(())
}
