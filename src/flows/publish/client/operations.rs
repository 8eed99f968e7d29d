//! The public operations of a client, one behind the other.

use std::collections::VecDeque;
use std::rc::Rc;

use super::modify::{Modifier, modify};
use super::publish::publish;
use super::retrieve::retrieve;
use super::update::update;
use super::{Client, Map};
use crate::flows::publish::facts::{Outcome, Tick};
use crate::flows::publish::servermap::UpdateMode;
use crate::flows::publish::trace;
use crate::reentry::Cell;
use crate::world::Node;

/// A map that a caller keeps, and when its update began.
#[derive(Clone)]
pub struct Kept {
    map: Map,
    since: Tick,
}

type Finish = Box<dyn FnOnce(Outcome)>;
type Job = Box<dyn FnOnce()>;

/// Operations that wait for the one before.
pub struct Queue(Cell<QueueState>);

#[derive(Default)]
struct QueueState {
    busy: bool,
    waiting: VecDeque<Job>,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(node: &Node) -> Queue {
        Queue(node.cell("operations", QueueState::default()))
    }

    /// The run is over: what waits will never be called.
    pub fn tear_down(&self) {
        let waiting = self.0.with(std::mem::take);
        drop(waiting);
    }
}

impl Client {
    /// Publishes a text without looking first: the file is new.
    pub fn create(self: &Rc<Self>, text: Vec<u8>, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("create", told, move |client, finish| {
            let since = client.ghost(|model| model.now());
            client.broker.lose_at_publish();
            let map = client.new_map();
            publish(client, &map, since, &text, finish);
        });
    }

    /// Replaces the text, whatever it is.
    pub fn overwrite(self: &Rc<Self>, text: Vec<u8>, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("overwrite", told, move |client, finish| {
            let map = client.new_map();
            client.map_then(&map, UpdateMode::Write, move |client, map, since| {
                client.broker.lose_at_publish();
                publish(client, map, since, &text, finish);
            });
        });
    }

    /// Updates a map and keeps it for a later [`Client::upload`].
    pub fn keep_map(self: &Rc<Self>, mode: UpdateMode, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("keep-map", told, move |client, finish| {
            let map = client.new_map();
            client.map_then(&map, mode, move |client, map, since| {
                *client.kept.borrow_mut() = Some(Kept { map: map.clone(), since });
                finish(Outcome::Ok);
            });
        });
    }

    /// Whether there is a kept map.
    #[must_use]
    pub fn has_kept_map(&self) -> bool {
        self.kept.borrow().is_some()
    }

    /// Replaces the text on the strength of the kept map, which may be stale.
    pub fn upload(self: &Rc<Self>, text: Vec<u8>, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("upload", told, move |client, finish| {
            let kept = client.kept.borrow().clone();
            let Some(kept) = kept else {
                return finish(Outcome::NotEnoughShares);
            };
            client.broker.lose_at_publish();
            publish(client, &kept.map, kept.since, &text, finish);
        });
    }

    /// Reads the best version of the kept map, which may be stale.
    pub fn fetch(self: &Rc<Self>, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("fetch", told, move |client, finish| {
            let kept = client.kept.borrow().clone();
            let Some(kept) = kept else {
                return finish(Outcome::NotEnoughShares);
            };
            read_best(client, &kept.map, kept.since, move |text| finish(outcome(text)));
        });
    }

    /// Changes the text.
    pub fn modify(self: &Rc<Self>, modifier: Modifier, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("modify", told, move |client, finish| modify(client, modifier, finish));
    }

    /// Reads the best version: with reasonable effort, and once more with greater effort if shares turn out to be
    /// missing; or, with `check`, asking every server.
    pub fn read(self: &Rc<Self>, check: bool, told: impl FnOnce(Outcome) + 'static) {
        self.serialized("read", told, move |client, finish| {
            let map = client.new_map();
            let mode = if check { UpdateMode::Check } else { UpdateMode::Read };
            client.map_then(&map, mode, move |client, map, since| {
                let (again, same_map) = (Rc::clone(client), map.clone());
                // Only a fetch that failed is tried again, not a map without a version.
                let there_was_one = map.borrow().best().is_some();
                read_best(client, map, since, move |text| match text {
                    Err(Outcome::NotEnoughShares) if !check && there_was_one => {
                        again.map_then(&same_map, UpdateMode::Write, move |client, map, since| {
                            read_best(client, map, since, move |text| finish(outcome(text)));
                        });
                    }
                    text => finish(outcome(text)),
                });
            });
        });
    }

