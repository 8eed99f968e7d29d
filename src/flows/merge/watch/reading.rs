//! What readers get: answers of the feed, pages, the website's file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inner, Ticket, Watch, reached};
use crate::check::Outcome;
use crate::flows::merge::exports::{Export, listed};
use crate::flows::merge::feed::entries;
use crate::flows::merge::invariants::feed::{across_merge, asked, list_soundness, pairs, slugs, soundness};
use crate::flows::merge::invariants::{Finding, Id};
use crate::flows::merge::protocol::Reply;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::Table;
use crate::flows::merge::website::{FILE, Published};
use crate::kernel::NodeId;
use crate::world::Node;

/// The event that a part of an answer is about, if it is about one.
type EventOf = fn(&str) -> Option<&str>;

/// What readers have got.
#[derive(Default)]
pub(super) struct Reading {
    /// By what was asked: where the history was when the last answer began and ended, and its slugs or pairs.
    answers: BTreeMap<String, (usize, usize, BTreeSet<String>)>,
    /// Rounds of the website that were complete.
    rounds: BTreeMap<u64, Published>,
    /// The last round the website was done with writing. From then on there is a file, of this round or a later one;
    /// what was not done with may go in a power cut, and the file before it is back, or none.
    written: Option<u64>,
    /// The version of the website's file at the last look.
    looked_at: Option<u64>,
}

impl Inner {
    pub(super) fn feed_answered(&mut self, node: &Node, ticket: &Ticket, reply: &Reply) -> Vec<Finding> {
        let began = self.began(ticket);
        let list = entries(&reply.body);
        let (earlier, during) = self.history.states().split_at(began);
        let [earlier, during] =
            [earlier, during].map(|states| states.iter().map(|state| &*state.rows).collect::<Vec<_>>());
        let sound = soundness(&ticket.request, reply, list.as_deref(), &during, &earlier);
        if let Outcome::Violated(violation) = &sound {
            let (is_lost, is_unknown) =
                (violation.cause == "a tag that is gone narrows nothing", violation.cause.ends_with("narrows nothing"));
            if is_unknown {
                reached(node, "feed-fails-open");
            }
            if is_lost {
                reached(node, "feed-fails-open-after-loss");
            }
        }
        let mut found = vec![(Id::FeedSoundness, sound)];
        let (names, _) = asked(&ticket.request);
        if let (200, Some(list), 1) = (reply.status, list, names.len()) {
            let key = format!("{:?}", ticket.request.query);
            found.extend(self.across(node, key, began, slugs(&list), |slug| Some(slug)));
        }
        found
    }

    pub(super) fn list_answered(
        &mut self,
        node: &Node,
        ticket: &Ticket,
        export: Export,
        reply: &Reply,
    ) -> Vec<Finding> {
        let began = self.began(ticket);
        let list = listed(reply);
        let during: Vec<&Rows> = self.history.states()[began..].iter().map(|state| &*state.rows).collect();
        let mut found = vec![(Id::FeedSoundness, list_soundness(export, reply, list.as_ref(), &during))];
        if let Some(list) = list {
            let event_of: EventOf = match export {
                // Whoever has a badge keeps it.
                Export::Badges => |_| None,
                Export::Instructors => |pair| pair.split_once(' ').map(|(_, slug)| slug),
            };
            found.extend(self.across(node, export.path().to_owned(), began, pairs(&list), event_of));
        }
        found
    }

    /// The state in which a request began. A crash may have taken the end of the history away.
    pub(super) fn began(&self, ticket: &Ticket) -> usize {
        ticket.began.min(self.history.index())
    }

    /// This answer, and the one before it to the same question, with one merge and nothing else between them.
    fn across(
        &mut self,
        node: &Node,
        key: String,
        began: usize,
        after: BTreeSet<String>,
        event_of: EventOf,
    ) -> Option<Finding> {
        let to = self.history.index();
        let before = self.reading.answers.insert(key, (began, to, after.clone()));
        let (from, _, before) = before.filter(|(from, ..)| *from <= to)?;
        let states = self.history.states();
        let mut worked = states.iter().enumerate().take(to + 1).skip(from + 1).filter(|(_, state)| state.has_worked);
        let (index, state) = worked.next().filter(|_| worked.next().is_none())?;
        let merged = state.merged.as_ref()?;
        let slug = |rows: &Rows, event| rows.slug(event).map(str::to_owned);
        let previous = &states[index - 1].rows;
        let allowed = [slug(previous, merged.a), slug(previous, merged.b), slug(&state.rows, merged.base())];
        node.sometimes("feed-across-a-merge");
        let is_allowed = |slug: &str| allowed.iter().flatten().any(|allowed| allowed == slug);
        let is_about_merged = |entry: &str| event_of(entry).is_some_and(is_allowed);
        Some((Id::FeedAcrossMerge, across_merge(&before, &after, is_about_merged)))
    }

    /// The page of an event lists the tags there are.
    pub(super) fn page_shown(&self, node: &Node, reply: &Reply) {
        let Some((_, offered)) = reply.body.split_once("&tags=").filter(|_| reply.status == 200) else {
            return;
        };
        let first = &self.history.states()[0].rows;
        let offered: BTreeSet<_> = offered.split(',').collect();
        let is_missing = |tag: &i64| first.tag_name(*tag).is_some_and(|name| !offered.contains(name));
        if self.history.states().iter().any(|state| state.merged.is_some())
            && first.of(Table::Tag).keys().any(|tag| is_missing(tag) && !self.rows().of(Table::Tag).contains_key(tag))
        {
            reached(node, "loss-seen-on-a-page");
        }
    }
}

impl Watch {
    /// The website has polled everything, and is about to write it.
    pub fn round_is_complete(&self, published: &Published) {
        self.inner.borrow_mut().reading.rounds.insert(published.round, published.clone());
    }

    /// The website is done with writing a round.
    pub fn round_is_written(&self, round: u64) {
        let reading = &mut self.inner.borrow_mut().reading;
        reading.written = reading.written.max(Some(round));
    }

    /// Looks at the website's file if it has changed.
    pub(super) fn look_at_the_website(&self, website: NodeId) {
        let mut inner = self.inner.borrow_mut();
        if inner.reading.rounds.is_empty() || !self.world.sim().is_up(website) {
            return;
        }
        let (version, content) = self.world.disks().look(website, |disk| {
            let version = disk.version(FILE);
            let is_new = version != inner.reading.looked_at;
            (version, is_new.then(|| disk.content(FILE).ok()))
        });
        let Some(content) = content else {
            return;
        };
        inner.reading.looked_at = version;
        let written = inner.reading.written;
        let outcome = match content {
            None => match written {
                Some(round) => Outcome::violated("the file is gone", format!("round {round} was written")),
                None => Outcome::Idle,
            },
            Some(bytes) => match serde_json::from_slice::<Published>(&bytes) {
                Err(_) => Outcome::violated("the file cannot be read", format!("{} bytes", bytes.len())),
                Ok(published) if inner.reading.rounds.get(&published.round) != Some(&published) => {
                    Outcome::violated("the file is no complete round", format!("round {}", published.round))
                }
                Ok(published) if written.is_some_and(|written| published.round < written) => {
                    let detail = format!("round {}, and round {written:?} was written", published.round);
                    Outcome::violated("a round that was written is gone", detail)
                }
                Ok(_) => Outcome::Held,
            },
        };
        self.findings.report(Id::ConsumerFile as usize, outcome);
    }
}
