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

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::container::{
    DATA_LENGTH_AT, DATA_OFFSET, HEADER_LENGTH, Header, LEASE_LENGTH, LEASES_OFFSET_AT, lease, pack, unpack,
};
use super::keys::{ServerKey, WriteEnabler, server_key};
use super::sites::{self, Death, DeathIn};
use super::storage::{MemoryShares, Refusal, Secrets, ShareNumber, Shares, Span};
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
        Request { slot: self, no_lease, headers: RefCell::default(), staged: BTreeMap::new() }
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
            match file.read_at(at, &mut bytes)? {
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

/// What one request does to a slot. Headers are read once per request.
pub struct Request<'a> {
    slot: &'a Slot,
    no_lease: bool,
    headers: RefCell<BTreeMap<ShareNumber, Option<Header>>>,
    /// Whole containers, written by `commit`.
    staged: BTreeMap<ShareNumber, Vec<u8>>,
}

impl Request<'_> {
    /// The header of a share's container; `None`: it is none, and counts as absent.
    fn header(&self, number: ShareNumber) -> Result<Option<Header>, Refusal> {
        if let Some(header) = self.headers.borrow().get(&number) {
            return Ok(*header);
        }
        let file = match self.slot.file(number) {
            Ok(file) => file,
            Err(DiskError::NotFound) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = [0; HEADER_LENGTH];
        let read = read_full(&file, 0, &mut bytes).map_err(failed)?;
        let header = Header::parse(&bytes[..read]);
        if header.is_none() && self.slot.broken == BrokenContainer::RefusesSlot {
            return Err(Refusal::BrokenContainer(number));
        }
        self.headers.borrow_mut().insert(number, header);
        Ok(header)
    }

    /// Files of the slot that are no containers, as far as this request has opened them.
    pub fn broken(&self) -> impl Iterator<Item = ShareNumber> {
        let broken: Vec<_> =
            self.headers.borrow().iter().filter(|(_, header)| header.is_none()).map(|(number, _)| *number).collect();
        broken.into_iter()
    }

    fn put(&self, number: ShareNumber, what: &str, offset: u64, bytes: &[u8]) -> Result<(), Refusal> {
        let file = self.slot.file(number).map_err(failed)?;
        self.slot.write(number, what, &file, offset, bytes).map_err(failed)
    }

    /// Writes data in place, making room first where it is needed.
    fn write_in_place(&mut self, number: ShareNumber, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        let Some(mut header) = self.header(number)? else {
            return Err(Refusal::BrokenContainer(number));
        };
        let end = offset.saturating_add(data.len() as u64);
        if end >= header.data_length {
            if DATA_OFFSET + end > header.leases_offset {
                let mut leases = [0; 4];
                let file = self.slot.file(number).map_err(failed)?;
                let read = read_full(&file, header.leases_offset, &mut leases).map_err(failed)?;
                if read < leases.len() {
                    return Err(Refusal::BrokenContainer(number));
                }
                header.leases_offset = DATA_OFFSET + end;
                self.put(number, "moved-leases", header.leases_offset, &leases)?;
                self.put(number, "lease-offset", LEASES_OFFSET_AT, &header.leases_offset.to_be_bytes())?;
            }
            header.data_length = end;
            self.put(number, "length", DATA_LENGTH_AT, &end.to_be_bytes())?;
            self.headers.borrow_mut().insert(number, Some(header));
        }
        self.put(number, "data", DATA_OFFSET + offset, data)
    }

    fn staged(&mut self, number: ShareNumber) -> Result<&mut Vec<u8>, Refusal> {
        if !self.staged.contains_key(&number) {
            let file = self.slot.file(number).map_err(failed)?;
            let size = file.size().map_err(failed)?;
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
            let read = read_full(&file, 0, &mut bytes).map_err(failed)?;
            let Some((header, data)) = unpack(&bytes[..read]) else {
                return Err(Refusal::BrokenContainer(number));
            };
            let container = pack(&self.slot.server, header.write_enabler, &[0; LEASE_LENGTH], data);
            self.staged.insert(number, container);
        }
        Ok(self.staged.get_mut(&number).expect("just put there"))
    }
}

