//! What a strategy does before the run of a seed: nothing, a scout that lists where a fault could strike, or the run
//! of the parent that is mutated.
//!
//! A run depends on its scenario, its seed and, for a mutation, its parents (seeds, and a plan they may begin with); never
//! on anything else that a sweep has seen. So it can be executed again anywhere: `--seed N`, and `--parents P,…` where the
//! report says so.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use seedbed::choice::{Deviation, Forced, Offer, Script, Seed, Strategy, Tactic};
use seedbed::kernel::Dispatch;
use seedbed::run::{Guide, RunReport, Source, sites_of};
use seedbed::scenario::{Parent, Scenario, StoredPlan, Workload};

use crate::execute::{Execution, Keep, ToolFailure};

/// One in this many deviations of a parent is left out.
const LEFT_OUT_ONE_IN: u64 = 16;

/// Longest line of parents.
pub const PARENTS_MAX: usize = 4;

/// How the run of a seed is drawn.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    tactic: Tactic,
    beginning: Option<(Script, u64)>,
    /// The operations, if not those of the seed.
    pub operations: Option<Vec<(usize, toml::Value)>>,
    /// Steps that were executed to find out.
    pub steps: u64,
}

impl Prepared {
    fn of(tactic: Tactic) -> Prepared {
        Prepared { tactic, ..Prepared::default() }
    }

    /// What the run is told.
    #[must_use]
    pub fn guide(&self) -> Guide<'_> {
        Guide {
            tactic: self.tactic.clone(),
            beginning: self.beginning.as_ref().map(|(script, step)| (script, *step)),
            ..Guide::default()
        }
    }
}

/// What a seed of a scenario stands for.
#[must_use]
pub fn strategy_of(scenario: &Scenario, seed: u64) -> Strategy {
    match scenario.search.strategy.of_seed(Seed(seed)) {
        Strategy::Mutation if scenario.search.parents.is_empty() => Strategy::Swarm,
        strategy => strategy,
    }
}

/// A scenario for a seed that mutates others. What began as a plan has the plan's configuration.
#[must_use]
pub fn with_parents<P: Clone + Into<Parent>>(scenario: &Scenario, parents: &[P]) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.search.parents = parents.iter().cloned().map(Into::into).collect();
    if let Some(plan) = plan_of(&scenario) {
        scenario.config = plan.config.clone();
    }
    scenario
}

/// The scenario as a seed runs it: where it is told the parents, and they begin with a plan, under its configuration.
#[must_use]
pub fn as_run<'a>(scenario: &'a Scenario, seed: u64) -> Cow<'a, Scenario> {
    match plan_of(scenario) {
        Some(_) if strategy_of(scenario, seed) == Strategy::Mutation => {
            Cow::Owned(with_parents(scenario, &scenario.search.parents))
        }
        _ => Cow::Borrowed(scenario),
    }
}

/// The stored plan that the parents begin with.
fn plan_of(scenario: &Scenario) -> Option<&Arc<StoredPlan>> {
    let Some(Parent::Plan(path)) = scenario.search.parents.first() else {
        return None;
    };
    scenario.search.plans.iter().find(|stored| stored.path == *path)
}

impl Execution<'_> {
    /// Executes the run once, on this thread unless the flow needs a fresh one; a seed as its strategy wants.
    ///
    /// # Errors
    /// When the simulator itself panics; what the code under test does is part of the report.
    pub fn run(&self, keep_trace: bool) -> Result<RunReport, ToolFailure> {
        self.run_with(Keep { trace: keep_trace, ..Keep::default() })
    }

    /// [`Execution::run`] in another order of dispatch.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn run_by(&self, dispatch: Dispatch, keep_trace: bool) -> Result<RunReport, ToolFailure> {
        let keep = Keep { trace: keep_trace, ..Keep::default() };
        self.run_once(dispatch, keep)
    }

    /// [`Execution::run`], with more in the report.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn run_with(&self, keep: Keep) -> Result<RunReport, ToolFailure> {
        self.run_once(Dispatch::ByTime, keep)
    }

    fn run_once(&self, dispatch: Dispatch, keep: Keep) -> Result<RunReport, ToolFailure> {
        let seed = self.seed.filter(|_| matches!(self.source, Source::Search));
        let prepared = seed.map(|seed| prepare(self, seed)).transpose()?.flatten();
        self.run_prepared_by(prepared.as_ref(), dispatch, keep)
    }

    /// [`Execution::run`] of a seed whose strategy has been prepared already.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn run_prepared(&self, prepared: Option<&Prepared>) -> Result<RunReport, ToolFailure> {
        self.run_prepared_by(prepared, Dispatch::ByTime, Keep::default())
    }

    fn run_prepared_by(
        &self,
        prepared: Option<&Prepared>,
        dispatch: Dispatch,
        keep: Keep,
    ) -> Result<RunReport, ToolFailure> {
        let Some(prepared) = prepared else {
            return self.run_as_told(dispatch, keep);
        };
        let guide = prepared.guide();
        let operations = self.operations.or(prepared.operations.as_deref());
        Execution { source: Source::Guided(&guide), operations, ..*self }.run_as_told(dispatch, keep)
    }
}

