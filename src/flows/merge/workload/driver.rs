//! The people: they take the operations one after the other, or together, and pause in between.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::{Administer, Edit, Merge, Op, Seconds};
use crate::flows::merge::fixture::Fixture;
use crate::flows::merge::form::{Choice, Choices, Side};
use crate::flows::merge::protocol::{FEED, LOGIN, MERGE, Reply, Request};
use crate::flows::merge::records::Picking;
use crate::flows::merge::server::Machine;
use crate::flows::merge::view::ADMIN;
use crate::flows::merge::website::{Website, ask};
use crate::flows::merge::{sites, trace};
use crate::kernel::{Down, NodeId, TaskHandle, Time};
use crate::world::Node;

/// How long somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long until somebody sends a form again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How often a form is sent, at most.
const SENT_MAX: u32 = 3;

/// Takes the operations of a run.
pub struct Driver {
    server: (&'static str, NodeId),
    website: Rc<Website>,
    machine: Rc<Machine>,
    fixture: Fixture,
    /// How many operations begin at the same moment, at least.
    at_once: usize,
    operations: Vec<(usize, Op)>,
    requests: Cell<u64>,
    together: RefCell<Vec<TaskHandle>>,
}

impl Driver {
    /// People at the server on this node.
    #[must_use]
    pub fn new(
        server: (&'static str, NodeId),
        machine: &Rc<Machine>,
        website: &Rc<Website>,
        (fixture, at_once): (Fixture, u8),
        operations: Vec<(usize, Op)>,
    ) -> Rc<Driver> {
        Rc::new(Driver {
            server,
            website: Rc::clone(website),
            machine: Rc::clone(machine),
            fixture,
            at_once: usize::from(at_once),
            operations,
            requests: Cell::new(0),
            together: RefCell::default(),
        })
    }

    /// Takes all of them.
    pub async fn run(self: Rc<Self>, node: Node) {
        let mut rest = self.operations.as_slice();
        while !rest.is_empty() {
            let least = self.at_once.clamp(1, rest.len());
            let count = rest[least - 1..].iter().position(|(_, op)| !with_next(op));
            let count = count.map_or(rest.len(), |last| last + least);
            let (group, later) = rest.split_at(count);
            rest = later;
            // Those who do not wait for each other act at about the same time.
            let at = node.now() + node.choose(&sites::THINKING, &sites::THINKING_TIME);
            for (_, op) in group {
                let (driver, here, op) = (Rc::clone(&self), node.clone(), op.clone());
                let task = node.spawn("operation", async move { driver.take(&here, &op, at).await });
                self.together.borrow_mut().push(task);
            }
            self.all_done().await;
        }
    }

    async fn all_done(&self) {
        let tasks = std::mem::take(&mut *self.together.borrow_mut());
        for task in tasks {
            task.await;
        }
    }

    /// Takes one at a time; the form of a merge is opened at once.
    async fn take(&self, node: &Node, op: &Op, at: Time) {
        if let Op::Merge(merge) = op {
            return self.merge(node, merge, at).await;
        }
        until(node, at).await;
        match op {
            Op::Merge(_) => {}
            Op::Edit(edit) => self.edit(node, edit).await,
            Op::Administer(what) => self.administer(node, what).await,
            Op::Ask(what) => {
                node.note(&trace::PERSON, "ask", format_args!("{what:?}"));
                let query: Vec<_> = what.tags.iter().map(|tag| (what.by.as_str(), tag.as_str())).collect();
                self.send(node, &Request::get("", FEED, &query)).await;
            }
            Op::Look(event) => {
                node.note(&trace::PERSON, "look", format_args!("{}", event.event));
                self.send(node, &Request::get(ADMIN, format!("/workshops/event/{}/", event.event), &[])).await;
            }
            Op::Poll(_) => {
                self.website.poll_now();
                // Long enough for the answers.
                node.sleep(Duration::from_secs(1)).await;
            }
            Op::BackUp(_) => {
                self.machine.backup_now.ring();
                // Long enough for a copy.
                node.sleep(Duration::from_secs(1)).await;
            }
            Op::Wait(Seconds { seconds }) => node.sleep(Duration::from_secs(u64::from(*seconds))).await,
            Op::Kill(Seconds { seconds }) => {
                let sim = node.sim();
                if sim.is_up(self.server.1) {
                    sim.kill(self.server.1, Down::Kill);
                    sim.start(self.server.1, Duration::from_secs(u64::from(*seconds)));
                }
            }
        }
    }

    async fn merge(&self, node: &Node, merge: &Merge, at: Time) {
        node.note(&trace::PERSON, "merge", format_args!("{merge:?}"));
        let page = [("event_a_0", merge.a.as_str()), ("event_b_0", merge.b.as_str())];
        let Some(shown) = self.send(node, &Request::get(&merge.user, MERGE, &page)).await else {
            return;
        };
        if shown.status != 200 {
            return node.outcome("no-form");
        }
        until(node, at).await;
        let mut choices = Choices::defaults();
        for (field, choice) in &merge.choices {
            choices.choose(field, *choice);
        }
        choices.choose("id", if merge.base == Side::A { Choice::A } else { Choice::B });
        let hidden = shown.body.split('&').filter_map(|pair| pair.split_once('='));
        let mut body: Vec<(&str, &str)> = hidden.collect();
        for (field, choice) in choices.pairs() {
            body.push((field, choice));
        }
        let other: Option<Vec<_>> = merge
            .form
            .as_ref()
            .map(|form| form.iter().map(|name| self.fixture.key(name).unwrap_or_default().to_string()).collect());
        if let Some(keys) = &other {
            body.retain(|(name, _)| *name != "event_a" && *name != "event_b");
            body.extend([("event_a", keys[0].as_str()), ("event_b", keys[1].as_str())]);
        }
        let request = Request::post(&merge.user, MERGE, &page, &body);
        let first = self.submit(node, request.clone(), merge.again);
        match node.choose(&sites::SUBMIT_AGAIN, &sites::AGAIN) {
            None => first.await,
            Some(later) => {
                node.sometimes("sent-twice");
                let second = async {
                    node.sleep(later).await;
                    self.submit(node, request, merge.again).await;
                };
                both(first, second).await;
            }
        }
    }

    /// Sends the form of a merge, again and again if no answer comes.
    async fn submit(&self, node: &Node, request: Request, again: bool) {
        for attempt in 0..SENT_MAX {
            let request = Request { number: self.number(), ..request.clone() };
            let reply = self.exchange(node, &request).await;
            let Some(reply) = reply else {
                if !again || attempt + 1 == SENT_MAX {
                    return node.outcome("no-answer");
                }
                node.sometimes("sent-again");
                node.sleep(AGAIN_AFTER).await;
                continue;
            };
            let is_done = reply.status == 302 && reply.location != LOGIN;
            if is_done {
                self.machine.watch.acknowledged(request.number);
            }
            return node.outcome(match reply.status {
                302 if is_done => "merged",
                200 if reply.body.starts_with("cannot delete") => "protected",
                302 | 403 => "forbidden",
                200 | 400 => "invalid",
                404 => "gone",
                409 => "conflict",
                503 => "locked",
                _ => "failed",
            });
        }
    }

    async fn edit(&self, node: &Node, edit: &Edit) {
        node.note(&trace::PERSON, "edit", format_args!("{edit:?}"));
        let fields = [("notes", &edit.notes), ("add", &edit.add), ("remove", &edit.remove)];
        let body: Vec<_> =
            fields.iter().filter_map(|(name, value)| value.as_ref().map(|value| (*name, value.as_str()))).collect();
        self.send(node, &Request::post(ADMIN, format!("/workshops/event/{}/", edit.event), &[], &body)).await;
    }

    async fn administer(&self, node: &Node, what: &Administer) {
        node.note(&trace::PERSON, "administer", format_args!("{what:?}"));
        if let Administer::Restore(tag) = what {
            let number = match self.machine.picking {
                Picking::LooksInside => self.machine.watch.newest_backup_with(tag),
                Picking::AsWritten => self.machine.records.newest_before_the_merge(false),
                Picking::InOneZone => self.machine.records.newest_before_the_merge(true),
            };
            let number = number.map(|number| number.to_string());
            let from = number.as_deref().unwrap_or_default();
            self.send(node, &Request::post(ADMIN, "/workshops/admin", &[], &[("restore", tag), ("from", from)])).await;
            return;
        }
        let (name, value) = match what {
            Administer::CreateTag(tag) => ("create-tag", tag),
            Administer::DeleteTag(tag) => ("delete-tag", tag),
            Administer::DeleteEvent(event) => ("delete-event", event),
            Administer::Award(event) => ("award", event),
            Administer::Invoice(event) => ("invoice", event),
            Administer::Task(event) => ("task", event),
            Administer::Restore(tag) => ("restore", tag),
        };
        self.send(node, &Request::post(ADMIN, "/workshops/admin", &[], &[(name, value)])).await;
    }

    /// Sends something once.
    async fn send(&self, node: &Node, request: &Request) -> Option<Reply> {
        let request = Request { number: self.number(), ..request.clone() };
        let reply = self.exchange(node, &request).await;
        if !(request.is_post || reply.is_some()) {
            node.outcome("no-answer");
        }
        reply
    }

    async fn exchange(&self, node: &Node, request: &Request) -> Option<Reply> {
        node.timeout(PATIENCE, ask(node, self.server.0, request)).await.ok()?.ok()
    }

    fn number(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }
}

fn with_next(op: &Op) -> bool {
    matches!(op, Op::Merge(Merge { with_next: true, .. }) | Op::Edit(Edit { with_next: true, .. }))
}

/// Waits for a time, and a little longer.
async fn until(node: &Node, at: Time) {
    let left = at.since(node.now().min(at));
    node.sleep(left + node.choose(&sites::STAGGER, &sites::STAGGER_TIME)).await;
}

/// Waits for both.
async fn both(first: impl Future<Output = ()>, second: impl Future<Output = ()>) {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    let (mut first_done, mut second_done) = (false, false);
    std::future::poll_fn(|context| {
        first_done = first_done || first.as_mut().poll(context).is_ready();
        second_done = second_done || second.as_mut().poll(context).is_ready();
        if first_done && second_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
