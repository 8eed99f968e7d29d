//! `diff`: where two plans' runs first differ, in events and in state.

use std::fmt::Write;

use seedbed::check::Verdict;
use seedbed::run::RunReport;
use serde::Serialize;

use super::check::json;
use super::one_run::of_plan;
use super::{Done, Stop};
use crate::Harness;
use crate::cli::{DiffArguments, Format, Overlay};
use crate::exit::Exit;
use crate::explain::align::{Difference, Steps, value_words};
use crate::output::{line, print};
use crate::report::thousands;

/// The object of `diff --format json`.
#[derive(Debug, Serialize)]
struct Diff<'a> {
    v: u32,
    one: Side<'a>,
    other: Side<'a>,
    #[serde(flatten)]
    difference: Difference,
}

#[derive(Debug, Serialize)]
struct Side<'a> {
    plan: &'a str,
    variant: String,
    verdict: Verdict,
    invariant: Option<String>,
    step: Option<u64>,
    steps: u64,
    digest: String,
}

pub fn diff(harness: &Harness, arguments: &DiffArguments) -> Done {
    let paths = [&arguments.one, &arguments.other];
    let none = Overlay::default();
    let one = of_plan(harness, paths[0], &none)?;
    let other = of_plan(harness, paths[1], &none)?;
    if one.scenario.flow != other.scenario.flow {
        return Err(Stop::Usage(format!(
            "{} is about {} and {} about {}: runs of different flows have nothing in common",
            paths[0], one.scenario.flow, paths[1], other.scenario.flow
        )));
    }
    let reports = [one.look(arguments.run_limit)?, other.look(arguments.run_limit)?];
    let (Some(steps), Some(others)) = (Steps::new(&reports[0]), Steps::new(&reports[1])) else {
        return Err(Stop::Tool("the flow has kept no trace".to_owned()));
    };
    let diff = Diff {
        v: 1,
        one: Side::new(paths[0], &one.scenario.variant, &reports[0]),
        other: Side::new(paths[1], &other.scenario.variant, &reports[1]),
        difference: steps.differs_from(&others),
    };
    match arguments.format {
        Format::Json => line(&json(&diff)?)?,
        Format::Text => print(&diff.text())?,
    }
    Ok(Exit::AsExpected)
}

impl<'a> Side<'a> {
    fn new(plan: &'a str, variant: &str, report: &RunReport) -> Side<'a> {
        let failure = report.failure.as_ref();
        Side {
            plan,
            variant: variant.to_owned(),
            verdict: report.verdict,
            invariant: failure.map(|failure| failure.invariant.clone()),
            step: failure.map(|failure| failure.step),
            steps: report.steps,
            digest: report.digest.to_string(),
        }
    }

    fn text(&self) -> String {
        let what = match (&self.invariant, self.step) {
            (Some(invariant), Some(step)) => format!(" {invariant} at step {}", thousands(step)),
            _ => String::new(),
        };
        let (plan, variant, verdict) = (self.plan, &self.variant, self.verdict.word());
        format!("{plan} {variant}   {verdict}{what}   {} steps   {}", thousands(self.steps), self.digest)
    }
}

impl Diff<'_> {
    fn text(&self) -> String {
        let mut out = format!("one:   {}\nother: {}\n", self.one.text(), self.other.text());
        let Difference { events, state } = &self.difference;
        match events {
            Some(events) => {
                let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "the run has ended".to_owned());
                let _ = writeln!(out, "events: they differ from step {} on", thousands(events.step));
                let _ = writeln!(out, "  one    {}", said(&events.one));
                let _ = writeln!(out, "  other  {}", said(&events.other));
            }
            None => out.push_str("events: the same\n"),
        }
        match state {
            Some(state) => {
                let step = |step: Option<u64>| {
                    step.map_or_else(|| "has no such step".to_owned(), |step| format!("step {}", thousands(step)))
                };
                let _ = writeln!(out, "state: the first field that differs is {}", state.field);
                let (one, other) = (state.one.as_ref(), state.other.as_ref());
                let _ = writeln!(out, "  one    {}   {}", value_words(one), step(state.step_one));
                let _ = writeln!(out, "  other  {}   {}", value_words(other), step(state.step_other));
            }
            None => out.push_str("state: the same, as far as the flow shows it\n"),
        }
        out
    }
}
