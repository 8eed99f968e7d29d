//! A backend that tells of calls.

use std::rc::Rc;
use std::time::Duration;

use crate::disk::sqlite::backend::{Aside, Backend, BackendFile};
use crate::disk::{DiskError, InodeId, Kind, OpenMode};

/// A call that is about to be made.
pub(super) enum Call<'a> {
    /// Reads a file.
    Read,
    /// Takes away this name.
    Unlink(&'a str),
}

/// A backend that tells of calls before it makes them.
pub(super) struct Hooked(pub(super) Aside, pub(super) Rc<dyn Fn(Call<'_>)>);

struct HookedFile(Box<dyn BackendFile>, Rc<dyn Fn(Call<'_>)>);

impl Backend for Hooked {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Box<dyn BackendFile>, DiskError> {
        Ok(Box::new(HookedFile(self.0.open(path, mode)?, Rc::clone(&self.1))))
    }
    fn unlink(&self, path: &str) -> Result<(), DiskError> {
        self.1(Call::Unlink(path));
        self.0.unlink(path)
    }
    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        self.0.sync_dir(path)
    }
    fn metadata(&self, path: &str) -> Result<Option<Kind>, DiskError> {
        self.0.metadata(path)
    }
    fn inode(&self, path: &str) -> Option<InodeId> {
        self.0.inode(path)
    }
    fn wall(&self) -> Duration {
        self.0.wall()
    }
    fn sleep(&self, time: Duration) {
        self.0.sleep(time);
    }
    fn is_alive(&self) -> bool {
        true
    }
    fn frozen_call(&self) {}
}

impl BackendFile for HookedFile {
    fn inode(&self) -> InodeId {
        self.0.inode()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.1(Call::Read);
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, size: u64) -> Result<(), DiskError> {
        self.0.set_len(size)
    }
    fn size(&self) -> Result<u64, DiskError> {
        self.0.size()
    }
    fn sync(&self) -> Result<(), DiskError> {
        self.0.sync()
    }
}
