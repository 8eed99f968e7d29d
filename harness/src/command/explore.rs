//! `explore`: systematic search instead of seeds.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use seedbed::check::{Fingerprint, InvariantKind};
use seedbed::kernel::Dispatch;
use seedbed::run::sites_of;
use seedbed::scenario::{Claim, Complaint, Plan, write_plan};

use super::check::json;
use super::{Done, Stop, interrupt};
use crate::Harness;
use crate::cli::{ExploreArguments, Format, Reduce};
use crate::compare::Difference;
use crate::execute::on_large_stack;
use crate::exit::Exit;
use crate::explore::{
    Bounds, Coverage, CrashStates, Deviations, Placements, Reduction, Schedules, Subject, Summary, Told, Trouble,
    explore_crashes, explore_schedules, listed, place_faults, tell,
};
use crate::files::{Loaded, LoadedScenario, is_plan, load};
use crate::judge::kind_of;
use crate::output::{line, print};
use crate::report::{Explored, Paint, command_line, deviations, with_progress};
use crate::sweep::Live;

pub fn explore(harness: &Harness, arguments: &ExploreArguments) -> Done {
    if arguments.output.as_ref().is_some_and(|path| !is_plan(path)) {
        return Err(Stop::Usage("-o: the name of a plan ends with .plan.toml".to_owned()));
    }
    let Loaded::Scenario(loaded) = load(harness, &arguments.path, &arguments.overlay.overrides())? else {
        return Err(Stop::Usage(format!("{}: a plan is one run; explore its scenario", arguments.path)));
    };
    check_sites(&loaded, arguments)?;
    let subject = Subject { flow: loaded.flow, scenario: &loaded.scenario, seed: arguments.seed.0 };
    let interrupted = interrupt::listen();
    let result = search(&subject, arguments, interrupted).map_err(|trouble| match trouble {
        Trouble::Tool(failure) => Found::Stopped(Stop::Tool(failure.to_string())),
        Trouble::Nondeterministic(difference) => Found::Nondeterministic(difference),
    });
    let result = match result {
        Ok(result) => result,
        Err(Found::Stopped(stop)) => return Err(stop),
        Err(Found::Nondeterministic(difference)) => {
            return nondeterministic(&subject, &difference);
        }
    };
    let told = on_large_stack(|| tell(&subject, &result.summary, &result.sites, &result.dispatch))
        .map_err(|error| Stop::Tool(error.to_string()))?
        .map_err(|failure| Stop::Tool(failure.to_string()))?;
    let written = match &told {
        Told::Plan(plan) => write(plan, arguments)?,
        Told::NothingFound | Told::OnlyByChoice(_) => None,
    };
    let explored = Explored {
        scenario: &subject.scenario.name,
        variant: &subject.scenario.variant,
        summary: &result.summary,
        complete: result.complete,
        interrupted: interrupted.load(Ordering::Relaxed),
        coverage: &result.coverage,
        crashes: arguments.crash_states.then_some(result.summary.crashes),
        reduced: !arguments.reduce.is_empty(),
        plan: written.as_deref(),
    };
    match arguments.format {
        Format::Json => line(&json(&explored.line())?)?,
        Format::Text => {
            print(&explored.text(Paint::for_stdout()))?;
            print(&about_first(&told, written.as_deref()))?;
        }
    }
    Ok(exit(&subject, &result))
}

enum Found {
    Stopped(Stop),
    Nondeterministic(Difference),
}

/// What a search found, and how to execute its runs again.
struct Searched {
    summary: Summary,
    complete: bool,
    coverage: Vec<Coverage>,
    sites: Vec<String>,
    dispatch: Dispatch,
}

fn search(subject: &Subject<'_>, arguments: &ExploreArguments, interrupted: &AtomicBool) -> Result<Searched, Trouble> {
    let jobs = arguments.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let live = Live::default();
    let on_hang = |deviations: &Deviations| hang(subject, deviations, arguments);
    let bounds = Bounds {
        jobs,
        runs_max: arguments.max_runs,
        interrupted,
        live: &live,
        run_limit: arguments.run_limit,
        on_hang: &on_hang,
    };
    let name = &subject.scenario.name;
    let sites = arguments.sites.as_deref();
    if let Some(faults) = arguments.faults {
        let placements = Placements::new(*subject, sites);
        let (summary, coverage) =
            with_progress(name, "placements", None, &live, || place_faults(&placements, usize::from(faults), &bounds))?;
        let all = coverage.iter().all(Coverage::is_complete);
        return Ok(Searched {
            complete: all && summary.exhausted == 0,
            summary,
            coverage,
            sites: placements.sites().to_vec(),
            dispatch: Dispatch::ByTime,
        });
    }
    if arguments.crash_states {
        let crashes = CrashStates::new(*subject);
        let (summary, all) = with_progress(name, "crash states", None, &live, || explore_crashes(&crashes, &bounds))?;
        return Ok(Searched {
            complete: all && summary.exhausted == 0,
            summary,
            coverage: Vec::new(),
            sites: crashes.sites().to_vec(),
            dispatch: Dispatch::ByTime,
        });
    }
    let schedules = Schedules::new(*subject, sites).reduced(reduction(arguments));
    let (summary, all) = with_progress(name, "schedules", None, &live, || explore_schedules(&schedules, &bounds))?;
    Ok(Searched {
        complete: all && summary.exhausted == 0,
        summary,
        coverage: Vec::new(),
        sites: schedules.sites().to_vec(),
        dispatch: subject.by_choice(),
    })
}

