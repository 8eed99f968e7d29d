//! Publishing one version: the loop, the send wave, and the answers.
//!
//! The release fills `outstanding` server by server while it walks a wave planned beforehand, and goes back to the
//! loop from every answer. If an answer is there before the walk is over, the loop runs inside the walk, takes the
//! servers not reached yet for unserved, and serves them; then the walk goes on with its old plan and serves them
//! again. Where the other variants differ is said by their data.

mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

use serde_json::{Value, json};

use self::state::State;
use super::remote::{CallError, Remote, write_answer};
use super::show::{Show, by_server};
use super::{Client, Map};
use crate::flows::publish::answer::{self, View};
use crate::flows::publish::facts::{MessageId, Outcome, PublishId, SendState, Tick};
use crate::flows::publish::ghost::{Resolution, Start};
use crate::flows::publish::goal;
use crate::flows::publish::layout::{Checkstring, PREFIX_LENGTH};
use crate::flows::publish::protocol::Request;
use crate::flows::publish::servermap::{Place, ServerId, UpdateMode};
use crate::flows::publish::storage::{ShareNumber, ShareWrite, Span, TestAndWrite, TestVector, WriteAnswer};
use crate::flows::publish::variants::{BeforeSend, Booking, GiveUp, GoOn, LateAnswer, Reentry};
use crate::flows::publish::version::{NewVersion, make_version};
use crate::reentry::{Cell, Completion};

/// Loops after which a publish gives up.
const LOOPS_MAX: u32 = 1_000;
/// Publishes `text` over what `map` says is there; `done` is called from the eventual queue. `map_start` is when
/// the update of the map began.
pub fn publish(client: &Rc<Client>, map: &Map, map_start: Tick, text: &[u8], done: impl FnOnce(Outcome) + 'static) {
    let servers = client.servers();
    let (seqnum, mut state) = State::from_map(map, servers);
    let id = client.ghost(|model| {
        let known = map.borrow();
        model.started(Start {
            client: client.node().name().to_string(),
            text: text.to_vec(),
            encoding: client.encoding(),
            map_start,
            highest: seqnum - 1,
            known: known
                .shares
                .iter()
                .map(|(place, (version, _))| (*place, version.checkstring()))
                .chain(known.bad_shares.iter().map(|(place, bytes)| (*place, lenient(bytes))))
                .collect(),
            answered: known.heard.clone(),
            servers: state.servers.iter().map(Remote::server).collect(),
        })
    });
    client.node().mark("publish-started");
    // Only an update that looked for all shares entitles to a new sequence number; without one the file is new.
    if let Some(UpdateMode::Anything | UpdateMode::Read) = map.borrow().last_update {
        let outcome = Outcome::Other("a reader's map cannot be published over".into());
        client.ghost(|model| model.ended(id, outcome.clone()));
        client.node().eventually("publish done", move || done(outcome));
        return;
    }
    let version = match make_version(client.keys(), seqnum, client.salt(), client.encoding(), text) {
        Ok(version) => version,
        Err(error) => {
            let outcome = Outcome::Other(error.to_string());
            client.ghost(|model| model.ended(id, outcome.clone()));
            client.node().eventually("publish done", move || done(outcome));
            return;
        }
    };
    let ours = version.info.checkstring();
    let version = Rc::new(version);
    client.ghost(|model| {
        model.made(id, &version);
        model.encoded(id, ours);
    });
    state.done = Some(Box::new(done));
    let state = client.cell("publish", state);
    let publish = Rc::new(Publish { client: Rc::clone(client), map: map.clone(), id, version, ours, state });
    client.shown.map(map);
    let shown: Weak<Publish> = Rc::downgrade(&publish);
    client.shown.publish(shown);
    publish.enter_loop();
}

/// The checkstring of damaged bytes, as far as there is one.
fn lenient(bytes: &[u8]) -> Checkstring {
    Checkstring::parse(bytes).unwrap_or(Checkstring { seqnum: 0, root: [0; 32], salt: [0; 16] })
}

struct Publish {
    client: Rc<Client>,
    map: Map,
    id: PublishId,
    version: Rc<NewVersion>,
    ours: Checkstring,
    state: Cell<State>,
}

impl Show for Publish {
    fn show(&self) -> Value {
        let state = self.state.borrow();
        json!({
            "version": self.ours.to_string(),
            "running": state.running,
            "loops": state.loops,
            "goal": by_server(&state.goal),
            "outstanding": by_server(&state.outstanding),
            "placed": by_server(&state.placed),
            "bad-servers": state.bad_servers.iter().map(|server| (server.to_string(), true)).collect::<BTreeMap<_, _>>(),
            "surprised": state.surprised,
        })
    }
}

