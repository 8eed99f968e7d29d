//! The state of the network: links, connections, directions. Plain data; the behaviour is in the files beside.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// The other side closed in order and all it sent was handled. What this side sends may still arrive.
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
    pub(super) links: Vec<Link>,
    link_ids: BTreeMap<(NodeId, NodeId), LinkId>,
    pub(super) conns: Vec<Conn>,
    pub(super) free: Vec<usize>,
    pub(super) listeners: BTreeMap<(NodeId, Box<str>), Listening>,
    pub(super) dials: BTreeMap<u32, Dial>,
    pub(super) next_dial: u32,
    /// Blocks with an end of their own; `None` once they are over.
    pub(super) blocks: Vec<Option<TimedBlock>>,
    /// Nodes that a power cut took: nobody answers for them until they are up again.
    pub(super) dark: BTreeSet<NodeId>,
    /// Connections so far per (dialer, acceptor): the second one is called `a->b#2`.
    pub(super) ordinals: BTreeMap<(NodeId, NodeId), u32>,
    /// Buffers to be used again.
    pub(super) pool: Vec<Vec<u8>>,
}

/// One way between two nodes, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkId(pub(super) usize);

/// One way between two nodes.
pub(super) struct Link {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// How many reasons block it at present.
    pub(super) blocked: u32,
    /// The fault that blocked it last, if it was one.
    pub(super) fault: Option<StreamId>,
    /// Pipes with arrivals that wait.
    pub(super) waiting: Vec<PipeId>,
    /// Attempts to connect that wait.
    pub(super) dials: Vec<u32>,
}

/// A block that ends by itself.
pub(super) struct TimedBlock {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) way: Way,
    pub(super) key: QueueKey,
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
    pub(super) ended: bool,
    /// The fault that ended it, until somebody has noticed.
    pub(super) ended_by: Option<StreamId>,
    /// Per side (0 dialer, 1 acceptor).
    pub(super) sides: [Side; 2],
}

/// One side of a connection: what its owner knows and holds.
#[derive(Default)]
pub(super) struct Side {
    /// The owner knows that the connection was reset.
    pub(super) told: bool,
    /// The callback owner knows that the other side will send no more.
    pub(super) told_fin: bool,
    /// A notice is on its way.
    pub(super) notice: Option<QueueKey>,
    /// When the notice comes is a deviation.
    pub(super) odd_notice: bool,
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
    pub(super) link: LinkId,
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
    pub(super) rst_sent: bool,
    pub(super) fin_received: bool,
    /// The connection ends when the next segment of this direction has arrived: the fault that says so.
    pub(super) ends_after_next: Option<StreamId>,
    pub(super) reader: Reader,
    pub(super) writer: Option<Waker>,
    pub(super) on_data: Option<Rc<dyn Fn()>>,
}

/// Who waits for data. The waker stays when it was used: the same task mostly waits again.
#[derive(Default)]
pub(super) struct Reader {
    waker: Option<Waker>,
    waits: bool,
}

impl Reader {
    pub(super) fn wait(&mut self, waker: &Waker) {
        self.waits = true;
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    /// Wakers do nothing but put a task on a list, so a borrow may be held.
    pub(super) fn wake(&mut self) {
        if std::mem::take(&mut self.waits)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    pub(super) fn waiting(&self) -> Option<&Waker> {
        self.waker.as_ref().filter(|_| self.waits)
    }
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
    /// The faults that every write is asked about.
    pub(super) fn of_a_write(&self) -> [StreamId; 6] {
        [self.stall, self.partial_write, self.cut, self.partition, self.duplicate, self.reorder]
    }

    pub(super) fn new(sim: &Sim, actor: &str) -> PipeStreams {
        let all = [
            &sites::LATENCY,
            &sites::STALL,
            &sites::PARTIAL_WRITE,
            &sites::SHORT_READ,
            &sites::CUT,
            &sites::PARTITION,
            &sites::DUPLICATE,
            &sites::REORDER,
            &sites::HALF_OPEN,
            &sites::NOTICE,
        ];
        let [latency, stall, partial_write, short_read, cut, partition, duplicate, reorder, half_open, notice] =
            sim.with_choices(|choices| choices.streams(all, actor));
        PipeStreams { latency, stall, partial_write, short_read, cut, partition, duplicate, reorder, half_open, notice }
    }
}

/// Something under way.
pub(super) struct Segment {
    pub(super) payload: Payload,
    pub(super) sent: EventId,
    pub(super) marks: Marks,
    /// The connection ends as soon as it has arrived: the fault that says so.
    pub(super) ends: Option<StreamId>,
    pub(super) key: QueueKey,
}

pub(super) enum Payload {
    Bytes(Vec<u8>),
    /// The sender will write no more.
    Fin,
    /// The sender knows nothing of this connection any more.
    Rst,
}

impl Payload {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Payload::Bytes(bytes) => bytes.len(),
            Payload::Fin | Payload::Rst => 0,
        }
    }
}

/// What the receiver's side has to know about a segment besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u8);

impl Marks {
    /// One message, all of it.
    pub(super) const WHOLE: Marks = Marks(1);
    pub(super) const STALLED: Marks = Marks(2);
    pub(super) const SPLIT: Marks = Marks(4);
    pub(super) const COPY: Marks = Marks(8);
    pub(super) const OVERTOOK: Marks = Marks(16);
    pub(super) const HELD: Marks = Marks(32);

    pub(super) fn add(&mut self, other: Marks) {
        self.0 |= other.0;
    }

    pub(super) fn has(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a fault left its trace.
    pub(super) fn are_odd(self) -> bool {
        self.0 & !Marks::WHOLE.0 != 0
    }
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
        self.inner.block(&mut self.inner.state.borrow_mut(), from, to, way, None);
    }

    /// Takes one block of a link away.
    pub fn unblock(&self, from: NodeId, to: NodeId, way: Way) {
        self.inner.unblock(&mut self.inner.state.borrow_mut(), from, to, way);
    }
}

impl State {
    /// The connection and direction a handle names, unless the slot belongs to another connection by now.
    pub(super) fn conn(&mut self, pipe: PipeId, generation: u32) -> Option<&mut Conn> {
        let conn = self.conns.get_mut(pipe.conn())?;
        (conn.generation == generation).then_some(conn)
    }

    /// The link between two nodes.
    pub(super) fn link(&mut self, from: NodeId, to: NodeId) -> LinkId {
        let links = &mut self.links;
        *self.link_ids.entry((from, to)).or_insert_with(|| {
            links.push(Link { from, to, blocked: 0, fault: None, waiting: Vec::new(), dials: Vec::new() });
            LinkId(links.len() - 1)
        })
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
