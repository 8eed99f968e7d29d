//! Panics in callbacks stay in Rust.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::count;
use crate::disk::sqlite::Volume;
use crate::disk::sqlite::backend::{Aside, Backend, BackendFile};
use crate::disk::{Disk, DiskError, DiskSetup, InodeId, Kind, OpenMode};

/// A backend in which reading panics on demand.
struct Panicky(Aside, Rc<Cell<bool>>);

struct PanickyFile(Box<dyn BackendFile>, Rc<Cell<bool>>);

impl Backend for Panicky {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Box<dyn BackendFile>, DiskError> {
        Ok(Box::new(PanickyFile(self.0.open(path, mode)?, Rc::clone(&self.1))))
    }
    fn unlink(&self, path: &str) -> Result<(), DiskError> {
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

impl BackendFile for PanickyFile {
    fn inode(&self) -> InodeId {
        self.0.inode()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        assert!(!self.1.get(), "told to panic");
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

/// A panic in a callback fails the call in C and goes on in Rust.
#[test]
fn a_panic_does_not_cross_c() {
    let switch = Rc::new(Cell::new(false));
    let disk = Rc::new(RefCell::new(Disk::new(DiskSetup::default())));
    let volume = Volume::new(Box::new(Panicky(Aside(disk), Rc::clone(&switch))), None);
    let database = volume.open("x").unwrap();
    database.execute_batch("CREATE TABLE t(x)").unwrap();
    let other = volume.open("x").unwrap();
    switch.set(true);
    let failed = other.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    assert!(failed.is_err());
    switch.set(false);
    let raised = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| count(&other)));
    assert_eq!(raised.unwrap_err().downcast_ref::<&str>(), Some(&"told to panic"));
    assert_eq!(count(&other), 0);
}
