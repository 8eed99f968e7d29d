//! Updating a server map: asking servers what shares they hold, and deciding when enough have answered.
//!
//! Every answer and every error leads straight back to "are we done?", as in the release: a call that fails at
//! once gets there while the first round of queries is still being sent.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use super::remote::{Remote, read_answer};
use super::{Client, Map};
use crate::flows::publish::layout::{PREFIX_LENGTH, VersionInfo};
use crate::flows::publish::protocol::Request;
use crate::flows::publish::servermap::{ServerId, ServerMap, UpdateMode};
use crate::flows::publish::share::parse_opening;
use crate::flows::publish::storage::{ReadData, ShareNumber, Span};
use crate::flows::publish::variants::{BadShare, GoOn};
use crate::reentry::Cell;

/// Queries in flight when more servers have to be asked.
const QUERIES_IN_FLIGHT_MAX: usize = 5;
/// Bytes read from the beginning of each share.
const READ_LENGTH: u64 = 4_000;
/// The same when only the versions are wanted.
const CHECK_READ_LENGTH: u64 = 1_000;

/// Updates `map`, then calls `done` from the eventual queue.
pub fn update(client: &Rc<Client>, map: &Map, mode: UpdateMode, done: impl FnOnce() + 'static) {
    map.borrow_mut().heard.clear();
    let servers = client.servers();
    let (k, n) = client.encoding();
    let mut state = State::new(
        mode,
        servers.iter().map(Remote::server).collect(),
        k.into(),
        n.into(),
    );
    let mut first: Vec<Remote> = Vec::new();
    if mode == UpdateMode::Check {
        state.must_answer = state.all.iter().copied().collect();
        first = servers;
    } else {
        let known = map.borrow();
        for server in known.holders() {
            state.must_answer.insert(server);
            first.extend(known.connections.get(&server).cloned());
        }
        drop(known);
        state.extra = servers.into();
        while first.len() < state.target {
            let Some(next) = state.extra.pop_front() else {
                break;
            };
            // A server of the old map may be asked once more later, under its present reference.
            if let Some(asked) = first
                .iter_mut()
                .find(|asked| asked.server() == next.server())
            {
                *asked = next;
            } else {
                first.push(next);
            }
        }
    }
    let first = client.walk("map", first, Remote::server);
    let updater = Rc::new(Updater {
        client: Rc::clone(client),
        map: map.clone(),
        mode,
        state: client.cell("map update", state),
        done: client.cell("map update's caller", Some(Box::new(done))),
    });
    if first.is_empty() {
        updater.check();
    }
    for remote in first {
        updater.query(&remote);
    }
}

struct Updater {
    client: Rc<Client>,
    map: Map,
    mode: UpdateMode,
    state: Cell<State>,
    done: Cell<Option<Box<dyn FnOnce()>>>,
}

struct State {
    mode: UpdateMode,
    running: bool,
    /// All servers, in permuted order, as they were when the update began.
    all: Vec<ServerId>,
    /// Those nobody has asked yet.
    extra: VecDeque<Remote>,
    must_answer: BTreeSet<ServerId>,
    outstanding: BTreeSet<ServerId>,
    with_shares: BTreeSet<ServerId>,
    empty: BTreeSet<ServerId>,
    bad: BTreeSet<ServerId>,
    completed: usize,
    /// How many servers to ask in the first round.
    target: usize,
    /// How many servers without shares make a boundary.
    epsilon: usize,
    /// Versions whose signature was verified: once is enough.
    valid: BTreeSet<VersionInfo>,
}

/// What an update does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Wait,
    Done,
    /// Ask more servers, until this many queries are in flight.
    Ask(usize),
}

impl State {
    fn new(mode: UpdateMode, all: Vec<ServerId>, k: usize, n: usize) -> State {
        let epsilon = k;
        let target = if mode == UpdateMode::Write {
            n + epsilon
        } else {
            k + epsilon
        };
        State {
            mode,
            running: true,
            all,
            extra: VecDeque::new(),
            must_answer: BTreeSet::new(),
            outstanding: BTreeSet::new(),
            with_shares: BTreeSet::new(),
            empty: BTreeSet::new(),
            bad: BTreeSet::new(),
            completed: 0,
            target,
            epsilon,
            valid: BTreeSet::new(),
        }
    }

