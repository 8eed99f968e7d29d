//! What is left of one file after a power cut.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::atlas::DamageKind;
use super::cut::{Fate, PageFate};
use super::image::{Image, PAGE_BYTES};
use super::inode::{FileNode, FileOp};
use super::tear::SectorFate;
use crate::choice::Expander;

/// The pages that a file's pending writes touch, in order, and in a storm what became of each.
pub(crate) struct Pages<'a> {
    pages: Vec<u64>,
    fates: &'a [PageFate],
}

impl<'a> Pages<'a> {
    pub(crate) fn of(node: &FileNode) -> Pages<'a> {
        let writes = node.pending.iter().filter(|pending| matches!(pending.op, FileOp::Write { .. }));
        let pages: BTreeSet<u64> = writes
            .flat_map(|pending| {
                let range = pending.op.range();
                range.start / PAGE_BYTES as u64..range.end.div_ceil(PAGE_BYTES as u64)
            })
            .collect();
        Pages { pages: pages.into_iter().collect(), fates: &[] }
    }

    pub(crate) fn len(&self) -> u32 {
        self.pages.len() as u32
    }

    pub(crate) fn with(self, fates: &'a [PageFate]) -> Pages<'a> {
        Pages { fates, ..self }
    }

    fn fate(&self, offset: u64) -> SectorFate {
        let page = self.pages.binary_search(&(offset / PAGE_BYTES as u64)).ok().and_then(|index| self.fates.get(index));
        match page {
            Some(PageFate::New) => SectorFate::New,
            Some(PageFate::Mixed(sectors)) => {
                let sector_bytes = PAGE_BYTES / sectors.len();
                sectors[offset as usize % PAGE_BYTES / sector_bytes]
            }
            Some(PageFate::Old) | None => SectorFate::Old,
        }
    }
}

/// Applies what survived of the pending operations, in order, and says what was harmed.
///
/// `unit`: bytes that are written whole. `follows`: the size must never cover bytes that did not persist, so
/// an extension is cut off at its first gap, and so is every later one.
pub(crate) fn survive(
    node: &FileNode,
    fates: &BTreeMap<u64, &Fate>,
    storm: Option<&Pages<'_>>,
    unit: u64,
    follows: bool,
) -> (Image, Vec<(DamageKind, Range<u64>)>) {
    let mut image = node.durable.clone();
    let mut harmed = Vec::new();
    // The size as everybody saw it before the operation at hand.
    let mut seen = image.size();
    for pending in &node.pending {
        let fate = fates[&pending.seq];
        let range = pending.op.range();
        match &pending.op {
            FileOp::SetLen { to, .. } => {
                let gap = follows && image.size() < seen;
                match fate {
                    Fate::Kept if gap => image.set_len((*to).min(image.size())),
                    Fate::Kept => image.set_len(*to),
                    _ => harmed.push((DamageKind::LostUnsynced, range)),
                }
                seen = *to;
            }
            FileOp::Write { payload, .. } => {
                let write = Write { start: range.start, bytes: payload.bytes(), seen, seq: pending.seq, unit, follows };
                let harm = match storm {
                    Some(pages) => write.storm(&mut image, fate, pages),
                    None => write.apply(&mut image, fate),
                };
                harmed.extend(harm.map(|kind| (kind, range.clone())));
                seen = seen.max(range.end);
            }
        }
    }
    (image, harmed)
}

/// One pending write.
struct Write<'a> {
    start: u64,
    bytes: &'a [u8],
    seen: u64,
    seq: u64,
    unit: u64,
    follows: bool,
}

impl Write<'_> {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn apply(&self, image: &mut Image, fate: &Fate) -> Option<DamageKind> {
        match fate {
            Fate::Lost => return Some(DamageKind::LostUnsynced),
            Fate::Kept => self.put(image, u64::MAX, |_| SectorFate::New),
            Fate::Torn(tear) => {
                let first = self.start / self.unit;
                self.put(image, u64::MAX, |offset| tear.sector((offset / self.unit - first) as u32));
                let noisy = matches!(tear, super::tear::Tear::Noise(_));
                return Some(if noisy { DamageKind::Noise } else { DamageKind::Torn });
            }
            Fate::Clipped | Fate::Zeros | Fate::Junk => {
                self.put(image, self.seen, |_| SectorFate::New);
                if *fate != Fate::Clipped {
                    image.set_len(image.size().max(self.end()));
                }
                if *fate == Fate::Junk {
                    let start = self.seen.max(self.start);
                    self.noise(image, start..self.end());
                }
                return Some(if *fate == Fate::Junk { DamageKind::Noise } else { DamageKind::Torn });
            }
            Fate::TargetMissing | Fate::BothNames => unreachable!("fates of a rename"),
        }
        None
    }

    /// Sizes follow the operation's fate, bytes that of their page.
    fn storm(&self, image: &mut Image, fate: &Fate, pages: &Pages<'_>) -> Option<DamageKind> {
        if self.follows {
            self.put(image, u64::MAX, |offset| pages.fate(offset));
        } else {
            if *fate == Fate::Kept {
                image.set_len(image.size().max(self.end()));
            }
            self.put(image, image.size(), |offset| pages.fate(offset));
        }
        let mut sectors = self.sectors().map(|sector| pages.fate(sector.start));
        let harmed = *fate != Fate::Kept || !sectors.all(|fate| fate == SectorFate::New);
        let noisy = self.sectors().any(|sector| pages.fate(sector.start) == SectorFate::Noise);
        harmed.then_some(if noisy { DamageKind::Noise } else { DamageKind::Torn })
    }

    /// Writes sector by sector what lies before `limit`.
    fn put(&self, image: &mut Image, limit: u64, fate: impl Fn(u64) -> SectorFate) {
        let mut limit = if self.follows && image.size() < self.seen { limit.min(image.size()) } else { limit };
        let mut run: Option<Range<u64>> = None;
        let flush = |image: &mut Image, run: Option<Range<u64>>| {
            if let Some(run) = run {
                let bytes = &self.bytes[(run.start - self.start) as usize..(run.end - self.start) as usize];
                image.write(run.start, bytes);
            }
        };
        for sector in self.sectors() {
            let kind = fate(sector.start);
            let end = sector.end.min(limit);
            let extension = sector.end.min(limit) > self.seen;
            if self.follows && extension && kind != SectorFate::New {
                // What lies before the former end is an overwrite like any other.
                limit = limit.min(self.seen);
            }
            let end = end.min(limit);
            if sector.start >= end {
                continue;
            }
            match kind {
                SectorFate::Old => flush(image, run.take()),
                SectorFate::New => match &mut run {
                    Some(run) => run.end = end,
                    None => run = Some(sector.start..end),
                },
                SectorFate::Noise => {
                    flush(image, run.take());
                    self.noise(image, sector.start..end);
                }
            }
        }
        flush(image, run);
    }

    /// The stretches of the write that the device handles as one.
    fn sectors(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let (unit, start, end) = (self.unit, self.start, self.end());
        (start / unit..end.div_ceil(unit)).map(move |sector| (sector * unit).max(start)..((sector + 1) * unit).min(end))
    }

    /// Noise is a function of the operation and the place.
    fn noise(&self, image: &mut Image, range: Range<u64>) {
        let mut expander = Expander::new(self.seq.rotate_left(32) ^ range.start);
        let mut noise = Vec::with_capacity((range.end - range.start) as usize + 8);
        while (noise.len() as u64) < range.end - range.start {
            noise.extend_from_slice(&expander.next().to_le_bytes());
        }
        noise.truncate((range.end - range.start) as usize);
        image.write(range.start, &noise);
    }
}
