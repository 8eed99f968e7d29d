//! Commands and frames as they pass.

use serde_json::Value as Json;

use super::session::{Current, Session, Subscribed, name_of, stored_text};
use super::symptoms::Symptom;
use super::{State, Watch};
use crate::check::Outcome;
use crate::flows::mailbox::invariants::{Id, time, usage, wire};
use crate::flows::mailbox::model::{ChannelRows, Delivery, MessageRow, NameEvent, Reply};
use crate::flows::mailbox::protocol::{ServerFrame, text};
use crate::flows::mailbox::server::{Handle, Raised};
use crate::flows::mailbox::variants::FanOut;

/// Where a command stands among those of its connection that are being handled.
pub struct Entered {
    depth: usize,
    trouble: u64,
}

impl Watch {
    /// A connection was accepted.
    pub fn connected(&self, number: u64) {
        if self.node().is_some() {
            self.touched.set(true);
            let session = Session::new();
            self.state.borrow_mut().sessions.insert(number, session);
        }
    }

    /// The server knows it by this handle.
    pub fn known_as(&self, number: u64, handle: Handle) {
        self.with_session(number, |session| session.handle = handle);
    }

    /// A command has arrived and is about to be handled, or queued.
    pub fn received(&self, number: u64, payload: &[u8]) -> Entered {
        self.touched.set(true);
        let depth = self.with_session(number, |session| {
            session.received(payload);
            session.stack.len()
        });
        Entered { depth: depth.unwrap_or(0), trouble: self.trouble.count() }
    }

    /// The handler has returned, or raised.
    pub fn handled(&self, number: u64, entered: &Entered, result: &Result<(), Raised>) {
        let Some(node) = self.node() else { return };
        self.absorb();
        let raised = result.as_ref().err();
        let troubled = self.trouble.count() != entered.trouble;
        let was_open = self.with_session(number, |session| {
            let open = session.is_open();
            if let Some(raised) = raised.filter(|_| open) {
                session.log.replies.push(Reply::Dropped(raised.name.to_owned()));
            }
            session.changed = true;
            open
        });
        loop {
            let current = self
                .with_session(number, |session| (session.stack.len() > entered.depth).then(|| session.stack.pop())?);
            let Some(current) = current.flatten() else { break };
            self.finished(number, &current, raised.is_none());
        }
        if was_open != Some(true) {
            return;
        }
        if raised.is_some_and(|raised| raised.detail.contains("FOREIGN KEY")) {
            self.symptoms.seen(&node, Symptom::ForeignKeyFailure);
        }
        let state = self.state.borrow();
        if let Some(session) = state.sessions.get(&number) {
            let outcome = wire::no_drop_without_reason(&session.log, troubled);
            self.report(Id::NoDropWithoutReason, outcome);
        }
    }

    /// A frame is about to be handed to the transport: what it says must be true now.
    pub fn sending(&self, number: u64, frame: &ServerFrame) {
        if self.node().is_none() {
            return;
        }
        self.absorb();
        if let ServerFrame::Ack { .. } = frame {
            self.begins(number);
            return;
        }
        self.check_promise(number, frame);
        match frame {
            ServerFrame::Allocated { nameplate } => self.allocated(number, nameplate),
            ServerFrame::Claimed { mailbox } => self.claimed(number, mailbox),
            ServerFrame::Error { error, .. } => self.refused(number, error),
            ServerFrame::Message(_) => self.subscribes(number),
            _ => {}
        }
    }

