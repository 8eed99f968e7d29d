//! `replay`: one run, from a seed or from a plan.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use seedbed::check::Verdict;
use seedbed::run::RunReport;
use seedbed::scenario::{Claim, Complaint, Plan, write_plan};
use seedbed::snapshot::KeepStates;
use seedbed::trace::Trace;

use super::check::json;
use super::one_run::scenario_of;
use super::{Done, Stop};
use crate::Harness;
use crate::cli::{Format, ReplayArguments, TraceMode};
use crate::compare::Second;
use crate::execute::{Execution, Keep, ToolFailure, has_failed, supervised};
use crate::exit::Exit;
use crate::files::{Loaded, is_plan, load};
use crate::judge::{exit_of, expected, expected_of_plan, judge_plan, variants_of_plan};
use crate::output::{line, print};
use crate::report::{Card, Paint, ReplayLine, also, card, deviations, thousands};
use crate::strategy::as_run;
use crate::sweep::FailedRun;

pub fn replay(harness: &Harness, arguments: &ReplayArguments) -> Done {
    if arguments.format == Format::Json && matches!(arguments.trace, Some(TraceMode::Card | TraceMode::Full)) {
        return Err(Stop::Usage("--trace card and --trace full are text; use them without --format json".to_owned()));
    }
    if arguments.output.as_ref().is_some_and(|path| !is_plan(path)) {
        return Err(Stop::Usage("-o: the name of a plan ends with .plan.toml".to_owned()));
    }
    if is_plan(&arguments.path) { of_plan(harness, arguments) } else { of_seed(harness, arguments) }
}

fn of_seed(harness: &Harness, arguments: &ReplayArguments) -> Done {
    let Loaded::Scenario(loaded) = load(harness, &arguments.path, &arguments.overlay.overrides())? else {
        return Err(Stop::Usage(format!("{}: not a scenario", arguments.path)));
    };
    let Some(seed) = arguments.seed else {
        let complaint = Complaint::command_line("a scenario is replayed with a seed").with_help("add --seed N");
        return Err(vec![complaint].into());
    };
    let scenario = &*as_run(&loaded.scenario, seed.0);
    let execution = Execution { until_step: arguments.until, ..Execution::of_seed(loaded.flow, scenario, seed.0) };
    let run = twice(&execution, arguments)?;
    let (verdict, as_expected) = judge_seed(&scenario.expect.claim, &run, arguments.until.is_some());
    if let Some(path) = &arguments.output {
        save(&execution, &run.report, path, arguments)?;
    }
    show(&Shown {
        arguments,
        execution: &execution,
        name: &scenario.name,
        verdict,
        expected: &expected(&scenario.expect.claim),
        as_expected,
        run,
    })
}

fn of_plan(harness: &Harness, arguments: &ReplayArguments) -> Done {
    if arguments.seed.is_some() || arguments.overlay.changes_more_than_the_variant() {
        return Err(Stop::Usage("a plan fixes everything but the variant: --seed and --set do not apply".to_owned()));
    }
    let Loaded::Plan(loaded) = load(harness, &arguments.path, &[])? else {
        return Err(Stop::Usage(format!("{}: not a plan", arguments.path)));
    };
    let plan = &loaded.plan;
    let scenario = scenario_of(&loaded, arguments.overlay.variant.as_deref())?;
    let execution = Execution { until_step: arguments.until, ..Execution::of_plan(loaded.flow, &scenario, plan) };
    let run = twice(&execution, arguments)?;
    let declared = variants_of_plan(plan).into_iter().find(|(name, _)| *name == scenario.variant);
    // On a variant the plan says nothing about, nothing is expected either.
    let (verdict, as_expected, expected) = match declared {
        Some((_, fails)) => {
            let (verdict, as_expected) = judge_plan(plan, fails, &run.report, &run.second);
            // What was cut short has not failed yet, and owes no failure.
            let owes_none = arguments.until.is_some() && !has_failed(verdict);
            (verdict, as_expected || owes_none, expected_of_plan(plan, fails))
        }
        None => {
            let (verdict, _) = judge_plan(plan, false, &run.report, &run.second);
            (verdict, verdict != Verdict::Nondeterministic, "nothing on this variant".to_owned())
        }
    };
    if let Some(path) = &arguments.output {
        save(&execution, &run.report, path, arguments)?;
    }
    show(&Shown {
        arguments,
        execution: &execution,
        name: &loaded.name(),
        verdict,
        expected: &expected,
        as_expected,
        run,
    })
}

