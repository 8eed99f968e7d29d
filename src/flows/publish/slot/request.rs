//! What one request does to a slot on a disk: in place as it goes, or staged and put in place at the end.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{Slot, file_of, read_full, share_of};
use crate::disk::{DiskError, OpenMode};
use crate::flows::publish::container::{
    DATA_LENGTH_AT, DATA_OFFSET, HEADER_LENGTH, Header, LEASE_LENGTH, LEASES_OFFSET_AT, lease, pack, unpack,
};
use crate::flows::publish::keys::WriteEnabler;
use crate::flows::publish::storage::{Refusal, Secrets, ShareNumber, Shares, Span};
use crate::flows::publish::variants::{BrokenContainer, Update};

/// What one request does to a slot. Headers are read once per request.
pub struct Request<'a> {
    slot: &'a Slot,
    no_lease: bool,
    headers: RefCell<BTreeMap<ShareNumber, Option<Header>>>,
    /// Whole containers, written by `commit`.
    staged: BTreeMap<ShareNumber, Vec<u8>>,
}

impl<'a> Request<'a> {
    pub(super) fn new(slot: &'a Slot, no_lease: bool) -> Request<'a> {
        Request { slot, no_lease, headers: RefCell::default(), staged: BTreeMap::new() }
    }

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
