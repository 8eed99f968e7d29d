//! Executing one run: build the world, pass through the phases, report.

use std::collections::BTreeMap;
use std::time::Duration;

use super::features::Shown;
use super::signature::Behaviour;
use super::{Guide, RunReport, RunRequest, Source, operations};
use crate::check::{CheckMode, Checks, Evaluations, InvariantKind, Verdict};
use crate::choice::{Choices, Mode, Script, Seed, SiteCount};
use crate::disk::Contract;
use crate::flow::{Flow, Setup};
use crate::kernel::{Ended, Exhausted, Limits, Sim, Time, Until, hosted};
use crate::scenario::{Claim, Scenario, Workload};
use crate::trace::Trace;
use crate::world::World;

/// A configuration as the flow's type; it was checked when the file was read.
pub(super) fn config<F: Flow>(table: &toml::Table) -> F::Config {
    table.clone().try_into().unwrap_or_else(|error| panic!("not a flow-config of {}: {error}", F::INFO.name))
}

/// Executes one run, under the host if there is one.
pub(super) fn execute<F: Flow>(request: &RunRequest<'_>) -> RunReport {
    let seed = request.seed.unwrap_or(Seed(0));
    hosted(seed.derive("host", 0), || execute_unhosted::<F>(request))
}

/// Executes one run as it is. For a flow that touches neither std's clock nor its randomness it makes no difference.
pub(super) fn execute_unhosted<F: Flow>(request: &RunRequest<'_>) -> RunReport {
    let seed = request.seed.unwrap_or(Seed(0));
    let scenario = request.scenario;
    let config = config::<F>(&scenario.config);
    let operations = operations_of::<F>(request, &config, seed);
    let empty = Script::default();
    let (mode, script) = match request.source {
        Source::Search | Source::Guided(Guide { beginning: None, .. }) => (Mode::Search, &empty),
        Source::Guided(Guide { beginning: Some((script, until_step)), .. }) => {
            (Mode::Mixed { until_step: *until_step }, *script)
        }
        Source::Replay(script) => (Mode::Replay, script),
        Source::Mixed(script, until_step) => (Mode::Mixed { until_step }, script),
        Source::Explore(exploring) => (Mode::Explore, exploring.script),
    };
    let mut choices = Choices::new(seed, mode, script, &scenario.faults);
    if let Source::Guided(guide) = request.source {
        choices.follow(&guide.tactic);
        if let Some(sites) = guide.offers_of {
            choices.log_only(sites.iter().cloned());
        }
    }
    choices.log_offers(request.keep_offers);
    choices.arm(false);
    let budget = &scenario.budget;
    let limits = Limits {
        steps_max: budget.steps,
        polls_per_step_max: budget.polls_per_step,
        time_max: Time::ZERO + budget.virtual_time,
        ..Limits::default()
    };
    let trace = Trace::new(request.keep_trace, budget.trace_events);
    let sim = Sim::new(choices, trace, limits, request.dispatch.clone());
    let mut record_all = false;
    if let Source::Explore(exploring) = request.source {
        sim.with_choices(|choices| {
            choices.log_only(exploring.sites.iter().cloned());
            choices.log_at_most(exploring.offers_max);
            choices.make_lasting(exploring.lasting);
        });
        sim.log_offers_from(exploring.from);
        record_all = true;
    }
    let checks = Checks::new(F::INFO.invariants, modes(scenario, record_all));
    let mut world = World::new(&sim, checks);
    world.disks().set_contract(disk_contract(scenario), &scenario.faults);
    let setup = Setup::<F> {
        variant: scenario.variant.clone(),
        config,
        operations: operations.iter().map(|(index, op)| (*index, op.clone())).collect(),
    };
    world.keep_states(request.keep_states);
    sim.enter_phase("start");
    sim.guard("build", || F::build(&world, setup));
    world.record_states();
    let exhausted = pass_phases(&mut world, budget.virtual_time, request.until_step.unwrap_or(u64::MAX));
    world.record_states();
    world.record_files();
    let report = report::<F>(&sim, &world, exhausted, &operations, request);
    world.tear_down();
    report
}

fn operations_of<F: Flow>(request: &RunRequest<'_>, config: &F::Config, seed: Seed) -> Vec<(usize, F::Op)> {
    let given = |(index, value): &(usize, toml::Value)| (*index, operations::from_value::<F>(value));
    match (request.operations, &request.scenario.workload) {
        (Some(values), _) => values.iter().map(given).collect(),
        (None, Workload::Listed(values)) => {
            values.iter().enumerate().map(|(index, value)| (index, operations::from_value::<F>(value))).collect()
        }
        (None, Workload::Generated(count)) => {
            (0..*count).map(|index| (index, operations::draw::<F>(config, seed, index))).collect()
        }
    }
}

/// What the system promises to survive on its disks; the words were checked when the file was read.
fn disk_contract(scenario: &Scenario) -> Contract {
    let words = |key| scenario.contract.get(key).map(String::as_str);
    Contract::parse(words("disk"), words("disk-faults")).unwrap_or_else(|error| panic!("{error}"))
}

