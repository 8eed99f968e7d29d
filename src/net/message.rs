//! Messages on top of a stream: a length in four bytes, then the payload. One message is one segment, hence one event,
//! unless the transport splits it; it is handled when its last byte has arrived.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::task::Poll;

use super::connect::NetError;
use super::state::{Chunk, EndReason, Inner, PipeId};
use super::stream::{Endpoint, Stream};

/// Bytes of the length in front of each message.
const HEADER_BYTES: usize = 4;

/// The longest message (16 MiB); a longer length in a header is a protocol error, and reads as a reset.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection that carries messages. Clones are one side of one connection.
#[derive(Clone)]
pub struct Messages {
    end: Rc<Endpoint>,
    scratch: Rc<RefCell<Vec<u8>>>,
}

impl Messages {
    /// Speaks messages on a stream. Both sides must.
    #[must_use]
    pub fn new(stream: Stream) -> Messages {
        Messages {
            end: Rc::clone(&stream.end),
            scratch: Rc::default(),
        }
    }

    /// Sends a message. It is queued whatever the window says.
    ///
    /// # Errors
    /// [`NetError::Reset`] once this side was told that the connection ended, [`NetError::Closed`] after
    /// [`close`](Messages::close). A message that is lost with a connection whose end is not known yet is `Ok`.
    pub fn send(&self, message: &[u8]) -> Result<(), NetError> {
        self.send_labelled("message", message)
    }

    /// Sends a message whose event carries this label (`request`, `reply`), for `[explore] events`.
    ///
    /// # Errors
    /// As [`send`](Messages::send).
    pub fn send_labelled(&self, label: &'static str, message: &[u8]) -> Result<(), NetError> {
        let mut frame = std::mem::take(&mut *self.scratch.borrow_mut());
        frame.clear();
        let length = u32::try_from(message.len()).map_err(|_| NetError::Closed)?;
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(message);
        let sent = self.end.write(&frame, label, true);
        *self.scratch.borrow_mut() = frame;
        sent.map(|_| ())
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`NetError::Reset`] once this side was told that the connection ended and everything that arrived was read;
    /// [`NetError::Closed`] when the other side closed it in order.
    pub async fn recv(&self) -> Result<Vec<u8>, NetError> {
        let mut message = Vec::new();
        self.recv_into(&mut message).await?;
        Ok(message)
    }

