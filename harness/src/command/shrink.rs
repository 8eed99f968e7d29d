//! `shrink`: the smallest plan with the same failure.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::run::AnyFlow;
use seedbed::scenario::{Complaint, Plan, Scenario, write_plan};

use super::check::json;
use super::{Done, Stop, interrupt};
use crate::Harness;
use crate::cli::{Format, ShrinkArguments};
use crate::exit::Exit;
use crate::files::{Loaded, is_plan, load, save};
use crate::output::{line, print};
use crate::report::{MinimalCard, Paint, ShrinkLine, command_line, minimal_card, with_shrinking};
use crate::shrink::{Case, Live, Options, ShrinkEnd, ShrinkError, Shrunk, plan_of, shrink_plan, shrink_seed};

pub fn shrink(harness: &Harness, arguments: &ShrinkArguments) -> Done {
    if arguments.output.as_ref().is_some_and(|path| !is_plan(path)) {
        return Err(Stop::Usage("-o: the name of a plan ends with .plan.toml".to_owned()));
    }
    match load(harness, &arguments.path, &overrides(arguments)?)? {
        Loaded::Scenario(loaded) => {
            let Some(seed) = arguments.seed else {
                let complaint = Complaint::command_line("a scenario is shrunk from a failing seed")
                    .with_help("add --seed N; `seedbed run` names one");
                return Err(vec![complaint].into());
            };
            let subject = Subject {
                flow: loaded.flow,
                name: loaded.scenario.name.clone(),
                scenario: loaded.scenario,
                plan: None,
                seed: Some(seed.0),
            };
            subject.shrink(arguments)
        }
        Loaded::Plan(loaded) => {
            if arguments.seed.is_some() {
                return Err(Stop::Usage("a plan fixes everything: --seed does not apply".to_owned()));
            }
            let subject = Subject {
                flow: loaded.flow,
                name: loaded.name(),
                scenario: loaded.plan.to_scenario(&loaded.path),
                plan: Some(loaded.plan),
                seed: None,
            };
            subject.shrink(arguments)
        }
    }
}

fn overrides(arguments: &ShrinkArguments) -> Result<Vec<seedbed::scenario::Override>, Stop> {
    let overrides = arguments.overlay.overrides();
    if is_plan(&arguments.path) && !overrides.is_empty() {
        return Err(Stop::Usage("a plan fixes everything: --set and --variant do not apply".to_owned()));
    }
    Ok(overrides)
}

/// What is shrunk.
struct Subject<'a> {
    flow: &'a dyn AnyFlow,
    name: String,
    scenario: Scenario,
    plan: Option<Plan>,
    seed: Option<u64>,
}

