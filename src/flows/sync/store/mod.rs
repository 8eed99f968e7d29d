//! A server's mail store: what its processes do with the files of mailboxes, in the order in which the releases did it.
//!
//! | file | holds |
//! |---|---|
//! | `three/` | 2.3: `cyrus.index`, `cyrus.expunge` and `cyrus.cache`, each operation's write plan |
//! | `single/` | 2.4 and after: one index with a flag for what is expunged |
//! | `message`, `stage`, `log` | a message to be stored; files before they have a number; the sync log |
//! | `boot` | what a server finds and repairs when it starts |
//! | `io` | whole reads and writes |

mod boot;
pub mod io;
pub mod log;
pub mod message;
pub mod single;
pub mod stage;
pub mod three;

use std::rc::Rc;

pub use boot::{boot, install};
pub use message::{Flags, NewMessage, Seen, Stored, Upload, View};

use super::format::{FormatError, Guid, HeaderFile, guid};
use super::host::Host;
use super::sites;
use super::variants::{Ids, Layout, Recovery, Rules};
use super::watch::Watch;
use crate::disk::{BlockingDisk, DiskError, File, LockKind, OpenMode};
use crate::world::Node;

/// Why an operation on a mailbox failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fail {
    /// The disk said so.
    #[error("{0}")]
    Disk(#[from] DiskError),
    /// A file is not what it should be.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// Memory that is mapped to no file was read: the process is dead.
    #[error("killed by a signal while reading the cache record at {offset} of uid {uid}")]
    Killed {
        /// Whose cache record was wanted.
        uid: u32,
        /// Where it was looked for.
        offset: u32,
    },
    /// A check found the place of a cache record to be wrong.
    #[error("bogus offset {found} in the cache record at {offset} of uid {uid}")]
    BogusOffset {
        /// Whose cache record was wanted.
        uid: u32,
        /// Where it was looked for.
        offset: u32,
        /// What was found.
        found: u64,
    },
    /// Somebody else holds a lock.
    #[error("the mailbox is locked")]
    Busy,
    /// Index and cache are of different generations.
    #[error("bad format: index is of generation {index}, cache of {cache}")]
    Generation {
        /// Of the index.
        index: u32,
        /// Of the cache.
        cache: u32,
    },
    /// A mailbox is not what it was when it was compared with the other server's.
    #[error("the mailbox has changed since it was compared")]
    Changed,
    /// There is no such message.
    #[error("no message {0}")]
    NoMessage(u32),
    /// The replica cannot be brought to the stated state from where it is.
    #[error("CRC failure: {0}")]
    Crc(&'static str),
}

impl Fail {
    /// Whether it may go away by waiting.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Fail::Busy | Fail::Disk(DiskError::WouldBlock))
    }

    /// Whether the process that met it is dead.
    #[must_use]
    pub fn is_deadly(&self) -> bool {
        matches!(self, Fail::Killed { .. })
    }
}

/// A mail store in one life of its server. Clones are one.
#[derive(Clone)]
pub struct Store {
    /// The server.
    pub node: Node,
    /// Its disk.
    pub disk: BlockingDisk,
    /// What outlives the server's processes.
    pub host: Rc<Host>,
    /// Who watches.
    pub watch: Rc<Watch>,
}

/// Names of a mailbox's files.
pub struct Paths {
    dir: String,
}

impl Paths {
    /// The files of a mailbox.
    #[must_use]
    pub fn of(mailbox: &str) -> Paths {
        Paths { dir: format!("spool/{mailbox}") }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// `cyrus.index`.
    #[must_use]
    pub fn index(&self) -> String {
        format!("{}/cyrus.index", self.dir)
    }

    /// `cyrus.cache`.
    #[must_use]
    pub fn cache(&self) -> String {
        format!("{}/cyrus.cache", self.dir)
    }

    /// `cyrus.expunge`.
    #[must_use]
    pub fn expunge(&self) -> String {
        format!("{}/cyrus.expunge", self.dir)
    }

    /// `cyrus.header`.
    #[must_use]
    pub fn header(&self) -> String {
        format!("{}/cyrus.header", self.dir)
    }

    /// The file of a message.
    #[must_use]
    pub fn message(&self, uid: u32) -> String {
        format!("{}/{uid}.", self.dir)
    }
}

/// What is to take the place of a file.
#[must_use]
pub fn fresh(path: &str) -> String {
    format!("{path}.NEW")
}

/// Locks of an operation; they go with it.
pub struct Locks {
    _held: Vec<File>,
}

impl Store {
    /// The historical form.
    #[must_use]
    pub fn rules(&self) -> &'static Rules {
        self.host.rules
    }

    /// The server's clock, in seconds.
    #[must_use]
    pub fn now(&self) -> u32 {
        let wall = self.node.wall().as_secs() as i64 + self.host.clock_skew;
        u32::try_from(wall).unwrap_or(0)
    }

    /// Another process may run here.
    pub fn preempted(&self, between: &str) {
        self.node.boundary(&sites::PREEMPTED, between);
    }

    /// Somebody who watches mailboxes is told of a change, from inside of it.
    pub fn notify(&self) {
        self.host.touched();
        self.host.tell(&self.node);
        self.node.boundary(&sites::NOTIFIER, "header written");
    }

