//! What an open file does, in Rust: SQLite's unix VFS, call by call. Results are SQLite's codes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rusqlite::ffi;

use super::backend::BackendFile;
use super::locks::Level;
use super::shm::{Held, REGION_BYTES, SLOTS, Shm};
use super::volume::Inner;
use crate::disk::{DiskError, InodeId};

/// A file SQLite has open.
pub(super) struct Handle {
    pub(super) volume: Rc<Inner>,
    content: Content,
    path: Box<str>,
    /// Names the connection among the holders of locks.
    id: u64,
    /// The next sync also syncs the directory, once.
    sync_directory: Cell<bool>,
    shm: RefCell<Option<(Rc<Shm>, Held)>>,
    persist_wal: Cell<bool>,
    powersafe: Cell<bool>,
}

enum Content {
    Disk(Box<dyn BackendFile>),
    /// A temporary file: no crash outlives it, and it is nobody's business.
    Temporary(RefCell<Vec<u8>>),
}

impl Handle {
    pub(super) fn on_disk(volume: Rc<Inner>, path: &str, file: Box<dyn BackendFile>, sync_directory: bool) -> Handle {
        Handle::new(volume, path, Content::Disk(file), sync_directory)
    }

    pub(super) fn temporary(volume: Rc<Inner>) -> Handle {
        Handle::new(volume, "", Content::Temporary(RefCell::default()), false)
    }

    fn new(volume: Rc<Inner>, path: &str, content: Content, sync_directory: bool) -> Handle {
        let id = volume.next_handle();
        Handle {
            volume,
            content,
            path: path.into(),
            id,
            sync_directory: Cell::new(sync_directory),
            shm: RefCell::default(),
            persist_wal: Cell::new(false),
            powersafe: Cell::new(true),
        }
    }

    fn inode(&self) -> Option<InodeId> {
        match &self.content {
            Content::Disk(file) => Some(file.inode()),
            Content::Temporary(_) => None,
        }
    }

