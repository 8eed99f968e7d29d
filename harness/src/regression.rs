//! Plans as regressions: what following one says about the code, and whether it still says anything.
//!
//! "The bug is gone" and "the plan has lost its way" look alike: the run holds. What tells them apart is the share
//! of the plan's deviations that found their place. Below nine in ten the plan is *stale*: it says nothing about
//! the bug, and a search near it has to find the failure again.

use seedbed::check::Verdict;
use seedbed::choice::Anchoring;
use seedbed::run::RunReport;
use seedbed::scenario::Plan;

use crate::compare::Second;
use crate::execute::has_failed;

/// What following a plan showed on one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It must fail here, and it does, in the same way.
    Reproduced,
    /// It must hold here, and it does.
    Holds,
    /// It must fail here, was followed, and holds: the bug is gone from this variant.
    Fixed,
    /// It must fail here and does not, but it was not followed: nothing is known.
    Stale,
    /// It must fail here and fails in another way.
    OtherFailure,
    /// It must hold here and fails.
    Broken,
    /// A budget was reached before there was an answer.
    Unknown,
    /// Two executions differ.
    Different,
}

impl Answer {
    /// What a run of this plan showed; `fails`: it must fail on this variant.
    #[must_use]
    pub fn of(plan: &Plan, fails: bool, report: &RunReport, second: &Second) -> Answer {
        if matches!(second, Second::Different(_)) {
            return Answer::Different;
        }
        let shown = report.failure.as_ref().filter(|_| has_failed(report.verdict)).map(|failure| failure.fingerprint());
        match (shown, fails) {
            (Some(shown), true) if plan.failure.as_ref().is_none_or(|known| *known == shown) => Answer::Reproduced,
            (Some(_), true) if is_stale(&report.anchoring) => Answer::Stale,
            (Some(_), true) => Answer::OtherFailure,
            (Some(_), false) => Answer::Broken,
            (None, _) if report.verdict == Verdict::Budget => Answer::Unknown,
            (None, true) if is_stale(&report.anchoring) => Answer::Stale,
            (None, true) => Answer::Fixed,
            (None, false) => Answer::Holds,
        }
    }

    /// The word of JSON lines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Answer::Reproduced => "reproduced",
            Answer::Holds => "holds",
            Answer::Fixed => "fixed",
            Answer::Stale => "stale",
            Answer::OtherFailure => "other-failure",
            Answer::Broken => "broken",
            Answer::Unknown => "unknown",
            Answer::Different => "different",
        }
    }

    /// Whether it is what a regression is for.
    #[must_use]
    pub const fn is_as_expected(self) -> bool {
        matches!(self, Answer::Reproduced | Answer::Holds)
    }

    /// Remarks for the row and the card; `path` is the plan's.
    #[must_use]
    pub fn remarks(self, anchoring: &Anchoring, path: &str) -> Vec<String> {
        let mut remarks = Vec::new();
        if anchoring.used < anchoring.total {
            remarks.push(format!("anchored {anchoring}"));
        }
        match self {
            Answer::Stale => remarks.push(format!(
                "STALE: only {anchoring} deviations found their place, so this says nothing about the bug; \
                 search near it with: seedbed promote {path} --refresh"
            )),
            Answer::Fixed => remarks.push(format!(
                "FIXED: {anchoring} deviations found their place and the failure is gone; \
                 if that is meant, move the variant from fails-on to holds-on"
            )),
            Answer::Reproduced if is_stale(anchoring) => remarks.push(format!(
                "it still fails, but it is losing its anchors; write it anew with: \
                 seedbed promote {path} --refresh"
            )),
            Answer::OtherFailure => remarks.push("it fails in another way than the plan says".to_owned()),
            Answer::Broken => remarks.push("the plan says that it holds on this variant".to_owned()),
            _ => {}
        }
        remarks
    }
}

/// Fewer than nine in ten deviations found their place.
#[must_use]
pub fn is_stale(anchoring: &Anchoring) -> bool {
    anchoring.used * 10 < anchoring.total * 9
}
