//! What a flow holds: its node's disk and open files, in an asynchronous and a synchronous form.
//!
//! Asynchronous operations take virtual time and let others run meanwhile. Synchronous ones return at once
//! and are paid for with *node debt*: the node's clock runs ahead, and its next events wait.

use std::rc::Rc;

use super::disks::{Class, Disks, Inner};
use super::in_flight::{DiskOp, InFlight};
use super::ops;

use super::sim_chance::{Actor, SimChance};
use crate::disk::{Disk, DiskError, Kind, LockKind, LockOwner, OpenFile, OpenMode};
use crate::kernel::NodeHandle;

/// The disk as one node sees it. Paths: see [`Disk`].
#[derive(Clone)]
pub struct NodeDisk {
    pub(super) disks: Disks,
    pub(super) node: NodeHandle,
}

/// An open file. Closed when the last clone is dropped.
#[derive(Clone)]
pub struct File {
    inner: Rc<FileRef>,
}

/// An open file with what is needed to close it.
pub(super) struct FileRef {
    disks: Disks,
    node: NodeHandle,
    path: Box<str>,
    actor: Rc<Actor>,
    owner: LockOwner,
    open: Option<OpenFile>,
}

impl FileRef {
    pub(super) fn open(&self) -> &OpenFile {
        self.open.as_ref().expect("a file is open until it is dropped")
    }
}

impl Drop for FileRef {
    fn drop(&mut self) {
        let (Some(open), true) = (self.open.take(), self.node.is_alive()) else {
            return;
        };
        let owner = self.owner;
        self.disks.inner.with_host(self.node.id(), |host| {
            host.disk.unlock(&open, owner);
            host.disk.close(open);
        });
    }
}

impl Disks {
    /// The disk for a node's code.
    #[must_use]
    pub fn of(&self, node: &NodeHandle) -> NodeDisk {
        NodeDisk { disks: self.clone(), node: node.clone() }
    }
}

impl NodeDisk {
    fn inner(&self) -> &Rc<Inner> {
        &self.disks.inner
    }

    pub(super) fn adopt(&self, path: &str, actor: Rc<Actor>, open: OpenFile) -> File {
        let owner = self.inner().with_host(self.node.id(), |host| {
            host.next_owner += 1;
            LockOwner(host.next_owner)
        });
        let (disks, node) = (self.disks.clone(), self.node.clone());
        File { inner: Rc::new(FileRef { disks, node, path: path.into(), actor, owner, open: Some(open) }) }
    }

    /// The synchronous form.
    #[must_use]
    pub fn blocking(&self) -> super::BlockingDisk {
        super::BlockingDisk { disk: self.clone() }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`Disk::open`], and [`DiskError::Frozen`] on a node that is down.
    pub async fn open(&self, path: &str, mode: OpenMode) -> Result<File, DiskError> {
        let name = path.to_owned();
        let op = self
            .inner()
            .submit(&self.node, path, Class::Change, None, move |disk, chance| ops::open(disk, chance, &name, mode));
        let open = op.await?;
        Ok(self.adopt(path, self.inner().actor(self.node.id(), path), open))
    }

    /// Gives a file another name.
    pub fn rename(&self, from: &str, to: &str) -> DiskOp<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.names(from.clone(), format!("rename {from} -> {to}"), move |disk| disk.rename(&from, &to))
    }

    /// Gives a file a second name.
    pub fn link(&self, from: &str, to: &str) -> DiskOp<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.names(from.clone(), format!("link {from} -> {to}"), move |disk| disk.link(&from, &to))
    }

    /// Takes a name away from a file.
    pub fn unlink(&self, path: &str) -> DiskOp<()> {
        let path = path.to_owned();
        self.names(path.clone(), format!("unlink {path}"), move |disk| disk.unlink(&path))
    }

    /// Makes a directory.
    pub fn create_dir(&self, path: &str) -> DiskOp<()> {
        let path = path.to_owned();
        self.names(path.clone(), format!("create-dir {path}"), move |disk| disk.create_dir(&path))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, path: &str) -> DiskOp<()> {
        let path = path.to_owned();
        self.names(path.clone(), format!("remove-dir {path}"), move |disk| disk.remove_dir(&path))
    }

    /// The names in a directory, sorted.
    pub fn read_dir(&self, path: &str) -> DiskOp<Vec<String>> {
        let name = path.to_owned();
        self.inner().submit(&self.node, path, Class::Ask, None, move |disk, _| disk.read_dir(&name))
    }

    /// What a name stands for.
    pub fn metadata(&self, path: &str) -> DiskOp<Kind> {
        let name = path.to_owned();
        self.inner().submit(&self.node, path, Class::Ask, None, move |disk, _| disk.metadata(&name))
    }

    /// Makes a directory's entries durable.
    pub fn sync_dir(&self, path: &str) -> DiskOp<()> {
        let name = path.to_owned();
        self.inner().submit(&self.node, path, Class::Sync, None, move |disk, chance| ops::sync_dir(disk, chance, &name))
    }

    fn names(
        &self,
        actor: String,
        words: String,
        mut change: impl FnMut(&mut Disk) -> Result<(), DiskError> + 'static,
    ) -> DiskOp<()> {
        self.inner().submit(&self.node, &actor, Class::Change, None, move |disk, chance| {
            ops::names(disk, chance, &words, &mut change)
        })
    }
}

