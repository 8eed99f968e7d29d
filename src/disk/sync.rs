//! Syncs: what makes things durable, and the ways in which that fails.

use super::atlas::DamageKind;
use super::chance::{Chance, offer};
use super::disk::{Disk, OpenFile, PENDING_MAX};
use super::error::DiskError;
use super::fault_domains::{SYNC_FAILURES, SyncContent, SyncFailure};
use super::faults::Fault;
use super::inode::{Content, FileOp};
use super::pending::InodeId;
use super::profile::Profile;

impl Disk {
    /// Makes a file's content and size durable. Its name is another matter, unless the profile says so.
    ///
    /// # Errors
    /// [`DiskError::Io`] when the sync fails: what it should have made durable never will be, and a second
    /// sync succeeds. [`DiskError::Stale`].
    pub fn sync_all(&mut self, chance: &mut impl Chance, file: &OpenFile) -> Result<(), DiskError> {
        self.sync(chance, file, false)
    }

    /// Like [`Disk::sync_all`], but a truncation that nothing came after may stay pending.
    ///
    /// # Errors
    /// As [`Disk::sync_all`].
    pub fn sync_data(&mut self, chance: &mut impl Chance, file: &OpenFile) -> Result<(), DiskError> {
        self.sync(chance, file, true)
    }

    /// Makes a directory's entries durable.
    ///
    /// # Errors
    /// [`DiskError::Io`] when the sync fails: nothing became durable, and a second one may succeed.
    /// [`DiskError::NotFound`], [`DiskError::NotADirectory`].
    pub fn sync_dir(&mut self, chance: &mut impl Chance, path: &str) -> Result<(), DiskError> {
        let dir = self.directory(path)?;
        let failure = self.ask_sync(chance);
        if self.is_lying() {
            self.damage(dir, DamageKind::LyingFlush, 0..0);
            return Ok(());
        }
        if failure.is_some() {
            self.damage(dir, DamageKind::SyncFailed, 0..0);
            chance.observed(Fault::SyncError);
            return Err(DiskError::Io);
        }
        match self.setup.profile {
            Profile::InOrder => self.persist_until(u64::MAX),
            Profile::Ordered => {
                if let Some(last) = self.dir(dir).pending.last().map(|pending| pending.seq) {
                    self.persist_entries_until(last);
                }
            }
            Profile::PosixStrict | Profile::Hostile => self.persist_entries(dir, usize::MAX),
        }
        Ok(())
    }

    fn sync(&mut self, chance: &mut impl Chance, file: &OpenFile, data_only: bool) -> Result<(), DiskError> {
        self.file(file)?;
        let failure = self.ask_sync(chance);
        if self.is_lying() {
            self.damage_pending(file.inode, DamageKind::LyingFlush);
            return Ok(());
        }
        if let Some(failure) = failure {
            return self.fail_sync(chance, file, failure);
        }
        let node = self.node_mut(file.inode);
        if std::mem::take(&mut node.late_error) {
            chance.observed(Fault::SyncError);
            return Err(DiskError::Io);
        }
        let count = if data_only { node.data_sync_count() } else { node.pending.len() };
        match self.setup.profile {
            Profile::InOrder => self.persist_until(u64::MAX),
            Profile::Ordered => {
                self.persist_file(file.inode, count);
                if let Some(last) = self.last_pending_name(file.inode) {
                    self.persist_entries_until(last);
                }
            }
            Profile::PosixStrict | Profile::Hostile => self.persist_file(file.inode, count),
        }
        Ok(())
    }

    fn ask_sync(&mut self, chance: &mut impl Chance) -> Option<SyncFailure> {
        self.syncs += 1;
        offer(chance, self.setup.contract.tolerates(Fault::SyncError), Fault::SyncError, &SYNC_FAILURES)
    }

    fn is_lying(&self) -> bool {
        self.setup.lying_syncs.contains(&(self.syncs - 1))
    }

    /// The pages count as clean from now on, and are not on the medium.
    fn fail_sync(&mut self, chance: &mut impl Chance, file: &OpenFile, failure: SyncFailure) -> Result<(), DiskError> {
        self.damage_pending(file.inode, DamageKind::SyncFailed);
        let version = self.next_seq();
        let node = self.node_mut(file.inode);
        node.version = version;
        let (before, dropped) = (node.cached.allocated(), node.pending.len());
        node.pending.clear();
        node.late_error |= failure.late;
        match failure.content {
            SyncContent::Kept => node.coherent = false,
            SyncContent::Evicted(reads) => {
                node.coherent = false;
                node.evict_after_reads = Some(reads);
            }
            SyncContent::Reverted => {
                node.cached = node.durable.clone();
                node.coherent = true;
            }
        }
        let after = node.cached.allocated();
        self.used_pages = self.used_pages + after - before;
        self.pending -= dropped;
        self.dirty.insert(file.inode);
        if failure.late {
            return Ok(());
        }
        chance.observed(Fault::SyncError);
        Err(DiskError::Io)
    }

