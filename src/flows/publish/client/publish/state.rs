//! What a publish keeps while it runs: goal, outstanding, placed, and what it believes to be on the servers.

use std::collections::{BTreeMap, BTreeSet};

use crate::flows::publish::answer;
use crate::flows::publish::client::Map;
use crate::flows::publish::client::remote::{CallError, Remote};
use crate::flows::publish::facts::Outcome;
use crate::flows::publish::goal;
use crate::flows::publish::servermap::{Place, ServerId};

/// How often the share at one place is replaced before that counts as a surprise (in variants that replace).
const REPLACEMENTS_MAX: u32 = 4;

pub(super) struct State {
    pub(super) running: bool,
    /// Where shares shall be.
    pub(super) goal: BTreeSet<Place>,
    /// Sent, and neither answered nor failed.
    pub(super) outstanding: BTreeSet<Place>,
    /// Acknowledged.
    pub(super) placed: BTreeSet<Place>,
    pub(super) bad_servers: BTreeSet<ServerId>,
    pub(super) connections: BTreeMap<ServerId, Remote>,
    /// The list of servers when the publish began, in permuted order.
    pub(super) servers: Vec<Remote>,
    /// What is believed to be at a place: the bytes a test vector names.
    pub(super) expected: BTreeMap<Place, Vec<u8>>,
    pub(super) replacements: BTreeMap<Place, u32>,
    pub(super) surprised: bool,
    pub(super) loops: u32,
    pub(super) in_loop: bool,
    pub(super) again: bool,
    pub(super) first_error: Option<CallError>,
    /// No server is left; ends when everything is answered.
    pub(super) given_up: bool,
    pub(super) done: Option<Box<dyn FnOnce(Outcome)>>,
}

impl State {
    /// The goal begins with every share in the map, the damaged ones too. Also gives the new sequence number.
    pub(super) fn from_map(map: &Map, servers: Vec<Remote>) -> (u64, State) {
        let map = map.borrow();
        let mut expected = BTreeMap::new();
        for (place, bytes) in &map.bad_shares {
            expected.insert(*place, bytes.clone());
        }
        for (place, (version, _)) in &map.shares {
            expected.insert(*place, version.checkstring().pack().to_vec());
        }
        let goal: BTreeSet<Place> = expected.keys().copied().collect();
        let held: BTreeSet<ServerId> = goal.iter().map(|(server, _)| *server).collect();
        let connections = map.connections.iter().filter(|(server, _)| held.contains(server));
        let state = State {
            running: true,
            goal,
            outstanding: BTreeSet::new(),
            placed: BTreeSet::new(),
            bad_servers: BTreeSet::new(),
            connections: connections.map(|(server, remote)| (*server, remote.clone())).collect(),
            servers,
            expected,
            replacements: BTreeMap::new(),
            surprised: false,
            loops: 0,
            in_loop: false,
            again: false,
            first_error: None,
            given_up: false,
            done: None,
        };
        (map.highest_seqnum() + 1, state)
    }

    /// Brings the goal up to date; answers what of it is neither in place nor on its way.
    pub(super) fn needed(&mut self, n: u8) -> Result<BTreeSet<Place>, goal::NoServerLeft> {
        let order: Vec<ServerId> = self.servers.iter().map(Remote::server).collect();
        let updated = goal::update(&self.goal, &self.bad_servers, &order, n)?;
        for (server, _) in updated.difference(&self.goal) {
            // A server of the list is reached through the list's reference, not the map's.
            if let Some(remote) = self.servers.iter().find(|remote| remote.server() == *server) {
                self.connections.insert(*server, remote.clone());
            }
        }
        self.goal = updated;
        let missing = |place: &&Place| !self.placed.contains(place) && !self.outstanding.contains(place);
        Ok(self.goal.iter().filter(missing).copied().collect())
    }

    pub(super) fn may_send(&self, place: Place) -> bool {
        self.running
            && !self.surprised
            && !self.bad_servers.contains(&place.0)
            && !self.placed.contains(&place)
            && !self.outstanding.contains(&place)
    }
}

impl State {
    pub(super) fn take_in(&mut self, server: ServerId, meaning: &answer::Meaning) {
        self.surprised |= meaning.surprised;
        if meaning.bad_server {
            self.bad_servers.insert(server);
        }
        self.placed.extend(meaning.placed.iter().map(|share| (server, *share)));
        for (share, bytes) in &meaning.replace {
            let place = (server, *share);
            let times = self.replacements.entry(place).or_default();
            *times += 1;
            self.surprised |= *times > REPLACEMENTS_MAX;
            self.goal.insert(place);
            self.expected.insert(place, bytes.clone());
        }
    }
}
