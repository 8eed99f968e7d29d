//! Listening, connecting, accepting, refusing.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::sites::{self, WELCOMES, Welcome};
use super::state::{Conn, Inner, LinkId, Net, Pipe, PipeId, PipeStreams, Reader, Side, State};
use super::stream::{Endpoint, Stream};
use super::{deliver, kinds};
use crate::choice::StreamId;
use crate::kernel::{Action, Lane, NodeHandle, NodeId, QueueKey, Schedule, Time};
use crate::trace::{EventId, NameId};

/// What goes wrong on the network, as code under test sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No answer within the connect timeout.
    #[error("connecting timed out")]
    TimedOut,
    /// The connection was reset.
    #[error("connection reset")]
    Reset,
    /// This side has closed the connection, or the other side has and everything was read.
    #[error("connection closed")]
    Closed,
    /// The name is no node's.
    #[error("no such node")]
    NoSuchNode,
    /// The message is longer than a message may be (16 MiB).
    #[error("message too long")]
    TooLong,
    /// Somebody listens on this port of this node already.
    #[error("address in use")]
    InUse,
}

impl From<NetError> for io::Error {
    fn from(error: NetError) -> io::Error {
        let kind = match error {
            NetError::Refused => io::ErrorKind::ConnectionRefused,
            NetError::TimedOut => io::ErrorKind::TimedOut,
            NetError::Reset => io::ErrorKind::ConnectionReset,
            NetError::Closed => io::ErrorKind::BrokenPipe,
            NetError::NoSuchNode => io::ErrorKind::NotFound,
            NetError::TooLong => io::ErrorKind::InvalidInput,
            NetError::InUse => io::ErrorKind::AddrInUse,
        };
        io::Error::new(kind, error)
    }
}

/// The network as one node sees it.
#[derive(Clone)]
pub struct NodeNet {
    net: Net,
    node: NodeHandle,
}

/// Where connections are accepted.
pub struct Listener {
    net: Net,
    node: NodeHandle,
    port: Box<str>,
}

/// A listener's state.
pub(super) struct Listening {
    node: NodeHandle,
    backlog: VecDeque<Stream>,
    waker: Option<Waker>,
}

/// An attempt to connect.
pub(super) struct Dial {
    node: NodeHandle,
    to: NodeId,
    port: Box<str>,
    name: NameId,
    latency: StreamId,
    /// What it meets, and who says so.
    welcome: Welcome,
    site: StreamId,
    /// The partition that held it up.
    held_by: Option<StreamId>,
    timeout: Option<QueueKey>,
    /// The connection as the acceptor made it, on its way back; then what the dialer gets.
    made: Option<Result<Stream, NetError>>,
    answered: bool,
    waker: Option<Waker>,
}

impl Dial {
    pub(super) fn is_of(&self, node: NodeId) -> bool {
        self.node.id() == node
    }
}

impl NodeNet {
    /// The network for a node's code.
    #[must_use]
    pub fn new(net: &Net, node: &NodeHandle) -> NodeNet {
        NodeNet { net: net.clone(), node: node.clone() }
    }

    /// Accepts connections on a port of this node. Ports are names.
    ///
    /// # Errors
    /// [`NetError::InUse`] if somebody listens there, [`NetError::Closed`] on a node that has gone down.
    pub fn listen(&self, port: &str) -> Result<Listener, NetError> {
        if !self.node.acts("listens") {
            return Err(NetError::Closed);
        }
        let mut state = self.net.inner.state.borrow_mut();
        let key = (self.node.id(), Box::from(port));
        if state.listeners.contains_key(&key) {
            return Err(NetError::InUse);
        }
        let listening = Listening { node: self.node.clone(), backlog: VecDeque::new(), waker: None };
        state.listeners.insert(key, listening);
        Ok(Listener { net: self.net.clone(), node: self.node.clone(), port: port.into() })
    }

