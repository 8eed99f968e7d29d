//! One WebSocket connection: what a client may say in which order, and the flags that remember what it said.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::{Value as Json, json};

use super::commands::{Closing, commands};
use super::listeners::{Handle, Listener};
use super::{AppNamespace, Mailbox, Raised, Refusal, Server};
use crate::flows::mailbox::database::Value;
use crate::flows::mailbox::model::ConnectionView;
use crate::flows::mailbox::protocol::{
    Command, ServerFrame, StoredMessage, bindable, client_version, is_well_typed, parse, text,
};
use crate::flows::mailbox::variants::{BadInput, FanOut};

/// A connection. Bytes come in through [`on_message`](Connection::on_message); when that fails, the transport
/// must be dropped without a word, and [`on_lost`](Connection::on_lost) be called when it is gone.
pub struct Connection {
    /// Identifies it among all listeners.
    pub handle: Handle,
    server: Rc<Server>,
    wire: Rc<dyn Listener>,
    app: RefCell<Option<Rc<AppNamespace>>>,
    side: RefCell<Json>,
    nameplate: RefCell<Option<String>>,
    mailbox: RefCell<Option<Rc<Mailbox>>>,
    mailbox_id: RefCell<Json>,
    did_allocate: Cell<bool>,
    did_claim: Cell<bool>,
    did_release: Cell<bool>,
    did_open: Cell<bool>,
    did_close: Cell<bool>,
    listening: Cell<bool>,
    lost: Cell<bool>,
    busy: Cell<bool>,
    queue: RefCell<VecDeque<Vec<u8>>>,
}

impl Connection {
    pub(super) fn new(server: Rc<Server>, handle: Handle, wire: Rc<dyn Listener>) -> Rc<Connection> {
        Rc::new(Connection {
            handle,
            server,
            wire,
            app: RefCell::default(),
            side: RefCell::default(),
            nameplate: RefCell::default(),
            mailbox: RefCell::default(),
            mailbox_id: RefCell::default(),
            did_allocate: Cell::default(),
            did_claim: Cell::default(),
            did_release: Cell::default(),
            did_open: Cell::default(),
            did_close: Cell::default(),
            listening: Cell::default(),
            lost: Cell::default(),
            busy: Cell::default(),
            queue: RefCell::default(),
        })
    }

    pub(super) fn welcome(&self, peer: Option<(&str, u16)>) -> Result<(), Raised> {
        let mut welcome = self.server.config.welcome.clone();
        if let (true, Some((host, port))) = (self.server.rules.your_address, peer) {
            let family = if host.contains(':') { "ipv6" } else { "ipv4" };
            welcome.insert("your-address".into(), json!({ "port": port, family: host }));
        }
        self.send(ServerFrame::Welcome(welcome))
    }

    /// Handles one frame from the client.
    ///
    /// # Errors
    /// An exception that the server does not catch: the transport has to be dropped.
    pub fn on_message(&self, payload: &[u8]) -> Result<(), Raised> {
        if self.server.rules.fan_out == FanOut::LiveDictionary {
            return self.handle_frame(payload);
        }
        // A command that arrives from inside one of the same connection waits for its turn.
        self.queue.borrow_mut().push_back(payload.to_vec());
        if self.busy.replace(true) {
            return Ok(());
        }
        let mut result = Ok(());
        while result.is_ok() && !self.lost.get() {
            let Some(payload) = self.queue.borrow_mut().pop_front() else {
                break;
            };
            result = self.handle_frame(&payload);
        }
        self.busy.set(false);
        result
    }

    /// The transport is gone. Rows stay as they are: the same side may come back.
    pub fn on_lost(&self) {
        if self.lost.replace(true) {
            return;
        }
        if let Some(app) = self.app.borrow().as_ref() {
            app.bound.set(app.bound.get() - 1);
        }
        if let Some(mailbox) = self.mailbox() {
            if self.listening.get()
                && let Some(subscriber) = mailbox.remove_listener(self.handle)
            {
                subscriber.end();
            }
            // Also after a close that failed half-way: its listener had gone before.
            self.server.forget_if_idle(&mailbox);
        }
    }

    /// What it looks like, for checks.
    #[must_use]
    pub fn view(&self) -> ConnectionView {
        let mailbox = self.mailbox().filter(|mailbox| mailbox.handles().contains(&self.handle));
        ConnectionView {
            handle: self.handle,
            lost: self.lost.get(),
            app: self.app.borrow().as_ref().map(|app| (app.id.clone(), app.object)),
            side: self.side.borrow().as_str().map(str::to_owned),
            listening: mailbox.map(|mailbox| (mailbox.id.clone(), mailbox.object)),
        }
    }

