//! What a strategy does before the run of a seed: nothing, a scout that lists where a fault could strike, or the run
//! of the parent that is mutated.
//!
//! A run depends on its scenario, its seed and, for a mutation, the seeds of its parents; never on anything else that a
//! sweep has seen. So it can be executed again anywhere: `--seed N`, and `--parents P,…` where the report says so.

use seedbed::choice::{Deviation, Forced, Offer, Script, Seed, Strategy, Tactic};
use seedbed::kernel::Dispatch;
use seedbed::run::{Guide, RunReport, Source, sites_of};
use seedbed::scenario::Scenario;

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

/// A scenario for a seed that mutates others.
#[must_use]
pub fn with_parents(scenario: &Scenario, parents: &[u64]) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.search.parents = parents.to_vec();
    scenario
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

/// The beginning of the parent's run, with some of its deviations left out; from there on this seed draws.
fn mutation(execution: &Execution<'_>, seed: u64) -> Result<Prepared, ToolFailure> {
    let report = parent(execution)?;
    let word = |n| Seed(seed).derive("mutation", n);
    let until_step = 1 + word(0) % report.steps.max(1);
    let kept = |(n, _): &(u64, Deviation)| !word(*n).is_multiple_of(LEFT_OUT_ONE_IN);
    let script = (1..).zip(report.script.deviations).filter(kept).map(|(_, deviation)| deviation).collect();
    Ok(Prepared {
        beginning: Some((script, until_step)),
        operations: Some(report.operations),
        steps: report.steps,
        ..Prepared::default()
    })
}

/// Executes the last of the parents, which may have parents itself.
fn parent(execution: &Execution<'_>) -> Result<RunReport, ToolFailure> {
    let parents = &execution.scenario.search.parents;
    let (last, before) = parents.split_last().expect("a mutation has a parent");
    let scenario = with_parents(execution.scenario, before);
    let parent = Execution::of_seed(execution.flow, &scenario, *last);
    let prepared = prepare(&parent, *last)?.unwrap_or_default();
    let guide = Guide { keep_script: true, ..prepared.guide() };
    let operations = prepared.operations.as_deref();
    let mut report = Execution { source: Source::Guided(&guide), operations, ..parent }
        .run_as_told(Dispatch::ByTime, Keep::default())?;
    report.steps = report.steps.max(1);
    Ok(report)
}
