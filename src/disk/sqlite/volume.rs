//! A disk as SQLite sees it, and the databases open on it.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::backend::{Aside, Backend};
use super::locks::Levels;
use super::shm::Shm;
use super::vfs::Registration;
use crate::disk::{BlockingDisk, Disk, InodeId};

/// A disk as SQLite sees it. Clones are one.
///
/// ```
/// use seedbed::disk::{Disk, DiskSetup, sqlite::Volume};
/// let volume = Volume::aside(Disk::new(DiskSetup::default()));
/// let database = volume.open("relay.sqlite").unwrap();
/// database.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (7);").unwrap();
/// let x: i64 = database.query_row("SELECT x FROM t", [], |row| row.get(0)).unwrap();
/// assert_eq!(x, 7);
/// ```
#[derive(Clone)]
pub struct Volume {
    inner: Rc<Inner>,
}

pub(super) struct Inner {
    backend: Box<dyn Backend>,
    aside: Option<Rc<RefCell<Disk>>>,
    registration: OnceCell<Registration>,
    levels: RefCell<BTreeMap<InodeId, Levels>>,
    shm: RefCell<BTreeMap<InodeId, Weak<Shm>>>,
    handles: Cell<u64>,
    /// How often a lock was given back, and who waits for that.
    releases: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    /// A panic that must not unwind through C.
    panic: RefCell<Option<Box<dyn Any + Send>>>,
}

impl Volume {
    /// The disk of a node, in its present life. Every call in one life answers the same volume, so that all
    /// its connections see each other's locks.
    #[must_use]
    pub fn of_node(disk: &BlockingDisk) -> Volume {
        let present = disk.extension().and_then(|any| any.downcast::<Inner>().ok());
        if let Some(inner) = present {
            return Volume { inner };
        }
        let volume = Volume::new(Box::new(disk.clone()), None);
        disk.set_extension(Rc::downgrade(&volume.inner) as Weak<dyn Any>);
        volume
    }

    /// A disk outside of any run: a fork to look at, or a template in the making. Nothing goes wrong on it.
    #[must_use]
    pub fn aside(disk: Disk) -> Volume {
        let disk = Rc::new(RefCell::new(disk));
        Volume::new(Box::new(Aside(Rc::clone(&disk))), Some(disk))
    }

    pub(super) fn new(backend: Box<dyn Backend>, aside: Option<Rc<RefCell<Disk>>>) -> Volume {
        let inner = Rc::new(Inner {
            backend,
            aside,
            registration: OnceCell::new(),
            levels: RefCell::default(),
            shm: RefCell::default(),
            handles: Cell::new(0),
            releases: Cell::new(0),
            waiting: RefCell::default(),
            panic: RefCell::default(),
        });
        // SAFETY: the registration is a field of the volume it points to, so it goes with it; open files hold
        // the volume, and a `Database` holds it longer than its connection. None of it is Send.
        let registration = unsafe { Registration::new(Rc::as_ptr(&inner)) };
        let _ = inner.registration.set(registration);
        Volume { inner }
    }

    /// Opens a database, which is made if it does not exist. A lock in the way is an error at once: SQLite's
    /// own waiting is off.
    ///
    /// # Errors
    /// Those of SQLite. It reads nothing yet: recovery is up to the first statement that needs the schema.
    pub fn open(&self, path: &str) -> rusqlite::Result<Database> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let name = self.inner.registration.get().expect("registered when made").name();
        let connection = Connection::open_with_flags_and_vfs(path, flags, name);
        self.inner.raise_panic();
        let connection = connection?;
        connection.busy_timeout(Duration::ZERO)?;
        // A statement that is kept is not planned again for each value it is given.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Database { connection, volume: self.clone() })
    }

    /// The disk of a volume that is [`aside`](Self::aside), as it is now.
    #[must_use]
    pub fn disk(&self) -> Option<Disk> {
        self.look(Disk::clone)
    }

    /// A look at the disk of a volume that is [`aside`](Self::aside), as it is now.
    pub fn look<R>(&self, look: impl FnOnce(&Disk) -> R) -> Option<R> {
        self.inner.aside.as_ref().map(|disk| look(&disk.borrow()))
    }

    /// Makes the files of a volume that is [`aside`](Self::aside) what they are on this disk now. Answers
    /// whether that was possible.
    pub(super) fn follow(&self, source: &Disk, paths: &[&str]) -> bool {
        let disk = self.inner.aside.as_ref();
        disk.is_some_and(|disk| disk.borrow_mut().follow(source, paths).is_ok())
    }

    /// Leaves one file of a volume that is [`aside`](Self::aside), with nothing in it. Answers whether that was possible.
    pub(super) fn keep_only(&self, path: &str) -> bool {
        let disk = self.inner.aside.as_ref();
        disk.is_some_and(|disk| disk.borrow_mut().keep_only(path).is_ok())
    }

    /// Waits until any connection gives a lock back. To be asked for before the attempt that may be refused.
    #[must_use]
    pub fn released(&self) -> Released {
        Released { inner: Rc::clone(&self.inner), since: self.inner.releases.get() }
    }
}

/// A wait for a lock to be given back.
pub struct Released {
    inner: Rc<Inner>,
    since: u64,
}

impl Future for Released {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.inner.releases.get() != self.since {
            return Poll::Ready(());
        }
        self.inner.waiting.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }
}

/// An open database. Use it as the [`Connection`] it holds.
pub struct Database {
    /// Dropped before the volume.
    connection: Connection,
    volume: Volume,
}

impl Database {
    /// Where it is.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// Whether nothing has begun on it that is not done.
    pub(super) fn is_at_rest(&self) -> bool {
        self.connection.is_autocommit() && self.volume.inner.panic.borrow().is_none()
    }
}

impl Deref for Database {
    type Target = Connection;

    /// Also where a stack that should be dead is unwound: here nothing of C is above it.
    fn deref(&self) -> &Connection {
        self.volume.inner.raise_panic();
        self.volume.inner.backend.frozen_call();
        &self.connection
    }
}

impl Inner {
    pub(super) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    pub(super) fn next_handle(&self) -> u64 {
        self.handles.set(self.handles.get() + 1);
        self.handles.get()
    }

    pub(super) fn levels<R>(&self, inode: InodeId, use_them: impl FnOnce(&mut Levels) -> R) -> R {
        let mut all = self.levels.borrow_mut();
        let levels = all.entry(inode).or_default();
        let answer = use_them(levels);
        if levels.is_empty() {
            all.remove(&inode);
        }
        answer
    }

    pub(super) fn shm(&self, inode: InodeId) -> Rc<Shm> {
        let mut all = self.shm.borrow_mut();
        if let Some(present) = all.get(&inode).and_then(Weak::upgrade) {
            return present;
        }
        let shm = Rc::new(Shm::default());
        all.insert(inode, Rc::downgrade(&shm));
        shm
    }

    pub(super) fn drop_unused_shm(&self, inode: InodeId) {
        let mut all = self.shm.borrow_mut();
        if all.get(&inode).is_some_and(|shm| shm.strong_count() == 0) {
            all.remove(&inode);
        }
    }

    pub(super) fn note_release(&self) {
        self.releases.set(self.releases.get() + 1);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(super) fn keep_panic(&self, payload: Box<dyn Any + Send>) {
        self.panic.borrow_mut().get_or_insert(payload);
    }

    fn raise_panic(&self) {
        let payload = self.panic.borrow_mut().take();
        if let Some(payload) = payload {
            std::panic::resume_unwind(payload);
        }
    }
}
