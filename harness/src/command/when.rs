//! `when`: the last step that changed a field of a node's state.

use std::collections::BTreeSet;
use std::fmt::Write;

use seedbed::scenario::Complaint;
use seedbed::snapshot::Change;
use serde::Serialize;
use serde_json::Value;

use super::check::json;
use super::one_run::choose;
use super::{Done, Stop};
use crate::Harness;
use crate::cli::{Format, WhenArguments};
use crate::exit::Exit;
use crate::explain::align::{Steps, value_words, what};
use crate::output::{line, print};
use crate::report::thousands;

/// Fields shown before the rest is only counted.
const FIELDS_MAX: usize = 20;
/// Earlier changes and events shown per field.
const EARLIER_MAX: usize = 5;
const EVENTS_MAX: usize = 6;

/// One object of `when --format json`: one per field.
#[derive(Debug, Serialize)]
struct When<'a> {
    v: u32,
    scenario: &'a str,
    field: &'a str,
    step: u64,
    at_ns: u64,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    /// What happened in that step.
    events: Vec<String>,
    /// All changes up to then, the last one last.
    changes: Vec<Step<'a>>,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    step: u64,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

pub fn when(harness: &Harness, arguments: &WhenArguments) -> Done {
    let options = &arguments.run.options;
    let chosen = choose(harness, &arguments.run)?;
    let report = chosen.look(options.run_limit)?;
    let steps = Steps::new(&report).ok_or_else(|| Stop::Tool("the flow has kept no trace".to_owned()))?;
    let until = arguments.until.unwrap_or(u64::MAX);
    let below = format!("{}.", arguments.field);
    let all: BTreeSet<&str> = report
        .states
        .changes()
        .iter()
        .filter(|change| change.step <= until)
        .map(|change| change.field.as_str())
        .collect();
    let meant: Vec<&str> =
        all.iter().copied().filter(|field| *field == arguments.field || field.starts_with(&below)).collect();
    if meant.is_empty() {
        return Err(unknown(&arguments.field, &all).into());
    }
    let found = meant.iter().map(|field| When::new(&chosen.name, field, &steps, until));
    let mut found: Vec<When<'_>> = found.flatten().collect();
    // The latest first: what was touched last is what one looks for.
    found.sort_by_key(|when| (std::cmp::Reverse(when.step), when.field));
    if options.format == Format::Json {
        for when in &found {
            line(&json(when)?)?;
        }
        return Ok(Exit::AsExpected);
    }
    let mut out = String::new();
    for when in found.iter().take(FIELDS_MAX) {
        when.tell(&mut out);
    }
    if found.len() > FIELDS_MAX {
        let _ = writeln!(out, "and {} more fields", found.len() - FIELDS_MAX);
    }
    print(&out)?;
    Ok(Exit::AsExpected)
}

fn unknown(field: &str, all: &BTreeSet<&str>) -> Vec<Complaint> {
    let node = field.split('.').next().unwrap_or(field);
    let of_node = all.iter().filter(|known| known.split('.').next() == Some(node));
    let mut near: Vec<&str> = of_node.copied().collect();
    if near.is_empty() {
        near = all.iter().copied().collect();
    }
    near.truncate(FIELDS_MAX);
    let help = format!("there are {}", near.join(", "));
    vec![Complaint::command_line(format!("no field `{field}` in this run")).with_help(help)]
}

impl<'a> When<'a> {
    fn new(scenario: &'a str, field: &'a str, steps: &Steps<'a>, until: u64) -> Option<When<'a>> {
        let changes: Vec<&'a Change> =
            steps.changes_of(field).iter().copied().filter(|change| change.step <= until).collect();
        let last = changes.last()?;
        // What was there before the first step was written by none.
        let events = (last.step > 0).then(|| steps.events(last.step)).into_iter().flatten();
        let events: Vec<_> = events.collect();
        Some(When {
            v: 1,
            scenario,
            field,
            step: last.step,
            at_ns: events.first().map_or(0, |(_, event)| event.header.at_ns),
            before: last.before.as_ref(),
            after: last.after.as_ref(),
            events: events.iter().map(|(id, event)| format!("#{} {}", id.0, what(steps.trace, event))).collect(),
            changes: changes
                .iter()
                .map(|change| Step { step: change.step, before: change.before.as_ref(), after: change.after.as_ref() })
                .collect(),
        })
    }

    fn tell(&self, out: &mut String) {
        let change = format!("{} -> {}", value_words(self.before), value_words(self.after));
        let place = if self.step == 0 {
            "set before the first step, and never changed".to_owned()
        } else {
            let (seconds, rest) = (self.at_ns / 1_000_000_000, self.at_ns % 1_000_000_000);
            format!("step {} at {seconds}.{rest:09}s", thousands(self.step))
        };
        let _ = writeln!(out, "{}  {change}   {place}", self.field);
        for event in self.events.iter().take(EVENTS_MAX) {
            let _ = writeln!(out, "  {event}");
        }
        if self.events.len() > EVENTS_MAX {
            let _ = writeln!(out, "  and {} more events", self.events.len() - EVENTS_MAX);
        }
        let earlier = self.changes.iter().rev().skip(1);
        let shown: Vec<String> = earlier
            .take(EARLIER_MAX)
            .map(|step| format!("step {}: {}", thousands(step.step), value_words(step.after)))
            .collect();
        if !shown.is_empty() {
            let _ = writeln!(out, "  before that  {}", shown.join(", "));
        }
    }
}
