//! The client's list of servers: one reference per connection, renewed for ever.
//!
//! A reference dies when the client is told that its connection ended; the list forgets it one turn later. In
//! between, the list still offers a dead reference. A server map keeps the reference it learned for good.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::remote::{Remote, Wire};
use crate::choice::Coin;
use crate::flows::publish::config::Setting;
use crate::flows::publish::protocol::{PORT, REQUEST, Reply, Request, decode_reply};
use crate::flows::publish::server::Stores;
use crate::flows::publish::servermap::ServerId;
use crate::flows::publish::{sites, trace};
use crate::net::Messages;
use crate::reentry::{Cell, Completer};
use crate::world::Node;

/// First wait before a connection is asked for again.
const RECONNECT_FIRST: Duration = Duration::from_secs(1);
/// Longest wait before a connection is asked for again.
const RECONNECT_MAX: Duration = Duration::from_secs(16);

/// The list of servers. Clones are one list.
#[derive(Clone)]
pub struct Broker {
    node: Node,
    setting: Rc<Setting>,
    state: Cell<State>,
}

#[derive(Default)]
struct State {
    servers: BTreeMap<ServerId, Remote>,
    /// Told when the list forgets a server: its keeper connects anew.
    keepers: BTreeMap<ServerId, Completer<()>>,
    /// Servers that are not offered for now.
    hidden: BTreeSet<ServerId>,
    /// Servers that stay away for good.
    gone: BTreeSet<ServerId>,
}

impl Broker {
    /// An empty list.
    #[must_use]
    pub fn new(node: &Node, setting: &Rc<Setting>) -> Broker {
        let state = node.cell("server list", State::default());
        Broker { node: node.clone(), setting: Rc::clone(setting), state }
    }

    /// Connects to every server, and again whenever a connection ends.
    pub fn keep_connected(&self, stores: &Stores) {
        for &server in &self.setting.order {
            let (broker, stores) = (self.clone(), stores.clone());
            self.node.spawn(&format!("keeper {server}"), async move { broker.keep(server, &stores).await });
        }
    }

    /// The servers it is connected to, in permuted order.
    #[must_use]
    pub fn servers(&self) -> Vec<Remote> {
        let state = self.state.borrow();
        let offered = |server: &&ServerId| !state.hidden.contains(server);
        self.setting.order.iter().filter(offered).filter_map(|server| state.servers.get(server).cloned()).collect()
    }

    /// The run is over: nothing waits for answers any more.
    pub fn tear_down(&self) {
        let state = self.state.with(std::mem::take);
        state.servers.values().for_each(Remote::tear_down);
    }

    /// While a map is updated, some servers are not offered, by choice.
    pub fn hide_by_choice(&self) {
        for &server in &self.setting.order {
            if self.node.choose_as(&sites::SERVER_OFFLINE, &self.actor(server), &Coin) {
                self.state.borrow_mut().hidden.insert(server);
            }
        }
    }

    /// All are offered again.
    pub fn unhide(&self) {
        self.state.borrow_mut().hidden.clear();
    }

    /// Between map update and publish some connections are lost, by choice.
    pub fn lose_by_choice(&self) {
        self.lose_where(|broker, server| broker.node.choose_as(&sites::DEAD_REFERENCE, &broker.actor(server), &Coin));
    }

    /// In the turn in which a publish begins some connections are lost, by choice or as the scenario says.
    pub fn lose_at_publish(&self) {
        self.lose_where(|broker, server| {
            let chosen = broker.node.choose_as(&sites::STALE_LIST, &broker.actor(server), &Coin);
            let dead = broker.setting.dead.contains(&server);
            if dead {
                broker.state.borrow_mut().gone.insert(server);
            }
            chosen || dead
        });
    }

    fn lose_where(&self, lost: impl Fn(&Broker, ServerId) -> bool) {
        for &server in &self.setting.order {
            if lost(self, server) {
                let remote = self.state.borrow().servers.get(&server).cloned();
                if let Some(remote) = remote {
                    remote.abort();
                    self.connection_ended(&remote);
                }
            }
        }
    }

    fn actor(&self, server: ServerId) -> String {
        format!("{}->{server}", self.node.name())
    }

    async fn keep(&self, server: ServerId, stores: &Stores) {
        let mut wait = RECONNECT_FIRST;
        while !self.state.borrow().gone.contains(&server) {
            if let Ok(stream) = self.node.net().connect(&server.to_string(), PORT).await {
                wait = RECONNECT_FIRST;
                let (completer, forgotten) = self.node.pending("server forgotten");
                self.connected(server, Messages::new(stream), stores, completer);
                forgotten.await;
            }
            self.node.sleep(wait).await;
            wait = (wait * 2).min(RECONNECT_MAX);
        }
    }

    fn connected(&self, server: ServerId, messages: Messages, stores: &Stores, keeper: Completer<()>) {
        let wire = NetWire { node: self.node.clone(), messages: messages.clone(), stores: stores.clone(), server };
        let remote = Remote::new(&self.node, server, wire);
        self.state.with(|state| {
            state.servers.insert(server, remote.clone());
            state.keepers.insert(server, keeper);
        });
        let (broker, answered) = (self.clone(), remote.clone());
        messages.on_message(move |frame| match decode_reply(frame) {
            Ok((call, reply)) => answered.answered(call, reply),
            // What is no frame of ours ends the connection, as in any protocol.
            Err(_) => {
                answered.abort();
                broker.connection_ended(&answered);
            }
        });
        let broker = self.clone();
        messages.on_end(move |_| broker.connection_ended(&remote));
    }

    /// The client knows that a connection has ended: its reference is dead at once, the list learns it next turn.
    fn connection_ended(&self, remote: &Remote) {
        if !remote.lost() {
            return;
        }
        self.node.note(&trace::DEAD, &remote.server().to_string(), format_args!(""));
        let (broker, server) = (self.clone(), remote.server());
        self.node.eventually("disconnect watcher", move || {
            let keeper = broker.state.with(|state| {
                state.servers.remove(&server);
                state.keepers.remove(&server)
            });
            if let Some(keeper) = keeper {
                keeper.complete(());
            }
        });
    }
}

/// A connection over the simulated network.
struct NetWire {
    node: Node,
    messages: Messages,
    stores: Stores,
    server: ServerId,
}

impl Wire for NetWire {
    fn send(&self, frame: &[u8]) {
        // A frame that cannot be sent any more is lost like one that does not arrive: the end of the connection
        // is what fails the call.
        let _ = self.messages.send_labelled(REQUEST, frame);
    }

    fn abort(&self) {
        self.messages.abort();
    }

    fn at_once(&self, request: &Request) -> Option<Reply> {
        let store = self.stores.get(self.server)?;
        let method = match request {
            Request::Read { .. } => "read",
            Request::Write { .. } => "write",
        };
        let actor = format!("{}->{}:{method}", self.node.name(), self.server);
        if !self.node.choose_as(&sites::ANSWERED_AT_ONCE, &actor, &Coin) {
            return None;
        }
        if !store.is_up() {
            return None;
        }
        let reply = store.handle(request);
        // It may have died of the request.
        store.is_up().then_some(reply)
    }
}
