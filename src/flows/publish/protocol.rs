//! What travels between clients and servers: two requests, their answers, and their bytes.
//!
//! A frame is one kind byte, a call number, and fields in big-endian order; byte strings and lists carry their
//! length. Frames come from our own code only, so a frame that cannot be read is an error of the simulator's
//! transport, which the receiver reports and drops.

use std::collections::BTreeMap;

use thiserror::Error;

use super::facts::MessageId;
use super::storage::{
    ReadData, Refusal, Secrets, ShareNumber, ShareWrite, Span, TestAndWrite, TestVector, WriteAnswer,
};

/// Labels a queued request, for `[explore] events`.
pub const REQUEST: &str = "request";
/// Labels a queued answer, for `[explore] events`.
pub const REPLY: &str = "reply";
/// The port storage servers listen on.
pub const PORT: &str = "storage";

/// A client's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `slot_readv`: the given shares, or all if none is given.
    Read {
        /// Which shares.
        shares: Vec<ShareNumber>,
        /// Which parts of them.
        spans: Vec<Span>,
    },
    /// `slot_testv_and_readv_and_writev`.
    Write {
        /// The message's number in the ghost history. Servers hand it on and never look at it.
        ghost: MessageId,
        /// The request.
        request: TestAndWrite,
    },
}

/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a read.
    Read(ReadData),
    /// To a write.
    Write(WriteAnswer),
    /// The server raised: the client sees a remote exception.
    Raised(Refusal),
}

/// A frame that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a frame of {length} bytes cannot be read at byte {at}")]
pub struct FrameError {
    /// Length of the frame.
    pub length: usize,
    /// Where reading stopped.
    pub at: usize,
}

/// A request as bytes; `call` pairs it with its answer.
#[must_use]
pub fn encode_request(call: u32, request: &Request) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(256));
    match request {
        Request::Read { shares, spans } => {
            out.u8(0);
            out.u32(call);
            out.bytes(shares);
            out.spans(spans);
        }
        Request::Write { ghost, request } => {
            out.u8(1);
            out.u32(call);
            out.u32(ghost.0);
            out.0.extend_from_slice(&request.secrets.write_enabler);
            out.0.extend_from_slice(&request.secrets.lease_renew);
            out.0.extend_from_slice(&request.secrets.lease_cancel);
            out.u32(request.shares.len() as u32);
            for (number, share) in &request.shares {
                out.u8(*number);
                out.u32(share.tests.len() as u32);
                for test in &share.tests {
                    out.spans(&[test.span]);
                    out.bytes(&test.specimen);
                }
                out.u32(share.writes.len() as u32);
                for (offset, data) in &share.writes {
                    out.u64(*offset);
                    out.bytes(data);
                }
            }
            out.spans(&request.reads);
        }
    }
    out.0
}

/// The request in a frame, with its call number.
///
/// # Errors
/// When the bytes are no request.
pub fn decode_request(frame: &[u8]) -> Result<(u32, Request), FrameError> {
    let mut input = Reader { frame, at: 0 };
    let kind = input.u8()?;
    let call = input.u32()?;
    let request = match kind {
        0 => Request::Read { shares: input.bytes()?, spans: input.spans()? },
        1 => {
            let ghost = MessageId(input.u32()?);
            let secrets =
                Secrets { write_enabler: input.array()?, lease_renew: input.array()?, lease_cancel: input.array()? };
            let mut shares = BTreeMap::new();
            for _ in 0..input.u32()? {
                let number = input.u8()?;
                let mut share = ShareWrite { tests: Vec::new(), writes: Vec::new() };
                for _ in 0..input.u32()? {
                    let spans = input.spans()?;
                    let span = spans.first().copied().ok_or(input.error())?;
                    share.tests.push(TestVector { span, specimen: input.bytes()? });
                }
                for _ in 0..input.u32()? {
                    share.writes.push((input.u64()?, input.bytes()?));
                }
                shares.insert(number, share);
            }
            Request::Write { ghost, request: TestAndWrite { secrets, shares, reads: input.spans()? } }
        }
        _ => return Err(input.error()),
    };
    input.end()?;
    Ok((call, request))
}

/// An answer as bytes.
#[must_use]
pub fn encode_reply(call: u32, reply: &Reply) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(128));
    match reply {
        Reply::Read(data) => {
            out.u8(2);
            out.u32(call);
            out.data(data);
        }
        Reply::Write(answer) => {
            out.u8(3);
            out.u32(call);
            out.u8(answer.wrote.into());
            out.data(&answer.read);
        }
        Reply::Raised(refusal) => {
            let (kind, number) = match refusal {
                Refusal::BadWriteEnabler(number) => (0, *number),
                Refusal::BrokenContainer(number) => (1, *number),
                Refusal::Failed(_) => (2, 0),
            };
            out.u8(4);
            out.u32(call);
            out.u8(kind);
            out.u8(number);
        }
    }
    out.0
}