fn reduction(arguments: &ExploreArguments) -> Reduction {
    let wants = |wanted| arguments.reduce.contains(&wanted);
    Reduction { state: wants(Reduce::State), independence: wants(Reduce::Independence) }
}

fn check_sites(loaded: &LoadedScenario<'_>, arguments: &ExploreArguments) -> Result<(), Vec<Complaint>> {
    let known = |name: &String| sites_of(loaded.flow.info()).any(|site| site.names().any(|known| known == name));
    let asked = arguments.sites.iter().flatten();
    let unknown: Vec<Complaint> = asked
        .filter(|name| !known(name))
        .map(|name| {
            Complaint::command_line(format!("--sites: unknown site `{name}`"))
                .with_help("`seedbed list` shows the sites of every flow and of the engine")
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(unknown) }
}

/// Writes the plan where it was asked for.
fn write(plan: &Plan, arguments: &ExploreArguments) -> Result<Option<String>, Stop> {
    let path = match (&arguments.output, &arguments.plan_dir) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => {
            let invariant = plan.failure.as_ref().map_or("failure", |failure| &failure.invariant);
            let name = plan.scenario.replace('/', "-");
            let file = format!("{name}-{}-{invariant}.plan.toml", plan.variant);
            Path::new(folder).join(file).to_string_lossy().into_owned()
        }
        (None, None) => return Ok(None),
    };
    let mut plan = plan.clone();
    let what = match arguments.faults {
        Some(faults) => format!("--faults {faults}"),
        None if arguments.crash_states => "--crash-states".to_owned(),
        None => "--exhaustive".to_owned(),
    };
    plan.found_at = Some(format!("explore {} {what}", arguments.path));
    let cannot = |error: std::io::Error| Stop::Usage(format!("{path}: cannot be written: {error}"));
    if let Some(folder) = &arguments.plan_dir {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    fs::write(&path, write_plan(&plan)).map_err(cannot)?;
    Ok(Some(path))
}

fn about_first(told: &Told, written: Option<&str>) -> String {
    match (told, written) {
        (Told::NothingFound, _) => String::new(),
        (Told::OnlyByChoice(Fingerprint { invariant, .. }), _) => format!(
            "first failure: {invariant}; no latencies were found under which it happens by time, so there is no plan\n"
        ),
        (Told::Plan(plan), Some(path)) => format!(
            "first failure: {} deviations, executed by time with the same failure\nrepro: {}\n",
            plan.script.len(),
            command_line(["replay", path, "--trace", "full"])
        ),
        (Told::Plan(plan), None) => format!(
            "first failure: executed by time with the same failure; -o FILE writes it as a plan\n{}",
            deviations(&plan.script.deviations, 10)
        ),
    }
}

fn exit(subject: &Subject<'_>, searched: &Searched) -> Exit {
    let broken = &searched.summary.by_invariant;
    let unknown = if searched.complete { None } else { Some(Exit::Budget) };
    let worst = |ids: &mut dyn Iterator<Item = &String>| {
        ids.map(|id| match kind_of(id, subject.flow.info()) {
            Some(InvariantKind::Eventually) => Exit::Liveness,
            _ if id == "no-hang" => Exit::Liveness,
            _ => Exit::Unmet,
        })
        .reduce(Exit::graver)
    };
    match &subject.scenario.expect.claim {
        Claim::Violates(expected) if broken.contains_key(expected) => Exit::AsExpected,
        Claim::Violates(_) => unknown.unwrap_or(Exit::Unmet),
        Claim::Holds => worst(&mut broken.keys()).or(unknown).unwrap_or(Exit::AsExpected),
        Claim::HoldsOnly(held) => {
            let fatal = ["no-panic", "no-hang", "no-conflicting-borrow"];
            let counts = |id: &&String| held.contains(id) || fatal.contains(&id.as_str());
            worst(&mut broken.keys().filter(counts)).or(unknown).unwrap_or(Exit::AsExpected)
        }
    }
}

fn nondeterministic(subject: &Subject<'_>, difference: &Difference) -> Done {
    print(&format!(
        "FAIL  {} {}   nondeterministic: a prefix was replayed and the run went another way\n  one execution:   {}\n  another:         {}\n",
        subject.scenario.name, subject.scenario.variant, difference.one, difference.other
    ))?;
    Ok(Exit::Nondeterminism)
}

/// A run that does not end cannot be stopped inside this process: says so and ends it.
fn hang(subject: &Subject<'_>, found: &Deviations, arguments: &ExploreArguments) {
    let told = print(&format!(
        "FAIL  {} {}   hangs: a run had not ended after {} s of wall time\n{}",
        subject.scenario.name,
        subject.scenario.variant,
        arguments.run_limit.as_secs_f64(),
        deviations(&listed(found).deviations, usize::MAX)
    ));
    // The process ends here in any case, and its exit code says why.
    drop(told);
    std::process::exit(i32::from(Exit::Liveness.code()));
}
