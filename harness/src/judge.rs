//! What a sweep amounts to: its verdict, and whether the scenario's author expected it.

use seedbed::check::{BUILT_IN, InvariantKind, Verdict};
use seedbed::choice::{Rate, Site, SiteClass};
use seedbed::flow::FlowInfo;
use seedbed::run::RunReport;
use seedbed::scenario::{Claim, Plan, Scenario};

use crate::compare::Second;
use crate::execute::has_failed;
use crate::exit::Exit;
use crate::report::thousands;
use crate::sweep::{FailedRun, SweepEnd, Swept, Tally};

/// The judgement of one sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its verdict.
    pub verdict: Verdict,
    /// What was expected, in words.
    pub expected: String,
    /// Whether it is what was expected.
    pub as_expected: bool,
    /// What it contributes to the exit code.
    pub exit: Exit,
    /// Short remarks about the sweep as a whole.
    pub notes: Vec<String>,
    /// Declared things that never happened, as sentences.
    pub vacuous: Vec<String>,
}

/// Judges a sweep. `whole`: it was meant to cover the scenario's own range of seeds, so that what never
/// happened in it can be held against it.
#[must_use]
pub fn judge(scenario: &Scenario, flow: &FlowInfo, sites: &[&'static Site], swept: &Swept, whole: bool) -> Judged {
    let vacuous = if whole && swept.ended == SweepEnd::Complete && swept.first.is_none() {
        unexercised(scenario, sites, swept)
    } else {
        Vec::new()
    };
    let verdict = verdict(swept, !vacuous.is_empty());
    let as_expected = match (&scenario.expect.claim, &swept.first) {
        (_, Some(failed)) => is_expected(scenario, swept, failed),
        (Claim::Violates(_), None) => false,
        (Claim::Holds | Claim::HoldsOnly(_), None) => verdict == Verdict::Holds,
    };
    let exit = if as_expected { Exit::AsExpected } else { exit_of(verdict, swept.first.as_ref(), flow) };
    let notes = notes(scenario, swept, &vacuous);
    Judged { verdict, expected: expected(&scenario.expect.claim), as_expected, exit, notes, vacuous }
}

/// A budget of seeds, raised to what the scenario's promise to fail needs.
#[must_use]
pub fn seeds_needed(scenario: &Scenario, budget: u64) -> u64 {
    match scenario.expect.claim {
        Claim::Violates(_) => scenario.expect.within_seeds.map_or(budget, |within| within.max(budget)),
        Claim::Holds | Claim::HoldsOnly(_) => budget,
    }
}

/// What a claim expects, in words.
#[must_use]
pub fn expected(claim: &Claim) -> String {
    match claim {
        Claim::Violates(invariant) => format!("violates {invariant}"),
        Claim::Holds => "holds".to_owned(),
        Claim::HoldsOnly(invariants) => format!("holds {}", invariants.join(", ")),
    }
}

/// The variants a plan is about, each with whether its failure must occur there.
#[must_use]
pub fn variants_of_plan(plan: &Plan) -> Vec<(String, bool)> {
    if plan.fails_on.is_empty() && plan.holds_on.is_empty() {
        return vec![(plan.variant.clone(), plan.failure.is_some())];
    }
    let fails = plan.fails_on.iter().map(|variant| (variant.clone(), true));
    fails.chain(plan.holds_on.iter().map(|variant| (variant.clone(), false))).collect()
}

/// What a plan expects, in words.
#[must_use]
pub fn expected_of_plan(plan: &Plan, fails: bool) -> String {
    match (&plan.failure, fails) {
        (Some(failure), true) => format!("violates {}", failure.invariant),
        (None, true) => "violates".to_owned(),
        (_, false) => "holds".to_owned(),
    }
}

/// The verdict of a followed plan, and whether it is what the plan expects: the same fingerprint, not just
/// some failure.
#[must_use]
pub fn judge_plan(plan: &Plan, fails: bool, report: &RunReport, second: &Second) -> (Verdict, bool) {
    if matches!(second, Second::Different(_)) {
        return (Verdict::Nondeterministic, false);
    }
    let as_expected = if fails {
        let shown = report.failure.as_ref().map(|failure| failure.fingerprint());
        has_failed(report.verdict) && (plan.failure.is_none() || shown == plan.failure)
    } else {
        report.verdict == Verdict::Holds
    };
    (report.verdict, as_expected)
}

/// What a verdict that nobody expected contributes to the exit code.
#[must_use]
pub fn exit_of(verdict: Verdict, failed: Option<&FailedRun>, flow: &FlowInfo) -> Exit {
    let invariant = failed.and_then(|failed| failed.failure.as_ref()).map(|failure| failure.invariant.as_str());
    match verdict {
        Verdict::Nondeterministic => Exit::Nondeterminism,
        Verdict::Hangs => Exit::Liveness,
        Verdict::Violates if invariant.is_some_and(|id| is_liveness(id, flow)) => Exit::Liveness,
        Verdict::Budget => Exit::Budget,
        Verdict::Violates | Verdict::Panics | Verdict::Vacuous | Verdict::Holds => Exit::Unmet,
    }
}

fn is_liveness(invariant: &str, flow: &FlowInfo) -> bool {
    kind_of(invariant, flow) == Some(InvariantKind::Eventually)
}

/// The kind of an invariant of a flow, or of a built-in one.
#[must_use]
pub fn kind_of(invariant: &str, flow: &FlowInfo) -> Option<InvariantKind> {
    let mut known = flow.invariants.iter().chain(BUILT_IN);
    known.find(|info| info.id == invariant).map(|info| info.kind)
}

fn verdict(swept: &Swept, vacuous: bool) -> Verdict {
    match &swept.first {
        Some(failed) => failed.verdict,
        None if vacuous => Verdict::Vacuous,
        // Interrupted means: no answer yet, as with any other budget.
        None if swept.ended == SweepEnd::Interrupted || !swept.tally.exhausted.is_empty() => Verdict::Budget,
        None => Verdict::Holds,
    }
}

fn is_expected(scenario: &Scenario, swept: &Swept, failed: &FailedRun) -> bool {
    let Claim::Violates(expected) = &scenario.expect.claim else {
        return false;
    };
    let broke = failed.failure.as_ref().is_some_and(|failure| failure.invariant == *expected);
    broke && failed.verdict != Verdict::Nondeterministic && is_in_time(scenario, swept, failed)
}

fn is_in_time(scenario: &Scenario, swept: &Swept, failed: &FailedRun) -> bool {
    scenario.expect.within_seeds.is_none_or(|within| failed.seed - swept.seeds.first < within)
}

/// What the scenario declares and the sweep never exercised.
fn unexercised(scenario: &Scenario, sites: &[&'static Site], swept: &Swept) -> Vec<String> {
    let mut missing = Vec::new();
    for mark in &scenario.expect.sometimes {
        if swept.tally.sometimes.get(mark).is_none_or(|count| *count == 0) {
            missing.push(format!("`{mark}` never happened"));
        }
    }
    for (name, setting) in &scenario.faults.sites {
        // A rate of zero declares that the fault is absent.
        if setting.rate == Some(Rate::NEVER) || setting.max == Some(0) {
            continue;
        }
        let site = sites.iter().find(|site| site.label == name || site.aliases.contains(&name.as_str()));
        let label = site.map_or(name.as_str(), |site| site.label);
        let count = swept.tally.faults.get(label).copied().unwrap_or_default();
        // A pinned value, and a neutral choice, may well be the quiet one: then being asked is enough.
        let neutral = setting.pin.is_some() || site.is_some_and(|site| site.class == SiteClass::Value);
        if count.fired == 0 && !(neutral && count.offered > 0) {
            missing.push(format!("`{label}` was offered {} times and never fired", thousands(count.offered)));
        }
    }
    if let Claim::HoldsOnly(invariants) = &scenario.expect.claim {
        for invariant in invariants {
            if swept.tally.invariants.get(invariant).is_none_or(|count| count.antecedent == 0) {
                missing.push(format!("`{invariant}` never had anything to check"));
            }
        }
    }
    missing
}

/// What clean seeds do not say. With n of them the failure rate is below 3/n at 95 % (rule of three); the share of
/// behaviours met once estimates what was not met (Good-Turing).
fn residual_risk(tally: &Tally) -> Option<String> {
    if tally.seeds == 0 || tally.failures > 0 {
        return None;
    }
    let seeds = tally.seeds as f64;
    let rate = (3.0 / seeds).min(1.0);
    let unseen = tally.behaviours.met_once() as f64 / seeds;
    Some(format!(
        "{} seeds clean: failure rate below {} per seed (95 %); unseen behaviour about {}",
        thousands(tally.seeds),
        percent(rate),
        percent(unseen)
    ))
}

/// A share with two significant digits.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let mut places = 0;
    while places < 6 && percent > 0.0 && percent * 10_f64.powi(places) < 9.95 {
        places += 1;
    }
    let text = format!("{percent:.0$}", places as usize);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

fn notes(scenario: &Scenario, swept: &Swept, vacuous: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let total = thousands(swept.seeds.count);
    match swept.ended {
        SweepEnd::Interrupted => {
            notes.push(format!("interrupted after {} of {total} seeds", thousands(swept.tally.seeds)))
        }
        SweepEnd::TimeUp => notes.push("time up".to_owned()),
        SweepEnd::Complete | SweepEnd::AtFailure => {}
    }
    if let Some(failed) = &swept.first {
        if let Some(within) = scenario.expect.within_seeds.filter(|_| !is_in_time(scenario, swept, failed)) {
            notes.push(format!("expected within {} seeds", thousands(within)));
        }
        if swept.tally.failures > 1 {
            notes.push(format!("{} seeds fail", thousands(swept.tally.failures)));
        }
    } else if let Claim::Violates(_) = scenario.expect.claim {
        notes.push("no seed violates it".to_owned());
    } else if swept.tally.exhausted.is_empty() && vacuous.is_empty() {
        notes.extend(residual_risk(&swept.tally));
    }
    notes.extend(vacuous.iter().cloned());
    for (budget, runs) in &swept.tally.exhausted {
        let plural = if *runs == 1 { "run" } else { "runs" };
        notes.push(format!("{} {plural} reached the budget of {budget}", thousands(*runs)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two significant digits, without zeros nobody needs.
    #[test]
    fn percentages() {
        let shown = [0.0, 1.0, 0.15, 0.012, 0.003, 0.000_15, 3.0 / 7.0].map(percent);
        assert_eq!(shown, ["0 %", "100 %", "15 %", "1.2 %", "0.3 %", "0.015 %", "43 %"]);
    }
}
