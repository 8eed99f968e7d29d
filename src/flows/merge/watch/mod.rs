//! The witness of a run: it sees requests, commits (through an observer), answers, and what clients are told, and evaluates
//! the invariants on them. Nothing of it is part of the application, and a node that has died cannot write to it any more.
//!
//! | file | what is there |
//! |---|---|
//! | `history` | committed states, which merge made each, who was told |
//! | `crash` | what a start finds |
//! | `reading` | answers of the feed, pages, the website's file |
//! | `backups` | what is in them |

mod backups;
mod crash;
mod history;
mod reading;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use self::backups::Backups;
use self::history::{History, State};
use self::reading::Reading;
use super::exports::Export;
use super::files::Committed;
use super::invariants::merge::{self, Asked};
use super::invariants::{Finding, INVARIANTS, Id, state};
use super::orm::{OrmError, OrmResult, Purpose};
use super::protocol::{FEED, LOGIN, MERGE, Reply, Request};
use super::rows::Rows;
use super::schema::Table;
use super::trace;
use crate::check::{Findings, Outcome, Witness};
use crate::flow::Named;
use crate::kernel::NodeId;
use crate::world::{Node, World};

/// Points of the story, from the cause to what people saw.
pub const SYMPTOMS: &[Named] = &[
    Named::new("merged", "a merge was committed"),
    Named::new("tag-lost", "a merge has deleted a tag for everybody"),
    Named::new("feed-fails-open", "the feed has answered with everything because it did not know a tag"),
    Named::new("feed-fails-open-after-loss", "it did so for a tag that was there before"),
    Named::new("loss-seen-on-a-page", "a page offers tags to choose from, and one that was lost is missing"),
    Named::new("tag-restored", "a tag is back from a backup, under its old key, for every third event that had it"),
];

/// What should happen now and then.
pub const MARKS: &[Named] = &[
    SYMPTOMS[0],
    SYMPTOMS[1],
    SYMPTOMS[2],
    SYMPTOMS[3],
    SYMPTOMS[4],
    SYMPTOMS[5],
    Named::new("feed-across-a-merge", "two answers of the feed for one tag had one merge between them"),
    Named::new("waited-for-a-lock", "a statement had to wait for a lock"),
    Named::new("locked-too-long", "a statement waited for a lock as long as it may, in vain"),
    Named::new("receiver-called", "a receiver was called inside a transaction"),
    Named::new("handled-inside-a-receiver", "something else was handled inside a receiver's call"),
    Named::new("crashed-in-commit", "the process died while it committed"),
    Named::new("commit-lost", "a commit that had succeeded was gone after a crash"),
    Named::new("sent-twice", "a form was sent a second time without waiting for the answer"),
    Named::new("sent-again", "a form was sent again because no answer came"),
];

/// The story has reached this point.
fn reached(node: &Node, symptom: &'static str) {
    node.mark(symptom);
    node.sometimes(symptom);
}

/// The witness of one run.
pub struct Watch {
    world: World,
    /// Whose file is looked at.
    website: OnceCell<NodeId>,
    findings: Findings,
    inner: RefCell<Inner>,
}

impl Witness for Watch {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn look(&self) {
        if let Some(website) = self.website.get() {
            self.look_at_the_website(*website);
        }
    }

    fn look_settled(&self) {
        let inner = self.inner.borrow();
        let outcome = state::audit_complete(inner.rows(), &inner.history.merges());
        self.findings.report(Id::AuditComplete as usize, outcome);
    }
}

/// What is known.
struct Inner {
    committed: Committed,
    history: History,
    reading: Reading,
    backups: Backups,
    /// Requests that workers have begun.
    tickets: BTreeMap<u64, Ticket>,
    last_ticket: u64,
    /// Whose commit has begun and not ended.
    committing: Option<(u64, Purpose)>,
    /// How often the process was started.
    lives: u32,
}

/// A request a worker has begun.
struct Ticket {
    request: Request,
    asked: Option<Asked>,
    /// The state that was committed when it began.
    began: usize,
    /// It has changed something.
    changed: bool,
}

