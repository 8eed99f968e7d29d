//! A client's node for one mutable file: its keys, its list of servers, and the operations people call.
//!
//! Public operations run one behind the other. Each result is handed out through the eventual queue; what the
//! caller does with it can therefore not run inside the machinery.

pub mod broker;
mod cache;
pub mod modify;
mod operations;
pub mod publish;
pub mod remote;
pub mod retrieve;
mod show;
pub mod update;

use std::cell::{Cell as Count, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use self::broker::Broker;
use self::cache::ResponseCache;
use self::operations::Queue;
use self::remote::Remote;
use self::show::Shown;
use super::config::Setting;
use super::keys::{FileKeys, server_key};
use super::layout::VersionInfo;
use super::merkle::tagged_pair_hash;
use super::model::Model;
use super::servermap::{ServerId, ServerMap};
use super::sites;
use super::storage::{Secrets, ShareNumber, Span};
use super::trace;
use super::variants::Variant;
use crate::choice::Permutation;
use crate::reentry::{Cell, Delivery};
use crate::world::Node;

/// A server map that is shared between an operation and the machines it runs.
pub type Map = Cell<ServerMap<Remote>>;

/// A client's node for one file. It lives as long as its process.
pub struct Client {
    node: Node,
    setting: Rc<Setting>,
    model: Rc<RefCell<Model>>,
    broker: Broker,
    cache: Cell<ResponseCache>,
    queue: Queue,
    /// The map of the last update that an operation was told to keep.
    kept: Cell<Option<operations::Kept>>,
    publishes: Count<u32>,
    shown: Shown,
    /// Frames of this client's code on the stack.
    frames: Count<u32>,
}

/// A frame of client code on the stack.
struct FrameGuard<'a>(&'a Count<u32>);

impl Drop for FrameGuard<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Client {
    /// A client that knows no server yet.
    pub fn new(node: &Node, setting: &Rc<Setting>, model: &Rc<RefCell<Model>>) -> Rc<Client> {
        Rc::new(Client {
            node: node.clone(),
            setting: Rc::clone(setting),
            model: Rc::clone(model),
            broker: Broker::new(node, setting),
            cache: node.cell("response cache", ResponseCache::default()),
            queue: Queue::new(node),
            kept: node.cell("kept map", None),
            publishes: Count::new(0),
            shown: Shown::default(),
            frames: Count::new(0),
        })
    }

    /// The node it runs on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its list of servers.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The run is over: nothing waits for answers or operations any more.
    pub fn tear_down(&self) {
        self.broker.tear_down();
        self.queue.tear_down();
        self.shown.tear_down();
        let kept = self.kept.borrow_mut().take();
        drop(kept);
    }

    fn variant(&self) -> &'static Variant {
        self.setting.variant
    }

    fn keys(&self) -> &FileKeys {
        &self.setting.keys
    }

    /// k and N.
    fn encoding(&self) -> (u8, u8) {
        (self.setting.config.k, self.setting.config.n)
    }

    /// The servers it is connected to, in permuted order.
    fn servers(&self) -> Vec<Remote> {
        self.broker.servers()
    }

    fn new_map(&self) -> Map {
        self.cell("server map", ServerMap::default())
    }

    fn cell<T: 'static>(&self, label: &'static str, value: T) -> Cell<T> {
        self.node.cell(label, value)
    }

    /// Where the continuation of a call runs whose answer is there already.
    fn delivery(&self) -> Delivery {
        self.setting.config.dead_answers.delivery()
    }

    /// Marks a frame of client code; what is told to callers meanwhile is told from inside.
    fn frame(&self) -> FrameGuard<'_> {
        self.frames.set(self.frames.get() + 1);
        FrameGuard(&self.frames)
    }

    /// Writes the ghost history; a node that is gone writes none.
    fn ghost<R: Default>(&self, write: impl FnOnce(&mut Model) -> R) -> R {
        if self.node.is_alive() { write(&mut self.model.borrow_mut()) } else { R::default() }
    }

    /// Puts the servers of a walk into an order: the pinned one, or by choice.
    fn walk<T: Clone>(&self, which: &str, items: Vec<T>, server: impl Fn(&T) -> ServerId) -> Vec<T> {
        let mut items = items;
        if let Some(pinned) = self.setting.walk() {
            let place = |item: &T| pinned.iter().position(|pinned| *pinned == server(item)).unwrap_or(pinned.len());
            items.sort_by_key(|item| (place(item), server(item)));
            return items;
        }
        let Ok(count) = u8::try_from(items.len()) else {
            return items;
        };
        let actor = format!("{}:{which}", self.node.name());
        let order = self.node.choose_as(&sites::WALK, &actor, &Permutation(count));
        order.into_iter().map(|index| items[usize::from(index)].clone()).collect()
    }

    /// Different for every publish; without it two publishes of one text would be one version. It decides which of
    /// two contending versions is the greater one, so it must not come from a choice that a plan would not name.
    fn salt(&self) -> [u8; 16] {
        let number = self.publishes.get() + 1;
        self.publishes.set(number);
        let publish = format!("{}/{}/{number}", self.node.name(), self.node.incarnation());
        let salt = tagged_pair_hash("seedbed-publish-salt-v1", &self.keys().storage_index(), publish.as_bytes());
        salt[..16].try_into().expect("16 of 32 bytes")
    }

    fn secrets(&self, server: ServerId) -> Secrets {
        let key = server_key(&server.to_string());
        let (lease_renew, lease_cancel) = self.keys().lease_secrets(&key);
        Secrets { write_enabler: self.keys().write_enabler(&key), lease_renew, lease_cancel }
    }

    /// Keeps what a map update has read anyway.
    fn remember(&self, version: &VersionInfo, share: ShareNumber, bytes: &[u8]) {
        if self.setting.config.response_cache {
            self.cache.borrow_mut().add(version, share, bytes);
        }
    }

    /// What was kept of a share, if it covers all the spans.
    fn recall(&self, version: &VersionInfo, share: ShareNumber, spans: &[Span]) -> Option<Vec<Vec<u8>>> {
        self.cache.borrow().read(version, share, spans)
    }

    fn note_map(&self, map: &Map) {
        let map = map.borrow();
        let (shares, good, bad) = (map.shares.len(), map.recoverable().len(), map.unrecoverable().len());
        self.node.event(&trace::MAP, "", [shares as u64, good as u64, bad as u64]);
    }

    fn note_write(&self, server: ServerId, shares: &BTreeSet<ShareNumber>, seqnum: u64) {
        self.node.note(&trace::STORE, &server.to_string(), format_args!("shares {shares:?} of #{seqnum}"));
    }
}