    /// The policy: how hard each mode works.
    fn next<C>(&self, map: &ServerMap<C>) -> Next {
        if !self.running || !self.must_answer.is_empty() {
            return Next::Wait;
        }
        if self.outstanding.is_empty() && self.extra.is_empty() {
            return Next::Done;
        }
        let recoverable = map.recoverable();
        match self.mode {
            UpdateMode::Anything if !recoverable.is_empty() => Next::Done,
            UpdateMode::Anything => Next::Ask(QUERIES_IN_FLIGHT_MAX),
            UpdateMode::Check => Next::Done,
            UpdateMode::Read => {
                let enough = self.completed >= self.target && !recoverable.is_empty();
                if enough && map.unrecoverable_newer().is_empty() {
                    Next::Done
                } else {
                    Next::Ask(QUERIES_IN_FLIGHT_MAX)
                }
            }
            UpdateMode::Write if recoverable.is_empty() => Next::Ask(QUERIES_IN_FLIGHT_MAX),
            UpdateMode::Write => match self.silent_before_boundary() {
                None => Next::Ask(QUERIES_IN_FLIGHT_MAX),
                Some(0) => Next::Done,
                Some(silent) => Next::Ask(silent),
            },
        }
    }

    /// If ε servers without shares follow the last one with shares (failed servers are skipped): how many
    /// servers to the left of that have not answered yet.
    fn silent_before_boundary(&self) -> Option<usize> {
        let (mut seen_shares, mut empty, mut silent) = (false, 0, 0);
        for server in &self.all {
            if self.bad.contains(server) {
            } else if self.empty.contains(server) {
                if seen_shares {
                    empty += 1;
                    if empty >= self.epsilon {
                        return Some(silent);
                    }
                }
            } else if self.with_shares.contains(server) {
                seen_shares = true;
                empty = 0;
            } else {
                silent += 1;
            }
        }
        None
    }
}

/// Why the handling of an answer was given up.
struct Undigested;

impl Updater {
    fn query(self: &Rc<Self>, remote: &Remote) {
        let server = remote.server();
        self.map
            .borrow_mut()
            .connections
            .insert(server, remote.clone());
        self.state.borrow_mut().outstanding.insert(server);
        let length = if self.mode == UpdateMode::Check {
            CHECK_READ_LENGTH
        } else {
            READ_LENGTH
        };
        let completion = remote.call(&Request::Read {
            shares: vec![],
            spans: vec![Span { offset: 0, length }],
        });
        let updater = Rc::clone(self);
        completion.then(self.client.delivery(), move |answer| {
            let _frame = updater.client.frame();
            let digested = match read_answer(answer) {
                Ok(data) => updater.got_answer(server, &data),
                Err(_) => Err(Undigested),
            };
            if digested.is_err() {
                updater.query_failed(server);
            }
            updater.go_on();
        });
    }

    fn go_on(self: &Rc<Self>) {
        match self.client.variant().reads_go_on {
            GoOn::OnTheSpot => self.check(),
            GoOn::NextTurn => {
                let updater = Rc::clone(self);
                self.client
                    .node()
                    .eventually("map update", move || updater.check());
            }
        }
    }

    fn got_answer(&self, server: ServerId, data: &ReadData) -> Result<(), Undigested> {
        self.map.borrow_mut().reachable.insert(server);
        {
            let mut state = self.state.borrow_mut();
            state.outstanding.remove(&server);
            state.must_answer.remove(&server);
            state.completed += 1;
            if !state.running {
                return Ok(());
            }
            if data.is_empty() {
                state.empty.insert(server)
            } else {
                state.with_shares.insert(server)
            };
        }
        for (&share, parts) in data {
            let bytes = parts.first().map_or(&[][..], |bytes| &bytes[..]);
            self.got_share(server, share, bytes)?;
        }
        self.map.borrow_mut().heard.insert(server);
        Ok(())
    }

    fn got_share(
        &self,
        server: ServerId,
        share: ShareNumber,
        bytes: &[u8],
    ) -> Result<(), Undigested> {
        let place = (server, share);
        let opening = match parse_opening(bytes) {
            Ok(opening) => opening,
            Err(_) if self.client.variant().bad_share == BadShare::SpoilsAnswer => {
                return Err(Undigested);
            }
            Err(_) => {
                self.mark_bad(place, bytes);
                return Ok(());
            }
        };
        let version = opening.version;
        let known = self.state.borrow().valid.contains(&version);
        let keys = self.client.keys();
        let good = known
            || (opening.verification_key == keys.verification_key()
                && keys.verifies(&version.prefix, opening.signature));
        if !good {
            self.mark_bad(place, bytes);
            return Ok(());
        }
        self.state.borrow_mut().valid.insert(version);
        let now = self.client.node().now().as_nanos();
        let mut map = self.map.borrow_mut();
        // What a retrieve found to be damaged stays out, though its prefix is fine.
        if !map.bad_shares.contains_key(&place) {
            map.add_new_share(place, version, now);
        }
        drop(map);
        self.client.remember(&version, share, bytes);
        Ok(())
    }

