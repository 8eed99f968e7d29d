//! The disk of one node: inodes, directories, handles, and what is pending.
//!
//! A pure state machine: no clock, no global, no choice of its own. Whoever calls passes a [`Chance`] that
//! answers what goes wrong. The operations are in `namespace` and `io`, the three kinds of crash in `crash`.
//!
//! ```
//! use seedbed::disk::{Calm, Disk, DiskSetup, OpenMode};
//! let mut disk = Disk::new(DiskSetup::default());
//! let file = disk.open("a", OpenMode::Create).unwrap();
//! disk.write_at(&mut Calm, &file, 0, b"hello").unwrap();
//! let shape = disk.cut_shape();
//! disk.power_cut(&shape, &seedbed::choice::Domain::parse(&shape, "none").unwrap());
//! assert!(!disk.exists("a"));
//! ```

use std::collections::BTreeSet;
use std::rc::Rc;

use super::atlas::Atlas;
use super::directory::{DirNode, DirOp};
use super::error::DiskError;
use super::inode::{Content, FileNode, Inode};
use super::lock::{LockKind, LockOwner, LockTable};
use super::pending::{InodeId, Pending};
use super::setup::DiskSetup;

/// The largest file (1 GiB).
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// More pending operations than this and the older half is written back, as a kernel's flusher would.
pub const PENDING_MAX: usize = 4096;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist; writing is refused.
    Read,
    /// It must exist.
    Write,
    /// It is made if it does not exist.
    Create,
    /// It must not exist.
    CreateNew,
}

/// An open file. Hand it back with [`Disk::close`]: an unlinked file lives as long as it is open.
#[derive(Debug)]
pub struct OpenFile {
    pub(crate) inode: InodeId,
    pub(crate) epoch: u32,
    pub(crate) read_only: bool,
}

impl OpenFile {
    /// The inode behind it; two names of one file have the same.
    pub fn inode(&self) -> InodeId {
        self.inode
    }
}

/// The disk of one node.
#[derive(Clone, Debug)]
pub struct Disk {
    pub(crate) setup: DiskSetup,
    pub(crate) inodes: Vec<Option<Inode>>,
    pub(crate) free: Vec<u32>,
    /// Inodes with pending operations or with a cache that a cut would change.
    pub(crate) dirty: BTreeSet<InodeId>,
    /// Inodes with open handles.
    pub(crate) open: BTreeSet<InodeId>,
    /// Operations so far; numbers the pending ones.
    pub(crate) seq: u64,
    pub(crate) syncs: u64,
    pub(crate) pending: usize,
    pub(crate) used_pages: u64,
    pub(crate) epoch: u32,
    /// A write has been misdirected; one is enough.
    pub(crate) misdirected: bool,
    /// Nothing is pending, ever: what observers work on.
    pub(crate) is_fork: bool,
    pub(crate) atlas: Atlas,
    pub(crate) locks: LockTable,
}

/// The root directory.
pub(crate) const ROOT: InodeId = InodeId(0);

impl Disk {
    /// An empty disk.
    pub fn new(setup: DiskSetup) -> Disk {
        let mut disk = Disk {
            setup,
            inodes: Vec::new(),
            free: Vec::new(),
            dirty: BTreeSet::new(),
            open: BTreeSet::new(),
            seq: 0,
            syncs: 0,
            pending: 0,
            used_pages: 0,
            epoch: 0,
            misdirected: false,
            is_fork: false,
            atlas: Atlas::default(),
            locks: LockTable::default(),
        };
        let root = disk.add_inode(Content::Directory(DirNode::default()), "/".into());
        // Nothing names the root, and nothing can remove it.
        disk.inode_mut(root).references = 1;
        disk.inode_mut(root).links = 1;
        disk
    }

    /// What kind of disk this is.
    pub fn setup(&self) -> &DiskSetup {
        &self.setup
    }

    /// Every damage so far.
    pub fn atlas(&self) -> &Atlas {
        &self.atlas
    }

    /// Space taken, in bytes.
    pub fn used(&self) -> u64 {
        self.used_pages * super::image::PAGE_BYTES as u64
    }

    /// Operations that are not durable yet.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Takes an advisory lock on an open file without waiting. [`Disk::unlock`] gives it back; so does a crash.
    ///
    /// # Errors
    /// [`DiskError::WouldBlock`] if somebody else is in the way.
    pub fn try_lock(&mut self, file: &OpenFile, owner: LockOwner, kind: LockKind) -> Result<(), DiskError> {
        self.file(file)?;
        self.locks.try_lock(file.inode, owner, kind)
    }

    /// Gives an advisory lock back.
    pub fn unlock(&mut self, file: &OpenFile, owner: LockOwner) {
        if file.epoch == self.epoch {
            self.locks.unlock(file.inode, owner);
        }
    }

