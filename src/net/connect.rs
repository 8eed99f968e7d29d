//! Listening, connecting, accepting, refusing.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::sites::{self, WELCOMES, Welcome};
use super::state::{Conn, Inner, Net, Pipe, PipeId, PipeStreams, Side};
use super::stream::{Endpoint, Stream};
use super::{deliver, kinds};
use crate::choice::{Latency, StreamId};
use crate::kernel::{Action, Governed, Lane, NodeHandle, NodeId, QueueKey, Schedule, Time};
use crate::trace::NameId;

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
    welcome: Welcome,
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
        NodeNet {
            net: net.clone(),
            node: node.clone(),
        }
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
        let listening = Listening {
            node: self.node.clone(),
            backlog: VecDeque::new(),
            waker: None,
        };
        state.listeners.insert(key, listening);
        Ok(Listener {
            net: self.net.clone(),
            node: self.node.clone(),
            port: port.into(),
        })
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
        Connecting {
            net: self.net.clone(),
            number,
        }
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
        let made = state.dials.remove(&number).and_then(|dial| dial.made);
        Poll::Ready(made.unwrap_or(Err(NetError::TimedOut)))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Ok(number) = self.number {
            let dial = self.net.inner.state.borrow_mut().dials.remove(&number);
            if let Some(key) = dial.as_ref().and_then(|dial| dial.timeout) {
                self.net.inner.sim.unschedule(key);
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
            let Some(listening) = state
                .listeners
                .get_mut(&(self.node.id(), self.port.clone()))
            else {
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
            drop(listening);
        }
    }
}

