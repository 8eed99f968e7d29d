//! What a start of the process finds: the last committed state, or that with a merge in doubt; an earlier one only if nobody
//! was told of what is missing.

use std::rc::Rc;

use super::{Inner, Watch};
use crate::check::Outcome;
use crate::flows::merge::invariants::{Finding, Id};
use crate::flows::merge::orm::Purpose;
use crate::world::Node;

impl Watch {
    /// The process starts: what is on its disk is compared with what was committed.
    pub fn server_starts(&self, node: &Node) {
        let mut inner = self.inner.borrow_mut();
        let found = inner.server_starts(node);
        self.report(found);
    }
}

impl Inner {
    fn server_starts(&mut self, node: &Node) -> Vec<Finding> {
        self.lives += 1;
        if self.lives == 1 {
            return Vec::new();
        }
        let in_doubt = self.committing.take();
        if in_doubt.is_some() {
            node.sometimes("crashed-in-commit");
        }
        let damage = match self.committed.refresh() {
            Ok(_) => self.damage(),
            Err(error) => Outcome::violated("the database cannot be read", error.to_string()),
        };
        let mut found = vec![(Id::DatabaseIntact, damage)];
        let rows = self.committed.rows();
        let known = self.history.states().iter().rposition(|state| *state.rows == *rows);
        match (known, in_doubt) {
            (Some(known), _) => found.extend(self.goes_back_to(node, known)),
            (None, Some((ticket, purpose))) => {
                // The commit that was cut short may be there: then as a whole.
                let before = Rc::clone(&self.history.last().rows);
                let merge = self.take(node, ticket, purpose);
                let broken = match purpose {
                    Purpose::Work if before.is_same_work(&rows) => Some("only the record is there".to_owned()),
                    _ => half(&merge),
                };
                found.push((
                    Id::AllOrNothing,
                    match broken {
                        Some(detail) => Outcome::violated("half of a merge", detail),
                        None => Outcome::Held,
                    },
                ));
                found.extend(merge);
            }
            (None, None) => {
                let detail = format!("after {} commits", self.history.index());
                found.push((Id::AllOrNothing, Outcome::violated("a state that nobody has committed", detail)));
                self.history.goes_on_from(Rc::clone(&rows));
            }
        }
        self.tickets.clear();
        found
    }

    /// The end of the history is gone.
    fn goes_back_to(&mut self, node: &Node, known: usize) -> Vec<Finding> {
        let gone = self.history.truncate(known);
        if !gone.is_empty() {
            node.sometimes("commit-lost");
        }
        let told = gone.iter().filter(|state| state.acknowledged).count();
        let survives = match told {
            0 => Outcome::Held,
            _ => Outcome::violated("acknowledged, and gone after a crash", format!("{} commits are gone", gone.len())),
        };
        vec![
            (Id::AllOrNothing, Outcome::Held),
            (Id::AcknowledgedSurvives, survives),
            (Id::AuditFollows, self.audit_follows()),
        ]
    }
}

/// What says that a merge is there in part. A release may have done a whole merge wrong: where tags are gone for everybody,
/// those of the survivor say nothing.
fn half(merge: &[Finding]) -> Option<String> {
    let broken = |wanted| {
        merge.iter().find_map(|(id, outcome)| match outcome {
            Outcome::Violated(violation) if *id == wanted => Some(violation.detail.clone()),
            _ => None,
        })
    };
    let whole = [Id::OneEventFewer, Id::OwnedRows].into_iter().find_map(broken);
    whole.or_else(|| if broken(Id::Catalogue).is_none() { broken(Id::TagsByChoice) } else { None })
}
