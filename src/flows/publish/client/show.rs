//! What people see of a client's state: its operation, its list of servers, the map it works with, and its publish.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Weak;

use serde_json::{Value, json};

use super::{Client, Map};
use crate::flows::publish::servermap::{Place, ServerId};

/// Something of which a client's state shows more than that it exists.
pub trait Show {
    /// Its fields.
    fn show(&self) -> Value;
}

/// What a client shows, as far as it is kept elsewhere.
#[derive(Default)]
pub struct Shown {
    operation: RefCell<Option<&'static str>>,
    map: RefCell<Option<Map>>,
    publish: RefCell<Option<Weak<dyn Show>>>,
}

impl Shown {
    /// An operation begins, or none is running any more.
    pub fn operation(&self, name: Option<&'static str>) {
        self.operation.replace(name);
    }

    /// This map is worked with.
    pub fn map(&self, map: &Map) {
        self.map.replace(Some(map.clone()));
    }

    /// This publish is running.
    pub fn publish(&self, publish: Weak<dyn Show>) {
        self.publish.replace(Some(publish));
    }

    /// The run is over.
    pub fn tear_down(&self) {
        self.map.take();
        self.publish.take();
    }
}

impl Client {
    /// Its state, for people.
    #[must_use]
    pub fn show(&self) -> Value {
        let servers: BTreeMap<String, &str> = self
            .broker
            .servers()
            .iter()
            .map(|remote| (remote.server().to_string(), if remote.is_dead() { "dead" } else { "connected" }))
            .collect();
        let publish = self.shown.publish.borrow().as_ref().and_then(Weak::upgrade);
        json!({
            "operation": *self.shown.operation.borrow(),
            "servers": servers,
            "map": self.shown.map.borrow().as_ref().map(show_map),
            "publish": publish.map(|publish| publish.show()),
        })
    }
}

fn show_map(map: &Map) -> BTreeMap<String, BTreeMap<String, String>> {
    let map = map.borrow();
    let mut shown: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut put = |(server, share): Place, what: String| {
        shown.entry(server.to_string()).or_default().insert(format!("sh{share}"), what);
    };
    for (place, (version, _)) in &map.shares {
        put(*place, version.checkstring().to_string());
    }
    for place in map.bad_shares.keys() {
        put(*place, "damaged".to_owned());
    }
    for (server, remote) in &map.connections {
        if remote.is_dead() {
            shown.entry(server.to_string()).or_default().insert("reference".to_owned(), "dead".to_owned());
        }
    }
    shown
}

/// Server → share numbers, as words.
pub fn by_server<'a>(places: impl IntoIterator<Item = &'a Place>) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<ServerId, Vec<String>> = BTreeMap::new();
    for (server, share) in places {
        shown.entry(*server).or_default().push(share.to_string());
    }
    shown.into_iter().map(|(server, shares)| (server.to_string(), shares.join(" "))).collect()
}