impl Subject<'_> {
    fn shrink(&self, arguments: &ShrinkArguments) -> Done {
        let path = arguments.output.clone().unwrap_or_else(|| default_path(&arguments.path));
        let live = Live::default();
        let on_hang = |best: &Case| self.hang(best, &path);
        let options = Options {
            jobs: jobs(arguments.jobs),
            executions: arguments.executions,
            run_limit: arguments.run_limit,
            interrupted: interrupt::listen(),
            on_hang: &on_hang,
            live: &live,
        };
        let result = with_shrinking(&self.name, options.executions, &live, || match &self.plan {
            None => shrink_seed(self.flow, &self.scenario, self.seed.unwrap_or_default(), &options),
            Some(plan) => shrink_plan(self.flow, &self.scenario, plan, &options),
        });
        let shrunk = match result {
            Ok(shrunk) => shrunk,
            Err(error) => return told(&self.name, error),
        };
        save(&path, &write_plan(&self.plan_of(&shrunk, arguments))).map_err(|complaint| Stop::from(vec![complaint]))?;
        if let Some(folder) = &arguments.relatives {
            self.save_relatives(&shrunk, folder)?;
        }
        self.show(&shrunk, &path, arguments)?;
        Ok(match shrunk.ended {
            ShrinkEnd::Minimal => Exit::AsExpected,
            ShrinkEnd::Budget | ShrinkEnd::Interrupted => Exit::Budget,
        })
    }

    /// The plan that is written. One that was shrunk keeps what people wrote into it.
    fn plan_of(&self, shrunk: &Shrunk, arguments: &ShrinkArguments) -> Plan {
        let plan = shrunk.plan(&self.scenario);
        match (&self.plan, self.seed) {
            (Some(old), _) => Plan {
                sentence: old.sentence.clone(),
                fails_on: old.fails_on.clone(),
                holds_on: old.holds_on.clone(),
                found_at: old.found_at.clone(),
                ..plan
            },
            (None, seed) => Plan { found_at: seed.map(|seed| format!("{} --seed {seed}", arguments.path)), ..plan },
        }
    }

    fn save_relatives(&self, shrunk: &Shrunk, folder: &str) -> Result<(), Stop> {
        let folder = folder.trim_end_matches('/');
        for (at, relative) in shrunk.relatives.iter().enumerate() {
            let plan = plan_of(&relative.case, &self.scenario, &relative.fingerprint);
            let path = format!("{folder}/relative-{}.plan.toml", at + 1);
            save(&path, &write_plan(&plan)).map_err(|complaint| Stop::from(vec![complaint]))?;
        }
        Ok(())
    }

    fn show(&self, shrunk: &Shrunk, path: &str, arguments: &ShrinkArguments) -> Result<(), Stop> {
        let repro = command_line(["replay", path, "--trace", "full"]);
        let card = MinimalCard {
            name: &self.name,
            scenario: &self.scenario,
            seed: self.seed,
            shrunk,
            plan: Some(path),
            repro: Some(&repro),
        };
        match arguments.format {
            Format::Json => line(&json(&ShrinkLine::new(&card))?)?,
            Format::Text => print(&minimal_card(&card, Paint::for_stdout()))?,
        }
        Ok(())
    }

    /// A candidate does not end: what is left of the process writes the best so far.
    fn hang(&self, best: &Case, path: &str) -> Exit {
        eprintln!("{}: a candidate does not end", self.name);
        if best.parts() == 0 {
            return Exit::Liveness;
        }
        let plan = Plan {
            failure: None,
            ..Plan::of(&best.scenario(&self.scenario), best.operations.clone(), best.script.clone(), None)
        };
        match save(path, &write_plan(&plan)) {
            Ok(()) => eprintln!("the smallest run so far is in {path}"),
            Err(complaint) => eprintln!("{complaint}"),
        }
        Exit::Liveness
    }
}

/// The name of the plan beside the current folder: that of the scenario, or of the plan with `.min` added.
fn default_path(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    match file.strip_suffix(".plan.toml") {
        Some(stem) => format!("{stem}.min.plan.toml"),
        None => format!("{}.plan.toml", file.strip_suffix(".toml").unwrap_or(file)),
    }
}

/// Worker threads: as asked for, or one per core.
pub(super) fn jobs(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get), usize::from)
}

/// Options for a shrinking that is a part of something else; a hang ends the process with a word about it.
pub(super) fn options<'a>(
    jobs: usize,
    run_limit: Duration,
    interrupted: &'a AtomicBool,
    on_hang: &'a (dyn Fn(&Case) -> Exit + Sync),
    live: &'a Live,
) -> Options<'a> {
    Options { jobs, executions: crate::shrink::EXECUTIONS_DEFAULT, run_limit, interrupted, on_hang, live }
}

/// Says why there is no result.
pub(super) fn told(name: &str, error: ShrinkError) -> Done {
    match error {
        ShrinkError::NoFailure(why) => {
            eprintln!("{name}: there is nothing to shrink: {why}");
            Ok(Exit::Unmet)
        }
        ShrinkError::Different(why) => {
            eprintln!("{name}: two executions of the run differ: {why}");
            Ok(Exit::Nondeterminism)
        }
        ShrinkError::Tool(failure) => Err(Stop::Tool(format!("{name}: {failure}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_lies_in_the_current_folder_and_never_over_its_source() {
        assert_eq!(default_path("scenarios/publish/a.toml"), "a.plan.toml");
        assert_eq!(default_path("x/a.plan.toml"), "a.min.plan.toml");
    }
}
