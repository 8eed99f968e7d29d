//! The three kinds of crash, which are never merged: a process is killed, the power goes off, the disk is lost.

use std::collections::BTreeMap;

use super::apply::{Pages, survive};
use super::atlas::DamageKind;
use super::chance::Chance;
use super::cut::{Cut, CutShape, Fate, OpShape};
use super::directory::DirOp;
use super::disk::{Disk, OpenFile};
use super::error::DiskError;
use super::fault_domains::ShortCount;
use super::faults::Fault;
use super::image::{Image, PAGE_BYTES};
use super::inode::{Content, FileNode, FileOp};
use super::pending::InodeId;
use crate::choice::Domain;

impl Disk {
    /// The process is gone: handles and locks with it. The cache survives, so everything it did is there.
    pub fn kill_process(&mut self) {
        for id in std::mem::take(&mut self.open) {
            let handles = std::mem::take(&mut self.inode_mut(id).handles);
            self.living_changed(id, true);
            for _ in 0..handles {
                self.release(id);
            }
        }
        self.locks.clear();
        self.epoch += 1;
    }

    /// A write is under way when its process is killed, and may stop at any byte. Returns how many bytes got
    /// done. The kill itself is [`Disk::kill_process`].
    ///
    /// # Errors
    /// [`DiskError::Stale`] if the handle was dead already.
    pub fn stop_write(
        &mut self,
        chance: &mut impl Chance,
        file: &OpenFile,
        offset: u64,
        bytes: &[u8],
    ) -> Result<usize, DiskError> {
        self.file(file)?;
        let done = if bytes.len() > 1 {
            chance.choose(Fault::InFlight, &ShortCount { len: bytes.len() as u64, offset }) as usize
        } else {
            bytes.len()
        };
        let done = self.fitting(file, offset, done as u64)? as usize;
        self.write_cached(file, offset, &bytes[..done])?;
        Ok(done)
    }

    /// Draws what is wrong with the device: too little space, a larger or smaller unit, promises it breaks.
    pub(crate) fn draw_device(&mut self, chance: &mut impl Chance) {
        self.setup.draw_device(self.syncs, chance);
    }

    /// Faults end: errors that stayed go, syncs tell the truth, there is space. Damage that was done remains.
    pub fn heal_device(&mut self) {
        self.setup.capacity = None;
        self.setup.lying_syncs = 0..0;
        for inode in self.inodes.iter_mut().flatten() {
            if let Content::File(node) = &mut inode.content {
                node.sticky_read_error = false;
                node.sticky_write_error = false;
                node.late_error = false;
            }
        }
    }

    /// What is pending now: the domain of a power cut.
    pub fn cut_shape(&self) -> CutShape {
        let unit = self.setup.atomic_unit;
        let mut ops: Vec<(u64, OpShape)> = Vec::with_capacity(self.pending);
        let mut pages = 0;
        for &id in &self.dirty {
            match &self.inode(id).content {
                Content::File(node) => {
                    pages += Pages::of(node).len();
                    ops.extend(file_shapes(node, unit));
                }
                Content::Directory(dir) => ops.extend(dir.pending.iter().map(|pending| {
                    let half_done = self.setup.torn_rename && matches!(pending.op, DirOp::Rename { .. });
                    (pending.seq, if half_done { OpShape::Rename } else { OpShape::Entry })
                })),
            }
        }
        ops.sort_unstable_by_key(|(seq, _)| *seq);
        // Both halves of a rename across directories are one operation.
        ops.dedup_by_key(|(seq, _)| *seq);
        let (seqs, ops) = ops.into_iter().unzip();
        CutShape { profile: self.setup.profile, ops, seqs, pages, page_sectors: page_sectors(unit) }
    }

    /// The power goes off, with this outcome of what is pending. Everything in memory is gone.
    ///
    /// # Panics
    /// If the shape is not the one [`Disk::cut_shape`] gives now.
    pub fn power_cut(&mut self, shape: &CutShape, cut: &Cut) {
        assert!(shape.allows(cut), "a cut this disk cannot suffer: {}", shape.words(cut));
        self.kill_process();
        let fates: BTreeMap<u64, &Fate> = shape.seqs.iter().copied().zip(&cut.fates).collect();
        let mut pages_before = 0;
        let dirty: Vec<InodeId> = self.dirty.iter().copied().collect();
        for &id in &dirty {
            let Some(Some(inode)) = self.inodes.get(id.0 as usize) else {
                continue;
            };
            if let Content::File(node) = &inode.content {
                let pages = Pages::of(node);
                let count = pages.len() as usize;
                let storm = cut.pages.get(pages_before..pages_before + count);
                pages_before += count;
                self.cut_file(id, &fates, storm.map(|fates| pages.with(fates)));
            }
        }
        for &id in &dirty {
            if let Some(Some(inode)) = self.inodes.get(id.0 as usize)
                && matches!(inode.content, Content::Directory(_))
            {
                self.cut_directory(id, &fates);
            }
        }
        self.dirty.clear();
    }