    /// Connects to a port of a node. The connection is asked for at once, not at the first poll.
    ///
    /// # Errors
    /// The future answers [`NetError::Refused`], [`NetError::TimedOut`] or [`NetError::NoSuchNode`].
    #[must_use]
    pub fn connect(&self, node: &str, port: &str) -> Connecting {
        let number = match self.node.sim().node_named(node) {
            Some(to) if self.node.acts("connects") => Ok(self.net.inner.dial(&self.node, to, port)),
            Some(_) => Err(NetError::Closed),
            None => Err(NetError::NoSuchNode),
        };
        Connecting { net: self.net.clone(), number }
    }
}

/// An attempt to connect under way.
pub struct Connecting {
    net: Net,
    number: Result<u32, NetError>,
}

impl Future for Connecting {
    type Output = Result<Stream, NetError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let number = match self.number {
            Ok(number) => number,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let mut state = self.net.inner.state.borrow_mut();
        let Some(dial) = state.dials.get_mut(&number) else {
            return Poll::Pending;
        };
        if !dial.answered {
            dial.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(dial) = state.dials.remove(&number) else {
            return Poll::Pending;
        };
        let sim = &self.net.inner.sim;
        if dial.welcome != Welcome::Normal {
            sim.observed(dial.site);
        }
        if let Some(partition) = dial.held_by {
            sim.observed(partition);
        }
        Poll::Ready(dial.made.unwrap_or(Err(NetError::TimedOut)))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Ok(number) = self.number {
            let dial = self.net.inner.state.borrow_mut().dials.remove(&number);
            if let Some(dial) = &dial {
                self.net.inner.forget_timeout(dial);
            }
            drop(dial);
        }
    }
}

impl Listener {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// [`NetError::Closed`] when the node has gone down.
    pub async fn accept(&self) -> Result<Stream, NetError> {
        std::future::poll_fn(|cx| {
            if !self.node.is_alive() {
                return Poll::Ready(Err(NetError::Closed));
            }
            let mut state = self.net.inner.state.borrow_mut();
            let Some(listening) = state.listeners.get_mut(&(self.node.id(), self.port.clone())) else {
                return Poll::Ready(Err(NetError::Closed));
            };
            match listening.backlog.pop_front() {
                Some(stream) => Poll::Ready(Ok(stream)),
                None => {
                    listening.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.node.is_alive() {
            let key = (self.node.id(), self.port.clone());
            let listening = self.net.inner.state.borrow_mut().listeners.remove(&key);
            // As a real one: who was not accepted is reset.
            for stream in listening.into_iter().flat_map(|listening| listening.backlog) {
                stream.abort();
            }
        }
    }
}

impl Inner {
    fn dial(self: &Rc<Self>, node: &NodeHandle, to: NodeId, port: &str) -> u32 {
        let sim = &self.sim;
        let text = format!("{}->{}", node.name(), sim.node_name(to));
        let name = sim.name(&text);
        let actor = format!("{text}/connect");
        let (latency, site) = (sim.stream(&sites::LATENCY, &actor), sim.stream(&sites::CONNECT, &actor));
        let welcome = sim.choose(site, &WELCOMES);
        let event = sim.emit(node.id(), &kinds::CONNECT, name, [0; 3]);
        let number = {
            let mut state = self.state.borrow_mut();
            let number = state.next_dial;
            state.next_dial += 1;
            number
        };
        let transit = sim.with_choices(|choices| self.transit(choices, latency));
        if welcome != Welcome::Lost {
            let at = node.now() + transit.latency;
            let arrives = self.dial_event(number, to, name, at, deliver::DIAL);
            let key = sim.schedule_caused(arrives, event);
            sim.governed(key, transit.governs(node.now() - sim.now()));
        }
        let give_up = node.now() + self.config.connect_timeout;
        let timeout = self.dial_event(number, node.id(), name, give_up, deliver::GIVE_UP);
        let timeout = sim.schedule_caused(timeout, event);
        let dial = Dial {
            node: node.clone(),
            to,
            port: port.into(),
            name,
            latency,
            welcome,
            site,
            held_by: None,
            timeout: Some(timeout),
            made: None,
            answered: false,
            waker: None,
        };
        self.state.borrow_mut().dials.insert(number, dial);
        number
    }

    pub(super) fn forget_timeout(&self, dial: &Dial) {
        if let Some(key) = dial.timeout {
            self.sim.unschedule(key);
        }
    }

    /// An attempt reaches its target: it is accepted or refused, or waits for a blocked link.
    pub(super) fn dial_arrives(&self, number: u32) {
        let mut state = self.state.borrow_mut();
        let Some((from, to, name, welcome)) = self.pass_link(&mut state, number) else {
            return;
        };
        let dark = !self.sim.is_up(to) && state.dark.contains(&to);
        let dial = &state.dials[&number];
        let (port, latency) = (dial.port.clone(), dial.latency);
        if dark {
            self.sim.emit(to, &kinds::LOST, name, [0; 3]);
            return;
        }
        let listens = state.listeners.contains_key(&(to, port.clone()));
        drop(state);
        let made = if listens && self.sim.is_up(to) && welcome == Welcome::Normal {
            let event = self.sim.emit(to, &kinds::ACCEPT, name, [0; 3]);
            self.sim.set_cause(event);
            Ok(self.establish(number, to, port))
        } else {
            let event = self.sim.emit(to, &kinds::REFUSE, name, [0; 3]);
            self.sim.set_cause(event);
            Err(NetError::Refused)
        };
        if let Some(dial) = self.state.borrow_mut().dials.get_mut(&number) {
            dial.made = Some(made);
        }
        let transit = self.sim.with_choices(|choices| self.transit(choices, latency));
        let answered_at = self.sim.node_now(to);
        let at = answered_at + transit.latency;
        let key = self.sim.schedule(self.dial_event(number, from, name, at, deliver::ANSWER));
        self.sim.governed(key, transit.governs(answered_at - self.sim.now()));
    }

    /// Where an attempt comes from and goes to, its name and what it meets; `None` if nobody waits for it any more,
    /// or if the link it needs next is blocked: then it waits there.
    fn pass_link(&self, state: &mut State, number: u32) -> Option<(NodeId, NodeId, NameId, Welcome)> {
        let dial = state.dials.get(&number).filter(|dial| !dial.answered)?;
        let (from, to) = (dial.node.id(), dial.to);
        let link = if dial.made.is_some() { state.link(to, from) } else { state.link(from, to) };
        let link = &mut state.links[link.0];
        let dial = state.dials.get_mut(&number)?;
        if link.blocked > 0 {
            link.dials.push(number);
            dial.held_by = link.fault;
            return None;
        }
        Some((from, to, dial.name, dial.welcome))
    }

    fn dial_event(&self, number: u32, node: NodeId, subject: NameId, at: Time, kind: u64) -> Schedule {
        // An attempt and its answer are on their way like messages, and in no order with anything else.
        let (label, lane) = match kind {
            deliver::ANSWER => ("connected", self.sim.lane()),
            deliver::GIVE_UP => ("connect-timeout", Lane::TIMER),
            _ => ("connect", self.sim.lane()),
        };
        Schedule {
            at,
            lane,
            node,
            label,
            subject,
            action: Action::Resource { resource: self.id.get(), token: deliver::token(kind, 0, number) },
        }
    }

    /// An attempt that waited for its link goes on.
    pub(super) fn redial(&self, state: &State, number: u32, cause: EventId) {
        let Some(dial) = state.dials.get(&number) else {
            return;
        };
        let at = self.sim.now() + self.config.latency;
        let event = if dial.made.is_some() {
            self.dial_event(number, dial.node.id(), dial.name, at, deliver::ANSWER)
        } else {
            self.dial_event(number, dial.to, dial.name, at, deliver::DIAL)
        };
        self.sim.schedule_caused(event, cause);
    }

    /// Makes the connection: the acceptor's end goes to its listener, the dialer's end is returned.
    fn establish(&self, number: u32, to: NodeId, port: Box<str>) -> Stream {
        let (dialer, acceptor) = {
            let state = self.state.borrow();
            (state.dials[&number].node.clone(), state.listeners[&(to, port.clone())].node.clone())
        };
        let from = dialer.id();
        let ordinal = {
            let mut state = self.state.borrow_mut();
            let ordinal = state.ordinals.entry((from, to)).or_insert(0);
            *ordinal += 1;
            *ordinal
        };
        let suffix = if ordinal == 1 { String::new() } else { format!("#{ordinal}") };
        let pipes = [(from, to), (to, from)].map(|(from, to)| {
            let name = format!("{}->{}{suffix}", self.sim.node_name(from), self.sim.node_name(to));
            let link = self.state.borrow_mut().link(from, to);
            self.new_pipe(from, to, link, &name)
        });
        let (index, generation) = {
            let mut state = self.state.borrow_mut();
            let mut conn =
                Conn { generation: 0, pipes, ended: false, ended_by: None, sides: [Side::default(), Side::default()] };
            match state.free.pop() {
                Some(index) => {
                    conn.generation = state.conns[index].generation;
                    let generation = conn.generation;
                    state.conns[index] = conn;
                    (index, generation)
                }
                None => {
                    state.conns.push(conn);
                    (state.conns.len() - 1, 0)
                }
            }
        };
        let end = |node: &NodeHandle, peer: NodeId, side: usize| {
            let out = PipeId((index * 2 + side) as u32);
            let endpoint = Endpoint::new(self.net(), node.clone(), peer, out, generation);
            Stream::new(endpoint)
        };
        let (near, far) = (end(&dialer, to, 0), end(&acceptor, from, 1));
        let waker = {
            let mut state = self.state.borrow_mut();
            state.listeners.get_mut(&(to, port)).and_then(|listening| {
                listening.backlog.push_back(far);
                listening.waker.take()
            })
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        near
    }

    fn new_pipe(&self, from: NodeId, to: NodeId, link: LinkId, name: &str) -> Pipe {
        Pipe {
            from,
            to,
            link,
            name: self.sim.name(name),
            lane: self.sim.lane(),
            streams: PipeStreams::new(&self.sim, name),
            in_flight: VecDeque::new(),
            received: VecDeque::new(),
            pending_bytes: 0,
            last_at: Time::ZERO,
            parked: 0,
            fin_sent: false,
            rst_sent: false,
            fin_received: false,
            ends_after_next: None,
            reader: Reader::default(),
            writer: None,
            on_data: None,
        }
    }

    /// The answer is back, unless its link is blocked: then it waits there.
    pub(super) fn dial_answered(&self, number: u32) {
        let found = self.pass_link(&mut self.state.borrow_mut(), number);
        let Some((node, _, name, _)) = found else {
            return;
        };
        let event = self.sim.emit(node, &kinds::CONNECTED, name, [0; 3]);
        self.sim.set_cause(event);
        self.answer(number, None);
    }

    pub(super) fn dial_gives_up(&self, number: u32) {
        self.answer(number, Some(NetError::TimedOut));
    }

    fn answer(&self, number: u32, failure: Option<NetError>) {
        let (waker, timeout, dropped) = {
            let mut state = self.state.borrow_mut();
            let Some(dial) = state.dials.get_mut(&number) else {
                return;
            };
            if dial.answered {
                return;
            }
            dial.answered = true;
            let dropped = failure.and_then(|failure| dial.made.replace(Err(failure)));
            (dial.waker.take(), dial.timeout.take(), dropped)
        };
        drop(dropped);
        if let Some(key) = timeout {
            self.sim.unschedule(key);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
