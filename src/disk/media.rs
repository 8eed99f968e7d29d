//! A medium that does not keep its promises: sectors that cannot be read, bits that flip, writes that are
//! lost or land elsewhere, caches that forget. All of it is entered into the atlas.

use super::atlas::DamageKind;
use super::disk::{Disk, OpenFile};
use super::error::DiskError;
use super::image::Image;
use super::pending::InodeId;
use crate::choice::{Domain, Expander};

/// Bytes of a sector of the medium.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// A sector among those a call touches: quiet none; in words the number of the sector in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectorOf {
    first: u64,
    count: u64,
}

impl SectorOf {
    /// The sectors under a range of bytes.
    pub(crate) fn range(offset: u64, len: u64) -> SectorOf {
        let first = offset / SECTOR_BYTES;
        SectorOf { first, count: (offset + len).div_ceil(SECTOR_BYTES) - first }
    }

    fn sectors(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.count
    }
}

impl Domain for SectorOf {
    type Value = Option<u64>;

    fn quiet(&self) -> Option<u64> {
        None
    }

    fn draw(&self, expander: &mut Expander) -> Option<u64> {
        (self.count > 0).then(|| self.first + expander.below(self.count))
    }

    fn words(&self, sector: &Option<u64>) -> String {
        sector.map_or_else(|| "none".to_owned(), |sector| format!("sector {sector}"))
    }

    fn parse(&self, words: &str) -> Option<Option<u64>> {
        if words == "none" {
            return Some(None);
        }
        let sector = words.strip_prefix("sector ")?.parse().ok()?;
        self.sectors().contains(&sector).then_some(Some(sector))
    }

    fn values(&self) -> Option<Vec<Option<u64>>> {
        (self.count <= 16).then(|| std::iter::once(None).chain(self.sectors().map(Some)).collect())
    }
}

/// A sector of a write that lands at another place of the same file: `sector 3 to 7`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Misdirected {
    pub(crate) from: SectorOf,
    /// Sectors the file had before the write.
    pub(crate) file_sectors: u64,
}

impl Misdirected {
    /// There is a place to land that the write does not touch itself.
    pub(crate) fn is_possible(&self) -> bool {
        self.from.count > 0 && self.places() > 0
    }

    fn places(&self) -> u64 {
        let sectors = self.from.sectors();
        let own = sectors.end.min(self.file_sectors).saturating_sub(sectors.start);
        self.file_sectors - own
    }
}

impl Domain for Misdirected {
    type Value = Option<(u64, u64)>;

    fn quiet(&self) -> Option<(u64, u64)> {
        None
    }

    fn draw(&self, expander: &mut Expander) -> Option<(u64, u64)> {
        if !self.is_possible() {
            return None;
        }
        let from = self.from.draw(expander)?;
        let place = expander.below(self.places());
        let to = if place < self.from.first { place } else { place + self.from.count };
        Some((from, to))
    }

    fn words(&self, value: &Option<(u64, u64)>) -> String {
        value.map_or_else(|| "none".to_owned(), |(from, to)| format!("sector {from} to {to}"))
    }

    fn parse(&self, words: &str) -> Option<Option<(u64, u64)>> {
        if words == "none" {
            return Some(None);
        }
        let (from, to) = words.strip_prefix("sector ")?.split_once(" to ")?;
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        let possible =
            self.from.sectors().contains(&from) && to < self.file_sectors && !self.from.sectors().contains(&to);
        possible.then_some(Some((from, to)))
    }

    fn values(&self) -> Option<Vec<Option<(u64, u64)>>> {
        None
    }
}

/// What sectors held before a write: `(sector, bytes that existed)`.
pub(crate) type SectorImages = Vec<(u64, Vec<u8>)>;

fn sector_bytes(image: &Image, sector: u64) -> Vec<u8> {
    let mut bytes = vec![0; SECTOR_BYTES as usize];
    let read = image.read(sector * SECTOR_BYTES, &mut bytes);
    bytes.truncate(read);
    bytes
}

impl Disk {
    pub(crate) fn sector_images(&self, file: &OpenFile, sectors: &SectorOf) -> Result<SectorImages, DiskError> {
        let image = &self.file(file)?.cached;
        Ok(sectors.sectors().map(|sector| (sector, sector_bytes(image, sector))).collect())
    }