    /// A read that meets the end of the file fills the rest with zeros and says so.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> i32 {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let read = match &self.content {
                Content::Disk(file) => file.read_at(at, &mut buffer[done..]),
                Content::Temporary(bytes) => Ok(copy_from(&bytes.borrow(), at, &mut buffer[done..])),
            };
            match read {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(DiskError::Interrupted) => {}
                Err(_) => return ffi::SQLITE_IOERR_READ,
            }
        }
        if done == buffer.len() {
            return ffi::SQLITE_OK;
        }
        buffer[done..].fill(0);
        ffi::SQLITE_IOERR_SHORT_READ
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> i32 {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let written = match &self.content {
                Content::Disk(file) => file.write_at(at, &bytes[done..]),
                Content::Temporary(content) => Ok(copy_to(&mut content.borrow_mut(), at, &bytes[done..])),
            };
            match written {
                Ok(0) | Err(DiskError::NoSpace) => return ffi::SQLITE_FULL,
                Ok(count) => done += count,
                Err(DiskError::Interrupted) => {}
                Err(_) => return ffi::SQLITE_IOERR_WRITE,
            }
        }
        ffi::SQLITE_OK
    }

    pub(super) fn truncate(&self, size: u64) -> i32 {
        match &self.content {
            Content::Disk(file) => code(file.set_len(size), ffi::SQLITE_IOERR_TRUNCATE),
            Content::Temporary(content) => {
                content.borrow_mut().resize(size as usize, 0);
                ffi::SQLITE_OK
            }
        }
    }

    /// Syncs the file, and once per handle of a journal or log its directory, whose errors are ignored.
    pub(super) fn sync(&self) -> i32 {
        let Content::Disk(file) = &self.content else {
            return ffi::SQLITE_OK;
        };
        let synced = code(file.sync(), ffi::SQLITE_IOERR_FSYNC);
        if synced == ffi::SQLITE_OK && self.sync_directory.replace(false) {
            let _ = self.volume.backend().sync_dir(parent(&self.path));
        }
        synced
    }

    pub(super) fn size(&self) -> Result<u64, i32> {
        match &self.content {
            // The unix VFS takes a file of one byte for an empty one.
            Content::Disk(file) => match file.size() {
                Ok(1) => Ok(0),
                Ok(size) => Ok(size),
                Err(_) => Err(ffi::SQLITE_IOERR_FSTAT),
            },
            Content::Temporary(content) => Ok(content.borrow().len() as u64),
        }
    }

    pub(super) fn lock(&self, level: Level) -> i32 {
        let Some(inode) = self.inode() else {
            return ffi::SQLITE_OK;
        };
        if !self.volume.backend().is_alive() {
            return ffi::SQLITE_IOERR_LOCK;
        }
        match self.volume.levels(inode, |levels| levels.raise(self.id, level)) {
            Ok(()) => ffi::SQLITE_OK,
            Err(_) => ffi::SQLITE_BUSY,
        }
    }

    /// Always succeeds: also the dead give their locks back.
    pub(super) fn unlock(&self, level: Level) {
        if let Some(inode) = self.inode()
            && self.volume.levels(inode, |levels| levels.lower(self.id, level))
        {
            self.volume.note_release();
        }
    }

    pub(super) fn is_reserved(&self) -> bool {
        self.inode().is_some_and(|inode| self.volume.levels(inode, |levels| levels.is_reserved()))
    }

    fn level(&self) -> Level {
        self.inode().map_or(Level::None, |inode| self.volume.levels(inode, |levels| levels.of(self.id)))
    }

    /// Answers what the unix VFS answers, as far as anybody asks.
    pub(super) fn control(&self, operation: i32, argument: &mut i32) -> i32 {
        match operation {
            ffi::SQLITE_FCNTL_LOCKSTATE => *argument = self.level() as i32,
            ffi::SQLITE_FCNTL_HAS_MOVED => {
                *argument =
                    i32::from(self.inode().is_some() && self.volume.backend().inode(&self.path) != self.inode());
            }
            ffi::SQLITE_FCNTL_PERSIST_WAL => set_or_get(&self.persist_wal, argument),
            ffi::SQLITE_FCNTL_POWERSAFE_OVERWRITE => set_or_get(&self.powersafe, argument),
            _ => return ffi::SQLITE_NOTFOUND,
        }
        ffi::SQLITE_OK
    }

    pub(super) fn device_characteristics(&self) -> i32 {
        let powersafe = if self.powersafe.get() { ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE } else { 0 };
        powersafe | ffi::SQLITE_IOCAP_SUBPAGE_READ
    }

    /// A region of shared memory; `Ok(None)` if it is not there and shall not be made.
    pub(super) fn map(&self, region: usize, bytes: usize, extend: bool) -> Result<Option<*mut u64>, i32> {
        let Some(inode) = self.inode() else {
            return Err(ffi::SQLITE_IOERR_SHMMAP);
        };
        if bytes != REGION_BYTES || !self.volume.backend().is_alive() {
            return Err(ffi::SQLITE_IOERR_SHMMAP);
        }
        let mut shm = self.shm.borrow_mut();
        let (memory, _) = shm.get_or_insert_with(|| (self.volume.shm(inode), Held::default()));
        Ok(memory.region(region, extend))
    }

    pub(super) fn lock_shm(&self, first: usize, count: usize, flags: i32) -> i32 {
        let mut shm = self.shm.borrow_mut();
        let Some((memory, held)) = shm.as_mut() else {
            return ffi::SQLITE_IOERR_SHMLOCK;
        };
        if count == 0 || first + count > SLOTS {
            return ffi::SQLITE_IOERR_SHMLOCK;
        }
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            if memory.unlock(held, first, count) {
                drop(shm);
                self.volume.note_release();
            }
            return ffi::SQLITE_OK;
        }
        if !self.volume.backend().is_alive() {
            return ffi::SQLITE_IOERR_SHMLOCK;
        }
        if memory.lock(held, first, count, flags & ffi::SQLITE_SHM_EXCLUSIVE != 0) {
            ffi::SQLITE_OK
        } else {
            ffi::SQLITE_BUSY
        }
    }

    /// Lets go of the shared memory, which goes with its last user.
    pub(super) fn unmap(&self) {
        let Some((memory, mut held)) = self.shm.borrow_mut().take() else {
            return;
        };
        if memory.unlock(&mut held, 0, SLOTS) {
            self.volume.note_release();
        }
        if let Some(inode) = self.inode() {
            drop(memory);
            self.volume.drop_unused_shm(inode);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.unmap();
        self.unlock(Level::None);
    }
}

/// The directory of a path.
pub(super) fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |index| &path[..index])
}

pub(super) fn code(result: Result<(), DiskError>, failure: i32) -> i32 {
    if result.is_ok() { ffi::SQLITE_OK } else { failure }
}

/// A negative argument asks, any other sets.
fn set_or_get(flag: &Cell<bool>, argument: &mut i32) {
    if *argument < 0 {
        *argument = i32::from(flag.get());
    } else {
        flag.set(*argument != 0);
    }
}

fn copy_from(content: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = content.len().min(offset as usize);
    let count = buffer.len().min(content.len() - start);
    buffer[..count].copy_from_slice(&content[start..start + count]);
    count
}

fn copy_to(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> usize {
    let end = offset as usize + bytes.len();
    content.resize(content.len().max(end), 0);
    content[offset as usize..end].copy_from_slice(bytes);
    bytes.len()
}
