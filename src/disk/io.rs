//! Reading and writing, with everything that can go wrong while the power is on.
//!
//! Each call asks its questions in a fixed order, so that the n-th question about short writes is the n-th
//! write of the file, whatever else is switched on.

use std::ops::Range;

use super::atlas::DamageKind;
use super::chance::{Chance, offer};
use super::disk::{Disk, FILE_BYTES_MAX, OpenFile};
use super::error::DiskError;
use super::fault_domains::{ERROR_MODES, ErrorMode, INTERRUPTIONS, Interruption, ShortCount};
use super::faults::Fault;
use super::image::PAGE_BYTES;
use super::media::{Misdirected, SECTOR_BYTES, SectorOf};
use crate::choice::Domain;

impl Disk {
    /// The size of an open file.
    ///
    /// # Errors
    /// [`DiskError::Stale`].
    pub fn size(&self, file: &OpenFile) -> Result<u64, DiskError> {
        Ok(self.file(file)?.cached.size())
    }

    /// Reads at an offset; returns how many bytes there were, 0 at the end.
    ///
    /// # Errors
    /// [`DiskError::Io`], [`DiskError::Interrupted`], [`DiskError::Stale`].
    pub fn read_at(
        &mut self,
        chance: &mut impl Chance,
        file: &OpenFile,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, DiskError> {
        let size = self.size(file)?;
        let available = size.saturating_sub(offset).min(buffer.len() as u64);
        let error = self.ask(chance, true, Fault::ReadError, &ERROR_MODES);
        let interrupted = self.ask(chance, true, Fault::Interrupted, &INTERRUPTIONS);
        let short = self.ask(chance, available > 1, Fault::ShortRead, &ShortCount { len: available, offset });
        let sectors = SectorOf::range(offset, available);
        let bad = self.ask(chance, available > 0, Fault::SectorError, &sectors);
        let rotten = self.ask(chance, available > 0, Fault::BitRot, &sectors);

        let node = self.file_mut(file)?;
        node.sticky_read_error |= error == ErrorMode::Sticky;
        if error != ErrorMode::None || node.sticky_read_error {
            chance.observed(Fault::ReadError);
            return Err(DiskError::Io);
        }
        if interrupted == Interruption::Before {
            chance.observed(Fault::Interrupted);
            return Err(DiskError::Interrupted);
        }
        self.evict_when_due(file)?;
        if let Some(sector) = bad {
            self.break_sector(file, sector);
        }
        if let Some(sector) = rotten {
            self.rot(file, sector);
        }
        let mut count = available;
        if interrupted == Interruption::Halfway && available > 1 {
            chance.observed(Fault::Interrupted);
            count = available / 2;
        }
        if short < count {
            chance.observed(Fault::ShortRead);
            count = short;
        }
        count = self.readable(chance, file, offset, count)?;
        let read = self.file(file)?.cached.read(offset, &mut buffer[..count as usize]);
        self.note_reads(chance, file, &(offset..offset + count));
        Ok(read)
    }

    /// Reads a range as a memory map shows it: zeros behind the end inside the last page, a fault beyond.
    ///
    /// # Errors
    /// [`DiskError::MapFault`] behind the last page, [`DiskError::Io`] on a sector that cannot be read.
    pub fn read_mapped(
        &mut self,
        chance: &mut impl Chance,
        file: &OpenFile,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), DiskError> {
        let size = self.size(file)?;
        let end = offset + buffer.len() as u64;
        if end > size.next_multiple_of(PAGE_BYTES as u64) {
            return Err(DiskError::MapFault);
        }
        if self.readable(chance, file, offset, buffer.len() as u64)? < buffer.len() as u64 {
            return Err(DiskError::Io);
        }
        let read = self.file(file)?.cached.read(offset, buffer);
        buffer[read..].fill(0);
        self.note_reads(chance, file, &(offset..end));
        Ok(())
    }

    /// Writes at an offset; returns how many bytes were accepted.
    ///
    /// # Errors
    /// [`DiskError::Io`], [`DiskError::Interrupted`], [`DiskError::NoSpace`] if not a byte fits,
    /// [`DiskError::ReadOnly`], [`DiskError::TooLarge`], [`DiskError::Stale`].
    pub fn write_at(
        &mut self,
        chance: &mut impl Chance,
        file: &OpenFile,
        offset: u64,
        bytes: &[u8],
    ) -> Result<usize, DiskError> {
        self.file(file)?;
        if file.read_only {
            return Err(DiskError::ReadOnly);
        }
        let len = bytes.len() as u64;
        if offset.saturating_add(len) > FILE_BYTES_MAX {
            return Err(DiskError::TooLarge);
        }
        let error = self.ask(chance, true, Fault::WriteError, &ERROR_MODES);
        let interrupted = self.ask(chance, true, Fault::Interrupted, &INTERRUPTIONS);
        let short = self.ask(chance, len > 1, Fault::ShortWrite, &ShortCount { len, offset });
        let sectors = SectorOf::range(offset, len);
        let lost = self.ask(chance, len > 0, Fault::LostWrite, &sectors);
        let file_sectors = self.size(file)?.div_ceil(SECTOR_BYTES);
        let astray = Misdirected { from: sectors, file_sectors };
        let astray = self.ask(chance, astray.is_possible() && !self.misdirected, Fault::MisdirectedWrite, &astray);

        let node = self.file_mut(file)?;
        node.sticky_write_error |= error == ErrorMode::Sticky;
        if error != ErrorMode::None || node.sticky_write_error {
            chance.observed(Fault::WriteError);
            return Err(DiskError::Io);
        }
        if interrupted == Interruption::Before {
            chance.observed(Fault::Interrupted);
            return Err(DiskError::Interrupted);
        }
        let mut count = len;
        if interrupted == Interruption::Halfway && len > 1 {
            chance.observed(Fault::Interrupted);
            count = len / 2;
        }
        if short < count {
            chance.observed(Fault::ShortWrite);
            count = short;
        }
        let fitting = self.fitting(file, offset, count)?;
        if fitting < count {
            chance.observed(Fault::Capacity);
            count = fitting;
        }
        if count == 0 && len > 0 {
            return Err(DiskError::NoSpace);
        }
        if lost.is_some() || astray.is_some() {
            let before = self.sector_images(file, &sectors)?;
            self.write_cached(file, offset, &bytes[..count as usize])?;
            self.spoil(file, before, lost, astray);
        } else {
            self.write_cached(file, offset, &bytes[..count as usize])?;
        }
        Ok(count as usize)
    }

    /// Writes at the end of the file; returns how many bytes were accepted.
    ///
    /// # Errors
    /// As [`Disk::write_at`].
    pub fn append(&mut self, chance: &mut impl Chance, file: &OpenFile, bytes: &[u8]) -> Result<usize, DiskError> {
        let end = self.size(file)?;
        self.write_at(chance, file, end, bytes)
    }

    /// Cuts a file off or extends it with zeros, which take no space.
    ///
    /// # Errors
    /// [`DiskError::ReadOnly`], [`DiskError::TooLarge`], [`DiskError::Stale`].
    pub fn set_len(&mut self, file: &OpenFile, size: u64) -> Result<(), DiskError> {
        let before = self.file(file)?.cached.size();
        if file.read_only {
            return Err(DiskError::ReadOnly);
        }
        if size > FILE_BYTES_MAX {
            return Err(DiskError::TooLarge);
        }
        if size == before {
            return Ok(());
        }
        self.change_file(
            file,
            |node, seq, is_fork| {
                if is_fork { node.cached.set_len(size) } else { node.set_len(seq, size) }
            },
        );
        if size < before {
            self.heal(file, &(size..u64::MAX));
        }
        Ok(())
    }

    /// A question to whoever decides, if the contract allows the fault.
    fn ask<D: Domain>(&self, chance: &mut impl Chance, possible: bool, fault: Fault, domain: &D) -> D::Value {
        offer(chance, possible && self.setup.contract.tolerates(fault), fault, domain)
    }

    /// Bytes of a write that fit on the disk.
    pub(crate) fn fitting(&self, file: &OpenFile, offset: u64, count: u64) -> Result<u64, DiskError> {
        let Some(capacity) = self.setup.capacity else {
            return Ok(count);
        };
        let mut left = (capacity / PAGE_BYTES as u64).saturating_sub(self.used_pages);
        let mut fitting = 0;
        for (len, is_new) in self.file(file)?.cached.unallocated(offset, count as usize) {
            if is_new {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            fitting += len as u64;
        }
        Ok(fitting)
    }

    pub(crate) fn write_cached(&mut self, file: &OpenFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file(file)?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.change_file(
            file,
            |node, seq, is_fork| {
                if is_fork { node.cached.write(offset, bytes) } else { node.write(seq, offset, bytes) }
            },
        );
        self.heal(file, &(offset..offset + bytes.len() as u64));
        self.write_back_if_too_much();
        Ok(())
    }

    /// Changes a file as everybody sees it and keeps the accounts.
    fn change_file(&mut self, file: &OpenFile, change: impl FnOnce(&mut super::inode::FileNode, u64, bool)) {
        let (seq, is_fork) = (self.next_seq(), self.is_fork);
        let node = self.node_mut(file.inode);
        let (before, was_pending) = (node.cached.allocated(), node.pending.len());
        node.version = seq;
        change(node, seq, is_fork);
        let (after, added) = (node.cached.allocated(), node.pending.len() - was_pending);
        // The handle makes the file reachable, so its space counts.
        self.used_pages = self.used_pages + after - before;
        if added > 0 {
            self.pending += added;
            if was_pending == 0 {
                self.dirty.insert(file.inode);
            }
        }
    }

    /// Overwritten damage is no damage any more.
    fn heal(&mut self, file: &OpenFile, range: &Range<u64>) {
        let node = self.node_mut(file.inode);
        if !node.damaged {
            return;
        }
        let covered = |&sector: &u64| range.start <= sector * SECTOR_BYTES && (sector + 1) * SECTOR_BYTES <= range.end;
        node.bad_sectors.retain(|sector| !covered(sector));
        let damaged = self.atlas.written(file.inode, range);
        self.node_mut(file.inode).damaged = damaged;
    }

    /// How many bytes can be read before a bad sector; an error if none.
    fn readable(
        &mut self,
        chance: &mut impl Chance,
        file: &OpenFile,
        offset: u64,
        count: u64,
    ) -> Result<u64, DiskError> {
        let node = self.file(file)?;
        if node.bad_sectors.is_empty() || count == 0 {
            return Ok(count);
        }
        let first = offset / SECTOR_BYTES;
        let last = (offset + count - 1) / SECTOR_BYTES;
        let Some(&bad) = node.bad_sectors.range(first..=last).next() else {
            return Ok(count);
        };
        if bad > first {
            return Ok(bad * SECTOR_BYTES - offset);
        }
        self.note_reads(chance, file, &(offset..offset + 1));
        Err(DiskError::Io)
    }

    /// Tags what a read delivered.
    fn note_reads(&mut self, chance: &mut impl Chance, file: &OpenFile, range: &Range<u64>) {
        if !self.node_mut(file.inode).damaged {
            return;
        }
        let by_cut = [DamageKind::LostUnsynced, DamageKind::Torn, DamageKind::Noise, DamageKind::Entry];
        for kind in self.atlas.read(file.inode, range) {
            if !by_cut.contains(&kind) {
                chance.observed(kind.fault());
            }
        }
    }
}