    /// A frame was handed to the transport.
    pub fn sent(&self, number: u64, frame: &ServerFrame) {
        if self.node().is_none() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&number) else {
            return;
        };
        session.replied(frame);
        if let ServerFrame::Closed = frame {
            session.subscribed = None;
        }
        let ServerFrame::Message(message) = frame else {
            return;
        };
        if let Some(subscribed) = &mut session.subscribed {
            subscribed.delivered.push(name_of(message));
        }
        let key = (stored_text(&message.side), stored_text(&message.phase), stored_text(&message.body));
        for (_, delivery) in state.deliveries.iter_mut().filter(|(known, _)| *known == key) {
            delivery.reached.push(number);
        }
    }

    /// The server told the connection that its mailbox is gone.
    pub fn stopped(&self, number: u64) {
        self.with_session(number, |session| session.subscribed = None);
    }

    /// The client has begun the closing handshake.
    pub fn closing(&self, number: u64) {
        self.with_session(number, |session| {
            session.closing = true;
            session.subscribed = None;
        });
    }

    /// The transport is gone, as far as the server was told.
    pub fn over(&self, number: u64) {
        let Some(node) = self.node() else { return };
        self.touched.set(true);
        let step = node.sim().step();
        self.with_session(number, |session| {
            session.over.get_or_insert(step);
            session.subscribed = None;
            session.changed = true;
        });
    }

    pub(super) fn with_session<R>(&self, number: u64, use_it: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.node()?;
        self.state.borrow_mut().sessions.get_mut(&number).map(use_it)
    }

    /// The `ack` of a command: from here on, frames answer it.
    fn begins(&self, number: u64) {
        let (before, usage_rows, when) = (self.rows(), self.accounts().mailboxes.len(), self.now());
        let previous = self.with_session(number, |session| match self.rules.fan_out {
            FanOut::Outboxes => std::mem::take(&mut session.stack),
            FanOut::LiveDictionary => Vec::new(),
        });
        for current in previous.unwrap_or_default() {
            self.finished(number, &current, true);
        }
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&number) else { return };
        let Some(command) = session.waiting.pop_front() else { return };
        let kind = command.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        let current = Current { command, kind, before, usage_rows, refused: false, touched: Vec::new() };
        if current.kind == "bind" && session.app.is_none() {
            session.app = current.text("appid").map(str::to_owned);
            session.side = current.text("side").map(str::to_owned);
        }
        let asked = |key, own: &Option<String>| current.text(key).map(str::to_owned).or_else(|| own.clone());
        state.deletion.at = when;
        state.deletion.pruned = false;
        state.deletion.closer = match current.kind.as_str() {
            "close" => asked("mailbox", &session.opened)
                .zip(session.side.clone())
                .map(|(mailbox, side)| (mailbox, side, current.text("mood").map(str::to_owned))),
            _ => None,
        };
        session.stack.push(current);
        state.expect_delivery(number);
    }

    /// A command is over: answered, or silently done, or ended by an exception.
    fn finished(&self, number: u64, current: &Current, returned: bool) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&number) else { return };
        let open = session.is_open();
        if !current.refused && returned {
            for mailbox in &current.touched {
                state.history.active.insert(mailbox.clone(), now);
            }
        }
        match current.kind.as_str() {
            "open" if !current.refused && returned => {
                let mailbox = current.text("mailbox").unwrap_or_default();
                session.opened = Some(mailbox.to_owned());
                if open && session.subscribed.is_none() {
                    session.subscribed = Some(Subscribed { mailbox: mailbox.to_owned(), ..Subscribed::default() });
                }
                if let Some(side) = &session.side {
                    state.history.admission(mailbox, side, true);
                }
            }
            "close" if !current.refused => {
                session.subscribed = None;
                let mailbox = current.text("mailbox").map(str::to_owned).or_else(|| session.opened.clone());
                let gone = mailbox.filter(|mailbox| returned && state.history.retired.contains(mailbox));
                if gone.is_some_and(|mailbox| current.before.mailbox(&mailbox).is_none()) {
                    let after = self.accounts().mailboxes.len();
                    let outcome = usage::repeated_close_adds_no_usage(current.usage_rows, after);
                    self.report(Id::RepeatedCloseAddsNoUsage, outcome);
                }
            }
            "add" => {
                let (side, phase, body) =
                    (session.side.clone().unwrap_or_default(), field(current, "phase"), field(current, "body"));
                let count = |rows: &ChannelRows| {
                    let same = |x: &&MessageRow| x.side == side && x.phase == phase && x.body == body;
                    rows.messages.iter().filter(same).count()
                };
                // The same message may have been stored before, by another connection of the same side.
                let stored = count(&self.rows()) > count(&current.before);
                let key = (side, phase, body);
                // What was never stored is owed to nobody.
                state.deliveries.retain(|(known, delivery)| {
                    stored || *known != key || delivery.sender != number || !delivery.reached.is_empty()
                });
                if !returned && open {
                    let own = state
                        .deliveries
                        .iter_mut()
                        .filter(|(known, delivery)| *known == key && delivery.sender == number);
                    own.for_each(|(_, delivery)| delivery.sender_dropped = true);
                }
            }
            _ => {}
        }
    }

    fn check_promise(&self, number: u64, frame: &ServerFrame) {
        let rows = self.rows();
        let mut state = self.state.borrow_mut();
        let Some(session) = state.sessions.get(&number) else { return };
        let (Some(app), Some(side)) = (&session.app, &session.side) else { return };
        let Some(promise) = session.promise(frame) else { return };
        self.report(Id::AnswerIsDurable, wire::answer_is_durable(app, side, &promise, &rows));
        state.promised = self.committed.borrow().counters();
    }

    fn allocated(&self, number: u64, name: &str) {
        let rows = self.rows();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&number) else { return };
        let (Some(current), Some(app)) = (session.stack.last(), &session.app) else { return };
        let taken: Vec<_> =
            current.before.nameplates.iter().filter(|n| n.app == *app).map(|n| n.name.clone()).collect();
        self.report(Id::AllocatedNameIsShort, time::allocated_name_is_short(name, &taken));
        if let (Some(side), Some(nameplate)) =
            (&session.side, rows.nameplates.iter().find(|n| n.app == *app && n.name == name))
        {
            state.history.admission(&nameplate.mailbox, side, true);
        }
        if let (Some(node), true) = (self.node(), name.chars().count() > 1) {
            self.symptoms.seen(&node, Symptom::LongNames);
        }
    }

    fn claimed(&self, number: u64, mailbox: &str) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&number) else { return };
        let name = session.stack.last().and_then(|current| current.text("nameplate")).unwrap_or_default().to_owned();
        session.claimed = Some(name.clone());
        if let (Some(side), Some(app)) = (&session.side, &session.app) {
            state.history.admission(mailbox, side, true);
            let events = state.history.names.entry(app.clone()).or_default();
            events.push(NameEvent::Claimed { name, side: side.clone(), mailbox: mailbox.to_owned() });
            self.report(Id::SameSideSameMailbox, wire::same_side_same_mailbox(events));
        }
    }

    fn refused(&self, number: u64, error: &str) {
        let rows = self.rows();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&number) else { return };
        // What has no type is not acked: it is answered as soon as it is read.
        if session.waiting.front().is_some_and(|command| !command.contains_key("type")) {
            session.waiting.pop_front();
            return;
        }
        let Some(current) = session.stack.last_mut() else { return };
        current.refused = true;
        let outcome = if std::rc::Rc::ptr_eq(&current.before, &rows) {
            Outcome::Held
        } else {
            time::refusal_changes_nothing(&current.before, &rows)
        };
        self.report(Id::RefusalChangesNothing, outcome);
        if error == text::CROWDED {
            let mailbox = match current.kind.as_str() {
                "claim" => {
                    let name = current.text("nameplate");
                    let found = rows
                        .nameplates
                        .iter()
                        .find(|n| Some(&n.app) == session.app.as_ref() && Some(n.name.as_str()) == name);
                    found.map(|n| n.mailbox.clone())
                }
                _ => current.text("mailbox").map(str::to_owned).or_else(|| session.opened.clone()),
            };
            if let (Some(mailbox), Some(side)) = (mailbox, &session.side) {
                state.history.admission(&mailbox, side, false);
            }
        }
    }

    /// The first message of a backlog: the subscription stands before the command that asked for it is over.
    fn subscribes(&self, number: u64) {
        self.with_session(number, |session| {
            let opening = session.stack.last().filter(|current| current.kind == "open");
            if let (None, Some(mailbox)) = (&session.subscribed, opening.and_then(|current| current.text("mailbox"))) {
                session.subscribed = Some(Subscribed { mailbox: mailbox.to_owned(), ..Subscribed::default() });
            }
        });
    }
}

impl State {
    /// If the command that begins is an `add`: whoever listens has to get it. A connection in its closing handshake is
    /// still in the server's dictionary.
    fn expect_delivery(&mut self, number: u64) {
        let Some(session) = self.sessions.get(&number) else { return };
        let (Some(current), Some(subscribed)) = (session.stack.last(), &session.subscribed) else { return };
        if current.kind != "add" {
            return;
        }
        let mailbox = &subscribed.mailbox;
        let listens = |other: &Session| match &other.subscribed {
            Some(subscribed) => subscribed.mailbox == *mailbox,
            None => other.closing && other.over.is_none() && other.opened.as_ref() == Some(mailbox),
        };
        let key = (session.side.clone().unwrap_or_default(), field(current, "phase"), field(current, "body"));
        let listeners = self.sessions.iter().filter(|(_, other)| listens(other)).map(|(number, _)| *number).collect();
        self.deliveries.push((key, Delivery { sender: number, listeners, ..Delivery::default() }));
    }
}

fn field(current: &Current, key: &str) -> String {
    current.command.get(key).map(stored_text).unwrap_or_default()
}
