//! Where the bytes of a volume are: on a node's disk, or on a fork of one.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::disk::{BlockingDisk, BlockingFile, Calm, Disk, DiskError, InodeId, Kind, OpenFile, OpenMode};
use crate::kernel::EPOCH_SECS;

/// A place for files.
pub(super) trait Backend {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Box<dyn BackendFile>, DiskError>;
    fn unlink(&self, path: &str) -> Result<(), DiskError>;
    fn sync_dir(&self, path: &str) -> Result<(), DiskError>;
    /// `None`: no such name.
    fn metadata(&self, path: &str) -> Result<Option<Kind>, DiskError>;
    /// The inode behind a name.
    fn inode(&self, path: &str) -> Option<InodeId>;
    /// Time since the UNIX epoch.
    fn wall(&self) -> Duration;
    fn sleep(&self, time: Duration);
    /// Whether calls still have an effect.
    fn is_alive(&self) -> bool;
    /// Code on the stack of a dead node has called; unwinds it when it does not stop.
    fn frozen_call(&self);
}

/// An open file.
pub(super) trait BackendFile {
    fn inode(&self) -> InodeId;
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError>;
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError>;
    fn set_len(&self, size: u64) -> Result<(), DiskError>;
    fn size(&self) -> Result<u64, DiskError>;
    fn sync(&self) -> Result<(), DiskError>;
}

/// The name under which choices are made and events traced. SQLite makes up names of super-journals.
fn role(path: &str) -> &str {
    path.rfind("-mj").map_or(path, |index| &path[..index + 3])
}

impl Backend for BlockingDisk {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Box<dyn BackendFile>, DiskError> {
        Ok(Box::new(self.open_role(path, role(path), mode)?))
    }

    fn unlink(&self, path: &str) -> Result<(), DiskError> {
        self.unlink_role(path, role(path))
    }

    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        BlockingDisk::sync_dir(self, path)
    }

    fn metadata(&self, path: &str) -> Result<Option<Kind>, DiskError> {
        found(self.metadata_role(path, role(path)))
    }

    fn inode(&self, path: &str) -> Option<InodeId> {
        self.inode_of(path)
    }

    fn wall(&self) -> Duration {
        self.node().wall()
    }

    fn sleep(&self, time: Duration) {
        if Backend::is_alive(self) {
            self.node().sim().add_debt(self.node().id(), time);
        }
    }

    fn is_alive(&self) -> bool {
        self.node().is_alive()
    }

    fn frozen_call(&self) {
        if !Backend::is_alive(self) {
            self.count_frozen_call();
        }
    }
}

impl BackendFile for BlockingFile {
    fn inode(&self) -> InodeId {
        BlockingFile::inode(self)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        BlockingFile::read_at(self, offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        BlockingFile::write_at(self, offset, bytes)
    }

    fn set_len(&self, size: u64) -> Result<(), DiskError> {
        BlockingFile::set_len(self, size)
    }

    fn size(&self) -> Result<u64, DiskError> {
        BlockingFile::size(self)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.sync_all()
    }
}

fn found(kind: Result<Kind, DiskError>) -> Result<Option<Kind>, DiskError> {
    match kind {
        Ok(kind) => Ok(Some(kind)),
        Err(DiskError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A disk outside of any run: a fork that an observer reads, or a template in the making.
#[derive(Clone)]
pub(super) struct Aside(pub(super) Rc<RefCell<Disk>>);

struct AsideFile {
    disk: Rc<RefCell<Disk>>,
    open: Option<OpenFile>,
}

impl Backend for Aside {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Box<dyn BackendFile>, DiskError> {
        let open = self.0.borrow_mut().open(path, mode)?;
        Ok(Box::new(AsideFile { disk: Rc::clone(&self.0), open: Some(open) }))
    }

    fn unlink(&self, path: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().unlink(path)
    }

    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().sync_dir(&mut Calm, path)
    }

    fn metadata(&self, path: &str) -> Result<Option<Kind>, DiskError> {
        found(self.0.borrow().metadata(path))
    }

    fn inode(&self, path: &str) -> Option<InodeId> {
        self.0.borrow().lookup(path).ok()
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(EPOCH_SECS)
    }

    fn sleep(&self, _: Duration) {}

    fn is_alive(&self) -> bool {
        true
    }

    fn frozen_call(&self) {}
}

impl AsideFile {
    fn open(&self) -> &OpenFile {
        self.open.as_ref().expect("open until dropped")
    }
}

impl Drop for AsideFile {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.disk.borrow_mut().close(open);
        }
    }
}

impl BackendFile for AsideFile {
    fn inode(&self) -> InodeId {
        self.open().inode()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.disk.borrow_mut().read_at(&mut Calm, self.open(), offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.disk.borrow_mut().write_at(&mut Calm, self.open(), offset, bytes)
    }

    fn set_len(&self, size: u64) -> Result<(), DiskError> {
        self.disk.borrow_mut().set_len(self.open(), size)
    }

    fn size(&self) -> Result<u64, DiskError> {
        self.disk.borrow().size(self.open())
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.disk.borrow_mut().sync_all(&mut Calm, self.open())
    }
}
