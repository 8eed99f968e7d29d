//! The failure card. The order of its lines is the product: what broke, what else, what was unusual about
//! this run, whether it is repeatable, what to paste.

use std::fmt::Write;

use seedbed::check::Verdict;

use super::{Paint, also, deviations, thousands};
use crate::compare::Second;
use crate::sweep::FailedRun;

/// Deviations shown before the rest is only counted.
const DEVIATIONS_MOST: usize = 10;

/// What a card is about.
#[derive(Clone, Debug)]
pub struct Card<'a> {
    /// Name of the scenario or plan.
    pub scenario: &'a str,
    /// The variant that was run.
    pub variant: &'a str,
    /// What it amounts to.
    pub verdict: Verdict,
    /// What was expected, in words.
    pub expected: &'a str,
    /// Whether the failure shown is the one expected.
    pub as_expected: bool,
    /// The failing run, if it is a run that fails and not the sweep as a whole.
    pub failed: Option<&'a FailedRun>,
    /// Whether the run came from a seed.
    pub seeded: bool,
    /// Sentences about the sweep or the run as a whole.
    pub remarks: &'a [String],
    /// A line to paste.
    pub repro: Option<&'a str>,
}

/// The card as text, with a line end.
#[must_use]
pub fn card(card: &Card<'_>, paint: Paint) -> String {
    let mut out = String::new();
    let mark = if card.as_expected { paint.good("FAIL (expected)") } else { paint.bad("FAIL") };
    let _ = write!(out, "{mark}  {} {}   ", card.scenario, card.variant);
    match card.failed {
        Some(failed) => what_broke(&mut out, card, failed, paint),
        None => {
            let _ = writeln!(out, "{}", paint.strong(card.verdict.word()));
        }
    }
    if !card.as_expected {
        let _ = writeln!(out, "expected: {}", card.expected);
    }
    for remark in card.remarks {
        let _ = writeln!(out, "note: {remark}");
    }
    if let Some(failed) = card.failed {
        unusual(&mut out, failed);
        repeatable(&mut out, failed);
    }
    if let Some(repro) = card.repro {
        let _ = writeln!(out, "repro: {repro}");
    }
    out
}

fn what_broke(out: &mut String, card: &Card<'_>, failed: &FailedRun, paint: Paint) {
    if let Some(failure) = &failed.failure {
        let _ = write!(out, "invariant: {}", paint.strong(&failure.invariant));
        if failed.steps > 0 {
            let _ = write!(out, "   step {} of {}", thousands(failure.step), thousands(failed.steps));
        }
    } else {
        let _ = write!(out, "{}   {} steps", paint.strong(failed.verdict.word()), thousands(failed.steps));
    }
    if card.seeded {
        let _ = write!(out, "   seed {} ({})", failed.seed, failed.strategy);
    }
    out.push('\n');
    if let Some(failure) = &failed.failure {
        let _ = writeln!(out, "      {}", failure.cause);
        for line in failure.detail.lines() {
            let _ = writeln!(out, "      {line}");
        }
    }
    out.push_str(&also(&failed.also));
}

fn unusual(out: &mut String, failed: &FailedRun) {
    match failed.deviations.len() {
        0 if failed.steps == 0 => {}
        0 => out.push_str("deviations: none; everything in this run is quiet\n"),
        count => {
            let _ = writeln!(out, "deviations: {}", thousands(count as u64));
            out.push_str(&deviations(&failed.deviations, DEVIATIONS_MOST));
        }
    }
}

fn repeatable(out: &mut String, failed: &FailedRun) {
    match &failed.second {
        Second::Identical => out.push_str("determinism: run twice, identical"),
        Second::NotTried => out.push_str("determinism: not run again, because it does not end"),
        Second::Different(difference) => {
            out.push_str("determinism: run twice, DIFFERENT");
            if let Some(step) = difference.step {
                let _ = write!(out, " from step {} on", thousands(step));
            }
            let _ = write!(out, "\n  one execution:   {}\n  another:         {}", difference.one, difference.other);
        }
    }
    if let (Second::Identical, Some(digest)) = (&failed.second, failed.digest) {
        let _ = write!(out, "   {digest}");
    }
    out.push('\n');
}
