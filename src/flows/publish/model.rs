//! The ghost history: what really happened, kept beside the code under test and never seen by it.
//!
//! Clients and servers report here as they act. The model keeps who wrote what last at each place, which
//! messages are in flight (as a multiset: the client's own set would hide a duplicate), every text a publish was
//! given, and an ordered list of [facts](Fact) for the [invariants](super::invariants).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::facts::{Fact, Found, Handling, MessageId, OperationId, Outcome, PublishId, SendState, Tick};
use super::ghost::{Publish, Resolution, Start, Written};
use super::keys::FileKeys;
use super::layout::Checkstring;
use super::servermap::{Place, ServerId};
use super::share::is_same_share;
use super::storage::{MemoryShares, ShareNumber};
use super::version::{NewVersion, verify_share};

#[derive(Clone, Debug)]
struct Message {
    publish: PublishId,
    wave: u32,
    server: ServerId,
    shares: BTreeSet<ShareNumber>,
    resolved: bool,
}

/// The ghost history of one file.
#[derive(Clone, Debug, Default)]
pub struct Model {
    tick: u64,
    publishes: Vec<Publish>,
    messages: Vec<Message>,
    waves: Vec<(PublishId, BTreeSet<ServerId>)>,
    written: BTreeMap<Place, Written>,
    operations: Vec<(String, u32)>,
    last_activity: Tick,
    facts: Vec<Fact>,
}

impl Model {
    /// Everything recorded so far, in order.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// A publish.
    ///
    /// # Panics
    /// For an id that another model gave out.
    #[must_use]
    pub fn publish(&self, id: PublishId) -> &Publish {
        &self.publishes[id.0 as usize]
    }

    /// All publishes with their ids.
    pub fn publishes(&self) -> impl DoubleEndedIterator<Item = (PublishId, &Publish)> {
        (0..).map(PublishId).zip(&self.publishes).collect::<Vec<_>>().into_iter()
    }

    /// Who wrote last, at each place.
    #[must_use]
    pub fn written(&self) -> &BTreeMap<Place, Written> {
        &self.written
    }

    /// Write messages that are neither answered nor failed.
    #[must_use]
    pub fn in_flight(&self, publish: PublishId) -> usize {
        self.messages.iter().filter(|message| message.publish == publish && !message.resolved).count()
    }

    /// Operations whose caller has not been told anything: who called.
    pub fn untold(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().filter(|(_, told)| *told == 0).map(|(client, _)| client.as_str())
    }

    /// Now, in the order of everything recorded; for [`Start::map_start`] and [`Model::read`].
    pub fn now(&mut self) -> Tick {
        self.tick += 1;
        Tick(self.tick)
    }

    /// The state before the run: one version, placed by nobody that runs now.
    pub fn initial(&mut self, text: &[u8], version: Checkstring, places: &[Place]) -> PublishId {
        let start = Start { client: "setup".into(), text: text.to_vec(), ..Start::default() };
        let id = self.started(start);
        let at = self.now();
        let publish = &mut self.publishes[id.0 as usize];
        publish.version = Some(version);
        publish.end = Some((at, Outcome::Ok));
        publish.placed = places.iter().copied().collect();
        publish.applied = places.iter().map(|place| (*place, at)).collect();
        for &place in places {
            self.written.insert(place, Written { by: id, version, at, torn: false });
        }
        id
    }

    /// A publish started.
    pub fn started(&mut self, start: Start) -> PublishId {
        let id = PublishId(u32::try_from(self.publishes.len()).expect("fewer publishes than 2^32"));
        self.publishes.push(Publish::new(start));
        self.last_activity = self.now();
        id
    }

    /// A publish made its shares.
    pub fn encoded(&mut self, publish: PublishId, version: Checkstring) {
        self.publishes[publish.0 as usize].version = Some(version);
        self.facts.push(Fact::Encoded { publish, version });
    }

    /// The shares that a publish has made.
    pub fn made(&mut self, publish: PublishId, shares: &Rc<NewVersion>) {
        self.publishes[publish.0 as usize].made = Some(Rc::clone(shares));
    }

    /// A publish entered its loop.
    pub fn loop_entered(&mut self, publish: PublishId) {
        let entry = &mut self.publishes[publish.0 as usize];
        entry.depth += 1;
        entry.loops += 1;
        let (depth, loops, resolved) = (entry.depth, entry.loops, entry.resolved);
        self.facts.push(Fact::LoopEntered { publish, depth, loops, resolved });
    }

    /// A publish left its loop.
    pub fn loop_left(&mut self, publish: PublishId) {
        self.publishes[publish.0 as usize].depth -= 1;
    }

    /// A publish planned a wave to these servers; the number is for [`Model::sent`].
    pub fn wave(&mut self, publish: PublishId, servers: BTreeSet<ServerId>) -> u32 {
        self.waves.push((publish, servers));
        u32::try_from(self.waves.len() - 1).expect("fewer waves than 2^32")
    }

