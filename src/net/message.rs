//! Messages on top of a stream: a length in four bytes, then the payload. One message is one segment, hence one event,
//! unless the transport splits it; it is handled when its last byte has arrived.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use super::connect::NetError;
use super::state::{Chunk, EndReason, Inner};
use super::stream::{Endpoint, Stream};
use super::transmit::Outgoing;

/// Bytes of the length in front of each message.
const HEADER_BYTES: usize = 4;

/// The longest message (16 MiB); a longer length in a header is a protocol error, and reads as a reset.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection that carries messages. Clones are one side of one connection.
#[derive(Clone)]
pub struct Messages {
    end: Rc<Endpoint>,
    in_order: bool,
}

impl Messages {
    /// Speaks messages on a stream. Both sides must.
    #[must_use]
    pub fn new(stream: Stream) -> Messages {
        Messages { end: Rc::clone(&stream.end), in_order: false }
    }

    /// As [`new`](Messages::new), over a transport that neither repeats nor reorders what it carries, as TCP does
    /// not: the sites `net/duplicate` and `net/reorder` leave these messages alone.
    #[must_use]
    pub fn in_order(stream: Stream) -> Messages {
        Messages { in_order: true, ..Messages::new(stream) }
    }

    /// Sends a message. It is queued whatever the window says.
    ///
    /// # Errors
    /// [`NetError::Reset`] once this side was told that the connection ended, [`NetError::Closed`] after
    /// [`close`](Messages::close), [`NetError::TooLong`] beyond 16 MiB. A message that is lost with a connection whose end is not known yet is `Ok`.
    pub fn send(&self, message: &[u8]) -> Result<(), NetError> {
        self.send_labelled("message", message)
    }

    /// Sends a message whose event carries this label (`request`, `reply`), for `[explore] events`.
    ///
    /// # Errors
    /// As [`send`](Messages::send).
    pub fn send_labelled(&self, label: &'static str, message: &[u8]) -> Result<(), NetError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(NetError::TooLong);
        }
        let outgoing = Outgoing {
            header: Some((message.len() as u32).to_be_bytes()),
            body: message,
            whole: true,
            in_order: self.in_order,
            label,
        };
        self.end.write(&outgoing).map(|_| ())
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
            let inner = &self.end.net.inner;
            match inner.take_message(&self.end, message, Some(cx.waker())) {
                Taken::Message => Poll::Ready(Ok(())),
                Taken::Ended(error) => Poll::Ready(Err(error)),
                Taken::NotYet => Poll::Pending,
            }
        })
        .await
    }

    /// Handles each message inside the event that delivers it. Messages that are there already are handled at once.
    /// The handler is dropped when the owner is told that the connection ended, or when the connection is closed. It
    /// does not keep the connection open: whoever attaches it keeps a clone of this.
    pub fn on_message(&self, handler: impl Fn(&[u8]) + 'static) {
        if !self.end.node.is_alive() {
            return;
        }
        let end: Weak<Endpoint> = Rc::downgrade(&self.end);
        let scratch = Cell::new(Vec::new());
        let callback: Rc<dyn Fn()> = Rc::new(move || {
            let mut message = scratch.take();
            while let Some(end) = end.upgrade() {
                let inner = Rc::clone(&end.net.inner);
                match inner.take_message(&end, &mut message, None) {
                    Taken::Message => handler(&message),
                    Taken::NotYet => break,
                    Taken::Ended(error) => {
                        if error == NetError::Closed {
                            inner.ended_in_order(&end);
                        }
                        break;
                    }
                }
            }
            scratch.set(message);
        });
        let before = {
            let mut state = self.end.net.inner.state.borrow_mut();
            let incoming = self.end.out.reverse();
            let conn = state.conn(incoming, self.end.generation);
            conn.and_then(|conn| {
                let on_data = &mut conn.pipes[incoming.direction()].on_data;
                on_data.replace(Rc::clone(&callback))
            })
        };
        drop(before);
        callback();
    }

    /// Called once, when the owner is told that the connection was reset (in which of the ways a choice decides), or
    /// when [`on_message`](Messages::on_message) has handled everything and the other side has closed in order.
    pub fn on_end(&self, handler: impl Fn(EndReason) + 'static) {
        let mut state = self.end.net.inner.state.borrow_mut();
        let Some(conn) = state.conn(self.end.out, self.end.generation) else {
            return;
        };
        let side = &mut conn.sides[self.end.out.direction()];
        if side.gone || !self.end.node.is_alive() {
            return;
        }
        let reason = match (side.told, side.told_fin) {
            (true, _) => EndReason::Reset,
            (false, true) => EndReason::Closed,
            (false, false) => {
                let before = side.on_end.replace(Rc::new(handler));
                drop(state);
                drop(before);
                return;
            }
        };
        if reason == EndReason::Reset {
            self.end.net.inner.notice_end(conn);
        }
        drop(state);
        handler(reason);
    }

    /// Whether nothing more will come, as far as the owner was told.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        let mut state = self.end.net.inner.state.borrow_mut();
        let Some(conn) = state.conn(self.end.out, self.end.generation) else {
            return true;
        };
        let side = &conn.sides[self.end.out.direction()];
        side.gone || side.told || side.told_fin
    }

    /// Half-close: this side sends no more.
    pub fn close(&self) {
        self.end.shutdown();
    }

    /// Resets the connection.
    pub fn abort(&self) {
        self.end.abort();
    }

    /// The name of the other node.
    #[must_use]
    pub fn peer(&self) -> Rc<str> {
        self.end.peer()
    }
}