    /// Takes locks in this order, without waiting.
    pub fn lock(&self, paths: &[String]) -> Result<Locks, Fail> {
        let mut held = Vec::new();
        for path in paths {
            let file = self.disk.open(path, OpenMode::Write)?.file();
            match file.try_lock(LockKind::Exclusive) {
                Ok(()) => held.push(file),
                Err(DiskError::WouldBlock) => return Err(Fail::Busy),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Locks { _held: held })
    }

    /// Makes names in a directory durable, where the form bothers to.
    pub fn sync_dir(&self, dir: &str) -> Result<(), Fail> {
        if self.rules().recovery == Recovery::Complete {
            self.disk.sync_dir(dir)?;
        }
        Ok(())
    }

    /// The mailbox's header file.
    pub fn names(&self, paths: &Paths) -> Result<HeaderFile, Fail> {
        Ok(HeaderFile::decode(&io::read(&self.disk, &paths.header())?)?)
    }

    /// Replaces the mailbox's header file.
    pub fn write_names(&self, paths: &Paths, names: &HeaderFile) -> Result<(), Fail> {
        let (path, new) = (paths.header(), fresh(&paths.header()));
        io::write_synced(&self.disk, &new, &names.encode())?;
        self.disk.rename(&new, &path)?;
        self.sync_dir(paths.dir())
    }

    /// The bytes of a message.
    ///
    /// # Errors
    /// What the disk says.
    pub fn message(&self, mailbox: &str, uid: u32) -> Result<Vec<u8>, Fail> {
        Ok(io::read(&self.disk, &Paths::of(mailbox).message(uid))?)
    }

    // --- operations, by layout ---------------------------------------------------------------------------------------

    /// Stores messages under the next numbers.
    ///
    /// # Errors
    /// Nothing is stored then, as far as anybody can see.
    pub fn append(&self, mailbox: &str, messages: &[NewMessage]) -> Result<Vec<Stored>, Fail> {
        match self.rules().layout {
            Layout::ThreeFiles => three::append(self, mailbox, messages),
            Layout::SingleIndex => single::append(self, mailbox, messages),
        }
    }

    /// Sets or clears a flag.
    ///
    /// # Errors
    /// [`Fail::NoMessage`] and what the disk says.
    pub fn set_flag(&self, mailbox: &str, uid: u32, flag: &str, on: bool) -> Result<(), Fail> {
        match self.rules().layout {
            Layout::ThreeFiles => three::set_flag(self, mailbox, uid, flag, on),
            Layout::SingleIndex => single::set_flag(self, mailbox, uid, flag, on),
        }
    }

    /// Expunges messages: as the server is configured, or at once if forced.
    ///
    /// # Errors
    /// What the disk says.
    pub fn expunge(&self, mailbox: &str, uids: &[u32], force: bool) -> Result<(), Fail> {
        match self.rules().layout {
            Layout::ThreeFiles => three::expunge(self, mailbox, uids, force),
            Layout::SingleIndex => single::expunge(self, mailbox, uids, force),
        }
    }

    /// Drops what was expunged longer than `keep_s` seconds ago.
    ///
    /// # Errors
    /// What the disk says, and what is found where cache records should be.
    pub fn expire(&self, mailbox: &str, keep_s: u32) -> Result<(), Fail> {
        let mark = self.now().saturating_sub(keep_s);
        match self.rules().layout {
            Layout::ThreeFiles => three::expire(self, mailbox, mark),
            Layout::SingleIndex => single::expire(self, mailbox, mark),
        }
    }

    /// Brings an expunged message back; answers its number, which may be a new one.
    ///
    /// # Errors
    /// [`Fail::NoMessage`] and what the disk says.
    pub fn unexpunge(&self, mailbox: &str, uid: u32) -> Result<u32, Fail> {
        match self.rules().layout {
            Layout::ThreeFiles => three::unexpunge(self, mailbox, uid),
            Layout::SingleIndex => single::unexpunge(self, mailbox, uid),
        }
    }

    /// What is in a mailbox.
    ///
    /// # Errors
    /// What the disk says.
    pub fn view(&self, mailbox: &str) -> Result<View, Fail> {
        match self.rules().layout {
            Layout::ThreeFiles => three::view(self, mailbox),
            Layout::SingleIndex => single::view(self, mailbox),
        }
    }

    /// The id a message gets when it is stored.
    #[must_use]
    pub fn id_of(&self, message: &NewMessage) -> Guid {
        match (self.rules().ids, message.id) {
            (Ids::Sha1, _) => guid(&message.bytes),
            (Ids::Assigned, Some(id)) => id,
            (Ids::Assigned, None) => self.host.next_id(),
        }
    }

    /// The message with this SHA-1 that is not expunged. Where ids say nothing, files are read.
    ///
    /// # Errors
    /// As [`Store::view`].
    pub fn find(&self, mailbox: &str, content: Guid) -> Result<Option<Seen>, Fail> {
        for message in self.view(mailbox)?.messages.into_iter().filter(|message| !message.expunged) {
            let sum = match self.rules().ids {
                Ids::Sha1 => message.guid,
                Ids::Assigned => guid(&self.message(mailbox, message.uid)?),
            };
            if sum == content {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }
}
