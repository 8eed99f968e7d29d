//! The power-cut sampler: how a cut is drawn. Every mode goes as far as the profile lets it.

use super::cut::{Cut, CutShape, Fate, OpShape, PageFate};
use super::profile::Profile;
use super::tear::{SectorFate, Tear};
use crate::choice::{Expander, Rate};

/// The sampler's modes with their weights: everything survives, nothing does, a prefix, any subset, a storm.
const MODES: [u32; 5] = [10, 10, 30, 35, 15];
/// Of a prefix of n: n-1, 1, or any length.
const PREFIX: [u32; 3] = [25, 10, 65];
/// Of one operation of a subset: kept, lost, torn.
const SUBSET: [u32; 3] = [375, 375, 250];
/// Of a kept append: data and size, old size, zeros, noise.
const APPEND: [u32; 4] = [60, 20, 15, 5];
/// Of a page in a storm: new, old, mixed.
const STORM_PAGE: [u32; 3] = [1, 1, 1];
/// Of a sector of a mixed page: new, old, noise.
const STORM_SECTOR: [u32; 3] = [25, 25, 50];

impl CutShape {
    /// One outcome.
    pub(super) fn sample(&self, e: &mut Expander) -> Cut {
        match (e.weighted(&MODES), self.profile) {
            (0, _) => self.all(Fate::Kept),
            (1, _) => self.all(Fate::Lost),
            (2, _) | (_, Profile::InOrder) => self.prefix(e),
            (3, _) => self.subset(e),
            _ if self.pages == 0 => self.subset(e),
            _ => self.storm(e),
        }
    }

    fn prefix(&self, e: &mut Expander) -> Cut {
        let n = self.ops.len();
        let kept = match e.weighted(&PREFIX) {
            0 => n - 1,
            1 => 1,
            _ => e.range_inclusive(0, n as u64) as usize,
        };
        let mut cut = self.all(Fate::Lost);
        cut.fates[..kept].fill(Fate::Kept);
        if kept > 0 && self.profile.tears() && e.chance(Rate::HALF) {
            match self.ops[kept - 1] {
                OpShape::Write { sectors, .. } => cut.fates[kept - 1] = Fate::Torn(Tear::draw(sectors, e)),
                OpShape::Rename => cut.fates[kept - 1] = torn_rename(e),
                OpShape::SetLen | OpShape::Entry => {}
            }
        }
        cut
    }

    fn subset(&self, e: &mut Expander) -> Cut {
        let mut entries_left = self.entries_kept(e);
        let fates = self.ops.iter().map(|&op| self.independent(op, &mut entries_left, e)).collect();
        Cut { fates, pages: Vec::new() }
    }

    fn independent(&self, op: OpShape, entries_left: &mut Option<u64>, e: &mut Expander) -> Fate {
        match op {
            OpShape::Write { sectors, extends } => match e.weighted(&SUBSET) {
                0 if extends && !self.profile.size_follows_data() => match e.weighted(&APPEND) {
                    0 => Fate::Kept,
                    1 => Fate::Clipped,
                    2 => Fate::Zeros,
                    _ => Fate::Junk,
                },
                0 => Fate::Kept,
                1 => Fate::Lost,
                _ => Fate::Torn(Tear::draw(sectors, e)),
            },
            OpShape::SetLen => Fate::kept_if(e.chance(Rate::HALF)),
            OpShape::Entry | OpShape::Rename => self.entry(op, entries_left, e),
        }
    }

    /// In order: so many directory operations survive. Otherwise each has a coin of its own.
    fn entries_kept(&self, e: &mut Expander) -> Option<u64> {
        let entries = self.ops.iter().filter(|op| op.is_entry()).count() as u64;
        self.profile.entries_in_order().then(|| e.range_inclusive(0, entries))
    }

    fn entry(&self, op: OpShape, entries_left: &mut Option<u64>, e: &mut Expander) -> Fate {
        if let Some(left) = entries_left {
            let kept = *left > 0;
            *left = left.saturating_sub(1);
            return Fate::kept_if(kept);
        }
        match e.below(4) {
            0 | 1 => Fate::Lost,
            2 if op == OpShape::Rename => torn_rename(e),
            _ => Fate::Kept,
        }
    }

    fn storm(&self, e: &mut Expander) -> Cut {
        let mut entries_left = self.entries_kept(e);
        let fates = self.ops.iter().map(|&op| match op {
            OpShape::Write { extends, .. } if extends && !self.profile.size_follows_data() => {
                Fate::kept_if(e.chance(Rate::HALF))
            }
            OpShape::Write { .. } => Fate::Kept,
            OpShape::SetLen => Fate::kept_if(e.chance(Rate::HALF)),
            OpShape::Entry | OpShape::Rename => self.entry(op, &mut entries_left, e),
        });
        let fates = fates.collect();
        let page = |_| match e.weighted(&STORM_PAGE) {
            0 => PageFate::New,
            1 => PageFate::Old,
            _ => PageFate::Mixed((0..self.page_sectors).map(|_| storm_sector(e)).collect()),
        };
        Cut { fates, pages: (0..self.pages).map(page).collect() }
    }
}

fn torn_rename(e: &mut Expander) -> Fate {
    if e.chance(Rate::HALF) { Fate::TargetMissing } else { Fate::BothNames }
}

fn storm_sector(e: &mut Expander) -> SectorFate {
    [SectorFate::New, SectorFate::Old, SectorFate::Noise][e.weighted(&STORM_SECTOR)]
}
