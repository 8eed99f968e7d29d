//! A connection as its owner holds it: `AsyncRead + AsyncWrite`, half-close by shutdown, reset by abort.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::NetError;
use super::sites::Part;
use super::state::{Conn, Inner, Net, PipeId};
use super::transmit::Outgoing;
use crate::kernel::{Action, Lane, NodeHandle, NodeId, Schedule};

/// One side of a connection; the last clone that goes closes it.
pub(super) struct Endpoint {
    pub(super) net: Net,
    pub(super) node: NodeHandle,
    peer: NodeId,
    /// The direction this side writes to.
    pub(super) out: PipeId,
    pub(super) generation: u32,
    aborted: Cell<bool>,
}

impl Endpoint {
    pub(super) fn new(net: Net, node: NodeHandle, peer: NodeId, out: PipeId, generation: u32) -> Rc<Endpoint> {
        Rc::new(Endpoint { net, node, peer, out, generation, aborted: Cell::new(false) })
    }

    pub(super) fn write(&self, outgoing: &Outgoing<'_>) -> Result<usize, NetError> {
        if !self.node.acts("sends on a connection") {
            return Err(NetError::Closed);
        }
        self.net.inner.write(self.out, self.generation, outgoing)
    }

    /// Half-close: this side writes no more.
    pub(super) fn shutdown(&self) {
        if !self.node.acts("closes a connection") {
            return;
        }
        let mut state = self.net.inner.state.borrow_mut();
        if state.conn(self.out, self.generation).is_some() {
            self.net.inner.send_fin(&mut state, self.out);
        }
    }

    /// The name of the other node.
    pub(super) fn peer(&self) -> Rc<str> {
        self.node.sim().node_name(self.peer)
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
            self.net.inner.close_side(self.out, self.generation, self.aborted.get());
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
        self.end.peer()
    }

    /// Resets the connection.
    pub fn abort(self) {
        self.end.abort();
    }

    /// Reader and writer apart; the connection closes when both are gone.
    #[must_use]
    pub fn split(self) -> (Stream, Stream) {
        (Stream { end: Rc::clone(&self.end) }, self)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.end.node.is_alive() {
            return Poll::Ready(Err(NetError::Closed.into()));
        }
        self.end.net.inner.poll_read(&self.end, cx, buf).map_err(io::Error::from)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(room) = self.end.net.inner.room(&self.end, cx.waker()) else {
            return Poll::Pending;
        };
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let outgoing = Outgoing {
            header: None,
            body: &bytes[..bytes.len().min(room)],
            whole: false,
            in_order: true,
            label: "data",
        };
        Poll::Ready(self.end.write(&outgoing).map_err(io::Error::from))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.shutdown();
        Poll::Ready(Ok(()))
    }
}

impl Inner {
    pub(super) fn net(&self) -> Net {
        Net { inner: self.this.upgrade().expect("the network is alive while it is used") }
    }

    fn poll_read(&self, end: &Endpoint, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), NetError>> {
        let incoming = end.out.reverse();
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(incoming, end.generation) else {
            return Poll::Ready(Err(NetError::Closed));
        };
        if conn.sides[end.out.direction()].gone {
            return Poll::Ready(Err(NetError::Closed));
        }
        let pipe = &mut conn.pipes[incoming.direction()];
        let Some(chunk) = pipe.received.front_mut() else {
            if pipe.fin_received {
                return Poll::Ready(Ok(()));
            }
            if conn.sides[end.out.direction()].told {
                self.notice_end(conn);
                return Poll::Ready(Err(NetError::Reset));
            }
            pipe.reader.wait(cx.waker());
            return Poll::Pending;
        };
        let available = (chunk.bytes.len() - chunk.start).min(buf.remaining());
        if available == 0 {
            return Poll::Ready(Ok(()));
        }
        let part = Part { bytes: available as u64 };
        let count = self.sim.choose(pipe.streams.short_read, &part) as usize;
        if count < available {
            self.sim.observed(pipe.streams.short_read);
        }
        buf.put_slice(&chunk.bytes[chunk.start..chunk.start + count]);
        chunk.start += count;
        if chunk.start == chunk.bytes.len()
            && let Some(chunk) = pipe.received.pop_front()
        {
            self.consumed(conn, incoming, count);
            state.recycle(chunk.bytes);
        } else {
            self.consumed(conn, incoming, count);
        }
        Poll::Ready(Ok(()))
    }

    /// The reader of a direction has taken bytes out. A writer that waits for room learns it one latency later.
    pub(super) fn consumed(&self, conn: &mut Conn, incoming: PipeId, bytes: usize) {
        let pipe = &mut conn.pipes[incoming.direction()];
        pipe.pending_bytes -= bytes;
        let Some(writer) = pipe.writer.take() else {
            return;
        };
        self.sim.schedule(Schedule {
            at: self.sim.now() + self.config.latency,
            lane: Lane::TIMER,
            node: pipe.from,
            label: "window",
            subject: pipe.name,
            action: Action::Wake(writer),
        });
    }

    /// How many bytes may be written; `None` when the window is full, and the waker is kept.
    fn room(&self, end: &Endpoint, waker: &Waker) -> Option<usize> {
        if !end.node.is_alive() {
            return Some(usize::MAX);
        }
        let mut state = self.state.borrow_mut();
        let window = self.config.window_bytes;
        let Some(conn) = state.conn(end.out, end.generation) else {
            return Some(usize::MAX);
        };
        let over = conn.ended || conn.sides[end.out.direction()].gone;
        let pipe = &mut conn.pipes[end.out.direction()];
        if over || pipe.fin_sent {
            return Some(usize::MAX);
        }
        if pipe.pending_bytes >= window {
            pipe.writer = Some(waker.clone());
            return None;
        }
        Some(window - pipe.pending_bytes)
    }
}