    pub(super) fn mailbox(&self) -> Option<Rc<Mailbox>> {
        self.mailbox.borrow().clone()
    }

    fn handle_frame(&self, payload: &[u8]) -> Result<(), Raised> {
        let when = self.server.surroundings.now();
        let command = parse(payload)?;
        match self.dispatch(&command, when) {
            Ok(()) => Ok(()),
            Err(Refusal::Raised(raised)) => Err(raised),
            Err(Refusal::Error(error)) => self.send(ServerFrame::Error { error, orig: command }),
        }
    }

    fn dispatch(&self, command: &Command, when: f64) -> Result<(), Refusal> {
        let kind = command.get("type").ok_or(Refusal::Error(text::MISSING_TYPE))?;
        self.send(ServerFrame::Ack { id: command.get("id").cloned().unwrap_or_default() })?;
        if self.lost.get() && self.server.rules.fan_out == FanOut::Outboxes {
            // The loss was told from inside the sending: nothing may be opened for nobody.
            return Ok(());
        }
        if self.server.rules.bad_input == BadInput::AnswersError && !is_well_typed(command) {
            return Err(Refusal::Error(text::WRONG_TYPE));
        }
        match kind.as_str() {
            Some("ping") => return self.ping(command),
            Some("bind") => return self.bind(command, when),
            _ => {}
        }
        let app = self.app.borrow().clone().ok_or(Refusal::Error(text::BIND_FIRST))?;
        match kind.as_str() {
            Some("list") => self.list(&app),
            Some("allocate") => self.allocate(&app, when),
            Some("claim") => self.claim(&app, command, when),
            Some("release") => self.release(&app, command, when),
            Some("open") => self.open(&app, command, when),
            Some("add") => self.add(&app, command, when),
            Some("close") => self.close(&app, command, when),
            _ => Err(Refusal::Error(text::UNKNOWN_TYPE)),
        }
    }

    fn ping(&self, command: &Command) -> Result<(), Refusal> {
        let pong = command.get("ping").ok_or(Refusal::Error(text::PING))?.clone();
        Ok(self.send(ServerFrame::Pong { pong })?)
    }

    fn bind(&self, command: &Command, when: f64) -> Result<(), Refusal> {
        if self.app.borrow().is_some() {
            return Err(Refusal::Error(text::ALREADY_BOUND));
        }
        let app = command.get("appid").ok_or(Refusal::Error(text::BIND_APPID))?;
        let side = command.get("side").ok_or(Refusal::Error(text::BIND_SIDE))?;
        let app = app.as_str().ok_or_else(|| Raised::assertion("appid is not a string"))?;
        let app = self.server.app(app);
        app.bound.set(app.bound.get() + 1);
        self.app.replace(Some(Rc::clone(&app)));
        self.side.replace(side.clone());
        let lenient = self.server.rules.bad_input == BadInput::AnswersError;
        let version = client_version(command.get("client_version"), lenient)?;
        let Some(usage) = &self.server.usage else {
            return Ok(());
        };
        if lenient {
            let version = bound_version(&version)?;
            let side = bindable(side)?;
            Ok(usage.store().atomically(|| usage.client_version(&app.id, side, when, version))?)
        } else {
            usage.store().begin()?;
            usage.client_version(&app.id, bindable(side)?, when, bound_version(&version)?)?;
            Ok(usage.store().commit()?)
        }
    }

    fn list(&self, app: &AppNamespace) -> Result<(), Refusal> {
        let names = if self.server.config.disallow_list { Vec::new() } else { self.server.nameplate_names(app)? };
        Ok(self.send(ServerFrame::Nameplates(names))?)
    }

    fn allocate(&self, app: &AppNamespace, when: f64) -> Result<(), Refusal> {
        if self.did_allocate.get() {
            return Err(Refusal::Error(text::ONE_ALLOCATE));
        }
        let nameplate = commands(&self.server, app).allocate(&self.side.borrow().clone(), when)?;
        self.did_allocate.set(true);
        Ok(self.send(ServerFrame::Allocated { nameplate })?)
    }

    fn claim(&self, app: &AppNamespace, command: &Command, when: f64) -> Result<(), Refusal> {
        let name = command.get("nameplate").ok_or(Refusal::Error(text::CLAIM_NAMEPLATE))?;
        if self.did_claim.replace(true) {
            return Err(Refusal::Error(text::ONE_CLAIM));
        }
        let commands = commands(&self.server, app);
        let name = commands.check_nameplate(name)?;
        self.nameplate.replace(Some(name.clone()));
        let mailbox = commands.claim(&name, &self.side.borrow().clone(), when)?;
        Ok(self.send(ServerFrame::Claimed { mailbox })?)
    }

