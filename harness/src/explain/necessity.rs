//! For each operation and each deviation: is it needed, and which other values would do?
//!
//! One thing is changed at a time; everything else stays as it is in the run that is explained.

use seedbed::choice::{Deviation, Offer};
use serde::Serialize;

use super::bounds::Boundary;
use super::lab::{Lab, Stop, Trial};
use crate::shrink::Case;

/// What can be said about one operation or deviation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Necessity {
    /// The failure disappears without it.
    pub needed: bool,
    /// Without it, deviations lose their place: that the failure disappears may have that reason.
    #[serde(skip_serializing_if = "is_false")]
    pub displaces: bool,
    /// In words, which other values fail too; empty if no other was possible.
    pub values: Vec<String>,
    /// Other values that were tried.
    pub tried: u64,
    /// Boundaries of a number in it, by the name of the number (empty if it is the value itself).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Numbers>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The range of one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// The part of the operation: `overwrite.bytes`; empty for the whole.
    pub part: String,
    /// `nanoseconds`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// Where it ends below; null: everything smaller fails too.
    pub lower: Option<Boundary>,
    /// Where it ends above; null: everything larger that was tried fails too.
    pub upper: Option<Boundary>,
    /// Some value inside does not fail.
    pub holes: bool,
}

/// A run that passes, one choice away from the failing one.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    /// What was done to the failing run.
    pub edit: String,
    /// Whether it was done to an operation: then the two runs do not even want the same.
    pub of_operation: bool,
    pub case: Case,
}

/// What was found out about a run, part by part.
#[derive(Default)]
pub(super) struct Parts {
    /// Empty if they were not looked at one by one.
    pub operations: Vec<Necessity>,
    /// Empty if there was no time for them.
    pub deviations: Vec<Necessity>,
    /// Runs that pass: those with another deviation first, and what was dropped before what was altered.
    pub passing: Vec<Passing>,
}

/// More operations, and more values of one deviation, are not looked at one by one.
const OPERATIONS_MAX: usize = 64;
pub(super) const ALTERNATIVES_MAX: usize = 64;

/// Looks at every part of a failing case. `offers`: what could have been chosen in its run. What is known when it has
/// to stop is kept.
pub(super) fn look(lab: &mut Lab<'_>, case: &Case, offers: &[Offer], parts: &mut Parts) -> Result<(), Stop> {
    drop_deviations(lab, case, parts)?;
    drop_operations(lab, case, parts)?;
    alternatives(lab, case, offers, parts)
}

fn drop_deviations(lab: &mut Lab<'_>, case: &Case, parts: &mut Parts) -> Result<(), Stop> {
    let without = |position| case.without_deviation(position);
    let cases: Vec<Case> = (0..case.script.len()).map(without).collect();
    let tried = lab.try_all(&trials(&cases))?;
    for (index, (shown, without)) in tried.iter().zip(cases).enumerate() {
        if shown.passes {
            let edit = format!("without deviation {}", index + 1);
            parts.passing.push(Passing { edit, of_operation: false, case: without });
        }
        parts.deviations.push(Necessity::of(!shown.fails, false));
    }
    Ok(())
}

fn drop_operations(lab: &mut Lab<'_>, case: &Case, parts: &mut Parts) -> Result<(), Stop> {
    if case.operations.len() > OPERATIONS_MAX {
        return Ok(());
    }
    let without = |position| case.without_operation(position);
    let cases: Vec<Case> = (0..case.operations.len()).map(without).collect();
    let tried = lab.try_all(&trials(&cases))?;
    for ((shown, without), (n, _)) in tried.iter().zip(cases).zip(&case.operations) {
        if shown.passes {
            let edit = format!("without operation {n}");
            parts.passing.push(Passing { edit, of_operation: true, case: without });
        }
        let displaces = !shown.fails && !shown.unused.is_empty();
        parts.operations.push(Necessity::of(!shown.fails, displaces));
    }
    Ok(())
}

/// Tries the other values that a deviation's place offered, if they can be listed.
fn alternatives(lab: &mut Lab<'_>, case: &Case, offers: &[Offer], parts: &mut Parts) -> Result<(), Stop> {
    let Parts { deviations, passing, .. } = parts;
    let mut tries: Vec<(usize, String, Case)> = Vec::new();
    for (position, deviation) in case.script.iter().enumerate() {
        let others = listed(offers, deviation).into_iter().flatten().skip(1);
        let others = others.filter(|words| **words != deviation.value);
        tries.extend(
            others.take(ALTERNATIVES_MAX).map(|words| (position, words.clone(), case.with_value(position, words))),
        );
    }
    let cases: Vec<Case> = tries.iter().map(|(_, _, case)| case.clone()).collect();
    let tried = lab.try_all(&trials(&cases))?;
    let mut fail: Vec<Vec<String>> = vec![Vec::new(); deviations.len()];
    for ((position, words, case), shown) in tries.into_iter().zip(tried) {
        deviations[position].tried += 1;
        if shown.fails {
            fail[position].push(words);
        } else if shown.passes {
            passing.push(Passing {
                edit: format!("with `{words}` as deviation {}", position + 1),
                of_operation: false,
                case,
            });
        }
    }
    for (necessity, mut fail) in parts.deviations.iter_mut().zip(fail) {
        necessity.values = if necessity.tried > 1 && fail.len() as u64 == necessity.tried {
            vec!["any value".to_owned()]
        } else {
            let more = fail.len().saturating_sub(SHOWN_MAX);
            fail.truncate(SHOWN_MAX);
            let mut words: Vec<String> = fail.iter().map(|words| format!("or `{words}`")).collect();
            if more > 0 {
                words.push(format!("or {more} more"));
            }
            words
        };
    }
    Ok(())
}

/// Alternatives named before the rest is only counted.
const SHOWN_MAX: usize = 4;

pub(super) fn listed<'o>(offers: &'o [Offer], deviation: &Deviation) -> Option<&'o Vec<String>> {
    let offer = offers
        .iter()
        .find(|offer| (&offer.site, &offer.actor, offer.n) == (&deviation.site, &deviation.actor, deviation.n));
    offer?.values.as_ref()
}

pub(super) fn trials(cases: &[Case]) -> Vec<Trial> {
    cases.iter().cloned().map(Trial::from).collect()
}

impl Necessity {
    fn of(needed: bool, displaces: bool) -> Necessity {
        Necessity { needed, displaces, values: Vec::new(), tried: 0, ranges: Vec::new() }
    }

    /// `NECESSARY`, `any ≥ 3ms`, `NECESSARY; bytes: any > 512`, `not needed`.
    #[must_use]
    pub fn words(&self) -> String {
        if !self.needed {
            return "not needed".to_owned();
        }
        let needed = if self.displaces { "NECESSARY (without it, a deviation has no place)" } else { "NECESSARY" };
        // The range of a whole value says what is necessary; that of a part of it, or alternatives, do not.
        let (ranges, others) = self.values.split_at(self.values.len().min(self.ranges.len()));
        let whole = self.ranges.iter().any(|range| range.part.is_empty());
        let mut words = ranges.join(", ");
        if words.is_empty() {
            needed.clone_into(&mut words);
        } else if self.displaces || !whole {
            words = format!("{needed}; {words}");
        }
        for other in others {
            words = format!("{words}, {other}");
        }
        words
    }
}
