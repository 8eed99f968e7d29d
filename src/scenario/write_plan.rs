//! Writing a plan: one canonical form, for people to read, edit and review in a diff.
//!
//! The story comes first (operations, deviations, failure), each step of it on a line of its own so that it
//! can be deleted or commented out; the settings it ran under follow.

use std::fmt::{Display, Write};

use super::duration::format_duration;
use super::expect::mode_word;
use super::header::VERSION;
use super::model::Claim;
use super::plan::Plan;
use crate::choice::Deviation;

/// The text of a plan file. Reading it gives the same plan.
#[must_use]
pub fn write_plan(plan: &Plan) -> String {
    let mut out = Writer::default();
    out.line("# One run, step by step, without a seed. Edit it freely: lines of `operations` and `deviations` may");
    out.line("# go, and what a replay does not find in them is quiet. `seedbed replay` says how much still applies.");
    out.key("seedbed", VERSION);
    out.key("scenario", quoted(&plan.scenario));
    out.optional("sentence", plan.sentence.as_deref());
    out.key("flow", quoted(&plan.flow));
    out.key("variant", quoted(&plan.variant));
    for (key, variants) in [("fails-on", &plan.fails_on), ("holds-on", &plan.holds_on)] {
        if !variants.is_empty() {
            out.key(key, list(variants.iter().map(|variant| quoted(variant))));
        }
    }
    out.optional("found-at", plan.found_at.as_deref());
    out.optional("digest", plan.digest.as_deref());

    out.line("");
    out.rows("operations", plan.operations.iter().map(|(n, op)| format!("{{ n = {n}, op = {} }}", inline(op))));
    out.rows("deviations", plan.script.deviations.iter().map(deviation));

    if let Some(failure) = &plan.failure {
        out.table("failure");
        out.key("invariant", quoted(&failure.invariant));
        out.key("cause", quoted(&failure.cause));
    }
    out.table("expect");
    match &plan.claim {
        Claim::Violates(id) => out.key("violates", quoted(id)),
        Claim::Holds => out.key("holds", true),
        Claim::HoldsOnly(ids) => out.key("holds", list(ids.iter().map(|id| quoted(id)))),
    }
    if !plan.checks.is_empty() {
        out.table("checks");
        for (id, mode) in &plan.checks {
            out.key(&key(id), quoted(mode_word(*mode)));
        }
    }
    if !plan.config.is_empty() {
        out.table("flow-config");
        for (name, value) in &plan.config {
            out.key(&key(name), inline(value));
        }
    }
    if !plan.contract.is_empty() {
        out.table("contract");
        for (name, value) in &plan.contract {
            out.key(&key(name), quoted(value));
        }
    }
    out.table("budget");
    out.key("steps", grouped(plan.budget.steps));
    out.key("virtual", quoted(&format_duration(plan.budget.virtual_time)));
    out.key("polls-per-step", grouped(plan.budget.polls_per_step));
    out.key("trace-events", grouped(plan.budget.trace_events));
    out.text
}

fn deviation(deviation: &Deviation) -> String {
    let Deviation { site, actor, n, value, step } = deviation;
    let (site, actor, value) = (quoted(site), quoted(actor), quoted(value));
    // Step 0 is before the first one: no step is known.
    let step = if *step == 0 { String::new() } else { format!(", step = {step}") };
    format!("{{ site = {site}, actor = {actor}, n = {n}, value = {value}{step} }}")
}

#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn key(&mut self, key: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(key, quoted(value));
        }
    }

    fn rows(&mut self, key: &str, rows: impl Iterator<Item = String>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return self.key(key, "[]");
        }
        self.line(&format!("{key} = ["));
        for row in rows {
            self.line(&format!("  {row},"));
        }
        self.line("]");
    }

    fn table(&mut self, name: &str) {
        self.line(&format!("\n[{name}]"));
    }
}

/// A value on one line, in the shape people write it.
#[must_use]
pub fn inline(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => quoted(text),
        toml::Value::Array(items) => list(items.iter().map(inline)),
        toml::Value::Table(entries) if entries.is_empty() => "{}".to_owned(),
        toml::Value::Table(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// A count with its thousands set apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A key, in quotes only if it needs them.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A TOML string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