    fn release(&self, app: &AppNamespace, command: &Command, when: f64) -> Result<(), Refusal> {
        if self.did_release.get() {
            return Err(Refusal::Error(text::ONE_RELEASE));
        }
        let claimed = self.nameplate.borrow().clone();
        let name = match (command.get("nameplate"), claimed) {
            (Some(name), Some(claimed)) if *name != *claimed => {
                return Err(Refusal::Error(text::RELEASE_OTHER));
            }
            (Some(name), _) => name.clone(),
            (None, Some(claimed)) => Json::String(claimed),
            (None, None) => return Err(Refusal::Error(text::RELEASE_WITHOUT)),
        };
        if name.is_null() {
            return Err(Raised::assertion("nameplate is null").into());
        }
        self.did_release.set(true);
        commands(&self.server, app).release(&name, &self.side.borrow().clone(), when)?;
        Ok(self.send(ServerFrame::Released)?)
    }

    fn open(&self, app: &AppNamespace, command: &Command, when: f64) -> Result<(), Refusal> {
        let once = self.server.rules.bad_input == BadInput::AnswersError && self.did_open.get();
        if self.mailbox.borrow().is_some() || once {
            return Err(Refusal::Error(text::ONE_OPEN));
        }
        let id = command.get("mailbox").ok_or(Refusal::Error(text::OPEN_MAILBOX))?;
        if !id.is_string() {
            return Err(Raised::assertion("mailbox is not a string").into());
        }
        self.mailbox_id.replace(id.clone());
        let side = self.side.borrow().clone();
        let commands = commands(&self.server, app);
        let mailbox = commands.open(id, &side, when)?;
        self.mailbox.replace(Some(Rc::clone(&mailbox)));
        self.did_open.set(true);
        // Registered before the backlog is sent: whatever happens inside the sending meets a listener.
        self.listening.set(true);
        Ok(commands.subscribe(&mailbox, self.handle, side.as_str().unwrap_or_default(), &self.wire)?)
    }

    fn add(&self, app: &AppNamespace, command: &Command, when: f64) -> Result<(), Refusal> {
        let mailbox = self.mailbox().ok_or(Refusal::Error(text::ADD_UNOPENED))?;
        let message = StoredMessage {
            side: self.side.borrow().clone(),
            phase: command.get("phase").ok_or(Refusal::Error(text::MISSING_PHASE))?.clone(),
            body: command.get("body").ok_or(Refusal::Error(text::MISSING_BODY))?.clone(),
            id: command.get("id").cloned().unwrap_or_default(),
            server_rx: when,
        };
        commands(&self.server, app).add(&mailbox, self.handle, message)
    }

    fn close(&self, app: &AppNamespace, command: &Command, when: f64) -> Result<(), Refusal> {
        if self.did_close.get() {
            return Err(Refusal::Error(text::ONE_CLOSE));
        }
        let opened = self.mailbox_id.borrow().clone();
        let id = match command.get("mailbox") {
            Some(id) if !opened.is_null() && *id != opened => {
                return Err(Refusal::Error(text::CLOSE_OTHER));
            }
            Some(id) => id.clone(),
            None if opened.is_null() => return Err(Refusal::Error(text::CLOSE_WITHOUT)),
            None => opened,
        };
        let side = self.side.borrow().clone();
        let commands = commands(&self.server, app);
        if self.mailbox.borrow().is_none() {
            let mailbox = commands.mailbox_to_close(&id, &side, when)?;
            self.mailbox.replace(mailbox);
        }
        let mailbox = self.mailbox();
        if self.listening.replace(false)
            && let Some(subscriber) = mailbox.as_ref().and_then(|mailbox| mailbox.remove_listener(self.handle))
        {
            subscriber.end();
        }
        self.did_close.set(true);
        let mood = command.get("mood").cloned().unwrap_or_default();
        commands.close(Closing { mailbox: mailbox.as_deref(), id: &id, side: &side, mood: &mood, when })?;
        self.mailbox.replace(None);
        Ok(self.send(ServerFrame::Closed)?)
    }

    fn send(&self, frame: ServerFrame) -> Result<(), Raised> {
        self.wire.send(&frame, self.server.surroundings.now())
    }
}

fn bound_version(parts: &[Json; 2]) -> Result<[Value; 2], Raised> {
    Ok([bindable(&parts[0])?, bindable(&parts[1])?])
}