    /// The disk is gone; an empty one is in its place.
    pub fn lose(&mut self) {
        self.restore(&Disk::new(self.setup.clone()));
    }

    /// The disk as a power cut that loses everything pending would leave it: an image to go back to.
    pub fn durable_image(&self) -> Disk {
        let mut image = self.clone();
        let shape = image.cut_shape();
        let nothing = Cut { fates: vec![Fate::Lost; shape.len()], pages: Vec::new() };
        image.power_cut(&shape, &nothing);
        image
    }

    /// The disk is gone; an older image of it is in its place.
    pub fn restore(&mut self, older: &Disk) {
        let (seq, epoch, atlas) = (self.seq, self.epoch, std::mem::take(&mut self.atlas));
        *self = Disk { seq, epoch: epoch + 1, atlas, ..older.clone() };
    }

    fn cut_file(&mut self, id: InodeId, fates: &BTreeMap<u64, &Fate>, storm: Option<Pages<'_>>) {
        let (unit, follows) = (u64::from(self.setup.atomic_unit), self.setup.profile.size_follows_data());
        let living = self.is_living(id);
        let version = self.next_seq();
        let node = self.node_mut(id);
        node.version = version;
        let (before, pending) = (node.cached.allocated(), node.pending.len());
        let all_kept = storm.is_none() && node.pending.iter().all(|pending| *fates[&pending.seq] == Fate::Kept);
        let mut damages = Vec::new();
        if all_kept {
            node.persist(pending);
        } else {
            let (image, harmed) = survive(node, fates, storm.as_ref(), unit, follows);
            node.durable = image;
            damages = harmed;
        }
        node.drop_cache();
        let after = node.cached.allocated();
        if living {
            self.used_pages = self.used_pages + after - before;
        }
        self.pending -= pending;
        for (kind, range) in damages {
            self.damage(id, kind, range);
        }
    }

    fn cut_directory(&mut self, id: InodeId, fates: &BTreeMap<u64, &Fate>) {
        let dir = self.dir_mut(id);
        let pending = std::mem::take(&mut dir.pending);
        let mut changes = Vec::new();
        for op in &pending {
            let mut note = |inode, came| changes.push((inode, came));
            match (fates[&op.seq], &op.op) {
                (Fate::Lost, _) => {}
                (Fate::TargetMissing, DirOp::Rename { to, .. }) => {
                    DirOp::Unlink { name: to.clone() }.apply(&mut dir.durable, &mut note);
                }
                (Fate::BothNames, DirOp::Rename { to, inode, .. }) => {
                    DirOp::Link { name: to.clone(), inode: *inode }.apply(&mut dir.durable, &mut note);
                }
                (_, whole) => whole.apply(&mut dir.durable, &mut note),
            }
        }
        let harmed = pending.iter().filter(|op| *fates[&op.seq] != Fate::Kept).count();
        let seen = std::mem::replace(&mut dir.cached, dir.durable.clone());
        let survived: Vec<InodeId> = dir.cached.values().copied().collect();
        self.pending -= pending.len();
        for &(inode, _) in changes.iter().filter(|(_, came)| *came) {
            self.retain(inode);
        }
        for inode in survived {
            self.link_changed(inode, true);
        }
        for inode in seen.into_values() {
            self.link_changed(inode, false);
        }
        let went = changes.iter().filter(|(_, came)| !came).map(|(inode, _)| *inode);
        for inode in went.chain(pending.iter().filter_map(|op| op.op.names())) {
            self.release(inode);
        }
        for _ in 0..harmed {
            self.damage(id, DamageKind::Entry, 0..0);
        }
    }
}

/// Sectors of a page, as far as a storm tells them apart.
fn page_sectors(unit: u32) -> u32 {
    PAGE_BYTES as u32 / unit.max(512)
}

/// The shapes of what is pending on a file.
fn file_shapes(node: &FileNode, unit: u32) -> impl Iterator<Item = (u64, OpShape)> + '_ {
    let mut size = Image::size(&node.durable);
    node.pending.iter().map(move |pending| {
        let shape = match &pending.op {
            FileOp::SetLen { to, .. } => {
                size = *to;
                OpShape::SetLen
            }
            FileOp::Write { .. } => {
                let range = pending.op.range();
                let extends = range.end > size;
                size = size.max(range.end);
                let unit = u64::from(unit);
                let sectors = (range.end.div_ceil(unit) - range.start / unit) as u32;
                OpShape::Write { sectors, extends }
            }
        };
        (pending.seq, shape)
    })
}