    /// A publish sends a message.
    pub fn sent(
        &mut self,
        publish: PublishId,
        wave: u32,
        server: ServerId,
        shares: BTreeSet<ShareNumber>,
        state: SendState,
    ) -> MessageId {
        let earlier = |message: &&Message| message.publish == publish && message.server == server;
        let in_flight_already = self
            .messages
            .iter()
            .filter(earlier)
            .filter(|message| !message.resolved)
            .flat_map(|message| message.shares.intersection(&shares).copied())
            .collect();
        let of_wave = self.messages.iter().filter(earlier).filter(|message| message.wave == wave).count() as u32 + 1;
        let planned = self.waves[wave as usize].1.contains(&server);
        let entry = &mut self.publishes[publish.0 as usize];
        entry.sent += 1;
        if entry.end.is_some() {
            self.facts.push(Fact::AfterEnd { publish, what: "sends" });
        }
        let id = MessageId(u32::try_from(self.messages.len()).expect("fewer messages than 2^32"));
        self.messages.push(Message { publish, wave, server, shares: shares.clone(), resolved: false });
        self.facts.push(Fact::Sent { publish, server, shares, state, in_flight_already, planned, of_wave });
        id
    }

    /// A server handled a message (once more, if the transport delivered it twice).
    pub fn handled(&mut self, id: MessageId, handling: Handling) {
        let at = self.now();
        self.last_activity = at;
        let message = &self.messages[id.0 as usize];
        let (publish, server, shares) = (message.publish, message.server, message.shares.clone());
        let version = self.publishes[publish.0 as usize].version.unwrap_or(Checkstring {
            seqnum: 0,
            root: [0; 32],
            salt: [0; 16],
        });

        let own = handling.failed_tests.iter().copied();
        let own: BTreeSet<ShareNumber> = own.filter(|share| self.is_whole_by((server, *share), publish)).collect();
        self.note_what_it_met(publish, server, &shares, &handling);
        let entry = &mut self.publishes[publish.0 as usize];
        entry.refused_itself |= !own.is_empty();
        entry.reached.insert(server);

        let mut replaced_own = Vec::new();
        for &share in &handling.changed {
            let torn = !handling.as_asked.contains(&share);
            let before = self.written.insert((server, share), Written { by: publish, version, at, torn });
            self.publishes[publish.0 as usize].applied.insert((server, share), at);
            let client = &self.publishes[publish.0 as usize].start.client;
            if let Some(before) = before
                && !before.torn
                && (before.by == publish || self.publishes[before.by.0 as usize].start.client == *client)
            {
                replaced_own.push((share, before.version));
            }
        }
        let forks = if handling.changed.is_empty() { Vec::new() } else { self.forks_of(&version) };
        self.facts.push(Fact::Handled { publish, server, shares, handling, own, replaced_own, forks });
    }

    /// A message was answered or failed at the client.
    pub fn resolved(&mut self, id: MessageId, how: Resolution) {
        let message = &mut self.messages[id.0 as usize];
        message.resolved = true;
        let places = message.shares.iter().map(|share| (message.server, *share));
        let publish = &mut self.publishes[message.publish.0 as usize];
        publish.resolved += 1;
        if how == Resolution::Wrote || how == Resolution::Refused {
            publish.replied.extend(places);
        }
        if how != Resolution::Wrote {
            publish.failed.insert(message.server);
        }
    }

    /// A publish takes a share for placed, and says so in its map.
    pub fn placed(&mut self, publish: PublishId, (server, share): Place) {
        let entry = &mut self.publishes[publish.0 as usize];
        entry.placed.insert((server, share));
        if entry.end.is_some() {
            self.facts.push(Fact::AfterEnd { publish, what: "changes the map" });
        } else {
            self.facts.push(Fact::Placed { publish, server, share });
        }
    }

    /// A publish ended.
    pub fn ended(&mut self, publish: PublishId, outcome: Outcome) {
        let at = self.now();
        self.last_activity = at;
        self.publishes[publish.0 as usize].end = Some((at, outcome.clone()));
        self.facts.push(Fact::Ended { publish, outcome });
    }

    /// A client's process is gone, and with it what it was doing: its publishes end without an outcome, which says
    /// as little about what is in place as any failure; nobody waits for its operations.
    pub fn crashed(&mut self, client: &str) {
        let at = self.now();
        for publish in self.publishes.iter_mut().filter(|publish| publish.start.client == client) {
            if publish.end.is_none() {
                publish.end = Some((at, Outcome::Other("crashed".into())));
            }
        }
        let publishes = &self.publishes;
        for message in &mut self.messages {
            message.resolved |= publishes[message.publish.0 as usize].start.client == client;
        }
        for (_, told) in self.operations.iter_mut().filter(|(name, _)| name == client) {
            *told = (*told).max(1);
        }
        self.last_activity = at;
    }

    /// A client's public operation was called.
    pub fn operation(&mut self, client: &str) -> OperationId {
        self.operations.push((client.to_owned(), 0));
        OperationId(u32::try_from(self.operations.len() - 1).expect("fewer operations than 2^32"))
    }

