//! A storage server's slot as a pure state machine: no network, no clock, no files.
//!
//! One request is handled at a time, in this order: the write enabler of *every* share that exists is compared,
//! all test vectors are evaluated on the state before the request (a missing share reads as the empty string),
//! the read vector is answered for all shares of the slot, and only then, if every test held, everything is
//! written. One failed test means that nothing is written and no error: the answer says `wrote: false`.

use std::collections::BTreeMap;

use thiserror::Error;

use super::keys::WriteEnabler;
use super::merkle::Hash;

/// The number of a share, 0 to N − 1.
pub type ShareNumber = u8;

/// What entitles a request to change a slot, and the lease it leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Compared with the one stored in every share.
    pub write_enabler: WriteEnabler,
    /// Renews the lease.
    pub lease_renew: Hash,
    /// Cancels the lease.
    pub lease_cancel: Hash,
}

/// A part of a share: `length` bytes from `offset`; reads past the end are truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// Holds if the span reads exactly as the specimen. The only operator is equality: a test that accepted "not
/// newer" let a racing writer be overwritten and still be told that it had succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestVector {
    /// What is read.
    pub span: Span,
    /// What it must be.
    pub specimen: Vec<u8>,
}

/// What one request asks for one share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareWrite {
    /// All must hold.
    pub tests: Vec<TestVector>,
    /// Bytes to write, with their offsets.
    pub writes: Vec<(u64, Vec<u8>)>,
}

/// The one write request of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAndWrite {
    /// Who asks.
    pub secrets: Secrets,
    /// What to test and write.
    pub shares: BTreeMap<ShareNumber, ShareWrite>,
    /// What to read from every share of the slot, before anything is written.
    pub reads: Vec<Span>,
}

/// Share number → one byte string per span of the read vector.
pub type ReadData = BTreeMap<ShareNumber, Vec<Vec<u8>>>;

/// The answer to a write request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteAnswer {
    /// Whether all tests held, and so everything was written.
    pub wrote: bool,
    /// What all shares of the slot held before.
    pub read: ReadData,
}

/// Why a server raises instead of answering.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The write enabler is not the one stored in an existing share.
    #[error("bad write enabler for share {0}")]
    BadWriteEnabler(ShareNumber),
    /// A share's container cannot be used; it hides every other share of the slot.
    #[error("the container of share {0} is broken")]
    BrokenContainer(ShareNumber),
    /// The server is not able to store, for a reason of its own.
    #[error("the server failed: {0}")]
    Failed(&'static str),
}