/// Prepares the run of a seed; `None`: it is drawn as the swarm draws.
///
/// # Errors
/// When the tool fails in a run that is needed for it.
pub fn prepare(execution: &Execution<'_>, seed: u64) -> Result<Option<Prepared>, ToolFailure> {
    Ok(match strategy_of(execution.scenario, seed) {
        Strategy::Mix | Strategy::Pct | Strategy::Swarm => None,
        Strategy::PctOf(depth) => Some(Prepared::of(Tactic::Priorities { depth })),
        Strategy::Swizzle => Some(Prepared::of(Tactic::Swizzle)),
        Strategy::IsolateOne => Some(Prepared::of(Tactic::Isolate)),
        Strategy::StarveOne => Some(Prepared::of(Tactic::Starve)),
        Strategy::SingleFault => single_fault(execution, seed)?,
        Strategy::Mutation => Some(mutation(execution, seed)?),
    })
}

/// One of the faults that could have struck the run of this seed without any: first one of the sites, then one of the
/// places, then one of the values. `None`: there is no such place.
fn single_fault(execution: &Execution<'_>, seed: u64) -> Result<Option<Prepared>, ToolFailure> {
    let faults = &execution.scenario.faults;
    let sites: Vec<_> =
        sites_of(execution.flow.info()).filter(|site| site.class.is_harmful() && faults.allows(site)).collect();
    if sites.is_empty() {
        return Ok(None);
    }
    let labels: Vec<String> = sites.iter().map(|site| site.label.to_owned()).collect();
    let guide = Guide { tactic: Tactic::Calm(None), offers_of: Some(&labels), ..Guide::default() };
    let scout = Execution { source: Source::Guided(&guide), ..*execution };
    let report = scout.run_as_told(Dispatch::ByTime, Keep { offers: true, ..Keep::default() })?;
    let may_deviate = |offer: &&Offer| {
        let site = sites.iter().find(|site| site.label == offer.site);
        let setting = site.and_then(|site| faults.of(site));
        let covered = setting.is_none_or(|setting| setting.actors.is_empty() || setting.actors.contains(&offer.actor));
        covered && !offer.representatives.is_empty()
    };
    let offers: Vec<&Offer> = report.offers.iter().filter(may_deviate).collect();
    let mut met: Vec<&str> = offers.iter().map(|offer| offer.site.as_str()).collect();
    met.sort_unstable();
    met.dedup();
    let pick = |what: u64, of: usize| (Seed(seed).derive("single-fault", what) % of.max(1) as u64) as usize;
    let Some(site) = met.get(pick(0, met.len())) else {
        return Ok(None);
    };
    let places: Vec<&&Offer> = offers.iter().filter(|offer| offer.site == *site).collect();
    let place = places[pick(1, places.len())];
    let sticky = sites.iter().any(|known| known.label == *site && known.sticky);
    let forced = Forced {
        deviation: Deviation {
            site: place.site.clone(),
            actor: place.actor.clone(),
            n: place.n,
            value: place.representatives[pick(2, place.representatives.len())].clone(),
            step: 0,
        },
        stays: sticky && pick(3, 2) == 1,
    };
    Ok(Some(Prepared { steps: report.steps, ..Prepared::of(Tactic::Calm(Some(forced))) }))
}

