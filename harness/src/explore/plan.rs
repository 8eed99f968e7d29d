//! A found failure as a plan: rewritten so that it happens by time, executed, and only then believed.

use seedbed::check::Fingerprint;
use seedbed::choice::Script;
use seedbed::kernel::Dispatch;
use seedbed::run::Source;
use seedbed::scenario::{CheckMode, Claim, Plan, Scenario};

use super::latencies::{ATTEMPTS, latencies};
use super::schedules::is_order;
use super::{Deviations, Subject, Summary};
use crate::execute::{Execution, ToolFailure};

/// What became of the failures that were found.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// There was none.
    NothingFound,
    /// The first failure that can be told, as a plan that was executed.
    Plan(Box<Plan>),
    /// No failure that was tried happens by time with latencies that a network can have.
    OnlyByChoice(Fingerprint),
}

/// Tells the first failure as a plan. `sites` are the listed sites of the exploration, and `dispatch` its order.
///
/// # Errors
/// When the tool itself fails.
pub fn tell(
    subject: &Subject<'_>,
    summary: &Summary,
    sites: &[String],
    dispatch: &Dispatch,
) -> Result<Told, ToolFailure> {
    let expected = match &subject.scenario.expect.claim {
        Claim::Violates(invariant) => Some(invariant.as_str()),
        Claim::Holds | Claim::HoldsOnly(_) => None,
    };
    let wanted = summary.most_wanted(expected);
    for (fingerprint, kind) in &wanted {
        for found in &kind.found {
            for script in scripts(subject, &found.deviations, sites, dispatch)? {
                if let Some(plan) = plan(subject, fingerprint, script)? {
                    return Ok(Told::Plan(Box::new(plan)));
                }
            }
        }
    }
    Ok(match wanted.first() {
        Some((fingerprint, _)) => Told::OnlyByChoice((*fingerprint).clone()),
        None => Told::NothingFound,
    })
}

/// Scripts that may show by time what a run showed.
fn scripts(
    subject: &Subject<'_>,
    deviations: &Deviations,
    sites: &[String],
    dispatch: &Dispatch,
) -> Result<Vec<Script>, ToolFailure> {
    let report = subject.run(deviations, sites, dispatch.clone())?;
    if *dispatch == Dispatch::ByTime {
        return Ok(vec![report.script]);
    }
    let rest = || report.script.iter().filter(|taken| !is_order(taken)).cloned();
    let told = ATTEMPTS.iter().filter_map(|attempt| latencies(&report.timings, *attempt));
    Ok(told.map(|order| rest().chain(order.deviations).collect()).collect())
}

/// The plan, if executing it shows this failure and everything in it finds its place.
fn plan(subject: &Subject<'_>, fingerprint: &Fingerprint, script: Script) -> Result<Option<Plan>, ToolFailure> {
    let scenario = stopping_at(subject.scenario, &fingerprint.invariant);
    let execution =
        Execution { source: Source::Replay(&script), ..Execution::of_seed(subject.flow, &scenario, subject.seed) };
    let report = execution.run(false)?;
    let shown = report.failure.as_ref().map(|failure| failure.fingerprint());
    if shown.as_ref() != Some(fingerprint) || report.anchoring.used < report.anchoring.total {
        return Ok(None);
    }
    let mut plan = Plan::of(&scenario, report.operations, report.script, shown);
    let again = Execution::of_plan(subject.flow, &scenario, &plan).run(false)?;
    if again.digest != report.digest {
        return Ok(None);
    }
    plan.digest = Some(again.digest.to_string());
    Ok(Some(plan))
}

/// The scenario with a claim under which this invariant ends a run.
fn stopping_at(scenario: &Scenario, invariant: &str) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.expect.claim = Claim::Violates(invariant.to_owned());
    if scenario.checks.get(invariant) == Some(&CheckMode::Record) {
        scenario.checks.remove(invariant);
    }
    scenario
}
