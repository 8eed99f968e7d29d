//! Who calls the operations of a run, in order, and waits at the end for whoever is still busy.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::run::{Careless, Made};
use super::{Client, Op, Program, Transfer};
use crate::choice::Latency;
use crate::flows::mailbox::client::{Agent, Go, Machine, Meeting, Part, Python};
use crate::flows::mailbox::model::ClientLog;
use crate::flows::mailbox::sites;
use crate::flows::mailbox::watch::{Watch, Witness};
use crate::kernel::{Down, NodeId, TaskHandle};
use crate::world::Node;

/// How long people pause between operations, at most.
const PAUSE: Latency = Latency { quiet: Duration::from_millis(10), max: Duration::from_secs(20) };
/// How long the workload waits at its end for pairs that are still busy.
const BUSY_MAX: Duration = Duration::from_secs(150);
/// How often it looks.
const BUSY_POLL: Duration = Duration::from_secs(10);

/// The operations of a run.
pub struct Driver {
    server: (String, NodeId),
    watch: Rc<Watch>,
    operations: Vec<(usize, Op)>,
    /// The nodes clients live on, by name.
    nodes: RefCell<BTreeMap<String, Node>>,
    agents: RefCell<Vec<Rc<Agent>>>,
    sessions: RefCell<BTreeMap<usize, Rc<Careless>>>,
    /// What the clients of pairs saw, by the names of their nodes.
    witnesses: RefCell<BTreeMap<String, Rc<Witness>>>,
    made: RefCell<BTreeMap<usize, Rc<Made>>>,
}

impl Driver {
    /// Operations against the server on this node.
    #[must_use]
    pub fn new(server: (&str, NodeId), watch: &Rc<Watch>, operations: Vec<(usize, Op)>) -> Rc<Driver> {
        Rc::new(Driver {
            server: (server.0.to_owned(), server.1),
            watch: Rc::clone(watch),
            operations,
            nodes: RefCell::default(),
            agents: RefCell::default(),
            sessions: RefCell::default(),
            witnesses: RefCell::default(),
            made: RefCell::default(),
        })
    }