    fn mark_bad(&self, place: (ServerId, ShareNumber), bytes: &[u8]) {
        self.state.borrow_mut().bad.insert(place.0);
        self.map
            .borrow_mut()
            .mark_bad_share(place, bytes[..bytes.len().min(PREFIX_LENGTH)].to_vec());
    }

    fn query_failed(&self, server: ServerId) {
        let mut state = self.state.borrow_mut();
        if !state.running {
            return;
        }
        state.must_answer.remove(&server);
        state.outstanding.remove(&server);
        state.bad.insert(server);
        state.completed += 1;
        drop(state);
        self.map.borrow_mut().unreachable.insert(server);
    }

    fn check(self: &Rc<Self>) {
        let next = self.state.borrow().next(&*self.map.borrow());
        match next {
            Next::Wait => {}
            Next::Done => self.finish(),
            Next::Ask(in_flight) => {
                let mut more = Vec::new();
                self.state.with(|state| {
                    while state.outstanding.len() + more.len() < in_flight {
                        let Some(remote) = state.extra.pop_front() else {
                            break;
                        };
                        more.push(remote);
                    }
                });
                for remote in more {
                    self.query(&remote);
                }
            }
        }
    }

    fn finish(&self) {
        self.state.borrow_mut().running = false;
        self.map.borrow_mut().last_update = Some(self.mode);
        let done = self.done.borrow_mut().take();
        if let Some(done) = done {
            self.client.node().eventually("map update done", done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(mode: UpdateMode, servers: u8) -> State {
        State::new(mode, (0..servers).map(ServerId).collect(), 2, 3)
    }

    fn map(version: u64, shares: &[(u8, u8)]) -> ServerMap<()> {
        use crate::flows::publish::{keys::FileKeys, version::make_version};
        let version = make_version(&FileKeys::derive(&[1; 32]), version, [0; 16], (2, 3), b"x")
            .unwrap()
            .info;
        let mut map = ServerMap::default();
        for (server, share) in shares {
            map.add_new_share((ServerId(*server), *share), version, 0);
        }
        map
    }

    #[test]
    fn nothing_outstanding_and_nobody_left_to_ask_is_the_end_in_every_mode() {
        for mode in [
            UpdateMode::Anything,
            UpdateMode::Read,
            UpdateMode::Write,
            UpdateMode::Check,
        ] {
            assert_eq!(state(mode, 5).next(&map(1, &[])), Next::Done);
        }
    }

    #[test]
    fn a_holder_that_has_not_answered_holds_everything_up() {
        let mut waiting = state(UpdateMode::Anything, 5);
        waiting.must_answer.insert(ServerId(0));
        assert_eq!(waiting.next(&map(1, &[(0, 0), (1, 1)])), Next::Wait);
    }

    #[test]
    fn a_writer_wants_a_boundary_of_empty_servers_and_answers_from_everybody_before_it() {
        let known = map(1, &[(0, 0), (1, 1)]);
        let mut writer = state(UpdateMode::Write, 6);
        writer.outstanding.extend([ServerId(2), ServerId(5)]);
        writer.with_shares.extend([ServerId(0), ServerId(1)]);
        writer.empty.insert(ServerId(3));
        assert_eq!(
            writer.next(&known),
            Next::Ask(QUERIES_IN_FLIGHT_MAX),
            "one empty server is no boundary"
        );
        writer.empty.insert(ServerId(4));
        assert_eq!(writer.next(&known), Next::Ask(1), "server 3 is silent");
        writer.bad.insert(ServerId(2));
        assert_eq!(
            writer.next(&known),
            Next::Done,
            "a failed server is skipped over"
        );
        assert_eq!(
            writer.next(&map(1, &[(0, 0)])),
            Next::Ask(QUERIES_IN_FLIGHT_MAX),
            "nothing is recoverable"
        );
    }

    #[test]
    fn a_reader_goes_on_while_something_newer_cannot_be_recovered() {
        let mut reader = state(UpdateMode::Read, 6);
        reader.outstanding.insert(ServerId(5));
        let mut known = map(1, &[(0, 0), (1, 1)]);
        assert_eq!(
            reader.next(&known),
            Next::Ask(QUERIES_IN_FLIGHT_MAX),
            "too few have answered"
        );
        reader.completed = 4;
        assert_eq!(reader.next(&known), Next::Done);
        known.shares.extend(map(2, &[(3, 2)]).shares);
        assert_eq!(reader.next(&known), Next::Ask(QUERIES_IN_FLIGHT_MAX));
    }
}
