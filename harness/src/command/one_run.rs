//! The run that a command looks at: a plan, or a scenario with a seed.

use std::time::Duration;

use seedbed::check::Fingerprint;
use seedbed::choice::{Script, SiteSetting};
use seedbed::run::{AnyFlow, RunReport, Source};
use seedbed::scenario::{Complaint, Plan, Scenario};

use super::Stop;
use crate::Harness;
use crate::cli::{OneRun, OneRunOptions, Overlay};
use crate::execute::{Execution, Keep, ToolFailure, supervised};
use crate::exit::Exit;
use crate::files::{Loaded, LoadedPlan, is_plan, load};
use crate::shrink::Case;
use crate::strategy::as_run;

/// A run that can be executed again and again.
pub struct Chosen<'a> {
    pub flow: &'a dyn AnyFlow,
    /// Its name, for people.
    pub name: String,
    pub scenario: Scenario,
    /// Where the scenario's faults come from, in words.
    pub faults: String,
    pub case: Case,
    pub seed: Option<u64>,
    /// The failure a plan is about.
    pub expected: Option<Fingerprint>,
}

/// The run the arguments name. A seed is executed once, and what it took becomes the case.
pub fn choose<'a>(harness: &'a Harness, run: &OneRun) -> Result<Chosen<'a>, Stop> {
    let OneRun { path, options } = run;
    if is_plan(path) {
        if options.seed.is_some() || options.overlay.changes_more_than_the_variant() {
            return Err(Stop::Usage(
                "a plan fixes everything but the variant: --seed and --set do not apply".to_owned(),
            ));
        }
        return of_plan(harness, path, &options.overlay);
    }
    of_seed(harness, path, options)
}

fn of_seed<'a>(harness: &'a Harness, path: &str, options: &OneRunOptions) -> Result<Chosen<'a>, Stop> {
    let Loaded::Scenario(loaded) = load(harness, path, &options.overlay.overrides())? else {
        return Err(Stop::Usage(format!("{path}: not a scenario")));
    };
    let Some(seed) = options.seed else {
        let complaint =
            Complaint::command_line("a scenario has many runs; one is needed here").with_help("add --seed N");
        return Err(vec![complaint].into());
    };
    let (flow, scenario) = (loaded.flow, as_run(&loaded.scenario, seed.0).into_owned());
    let name = scenario.name.clone();
    let execution = Execution::of_seed(flow, &scenario, seed.0);
    // Only a run that somebody looks at has its script in the report.
    let keep = Keep { trace: true, ..Keep::default() };
    let report = watched(&name, options.run_limit, || execution.run_with(keep))?;
    Ok(Chosen {
        flow,
        name,
        case: Case::of_report(&scenario, &report),
        scenario,
        faults: format!("the faults of {path}"),
        seed: Some(seed.0),
        expected: None,
    })
}

/// The run of a plan, on its own variant or another.
pub fn of_plan<'a>(harness: &'a Harness, path: &str, overlay: &Overlay) -> Result<Chosen<'a>, Stop> {
    let Loaded::Plan(loaded) = load(harness, path, &[])? else {
        return Err(Stop::Usage(format!("{path}: not a plan")));
    };
    let scenario = scenario_of(&loaded, overlay.variant.as_deref())?;
    let (faults, scenario) = with_faults(harness, &loaded.plan, scenario);
    Ok(Chosen {
        flow: loaded.flow,
        name: loaded.name(),
        scenario,
        faults,
        case: Case::of_plan(&loaded.plan),
        seed: None,
        expected: loaded.plan.failure,
    })
}

/// The scenario a plan describes, on its own variant or another that the flow has.
pub fn scenario_of(loaded: &LoadedPlan<'_>, variant: Option<&str>) -> Result<Scenario, Stop> {
    let plan = &loaded.plan;
    let variant = variant.unwrap_or(&plan.variant);
    let known = loaded.flow.info().variants;
    if !known.iter().any(|named| named.label == variant) {
        let labels: Vec<&str> = known.iter().map(|named| named.label).collect();
        let complaint = Complaint::command_line(format!("unknown variant `{variant}`")).with_help(format!(
            "the variants of {} are {}",
            plan.flow,
            labels.join(", ")
        ));
        return Err(vec![complaint].into());
    }
    Ok(Scenario { variant: variant.to_owned(), ..plan.to_scenario(&loaded.path) })
}

/// A plan has no faults of its own: those of the scenario it came from, if that can be read, or the sites it
/// names at their default rates. A replay does not look at them.
fn with_faults(harness: &Harness, plan: &Plan, scenario: Scenario) -> (String, Scenario) {
    let folder = harness.folder().trim_end_matches('/');
    // A scenario is called after its folder, which may be the harness's own.
    let beside = folder.rsplit_once('/').map(|(parent, _)| parent);
    for folder in [Some(folder), beside].into_iter().flatten() {
        let path = format!("{folder}/{}.toml", plan.scenario);
        if let Ok(Loaded::Scenario(origin)) = load(harness, &path, &[])
            && origin.scenario.flow == plan.flow
        {
            let faults = origin.scenario.faults;
            let words = format!("the faults of {path}");
            return (words, Scenario { faults, ..scenario });
        }
    }
    let mut faults = scenario.faults.clone();
    for deviation in &plan.script {
        faults.sites.insert(deviation.site.clone(), SiteSetting::default());
    }
    let words = "the plan's own sites at their default rates".to_owned();
    (words, Scenario { faults, ..scenario })
}

impl Chosen<'_> {
    /// Executes the run with everything kept.
    pub fn look(&self, run_limit: Duration) -> Result<RunReport, Stop> {
        let execution = self.execution(&self.case.script);
        watched(&self.name, run_limit, || execution.run_with(Keep::EVERYTHING))
    }

    fn execution<'c>(&'c self, script: &'c Script) -> Execution<'c> {
        Execution {
            flow: self.flow,
            scenario: &self.scenario,
            seed: None,
            source: Source::Replay(script),
            operations: Some(&self.case.operations),
            until_step: None,
        }
    }
}

/// Executes something, watched: a run that does not end ends the process.
fn watched<T: Send>(
    name: &str,
    run_limit: Duration,
    work: impl FnOnce() -> Result<T, ToolFailure> + Send,
) -> Result<T, Stop> {
    supervised(run_limit, &|| hang(name), work)
        .map_err(|error| Stop::Tool(error.to_string()))?
        .map_err(|failure| Stop::Tool(failure.to_string()))
}

/// An execution does not end; so the process does.
pub fn hang(name: &str) {
    eprintln!("{name}: an execution does not end");
    std::process::exit(i32::from(Exit::Liveness.code()));
}