enum Taken {
    Message,
    NotYet,
    Ended(NetError),
}

impl Inner {
    /// Takes the next message out. If there is none yet, the waker is kept.
    fn take_message(&self, end: &Endpoint, message: &mut Vec<u8>, waker: Option<&Waker>) -> Taken {
        let incoming = end.out.reverse();
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(incoming, end.generation) else {
            return Taken::Ended(NetError::Closed);
        };
        let side = &mut conn.sides[end.out.direction()];
        if side.gone {
            return Taken::Ended(NetError::Closed);
        }
        let pipe = &mut conn.pipes[incoming.direction()];
        if pipe.received.len() > 1 {
            join_until_whole(&mut pipe.received);
        }
        let front = pipe.received.front_mut();
        let (length, used_up) = match front.map(|chunk| (front_of(chunk), chunk)) {
            Some((Front::Message(length), chunk)) => {
                let start = chunk.start + HEADER_BYTES;
                message.clear();
                message.extend_from_slice(&chunk.bytes[start..start + length]);
                chunk.start = start + length;
                (length, chunk.start == chunk.bytes.len())
            }
            Some((Front::Nonsense, _)) => {
                let fresh = !std::mem::replace(&mut side.told, true);
                drop(state);
                if fresh {
                    self.give_up(end);
                }
                return Taken::Ended(NetError::Reset);
            }
            _ if pipe.fin_received => return Taken::Ended(NetError::Closed),
            _ if side.told => {
                self.notice_end(conn);
                return Taken::Ended(NetError::Reset);
            }
            _ => {
                if let Some(waker) = waker {
                    pipe.reader.wait(waker);
                }
                return Taken::NotYet;
            }
        };
        let chunk = if used_up { pipe.received.pop_front() } else { None };
        self.consumed(conn, incoming, HEADER_BYTES + length);
        if let Some(chunk) = chunk {
            state.recycle(chunk.bytes);
        }
        Taken::Message
    }

    /// What came in is no message: this side resets the connection, and its owner knows at once.
    #[cold]
    fn give_up(&self, end: &Endpoint) {
        let on_end = {
            let mut state = self.state.borrow_mut();
            self.send_rst(&mut state, end.out);
            let conn = state.conn(end.out, end.generation);
            conn.and_then(|conn| conn.sides[end.out.direction()].on_end.take())
        };
        if let Some(on_end) = on_end {
            on_end(EndReason::Reset);
        }
    }

    /// A callback owner has handled everything, and the other side has closed in order: it is told so.
    fn ended_in_order(&self, end: &Endpoint) {
        let on_end = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(end.out, end.generation) else {
                return;
            };
            let side = &mut conn.sides[end.out.direction()];
            side.told_fin = true;
            side.on_end.take()
        };
        if let Some(on_end) = on_end {
            on_end(EndReason::Closed);
        }
    }
}

/// What the received bytes begin with.
enum Front {
    /// A message of this length.
    Message(usize),
    /// A part of one.
    Part,
    /// A header that announces a message that is too long.
    Nonsense,
}

fn front_of(chunk: &Chunk) -> Front {
    let bytes = &chunk.bytes[chunk.start..];
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Front::Part;
    };
    let length = u32::from_be_bytes(*header) as usize;
    if length > MESSAGE_BYTES_MAX {
        Front::Nonsense
    } else if bytes.len() >= HEADER_BYTES + length {
        Front::Message(length)
    } else {
        Front::Part
    }
}

/// Joins chunks until the first holds a whole message, or there is only one.
fn join_until_whole(received: &mut VecDeque<Chunk>) {
    while received.len() > 1 && received.front().is_some_and(|chunk| matches!(front_of(chunk), Front::Part)) {
        let second = received.remove(1);
        if let (Some(first), Some(second)) = (received.front_mut(), second) {
            first.bytes.extend_from_slice(&second.bytes[second.start..]);
        }
    }
}
