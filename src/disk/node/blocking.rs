//! The synchronous form: for code that cannot wait, a database in C above all.

use std::rc::Rc;

use super::disks::{Class, Inner};
use super::file::{File, FileRef, NodeDisk};
use super::ops;
use super::sim_chance::{Actor, SimChance};
use crate::disk::{Disk, DiskError, InodeId, Kind, LockKind, OpenMode};
use crate::kernel::NodeHandle;

/// A node's disk, for synchronous code. The time its calls take is the node's debt.
#[derive(Clone)]
pub struct BlockingDisk {
    pub(super) disk: NodeDisk,
}

/// An open file, for synchronous code.
#[derive(Clone)]
pub struct BlockingFile {
    pub(super) inner: Rc<FileRef>,
}

impl Inner {
    /// Does something now and lets the node pay for it.
    pub(super) fn at_once<R>(
        &self,
        node: &NodeHandle,
        actor: &Rc<Actor>,
        class: Class,
        operation: impl FnOnce(&mut Disk, &mut SimChance<'_>) -> Result<R, DiskError>,
    ) -> Result<R, DiskError> {
        if class != Class::Ask && node.is_alive() {
            let debt = self.latency(actor, class);
            self.sim().add_debt(node.id(), debt);
        }
        self.perform(node, actor, class, operation)
    }
}

impl BlockingDisk {
    /// The node whose disk this is.
    #[must_use]
    pub fn node(&self) -> &NodeHandle {
        &self.disk.node
    }