impl Watch {
    /// A witness of the application on this node.
    #[must_use]
    pub fn new(world: &World, server: NodeId) -> Rc<Watch> {
        let committed = Committed::new(world, server);
        let history = History::new(committed.rows());
        let inner = Inner {
            committed,
            history,
            reading: Reading::default(),
            backups: Backups::default(),
            tickets: BTreeMap::new(),
            last_ticket: 0,
            committing: None,
            lives: 0,
        };
        let findings = Findings::new(INVARIANTS.len());
        Rc::new(Watch { world: world.clone(), website: OnceCell::new(), findings, inner: RefCell::new(inner) })
    }

    /// Registers the invariants; the website's file is looked at after each step that has changed it.
    pub fn register(self: &Rc<Self>, website: NodeId) {
        let _ = self.website.set(website);
        self.world.witness(INVARIANTS, self);
    }

    fn report(&self, found: impl IntoIterator<Item = Finding>) {
        for (id, outcome) in found {
            self.findings.report(id as usize, outcome);
        }
    }

    // --- told by workers -------------------------------------------------------------------------------------------

    /// A worker begins a request; answers the number under which it is known here.
    pub fn request_begins(&self, request: &Request) -> u64 {
        let mut inner = self.inner.borrow_mut();
        let asked = (request.is_post && request.path == MERGE).then(|| Asked::of(request)).flatten();
        let began = inner.history.index();
        inner.last_ticket += 1;
        let ticket = inner.last_ticket;
        inner.tickets.insert(ticket, Ticket { request: request.clone(), asked, began, changed: false });
        ticket
    }

    /// A worker is about to commit.
    pub fn commit_begins(&self, ticket: u64, purpose: Purpose) {
        self.inner.borrow_mut().committing = Some((ticket, purpose));
    }

    /// A worker's commit has succeeded or failed.
    pub fn commit_ended(&self, node: &Node, ticket: u64, purpose: Purpose, result: &OrmResult<()>) {
        let mut inner = self.inner.borrow_mut();
        inner.committing = None;
        let changed = match inner.committed.refresh() {
            Ok(changed) => changed,
            Err(error) => {
                let outcome = Outcome::violated("the database cannot be read", error.to_string());
                return self.findings.report(Id::DatabaseIntact as usize, outcome);
            }
        };
        if changed {
            let found = inner.take(node, ticket, purpose);
            self.report(found);
        } else if result.is_ok() && purpose == Purpose::Work {
            let found = inner.done_without_change(ticket);
            self.report(found);
        }
        if matches!(result, Err(OrmError::Database(_))) {
            self.findings.report(Id::DatabaseIntact as usize, inner.damage());
        }
    }

    /// A worker is about to send its answer.
    pub fn answered(&self, node: &Node, ticket: u64, reply: &Reply) {
        if !node.is_alive() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        let Some(ticket) = inner.tickets.remove(&ticket) else {
            return;
        };
        if ticket.request.is_post && is_refusal(reply) {
            let outcome = match ticket.changed {
                true => Outcome::violated("refused, and yet done", format!("{} {}", reply.status, reply.body)),
                false => Outcome::Held,
            };
            self.findings.report(Id::RefusalChangesNothing as usize, outcome);
        }
        self.report(inner.restored_completely(&ticket, reply));
        if ticket.request.path == FEED {
            let found = inner.feed_answered(node, &ticket, reply);
            self.report(found);
        } else if let Some(export) = Export::at(&ticket.request.path) {
            let found = inner.list_answered(node, &ticket, export, reply);
            self.report(found);
        } else if !ticket.request.is_post {
            inner.page_shown(node, reply);
        }
    }

    // --- told by clients -------------------------------------------------------------------------------------------

    /// Somebody was told that the merge of this request was done.
    pub fn acknowledged(&self, number: u64) {
        let is_known = self.inner.borrow_mut().history.acknowledge(number);
        let outcome = match is_known {
            true => Outcome::Held,
            false => Outcome::violated("acknowledged, and not there", format!("request {number}")),
        };
        self.findings.report(Id::AcknowledgedSurvives as usize, outcome);
    }

