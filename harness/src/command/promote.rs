//! `promote`: a plan becomes a regression, or a regression is found again.

use std::path::Path;
use std::process::Command;

use seedbed::run::RunReport;
use seedbed::scenario::{Complaint, Plan, Scenario, write_plan};

use super::shrink::{jobs, options, told};
use super::{Done, Stop, interrupt};
use crate::Harness;
use crate::cli::PromoteArguments;
use crate::compare::Second;
use crate::execute::{Execution, ToolFailure, supervised};
use crate::exit::Exit;
use crate::files::{Loaded, LoadedPlan, load, save};
use crate::judge::variants_of_plan;
use crate::output::line;
use crate::regression::Answer;
use crate::report::{command_line, with_shrinking};
use crate::shrink::{Case, Live, Options, refresh};

/// The variant on which a regression is expected to hold if nothing is said.
const CORRECT: &str = "correct";

pub fn promote(harness: &Harness, arguments: &PromoteArguments) -> Done {
    let Loaded::Plan(loaded) = load(harness, &arguments.path, &[])? else {
        return Err(Stop::Usage(format!("{}: not a plan; `seedbed shrink` makes one", arguments.path)));
    };
    if arguments.refresh {
        return refreshed(&loaded, arguments);
    }
    let Some(name) = &arguments.name else {
        let complaint = Complaint::command_line("a regression needs a name").with_help("add --name X");
        return Err(vec![complaint].into());
    };
    let plan = named(&loaded, arguments)?;
    let folder = harness.folder();
    let path = format!("{folder}/{}/regressions/{name}.plan.toml", plan.flow);
    if Path::new(&path).exists() {
        return Err(Stop::Usage(format!("{path} exists; remove it first, or write it anew with --refresh")));
    }
    let plan = Plan { found_at: found_at(plan.found_at.as_deref()), ..plan };
    finish(&loaded, plan, &path, arguments)
}

/// The plan with what the command line says about it.
fn named(loaded: &LoadedPlan<'_>, arguments: &PromoteArguments) -> Result<Plan, Stop> {
    let plan = &loaded.plan;
    if plan.failure.is_none() {
        return Err(Stop::Usage(format!(
            "{}: it has no [failure], so there is nothing that could come back",
            loaded.path
        )));
    }
    let known = loaded.flow.info().variants;
    for variant in arguments.fails_on.iter().chain(&arguments.holds_on) {
        if !known.iter().any(|named| named.label == variant) {
            let labels: Vec<&str> = known.iter().map(|named| named.label).collect();
            return Err(Stop::Usage(format!(
                "unknown variant `{variant}`: the variants of {} are {}",
                plan.flow,
                labels.join(", ")
            )));
        }
        if arguments.fails_on.contains(variant) && arguments.holds_on.contains(variant) {
            return Err(Stop::Usage(format!("`{variant}` cannot both fail and hold")));
        }
    }
    let given = |given: &[String], kept: &[String], default: Option<&str>| {
        if !given.is_empty() {
            given.to_vec()
        } else if !kept.is_empty() {
            kept.to_vec()
        } else {
            default.map(str::to_owned).into_iter().collect()
        }
    };
    let fails_on = given(&arguments.fails_on, &plan.fails_on, Some(&plan.variant));
    let correct = known
        .iter()
        .map(|named| named.label)
        .find(|label| *label == CORRECT && !fails_on.iter().any(|fails| fails == label));
    let holds_on = given(&arguments.holds_on, &plan.holds_on, correct);
    Ok(Plan {
        sentence: arguments.sentence.clone().or_else(|| plan.sentence.clone()),
        fails_on,
        holds_on,
        ..plan.clone()
    })
}

