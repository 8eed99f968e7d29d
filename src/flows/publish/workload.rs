//! Who calls the operations of a run, and when.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::client::Client;
use super::config::Setting;
use super::ops::{Op, Read, modifier, text};
use super::sites;
use crate::choice::Latency;
use crate::reentry::{Completer, Completion};
use crate::world::Node;

/// How long callers pause between operations, at most.
const PAUSE: Latency = Latency { quiet: Duration::from_millis(10), max: Duration::from_secs(20) };
/// How long the workload waits for the first connections.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often it looks.
const CONNECT_POLL: Duration = Duration::from_millis(10);
/// How long after the end of all faults the final reads begin: longer than any wait for a new connection.
const QUIET: Duration = Duration::from_secs(40);
/// Calls the operations of a run on the clients that are there.
#[derive(Default)]
pub struct Workload {
    clients: RefCell<BTreeMap<String, Rc<Client>>>,
    waiting: RefCell<BTreeMap<u64, (String, Completer<()>)>>,
    next_wait: std::cell::Cell<u64>,
}

impl Workload {
    /// A client's process has started. What its predecessor was asked to do will never end.
    pub fn client_started(&self, client: &Rc<Client>) {
        let name = client.node().name().to_string();
        let before = self.clients.borrow_mut().insert(name.clone(), Rc::clone(client));
        if let Some(before) = before {
            before.tear_down();
        }
        let orphans: Vec<u64> =
            self.waiting.borrow().iter().filter(|(_, (waits, _))| *waits == name).map(|(key, _)| *key).collect();
        for key in orphans {
            self.ended(key);
        }
    }

    /// The state of a client, for people.
    #[must_use]
    pub fn show(&self, client: &str) -> serde_json::Value {
        self.clients.borrow().get(client).map(|client| client.show()).unwrap_or_default()
    }

    /// The run is over. Calls in flight hold what waits for them, which holds the client, which holds the calls.
    pub fn tear_down(&self) {
        self.waiting.borrow_mut().clear();
        let clients = std::mem::take(&mut *self.clients.borrow_mut());
        clients.values().for_each(|client| client.tear_down());
    }

    /// Calls the operations, one after the other or together, then `done`; then the final reads.
    pub async fn run(self: Rc<Self>, node: Node, setting: Rc<Setting>, operations: Vec<(usize, Op)>, done: impl Fn()) {
        let mut waited = Duration::ZERO;
        while waited < CONNECT_MAX && !self.connected(&setting) {
            node.sleep(CONNECT_POLL).await;
            waited += CONNECT_POLL;
        }
        let mut together: Vec<Completion<()>> = Vec::new();
        for (index, op) in &operations {
            together.extend(self.call(&node, *index, op));
            if !op.with_next() {
                for ended in together.drain(..) {
                    ended.await;
                }
            }
            node.sleep(node.choose(&sites::PAUSE, &PAUSE)).await;
        }
        for ended in together {
            ended.await;
        }
        done();
        if !setting.config.final_read {
            return;
        }
        node.sleep(QUIET).await;
        for by in 0..setting.config.readers {
            let read = Op::Read(Read { by, check: true, with_next: false });
            if let Some(ended) = self.call(&node, operations.len(), &read) {
                ended.await;
            }
        }
    }

    fn connected(&self, setting: &Setting) -> bool {
        let clients = self.clients.borrow();
        clients.len() == setting.config.clients().len()
            && clients.values().all(|client| client.broker().servers().len() == setting.order.len())
    }

    /// Calls one operation; answers what ends with it. Without its client, or its map, it is a no-op.
    fn call(self: &Rc<Self>, node: &Node, index: usize, op: &Op) -> Option<Completion<()>> {
        let name = op.node();
        let client = self.clients.borrow().get(&name).filter(|client| client.node().is_alive()).cloned();
        let Some(client) = client else {
            node.sometimes("operation-skipped");
            return None;
        };
        let key = self.next_wait.get();
        self.next_wait.set(key + 1);
        let (completer, completion) = node.pending("operation");
        self.waiting.borrow_mut().insert(key, (name, completer));
        let workload = Rc::clone(self);
        let told = move |_| workload.ended(key);
        match op {
            Op::Create(write) => client.create(text(index, write.bytes), told),
            Op::Overwrite(write) => client.overwrite(text(index, write.bytes), told),
            Op::Modify(modify) => client.modify(modifier(index, modify), told),
            Op::KeepMap(keep) => client.keep_map(keep.mode.update(), told),
            Op::Upload(_) | Op::Fetch(_) if !client.has_kept_map() => {
                node.sometimes("operation-skipped");
                self.ended(key);
            }
            Op::Upload(write) => client.upload(text(index, write.bytes), told),
            Op::Fetch(_) => client.fetch(told),
            Op::Read(read) => client.read(read.check, told),
        }
        Some(completion)
    }

    fn ended(&self, key: u64) {
        let waiting = self.waiting.borrow_mut().remove(&key);
        if let Some((_, completer)) = waiting {
            completer.complete(());
        }
    }
}
