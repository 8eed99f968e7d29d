//! One WebSocket connection of the server: frames in, frames out, keepalive, and the two ways in which it ends: the
//! network says so, or an exception drops it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::Process;
use crate::flows::mailbox::protocol::ServerFrame;
use crate::flows::mailbox::server::{Connection, Keepalive, KeepaliveStep, Listener, Raised};
use crate::flows::mailbox::websocket::Frame;
use crate::flows::mailbox::{sites, trace};
use crate::kernel::{QueueKey, Time};
use crate::net::{Messages, Stream};

/// The address clients are seen to come from.
const CLIENT_HOST: &str = "198.51.100.7";

/// One connection.
pub(super) struct Session {
    process: Weak<Process>,
    number: u64,
    name: String,
    messages: Messages,
    connection: RefCell<Option<Rc<Connection>>>,
    keepalive: RefCell<Keepalive>,
    /// The closing handshake has begun: the transport is there, and refuses.
    closing: Cell<bool>,
    over: Cell<bool>,
    timer: Cell<Option<QueueKey>>,
}

impl Session {
    /// Accepts a connection.
    pub(super) fn open(process: &Rc<Process>, number: u64, stream: Stream) {
        let messages = Messages::in_order(stream);
        let session = Rc::new(Session {
            process: Rc::downgrade(process),
            number,
            name: messages.peer().to_string(),
            messages,
            connection: RefCell::default(),
            keepalive: RefCell::new(Keepalive::new(monotonic(process))),
            closing: Cell::new(false),
            over: Cell::new(false),
            timer: Cell::new(None),
        });
        process.sessions.borrow_mut().insert(number, Rc::clone(&session));
        process.watch.connected(number);
        let wire: Rc<dyn Listener> = Rc::new(Wire(Rc::downgrade(&session)));
        let port = 40_000 + (number % 20_000) as u16;
        let ended = Rc::downgrade(&session);
        session.messages.on_end(move |_| {
            if let Some(session) = ended.upgrade() {
                session.lost();
            }
        });
        match process.server.connect(wire, Some((CLIENT_HOST, port))) {
            Ok(connection) => {
                process.watch.known_as(number, connection.handle);
                session.connection.replace(Some(connection));
            }
            Err(raised) => return session.drop_transport(&raised),
        }
        let receiver = Rc::downgrade(&session);
        session.messages.on_message(move |bytes| {
            if let Some(session) = receiver.upgrade() {
                session.received(bytes);
            }
        });
        session.keep_alive();
    }

    fn received(&self, bytes: &[u8]) {
        let Some(process) = self.process.upgrade() else { return };
        if self.over.get() || self.closing.get() {
            return;
        }
        match Frame::decode(bytes) {
            Some(Frame::Text(payload)) => self.handle(&process, payload),
            Some(Frame::Ping(number)) => {
                let _ = self.messages.send_labelled("pong", &Frame::Pong(number).encode());
            }
            Some(Frame::Pong(number)) => self.keepalive.borrow_mut().pong(number, monotonic(&process)),
            Some(Frame::Close) => {
                self.closing.set(true);
                process.watch.closing(self.number);
                let _ = self.messages.send_labelled("close", &Frame::Close.encode());
                self.messages.close();
            }
            None => {}
        }
    }

    fn handle(&self, process: &Rc<Process>, payload: &[u8]) {
        let Some(connection) = self.connection.borrow().clone() else { return };
        let words = String::from_utf8_lossy(payload);
        process.node.note(&trace::COMMAND, &self.name, format_args!("{words}"));
        let entered = process.watch.received(self.number, payload);
        let result = connection.on_message(payload);
        process.watch.handled(self.number, &entered, &result);
        if let Err(raised) = result {
            self.drop_transport(&raised);
        }
    }

    /// An exception has escaped: the transport goes without a word, and the server is told in a later turn.
    fn drop_transport(&self, raised: &Raised) {
        let Some(process) = self.process.upgrade() else { return };
        if self.over.get() || !process.node.is_alive() {
            return;
        }
        process.node.note(&trace::RAISED, &self.name, format_args!("{raised}"));
        self.abort(&process);
    }

