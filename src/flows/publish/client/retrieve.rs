//! Fetching k verified blocks of one version, and decoding them.
//!
//! One query per share, the lowest share numbers first. Each answer or error leads back to "do we have enough?";
//! a flag keeps the final phase from being entered twice, and nothing keeps the query loops from being re-entered.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::remote::{CallError, read_answer};
use super::{Client, Map};
use crate::flows::publish::facts::Outcome;
use crate::flows::publish::layout::{PREFIX_LENGTH, VersionInfo};
use crate::flows::publish::protocol::{Reply, Request};
use crate::flows::publish::servermap::ServerId;
use crate::flows::publish::share::body_range;
use crate::flows::publish::storage::{ReadData, ShareNumber, Span};
use crate::flows::publish::variants::GoOn;
use crate::flows::publish::version::{read_text, verify_body};
use crate::reentry::{Cell, Completion, Delivery};

/// Gets a text, or why there is none; and whether every query was answered.
type Done = Box<dyn FnOnce(Result<Vec<u8>, Outcome>, bool)>;

/// Fetches `version`; `done` is called from the eventual queue, and told too whether every query was answered.
///
/// # Errors
/// When the first round of queries breaks off: a query that failed at once has taken, on the way back to its
/// caller, the place the caller was about to ask. The release does not expect that.
pub fn retrieve(
    client: &Rc<Client>,
    map: &Map,
    version: VersionInfo,
    done: impl FnOnce(Result<Vec<u8>, Outcome>, bool) + 'static,
) -> Result<(), Outcome> {
    let places = map.borrow().versions().remove(&version).unwrap_or_default();
    let mut remaining: BTreeMap<ShareNumber, BTreeSet<ServerId>> = BTreeMap::new();
    for (server, share) in places {
        remaining.entry(share).or_default().insert(server);
    }
    let first: Vec<ShareNumber> = remaining.keys().copied().take(version.k.into()).collect();
    let state = State {
        running: true,
        decoding: false,
        undisturbed: true,
        remaining,
        outstanding: BTreeMap::new(),
        next_query: 0,
        blocks: BTreeMap::new(),
        done: Some(Box::new(done)),
    };
    let retrieve = Rc::new(Retrieve {
        client: Rc::clone(client),
        map: map.clone(),
        version,
        state: client.cell("retrieve", state),
    });
    for share in first {
        let holder = retrieve.state.borrow().holder(share);
        match holder {
            Some(server) => retrieve.query(share, server),
            None if client.variant().reads_go_on == GoOn::NextTurn => {}
            None => {
                return Err(Outcome::Other(format!("share {share} has left the list while it was walked")));
            }
        }
    }
    Ok(())
}

struct Retrieve {
    client: Rc<Client>,
    map: Map,
    version: VersionInfo,
    state: Cell<State>,
}

struct State {
    running: bool,
    decoding: bool,
    /// No query has failed for a reason other than what the server holds.
    undisturbed: bool,
    /// Where shares could still be asked for.
    remaining: BTreeMap<ShareNumber, BTreeSet<ServerId>>,
    /// Query → share.
    outstanding: BTreeMap<u32, ShareNumber>,
    next_query: u32,
    blocks: BTreeMap<ShareNumber, Vec<u8>>,
    done: Option<Done>,
}

impl State {
    fn holder(&self, share: ShareNumber) -> Option<ServerId> {
        self.remaining.get(&share)?.first().copied()
    }

    fn forget(&mut self, share: ShareNumber, server: ServerId) {
        if let Some(servers) = self.remaining.get_mut(&share) {
            servers.remove(&server);
        }
        self.remaining.retain(|_, servers| !servers.is_empty());
    }

    fn forget_server(&mut self, server: ServerId) {
        self.remaining.values_mut().for_each(|servers| {
            servers.remove(&server);
        });
        self.remaining.retain(|_, servers| !servers.is_empty());
    }
}

