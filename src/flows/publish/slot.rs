//! A slot on a server's disk: one container per share, in files `sh0`, `sh1` …
//!
//! A server of the release changes containers in place. What it writes, in order, for each share:
//!
//! | | writes |
//! |---|---|
//! | a new share | `header`, `lease-count`, then as a longer one |
//! | longer than its container | `moved-leases`, `lease-offset`, `length`, `data`, `lease` |
//! | as long as its container | `length`, `data`, `lease` |
//! | shorter | `data`, `lease` |
//!
//! Between any two of these, and inside each, its process can die ([`SERVER_DIES`](super::sites::SERVER_DIES)) or the
//! power go off. The corrected server writes whole new files (`new-file`), syncs them, gives them their names
//! (`rename`), syncs the directory, and answers behind that.
//!
//! Files stay open, and what is read is in the page cache, so reading takes no time: whether a server holds shares does
//! not decide when it answers.

mod request;

pub use request::Request;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::container::{DATA_OFFSET, HEADER_LENGTH, Header, unpack};
use super::keys::{ServerKey, server_key};
use super::sites::{self, Death, DeathIn};
use super::storage::{MemoryShares, ShareNumber};
use super::variants::{BrokenContainer, Update};
use crate::disk::{BlockingDisk, BlockingFile, Disk, DiskError, Kind, OpenMode};
use crate::kernel::Down;
use crate::world::Node;

/// How often a call that was interrupted, or did a part only, is taken up again.
const TRIES_MAX: u32 = 10_000;
/// How long whoever supervises a server takes to start it again after its process has died.
const SUPERVISOR: Duration = Duration::from_millis(500);

/// The file of a share.
#[must_use]
pub fn file_of(number: ShareNumber) -> String {
    format!("sh{number}")
}

/// The file that will become the file of a share.
fn new_file_of(number: ShareNumber) -> String {
    format!("sh{number}.new")
}

fn share_of(file: &str) -> Option<ShareNumber> {
    file.strip_prefix("sh")?.parse().ok()
}

/// What is in the slot, for somebody who only looks. Files that are no containers are left out.
#[must_use]
pub fn look(disk: &Disk) -> MemoryShares {
    let mut shares = MemoryShares::default();
    for file in disk.read_dir("").unwrap_or_default() {
        let content = share_of(&file).and_then(|number| Some((number, disk.content(&file).ok()?)));
        if let Some((number, bytes)) = content
            && let Some((header, data)) = unpack(&bytes)
        {
            shares.insert(number, header.write_enabler, data.to_vec());
        }
    }
    shares
}

/// The lengths of the shares in the slot, for somebody who only looks.
#[must_use]
pub fn lengths(disk: &Disk) -> Vec<(ShareNumber, u64)> {
    let length = |file: &String| {
        let mut bytes = [0; HEADER_LENGTH];
        let read = disk.peek(file, 0, &mut bytes).ok()?;
        let header = Header::parse(&bytes[..read])?;
        let Ok(Kind::File { size }) = disk.metadata(file) else {
            return None;
        };
        Some((share_of(file)?, header.data_length.min(size.saturating_sub(DATA_OFFSET))))
    };
    let mut lengths: Vec<_> = disk.read_dir("").unwrap_or_default().iter().filter_map(length).collect();
    lengths.sort_unstable();
    lengths
}

/// One life of a server's process, with its slot.
pub struct Slot {
    node: Node,
    disk: BlockingDisk,
    server: ServerKey,
    update: Update,
    broken: BrokenContainer,
    /// Its process can die while it writes.
    mortal: bool,
    files: RefCell<BTreeMap<ShareNumber, BlockingFile>>,
}

impl Slot {
    /// The slot of a process that starts, `again` if it has run before.
    #[must_use]
    pub fn open(node: &Node, (update, broken): (Update, BrokenContainer), mortal: bool, again: bool) -> Slot {
        let slot = Slot {
            node: node.clone(),
            disk: node.disk().blocking(),
            server: server_key(&node.name()),
            update,
            broken,
            mortal,
            files: RefCell::default(),
        };
        if again && update == Update::Replaced {
            slot.tidy_up();
        }
        for number in slot.disk.read_dir("").unwrap_or_default().iter().filter_map(|file| share_of(file)) {
            // What cannot be opened now is tried again when it is needed.
            let _ = slot.file(number);
        }
        slot
    }

    /// Behind a crash: new files that never got their names go, and names that were given become durable before anybody
    /// relies on them. Where that fails, the next request or the next start does it.
    fn tidy_up(&self) {
        for file in self.disk.read_dir("").unwrap_or_default() {
            if file.ends_with(".new") {
                let _ = self.disk.unlink(&file);
            }
        }
        let _ = self.disk.sync_dir("");
    }