impl Shares for Request<'_> {
    fn numbers(&self) -> Result<Vec<ShareNumber>, Refusal> {
        let files = self.slot.disk.read_dir("").map_err(failed)?;
        let mut numbers: Vec<ShareNumber> = files.iter().filter_map(|file| share_of(file)).collect();
        numbers.sort_unstable();
        let mut readable = Vec::with_capacity(numbers.len());
        for number in numbers {
            if self.slot.broken == BrokenContainer::RefusesSlot || self.header(number)?.is_some() {
                readable.push(number);
            }
        }
        Ok(readable)
    }

    fn write_enabler(&self, number: ShareNumber) -> Result<WriteEnabler, Refusal> {
        self.header(number)?.map(|header| header.write_enabler).ok_or(Refusal::BrokenContainer(number))
    }

    fn read(&self, number: ShareNumber, span: Span) -> Result<Vec<u8>, Refusal> {
        let Some(header) = self.header(number)? else {
            return Ok(Vec::new());
        };
        let length = header.data_length.saturating_sub(span.offset).min(span.length);
        if length == 0 {
            return Ok(Vec::new());
        }
        let file = self.slot.file(number).map_err(failed)?;
        // A length that was written before its data, or damaged, claims more than there is.
        let there = file.size().map_err(failed)?.saturating_sub(DATA_OFFSET + span.offset);
        let mut bytes = vec![0; usize::try_from(length.min(there)).unwrap_or(0)];
        let read = read_full(&file, DATA_OFFSET + span.offset, &mut bytes).map_err(failed)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn create(&mut self, number: ShareNumber, write_enabler: WriteEnabler) -> Result<(), Refusal> {
        let header = Header::empty(write_enabler);
        if self.slot.update == Update::Replaced {
            let empty = pack(&self.slot.server, write_enabler, &[0; LEASE_LENGTH], &[]);
            self.staged.insert(number, empty);
            return Ok(());
        }
        let file = self.slot.disk.open(&file_of(number), OpenMode::CreateNew).map_err(failed)?;
        self.slot.files.borrow_mut().insert(number, file);
        self.put(number, "header", 0, &header.pack(&self.slot.server))?;
        self.put(number, "lease-count", DATA_OFFSET, &[0; 4])?;
        self.headers.borrow_mut().insert(number, Some(header));
        Ok(())
    }

    fn write(&mut self, number: ShareNumber, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        if self.slot.update == Update::InPlace {
            return self.write_in_place(number, offset, data);
        }
        let server = self.slot.server;
        let container = self.staged(number)?;
        let Some((header, old)) = unpack(container) else {
            return Err(Refusal::BrokenContainer(number));
        };
        let start = usize::try_from(offset).map_err(|_| Refusal::Failed("offset too large"))?;
        let mut new = old.to_vec();
        new.resize(new.len().max(start + data.len()), 0);
        new[start..start + data.len()].copy_from_slice(data);
        *container = pack(&server, header.write_enabler, &[0; LEASE_LENGTH], &new);
        Ok(())
    }

    fn add_lease(&mut self, number: ShareNumber, secrets: &Secrets) -> Result<(), Refusal> {
        let lease = lease(secrets, &self.slot.server, self.slot.node.wall().as_secs());
        if self.slot.update == Update::InPlace {
            return match self.no_lease {
                true => Err(NO_ROOM),
                false => self.put(number, "lease", HEADER_LENGTH as u64, &lease),
            };
        }
        let container = self.staged(number)?;
        container[HEADER_LENGTH..HEADER_LENGTH + LEASE_LENGTH].copy_from_slice(&lease);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Refusal> {
        if self.slot.update == Update::InPlace {
            return Ok(());
        }
        self.slot.replace(&self.staged).map_err(failed)?;
        // The data is in place; that something fails behind it has to be lived with all the same.
        if self.no_lease { Err(NO_ROOM) } else { Ok(()) }
    }
}

const NO_ROOM: Refusal = Refusal::Failed("no room for a lease");

fn failed(error: DiskError) -> Refusal {
    Refusal::Failed(match error {
        DiskError::NoSpace => "no space left on the disk",
        DiskError::Frozen => "down",
        _ => "the disk failed",
    })
}

/// Reads until the buffer is full or the file ends; answers how many bytes there were.
fn read_full(file: &BlockingFile, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
    let mut done = 0;
    for _ in 0..TRIES_MAX {
        if done == buffer.len() {
            return Ok(done);
        }
        match file.read_at(offset + done as u64, &mut buffer[done..]) {
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
