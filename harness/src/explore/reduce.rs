//! Schedules that need not be executed, because another one that is executed shows the same.
//!
//! Both reductions rest on one premise, which the flow has to fulfil: **an event touches the state of its own node only**,
//! and what it sends. What invariants look at has to be state of nodes, too: a log of all nodes' events in the order in
//! which they happened is none, because it tells orders apart that no node can tell apart. States that differ in instants
//! only, by the microseconds that an order costs, count as equal. Where that holds, the set of outcomes and of violated
//! invariants is the same with and without; the numbers of runs are smaller.
//!
//! * **Independence** (sleep sets, Godefroid 1996): of two events on different nodes that can both be next, one order is
//!   enough. After a subtree that begins with x, its siblings need not begin with x until something on x's node happened.
//! * **State**: what a node has become is the history of its events, each with that of the event that sent it (the
//!   happens-before graph; Musuvathi and Qadeer 2007). Where every node has a history that was seen before, what can
//!   follow has been executed or will be. The states that flows show to people are not used: nothing says that they are
//!   complete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use seedbed::choice::{Offer, stable_hash};
use seedbed::run::RunReport;

/// Which reductions are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reduction {
    /// Equal states.
    pub state: bool,
    /// Independent events.
    pub independence: bool,
}

impl Reduction {
    /// Whether anything is left out at all.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.state || self.independence
    }
}

/// Events that need not come next, by name, each with its node.
pub(super) type Asleep = BTreeMap<String, String>;

/// States from which everything was executed, each with the events that were asleep.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<u64, BTreeSet<String>>>);

impl Seen {
    /// Whether what follows is covered by what was executed from an equal state; if not, it will be from now on.
    pub(super) fn covers(&self, state: u64, asleep: &Asleep) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asleep: BTreeSet<String> = asleep.keys().cloned().collect();
        match seen.get_mut(&state) {
            Some(before) if before.is_subset(&asleep) => true,
            Some(before) => {
                *before = before.intersection(&asleep).cloned().collect();
                false
            }
            None => {
                seen.insert(state, asleep);
                false
            }
        }
    }
}

/// A run, followed from event to event: what is known at each of its points of choice about the order.
pub(super) struct Followed<'a> {
    report: &'a RunReport,
    /// The next event.
    next: usize,
    /// The history of each node, as a hash.
    nodes: BTreeMap<&'a str, u64>,
    /// The history behind each event.
    events: Vec<u64>,
    /// What else was chosen in each step.
    choices: BTreeMap<u64, Vec<&'a Offer>>,
}

impl<'a> Followed<'a> {
    pub(super) fn new(report: &'a RunReport, order: &str) -> Followed<'a> {
        let mut choices: BTreeMap<u64, Vec<&Offer>> = BTreeMap::new();
        for offer in report.offers.iter().filter(|offer| offer.site != order) {
            choices.entry(offer.step).or_default().push(offer);
        }
        Followed { report, next: 0, nodes: BTreeMap::new(), events: Vec::new(), choices }
    }

    /// Goes on to the event that the `pick`-th choice of an order has decided, and stands before it. Events that are
    /// passed wake what sleeps on their nodes.
    pub(super) fn go_before(&mut self, pick: u64, asleep: &mut Asleep) {
        while self.report.timings.get(self.next).is_some_and(|timing| timing.pick != Some(pick)) {
            self.pass(asleep);
        }
    }

    /// Goes on until the event in whose step a point of choice lies has been passed.
    pub(super) fn go_into(&mut self, step: u64, asleep: &mut Asleep) {
        while self.report.timings.get(self.next).is_some_and(|timing| timing.step <= step) {
            self.pass(asleep);
        }
    }

    /// Passes one event.
    pub(super) fn pass(&mut self, asleep: &mut Asleep) {
        let Some(timing) = self.report.timings.get(self.next) else {
            return;
        };
        self.next += 1;
        // The world's own events touch anything.
        match &timing.node {
            Some(node) => asleep.retain(|_, sleeper| sleeper != node),
            None => asleep.clear(),
        }
        let parent = timing.parent.and_then(|parent| self.events.get(parent)).copied().unwrap_or_default();
        let node = timing.node.as_deref().unwrap_or_default();
        let before = self.nodes.get(node).copied().unwrap_or_default();
        let until = self.report.timings.get(self.next).map_or(u64::MAX, |next| next.step);
        let chosen = self.choices.range(timing.step..until.max(timing.step + 1)).flat_map(|(_, offers)| offers);
        let chosen: Vec<String> =
            chosen.map(|offer| format!("{} {} {} {}", offer.site, offer.actor, offer.n, offer.chosen)).collect();
        let (before, parent) = (before.to_string(), parent.to_string());
        let mut parts = vec![timing.name.as_str(), &before, &parent];
        parts.extend(chosen.iter().map(String::as_str));
        let after = stable_hash(&parts);
        self.events.push(after);
        self.nodes.insert(node, after);
    }

    /// The state before the next event.
    pub(super) fn state(&self) -> u64 {
        let texts: Vec<String> = self.nodes.iter().map(|(node, history)| format!("{node} {history}")).collect();
        stable_hash(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