/// A run and what its second execution showed.
struct Twice {
    report: RunReport,
    second: Second,
}

fn twice(execution: &Execution<'_>, arguments: &ReplayArguments) -> Result<Twice, Stop> {
    let keep = Keep {
        trace: arguments.trace == Some(TraceMode::Full),
        states: match (&arguments.dump, arguments.until) {
            (Some(_), _) => KeepStates::Files,
            (None, Some(_)) => KeepStates::Last,
            (None, None) => KeepStates::Never,
        },
        ..Keep::default()
    };
    let done = supervised(arguments.run_limit, &|| hang(execution, arguments), || {
        let report = execution.run_with(keep)?;
        let second = execution.compare(&report)?;
        Ok::<_, ToolFailure>(Twice { report, second })
    });
    done.map_err(|error| Stop::Tool(error.to_string()))?.map_err(|failure| Stop::Tool(failure.to_string()))
}

fn hang(execution: &Execution<'_>, arguments: &ReplayArguments) {
    let seconds = arguments.run_limit.as_secs_f64();
    let told = match arguments.format {
        Format::Json => {
            let answer = ReplayLine::hang(&execution.scenario.name, execution.seed);
            json(&answer).and_then(|text| Ok(line(&text)?))
        }
        Format::Text => {
            let name = &execution.scenario.name;
            line(&format!("FAIL  {name}   hangs: the run had not ended after {seconds} s of wall time"))
                .map_err(Stop::from)
        }
    };
    // The process ends here in any case, and its exit code says why.
    drop(told);
    std::process::exit(i32::from(Exit::Liveness.code()));
}

/// The verdict of one seed, and whether the scenario's claim allows it. One seed need not violate what a sweep
/// must; a run that was cut short by `--until` has no answer and owes none.
fn judge_seed(claim: &Claim, run: &Twice, cut: bool) -> (Verdict, bool) {
    if matches!(run.second, Second::Different(_)) {
        return (Verdict::Nondeterministic, false);
    }
    let verdict = run.report.verdict;
    let as_expected = match &run.report.failure {
        Some(failure) if has_failed(verdict) => {
            matches!(claim, Claim::Violates(invariant) if *invariant == failure.invariant)
        }
        _ => cut || verdict == Verdict::Holds,
    };
    (verdict, as_expected)
}

/// Writes the run as a plan, after the plan itself was executed and showed the same.
fn save(execution: &Execution<'_>, report: &RunReport, path: &str, arguments: &ReplayArguments) -> Result<(), Stop> {
    let failure = report.failure.as_ref().map(|failure| failure.fingerprint());
    let mut plan = Plan::of(execution.scenario, report.operations.clone(), report.script.clone(), failure.clone());
    plan.found_at = execution.seed.map(|seed| format!("{} --seed {seed}", arguments.path));
    let follow =
        Execution { until_step: execution.until_step, ..Execution::of_plan(execution.flow, execution.scenario, &plan) };
    let followed = supervised(arguments.run_limit, &|| hang(&follow, arguments), || follow.run(false))
        .map_err(|error| Stop::Tool(error.to_string()))?
        .map_err(|failure| Stop::Tool(failure.to_string()))?;
    let shown = followed.failure.as_ref().map(|failure| failure.fingerprint());
    if shown != failure || followed.verdict != report.verdict {
        let message = format!(
            "{path} is not written: followed as a plan, the run {} instead of what it showed with its seed",
            followed.verdict.word()
        );
        return Err(Stop::Tool(message));
    }
    plan.digest = Some(followed.digest.to_string());
    fs::write(path, write_plan(&plan)).map_err(|error| Stop::Usage(format!("{path}: cannot be written: {error}")))
}

/// Writes the files of the nodes into a folder of each one's own.
fn dump(report: &RunReport, folder: &str) -> Result<(), Stop> {
    for file in report.states.files() {
        let path = Path::new(folder).join(&file.node).join(&file.path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &file.bytes));
        written.map_err(|error| Stop::Usage(format!("{}: cannot be written: {error}", path.display())))?;
    }
    Ok(())
}

struct Shown<'a> {
    arguments: &'a ReplayArguments,
    execution: &'a Execution<'a>,
    name: &'a str,
    verdict: Verdict,
    expected: &'a str,
    as_expected: bool,
    run: Twice,
}