/// Looks near a plan for its failure, and writes it anew.
fn refreshed(loaded: &LoadedPlan<'_>, arguments: &PromoteArguments) -> Done {
    let plan = named(loaded, arguments)?;
    let Some(target) = plan.failure.clone() else {
        return Err(Stop::Usage(format!("{}: it has no [failure]", loaded.path)));
    };
    let scenario = plan.to_scenario(&loaded.path);
    let live = Live::default();
    let on_hang = |_: &Case| hang(&loaded.path);
    let options = Options {
        executions: arguments.executions,
        ..options(jobs(arguments.jobs), arguments.run_limit, interrupt::listen(), &on_hang, &live)
    };
    let found = with_shrinking(&loaded.name(), options.executions, &live, || {
        refresh(loaded.flow, &scenario, &plan, &target, &options)
    });
    let shrunk = match found {
        Ok(Some(shrunk)) => shrunk,
        Ok(None) => {
            line(&format!(
                "{}: nothing near it fails with {} ({}) within {} executions; it is left as it was",
                loaded.path, target.invariant, target.cause, arguments.executions
            ))?;
            return Ok(Exit::Budget);
        }
        Err(error) => return told(&loaded.name(), error),
    };
    let fresh = Plan {
        scenario: plan.scenario.clone(),
        sentence: plan.sentence.clone(),
        fails_on: loaded.plan.fails_on.clone(),
        holds_on: loaded.plan.holds_on.clone(),
        found_at: found_at(plan.found_at.as_deref()),
        ..shrunk.plan(&scenario)
    };
    finish(loaded, fresh, &loaded.path, arguments)
}

/// Executes the plan on every variant it speaks about, and writes it only if all of them agree.
fn finish(loaded: &LoadedPlan<'_>, mut plan: Plan, path: &str, arguments: &PromoteArguments) -> Done {
    let mut disagreeing = Vec::new();
    for (variant, fails) in variants_of_plan(&plan) {
        let (report, second) = twice(loaded, &plan, &variant, arguments)?;
        if variant == plan.variant {
            plan.digest = Some(report.digest.to_string());
        }
        let answer = Answer::of(&plan, fails, &report, &second);
        let shown = match &report.failure {
            Some(failure) => format!("{} ({})", failure.invariant, failure.cause),
            None => report.verdict.word().to_owned(),
        };
        let must = if fails { "fail" } else { "hold" };
        if !answer.is_as_expected() {
            disagreeing.push(format!("on {variant} it must {must}, but shows: {shown} [{}]", answer.word()));
        }
    }
    if !disagreeing.is_empty() {
        line(&format!("{path} is not written:\n  {}", disagreeing.join("\n  ")))?;
        return Ok(Exit::Unmet);
    }
    save(path, &write_plan(&plan)).map_err(|complaint| Stop::from(vec![complaint]))?;
    let list = |variants: &[String]| match variants {
        [] => "nothing".to_owned(),
        some => some.join(", "),
    };
    line(&format!(
        "{path}\n  fails on {}; holds on {}; {} operations, {} deviations\nrepro: {}",
        list(&plan.fails_on),
        list(&plan.holds_on),
        plan.operations.len(),
        plan.script.len(),
        command_line(["replay", path])
    ))?;
    Ok(Exit::AsExpected)
}

fn twice(
    loaded: &LoadedPlan<'_>,
    plan: &Plan,
    variant: &str,
    arguments: &PromoteArguments,
) -> Result<(RunReport, Second), Stop> {
    let scenario = Scenario { variant: variant.to_owned(), ..plan.to_scenario(&loaded.path) };
    let execution = Execution::of_plan(loaded.flow, &scenario, plan);
    let on_hang = || std::process::exit(i32::from(hang(&loaded.path).code()));
    let done = supervised(arguments.run_limit, &on_hang, || {
        let report = execution.run(false)?;
        let second = execution.compare(&report)?;
        Ok::<_, ToolFailure>((report, second))
    });
    done.map_err(|error| Stop::Tool(error.to_string()))?.map_err(|failure| Stop::Tool(failure.to_string()))
}

fn hang(path: &str) -> Exit {
    eprintln!("{path}: a run does not end");
    Exit::Liveness
}

/// Where a plan was found: the commit, if there is one, and what the plan itself says.
fn found_at(known: Option<&str>) -> Option<String> {
    // What an earlier promotion wrote is replaced.
    let known = known.map(|known| match known.split_once(", ") {
        Some((commit, rest)) if commit.starts_with("commit ") => rest,
        None if known.starts_with("commit ") => "",
        _ => known,
    });
    let commit = commit().map(|commit| format!("commit {commit}"));
    let parts: Vec<&str> = commit.as_deref().into_iter().chain(known.filter(|known| !known.is_empty())).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The commit of the working tree, marked if there are changes beyond it; none outside a repository.
fn commit() -> Option<String> {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(git.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
