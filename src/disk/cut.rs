//! What a power cut leaves behind: one choice that says for every pending operation what became of it.
//!
//! Operations are numbered from 1 in the order in which they were made, over all files and directories of
//! the disk. In words: `all`, `none`, `keep {1,3}, tear 4 at sector 2`, or, where the cache was being
//! written back page by page, `storm, keep {2}, new {1}, mix 3 nnoxxonn`.

use super::profile::Profile;
use super::tear::{SectorFate, Tear};

/// What became of one pending operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never happened.
    Lost,
    /// It is there. In a storm this is about a write's size; its bytes follow the pages.
    Kept,
    /// A part of a write is there.
    Torn(Tear),
    /// An append's old size: only what lies before the former end was written.
    Clipped,
    /// An append's new size, with zeros for its data.
    Zeros,
    /// An append's new size, with noise for its data.
    Junk,
    /// A rename over a file that removed the old file and did no more.
    TargetMissing,
    /// A rename that did not remove the old name.
    BothNames,
}

impl Fate {
    /// There whole, or not at all.
    pub(super) fn kept_if(kept: bool) -> Fate {
        if kept { Fate::Kept } else { Fate::Lost }
    }
}

/// What became of one page in a storm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageFate {
    /// As it was.
    Old,
    /// Everything written to it is there.
    New,
    /// Sector by sector.
    Mixed(Vec<SectorFate>),
}

/// The outcome of a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// One per pending operation.
    pub fates: Vec<Fate>,
    /// One per page that a pending write touches, if this is a storm; else empty.
    pub pages: Vec<PageFate>,
}

/// What a pending operation is, as far as a cut is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpShape {
    Write {
        sectors: u32,
        extends: bool,
    },
    SetLen,
    Entry,
    /// A rename that can be caught half done.
    Rename,
}

impl OpShape {
    pub(super) fn is_entry(self) -> bool {
        matches!(self, OpShape::Entry | OpShape::Rename)
    }
}

/// The pending operations of a disk: the domain of a [`Cut`].
#[derive(Clone, Debug)]
pub struct CutShape {
    pub(crate) profile: Profile,
    pub(crate) ops: Vec<OpShape>,
    /// The sequence number of each.
    pub(crate) seqs: Vec<u64>,
    /// Pages touched by pending writes.
    pub(crate) pages: u32,
    /// Sectors of such a page.
    pub(crate) page_sectors: u32,
}

impl CutShape {
    /// How many operations are pending.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether nothing is pending, so that a cut can do no harm.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(super) fn all(&self, fate: Fate) -> Cut {
        Cut { fates: vec![fate; self.ops.len()], pages: Vec::new() }
    }

    /// Whether this profile can leave such a state behind.
    pub(crate) fn allows(&self, cut: &Cut) -> bool {
        if cut.fates.len() != self.ops.len() {
            return false;
        }
        let storm = !cut.pages.is_empty();
        if storm && (!self.profile.tears() || cut.pages.len() != self.pages as usize) {
            return false;
        }
        let strict = !self.profile.size_follows_data();
        let possible = |(&op, fate): (&OpShape, &Fate)| match (op, fate) {
            (_, Fate::Kept) => true,
            (OpShape::Write { extends, .. }, Fate::Lost) => !storm || (strict && extends),
            (_, Fate::Lost) => true,
            (OpShape::Write { .. }, Fate::Torn(_)) => !storm && self.profile.tears(),
            (OpShape::Write { extends: true, .. }, Fate::Clipped | Fate::Zeros | Fate::Junk) => !storm && strict,
            (OpShape::Rename, Fate::TargetMissing | Fate::BothNames) => true,
            _ => false,
        };
        if !self.ops.iter().zip(&cut.fates).all(possible) {
            return false;
        }
        let ordered = |in_order: &dyn Fn(OpShape) -> bool| {
            let fates = self.ops.iter().zip(&cut.fates).filter(|(op, _)| in_order(**op));
            fates.map(|(_, fate)| *fate != Fate::Lost).is_sorted_by(|before, after| before >= after)
        };
        match self.profile {
            Profile::InOrder => ordered(&|_| true),
            Profile::Ordered => ordered(&OpShape::is_entry),
            Profile::PosixStrict | Profile::Hostile => true,
        }
    }
}