/// The shares of one slot on one server. A request that writes calls, for each share, `create` if it is missing,
/// `write` for each vector and `add_lease`; and `commit` once, behind everything.
pub trait Shares {
    /// The numbers of the shares there are.
    ///
    /// # Errors
    /// When the slot cannot be listed.
    fn numbers(&self) -> Result<Vec<ShareNumber>, Refusal>;
    /// The write enabler stored with a share.
    ///
    /// # Errors
    /// When the container cannot be read.
    fn write_enabler(&self, number: ShareNumber) -> Result<WriteEnabler, Refusal>;
    /// Reads a part of a share; a missing share reads as the empty string.
    ///
    /// # Errors
    /// When the container cannot be read.
    fn read(&self, number: ShareNumber, span: Span) -> Result<Vec<u8>, Refusal>;
    /// Makes an empty share.
    ///
    /// # Errors
    /// When the server cannot store.
    fn create(&mut self, number: ShareNumber, write_enabler: WriteEnabler) -> Result<(), Refusal>;
    /// Writes into an existing share, which grows as needed and never shrinks.
    ///
    /// # Errors
    /// When the server cannot store.
    fn write(&mut self, number: ShareNumber, offset: u64, data: &[u8]) -> Result<(), Refusal>;
    /// Adds or renews a lease; after the data, so its failure makes a durable write look like an error.
    ///
    /// # Errors
    /// When the server cannot store.
    fn add_lease(&mut self, number: ShareNumber, secrets: &Secrets) -> Result<(), Refusal>;
    /// Everything the request wanted has been said. Whoever writes at once has nothing left to do.
    ///
    /// # Errors
    /// When the server cannot store.
    fn commit(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Handles a write request.
///
/// # Errors
/// A refusal; the caller sees a remote exception and knows nothing about what was written.
pub fn test_and_write(shares: &mut impl Shares, request: &TestAndWrite) -> Result<WriteAnswer, Refusal> {
    let existing = shares.numbers()?;
    for &number in &existing {
        if shares.write_enabler(number)? != request.secrets.write_enabler {
            return Err(Refusal::BadWriteEnabler(number));
        }
    }
    let mut wrote = true;
    for (&number, share) in &request.shares {
        for test in &share.tests {
            wrote &= shares.read(number, test.span)? == test.specimen;
        }
    }
    let read = read(shares, &[], &request.reads)?;
    if wrote {
        for (&number, share) in &request.shares {
            if !existing.contains(&number) {
                shares.create(number, request.secrets.write_enabler)?;
            }
            for (offset, data) in &share.writes {
                shares.write(number, *offset, data)?;
            }
            shares.add_lease(number, &request.secrets)?;
        }
        shares.commit()?;
    }
    Ok(WriteAnswer { wrote, read })
}

/// Handles a read request: the given shares, or all if none is given.
///
/// # Errors
/// A refusal, when a container cannot be read.
pub fn read(shares: &impl Shares, numbers: &[ShareNumber], spans: &[Span]) -> Result<ReadData, Refusal> {
    let mut data = ReadData::new();
    for number in shares.numbers()? {
        if numbers.is_empty() || numbers.contains(&number) {
            let parts: Result<Vec<_>, _> = spans.iter().map(|span| shares.read(number, *span)).collect();
            data.insert(number, parts?);
        }
    }
    Ok(data)
}

/// A slot in memory: the plainest there can be, and what a slot on a disk looks like to somebody who only looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryShares {
    shares: BTreeMap<ShareNumber, MemoryShare>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct MemoryShare {
    write_enabler: WriteEnabler,
    data: Vec<u8>,
}

impl MemoryShares {
    /// Puts a share there as it is.
    pub fn insert(&mut self, number: ShareNumber, write_enabler: WriteEnabler, data: Vec<u8>) {
        self.shares.insert(number, MemoryShare { write_enabler, data });
    }

    /// All shares with their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (ShareNumber, &[u8])> {
        self.shares.iter().map(|(number, share)| (*number, &share.data[..]))
    }

    /// A share's bytes.
    #[must_use]
    pub fn get(&self, number: ShareNumber) -> Option<&[u8]> {
        self.shares.get(&number).map(|share| &share.data[..])
    }

    /// A share's write enabler.
    #[must_use]
    pub fn enabler(&self, number: ShareNumber) -> Option<WriteEnabler> {
        self.shares.get(&number).map(|share| share.write_enabler)
    }
}

impl Shares for MemoryShares {
    fn numbers(&self) -> Result<Vec<ShareNumber>, Refusal> {
        Ok(self.shares.keys().copied().collect())
    }

    fn write_enabler(&self, number: ShareNumber) -> Result<WriteEnabler, Refusal> {
        self.enabler(number).ok_or(Refusal::BrokenContainer(number))
    }

    fn read(&self, number: ShareNumber, span: Span) -> Result<Vec<u8>, Refusal> {
        let data = self.get(number).unwrap_or(&[]);
        let start = usize::try_from(span.offset).unwrap_or(usize::MAX).min(data.len());
        let length = usize::try_from(span.length).unwrap_or(usize::MAX).min(data.len() - start);
        Ok(data[start..start + length].to_vec())
    }

    fn create(&mut self, number: ShareNumber, write_enabler: WriteEnabler) -> Result<(), Refusal> {
        self.shares.entry(number).or_insert(MemoryShare { write_enabler, data: Vec::new() });
        Ok(())
    }

    fn write(&mut self, number: ShareNumber, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        let share = self.shares.get_mut(&number).ok_or(Refusal::BrokenContainer(number))?;
        let start = usize::try_from(offset).map_err(|_| Refusal::Failed("offset too large"))?;
        let end = start + data.len();
        if share.data.len() < end {
            share.data.resize(end, 0);
        }
        share.data[start..end].copy_from_slice(data);
        Ok(())
    }