impl File {
    pub(super) fn of(inner: &Rc<FileRef>) -> File {
        File { inner: Rc::clone(inner) }
    }

    /// The synchronous form.
    #[must_use]
    pub fn blocking(&self) -> super::BlockingFile {
        super::BlockingFile { inner: Rc::clone(&self.inner) }
    }

    fn submit<T: 'static>(
        &self,
        class: Class,
        write: Option<InFlight>,
        mut operation: impl FnMut(&mut Disk, &mut SimChance<'_>, &FileRef) -> Result<T, DiskError> + 'static,
    ) -> DiskOp<T> {
        let file = Rc::clone(&self.inner);
        let (disks, node, path) = (&self.inner.disks, &self.inner.node, &self.inner.path);
        disks.inner.submit(node, path, class, write, move |disk, chance| operation(disk, chance, &file))
    }

    /// Reads up to `len` bytes at an offset; fewer at the end of the file, or by chance.
    pub fn read_at(&self, offset: u64, len: usize) -> DiskOp<Vec<u8>> {
        self.submit(Class::Look, None, move |disk, chance, file| {
            let mut buffer = vec![0; len];
            let read = ops::read(disk, chance, file, offset, &mut buffer)?;
            buffer.truncate(read);
            Ok(buffer)
        })
    }

    /// Writes at an offset; answers how many bytes were accepted.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskOp<usize> {
        self.write(Some(offset), bytes)
    }

    /// Writes at the end, wherever that is when the write happens; answers how many bytes were accepted.
    pub fn append(&self, bytes: &[u8]) -> DiskOp<usize> {
        self.write(None, bytes)
    }

    fn write(&self, offset: Option<u64>, bytes: &[u8]) -> DiskOp<usize> {
        let bytes: Rc<[u8]> = bytes.into();
        let write = InFlight { file: Rc::clone(&self.inner), offset, bytes: Rc::clone(&bytes) };
        self.submit(Class::Change, Some(write), move |disk, chance, file| {
            ops::write(disk, chance, file, offset, &bytes)
        })
    }

    /// Cuts the file off or extends it with zeros.
    pub fn set_len(&self, size: u64) -> DiskOp<()> {
        self.submit(Class::Change, None, move |disk, chance, file| ops::set_len(disk, chance, file, size))
    }

    /// The size.
    pub fn size(&self) -> DiskOp<u64> {
        self.submit(Class::Ask, None, |disk, _, file| disk.size(file.open()))
    }

    /// Makes content and size durable.
    pub fn sync_all(&self) -> DiskOp<()> {
        self.submit(Class::Sync, None, |disk, chance, file| ops::sync(disk, chance, file, false))
    }

    /// Makes content durable, and the size as far as reading the content needs it.
    pub fn sync_data(&self) -> DiskOp<()> {
        self.submit(Class::Sync, None, |disk, chance, file| ops::sync(disk, chance, file, true))
    }

    /// Takes an advisory lock without waiting, or changes the one this file holds. Goes with the file.
    ///
    /// # Errors
    /// [`DiskError::WouldBlock`] if another open file is in the way.
    pub fn try_lock(&self, kind: LockKind) -> Result<(), DiskError> {
        self.inner.at_once(Class::Ask, |disk, _, file| disk.try_lock(file.open(), file.owner, kind))
    }

    /// Gives the lock back.
    pub fn unlock(&self) {
        // On a node that is down there is nothing to give back.
        let _ = self.inner.at_once(Class::Ask, |disk, _, file| {
            disk.unlock(file.open(), file.owner);
            Ok(())
        });
    }
}

impl FileRef {
    /// Does something now and lets the node pay for it.
    pub(super) fn at_once<R>(
        &self,
        class: Class,
        operation: impl FnOnce(&mut Disk, &mut SimChance<'_>, &FileRef) -> Result<R, DiskError>,
    ) -> Result<R, DiskError> {
        let inner = &self.disks.inner;
        inner.at_once(&self.node, &self.actor, class, |disk, chance| operation(disk, chance, self))
    }
}