impl Retrieve {
    fn query(self: &Rc<Self>, share: ShareNumber, server: ServerId) {
        let prefix = Span { offset: 0, length: PREFIX_LENGTH as u64 };
        let body = body_range(&self.version.offsets).map_or(prefix, |(offset, length)| Span { offset, length });
        let number = self.state.with(|state| {
            let number = state.next_query;
            state.next_query += 1;
            state.outstanding.insert(number, share);
            number
        });
        let spans = vec![prefix, body];
        let (completion, delivery) = match self.client.recall(&self.version, share, &spans) {
            Some(parts) => {
                let reply = Reply::Read(ReadData::from([(share, parts)]));
                (Completion::ready(self.client.node(), "cache", Ok(reply)), Delivery::Eventual)
            }
            None => {
                let remote = self.map.borrow().connections.get(&server).cloned();
                let request = Request::Read { shares: vec![share], spans };
                let completion = match remote {
                    Some(remote) => remote.call(&request),
                    None => Completion::ready(self.client.node(), "read", Err(CallError::Dead)),
                };
                (completion, self.client.delivery())
            }
        };
        self.state.borrow_mut().forget(share, server);
        let retrieve = Rc::clone(self);
        completion.then(delivery, move |answer| {
            let _frame = retrieve.client.frame();
            let used = match read_answer(answer) {
                Ok(data) => retrieve.got_answer(number, server, &data),
                Err(_) => {
                    retrieve.state.borrow_mut().undisturbed = false;
                    false
                }
            };
            if !used {
                retrieve.query_failed(number, server);
            }
            retrieve.go_on();
        });
    }

    fn go_on(self: &Rc<Self>) {
        match self.client.variant().reads_go_on {
            GoOn::OnTheSpot => self.check(),
            GoOn::NextTurn => {
                let retrieve = Rc::clone(self);
                self.client.node().eventually("retrieve", move || retrieve.check());
            }
        }
    }

    /// Answers whether the answer could be used: a version that is not the expected one fails the query.
    fn got_answer(&self, number: u32, server: ServerId, data: &ReadData) -> bool {
        let running = self.state.with(|state| {
            state.outstanding.remove(&number);
            state.running
        });
        if !running {
            return true;
        }
        for (&share, parts) in data {
            let [prefix, body, ..] = &parts[..] else {
                return false;
            };
            if *prefix != self.version.prefix {
                return false;
            }
            match verify_body(&self.version, share, body) {
                Ok(block) => {
                    self.state.borrow_mut().blocks.insert(share, block);
                }
                Err(_) => {
                    self.state.borrow_mut().forget_server(server);
                    self.map.borrow_mut().mark_bad_share((server, share), prefix.clone());
                }
            }
        }
        true
    }

    fn query_failed(&self, number: u32, server: ServerId) {
        self.state.with(|state| {
            state.outstanding.remove(&number);
            if state.running {
                state.forget_server(server);
            }
        });
    }

    fn check(self: &Rc<Self>) {
        let (idle, have) = {
            let state = self.state.borrow();
            (!state.running || state.decoding, state.blocks.len())
        };
        if idle {
            return;
        }
        let k = usize::from(self.version.k);
        if have < k {
            if !self.ask_more(k) {
                self.finish(Err(Outcome::NotEnoughShares));
            }
            return;
        }
        let blocks = self.state.with(|state| {
            state.decoding = true;
            state.blocks.clone()
        });
        let text = read_text(self.client.keys(), &self.version, &blocks);
        self.finish(text.map_err(|_| Outcome::NotEnoughShares));
    }

    /// Asks for as many more shares as are missing; answers whether that many could be asked for. What is still
    /// needed is worked out once, before the walk, as in the release.
    fn ask_more(self: &Rc<Self>, k: usize) -> bool {
        let (mut needed, candidates) = {
            let state = self.state.borrow();
            let asked: BTreeSet<ShareNumber> = state.outstanding.values().copied().collect();
            let missing = (k - state.blocks.len()).saturating_sub(state.outstanding.len());
            (missing, state.remaining.keys().filter(|share| !asked.contains(share)).copied().collect::<Vec<_>>())
        };
        for share in candidates {
            if needed == 0 {
                break;
            }
            let holder = self.state.borrow().holder(share);
            let Some(server) = holder else { continue };
            self.query(share, server);
            needed -= 1;
        }
        needed == 0
    }

    fn finish(&self, result: Result<Vec<u8>, Outcome>) {
        let (done, undisturbed) = self.state.with(|state| {
            state.running = false;
            (state.done.take(), state.undisturbed)
        });
        if let Some(done) = done {
            self.client.node().eventually("retrieve done", move || done(result, undisturbed));
        }
    }
}
