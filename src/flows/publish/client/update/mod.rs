//! Updating a server map: asking servers what shares they hold, and deciding when enough have answered.
//!
//! Every answer and every error leads straight back to "are we done?", as in the release: a call that fails at
//! once gets there while the first round of queries is still being sent.

mod policy;

use std::rc::Rc;

use self::policy::{Next, State};
use super::remote::{Remote, read_answer};
use super::{Client, Map};
use crate::flows::publish::layout::PREFIX_LENGTH;
use crate::flows::publish::protocol::Request;
use crate::flows::publish::servermap::{ServerId, UpdateMode};
use crate::flows::publish::share::parse_opening;
use crate::flows::publish::storage::{ReadData, ShareNumber, Span};
use crate::flows::publish::variants::{BadShare, GoOn};
use crate::flows::publish::version::verify_opening;
use crate::reentry::Cell;

/// Bytes read from the beginning of each share.
const READ_LENGTH: u64 = 4_000;
/// The same when only the versions are wanted.
const CHECK_READ_LENGTH: u64 = 1_000;

/// Updates `map`, then calls `done` from the eventual queue.
pub fn update(client: &Rc<Client>, map: &Map, mode: UpdateMode, done: impl FnOnce() + 'static) {
    map.borrow_mut().heard.clear();
    client.shown.map(map);
    let servers = client.servers();
    let (k, n) = client.encoding();
    let mut state = State::new(mode, servers.iter().map(Remote::server).collect(), k.into(), n.into());
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
            if let Some(asked) = first.iter_mut().find(|asked| asked.server() == next.server()) {
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

/// Why the handling of an answer was given up.
struct Undigested;

impl Updater {
    fn query(self: &Rc<Self>, remote: &Remote) {
        let server = remote.server();
        self.map.borrow_mut().connections.insert(server, remote.clone());
        self.state.borrow_mut().outstanding.insert(server);
        let length = if self.mode == UpdateMode::Check { CHECK_READ_LENGTH } else { READ_LENGTH };
        let completion = remote.call(&Request::Read { shares: vec![], spans: vec![Span { offset: 0, length }] });
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
                self.client.node().eventually("map update", move || updater.check());
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
            let digested = self.got_share(server, share, bytes);
            if parse_opening(bytes).is_err() {
                self.note_unparsable(server, data.range(share + 1..).filter(|_| digested.is_err()));
            }
            digested?;
        }
        self.map.borrow_mut().heard.insert(server);
        Ok(())
    }

    fn got_share(&self, server: ServerId, share: ShareNumber, bytes: &[u8]) -> Result<(), Undigested> {
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

    /// Tells the ghost history which shares are lost behind one that cannot be parsed.
    fn note_unparsable<'a>(&self, server: ServerId, lost: impl Iterator<Item = (&'a ShareNumber, &'a Vec<Vec<u8>>)>) {
        let keys = self.client.keys();
        let good = |parts: &[Vec<u8>]| parts.first().is_some_and(|bytes| verify_opening(keys, bytes).is_ok());
        let hidden = lost.filter(|(_, parts)| good(parts)).map(|(share, _)| *share).collect();
        self.client.ghost(|model| model.beside(server, hidden, "unparsable share"));
    }

    fn mark_bad(&self, place: (ServerId, ShareNumber), bytes: &[u8]) {
        self.state.borrow_mut().bad.insert(place.0);
        self.map.borrow_mut().mark_bad_share(place, bytes[..bytes.len().min(PREFIX_LENGTH)].to_vec());
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