    fn abort(&self, process: &Rc<Process>) {
        if self.over.replace(true) {
            return;
        }
        self.ended(process);
        self.messages.abort();
        let (process, number) = (Rc::downgrade(process), self.number);
        let node = process.upgrade().map(|process| process.node.clone());
        if let Some(node) = node {
            node.eventually("connection-lost", move || {
                let Some(process) = process.upgrade() else { return };
                let session = process.sessions.borrow().get(&number).cloned();
                if let Some(session) = session {
                    session.tell(&process);
                }
            });
        }
    }

    /// The network says that the connection has ended.
    fn lost(&self) {
        let Some(process) = self.process.upgrade() else { return };
        if self.over.replace(true) {
            return;
        }
        self.ended(&process);
        self.tell(&process);
    }

    fn ended(&self, process: &Process) {
        if let Some(timer) = self.timer.take() {
            process.node.cancel(timer);
        }
        process.watch.over(self.number);
    }

    fn tell(&self, process: &Rc<Process>) {
        let connection = self.connection.borrow().clone();
        if let Some(connection) = connection {
            connection.on_lost();
        }
        process.forget(self.number);
    }

    fn keep_alive(self: &Rc<Self>) {
        let Some(process) = self.process.upgrade() else { return };
        let now = monotonic(&process);
        let wait = self.keepalive.borrow().due().saturating_sub(now);
        let session = Rc::downgrade(self);
        let timer = process.node.after(wait, "keepalive", move || {
            let Some((session, process)) = session.upgrade().and_then(|s| Some((s.clone(), s.process.upgrade()?)))
            else {
                return;
            };
            if session.over.get() {
                return;
            }
            let step = session.keepalive.borrow_mut().step(monotonic(&process));
            match step {
                Some(KeepaliveStep::Ping(number)) => {
                    let _ = session.messages.send_labelled("ping", &Frame::Ping(number).encode());
                }
                Some(KeepaliveStep::Drop) => {
                    process.node.note(&trace::RAISED, &session.name, format_args!("no pong: dropped"));
                    return session.abort(&process);
                }
                None => {}
            }
            session.keep_alive();
        });
        self.timer.set(timer);
    }

    fn send(&self, frame: &ServerFrame, server_tx: f64) -> Result<(), Raised> {
        let closed = || Raised::new("Disconnected", "attempt to send on a closed connection");
        let process = self.process.upgrade().ok_or_else(closed)?;
        process.watch.sending(self.number, frame);
        if self.closing.get() || self.over.get() {
            return Err(closed());
        }
        let bytes = frame.to_bytes(server_tx);
        if !matches!(frame, ServerFrame::Ack { .. }) {
            process.node.note(&trace::FRAME, &self.name, format_args!("{}", String::from_utf8_lossy(&bytes)));
        }
        let label = match frame {
            ServerFrame::Message(_) => "message",
            _ => "reply",
        };
        let sent = self.messages.send_labelled(label, &Frame::Text(&bytes).encode());
        if sent.is_err() {
            return Err(closed());
        }
        process.watch.sent(self.number, frame);
        if let ServerFrame::Message(_) = frame {
            process.node.boundary(&sites::LISTENER, "listener");
        }
        Ok(())
    }
}

/// A clock that never jumps.
fn monotonic(process: &Process) -> Duration {
    process.node.now().since(Time::ZERO)
}

/// The far end as the server's core sees it. It does not keep the session.
struct Wire(Weak<Session>);

impl Listener for Wire {
    fn send(&self, frame: &ServerFrame, server_tx: f64) -> Result<(), Raised> {
        match self.0.upgrade() {
            Some(session) => session.send(frame, server_tx),
            None => Err(Raised::new("Disconnected", "the connection is gone")),
        }
    }

    fn stop(&self) -> Result<(), Raised> {
        let session = self.0.upgrade();
        if let Some((session, process)) = session.and_then(|s| Some((s.clone(), s.process.upgrade()?))) {
            process.watch.stopped(session.number);
            process.node.boundary(&sites::LISTENER_STOP, "stop");
        }
        Ok(())
    }

    fn abandon(&self) {
        if let Some((session, process)) = self.0.upgrade().and_then(|s| Some((s.clone(), s.process.upgrade()?))) {
            session.abort(&process);
        }
    }
}
