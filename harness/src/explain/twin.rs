//! The nearest run that passes: one choice different, and the same for as long as possible.

use seedbed::choice::{Deviation, Offer};
use seedbed::run::RunReport;
use serde::Serialize;
use serde_json::Value;

use super::align::{Difference, Steps};
use super::lab::{Lab, Stop};
use super::necessity::{Passing, trials};
use crate::shrink::Case;

/// Passing runs that are compared with the failing one.
const COMPARED_MAX: usize = 24;
const FIELDS_MAX: usize = 5;
/// Further deviations that are tried, and how many of them at once.
const ADDED_MAX: usize = 192;
const ADDED_AT_ONCE: usize = 32;

/// The nearest passing run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Twin {
    /// What is different about it, in words: `without deviation 2`.
    pub edit: String,
    /// Whether that is an operation, and not a deviation.
    pub of_operation: bool,
    /// Where it first differs from the failing run, which is "one".
    pub difference: Difference,
    /// Fields that differ when the failing run fails, at most five.
    pub fields: Vec<Field>,
    /// Further fields that differ then.
    pub more_fields: u64,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// The field.
    pub field: String,
    /// Its value in the failing run.
    pub one: Option<Value>,
    /// Its value in the passing run, at the same point or before.
    pub other: Option<Value>,
}

/// Where no deviation can be left out or altered so that the run passes: runs with one more, the latest that do. A
/// choice that could have been otherwise late in the run leaves it the same for as long as possible.
pub(super) fn with_one_more(
    lab: &mut Lab<'_>,
    case: &Case,
    offers: &[Offer],
    failing_step: u64,
) -> Result<Vec<Passing>, Stop> {
    let taken = |offer: &Offer| {
        let place = (&offer.site, &offer.actor, offer.n);
        case.script.iter().any(|deviation| (&deviation.site, &deviation.actor, deviation.n) == place)
    };
    let open = offers.iter().rev().filter(|offer| offer.step <= failing_step && !taken(offer));
    let more: Vec<(&Offer, Case)> = open
        .filter_map(|offer| {
            let value = offer.representatives.first()?;
            let Offer { site, actor, n, step, .. } = offer;
            let (site, actor, value) = (site.clone(), actor.clone(), value.clone());
            let mut more = case.clone();
            more.script.deviations.push(Deviation { site, actor, n: *n, value, step: *step });
            more.script.sort();
            Some((offer, more))
        })
        .take(ADDED_MAX)
        .collect();
    for some in more.chunks(ADDED_AT_ONCE) {
        let cases: Vec<Case> = some.iter().map(|(_, case)| case.clone()).collect();
        let tried = lab.try_all(&trials(&cases))?;
        let passing: Vec<Passing> = some
            .iter()
            .zip(tried)
            .filter(|(_, shown)| shown.passes)
            .map(|((offer, more), _)| Passing {
                edit: format!(
                    "with one more deviation, {} {} #{}: {} at step {},",
                    offer.site, offer.actor, offer.n, offer.representatives[0], offer.step
                ),
                of_operation: false,
                case: more.clone(),
            })
            .collect();
        if !passing.is_empty() {
            return Ok(passing);
        }
    }
    Ok(Vec::new())
}

/// Chooses among passing runs: one with the same operations if there is one; then the one whose state is that of the
/// failing run for longest, then whose events are, then the first.
pub(super) fn nearest(
    lab: &mut Lab<'_>,
    failing: &RunReport,
    failing_step: u64,
    passing: &[Passing],
) -> Result<Option<Twin>, Stop> {
    let compared = &passing[..passing.len().min(COMPARED_MAX)];
    let cases: Vec<Case> = compared.iter().map(|passing| passing.case.clone()).collect();
    let reports = lab.keep_all(&cases)?;
    let Some(one) = Steps::new(failing) else {
        return Ok(None);
    };
    let mut best: Option<((bool, u64, u64), Twin)> = None;
    for (passing, report) in compared.iter().zip(&reports) {
        let Some(other) = Steps::new(report) else {
            continue;
        };
        let difference = one.differs_from(&other);
        let state = difference.state.as_ref();
        let nearness = (
            !passing.of_operation,
            state.map_or(u64::MAX, |state| state.step_one.or(state.step_other).unwrap_or(0)),
            difference.events.as_ref().map_or(u64::MAX, |events| events.step),
        );
        if best.as_ref().is_none_or(|(nearest, _)| nearness > *nearest) {
            let mut fields = fields(&one, &other, failing_step);
            let more_fields = fields.len().saturating_sub(FIELDS_MAX) as u64;
            fields.truncate(FIELDS_MAX);
            let twin = Twin {
                edit: passing.edit.clone(),
                of_operation: passing.of_operation,
                difference,
                fields,
                more_fields,
            };
            best = Some((nearness, twin));
        }
    }
    Ok(best.map(|(_, twin)| twin))
}

/// The fields that differ when the one run fails and the other is as far.
fn fields(one: &Steps<'_>, other: &Steps<'_>, step: u64) -> Vec<Field> {
    let same = (0..=step).rev().find_map(|step| one.same_in(step, other)).unwrap_or(0);
    let (ours, theirs) = (one.states.as_of(step), other.states.as_of(same));
    seedbed::snapshot::changes(&ours, &theirs)
        .into_iter()
        .map(|(field, one, other)| Field { field, one, other })
        .collect()
}