    /// Gives a handle back. A file without a name goes with its last handle.
    pub fn close(&mut self, file: OpenFile) {
        if file.epoch != self.epoch {
            return;
        }
        let inode = self.inode_mut(file.inode);
        inode.handles -= 1;
        if inode.handles == 0 {
            self.open.remove(&file.inode);
            self.living_changed(file.inode, true);
        }
        self.release(file.inode);
    }

    pub(crate) fn inode(&self, id: InodeId) -> &Inode {
        self.inodes[id.0 as usize].as_ref().expect("a referenced inode exists")
    }

    pub(crate) fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        self.inodes[id.0 as usize].as_mut().expect("a referenced inode exists")
    }

    pub(crate) fn dir(&self, id: InodeId) -> &DirNode {
        match &self.inode(id).content {
            Content::Directory(dir) => dir,
            Content::File(_) => unreachable!("resolved as a directory"),
        }
    }

    pub(crate) fn dir_mut(&mut self, id: InodeId) -> &mut DirNode {
        match &mut self.inode_mut(id).content {
            Content::Directory(dir) => dir,
            Content::File(_) => unreachable!("resolved as a directory"),
        }
    }

    /// The file behind a handle, if the handle is of this incarnation.
    pub(crate) fn file(&self, file: &OpenFile) -> Result<&FileNode, DiskError> {
        if file.epoch != self.epoch {
            return Err(DiskError::Stale);
        }
        match &self.inode(file.inode).content {
            Content::File(node) => Ok(node),
            Content::Directory(_) => unreachable!("only files are opened"),
        }
    }

    pub(crate) fn file_mut(&mut self, file: &OpenFile) -> Result<&mut FileNode, DiskError> {
        self.file(file)?;
        Ok(self.node_mut(file.inode))
    }

    pub(crate) fn node_mut(&mut self, id: InodeId) -> &mut FileNode {
        match &mut self.inode_mut(id).content {
            Content::File(node) => node,
            Content::Directory(_) => unreachable!("known to be a file"),
        }
    }

    pub(crate) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(crate) fn add_inode(&mut self, content: Content, name: Rc<str>) -> InodeId {
        let inode = Some(Inode { content, links: 0, references: 0, handles: 0, name });
        match self.free.pop() {
            Some(slot) => {
                self.inodes[slot as usize] = inode;
                InodeId(slot)
            }
            None => {
                self.inodes.push(inode);
                InodeId(self.inodes.len() as u32 - 1)
            }
        }
    }

    pub(crate) fn retain(&mut self, id: InodeId) {
        self.inode_mut(id).references += 1;
    }

    /// One thing less needs this inode; without any it is gone, with everything it kept alive.
    pub(crate) fn release(&mut self, id: InodeId) {
        let inode = self.inode_mut(id);
        inode.references -= 1;
        if inode.references > 0 {
            return;
        }
        let inode = self.inodes[id.0 as usize].take().expect("a referenced inode exists");
        self.free.push(id.0);
        self.dirty.remove(&id);
        self.locks.unlock_all(id);
        self.atlas.forget(id);
        match inode.content {
            Content::File(node) => self.pending -= node.pending.len(),
            Content::Directory(dir) => {
                self.pending -= dir.pending.len();
                let named = dir.pending.iter().filter_map(|pending| pending.op.names());
                for child in dir.durable.values().copied().chain(named) {
                    self.release(child);
                }
                for child in dir.cached.into_values() {
                    self.link_changed(child, false);
                }
            }
        }
    }

    /// An entry everybody sees came or went.
    pub(crate) fn link_changed(&mut self, id: InodeId, came: bool) {
        let was = self.is_living(id);
        if came {
            self.retain(id);
            self.inode_mut(id).links += 1;
        } else {
            self.inode_mut(id).links -= 1;
        }
        self.living_changed(id, was);
        if !came {
            self.release(id);
        }
    }

    /// Somebody can still reach this file, so its space is taken.
    pub(crate) fn is_living(&self, id: InodeId) -> bool {
        let inode = self.inode(id);
        inode.links > 0 || inode.handles > 0
    }

    /// Accounts the space of a file that became reachable or unreachable.
    pub(crate) fn living_changed(&mut self, id: InodeId, was: bool) {
        let is = self.is_living(id);
        if let (Content::File(node), true) = (&self.inode(id).content, was != is) {
            let pages = node.cached.allocated();
            self.used_pages = if is { self.used_pages + pages } else { self.used_pages - pages };
        }
    }

    /// Changes entries as everybody sees them and remembers the operation.
    pub(crate) fn change_entries(&mut self, dir: InodeId, seq: u64, op: DirOp) {
        let mut changes = Vec::with_capacity(2);
        op.apply(&mut self.dir_mut(dir).cached, |inode, came| changes.push((inode, came)));
        for (inode, came) in changes {
            self.link_changed(inode, came);
        }
        if self.is_fork {
            return;
        }
        if let Some(named) = op.names() {
            self.retain(named);
        }
        self.dir_mut(dir).pending.push(Pending { seq, op });
        self.dirty.insert(dir);
        self.pending += 1;
        self.write_back_if_too_much();
    }
}