/// The answer in a frame, with its call number.
///
/// # Errors
/// When the bytes are no answer.
pub fn decode_reply(frame: &[u8]) -> Result<(u32, Reply), FrameError> {
    let mut input = Reader { frame, at: 0 };
    let kind = input.u8()?;
    let call = input.u32()?;
    let reply = match kind {
        2 => Reply::Read(input.data()?),
        3 => Reply::Write(WriteAnswer { wrote: input.u8()? == 1, read: input.data()? }),
        4 => {
            let (kind, number) = (input.u8()?, input.u8()?);
            Reply::Raised(match kind {
                0 => Refusal::BadWriteEnabler(number),
                1 => Refusal::BrokenContainer(number),
                _ => Refusal::Failed("remote exception"),
            })
        }
        _ => return Err(input.error()),
    };
    input.end()?;
    Ok((call, reply))
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.u32(u32::try_from(value.len()).expect("less than 4 GiB"));
        self.0.extend_from_slice(value);
    }

    fn spans(&mut self, spans: &[Span]) {
        self.u32(spans.len() as u32);
        for span in spans {
            self.u64(span.offset);
            self.u64(span.length);
        }
    }

    fn data(&mut self, data: &ReadData) {
        self.u32(data.len() as u32);
        for (number, parts) in data {
            self.u8(*number);
            self.u32(parts.len() as u32);
            parts.iter().for_each(|part| self.bytes(part));
        }
    }
}

struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn error(&self) -> FrameError {
        FrameError { length: self.frame.len(), at: self.at }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], FrameError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.frame.len()).ok_or(self.error())?;
        let part = &self.frame[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        Ok(self.take(N)?.try_into().expect("taken to this length"))
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn bytes(&mut self) -> Result<Vec<u8>, FrameError> {
        let length = self.u32()? as usize;
        Ok(self.take(length)?.to_vec())
    }

    fn spans(&mut self) -> Result<Vec<Span>, FrameError> {
        let mut spans = Vec::new();
        for _ in 0..self.u32()? {
            spans.push(Span { offset: self.u64()?, length: self.u64()? });
        }
        Ok(spans)
    }

    fn data(&mut self) -> Result<ReadData, FrameError> {
        let mut data = ReadData::new();
        for _ in 0..self.u32()? {
            let number = self.u8()?;
            let mut parts = Vec::new();
            for _ in 0..self.u32()? {
                parts.push(self.bytes()?);
            }
            data.insert(number, parts);
        }
        Ok(data)
    }

    fn end(&self) -> Result<(), FrameError> {
        if self.at == self.frame.len() { Ok(()) } else { Err(self.error()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..20)
    }

    fn span() -> impl Strategy<Value = Span> {
        any::<(u64, u64)>().prop_map(|(offset, length)| Span { offset, length })
    }

    fn data() -> impl Strategy<Value = ReadData> {
        proptest::collection::btree_map(any::<u8>(), proptest::collection::vec(bytes(), 0..3), 0..4)
    }

    fn request() -> impl Strategy<Value = Request> {
        let spans = || proptest::collection::vec(span(), 0..3);
        let test = (span(), bytes()).prop_map(|(span, specimen)| TestVector { span, specimen });
        let share = (proptest::collection::vec(test, 0..3), proptest::collection::vec((any::<u64>(), bytes()), 0..3))
            .prop_map(|(tests, writes)| ShareWrite { tests, writes });
        let write = (any::<(u32, [u8; 32])>(), proptest::collection::btree_map(any::<u8>(), share, 0..3), spans())
            .prop_map(|((ghost, secret), shares, reads)| {
                let secrets = Secrets { write_enabler: secret, lease_renew: secret, lease_cancel: secret };
                Request::Write { ghost: MessageId(ghost), request: TestAndWrite { secrets, shares, reads } }
            });
        let read = (bytes(), spans()).prop_map(|(shares, spans)| Request::Read { shares, spans });
        prop_oneof![read, write]
    }

    fn reply() -> impl Strategy<Value = Reply> {
        prop_oneof![
            data().prop_map(Reply::Read),
            (any::<bool>(), data()).prop_map(|(wrote, read)| Reply::Write(WriteAnswer { wrote, read })),
            any::<u8>().prop_map(|number| Reply::Raised(Refusal::BadWriteEnabler(number))),
            any::<u8>().prop_map(|number| Reply::Raised(Refusal::BrokenContainer(number))),
        ]
    }

    proptest! {
        #[test]
        fn frames_carry_requests_and_replies_unchanged(call: u32, request in request(), reply in reply()) {
            prop_assert_eq!(decode_request(&encode_request(call, &request)), Ok((call, request)));
            prop_assert_eq!(decode_reply(&encode_reply(call, &reply)), Ok((call, reply)));
        }

        #[test]
        fn a_shortened_frame_is_an_error(request in request(), cut in 1_usize..10) {
            let frame = encode_request(1, &request);
            prop_assert!(decode_request(&frame[..frame.len() - cut.min(frame.len())]).is_err());
        }
    }
}