    /// After a write: one of its sectors was not written, or one was written elsewhere.
    pub(crate) fn spoil(
        &mut self,
        file: &OpenFile,
        before: SectorImages,
        lost: Option<u64>,
        astray: Option<(u64, u64)>,
    ) {
        let old = |sector: u64| {
            let mut bytes =
                before.iter().find(|(other, _)| *other == sector).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            // Where the write made the file longer there is now something to read: nothing was written there.
            bytes.resize(SECTOR_BYTES as usize, 0);
            bytes
        };
        if let Some(sector) = lost {
            self.overwrite(file.inode, sector, &old(sector), DamageKind::LostWrite);
        }
        if let Some((from, to)) = astray {
            self.misdirected = true;
            let landed = sector_bytes(&self.node_mut(file.inode).cached, from);
            self.overwrite(file.inode, to, &landed, DamageKind::Misdirected);
            self.overwrite(file.inode, from, &old(from), DamageKind::Misdirected);
        }
    }

    /// Puts bytes on the medium and into the cache behind everybody's back.
    fn overwrite(&mut self, inode: InodeId, sector: u64, bytes: &[u8], kind: DamageKind) {
        let version = self.next_seq();
        let node = self.node_mut(inode);
        node.version = version;
        let start = sector * SECTOR_BYTES;
        let before = node.cached.allocated();
        let len = node.cached.size().saturating_sub(start).min(bytes.len() as u64) as usize;
        node.cached.write(start, &bytes[..len]);
        let on_medium = node.durable.size().saturating_sub(start).min(len as u64) as usize;
        node.durable.write(start, &bytes[..on_medium]);
        node.coherent = false;
        let after = node.cached.allocated();
        self.used_pages = self.used_pages + after - before;
        self.damage(inode, kind, start..start + len as u64);
    }

    /// From now on this sector cannot be read.
    pub(crate) fn break_sector(&mut self, file: &OpenFile, sector: u64) {
        self.node_mut(file.inode).bad_sectors.insert(sector);
        self.damage(file.inode, DamageKind::SectorError, sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES);
    }

    /// Flips a bit in this sector and up to three behind it. Which one is a function of the disk and the
    /// sector, so reading again heals nothing.
    pub(crate) fn rot(&mut self, file: &OpenFile, first: u64) {
        let salt = self.setup.salt;
        let cluster = 1 + Expander::new(salt ^ first).below(4);
        for sector in first..first + cluster {
            let node = self.node_mut(file.inode);
            let mut bytes = sector_bytes(&node.cached, sector);
            if bytes.is_empty() {
                break;
            }
            let bit = Expander::new(salt.wrapping_mul(31) ^ sector).below(bytes.len() as u64 * 8);
            let flip = 1 << (bit % 8);
            bytes[(bit / 8) as usize] ^= flip;
            self.overwrite(file.inode, sector, &bytes, DamageKind::BitRot);
        }
    }

    /// Enters damage into the atlas.
    pub(crate) fn damage(&mut self, inode: InodeId, kind: DamageKind, range: std::ops::Range<u64>) {
        let name = self.inode(inode).name.clone();
        self.atlas.add(kind, inode, &name, range, self.seq);
        if let super::inode::Content::File(node) = &mut self.inode_mut(inode).content {
            node.damaged = true;
            if !node.coherent {
                self.dirty.insert(inode);
            }
        }
    }

    /// Counts a read; when a page that a failed sync left behind is evicted, its content goes.
    pub(crate) fn evict_when_due(&mut self, file: &OpenFile) -> Result<(), DiskError> {
        let version = self.seq + 1;
        let node = self.file_mut(file)?;
        match node.evict_after_reads {
            None => return Ok(()),
            Some(0) => {}
            Some(left) => {
                node.evict_after_reads = Some(left - 1);
                return Ok(());
            }
        }
        node.evict_after_reads = None;
        node.version = version;
        let before = node.cached.allocated();
        // What was written since is still to come; only the clean pages are gone.
        node.cached = node.durable.clone();
        for pending in &node.pending {
            pending.op.apply(&mut node.cached);
        }
        node.coherent = true;
        let after = node.cached.allocated();
        self.used_pages = self.used_pages + after - before;
        self.seq = version;
        Ok(())
    }
}