fn show(shown: &Shown<'_>) -> Done {
    let Shown { arguments, execution, verdict, run, .. } = shown;
    if let Some(folder) = &arguments.dump {
        dump(&run.report, folder)?;
    }
    let seed = execution.seed.unwrap_or_default();
    let failed = FailedRun::new(execution.scenario, seed, &run.report, run.second.clone());
    let exit =
        if shown.as_expected { Exit::AsExpected } else { exit_of(*verdict, Some(&failed), execution.flow.info()) };
    if arguments.format == Format::Json {
        let mut answer = ReplayLine::new(&execution.scenario.name, execution.seed, *verdict, &run.report);
        answer.state = arguments.until.map(|_| run.report.states.last());
        line(&json(&answer)?)?;
        return Ok(exit);
    }
    let paint = Paint::for_stdout();
    let trace = arguments.trace.unwrap_or(TraceMode::Card);
    if trace == TraceMode::Full {
        let text = run.report.trace.as_ref().map(Trace::render).unwrap_or_default();
        print(&format!("{text}\n"))?;
    }
    let text = if trace == TraceMode::None {
        one_line(shown)
    } else if has_failed(*verdict) {
        let remarks = remarks(&run.report);
        card(
            &Card {
                scenario: shown.name,
                variant: &execution.scenario.variant,
                verdict: *verdict,
                expected: shown.expected,
                as_expected: shown.as_expected,
                failed: Some(&failed),
                seeded: execution.seed.is_some(),
                remarks: &remarks,
                repro: None,
            },
            paint,
        )
    } else {
        calm_card(shown)
    };
    print(&text)?;
    if arguments.until.is_some() {
        print(&state(&run.report))?;
    }
    Ok(exit)
}

fn one_line(shown: &Shown<'_>) -> String {
    let Shown { name, verdict, run: Twice { report, .. }, .. } = shown;
    let what = match &report.failure {
        Some(failure) => format!(" {} ({}) at step {}", failure.invariant, failure.cause, thousands(failure.step)),
        None => String::new(),
    };
    format!("{} {name}{what}   {} steps   {}\n", verdict.word(), thousands(report.steps), report.digest)
}

/// The card of a run that did not fail.
fn calm_card(shown: &Shown<'_>) -> String {
    let Shown { name, verdict, execution, expected, as_expected, run: Twice { report, .. }, .. } = shown;
    let mut out =
        format!("{}  {name} {}   {} steps", verdict.word(), execution.scenario.variant, thousands(report.steps));
    if let Some(seed) = execution.seed {
        let _ = write!(out, "   seed {seed}");
    }
    out.push('\n');
    out.push_str(&also(&report.also));
    if !as_expected {
        let _ = writeln!(out, "expected: {expected}");
    }
    if let Some(budget) = report.exhausted {
        let _ = writeln!(out, "note: the budget of {budget} was reached");
    }
    for remark in remarks(report) {
        let _ = writeln!(out, "note: {remark}");
    }
    let count = report.script.deviations.len();
    let _ = writeln!(out, "deviations: {}", thousands(count as u64));
    out.push_str(&deviations(&report.script.deviations, 10));
    let _ = writeln!(out, "determinism: run twice, identical   {}", report.digest);
    out
}

/// The state of each node when the run ended.
fn state(report: &RunReport) -> String {
    let fields = report.states.last();
    let mut out = format!("state after step {}:\n", thousands(report.steps));
    let width = fields.keys().map(|field| field.chars().count()).max();
    let width = width.unwrap_or(0);
    for (field, value) in fields {
        let _ = writeln!(out, "  {field:width$}  {value}");
    }
    out
}

/// What was not found again of a plan, and how operations ended.
fn remarks(report: &RunReport) -> Vec<String> {
    let mut remarks = Vec::new();
    let anchoring = &report.anchoring;
    if anchoring.total > 0 {
        remarks.push(format!("anchored {} of {}", anchoring.used, anchoring.total));
    }
    for unused in &anchoring.unused {
        remarks.push(format!("not anchored: {} {} #{} {}", unused.site, unused.actor, unused.n, unused.value));
    }
    if !report.outcomes.is_empty() {
        let outcomes: Vec<String> = report.outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
        remarks.push(format!("operations: {}", outcomes.join(", ")));
    }
    remarks
}