/// What a violation of each invariant does, as the scenario says; `record_all`: nothing ends the run.
fn modes(scenario: &Scenario, record_all: bool) -> impl Fn(&str) -> CheckMode + 'static {
    let overrides = scenario.checks.clone();
    let claim = scenario.expect.claim.clone();
    move |id| {
        let explicit = overrides.get(id).copied();
        if record_all && explicit != Some(CheckMode::Off) {
            return CheckMode::Record;
        }
        if let Some(mode) = explicit {
            return mode;
        }
        let stops = match &claim {
            Claim::Violates(expected) => expected == id,
            Claim::Holds => true,
            Claim::HoldsOnly(ids) => ids.iter().any(|held| held == id),
        };
        if stops { CheckMode::Stop } else { CheckMode::Record }
    }
}

/// Runs the phases; answers which budget ended the run, if one did.
fn pass_phases(world: &mut World, budget: Duration, last_step: u64) -> Option<Exhausted> {
    let sim = world.sim().clone();
    let mut hook = world.clone();
    let mut go = |deadline: Time, done: &dyn Fn() -> bool| {
        let ended = sim.run(&Until { deadline, done, last_step }, &mut hook);
        match ended {
            Ended::Exhausted(exhausted) => Err(Some(exhausted)),
            Ended::Failed | Ended::Stopped => Err(None),
            Ended::Quiescent | Ended::Deadline | Ended::Done => Ok(()),
        }
    };
    let mut phases = || -> Result<(), Option<Exhausted>> {
        go(Time::ZERO, &|| false)?;
        sim.with_choices(|choices| choices.arm(true));
        sim.enter_phase("run");
        world.begin_run();
        let (run_limit, settle) = world.limits();
        let deadline = sim.now() + run_limit.unwrap_or(budget / 2);
        go(deadline, &|| world.workload_done())?;
        sim.with_choices(|choices| choices.arm(false));
        sim.enter_phase("heal");
        world.heal();
        sim.enter_phase("settle");
        let deadline = sim.now() + settle;
        if sim.is_explored() {
            // Order matters as long as something is under way; what only time brings about is by time again.
            sim.go_on_choosing(true);
            go(deadline, &|| !sim.in_flight())?;
            sim.go_on_choosing(false);
        }
        go(deadline, &|| false)
    };
    let result = phases();
    let mut checks = world.checks().borrow_mut();
    // Also what went wrong outside a step (while building, or while healing) counts.
    let _ = checks.evaluate(&sim, InvariantKind::Always);
    if result.is_ok() && checks.failure().is_none() {
        let _ = checks.evaluate(&sim, InvariantKind::Eventually);
        sim.enter_phase("end");
        let _ = checks.evaluate(&sim, InvariantKind::AtEnd);
    }
    result.err().flatten()
}

fn report<F: Flow>(
    sim: &Sim,
    world: &World,
    exhausted: Option<Exhausted>,
    operations: &[(usize, F::Op)],
    request: &RunRequest<'_>,
) -> RunReport {
    let checks = world.checks().borrow();
    let failure = checks.failure().cloned();
    let verdict = match (&failure, exhausted) {
        (Some((_, verdict)), _) => *verdict,
        (None, Some(_)) => Verdict::Budget,
        (None, None) => Verdict::Holds,
    };
    let asked_for = match request.source {
        Source::Search => request.keep_trace,
        Source::Guided(guide) => request.keep_trace || guide.keep_script,
        Source::Replay(_) | Source::Mixed(..) | Source::Explore(_) => true,
    };
    let wants_details = failure.is_some() || asked_for;
    let counters = sim.counters();
    let named = |counts: &BTreeMap<&'static str, u64>| {
        counts.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
    };
    let trace = sim.trace();
    let (script, anchoring, faults, offers): (_, _, BTreeMap<String, SiteCount>, _) = sim.with_choices(|choices| {
        let script = if wants_details { choices.script() } else { Script::default() };
        let faults = choices.accounting().into_iter().map(|(site, count)| (site.to_owned(), count)).collect();
        (script, choices.anchoring(), faults, choices.take_offers())
    });
    let invariants: BTreeMap<String, Evaluations> = checks.evaluations(sim.step());
    let (outcomes, sometimes) = (named(&counters.outcomes), named(&counters.sometimes));
    let behaviour = Behaviour {
        kinds_fired: sim.with_choices(|choices| choices.kinds_fired()),
        reentries: &counters.reentries,
        outcomes: &outcomes,
        sometimes: &sometimes,
        invariants: &invariants,
    };
    let signature = behaviour.signature();
    let features = match request.source {
        Source::Search | Source::Guided(_) => {
            let shown = Shown {
                faults: &faults,
                values: &sim.with_choices(|choices| choices.values_taken()),
                reentries: &counters.reentries,
                outcomes: &outcomes,
                sometimes: &sometimes,
                invariants: &invariants,
                violations: checks.also(),
            };
            shown.features()
        }
        Source::Replay(_) | Source::Mixed(..) | Source::Explore(_) => Vec::new(),
    };
    RunReport {
        verdict,
        failure: failure.map(|(failure, _)| failure),
        also: checks.also().to_vec(),
        exhausted: exhausted.map(Exhausted::word),
        steps: sim.step(),
        virtual_ns: sim.now().as_nanos(),
        digest: trace.digest(),
        step_digests: trace.step_digests().to_vec(),
        signature,
        features,
        outcomes,
        sometimes,
        faults,
        invariants,
        reentries: counters.reentries.clone(),
        script,
        anchoring,
        operations: if wants_details {
            operations.iter().map(|(index, op)| (*index, operations::to_value::<F>(op))).collect()
        } else {
            Vec::new()
        },
        trace: request.keep_trace.then(|| trace.clone()),
        offers,
        timings: sim.timings(),
        states: world.take_states(),
    }
}