impl Inner {
    fn dial(self: &Rc<Self>, node: &NodeHandle, to: NodeId, port: &str) -> u32 {
        let sim = &self.sim;
        let text = format!("{}->{}", node.name(), sim.node_name(to));
        let name = sim.name(&text);
        let actor = format!("{text}/connect");
        let (latency, site) = (
            sim.stream(&sites::LATENCY, &actor),
            sim.stream(&sites::CONNECT, &actor),
        );
        let welcome = sim.choose(site, &WELCOMES);
        let event = sim.emit(node.id(), &kinds::CONNECT, name, [0; 3]);
        let number = {
            let mut state = self.state.borrow_mut();
            let number = state.next_dial;
            state.next_dial += 1;
            number
        };
        let event_at =
            |at: Time, lane: Lane, node: NodeId, kind: u64, label: &'static str| Schedule {
                at,
                lane,
                node,
                label,
                subject: name,
                action: Action::Resource {
                    resource: self.id.get(),
                    token: deliver::token(kind, 0, number),
                },
            };
        let (n, delay) = self.transit_of_dial(latency);
        if welcome != Welcome::Lost {
            // On its way like a message, and in no order with anything else.
            let lane = sim.lane();
            let at = node.now() + delay;
            let key = sim.schedule_caused(event_at(at, lane, to, deliver::DIAL, "connect"), event);
            let governed = Governed {
                stream: latency,
                n,
                latency: delay,
                base: node.now() - sim.now(),
            };
            sim.governed(key, governed);
        }
        let give_up = node.now() + self.config.connect_timeout;
        let timeout = sim.schedule_caused(
            event_at(
                give_up,
                Lane::TIMER,
                node.id(),
                deliver::GIVE_UP,
                "connect-timeout",
            ),
            event,
        );
        let dial = Dial {
            node: node.clone(),
            to,
            port: port.into(),
            name,
            latency,
            welcome,
            timeout: Some(timeout),
            made: None,
            answered: false,
            waker: None,
        };
        self.state.borrow_mut().dials.insert(number, dial);
        number
    }

    /// Which choice decides how long an attempt or its answer is under way, and the answer.
    fn transit_of_dial(&self, latency: StreamId) -> (u64, Duration) {
        self.sim.with_choices(|choices| {
            let n = choices.position(latency);
            (n, choices.choose(latency, &self.latencies()))
        })
    }

    pub(super) fn latencies(&self) -> Latency {
        Latency {
            quiet: self.config.latency,
            max: self.config.latency_max,
        }
    }

    /// An attempt reaches its target: it is accepted or refused, or waits for a blocked link.
    pub(super) fn dial_arrives(self: &Inner, number: u32) {
        let (from, to, name, welcome, port) = {
            let mut state = self.state.borrow_mut();
            let Some(dial) = state.dials.get(&number) else {
                return;
            };
            let (from, to) = (dial.node.id(), dial.to);
            let found = (from, to, dial.name, dial.welcome, dial.port.clone());
            if let Some(link) = state
                .links
                .get_mut(&(from, to))
                .filter(|link| link.blocked > 0)
            {
                link.dials.push(number);
                return;
            }
            found
        };
        let listens = self
            .state
            .borrow()
            .listeners
            .contains_key(&(to, port.clone()));
        let made = if listens && self.sim.is_up(to) && welcome == Welcome::Normal {
            let event = self.sim.emit(to, &kinds::ACCEPT, name, [0; 3]);
            self.sim.set_cause(event);
            Ok(self.establish(number, to, port))
        } else {
            let event = self.sim.emit(to, &kinds::REFUSE, name, [0; 3]);
            self.sim.set_cause(event);
            Err(NetError::Refused)
        };
        let mut state = self.state.borrow_mut();
        let Some(dial) = state.dials.get_mut(&number) else {
            drop(state);
            drop(made);
            return;
        };
        dial.made = Some(made);
        let latency = dial.latency;
        drop(state);
        let (n, delay) = self.transit_of_dial(latency);
        let answered_at = self.sim.node_now(to);
        let key = self.sim.schedule(Schedule {
            at: answered_at + delay,
            lane: self.sim.lane(),
            node: from,
            label: "connected",
            subject: name,
            action: Action::Resource {
                resource: self.id.get(),
                token: deliver::token(deliver::ANSWER, 0, number),
            },
        });
        let governed = Governed {
            stream: latency,
            n,
            latency: delay,
            base: answered_at - self.sim.now(),
        };
        self.sim.governed(key, governed);
    }

    /// An attempt that waited for its link goes on.
    pub(super) fn redial(&self, number: u32) {
        let (name, node) = {
            let state = self.state.borrow();
            let Some(dial) = state.dials.get(&number) else {
                return;
            };
            (dial.name, dial.to)
        };
        self.sim.schedule(Schedule {
            at: self.sim.now() + self.config.latency,
            lane: self.sim.lane(),
            node,
            label: "connect",
            subject: name,
            action: Action::Resource {
                resource: self.id.get(),
                token: deliver::token(deliver::DIAL, 0, number),
            },
        });
    }

    /// Makes the connection: the acceptor's end goes to its listener, the dialer's end is returned.
    fn establish(&self, number: u32, to: NodeId, port: Box<str>) -> Stream {
        let (dialer, acceptor) = {
            let state = self.state.borrow();
            (
                state.dials[&number].node.clone(),
                state.listeners[&(to, port.clone())].node.clone(),
            )
        };
        let from = dialer.id();
        let ordinal = {
            let mut state = self.state.borrow_mut();
            let ordinal = state.ordinals.entry((from, to)).or_insert(0);
            *ordinal += 1;
            *ordinal
        };
        let suffix = if ordinal == 1 {
            String::new()
        } else {
            format!("#{ordinal}")
        };
        let pipes = [(from, to), (to, from)].map(|(from, to)| {
            let name = format!(
                "{}->{}{suffix}",
                self.sim.node_name(from),
                self.sim.node_name(to)
            );
            self.new_pipe(from, to, &name)
        });
        let (index, generation) = {
            let mut state = self.state.borrow_mut();
            let mut conn = Conn {
                generation: 0,
                pipes,
                ended: None,
                sides: [Side::default(), Side::default()],
            };
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
        let end = |node: &NodeHandle, side: usize| {
            let out = PipeId((index * 2 + side) as u32);
            Stream::new(Endpoint::new(self.net(), node.clone(), out, generation))
        };
        let (near, far) = (end(&dialer, 0), end(&acceptor, 1));
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

    fn new_pipe(&self, from: NodeId, to: NodeId, name: &str) -> Pipe {
        Pipe {
            from,
            to,
            name: self.sim.name(name),
            lane: self.sim.lane(),
            streams: PipeStreams::new(&self.sim, name),
            in_flight: VecDeque::new(),
            received: VecDeque::new(),
            pending_bytes: 0,
            last_at: Time::ZERO,
            parked: 0,
            fin_sent: false,
            fin_received: false,
            ends_after_next: false,
            reader: None,
            writer: None,
            on_data: None,
        }
    }

    pub(super) fn dial_answered(&self, number: u32) {
        let (node, name) = {
            let state = self.state.borrow();
            let Some(dial) = state.dials.get(&number) else {
                return;
            };
            (dial.node.id(), dial.name)
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