/// What a loop does next.
enum Next {
    Send(BTreeSet<Place>),
    Wait,
    Done,
}

impl Publish {
    fn enter_loop(self: &Rc<Self>) {
        let guarded = self.client.variant().reentry == Reentry::RunsAgain;
        let enter = self.state.with(|state| {
            if !state.running || (guarded && state.in_loop) {
                state.again = state.running;
                return false;
            }
            state.in_loop = true;
            true
        });
        if !enter {
            return;
        }
        loop {
            self.state.borrow_mut().again = false;
            self.client.ghost(|model| model.loop_entered(self.id));
            let result = self.run_loop();
            self.client.ghost(|model| model.loop_left(self.id));
            if let Err(outcome) = result {
                self.end(outcome);
            }
            let state = self.state.borrow();
            if !guarded || !state.again || !state.running {
                break;
            }
        }
        self.state.borrow_mut().in_loop = false;
    }

    fn run_loop(self: &Rc<Self>) -> Result<(), Outcome> {
        let n = self.client.encoding().1;
        let patient = self.client.variant().give_up == GiveUp::WhenAllAnswered;
        let next = self.state.with(|state| {
            state.loops += 1;
            if state.loops >= LOOPS_MAX {
                return Err(Outcome::Other("loop limit exceeded".into()));
            }
            if !state.surprised && !state.given_up {
                match state.needed(n) {
                    Ok(needed) if !needed.is_empty() => return Ok(Next::Send(needed)),
                    Ok(_) => {}
                    Err(goal::NoServerLeft) if patient => state.given_up = true,
                    Err(goal::NoServerLeft) => return Err(Outcome::NotEnoughServers),
                }
            }
            Ok(if state.outstanding.is_empty() { Next::Done } else { Next::Wait })
        })?;
        match next {
            Next::Send(needed) => {
                if !self.state.borrow().bad_servers.is_empty() {
                    self.client.node().sometimes("share-re-homed");
                }
                self.send(&needed);
            }
            Next::Wait => {}
            Next::Done => self.end(Outcome::Ok),
        }
        Ok(())
    }

    /// Sends a wave. Its plan is made first; the walk then follows the plan, whatever happens meanwhile.
    fn send(self: &Rc<Self>, needed: &BTreeSet<Place>) {
        let variant = self.client.variant();
        let mut plan: BTreeMap<ServerId, BTreeMap<ShareNumber, ShareWrite>> = BTreeMap::new();
        for &(server, share) in needed {
            plan.entry(server).or_default().insert(share, self.share_write((server, share)));
        }
        let wave = self.client.ghost(|model| model.wave(self.id, plan.keys().copied().collect()));
        if variant.booking == Booking::WaveFirst {
            self.state.borrow_mut().outstanding.extend(needed);
        }
        let order = self.client.walk("wave", plan.keys().copied().collect(), |server| *server);
        for server in order {
            let mut vectors = plan[&server].clone();
            if variant.before_send == BeforeSend::Recheck {
                let state = self.state.borrow();
                vectors.retain(|share, _| state.may_send((server, *share)));
            }
            if !vectors.is_empty() {
                self.send_to(server, vectors, wave);
            }
        }
    }

    fn share_write(&self, place: Place) -> ShareWrite {
        let known = self.map.borrow().version_at(place).map(|version| version.checkstring().pack().to_vec());
        let expected = match known {
            // The map may have learned, since the publish began, what is there.
            Some(version) if self.client.variant().late_answer == LateAnswer::Booked => Some(version),
            _ => self.state.borrow().expected.get(&place).cloned(),
        };
        let specimen = expected.unwrap_or_default();
        // Nothing is expected: reading one byte must give nothing.
        let span = Span { offset: 0, length: specimen.len().max(1) as u64 };
        let share = self.version.shares[usize::from(place.1)].clone();
        ShareWrite { tests: vec![TestVector { span, specimen }], writes: vec![(0, share)] }
    }