    fn add_lease(&mut self, number: ShareNumber, _: &Secrets) -> Result<(), Refusal> {
        self.shares.contains_key(&number).then_some(()).ok_or(Refusal::BrokenContainer(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Span = Span { offset: 0, length: 100 };

    fn secrets(enabler: u8) -> Secrets {
        Secrets { write_enabler: [enabler; 32], lease_renew: [1; 32], lease_cancel: [2; 32] }
    }

    /// A request of (share, bytes that must be there, new bytes).
    fn request(enabler: u8, shares: &[(u8, &[u8], &[u8])]) -> TestAndWrite {
        let shares = shares
            .iter()
            .map(|(number, old, new)| {
                let length = old.len().max(1) as u64;
                let test = TestVector { span: Span { offset: 0, length }, specimen: old.to_vec() };
                (*number, ShareWrite { tests: vec![test], writes: vec![(0, new.to_vec())] })
            })
            .collect();
        TestAndWrite { secrets: secrets(enabler), shares, reads: vec![WHOLE] }
    }

    #[test]
    fn a_failed_test_of_one_share_keeps_all_shares_of_the_request_unwritten() {
        let mut slot = MemoryShares::default();
        assert!(test_and_write(&mut slot, &request(1, &[(0, b"", b"old0"), (1, b"", b"old1")])).unwrap().wrote);
        let before = slot.clone();
        let answer = test_and_write(&mut slot, &request(1, &[(0, b"old0", b"new0"), (1, b"", b"new1")])).unwrap();
        assert!(!answer.wrote);
        assert_eq!(slot, before);
    }

    #[test]
    fn the_answer_reads_all_shares_of_the_slot_before_the_write() {
        let mut slot = MemoryShares::default();
        test_and_write(&mut slot, &request(1, &[(0, b"", b"a"), (7, b"", b"b")])).unwrap();
        let answer = test_and_write(&mut slot, &request(1, &[(0, b"a", b"c")])).unwrap();
        assert!(answer.wrote);
        assert_eq!(answer.read, BTreeMap::from([(0, vec![b"a".to_vec()]), (7, vec![b"b".to_vec()])]));
        assert_eq!(slot.get(0), Some(&b"c"[..]));
    }

    #[test]
    fn the_write_enabler_is_compared_with_every_share_of_the_slot() {
        let mut slot = MemoryShares::default();
        test_and_write(&mut slot, &request(1, &[(3, b"", b"x")])).unwrap();
        // The request does not even name share 3.
        let refused = test_and_write(&mut slot, &request(2, &[(0, b"", b"y")]));
        assert_eq!(refused, Err(Refusal::BadWriteEnabler(3)));
        assert_eq!(slot.numbers(), Ok(vec![3]));
    }

    #[test]
    fn an_absent_test_passes_for_a_missing_share_and_for_an_empty_one() {
        let mut slot = MemoryShares::default();
        slot.create(0, [1; 32]).unwrap();
        let answer = test_and_write(&mut slot, &request(1, &[(0, b"", b"x"), (1, b"", b"y")])).unwrap();
        assert!(answer.wrote);
        assert!(!test_and_write(&mut slot, &request(1, &[(0, b"", b"z")])).unwrap().wrote);
    }

    #[test]
    fn a_shorter_share_keeps_the_stale_bytes_behind_its_end() {
        let mut slot = MemoryShares::default();
        test_and_write(&mut slot, &request(1, &[(0, b"", b"long one")])).unwrap();
        test_and_write(&mut slot, &request(1, &[(0, b"long", b"tiny")])).unwrap();
        assert_eq!(slot.get(0), Some(&b"tiny one"[..]));
    }

    #[test]
    fn reads_are_truncated_and_select_shares() {
        let mut slot = MemoryShares::default();
        test_and_write(&mut slot, &request(1, &[(0, b"", b"abc"), (1, b"", b"def")])).unwrap();
        let spans = [Span { offset: 1, length: 50 }, Span { offset: 9, length: 1 }];
        assert_eq!(read(&slot, &[1], &spans).unwrap(), BTreeMap::from([(1, vec![b"ef".to_vec(), vec![]])]));
        assert_eq!(read(&slot, &[], &spans).unwrap().len(), 2);
        assert!(read(&slot, &[9], &spans).unwrap().is_empty());
    }
}
