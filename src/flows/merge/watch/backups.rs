//! Backups: what is in them, and what can be had back from them.

use super::{Inner, Ticket, Watch, is_refusal, reached};
use crate::check::Outcome;
use crate::disk::sqlite::Observer;
use crate::flows::merge::backup::file_of;
use crate::flows::merge::invariants::{Finding, Id, state};
use crate::flows::merge::protocol::Reply;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::Table;
use crate::world::Node;

/// Finished backups, with what is in them.
#[derive(Default)]
pub(super) struct Backups(Vec<(u64, Rows)>);

impl Watch {
    /// The job is about to copy; answers where the history is.
    #[must_use]
    pub fn backup_begins(&self) -> usize {
        self.inner.borrow().history.index()
    }

    /// The job has finished one.
    pub fn backup_made(&self, node: &Node, number: u64, began: usize) {
        let mut observer = Observer::new(&file_of(number));
        let looked = self.world.disks().look(node.id(), |disk| observer.refresh(disk));
        let rows = looked.and_then(|_| observer.database().map(|database| Rows::read(database, None)).transpose());
        let mut inner = self.inner.borrow_mut();
        let outcome = match rows {
            Ok(Some(rows)) => {
                let states = inner.history.states();
                let is_known = states[began.min(states.len() - 1)..].iter().any(|state| *state.rows == rows);
                inner.backups.0.push((number, rows));
                match is_known {
                    true => Outcome::Held,
                    false => Outcome::violated("a state that never was", file_of(number)),
                }
            }
            Ok(None) => Outcome::violated("there is none", file_of(number)),
            Err(error) => Outcome::violated("it cannot be read", error.to_string()),
        };
        self.findings.report(Id::BackupRestores as usize, outcome);
    }

    /// The newest backup that has a tag by this name.
    #[must_use]
    pub fn newest_backup_with(&self, tag: &str) -> Option<u64> {
        self.inner.borrow().backups.newest_with(tag).map(|(number, _)| *number)
    }
}

impl Backups {
    fn newest_with(&self, tag: &str) -> Option<&(u64, Rows)> {
        self.0.iter().rev().find(|(_, rows)| rows.tag(tag).is_some())
    }
}

impl Inner {
    /// If somebody is told that a tag was brought back, whether all of it was, at some moment of the request.
    pub(super) fn restored_completely(&self, ticket: &Ticket, reply: &Reply) -> Option<Finding> {
        let tag = ticket.request.body.get("restore").filter(|_| !is_refusal(reply) && reply.status < 500)?;
        let newest = self.backups.newest_with(tag).map(|(_, rows)| rows);
        let during = self.history.states()[self.began(ticket)..].iter().rev();
        let mut outcomes = during.map(|state| state::restored(tag, newest, &state.rows));
        let last = outcomes.next()?;
        let other = matches!(last, Outcome::Violated(_)).then(|| outcomes.find(|outcome| *outcome == Outcome::Held));
        Some((Id::RestoreComplete, other.flatten().unwrap_or(last)))
    }

    /// A tag has come back: the story ends well if every third event has it again.
    pub(super) fn restored(&self, node: &Node) {
        let (first, now) = (&self.history.states()[0].rows, self.rows());
        let is_back = |event: &i64| {
            let tags = first.tags_of(*event);
            tags.is_subset(&now.tags_of(*event))
        };
        let merged: Vec<_> = self.history.states().iter().filter_map(|state| state.merged.as_ref()).collect();
        let is_third = |event: &&i64| !merged.iter().any(|asked| asked.a == **event || asked.b == **event);
        let mut third = now.of(Table::Event).keys().filter(is_third);
        if first.of(Table::Tag) == now.of(Table::Tag) && third.all(is_back) {
            reached(node, "tag-restored");
        }
    }
}