    fn map_then(self: &Rc<Self>, map: &Map, mode: UpdateMode, then: impl FnOnce(&Rc<Client>, &Map, Tick) + 'static) {
        let since = self.ghost(|model| model.now());
        if mode != UpdateMode::Check {
            self.broker.hide_by_choice();
        }
        let (client, same_map) = (Rc::clone(self), map.clone());
        update(self, map, mode, move || {
            client.note_map(&same_map);
            client.broker.unhide();
            client.broker.lose_by_choice();
            then(&client, &same_map, since);
        });
    }

    /// Runs `job` when all operations before it have ended; `told` hears of its end from the eventual queue.
    fn serialized(
        self: &Rc<Self>,
        name: &'static str,
        told: impl FnOnce(Outcome) + 'static,
        job: impl FnOnce(&Rc<Client>, Finish) + 'static,
    ) {
        let operation = self.ghost(|model| model.operation(&self.node.name()));
        self.node.note(&trace::OPERATION, name, format_args!(""));
        let client = Rc::clone(self);
        let finished: Finish = Box::new(move |outcome| {
            let caller = Rc::clone(&client);
            client.shown.operation(None);
            client.node.eventually("operation done", move || {
                let frames = caller.frames.get();
                caller.node.note(&trace::RESULT, name, format_args!("{}", outcome.label()));
                caller.node.outcome(outcome.label());
                caller.ghost(|model| model.told(operation, outcome.clone(), frames));
                told(outcome);
            });
            client.next();
        });
        let client = Rc::clone(self);
        let job: Job = Box::new(move || {
            client.shown.operation(Some(name));
            job(&client, finished);
        });
        let start = self.queue.0.with(|queue| {
            if queue.busy {
                queue.waiting.push_back(job);
                return None;
            }
            queue.busy = true;
            Some(job)
        });
        if let Some(job) = start {
            job();
        }
    }

    fn next(&self) {
        let job = self.queue.0.with(|queue| {
            let job = queue.waiting.pop_front();
            queue.busy = job.is_some();
            job
        });
        if let Some(job) = job {
            job();
        }
    }
}

/// Fetches the best recoverable version of a map, and tells the ghost history what was read.
pub fn read_best(client: &Rc<Client>, map: &Map, since: Tick, done: impl FnOnce(Result<Vec<u8>, Outcome>) + 'static) {
    let asked_all = {
        let map = map.borrow();
        let heard = client.setting.order.iter().all(|server| map.heard.contains(server));
        map.last_update == Some(UpdateMode::Check) && heard
    };
    let reader = Rc::clone(client);
    let report = move |text: Result<Vec<u8>, Outcome>, undisturbed: bool| {
        reader.ghost(|model| model.read(&reader.node.name(), since, asked_all && undisturbed, text.clone()));
        done(text);
    };
    let best = map.borrow().best();
    let Some(version) = best else {
        return report(Err(Outcome::NotEnoughShares), true);
    };
    let report = Rc::new(std::cell::RefCell::new(Some(report)));
    let later = Rc::clone(&report);
    let started = retrieve(client, map, version, move |text, undisturbed| {
        let report = later.borrow_mut().take();
        if let Some(report) = report {
            report(text, undisturbed);
        }
    });
    if let Err(outcome) = started {
        let report = report.borrow_mut().take();
        if let Some(report) = report {
            report(Err(outcome), false);
        }
    }
}

fn outcome(text: Result<Vec<u8>, Outcome>) -> Outcome {
    match text {
        Ok(_) => Outcome::Ok,
        Err(outcome) => outcome,
    }
}