    // --- for people ------------------------------------------------------------------------------------------------

    /// What is committed, in names.
    #[must_use]
    pub fn shown(&self) -> serde_json::Value {
        let inner = self.inner.borrow();
        let rows = &inner.history.last().rows;
        let tags: Vec<_> = rows.of(Table::Tag).keys().filter_map(|tag| rows.tag_name(*tag)).collect();
        let events: BTreeMap<_, _> = rows
            .of(Table::Event)
            .keys()
            .map(|event| {
                let names: Vec<_> = rows.tags_of(*event).iter().filter_map(|tag| rows.tag_name(*tag)).collect();
                (rows.slug(*event).unwrap_or("?"), names.join(" "))
            })
            .collect();
        serde_json::json!({ "tags": tags.join(" "), "events": events, "merges": inner.history.merges().len() })
    }
}

/// Whether an answer to a form says that nothing was done. An error that no view expects says neither.
fn is_refusal(reply: &Reply) -> bool {
    match reply.status {
        302 => reply.location == LOGIN,
        500 => false,
        _ => true,
    }
}

impl Inner {
    /// What SQLite's own check says of what is committed.
    fn damage(&mut self) -> Outcome {
        match self.committed.damage() {
            Ok(None) => Outcome::Held,
            Ok(Some(said)) => Outcome::violated("damaged", said),
            Err(error) => Outcome::violated("the database cannot be read", error.to_string()),
        }
    }

    /// What was just committed becomes the last state; answers what the checks say.
    fn take(&mut self, node: &Node, ticket: u64, purpose: Purpose) -> Vec<Finding> {
        let before = Rc::clone(&self.history.last().rows);
        let after = self.committed.rows();
        let counts = [Table::Event, Table::Tag, Table::EventTags].map(|table| after.of(table).len() as u64);
        node.event(&trace::COMMITTED, if purpose == Purpose::Audit { "audit" } else { "work" }, counts);
        let restored = self.tickets.get(&ticket).is_some_and(|ticket| ticket.request.body.contains_key("restore"));
        let has_worked = !before.is_same_work(&after);
        let asked = self.tickets.get_mut(&ticket).filter(|_| has_worked).and_then(|ticket| {
            ticket.changed = true;
            Some((ticket.asked.clone()?, ticket.request.number))
        });
        let mut found = Vec::new();
        if let Some((asked, _)) = &asked {
            found.extend(merge::check(&before, &after, asked, self.history.has_done(asked)));
            reached(node, "merged");
            if before.of(Table::Tag).keys().any(|tag| !after.of(Table::Tag).contains_key(tag)) {
                reached(node, "tag-lost");
            }
        }
        found.push((Id::NoDangling, state::no_dangling(&after)));
        if !restored {
            found.push((Id::NoResurrection, state::no_resurrection(&after, &self.history.deleted())));
        }
        let (merged, number) = asked.unzip();
        self.history.push(State { rows: after, merged, number, acknowledged: false, has_worked, restored });
        if restored {
            self.restored(node);
        }
        found.push((Id::AuditFollows, self.audit_follows()));
        found
    }

    /// A merge that leaves everything as it was, as the second one of an event with itself does; one of two events that are
    /// there must not.
    fn done_without_change(&mut self, ticket: u64) -> Option<Finding> {
        let ticket = self.tickets.get(&ticket)?;
        let (asked, number) = (ticket.asked.clone()?, Some(ticket.request.number));
        let rows = self.committed.rows();
        let found = merge::check(&rows, &rows, &asked, self.history.has_done(&asked));
        let merged = Some(asked);
        self.history.push(State { rows, merged, number, acknowledged: false, has_worked: false, restored: false });
        found.into_iter().find(|(id, _)| *id == Id::OneEventFewer)
    }

    fn audit_follows(&self) -> Outcome {
        state::audit_follows(&self.history.last().rows, &self.history.merges())
    }

    fn rows(&self) -> &Rows {
        &self.history.last().rows
    }
}