    /// What one request does to the slot; `no_lease`: there will be no room for a lease.
    #[must_use]
    pub fn request(&self, no_lease: bool) -> Request<'_> {
        Request::new(self, no_lease)
    }

    /// A share is gone, as if an operator had deleted it.
    pub fn lose(&self, number: ShareNumber) -> bool {
        self.files.borrow_mut().remove(&number);
        self.disk.unlink(&file_of(number)).is_ok()
    }

    /// A bit of a share is another one, as with bad hardware.
    pub fn flip(&self, number: ShareNumber, byte: u64) -> bool {
        let flipped = self.file(number).and_then(|file| {
            let at = DATA_OFFSET + byte;
            let mut bytes = [0];
            match file.read_cached_at(at, &mut bytes)? {
                1 => file.write_at(at, &[bytes[0] ^ 0x10]),
                _ => Ok(0),
            }
        });
        flipped == Ok(1)
    }

    fn file(&self, number: ShareNumber) -> Result<BlockingFile, DiskError> {
        if let Some(file) = self.files.borrow().get(&number) {
            return Ok(file.clone());
        }
        let file = self.disk.open(&file_of(number), OpenMode::Write)?;
        self.files.borrow_mut().insert(number, file.clone());
        Ok(file)
    }

    /// One write of the sequence, during which the process may die.
    fn write(
        &self,
        number: ShareNumber,
        what: &str,
        file: &BlockingFile,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), DiskError> {
        match self.death(number, what, bytes.len()) {
            Death::None => write_all(file, offset, bytes),
            Death::Before => self.die(),
            Death::Inside(count) => {
                let _ = write_all(file, offset, &bytes[..count as usize]);
                self.die()
            }
            Death::After => {
                let _ = write_all(file, offset, bytes);
                self.die()
            }
        }
    }

    fn death(&self, number: ShareNumber, what: &str, length: usize) -> Death {
        if !self.mortal {
            return Death::None;
        }
        let actor = format!("{}:{}:{what}", self.node.name(), file_of(number));
        let death = self.node.choose_as(&sites::SERVER_DIES, &actor, &DeathIn { length: length as u64 });
        if death != Death::None {
            self.node.observed(&sites::SERVER_DIES, &actor);
        }
        death
    }

    /// The process is killed here and now; what is on the stack finds every handle dead.
    fn die<T>(&self) -> Result<T, DiskError> {
        let (sim, id) = (self.node.sim().clone(), self.node.id());
        if sim.is_up(id) {
            sim.kill(id, Down::Kill);
            sim.start(id, SUPERVISOR);
        }
        Err(DiskError::Frozen)
    }

    /// Writes files that will take the place of others.
    fn write_new(&self, staged: &BTreeMap<ShareNumber, Vec<u8>>) -> Result<(), DiskError> {
        for (number, container) in staged {
            let file = self.disk.open(&new_file_of(*number), OpenMode::Create)?;
            file.set_len(0)?;
            self.write(*number, "new-file", &file, 0, container)?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn replace(&self, staged: &BTreeMap<ShareNumber, Vec<u8>>) -> Result<(), DiskError> {
        if let Err(error) = self.write_new(staged) {
            for number in staged.keys() {
                // One that cannot be removed is written over by the next request, or removed at the next start.
                let _ = self.disk.unlink(&new_file_of(*number));
            }
            return Err(error);
        }
        for number in staged.keys() {
            let death = self.death(*number, "rename", 1);
            if death == Death::Before {
                return self.die();
            }
            self.disk.rename(&new_file_of(*number), &file_of(*number))?;
            self.files.borrow_mut().remove(number);
            if death == Death::After {
                return self.die();
            }
        }
        self.disk.sync_dir("")
    }
}

/// Reads until the buffer is full or the file ends; answers how many bytes there were.
fn read_full(file: &BlockingFile, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
    let mut done = 0;
    for _ in 0..TRIES_MAX {
        if done == buffer.len() {
            return Ok(done);
        }
        match file.read_cached_at(offset + done as u64, &mut buffer[done..]) {
            Ok(0) => return Ok(done),
            Ok(count) => done += count,
            Err(DiskError::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Err(DiskError::Interrupted)
}

/// Writes everything, or says what failed; a part may be there then.
fn write_all(file: &BlockingFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
    let mut done = 0;
    for _ in 0..TRIES_MAX {
        if done == bytes.len() {
            return Ok(());
        }
        match file.write_at(offset + done as u64, &bytes[done..]) {
            Ok(count) => done += count,
            Err(DiskError::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Err(DiskError::Interrupted)
}
