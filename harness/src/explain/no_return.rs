//! The point of no return: how likely the failure is when a run is followed to a step and the rest is left to
//! chance.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lab::{Lab, Stop, Trial};
use crate::shrink::Case;

/// Fresh endings per step.
pub const ENDINGS: u64 = 20;

/// Steps at which the curve is looked at first; more are added around the jump.
const POINTS: u64 = 8;

/// Share of failing endings by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoReturn {
    /// Endings per point.
    pub endings: u64,
    /// The points, by step.
    pub points: Vec<Point>,
    /// The step that makes the greatest difference, if one does.
    pub jump: Option<Jump>,
}

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// The run is followed up to and including this step; 0: only the operations are kept.
    pub step: u64,
    /// Of the endings, how many fail in the same way.
    pub fails: u64,
}

/// Where the curve rises most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Jump {
    /// The step.
    pub step: u64,
    /// Failing endings before it.
    pub before: u64,
    /// Failing endings after it.
    pub after: u64,
}

/// The curve of a failing case, whose failure was found after `last`.
pub(super) fn curve(lab: &mut Lab<'_>, case: &Case, last: u64, found: &mut NoReturn) -> Result<(), Stop> {
    let mut points: BTreeMap<u64, u64> = BTreeMap::new();
    let mut open: Vec<u64> = (0..=POINTS).map(|part| last * part / POINTS).collect();
    open.dedup();
    while !open.is_empty() {
        let trials: Vec<Trial> = open
            .iter()
            .flat_map(|step| (0..ENDINGS).map(|seed| Trial { case: case.clone(), fresh: Some((*step, seed)) }))
            .collect();
        let tried = lab.try_all(&trials)?;
        for (step, endings) in open.iter().zip(tried.chunks(ENDINGS as usize)) {
            let fails = endings.iter().filter(|tried| tried.fails).count();
            points.insert(*step, fails as u64);
        }
        // The widest rise is looked at more closely until it is a single step.
        let steepest = steepest(&points);
        open = match steepest {
            Some((from, to)) if to - from > 1 => vec![from + (to - from) / 2],
            _ => Vec::new(),
        };
        found.points = points.iter().map(|(step, fails)| Point { step: *step, fails: *fails }).collect();
        found.jump = steepest.map(|(from, to)| Jump { step: to, before: points[&from], after: points[&to] });
    }
    Ok(())
}

impl Default for NoReturn {
    fn default() -> NoReturn {
        NoReturn { endings: ENDINGS, points: Vec::new(), jump: None }
    }
}

/// The neighbouring points between which the curve rises most; among equals the last.
fn steepest(points: &BTreeMap<u64, u64>) -> Option<(u64, u64)> {
    let pairs = points.iter().zip(points.iter().skip(1));
    let rises = pairs.filter(|((_, before), (_, after))| after > before);
    rises.max_by_key(|((from, before), (_, after))| (*after - *before, **from)).map(|((from, _), (to, _))| (*from, *to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steepest_rise_is_found_and_a_flat_curve_has_none() {
        let curve = BTreeMap::from([(0, 1), (10, 3), (20, 18), (30, 20)]);
        assert_eq!(steepest(&curve), Some((10, 20)));
        assert_eq!(steepest(&BTreeMap::from([(0, 20), (10, 20)])), None);
        assert_eq!(steepest(&BTreeMap::from([(0, 20)])), None);
    }
}
