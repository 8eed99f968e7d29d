//! One connection of a client: text frames in both directions, pings answered, the closing handshake.

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::Heard;
use crate::flows::mailbox::websocket::Frame;
use crate::kernel::QueueKey;
use crate::net::{Messages, Stream};
use crate::world::Node;

/// How often a client pings: a dead connection is noticed when nothing comes through.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// What somebody at a line is told.
pub trait Listens {
    /// A frame has arrived.
    fn heard(self: Rc<Self>, frame: &Heard);
    /// The connection is gone; told once, and not for one's own doing.
    fn lost(self: Rc<Self>);
}

/// A connection.
pub struct Line {
    node: Node,
    messages: Messages,
    deaf: Cell<bool>,
    over: Cell<bool>,
    timer: Cell<Option<QueueKey>>,
}

impl Line {
    /// A connection whose frames go to somebody, who is not kept by it.
    pub fn new<T: Listens + 'static>(node: &Node, stream: Stream, ear: &Rc<T>) -> Rc<Line> {
        let line = Rc::new(Line {
            node: node.clone(),
            messages: Messages::in_order(stream),
            deaf: Cell::new(false),
            over: Cell::new(false),
            timer: Cell::new(None),
        });
        let (this, told): (_, Weak<T>) = (Rc::downgrade(&line), Rc::downgrade(ear));
        line.messages.on_end(move |_| {
            if let Some(line) = this.upgrade()
                && line.end()
                && !line.deaf.get()
                && let Some(ear) = told.upgrade()
            {
                ear.lost();
            }
        });
        let (this, told): (_, Weak<T>) = (Rc::downgrade(&line), Rc::downgrade(ear));
        line.messages.on_message(move |bytes| {
            if let (Some(line), Some(ear)) = (this.upgrade(), told.upgrade()) {
                line.received(bytes, ear);
            }
        });
        line.ping(1);
        line
    }

    fn received<T: Listens>(&self, bytes: &[u8], ear: Rc<T>) {
        if self.deaf.get() {
            return;
        }
        match Frame::decode(bytes) {
            Some(Frame::Text(payload)) if !self.over.get() => {
                if let Ok(frame) = serde_json::from_slice::<Heard>(payload) {
                    ear.heard(&frame);
                }
            }
            Some(Frame::Ping(number)) => {
                let _ = self.messages.send_labelled("pong", &Frame::Pong(number).encode());
            }
            // The other half of the handshake, or its beginning.
            Some(Frame::Close) => {
                self.end();
                self.messages.close();
            }
            Some(Frame::Text(_) | Frame::Pong(_)) | None => {}
        }
    }

    fn ping(self: &Rc<Self>, number: u64) {
        let line = Rc::downgrade(self);
        let timer = self.node.after(PING_INTERVAL, "client-ping", move || {
            if let Some(line) = line.upgrade() {
                let _ = line.messages.send_labelled("ping", &Frame::Ping(number).encode());
                line.ping(number + 1);
            }
        });
        self.timer.set(timer);
    }

    /// Nothing more is said on it. Answers whether that is news.
    fn end(&self) -> bool {
        self.stop_pinging();
        !self.over.replace(true)
    }

    fn stop_pinging(&self) {
        if let Some(timer) = self.timer.take() {
            self.node.cancel(timer);
        }
    }

    /// Whether commands can still be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.over.get()
    }

    /// Sends a command. What is sent into a connection that is gone is lost.
    pub fn say(&self, command: &str) {
        if !self.over.get() {
            let _ = self.messages.send_labelled("command", &Frame::Text(command.as_bytes()).encode());
        }
    }

    /// Begins the closing handshake; the other side ends it.
    pub fn leave(&self) {
        if self.end() {
            let _ = self.messages.send_labelled("close", &Frame::Close.encode());
        }
    }

    /// Begins the closing handshake and never ends it: nothing is read any more, and the connection stays.
    pub fn linger(&self) {
        let _ = self.messages.send_labelled("close", &Frame::Close.encode());
        self.become_deaf();
    }

    /// The machine at the other end of the cable is gone: nothing is sent or answered, and nobody is told.
    pub fn vanish(&self) {
        self.become_deaf();
    }

    fn become_deaf(&self) {
        self.stop_pinging();
        self.deaf.set(true);
    }

    /// Whether nothing is heard here any more.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.deaf.get()
    }

    /// Drops the connection.
    pub fn abort(&self) {
        self.end();
        self.messages.abort();
    }
}
