//! What an exploration found, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::{Paint, thousands};
use crate::explore::{Coverage, CrashCount, Summary};

/// The version of the JSON object.
const VERSION: u32 = 1;

/// The result of `explore`. Field names and their order are public.
#[derive(Debug, Serialize)]
pub struct ExploreLine<'a> {
    v: u32,
    scenario: &'a str,
    variant: &'a str,
    schedules: u64,
    complete: bool,
    violating: u64,
    by_invariant: &'a BTreeMap<String, u64>,
    by_outcome: &'a BTreeMap<String, u64>,
    first: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    placements: Vec<PlacementLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crash_states: Option<CrashLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redundant: Option<u64>,
}

/// Crash states.
#[derive(Debug, Serialize)]
struct CrashLine {
    executed: u64,
    of: u64,
    barriers: u64,
    barriers_of: u64,
    sampled: u64,
}

/// Placements of some number of faults.
#[derive(Debug, Serialize)]
struct PlacementLine {
    faults: usize,
    executed: u64,
    of: Option<u64>,
}

/// An exploration that is done.
#[derive(Clone, Copy, Debug)]
pub struct Explored<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// The variant that was run.
    pub variant: &'a str,
    /// What was found.
    pub summary: &'a Summary,
    /// Whether that is all of it.
    pub complete: bool,
    /// Ended by Ctrl-C.
    pub interrupted: bool,
    /// With faults: how many placements.
    pub coverage: &'a [Coverage],
    /// With crash states: how many.
    pub crashes: Option<CrashCount>,
    /// Whether schedules were left out that show nothing new.
    pub reduced: bool,
    /// Where the first failure was written to.
    pub plan: Option<&'a str>,
}

impl Explored<'_> {
    /// The JSON object.
    #[must_use]
    pub fn line(&self) -> ExploreLine<'_> {
        let with_faults = self.coverage.iter().filter(|coverage| coverage.faults > 0);
        let placements = with_faults.map(|coverage| PlacementLine {
            faults: coverage.faults,
            executed: coverage.executed,
            of: coverage.of,
        });
        ExploreLine {
            v: VERSION,
            scenario: self.scenario,
            variant: self.variant,
            schedules: self.summary.runs,
            complete: self.complete,
            violating: self.summary.violating,
            by_invariant: &self.summary.by_invariant,
            by_outcome: &self.summary.by_outcome,
            first: self.plan,
            placements: placements.collect(),
            crash_states: self.crashes.map(|crashes| CrashLine {
                executed: crashes.states,
                of: crashes.states_of,
                barriers: crashes.barriers,
                barriers_of: crashes.barriers_of,
                sampled: crashes.sampled,
            }),
            redundant: self.reduced.then_some(self.summary.redundant),
        }
    }

    /// The text, with a line end.
    #[must_use]
    pub fn text(&self, paint: Paint) -> String {
        let Explored { scenario, variant, summary, .. } = self;
        let mut out = paint.strong(&format!("explore  {scenario} {variant}"));
        out.push('\n');
        let _ = writeln!(out, "{}", self.coverage_words());
        if summary.violating == 0 {
            let _ = writeln!(out, "{}", self.clean_sentence(paint));
        } else {
            let runs = thousands(summary.violating);
            let of = format!("{runs} of {} runs violate something", thousands(summary.runs));
            let _ = writeln!(out, "{}", paint.bad(&of));
            for (fingerprint, kind) in summary.most_wanted(None) {
                let runs = thousands(kind.runs);
                let _ = writeln!(out, "  {runs:>9}  {}: {}", fingerprint.invariant, fingerprint.cause);
            }
        }
        if !summary.by_outcome.is_empty() {
            let outcomes = summary.by_outcome.iter();
            let outcomes: Vec<String> =
                outcomes.map(|(outcome, runs)| format!("{outcome} in {}", thousands(*runs))).collect();
            let _ = writeln!(out, "outcomes: {}", outcomes.join(", "));
        }
        for site in &summary.not_enumerable {
            let _ = writeln!(out, "note: {site} has too many values to try each; it stayed quiet");
        }
        if summary.exhausted > 0 {
            let runs = thousands(summary.exhausted);
            let _ = writeln!(out, "note: {runs} runs reached a budget of the scenario and have no answer");
        }
        out
    }

    fn coverage_words(&self) -> String {
        let runs = thousands(self.summary.runs);
        let why = match (self.complete, self.interrupted) {
            (true, _) => "",
            (false, true) => ", interrupted",
            (false, false) => ", not complete",
        };
        if let Some(crashes) = self.crashes {
            let CrashCount { barriers, barriers_of, states, states_of, sampled } = crashes;
            let all = format!(
                "{} of {} crash states at {} of {} barriers",
                thousands(states),
                thousands(states_of),
                thousands(barriers),
                thousands(barriers_of)
            );
            let samples =
                if sampled > 0 { format!(", {} of which were sampled", thousands(sampled)) } else { String::new() };
            let why = if sampled > 0 && why == ", not complete" { "" } else { why };
            return format!("{all}{samples}{why}");
        }
        if self.coverage.is_empty() && self.reduced {
            let redundant = thousands(self.summary.redundant);
            return format!("{runs} schedules with --reduce, {redundant} of them redundant{why}");
        }
        if self.coverage.is_empty() {
            let all = if self.complete { ", which is all of them" } else { why };
            return format!("{runs} schedules{all}");
        }
        let levels = self.coverage.iter().filter(|coverage| coverage.faults > 0);
        let words = levels.map(|coverage| {
            let of = coverage.of.map_or("an unknown number".to_owned(), thousands);
            let plural = if coverage.faults == 1 { "fault" } else { "faults" };
            let executed = thousands(coverage.executed);
            if coverage.faults == 1 {
                format!("{executed} of {of} placements of 1 {plural}")
            } else {
                format!("{executed} of {of} of {}", coverage.faults)
            }
        });
        format!("{}{why}", words.collect::<Vec<_>>().join(", "))
    }

    fn clean_sentence(&self, paint: Paint) -> String {
        let faults = self.coverage.last().map(|coverage| coverage.faults);
        match (self.complete, faults) {
            (true, None) if self.crashes.is_some() => paint.good("no violation after any of these crashes"),
            (true, None) => paint.good("no violation in any schedule"),
            (true, Some(1)) => paint.good("no violation with any single fault"),
            (true, Some(faults)) => paint.good(&format!("no violation with any {faults} faults or fewer")),
            (false, _) => "no violation so far".to_owned(),
        }
    }
}