    /// Waits for the next message and puts it into a buffer, which is cleared first and whose memory is used again.
    ///
    /// # Errors
    /// As [`recv`](Messages::recv).
    pub async fn recv_into(&self, message: &mut Vec<u8>) -> Result<(), NetError> {
        std::future::poll_fn(|cx| {
            if !self.end.node.is_alive() {
                return Poll::Ready(Err(NetError::Closed));
            }
            let inner = &self.end.net.inner;
            match inner.take_message(self.end.out.reverse(), self.end.generation, message) {
                Taken::Message => Poll::Ready(Ok(())),
                Taken::Ended(error) => Poll::Ready(Err(error)),
                Taken::NotYet => {
                    let mut state = inner.state.borrow_mut();
                    let incoming = self.end.out.reverse();
                    if let Some(conn) = state.conn(incoming, self.end.generation) {
                        let reader = &mut conn.pipes[incoming.direction()].reader;
                        if reader
                            .as_ref()
                            .is_none_or(|waker| !waker.will_wake(cx.waker()))
                        {
                            *reader = Some(cx.waker().clone());
                        }
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Handles each message inside the event that delivers it. Messages that are there already are handled at once.
    /// The handler is dropped when the owner is told that the connection ended, or when the connection is closed.
    pub fn on_message(&self, handler: impl Fn(&[u8]) + 'static) {
        let end: Weak<Endpoint> = Rc::downgrade(&self.end);
        let callback: Rc<dyn Fn()> = Rc::new(move || {
            let mut message = Vec::new();
            while let Some(end) = end.upgrade() {
                let inner = Rc::clone(&end.net.inner);
                match inner.take_message(end.out.reverse(), end.generation, &mut message) {
                    Taken::Message => handler(&message),
                    Taken::NotYet => break,
                    Taken::Ended(_) => {
                        inner.ended_in_order(end.out, end.generation);
                        break;
                    }
                }
            }
        });
        {
            let mut state = self.end.net.inner.state.borrow_mut();
            let incoming = self.end.out.reverse();
            if let Some(conn) = state.conn(incoming, self.end.generation) {
                conn.pipes[incoming.direction()].on_data = Some(Rc::clone(&callback));
            }
        }
        callback();
    }

    /// Called once when the owner is told that the connection has ended (in which of the ways a choice decides).
    pub fn on_end(&self, handler: impl Fn(EndReason) + 'static) {
        let told = {
            let mut state = self.end.net.inner.state.borrow_mut();
            let Some(conn) = state.conn(self.end.out, self.end.generation) else {
                return;
            };
            let side = &mut conn.sides[self.end.out.direction()];
            if side.told.is_none() {
                side.on_end = Some(Rc::new(handler));
                return;
            }
            side.told
        };
        if let Some(reason) = told {
            handler(reason);
        }
    }

    /// Whether the owner has been told that the connection ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        let mut state = self.end.net.inner.state.borrow_mut();
        let conn = state.conn(self.end.out, self.end.generation);
        conn.is_none_or(|conn| conn.sides[self.end.out.direction()].told.is_some())
    }

    /// Half-close: this side sends no more.
    pub fn close(&self) {
        if self.end.node.acts("closes a connection") {
            self.end
                .net
                .inner
                .send_fin(self.end.out, self.end.generation);
        }
    }

    /// Resets the connection.
    pub fn abort(&self) {
        self.end.abort();
    }

    /// The name of the other node.
    #[must_use]
    pub fn peer(&self) -> Rc<str> {
        let (_, to) = self.end.net.inner.ends_of(self.end.out);
        self.end.node.sim().node_name(to)
    }
}

enum Taken {
    Message,
    NotYet,
    Ended(NetError),
}

impl Inner {
    fn take_message(&self, incoming: PipeId, generation: u32, message: &mut Vec<u8>) -> Taken {
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(incoming, generation) else {
            return Taken::Ended(NetError::Reset);
        };
        let told = conn.sides[1 - incoming.direction()].told.is_some();
        let pipe = &mut conn.pipes[incoming.direction()];
        let fin = pipe.fin_received;
        join_until_whole(&mut pipe.received);
        if pipe.received.front().is_some_and(is_nonsense) {
            return Taken::Ended(NetError::Reset);
        }
        let length = pipe.received.front().and_then(message_length);
        let Some(length) = length else {
            return match (fin, told) {
                (true, _) => Taken::Ended(NetError::Closed),
                (false, true) => Taken::Ended(NetError::Reset),
                (false, false) => Taken::NotYet,
            };
        };
        let Some(chunk) = pipe.received.front_mut() else {
            return Taken::NotYet;
        };
        let start = chunk.start + HEADER_BYTES;
        message.clear();
        message.extend_from_slice(&chunk.bytes[start..start + length]);
        chunk.start = start + length;
        pipe.pending_bytes -= HEADER_BYTES + length;
        if chunk.start == chunk.bytes.len() {
            let chunk = pipe.received.pop_front();
            if let Some(chunk) = chunk {
                state.recycle(chunk.bytes);
            }
        }
        Taken::Message
    }

    /// A callback owner has read to the orderly end: it is told so.
    fn ended_in_order(&self, out: PipeId, generation: u32) {
        let on_end = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(out, generation) else {
                return;
            };
            let side = &mut conn.sides[out.direction()];
            if side.told.is_some() {
                return;
            }
            side.told = Some(EndReason::Closed);
            side.on_end.take()
        };
        if let Some(on_end) = on_end {
            on_end(EndReason::Closed);
        }
    }
}

/// Joins chunks at the front until the first holds a whole message, or there is only one.
fn join_until_whole(received: &mut std::collections::VecDeque<Chunk>) {
    while received.len() > 1
        && received
            .front()
            .is_some_and(|chunk| message_length(chunk).is_none())
    {
        let Some(first) = received.pop_front() else {
            return;
        };
        let Some(second) = received.front_mut() else {
            return;
        };
        let mut joined = first.bytes[first.start..].to_vec();
        joined.extend_from_slice(&second.bytes[second.start..]);
        *second = Chunk {
            bytes: joined,
            start: 0,
        };
    }
}

/// Whether the header at the front announces a message that is too long.
fn is_nonsense(chunk: &Chunk) -> bool {
    let header = chunk.bytes[chunk.start..].first_chunk::<HEADER_BYTES>();
    header.is_some_and(|header| u32::from_be_bytes(*header) as usize > MESSAGE_BYTES_MAX)
}

/// The length of the message at the front of a chunk, if the chunk holds all of it.
fn message_length(chunk: &Chunk) -> Option<usize> {
    let bytes = &chunk.bytes[chunk.start..];
    let header: [u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
    let length = u32::from_be_bytes(header) as usize;
    (length <= MESSAGE_BYTES_MAX && bytes.len() >= HEADER_BYTES + length).then_some(length)
}
