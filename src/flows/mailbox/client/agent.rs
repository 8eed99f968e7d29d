//! A machine on the network: connects, comes back after a while if its client does, and tells the witness.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::line::Listens;
use super::{Action, Heard, Line, Machine};
use crate::flows::mailbox::model::ClientEnd;
use crate::flows::mailbox::trace;
use crate::flows::mailbox::watch::{Watch, Witness};
use crate::flows::mailbox::websocket::PORT;
use crate::world::Node;

/// The first wait before a reconnect; each further one is half as long again.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Who is told the name.
pub type OnName = Box<dyn FnOnce(&str)>;

/// Where two people meet: who hears of the name.
#[derive(Default)]
pub struct Meeting {
    /// The name, once somebody has it.
    pub name: RefCell<Option<String>>,
    /// Called once with the name.
    pub on_name: RefCell<Option<OnName>>,
}

/// A client on a node.
pub struct Agent {
    node: Node,
    server: String,
    machine: RefCell<Box<dyn Machine>>,
    line: RefCell<Option<Rc<Line>>>,
    witness: Rc<Witness>,
    watch: Rc<Watch>,
    meeting: Rc<Meeting>,
    /// The connection breaks while this frame is on its way to the client, once.
    loses: RefCell<Option<String>>,
    backoff: Cell<Duration>,
    end: Cell<Option<ClientEnd>>,
}

impl Agent {
    /// A client that begins to connect.
    pub fn start(
        node: &Node,
        server: &str,
        machine: Box<dyn Machine>,
        (watch, witness): (&Rc<Watch>, &Rc<Witness>),
        meeting: &Rc<Meeting>,
        loses: Option<String>,
    ) -> Rc<Agent> {
        let agent = Rc::new(Agent {
            node: node.clone(),
            server: server.to_owned(),
            machine: RefCell::new(machine),
            line: RefCell::default(),
            witness: Rc::clone(witness),
            watch: Rc::clone(watch),
            meeting: Rc::clone(meeting),
            loses: RefCell::new(loses),
            backoff: Cell::new(BACKOFF_FIRST),
            end: Cell::new(None),
        });
        agent.connect();
        agent
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<ClientEnd> {
        self.end.get()
    }

    /// Somebody has typed the code.
    pub fn told_name(self: &Rc<Self>, name: &str) {
        self.witness.name.replace(Some(name.to_owned()));
        self.with_machine(|machine, out| machine.told_name(name, out));
    }

    /// The person at the client has had enough.
    pub fn give_up(self: &Rc<Self>) {
        self.with_machine(|machine, out| machine.give_up(out));
    }

    fn connect(self: &Rc<Self>) {
        let agent = Rc::clone(self);
        self.node.spawn("connect", async move {
            match agent.node.net().connect(&agent.server, PORT).await {
                Ok(stream) => {
                    let line = Line::new(&agent.node, stream, &agent);
                    agent.line.replace(Some(line));
                    agent.with_machine(|machine, out| machine.connected(out));
                }
                Err(_) => agent.disconnected(),
            }
        });
    }

    fn disconnected(self: &Rc<Self>) {
        self.line.replace(None);
        let mut comes_back = false;
        self.with_machine(|machine, out| comes_back = machine.lost(out));
        if !comes_back || self.end.get().is_some() {
            return;
        }
        let wait = self.backoff.get();
        self.backoff.set((wait + wait / 2).min(BACKOFF_MAX));
        let agent = Rc::downgrade(self);
        self.node.after(wait, "reconnect", move || {
            if let Some(agent) = agent.upgrade() {
                agent.connect();
            }
        });
    }

    fn take(self: &Rc<Self>, frame: &Heard) {
        let kind = frame.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
        let breaks = self.loses.borrow().as_deref() == Some(kind);
        if breaks {
            self.loses.replace(None);
            let line = self.line.take();
            if let Some(line) = line {
                line.abort();
            }
            return self.disconnected();
        }
        if kind == "welcome" {
            self.backoff.set(BACKOFF_FIRST);
        }
        self.with_machine(|machine, out| machine.heard(frame, out));
    }

    fn with_machine(self: &Rc<Self>, use_it: impl FnOnce(&mut dyn Machine, &mut Vec<Action>)) {
        if self.end.get().is_some() {
            return;
        }
        let mut out = Vec::new();
        use_it(&mut **self.machine.borrow_mut(), &mut out);
        for action in out {
            self.act(action);
        }
    }

    fn act(self: &Rc<Self>, action: Action) {
        match action {
            Action::Send(command) => {
                let line = self.line.borrow().clone();
                if let Some(line) = line {
                    line.say(&command.to_string());
                }
            }
            Action::Name(name) => {
                self.witness.name.replace(Some(name.clone()));
                self.meeting.name.replace(Some(name.clone()));
                let told = self.meeting.on_name.take();
                if let Some(told) = told {
                    told(&name);
                }
            }
            Action::Mailbox(mailbox) => drop(self.witness.mailbox.replace(Some(mailbox))),
            Action::Sends(phase) => self.witness.log.borrow_mut().sent.push(phase),
            Action::Accepts(side, phase) => self.witness.log.borrow_mut().seen.push((side, phase)),
            Action::End(end) => self.ended(end),
        }
    }

    fn ended(&self, end: ClientEnd) {
        if self.end.replace(Some(end)).is_some() {
            return;
        }
        self.witness.log.borrow_mut().end = end;
        let outcome = match end {
            ClientEnd::Finished => "finished",
            ClientEnd::Refused => "refused",
            ClientEnd::Waiting | ClientEnd::Lost => "lost",
        };
        self.node.note(&trace::SESSION, outcome, format_args!(""));
        self.node.outcome(outcome);
        if let Some(line) = self.line.borrow().as_ref() {
            line.leave();
        }
        self.watch.client_ended(&self.node);
    }
}

impl Listens for Agent {
    fn heard(self: Rc<Self>, frame: &Heard) {
        self.take(frame);
    }

    fn lost(self: Rc<Self>) {
        self.disconnected();
    }
}
