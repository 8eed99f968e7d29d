//! The state of the network: links, connections, directions. Plain data; the behaviour is in the files beside.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::Duration;

use super::connect::{Dial, Listening};
use super::{Way, sites};
use crate::choice::StreamId;
use crate::kernel::{Lane, NodeId, QueueKey, ResourceId, Sim, Time};
use crate::trace::{EventId, NameId};

/// Constants of the network, the same for all links of a world.
#[derive(Clone, Copy, Debug)]
pub struct NetConfig {
    /// How long a segment is under way when nothing interesting happens (default 500 µs, a LAN with a hop or two).
    pub latency: Duration,
    /// The longest a segment is under way (default 1 s).
    pub latency_max: Duration,
    /// Bytes a writer may be ahead of its reader (default 64 KiB, the classic window).
    pub window_bytes: usize,
    /// How long an attempt to connect waits for an answer (default 30 s).
    pub connect_timeout: Duration,
}

impl Default for NetConfig {
    fn default() -> Self {
        NetConfig {
            latency: Duration::from_micros(500),
            latency_max: Duration::from_secs(1),
            window_bytes: 64 * 1024,
            connect_timeout: Duration::from_secs(30),
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Reset: an abort, a cut, a process that was killed.
    Reset,
    /// Both sides closed in order.
    Closed,
}

/// The network of a world. Clones are one network.
#[derive(Clone)]
pub struct Net {
    pub(super) inner: Rc<Inner>,
}

pub(super) struct Inner {
    pub(super) this: Weak<Inner>,
    pub(super) sim: Sim,
    pub(super) id: Cell<ResourceId>,
    pub(super) config: NetConfig,
    pub(super) state: RefCell<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) links: BTreeMap<(NodeId, NodeId), Link>,
    pub(super) conns: Vec<Conn>,
    pub(super) free: Vec<usize>,
    pub(super) listeners: BTreeMap<(NodeId, Box<str>), Listening>,
    pub(super) dials: BTreeMap<u32, Dial>,
    pub(super) next_dial: u32,
    /// Blocks with an end of their own: (from, to, way).
    pub(super) blocks: Vec<(NodeId, NodeId, Way)>,
    /// Connections so far per (dialer, acceptor): the second one is called `a->b#2`.
    pub(super) ordinals: BTreeMap<(NodeId, NodeId), u32>,
    /// Buffers to be used again.
    pub(super) pool: Vec<Vec<u8>>,
}

/// One way between two nodes.
#[derive(Default)]
pub(super) struct Link {
    /// How many reasons block it at present.
    pub(super) blocked: u32,
    /// Pipes with arrivals that wait.
    pub(super) waiting: Vec<PipeId>,
    /// Attempts to connect that wait.
    pub(super) dials: Vec<u32>,
}

/// A direction of a connection: connection number times two, plus one for acceptor to dialer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PipeId(pub(super) u32);

impl PipeId {
    pub(super) fn conn(self) -> usize {
        (self.0 / 2) as usize
    }

    pub(super) fn direction(self) -> usize {
        (self.0 % 2) as usize
    }

    /// The other direction of the same connection.
    pub(super) fn reverse(self) -> PipeId {
        PipeId(self.0 ^ 1)
    }
}

/// A connection.
pub(super) struct Conn {
    /// Goes up when the slot is used again; tokens and handles of another generation are stale.
    pub(super) generation: u32,
    pub(super) pipes: [Pipe; 2],
    pub(super) ended: Option<EndReason>,
    /// Per side (0 dialer, 1 acceptor).
    pub(super) sides: [Side; 2],
}

/// One side of a connection: what its owner knows and holds.
#[derive(Default)]
pub(super) struct Side {
    pub(super) told: Option<EndReason>,
    /// A notice is on its way.
    pub(super) notice: Option<QueueKey>,
    /// The notice will not come before the network heals, or before this side writes.
    pub(super) half_open: bool,
    /// The owner has dropped its handle, or its process is gone.
    pub(super) gone: bool,
    /// A power cut took the owner: nobody answers for it any more.
    pub(super) vanished: bool,
    pub(super) on_end: Option<Rc<dyn Fn(EndReason)>>,
}

/// A direction of a connection.
pub(super) struct Pipe {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) name: NameId,
    pub(super) lane: Lane,
    pub(super) streams: PipeStreams,
    pub(super) in_flight: VecDeque<Segment>,
    pub(super) received: VecDeque<Chunk>,
    /// Bytes in flight and received but not read.
    pub(super) pending_bytes: usize,
    pub(super) last_at: Time,
    /// Arrivals that wait for a blocked link.
    pub(super) parked: u32,
    pub(super) fin_sent: bool,
    pub(super) fin_received: bool,
    /// The connection ends when the next segment of this direction has arrived.
    pub(super) ends_after_next: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    pub(super) on_data: Option<Rc<dyn Fn()>>,
}

