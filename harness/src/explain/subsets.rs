//! Which of the deviations suffice: the smallest sets that still fail.

use serde::Serialize;

use super::lab::{Lab, Stop, Trial};
use crate::shrink::Case;

/// Up to this many deviations all sets are looked at.
pub const EXHAUSTIVE_MAX: usize = 10;

/// The minimal failing sets of deviations that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Subsets {
    /// Each set as positions of deviations, from 0 on; the smallest first.
    pub minimal: Vec<Vec<usize>>,
    /// Every set was looked at, so there are no others.
    pub complete: bool,
    /// Sets executed.
    pub tried: u64,
}

/// All minimal failing sets of few deviations. A set that contains a failing one is not executed.
pub(super) fn all(lab: &mut Lab<'_>, case: &Case, found: &mut Subsets) -> Result<(), Stop> {
    let count = case.script.len();
    let mut masks: Vec<u32> = (0..1_u32 << count).collect();
    masks.sort_by_key(|mask| (mask.count_ones(), *mask));
    let mut minimal = Vec::<u32>::new();
    // One size at a time: sets of one size do not contain one another.
    for size in 0..=count as u32 {
        let open: Vec<u32> = masks
            .iter()
            .copied()
            .filter(|mask| mask.count_ones() == size)
            .filter(|mask| minimal.iter().all(|smaller| mask & smaller != *smaller))
            .collect();
        let trials: Vec<Trial> = open.iter().map(|mask| case.only(&positions(*mask)).into()).collect();
        let tried = lab.try_all(&trials)?;
        found.tried += trials.len() as u64;
        for (mask, shown) in open.iter().zip(tried) {
            if shown.fails {
                minimal.push(*mask);
                found.minimal.push(positions(*mask));
            }
        }
    }
    found.complete = true;
    Ok(())
}

/// One or two minimal failing sets of many deviations: what is left when as much as possible is taken away from
/// the end, and from the beginning.
pub(super) fn some(lab: &mut Lab<'_>, case: &Case, found: &mut Subsets) -> Result<(), Stop> {
    let all: Vec<usize> = (0..case.script.len()).collect();
    for order in [all.iter().rev().copied().collect(), all] {
        let (set, tried) = thin(lab, case, order)?;
        found.minimal.push(set);
        found.tried += tried;
    }
    found.minimal.sort_by_key(|set| (set.len(), set.clone()));
    found.minimal.dedup();
    Ok(())
}

/// Takes away what is not needed, in chunks that get smaller, until nothing single can go. `order`: what is tried
/// first.
fn thin(lab: &mut Lab<'_>, case: &Case, mut order: Vec<usize>) -> Result<(Vec<usize>, u64), Stop> {
    let mut tried = 0;
    let mut size = order.len().div_ceil(2);
    loop {
        let mut removed = false;
        let mut at = 0;
        while at < order.len() {
            let rest: Vec<usize> = [&order[..at], &order[(at + size).min(order.len())..]].concat();
            let mut kept = rest.clone();
            kept.sort_unstable();
            tried += 1;
            if lab.try_all(&[case.only(&kept).into()])?[0].fails {
                order = rest;
                removed = true;
            } else {
                at += size;
            }
        }
        if size == 1 && !removed {
            order.sort_unstable();
            return Ok((order, tried));
        }
        size = (size / 2).max(1);
    }
}

fn positions(mask: u32) -> Vec<usize> {
    (0..32).filter(|bit| mask >> bit & 1 == 1).collect()
}
