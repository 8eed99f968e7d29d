//! The flow's own choice sites, and what can be chosen there.

use std::time::Duration;

use super::fixture::Fixture;
use crate::choice::{Latency, OneOf, Rate, Site};

/// How long it takes until a worker's next statement begins.
pub static STATEMENT: Site =
    Site::latency("merge/statement", "how long a worker takes until its next statement: others run meanwhile");

/// While a receiver is called inside a transaction.
pub static RECEIVER: Site =
    Site::reentry("merge/receiver", "an event is handled inside a receiver's call, in the middle of a transaction");

/// How long people take.
pub static THINKING: Site = Site::latency("merge/thinking", "how long people look at a page before they do something");

/// How far apart people act who act together.
pub static STAGGER: Site =
    Site::latency("merge/stagger", "how much later than the others somebody acts who does not wait for them");

/// Impatience.
pub static SUBMIT_AGAIN: Site = Site::fault(
    "merge/submit-again",
    "somebody sends the form of a merge a second time without waiting for the answer",
    Rate::per_million(20_000),
    Rate::per_million(300_000),
);

/// Which tags the two events have.
pub static TAG_SHAPE: Site = Site::value("merge/tag-shape", "which tags the events to be merged have");
/// Which tasks they have.
pub static TASK_SHAPE: Site = Site::value("merge/task-shape", "which tasks the events to be merged have");
/// What refers to them.
pub static LINKS: Site = Site::value("merge/links", "what else refers to the events to be merged");
/// Which receivers are connected.
pub static CONNECTED: Site = Site::value("merge/connected", "which of the scenario's receivers are connected");

/// Every choice site of the flow.
pub static SITES: &[&Site] =
    &[&STATEMENT, &RECEIVER, &THINKING, &STAGGER, &SUBMIT_AGAIN, &TAG_SHAPE, &TASK_SHAPE, &LINKS, &CONNECTED];

/// Around a tenth of a millisecond, at most long enough for somebody else's whole request.
pub const STATEMENT_TIME: Latency = Latency { quiet: Duration::from_micros(100), max: Duration::from_millis(100) };
/// Around a minute.
pub const THINKING_TIME: Latency = Latency { quiet: Duration::from_secs(60), max: Duration::from_secs(1_200) };
/// At once, at most as long as a request takes.
pub const STAGGER_TIME: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_millis(50) };
/// A double click, or a minute later.
pub static AGAIN: OneOf<Option<Duration>> = OneOf(&[
    ("no", None, 0),
    ("at-once", Some(Duration::ZERO), 2),
    ("1ms", Some(Duration::from_millis(1)), 2),
    ("10ms", Some(Duration::from_millis(10)), 1),
]);

/// How the sets of tags of A and B relate.
pub static TAG_SHAPES: OneOf<[&[&str]; 2]> = OneOf(&[
    ("disjoint", [&["DC", "LC"], &["SWC"]], 3),
    ("overlapping", [&["DC", "LC"], &["SWC", "DC"]], 2),
    ("equal", [&["DC", "SWC"], &["DC", "SWC"]], 1),
    ("only-a", [&["DC", "LC"], &[]], 1),
    ("only-b", [&[], &["SWC", "TTT"]], 1),
    ("none", [&[], &[]], 1),
]);
/// How their tasks relate.
pub static TASK_SHAPES: OneOf<[&[&str]; 2]> = OneOf(&[
    ("apart", [&["ann/instructor", "bob/helper"], &["cat/learner"]], 2),
    ("shared", [&["ann/instructor", "bob/helper"], &["bob/helper", "cat/learner"]], 2),
    ("none", [&[], &[]], 1),
]);
/// What refers to B besides.
pub static LINK_SHAPES: OneOf<Link> = OneOf(&[
    ("nothing", Link::Nothing, 4),
    ("request", Link::Request, 1),
    ("award", Link::Award, 1),
    ("invoice", Link::Invoice, 1),
]);

/// Something that refers to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing does.
    Nothing,
    /// Somebody has asked for it.
    Request,
    /// Somebody has earned a badge at it.
    Award,
    /// Somebody wants an invoice because of it.
    Invoice,
}

/// The fixture of these shapes.
#[must_use]
pub fn shaped(tags: [&[&str]; 2], tasks: [&[&str]; 2], link: Link) -> Fixture {
    let mut fixture = Fixture::default();
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (side, name) in ["A", "B"].into_iter().enumerate() {
        fixture.events.insert(name.to_owned(), owned(tags[side]));
        fixture.tasks.insert(name.to_owned(), owned(tasks[side]));
    }
    let set = match link {
        Link::Nothing => return fixture,
        Link::Request => &mut fixture.requests,
        Link::Award => &mut fixture.awards,
        Link::Invoice => &mut fixture.invoices,
    };
    set.insert("B".to_owned());
    fixture
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choice::Domain;

    /// Claim: labels are unique and belong to the flow.
    #[test]
    fn labels_are_unique_and_begin_with_the_flow() {
        let labels: BTreeSet<_> = SITES.iter().map(|site| site.label).collect();
        assert_eq!(labels.len(), SITES.len());
        assert!(labels.iter().all(|label| label.starts_with("merge/")));
    }

    /// Claim: whatever is drawn, every tag has a third event, and the quiet shape is the default fixture.
    #[test]
    fn every_shape_makes_sense() {
        for tags in TAG_SHAPES.values().unwrap() {
            for tasks in TASK_SHAPES.values().unwrap() {
                for link in LINK_SHAPES.values().unwrap() {
                    let fixture = shaped(tags, tasks, link);
                    assert_eq!(fixture.complaints(), []);
                    let third = fixture.events.iter().filter(|(name, _)| !["A", "B"].contains(&name.as_str()));
                    let tags: BTreeSet<_> = third.flat_map(|(_, tags)| tags).collect();
                    assert_eq!(tags.len(), 4);
                }
            }
        }
        assert_eq!(shaped(TAG_SHAPES.quiet(), TASK_SHAPES.quiet(), LINK_SHAPES.quiet()), Fixture::default());
    }
}