    /// The caller of an operation is told how it ended, with `frames` frames of the client's code below it.
    pub fn told(&mut self, operation: OperationId, outcome: Outcome, frames: u32) {
        let times = &mut self.operations[operation.0 as usize].1;
        *times += 1;
        let times = *times;
        self.facts.push(Fact::Told { operation, outcome, times, frames });
    }

    /// A text was read, or could not be; `since` is when the reader's map update began.
    pub fn read(&mut self, reader: &str, since: Tick, asked_all: bool, result: Result<Vec<u8>, Outcome>) {
        let idle = self.publishes.iter().all(|publish| publish.end.is_some());
        let quiet = idle && self.last_activity < since && self.messages.iter().all(|message| message.resolved);
        self.facts.push(Fact::Read { reader: reader.to_owned(), asked_all, quiet, result });
    }

    /// A share is gone or damaged, by a fault of the server.
    pub fn share_lost(&mut self, place: Place) {
        self.written.remove(&place);
        self.last_activity = self.now();
    }

    /// A server was asked what it holds, and one of its shares cannot be read. `hidden` are others that verify and were
    /// not shown because of it.
    pub fn beside(&mut self, server: ServerId, hidden: BTreeSet<ShareNumber>, behind: &'static str) {
        self.facts.push(Fact::Beside { server, hidden, behind });
    }

    /// A server has started again after a crash: this is what is on its disk. From here on that is what was written.
    pub fn recovered(&mut self, keys: &FileKeys, server: ServerId, disk: &MemoryShares) {
        let at = self.now();
        let before: BTreeMap<Place, Written> = self
            .written
            .iter()
            .filter(|((other, _), _)| *other == server)
            .map(|(place, last)| (*place, *last))
            .collect();
        self.written.retain(|(other, _), _| *other != server);
        for (share, bytes) in disk.iter() {
            let (place, found) = ((server, share), self.examine(keys, (server, share), bytes));
            let last = before.get(&place);
            let written = match (found, last) {
                (Found::Whole(by), Some(last)) if last.by == by => Some(Written { torn: false, ..*last }),
                (Found::Whole(by), _) => {
                    let entry = &self.publishes[by.0 as usize];
                    let at = entry.applied.get(&place).copied().unwrap_or(at);
                    entry.version.map(|version| Written { by, version, at, torn: false })
                }
                (Found::Torn | Found::Forged, last) => last.map(|last| Written { torn: true, ..*last }),
            };
            if let Some(written) = written {
                self.written.insert(place, written);
            }
        }
        let now: BTreeMap<&Place, &Written> = self.written.iter().filter(|((other, _), _)| *other == server).collect();
        if now != before.iter().collect() {
            self.last_activity = at;
        }
    }

    /// Looks closely at a share on a server's disk, and records what it is.
    pub fn examine(&mut self, keys: &FileKeys, (server, share): Place, bytes: &[u8]) -> Found {
        let made_by = |publish: &Publish| {
            let made = publish.made.as_ref().and_then(|made| made.shares.get(usize::from(share)));
            made.is_some_and(|made| is_same_share(made, bytes))
        };
        let found = match self.publishes().find(|(_, publish)| made_by(publish)) {
            Some((by, _)) => Found::Whole(by),
            None if verify_share(keys, share, bytes).is_ok() => Found::Forged,
            None => Found::Torn,
        };
        self.facts.push(Fact::Examined { server, share, found });
        found
    }

    fn is_whole_by(&self, place: Place, publish: PublishId) -> bool {
        self.written.get(&place).is_some_and(|last| last.by == publish && !last.torn)
    }

    /// Notes what a request met on its server that its publish had not expected.
    fn note_what_it_met(
        &mut self,
        publish: PublishId,
        server: ServerId,
        shares: &BTreeSet<ShareNumber>,
        handling: &Handling,
    ) {
        let entry = &self.publishes[publish.0 as usize];
        let (mut unlisted, mut pending) = (Vec::new(), false);
        for &share in &handling.present {
            let place = (server, share);
            let Some(last) = self.written.get(&place) else {
                continue;
            };
            if last.by == publish {
                continue;
            }
            match entry.start.known.get(&place) {
                None => unlisted.push((place, last.version)),
                Some(version) => pending |= *version == last.version && !shares.contains(&share),
            }
        }
        let entry = &mut self.publishes[publish.0 as usize];
        entry.unlisted.extend(unlisted);
        entry.own_update_pending |= pending;
    }

    /// Places that hold another root under the same number.
    fn forks_of(&self, version: &Checkstring) -> Vec<(ServerId, ShareNumber, PublishId)> {
        self.written
            .iter()
            .filter(|(_, other)| {
                !other.torn && other.version.seqnum == version.seqnum && other.version.root != version.root
            })
            .map(|((server, share), other)| (*server, *share, other.by))
            .collect()
    }
}