    fn damage_pending(&mut self, inode: InodeId, kind: DamageKind) {
        let Content::File(node) = &self.inode(inode).content else {
            return;
        };
        let ranges: Vec<_> = node.pending.iter().map(|pending| pending.op.range()).collect();
        for range in ranges {
            self.damage(inode, kind, range);
        }
    }

    /// The last operation that gave this file a name which is not durable yet.
    fn last_pending_name(&self, inode: InodeId) -> Option<u64> {
        let dirs = self.dirty.iter().filter_map(|&dir| match &self.inode(dir).content {
            Content::Directory(dir) => Some(dir),
            Content::File(_) => None,
        });
        dirs.flat_map(|dir| &dir.pending)
            .filter(|pending| pending.op.names() == Some(inode))
            .map(|pending| pending.seq)
            .max()
    }

    /// Makes the first `count` operations on a file durable.
    pub(crate) fn persist_file(&mut self, inode: InodeId, count: usize) {
        let node = self.node_mut(inode);
        node.persist(count);
        let clean = node.is_clean();
        self.pending -= count;
        if clean {
            self.dirty.remove(&inode);
        }
    }

    /// Makes the first `count` operations on a directory durable (all, if there are fewer).
    pub(crate) fn persist_entries(&mut self, dir: InodeId, count: usize) {
        let node = self.dir_mut(dir);
        let count = count.min(node.pending.len());
        let ops: Vec<_> = node.pending.drain(..count).collect();
        let mut changes = Vec::with_capacity(ops.len() * 2);
        for pending in &ops {
            pending.op.apply(&mut node.durable, |inode, came| changes.push((inode, came)));
        }
        if node.pending.is_empty() {
            self.dirty.remove(&dir);
        }
        self.pending -= count;
        for &(inode, _) in changes.iter().filter(|(_, came)| *came) {
            self.retain(inode);
        }
        let went = changes.iter().filter(|(_, came)| !came).map(|(inode, _)| *inode);
        for inode in went.chain(ops.iter().filter_map(|pending| pending.op.names())) {
            self.release(inode);
        }
    }

    /// Makes every directory operation up to this one durable.
    pub(crate) fn persist_entries_until(&mut self, seq: u64) {
        let dirty: Vec<InodeId> = self.dirty.iter().copied().collect();
        for id in dirty {
            // Making one directory durable can remove another for good.
            if let Some(Some(inode)) = self.inodes.get(id.0 as usize)
                && let Content::Directory(dir) = &inode.content
            {
                let count = dir.pending.partition_point(|pending| pending.seq <= seq);
                self.persist_entries(id, count);
            }
        }
    }

    /// Makes every operation up to this one durable.
    pub(crate) fn persist_until(&mut self, seq: u64) {
        let dirty: Vec<InodeId> = self.dirty.iter().copied().collect();
        for id in dirty {
            if let Some(Some(inode)) = self.inodes.get(id.0 as usize)
                && let Content::File(node) = &inode.content
            {
                let count = node.pending.partition_point(|pending| pending.seq <= seq);
                self.persist_file(id, count);
            }
        }
        self.persist_entries_until(seq);
    }

    /// A cache does not grow for ever: the older half of what is pending becomes durable, in order.
    pub(crate) fn write_back_if_too_much(&mut self) {
        if self.pending <= PENDING_MAX {
            return;
        }
        let mut seqs: Vec<u64> = Vec::with_capacity(self.pending);
        for &id in &self.dirty {
            match &self.inode(id).content {
                Content::File(node) => seqs.extend(node.pending.iter().map(|pending| pending.seq)),
                Content::Directory(dir) => seqs.extend(dir.pending.iter().map(|pending| pending.seq)),
            }
        }
        let middle = seqs.len() / 2;
        let (_, &mut seq, _) = seqs.select_nth_unstable(middle);
        self.persist_until(seq);
    }
}

impl FileOp {
    /// The bytes it changes.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        match self {
            FileOp::Write { offset, payload } => *offset..offset + payload.bytes().len() as u64,
            FileOp::SetLen { from, to } => *from.min(to)..*from.max(to),
        }
    }
}