/// The choice streams of a direction, looked up once.
#[derive(Clone, Copy)]
pub(super) struct PipeStreams {
    pub(super) latency: StreamId,
    pub(super) stall: StreamId,
    pub(super) partial_write: StreamId,
    pub(super) short_read: StreamId,
    pub(super) cut: StreamId,
    pub(super) partition: StreamId,
    pub(super) duplicate: StreamId,
    pub(super) reorder: StreamId,
    pub(super) half_open: StreamId,
    pub(super) notice: StreamId,
}

impl PipeStreams {
    pub(super) fn new(sim: &Sim, actor: &str) -> PipeStreams {
        PipeStreams {
            latency: sim.stream(&sites::LATENCY, actor),
            stall: sim.stream(&sites::STALL, actor),
            partial_write: sim.stream(&sites::PARTIAL_WRITE, actor),
            short_read: sim.stream(&sites::SHORT_READ, actor),
            cut: sim.stream(&sites::CUT, actor),
            partition: sim.stream(&sites::PARTITION, actor),
            duplicate: sim.stream(&sites::DUPLICATE, actor),
            reorder: sim.stream(&sites::REORDER, actor),
            half_open: sim.stream(&sites::HALF_OPEN, actor),
            notice: sim.stream(&sites::NOTICE, actor),
        }
    }
}

/// Something under way.
pub(super) struct Segment {
    pub(super) payload: Payload,
    pub(super) sent: EventId,
    /// The connection ends as soon as it has arrived.
    pub(super) ends: bool,
    pub(super) key: Option<QueueKey>,
}

pub(super) enum Payload {
    Bytes(Vec<u8>),
    Fin,
}

/// Received bytes, read from `start` on.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
}

impl Net {
    /// The network of a simulation; registers itself as a resource.
    #[must_use]
    pub fn new(sim: &Sim, config: NetConfig) -> Net {
        let placeholder = Cell::new(ResourceId::UNREGISTERED);
        let inner = Rc::new_cyclic(|this| Inner {
            this: this.clone(),
            sim: sim.clone(),
            id: placeholder,
            config,
            state: RefCell::default(),
        });
        let id = sim.add_resource(Rc::clone(&inner) as Rc<dyn crate::kernel::Resource>);
        inner.id.set(id);
        Net { inner }
    }

    /// Blocks a link: what is under way or sent later waits, in order, until it is unblocked as often as blocked.
    pub fn block(&self, from: NodeId, to: NodeId, way: Way) {
        self.inner.block(from, to, way, None);
    }

    /// Takes one block of a link away.
    pub fn unblock(&self, from: NodeId, to: NodeId, way: Way) {
        self.inner.unblock(from, to, way);
    }
}

impl State {
    /// The connection and direction a handle names, unless the slot belongs to another connection by now.
    pub(super) fn conn(&mut self, pipe: PipeId, generation: u32) -> Option<&mut Conn> {
        let conn = self.conns.get_mut(pipe.conn())?;
        (conn.generation == generation).then_some(conn)
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_default()
    }

    /// Gives a buffer back.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        const POOL_MAX: usize = 64;
        if self.pool.len() < POOL_MAX && buffer.capacity() > 0 {
            buffer.clear();
            self.pool.push(buffer);
        }
    }
}