    fn send_to(self: &Rc<Self>, server: ServerId, vectors: BTreeMap<ShareNumber, ShareWrite>, wave: u32) {
        let shares: BTreeSet<ShareNumber> = vectors.keys().copied().collect();
        let (remote, knew) = self.state.with(|state| {
            let of = |places: &BTreeSet<Place>| -> BTreeSet<ShareNumber> {
                shares.iter().filter(|share| places.contains(&(server, **share))).copied().collect()
            };
            let knew = SendState {
                running: state.running,
                wanted: of(&state.goal),
                placed: of(&state.placed),
                bad_server: state.bad_servers.contains(&server),
            };
            state.outstanding.extend(shares.iter().map(|share| (server, *share)));
            (state.connections.get(&server).cloned(), knew)
        });
        let ghost = self.client.ghost(|model| model.sent(self.id, wave, server, shares.clone(), knew));
        self.client.note_write(server, &shares, self.ours.seqnum);
        let request = TestAndWrite {
            secrets: self.client.secrets(server),
            shares: vectors,
            reads: vec![Span { offset: 0, length: PREFIX_LENGTH as u64 }],
        };
        let completion = match remote {
            Some(remote) => remote.call(&Request::Write { ghost, request }),
            None => Completion::ready(self.client.node(), "write", Err(CallError::Dead)),
        };
        let publish = Rc::clone(self);
        let walking = Rc::new(std::cell::Cell::new(true));
        let on_the_spot = Rc::clone(&walking);
        completion.then(self.client.delivery(), move |answer| {
            let _frame = publish.client.frame();
            if on_the_spot.get() {
                publish.client.node().sometimes("answered-inside-the-walk");
            }
            let booked = publish.book(server, &shares, ghost, write_answer(answer));
            match booked {
                Ok(true) => publish.go_on(),
                Ok(false) => {}
                Err(outcome) => publish.end(outcome),
            }
        });
        walking.set(false);
    }

    fn go_on(self: &Rc<Self>) {
        match self.client.variant().publish_goes_on {
            GoOn::OnTheSpot => self.enter_loop(),
            GoOn::NextTurn => {
                let publish = Rc::clone(self);
                self.client.node().eventually("publish loop", move || publish.enter_loop());
            }
        }
    }

    /// Books an answer or an error. Answers whether the loop shall look at it.
    fn book(
        &self,
        server: ServerId,
        shares: &BTreeSet<ShareNumber>,
        ghost: MessageId,
        answer: Result<WriteAnswer, CallError>,
    ) -> Result<bool, Outcome> {
        let how = match &answer {
            Ok(answer) if answer.wrote => Resolution::Wrote,
            Ok(_) => Resolution::Refused,
            Err(_) => Resolution::Failed,
        };
        self.client.ghost(|model| model.resolved(ghost, how));
        let variant = self.client.variant();
        if variant.late_answer == LateAnswer::Ignored && !self.state.borrow().running {
            return Ok(false);
        }
        let meaning = self.state.with(|state| {
            for share in shares {
                state.outstanding.remove(&(server, *share));
            }
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    state.bad_servers.insert(server);
                    state.first_error.get_or_insert(error);
                    return Ok(answer::Meaning::default());
                }
            };
            let (goal, expected) = (&state.goal, &state.expected);
            let view = View { ours: self.ours, server, sent: shares, goal, expected };
            let meaning = answer::read_answer(&view, &answer, variant.rejection, variant.unknown_share);
            let meaning = meaning.map_err(|error| Outcome::Other(format!("a share in the answer: {error}")))?;
            state.take_in(server, &meaning);
            Ok(meaning)
        })?;
        let node = self.client.node();
        if meaning.surprised {
            node.sometimes("surprised");
        }
        if !meaning.replace.is_empty() {
            node.sometimes("old-share-replaced");
        }
        self.place(server, &meaning.placed);
        Ok(true)
    }

    fn place(&self, server: ServerId, placed: &BTreeSet<ShareNumber>) {
        let now = self.client.node().now().as_nanos();
        let remote = self.state.borrow().connections.get(&server).cloned();
        for &share in placed {
            let mut map = self.map.borrow_mut();
            map.add_new_share((server, share), self.version.info, now);
            if let Some(remote) = &remote {
                map.connections.entry(server).or_insert_with(|| remote.clone());
            }
            drop(map);
            self.client.ghost(|model| model.placed(self.id, (server, share)));
        }
    }

    fn end(&self, outcome: Outcome) {
        let ended = self.state.with(|state| {
            let done = state.done.take()?;
            state.running = false;
            let outcome = match outcome {
                Outcome::Ok if state.surprised => Outcome::Ucwe,
                Outcome::Ok if state.given_up => Outcome::NotEnoughServers,
                outcome => outcome,
            };
            Some((done, outcome))
        });
        if let Some((done, outcome)) = ended {
            self.client.ghost(|model| model.ended(self.id, outcome.clone()));
            self.client.node().eventually("publish done", move || done(outcome));
        }
    }
}
