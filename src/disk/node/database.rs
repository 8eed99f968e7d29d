//! What SQLite's VFS needs of a node's disk beyond its public face.

use std::any::Any;
use std::rc::{Rc, Weak};

use super::blocking::{BlockingDisk, BlockingFile};
use super::disks::Class;
use crate::disk::{DiskError, InodeId, Kind, OpenMode};

impl BlockingDisk {
    /// Opens a file under a role: the name that choices and events carry.
    pub(crate) fn open_role(&self, path: &str, role: &str, mode: OpenMode) -> Result<BlockingFile, DiskError> {
        self.open_as(path, role, mode)
    }

    /// Takes a name away from a file with a role.
    pub(crate) fn unlink_role(&self, path: &str, role: &str) -> Result<(), DiskError> {
        self.names(role, &format!("unlink {role}"), |disk| disk.unlink(path))
    }

    /// What a name stands for, asked about a role.
    pub(crate) fn metadata_role(&self, path: &str, role: &str) -> Result<Kind, DiskError> {
        self.at_once(role, Class::Ask, |disk, _| disk.metadata(path))
    }

    /// The inode behind a name.
    pub(crate) fn inode_of(&self, path: &str) -> Option<InodeId> {
        let inner = &self.disk.disks.inner;
        inner.with_host(self.disk.node.id(), |host| host.disk.lookup(path).ok())
    }

    /// What is built on the disk in this life of the node.
    pub(crate) fn extension(&self) -> Option<Rc<dyn Any>> {
        self.disk.disks.inner.extension(&self.disk.node)
    }

    /// Remembers what is built on the disk in this life of the node.
    pub(crate) fn set_extension(&self, extension: Weak<dyn Any>) {
        self.disk.disks.inner.set_extension(&self.disk.node, extension);
    }

    /// A dead stack goes on; too often, and it is unwound.
    pub(crate) fn count_frozen_call(&self) {
        self.disk.disks.inner.frozen_call(&self.disk.node);
    }
}