    /// The names of the nodes its clients need.
    #[must_use]
    pub fn node_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (number, operation) in &self.operations {
            match operation {
                Op::Transfer(transfer) => {
                    names.push(sender_name(*number));
                    names.extend((!transfer.alone).then(|| receiver_name(*number)));
                }
                Op::Session(session) if !names.contains(&session.side) => names.push(session.side.clone()),
                Op::Session(_) | Op::Continue(_) | Op::Wait(_) | Op::Kill(_) => {}
            }
        }
        names
    }

    /// A client's node has started.
    pub fn node_started(&self, node: Node) {
        self.nodes.borrow_mut().insert(node.name().to_string(), node);
    }

    /// What people see of a client's state.
    #[must_use]
    pub fn state_of(&self, node: &str) -> Json {
        if let Some(witness) = self.witnesses.borrow().get(node) {
            let log = witness.log.borrow();
            let heard: Vec<_> = log.seen.iter().map(|(_, phase)| phase).collect();
            return json!({
                "name": *witness.name.borrow(),
                "mailbox": *witness.mailbox.borrow(),
                "sent": log.sent.join(" "),
                "heard": heard.into_iter().cloned().collect::<Vec<_>>().join(" "),
                "end": format!("{:?}", log.end).to_lowercase(),
            });
        }
        let sessions = self.sessions.borrow();
        let own = sessions.iter().filter(|(_, session)| session.side() == node);
        Json::Object(own.map(|(number, session)| (format!("session{number}"), session.state())).collect())
    }

    /// Calls the operations.
    pub async fn run(self: Rc<Self>, node: Node) {
        let mut tasks = Vec::new();
        for (number, operation) in &self.operations {
            tasks.extend(self.call(&node, *number, operation).await);
            node.sleep(node.choose(&sites::PAUSE, &PAUSE)).await;
        }
        for task in tasks {
            task.await;
        }
        let mut waited = Duration::ZERO;
        while waited < BUSY_MAX && self.agents.borrow().iter().any(|agent| agent.end().is_none()) {
            node.sleep(BUSY_POLL).await;
            waited += BUSY_POLL;
        }
        for session in self.sessions.borrow().values() {
            session.go_away();
        }
    }

    /// Calls one operation. The answer is what goes on beside the next one.
    async fn call(self: &Rc<Self>, node: &Node, number: usize, operation: &Op) -> Option<TaskHandle> {
        match operation {
            Op::Wait(seconds) => {
                node.sleep(Duration::from_secs(u64::from(seconds.seconds))).await;
                None
            }
            Op::Kill(seconds) => {
                let sim = node.sim();
                sim.kill(self.server.1, Down::Kill);
                sim.start(self.server.1, Duration::from_secs(u64::from(seconds.seconds)));
                None
            }
            Op::Transfer(transfer) => {
                self.transfer(number, transfer);
                None
            }
            Op::Session(session) => {
                let made = Rc::new(Made::default());
                self.made.borrow_mut().insert(number, Rc::clone(&made));
                let at = self.nodes.borrow().get(&session.side)?.clone();
                let who = (session.app.as_str(), session.side.as_str());
                let careless = Careless::new(&at, &self.server.0, who, number, &made);
                self.sessions.borrow_mut().insert(number, Rc::clone(&careless));
                let (driver, session) = (Rc::clone(self), session.clone());
                let task = at.spawn("session", async move {
                    careless.connect(!session.unbound).await;
                    careless.take(&session.steps, &|of| driver.made_by(of)).await;
                });
                self.unless_with_next(task, operation).await
            }
            Op::Continue(more) => {
                let careless = self.sessions.borrow().get(&more.of).cloned();
                let Some(careless) = careless else {
                    node.outcome("skipped");
                    return None;
                };
                let (driver, steps) = (Rc::clone(self), more.steps.clone());
                let at = careless.node().clone();
                let task = at.spawn("session", async move {
                    careless.take(&steps, &|of| driver.made_by(of)).await;
                });
                self.unless_with_next(task, operation).await
            }
        }
    }

    async fn unless_with_next(&self, task: TaskHandle, operation: &Op) -> Option<TaskHandle> {
        let with_next = match operation {
            Op::Session(session) => session.with_next,
            Op::Continue(more) => more.with_next,
            Op::Transfer(_) | Op::Wait(_) | Op::Kill(_) => false,
        };
        if with_next {
            return Some(task);
        }
        task.await;
        None
    }

    fn made_by(&self, operation: usize) -> Option<Rc<Made>> {
        self.made.borrow().get(&operation).cloned()
    }

    fn transfer(self: &Rc<Self>, number: usize, transfer: &Transfer) {
        let (sender, receiver) = (sender_name(number), receiver_name(number));
        let witness = |side: &str| {
            let witness = Witness::default();
            witness.log.replace(ClientLog { side: side.to_owned(), ..ClientLog::default() });
            Rc::new(witness)
        };
        let (here, there) = (witness(&sender), witness(&receiver));
        self.witnesses.borrow_mut().extend([(sender.clone(), Rc::clone(&here)), (receiver.clone(), Rc::clone(&there))]);
        let meeting = Rc::new(Meeting::default());
        let clients: Vec<_> = std::iter::once(&here).chain((!transfer.alone).then_some(&there)).cloned().collect();
        // Who learns from the other's first secret that the passwords differ closes at once; what it has not sent yet
        // the other waits for in vain, whatever a server does.
        let behaved = transfer.sender.is == Program::Python
            && (transfer.alone || transfer.receiver.is == Program::Python)
            && !transfer.wrong_code;
        self.watch.pair(&transfer.app, &clients, behaved);
        let made = Rc::new(Made::default());
        self.made.borrow_mut().insert(number, made);
        let after = Duration::from_secs(u64::from(transfer.after));
        let start = |side: &str, client: &Client, witness: &Rc<Witness>, allocates| {
            let node = self.nodes.borrow().get(side)?.clone();
            let part = Part {
                app: transfer.app.clone(),
                side: side.to_owned(),
                allocates,
                messages: transfer.messages,
                wrong_code: transfer.wrong_code,
            };
            let machine: Box<dyn Machine> = match client.is {
                Program::Python => Box::new(Python::new(part)),
                Program::Go => Box::new(Go::new(part)),
            };
            let agent =
                Agent::start(&node, &self.server.0, machine, (&self.watch, witness), &meeting, client.loses.clone());
            self.agents.borrow_mut().push(Rc::clone(&agent));
            Some((node, agent))
        };
        let Some((node, agent)) = start(&sender, &transfer.sender, &here, true) else { return };
        if transfer.alone {
            node.after(after, "gives-up", move || agent.give_up());
            return;
        }
        let Some((node, agent)) = start(&receiver, &transfer.receiver, &there, false) else { return };
        let agent = Rc::downgrade(&agent);
        meeting.on_name.replace(Some(Box::new(move |name| {
            let name = name.to_owned();
            let agent = agent.clone();
            node.after(after, "types-the-code", move || {
                if let Some(agent) = agent.upgrade() {
                    agent.told_name(&name);
                }
            });
        })));
    }
}

fn sender_name(operation: usize) -> String {
    format!("sender{operation}")
}

fn receiver_name(operation: usize) -> String {
    format!("receiver{operation}")
}