/// The beginning of the parent's run, with some of its deviations left out; from there on this seed draws, operations
/// included.
fn mutation(execution: &Execution<'_>, seed: u64) -> Result<Prepared, ToolFailure> {
    let (report, steps) = parent(execution)?;
    let word = |n| Seed(seed).derive("mutation", n);
    let until_step = 1 + word(0) % report.steps.max(1);
    let operations = spliced(execution, seed, &report.operations, until_step, report.steps.max(1));
    let kept = |(n, _): &(u64, Deviation)| !word(*n).is_multiple_of(LEFT_OUT_ONE_IN);
    let script = (1..).zip(report.script.deviations).filter(kept).map(|(_, deviation)| deviation).collect();
    Ok(Prepared { beginning: Some((script, until_step)), operations: Some(operations), steps, ..Prepared::default() })
}

/// The operations of a parent up to about where the searching begins, and behind them those of this seed, where it
/// draws some. Else a sweep would have no more workloads than there are runs worth going back to.
fn spliced(
    execution: &Execution<'_>,
    seed: u64,
    parents: &[(usize, toml::Value)],
    until_step: u64,
    steps: u64,
) -> Vec<(usize, toml::Value)> {
    let Workload::Generated(count) = execution.scenario.workload else {
        return parents.to_vec();
    };
    let kept = (parents.len() as u64 * until_step).div_ceil(steps) as usize;
    let (kept, _) = parents.split_at(kept.min(parents.len()));
    let next = kept.last().map_or(0, |(index, _)| index + 1);
    let drawn = execution.flow.draw_operations(&execution.scenario.config, Seed(seed), count);
    // A plan was shrunk to few operations, perhaps the last ones: as many as there would have been come behind them.
    let behind = drawn.into_iter().skip(kept.len()).zip(next..).map(|((_, operation), index)| (index, operation));
    kept.iter().cloned().chain(behind).collect()
}

/// Executes the last of the parents, which may have parents itself; with the steps that took.
fn parent(execution: &Execution<'_>) -> Result<(RunReport, u64), ToolFailure> {
    let parents = &execution.scenario.search.parents;
    let (last, before) = parents.split_last().expect("a mutation has a parent");
    match last {
        Parent::Plan(_) => stored(execution),
        Parent::Seed(seed) => {
            let scenario = with_parents(execution.scenario, before);
            let parent = Execution::of_seed(execution.flow, &scenario, *seed);
            let prepared = prepare(&parent, *seed)?.unwrap_or_default();
            let guide = Guide { keep_script: true, ..prepared.guide() };
            let operations = prepared.operations.as_deref();
            let report = Execution { source: Source::Guided(&guide), operations, ..parent }
                .run_as_told(Dispatch::ByTime, Keep::default())?;
            let steps = prepared.steps + report.steps;
            Ok((report, steps))
        }
    }
}

/// Follows a stored plan as far as the scenario's faults go.
fn stored(execution: &Execution<'_>) -> Result<(RunReport, u64), ToolFailure> {
    let missing = || ToolFailure {
        seed: execution.seed.unwrap_or_default(),
        message: "the plan that a mutation goes back to was not read".to_owned(),
    };
    let plan = plan_of(execution.scenario).ok_or_else(missing)?;
    let script = permitted(execution, &plan.script);
    let followed = Execution { source: Source::Replay(&script), operations: Some(&plan.operations), ..*execution };
    let report = followed.run_as_told(Dispatch::ByTime, Keep::default())?;
    let steps = report.steps;
    Ok((report, steps))
}

/// The part of a script that a search of this scenario could have drawn. A plan may come from a scenario that allows
/// more, and no strategy turns on what is left out.
fn permitted(execution: &Execution<'_>, script: &Script) -> Script {
    let faults = &execution.scenario.faults;
    let mut taken: BTreeMap<&str, u64> = BTreeMap::new();
    let mut is_permitted = |deviation: &&Deviation| {
        let site = sites_of(execution.flow.info()).find(|site| site.names().any(|name| name == deviation.site));
        let Some(site) = site else {
            return false;
        };
        let Some(setting) = faults.of(site) else {
            return faults.allows(site);
        };
        let covered = setting.actors.is_empty() || setting.actors.contains(&deviation.actor);
        let drawn = match &setting.pin {
            Some(pin) => *pin == deviation.value,
            None => faults.allows(site),
        };
        if !covered || !drawn {
            return false;
        }
        let taken = taken.entry(site.label).or_default();
        *taken += 1;
        setting.max.is_none_or(|max| *taken <= max)
    };
    script.iter().filter(|deviation| is_permitted(deviation)).cloned().collect()
}
