//! `audit`: the same seeds in different surroundings, compared event for event.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::{fmt, io};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use seedbed::scenario::SeedRange;
use serde::Serialize;

use super::check::json;
use super::{Done, Stop, interrupt};
use crate::Harness;
use crate::audit::{Surrounding, serve};
use crate::cli::{AuditArguments, AuditWorkerArguments, Format};
use crate::compare::{Difference, Told};
use crate::execute::{ToolFailure, supervised};
use crate::exit::Exit;
use crate::files::{Loaded, LoadedScenario, load};
use crate::output::{OutputError, line};
use crate::sweep::Job;

/// The surroundings a seed is compared in, beside its first execution alone.
const COMPARED: [Surrounding; 3] = [Surrounding::Alone, Surrounding::AfterOthers, Surrounding::BesideOthers];

/// One object of `audit --format json`: one per surrounding.
#[derive(Debug, Serialize)]
struct Line<'a> {
    v: u32,
    scenario: &'a str,
    host: &'static str,
    surrounding: Surrounding,
    seeds: usize,
    identical: usize,
    first: Option<First>,
}

#[derive(Debug, Serialize)]
struct First {
    seed: String,
    #[serde(flatten)]
    difference: Difference,
}

pub fn audit(harness: &Harness, arguments: &AuditArguments) -> Done {
    let loaded = scenario(harness, &arguments.path, arguments)?;
    let name = &loaded.scenario.name;
    let interrupted = interrupt::listen();
    let mut alone = Vec::new();
    let mut exit = Exit::AsExpected;
    for (index, surrounding) in [Surrounding::Alone].into_iter().chain(COMPARED).enumerate() {
        let mut told = Vec::new();
        for range in ranges(arguments.seeds, surrounding) {
            if interrupted.load(Ordering::Relaxed) {
                eprintln!("{name}: interrupted; what is told above was compared");
                return Ok(Exit::Budget);
            }
            told.append(&mut ask(arguments, range, surrounding)?);
        }
        if index == 0 {
            alone = told;
            continue;
        }
        let differences = alone.iter().zip(&told).map(|(one, other)| (one, one.differs_from(other)));
        let mut different = differences.filter_map(|(one, difference)| Some((one, difference?)));
        let first = different.next().map(|(one, difference)| First { seed: one.seed.clone(), difference });
        let differing = usize::from(first.is_some()) + different.count();
        if differing > 0 {
            exit = Exit::Nondeterminism;
        }
        let compared = Line {
            v: 1,
            scenario: name,
            host: seedbed::host(),
            surrounding,
            seeds: alone.len(),
            identical: alone.len() - differing,
            first,
        };
        match arguments.format {
            Format::Json => line(&json(&compared)?)?,
            Format::Text => line(&compared.to_string())?,
        }
    }
    Ok(exit)
}

fn scenario<'a>(harness: &'a Harness, path: &str, arguments: &AuditArguments) -> Result<Box<LoadedScenario<'a>>, Stop> {
    match load(harness, path, &arguments.overlay.overrides())? {
        Loaded::Scenario(loaded) => Ok(loaded),
        Loaded::Plan(_) => {
            Err(Stop::Usage(format!("{path}: a plan is one run; an audit compares the seeds of a scenario")))
        }
    }
}

/// A process per seed, or one for all.
fn ranges(seeds: SeedRange, surrounding: Surrounding) -> Vec<SeedRange> {
    match surrounding {
        Surrounding::Alone => seeds.iter().map(SeedRange::one).collect(),
        Surrounding::AfterOthers | Surrounding::BesideOthers => vec![seeds],
    }
}

/// Runs seeds in a child process.
fn ask(arguments: &AuditArguments, seeds: SeedRange, surrounding: Surrounding) -> Result<Vec<Told>, Stop> {
    let program = std::env::current_exe().map_err(|error| Stop::Tool(format!("who am I? {error}")))?;
    let mut command = Command::new(program);
    command.args(["audit-worker", &arguments.path, "--seeds", &seeds.to_string()]);
    let value = surrounding.to_possible_value();
    command.arg("--surrounding").args(value.as_ref().map(PossibleValue::get_name));
    command.args(["--run-limit", &format!("{}ms", arguments.run_limit.as_millis().max(1))]);
    command.args(arguments.overlay.arguments()).stdin(Stdio::null());
    let output = command.output().map_err(|error| Stop::Tool(format!("no child process: {error}")))?;
    let wrong = |what: &dyn fmt::Display| {
        let said = String::from_utf8_lossy(&output.stderr);
        Stop::Tool(format!("seeds {seeds}, {}: {what}\n{}", surrounding.words(), said.trim()))
    };
    if !output.status.success() {
        return Err(wrong(&output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let told: Result<Vec<Told>, _> = text.lines().map(serde_json::from_str).collect();
    let told = told.map_err(|error| wrong(&error))?;
    // A child that tells less than it was asked would be compared in that much only, and look the same.
    if !told.iter().map(|told| told.seed.as_str()).eq(seeds.iter().map(|seed| seed.0.to_string())) {
        return Err(wrong(&format_args!("{} runs were told", told.len())));
    }
    Ok(told)
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { scenario, surrounding, seeds, identical, first, .. } = self;
        let word = if first.is_some() { "FAIL" } else { "ok  " };
        write!(f, "{word}  {scenario}  {}: {identical} of {seeds} seeds identical", surrounding.words())?;
        if let Some(First { seed, difference }) = first {
            let step = difference.step.map_or_else(String::new, |step| format!(" from step {step} on"));
            write!(f, "\n      seed {seed} differs{step}")?;
            write!(f, "\n      alone: {}\n      there: {}", difference.one, difference.other)?;
        }
        Ok(())
    }
}

/// Why a child could not tell.
enum Untold {
    Failed(String),
    Output(OutputError),
}

impl From<ToolFailure> for Untold {
    fn from(failure: ToolFailure) -> Untold {
        Untold::Failed(format!("seed {}: {failure}", failure.seed))
    }
}

impl From<io::Error> for Untold {
    fn from(error: io::Error) -> Untold {
        Untold::Failed(error.to_string())
    }
}

/// `audit-worker`: the child process behind `audit`.
pub fn audit_worker(harness: &Harness, arguments: &AuditWorkerArguments) -> Done {
    let audit = &arguments.audit;
    let loaded = scenario(harness, &audit.path, audit)?;
    let job = Job { flow: loaded.flow, scenario: &loaded.scenario, keep_going: false };
    let tell = |told: &Told| {
        let object = serde_json::to_string(told).map_err(|error| Untold::Failed(error.to_string()))?;
        line(&object).map_err(Untold::Output)
    };
    let seeds = u32::try_from(audit.seeds.count()).unwrap_or(u32::MAX);
    let limit = audit.run_limit.saturating_mul(seeds);
    let on_hang = || {
        eprintln!("the runs do not end within {} s", limit.as_secs_f64());
        std::process::exit(i32::from(Exit::Liveness.code()));
    };
    let served = supervised(limit, &on_hang, || serve(&job, audit.seeds, arguments.surrounding, tell));
    match served.map_err(|error| Stop::Tool(error.to_string()))? {
        Ok(()) => Ok(Exit::AsExpected),
        Err(Untold::Failed(message)) => Err(Stop::Tool(message)),
        Err(Untold::Output(error)) => Err(error.into()),
    }
}
