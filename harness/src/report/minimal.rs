//! What shrinking has to say. The order is that of every failure card: what broke, how small it is now, what is
//! left of it, what else was found, whether it is repeatable, what to paste.

use std::fmt::Write;

use seedbed::scenario::{Scenario, inline};
use serde::Serialize;

use super::{Paint, also, deviations, thousands};
use crate::shrink::{Relative, ShrinkEnd, Shrunk, Size};

/// Operations and deviations shown before the rest is only counted.
const SHOWN_MOST: usize = 20;

/// What a card is about.
#[derive(Clone, Copy, Debug)]
pub struct MinimalCard<'a> {
    /// Name of the scenario or plan.
    pub name: &'a str,
    /// The scenario that was shrunk.
    pub scenario: &'a Scenario,
    /// The seed it came from.
    pub seed: Option<u64>,
    /// The result.
    pub shrunk: &'a Shrunk,
    /// Where the plan is.
    pub plan: Option<&'a str>,
    /// A line to paste.
    pub repro: Option<&'a str>,
}

/// The card as text, with a line end.
#[must_use]
pub fn minimal_card(card: &MinimalCard<'_>, paint: Paint) -> String {
    let MinimalCard { scenario, shrunk, .. } = card;
    let report = &shrunk.report;
    let mut out = format!(
        "{}  {} {}   invariant: {}",
        paint.bad("FAIL"),
        card.name,
        scenario.variant,
        paint.strong(&shrunk.fingerprint.invariant)
    );
    if let Some(failure) = &report.failure {
        let (step, steps) = (thousands(failure.step), thousands(report.steps));
        let _ = write!(out, "   step {step} of {steps}");
    }
    if let Some(seed) = card.seed {
        let _ = write!(out, "   seed {seed}");
    }
    let _ = writeln!(out, "\n      {}", shrunk.fingerprint.cause);
    for line in report.failure.iter().flat_map(|failure| failure.detail.lines()) {
        let _ = writeln!(out, "      {line}");
    }
    out.push_str(&also(&report.also));
    sizes(&mut out, shrunk);
    what_is_left(&mut out, card);
    for relative in &shrunk.relatives {
        let _ = writeln!(out, "relative: {}", relative_in_words(relative));
    }
    let _ = writeln!(out, "determinism: replayed twice, identical   {}", report.digest);
    if let Some(plan) = card.plan {
        let _ = writeln!(out, "plan: {plan}");
    }
    if let Some(repro) = card.repro {
        let _ = writeln!(out, "repro: {repro}");
    }
    out
}

fn sizes(out: &mut String, shrunk: &Shrunk) {
    let Shrunk { from, to, .. } = shrunk;
    let change = |what: &str, from: u64, to: u64| {
        let (from, to) = (thousands(from), thousands(to));
        if from == to { format!("{to} {what}") } else { format!("{from} -> {to} {what}") }
    };
    let _ = writeln!(
        out,
        "minimal: {}, {}, {}   ({} executions)",
        change("steps", from.steps, to.steps),
        change("operations", from.operations as u64, to.operations as u64),
        change("deviations", from.deviations as u64, to.deviations as u64),
        thousands(shrunk.executions)
    );
    out.push_str(match shrunk.ended {
        ShrinkEnd::Minimal => "      no single operation or deviation can be left out; each was tried\n",
        ShrinkEnd::Budget => "      not known to be minimal: the executions were used up\n",
        ShrinkEnd::Interrupted => "      not known to be minimal: interrupted\n",
    });
}

fn what_is_left(out: &mut String, card: &MinimalCard<'_>) {
    let case = &card.shrunk.case;
    for (key, value) in &case.config {
        if card.scenario.config.get(key) != Some(value) {
            let _ = writeln!(out, "flow-config: {key} = {}", inline(value));
        }
    }
    match case.operations.len() {
        0 => out.push_str("operations: none\n"),
        count => {
            let _ = writeln!(out, "operations: {}", thousands(count as u64));
        }
    }
    for (index, operation) in case.operations.iter().take(SHOWN_MOST) {
        let _ = writeln!(out, "  {:>3}  {}", format!("#{index}"), inline(operation));
    }
    if case.operations.len() > SHOWN_MOST {
        let more = thousands((case.operations.len() - SHOWN_MOST) as u64);
        let _ = writeln!(out, "       and {more} more");
    }
    match case.script.len() {
        0 => out.push_str("deviations: none; everything in this run is quiet\n"),
        count => {
            let _ = writeln!(out, "deviations: {}", thousands(count as u64));
            out.push_str(&deviations(&case.script.deviations, SHOWN_MOST));
        }
    }
}

/// A relative in one line.
fn relative_in_words(relative: &Relative) -> String {
    let plural = if relative.candidates == 1 { "candidate" } else { "candidates" };
    format!(
        "{} ({})   {} {plural}, the smallest with {} operations and {} deviations; not accepted",
        relative.fingerprint.invariant,
        relative.fingerprint.cause,
        thousands(relative.candidates),
        thousands(relative.case.operations.len() as u64),
        thousands(relative.case.script.len() as u64),
    )
}

/// The result of `shrink` as a JSON object. Field names and their order are public.
#[derive(Debug, Serialize)]
pub struct ShrinkLine<'a> {
    v: u32,
    scenario: &'a str,
    variant: &'a str,
    seed: Option<String>,
    invariant: &'a str,
    cause: &'a str,
    from: SizeLine,
    to: SizeLine,
    executions: u64,
    ended: ShrinkEnd,
    relatives: Vec<RelativeLine<'a>>,
    digest: String,
    plan: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct SizeLine {
    steps: u64,
    operations: usize,
    deviations: usize,
}

impl From<Size> for SizeLine {
    fn from(size: Size) -> SizeLine {
        SizeLine { steps: size.steps, operations: size.operations, deviations: size.deviations }
    }
}

#[derive(Debug, Serialize)]
struct RelativeLine<'a> {
    invariant: &'a str,
    cause: &'a str,
    candidates: u64,
}

impl<'a> ShrinkLine<'a> {
    /// The fields of a result.
    #[must_use]
    pub fn new(card: &MinimalCard<'a>) -> ShrinkLine<'a> {
        let shrunk = card.shrunk;
        ShrinkLine {
            v: super::json::VERSION,
            scenario: &card.scenario.name,
            variant: &card.scenario.variant,
            seed: card.seed.map(|seed| seed.to_string()),
            invariant: &shrunk.fingerprint.invariant,
            cause: &shrunk.fingerprint.cause,
            from: shrunk.from.into(),
            to: shrunk.to.into(),
            executions: shrunk.executions,
            ended: shrunk.ended,
            relatives: shrunk
                .relatives
                .iter()
                .map(|relative| RelativeLine {
                    invariant: &relative.fingerprint.invariant,
                    cause: &relative.fingerprint.cause,
                    candidates: relative.candidates,
                })
                .collect(),
            digest: shrunk.report.digest.to_string(),
            plan: card.plan,
        }
    }
}
