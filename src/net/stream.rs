//! A connection as its owner holds it: `AsyncRead + AsyncWrite`, half-close by shutdown, reset by abort.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::NetError;
use super::sites::Part;
use super::state::{Inner, Net, PipeId};
use crate::kernel::{Action, Lane, NodeHandle, Schedule};

/// One side of a connection; the last clone that goes closes it.
pub(super) struct Endpoint {
    pub(super) net: Net,
    pub(super) node: NodeHandle,
    /// The direction this side writes to.
    pub(super) out: PipeId,
    pub(super) generation: u32,
    aborted: Cell<bool>,
}

impl Endpoint {
    pub(super) fn new(net: Net, node: NodeHandle, out: PipeId, generation: u32) -> Rc<Endpoint> {
        Rc::new(Endpoint {
            net,
            node,
            out,
            generation,
            aborted: Cell::new(false),
        })
    }

    pub(super) fn write(
        &self,
        bytes: &[u8],
        label: &'static str,
        whole: bool,
    ) -> Result<usize, NetError> {
        if !self.node.acts("sends on a connection") {
            return Err(NetError::Closed);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        self.net
            .inner
            .write(self.out, self.generation, bytes, label, whole)
    }

    pub(super) fn abort(&self) {
        self.aborted.set(true);
        if self.node.is_alive() {
            self.net.inner.close_side(self.out, self.generation, true);
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if self.node.is_alive() {
            self.net
                .inner
                .close_side(self.out, self.generation, self.aborted.get());
        }
    }
}

/// A byte stream: FIFO, with partial writes and short reads.
///
/// Dropping it closes it in order, or resets it if something that arrived was not read (as a real one does).
pub struct Stream {
    pub(super) end: Rc<Endpoint>,
}

impl Stream {
    pub(super) fn new(end: Rc<Endpoint>) -> Stream {
        Stream { end }
    }

    /// The name of the other node.
    #[must_use]
    pub fn peer(&self) -> Rc<str> {
        let (_, to) = self.end.net.inner.ends_of(self.end.out);
        self.end.node.sim().node_name(to)
    }

    /// Resets the connection.
    pub fn abort(self) {
        self.end.abort();
    }

    /// Reader and writer apart; the connection closes when both are gone.
    #[must_use]
    pub fn split(self) -> (Stream, Stream) {
        (
            Stream {
                end: Rc::clone(&self.end),
            },
            self,
        )
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.end.node.is_alive() {
            return Poll::Ready(Err(NetError::Closed.into()));
        }
        self.end
            .net
            .inner
            .poll_read(&self.end, cx, buf)
            .map_err(io::Error::from)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(room) = self.end.net.inner.room(&self.end, cx.waker()) else {
            return Poll::Pending;
        };
        let taken = self
            .end
            .write(&bytes[..bytes.len().min(room)], "data", false);
        Poll::Ready(taken.map_err(io::Error::from))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.node.acts("closes a connection") {
            self.end
                .net
                .inner
                .send_fin(self.end.out, self.end.generation);
        }
        Poll::Ready(Ok(()))
    }
}

impl Inner {
    pub(super) fn net(&self) -> Net {
        Net {
            inner: self
                .this
                .upgrade()
                .expect("the network is alive while it is used"),
        }
    }

    fn poll_read(
        &self,
        end: &Endpoint,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), NetError>> {
        let incoming = end.out.reverse();
        let available = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(incoming, end.generation) else {
                return Poll::Ready(Err(NetError::Reset));
            };
            let told = conn.sides[end.out.direction()].told.is_some();
            let pipe = &mut conn.pipes[incoming.direction()];
            let available = pipe
                .received
                .front()
                .map_or(0, |chunk| chunk.bytes.len() - chunk.start);
            if available == 0 {
                if pipe.fin_received {
                    return Poll::Ready(Ok(()));
                }
                if told {
                    return Poll::Ready(Err(NetError::Reset));
                }
                pipe.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            (available.min(buf.remaining()), pipe.streams.short_read)
        };
        let (available, stream) = available;
        if available == 0 {
            return Poll::Ready(Ok(()));
        }
        let count = self.sim.choose(
            stream,
            &Part {
                bytes: available as u64,
            },
        ) as usize;
        let writer = {
            let mut state = self.state.borrow_mut();
            let pipe = &mut state.conns[incoming.conn()].pipes[incoming.direction()];
            let Some(chunk) = pipe.received.front_mut() else {
                return Poll::Ready(Ok(()));
            };
            buf.put_slice(&chunk.bytes[chunk.start..chunk.start + count]);
            chunk.start += count;
            pipe.pending_bytes -= count;
            let used_up = chunk.start == chunk.bytes.len();
            let writer = pipe.writer.take();
            if let Some(chunk) = used_up.then(|| pipe.received.pop_front()).flatten() {
                state.recycle(chunk.bytes);
            }
            writer
        };
        if let Some(writer) = writer {
            self.open_window(incoming, writer);
        }
        Poll::Ready(Ok(()))
    }

    /// The writer of a direction learns, one latency later, that there is room again.
    pub(super) fn open_window(&self, pipe: PipeId, writer: Waker) {
        let (from, _) = self.ends_of(pipe);
        let subject = self.state.borrow().conns[pipe.conn()].pipes[pipe.direction()].name;
        self.sim.schedule(Schedule {
            at: self.sim.now() + self.config.latency,
            lane: Lane::TIMER,
            node: from,
            label: "window",
            subject,
            action: Action::Wake(writer),
        });
    }

    /// How many bytes may be written; `None` when the window is full, and the waker is kept.
    fn room(&self, end: &Endpoint, waker: &Waker) -> Option<usize> {
        let mut state = self.state.borrow_mut();
        let window = self.config.window_bytes;
        let Some(conn) = state.conn(end.out, end.generation) else {
            return Some(usize::MAX);
        };
        if conn.ended.is_some() || !end.node.is_alive() {
            return Some(usize::MAX);
        }
        let pipe = &mut conn.pipes[end.out.direction()];
        if pipe.pending_bytes >= window {
            pipe.writer = Some(waker.clone());
            return None;
        }
        Some(window - pipe.pending_bytes)
    }
}