    pub(super) fn at_once<R>(
        &self,
        path: &str,
        class: Class,
        operation: impl FnOnce(&mut Disk, &mut SimChance<'_>) -> Result<R, DiskError>,
    ) -> Result<R, DiskError> {
        let inner = &self.disk.disks.inner;
        let actor = inner.actor(self.disk.node.id(), path);
        inner.at_once(&self.disk.node, &actor, class, operation)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`Disk::open`], and [`DiskError::Frozen`] on a node that is down.
    pub fn open(&self, path: &str, mode: OpenMode) -> Result<BlockingFile, DiskError> {
        self.open_as(path, path, mode)
    }

    /// Opens a file whose choices and events carry another name than its own.
    pub(super) fn open_as(&self, path: &str, role: &str, mode: OpenMode) -> Result<BlockingFile, DiskError> {
        let open = self.at_once(role, Class::Change, |disk, chance| ops::open(disk, chance, path, mode))?;
        let actor = self.disk.disks.inner.actor(self.disk.node.id(), role);
        Ok(self.disk.adopt(role, actor, open).blocking())
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// As [`Disk::metadata`], and [`DiskError::Frozen`].
    pub fn metadata(&self, path: &str) -> Result<Kind, DiskError> {
        self.at_once(path, Class::Ask, |disk, _| disk.metadata(path))
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// As [`Disk::read_dir`], and [`DiskError::Frozen`].
    pub fn read_dir(&self, path: &str) -> Result<Vec<String>, DiskError> {
        self.at_once(path, Class::Ask, |disk, _| disk.read_dir(path))
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// As [`Disk::rename`], and [`DiskError::Frozen`].
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.names(from, &format!("rename {from} -> {to}"), |disk| disk.rename(from, to))
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// As [`Disk::link`], and [`DiskError::Frozen`].
    pub fn link(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.names(from, &format!("link {from} -> {to}"), |disk| disk.link(from, to))
    }

    /// Takes a name away from a file.
    ///
    /// # Errors
    /// As [`Disk::unlink`], and [`DiskError::Frozen`].
    pub fn unlink(&self, path: &str) -> Result<(), DiskError> {
        self.names(path, &format!("unlink {path}"), |disk| disk.unlink(path))
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// As [`Disk::create_dir`], and [`DiskError::Frozen`].
    pub fn create_dir(&self, path: &str) -> Result<(), DiskError> {
        self.names(path, &format!("create-dir {path}"), |disk| disk.create_dir(path))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As [`Disk::remove_dir`], and [`DiskError::Frozen`].
    pub fn remove_dir(&self, path: &str) -> Result<(), DiskError> {
        self.names(path, &format!("remove-dir {path}"), |disk| disk.remove_dir(path))
    }

    /// Makes a directory's entries durable.
    ///
    /// # Errors
    /// As [`Disk::sync_dir`], and [`DiskError::Frozen`].
    pub fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        self.at_once(path, Class::Sync, |disk, chance| ops::sync_dir(disk, chance, path))
    }

    pub(super) fn names(
        &self,
        actor: &str,
        words: &str,
        change: impl FnOnce(&mut Disk) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        self.at_once(actor, Class::Change, |disk, chance| ops::names(disk, chance, words, change))
    }
}

impl BlockingFile {
    /// The inode behind it.
    #[must_use]
    pub fn inode(&self) -> InodeId {
        self.inner.open().inode()
    }

    /// The asynchronous form.
    #[must_use]
    pub fn file(&self) -> File {
        File::of(&self.inner)
    }

    /// Reads at an offset; answers how many bytes there were.
    ///
    /// # Errors
    /// As [`Disk::read_at`], and [`DiskError::Frozen`].
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.inner.at_once(Class::Look, |disk, chance, file| ops::read(disk, chance, file, offset, buffer))
    }

    /// Reads at an offset what the page cache has: as [`BlockingFile::read_at`], in no time.
    ///
    /// # Errors
    /// As [`Disk::read_at`], and [`DiskError::Frozen`].
    pub fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.inner.at_once(Class::Ask, |disk, chance, file| ops::read(disk, chance, file, offset, buffer))
    }

    /// Reads as a memory map shows it: see [`Disk::read_mapped`].
    ///
    /// # Errors
    /// As [`Disk::read_mapped`], and [`DiskError::Frozen`].
    pub fn read_mapped(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        self.inner.at_once(Class::Look, |disk, chance, file| disk.read_mapped(chance, file.open(), offset, buffer))
    }

    /// Writes at an offset; answers how many bytes were accepted.
    ///
    /// # Errors
    /// As [`Disk::write_at`], and [`DiskError::Frozen`].
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.inner.at_once(Class::Change, |disk, chance, file| ops::write(disk, chance, file, Some(offset), bytes))
    }

    /// Writes at the end; answers how many bytes were accepted.
    ///
    /// # Errors
    /// As [`Disk::append`], and [`DiskError::Frozen`].
    pub fn append(&self, bytes: &[u8]) -> Result<usize, DiskError> {
        self.inner.at_once(Class::Change, |disk, chance, file| ops::write(disk, chance, file, None, bytes))
    }

    /// Cuts the file off or extends it with zeros.
    ///
    /// # Errors
    /// As [`Disk::set_len`], and [`DiskError::Frozen`].
    pub fn set_len(&self, size: u64) -> Result<(), DiskError> {
        self.inner.at_once(Class::Change, |disk, chance, file| ops::set_len(disk, chance, file, size))
    }

    /// The size.
    ///
    /// # Errors
    /// [`DiskError::Frozen`].
    pub fn size(&self) -> Result<u64, DiskError> {
        self.inner.at_once(Class::Ask, |disk, _, file| disk.size(file.open()))
    }

    /// Makes content and size durable.
    ///
    /// # Errors
    /// As [`Disk::sync_all`], and [`DiskError::Frozen`].
    pub fn sync_all(&self) -> Result<(), DiskError> {
        self.inner.at_once(Class::Sync, |disk, chance, file| ops::sync(disk, chance, file, false))
    }

    /// Makes content durable, and the size as far as reading the content needs it.
    ///
    /// # Errors
    /// As [`Disk::sync_data`], and [`DiskError::Frozen`].
    pub fn sync_data(&self) -> Result<(), DiskError> {
        self.inner.at_once(Class::Sync, |disk, chance, file| ops::sync(disk, chance, file, true))
    }

    /// Takes an advisory lock without waiting: see [`File::try_lock`].
    ///
    /// # Errors
    /// [`DiskError::WouldBlock`] if another open file is in the way, and [`DiskError::Frozen`].
    pub fn try_lock(&self, kind: LockKind) -> Result<(), DiskError> {
        self.file().try_lock(kind)
    }

    /// Gives the lock back.
    pub fn unlock(&self) {
        self.file().unlock();
    }
}
