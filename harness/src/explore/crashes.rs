//! Every crash state of a run: at each barrier the power goes off, and what was pending survives in every way in which
//! it can.
//!
//! A barrier is an operation that makes something durable; right before it the most is pending. The end of the run is
//! one more for each node, because what was never made durable is pending there. At a barrier with at most eight pending
//! operations every subset of them is left behind that the file system's profile allows, whole, and with its last write
//! torn in front, torn behind, with noise in it, and with zeros; at one with more a sample. The node is started again on
//! what is left, and the run goes on to its end with every invariant checked. Each disk has the weakest profile that the
//! scenario's contract allows.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use seedbed::choice::{Deviation, Offer, Script};
use seedbed::kernel::Dispatch;

use super::tree::{Bounds, Tree, Trouble, walk};
use super::{Deviations, Subject, Summary};

/// The power goes off around an operation.
const POWER_CUT: &str = "disk/power-cut";
/// What survives of what is pending.
const CUT_STATE: &str = "disk/cut-state";
/// What a file system promises.
const PROFILE: &str = "disk/profile";
/// Profiles, the weakest promise last. Whoever lies about what is durable is left to the search.
const PROFILES: [&str; 3] = ["in-order", "ordered", "posix-strict"];

/// The crash states of a scenario.
pub struct CrashStates<'a> {
    subject: Subject<'a>,
    sites: Vec<String>,
    /// The profiles of the disks, known once the quiet run was executed.
    profiles: OnceLock<Vec<Deviation>>,
}

/// How many crash states there are, and how many of them were executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashCount {
    /// Barriers at which the power went off.
    pub barriers: u64,
    /// All barriers of the run.
    pub barriers_of: u64,
    /// Crash states from which recovery was executed.
    pub states: u64,
    /// All crash states at those barriers, as far as they are enumerated.
    pub states_of: u64,
    /// Barriers with too many pending operations for all of their states: a sample was taken.
    pub sampled: u64,
}

impl CrashCount {
    /// Adds another part of the run.
    pub fn add(&mut self, other: CrashCount) {
        self.barriers += other.barriers;
        self.barriers_of += other.barriers_of;
        self.states += other.states;
        self.states_of += other.states_of;
        self.sampled += other.sampled;
    }
}

/// A run among the crash states.
#[derive(Clone)]
pub enum Crash {
    /// Without any: finds the barriers.
    None,
    /// The power goes off at a barrier and everything pending survives; finds the states there.
    At(Arc<Deviation>),
    /// The power goes off at a barrier, and this is left.
    Left(Arc<Deviation>, Deviation),
}

/// Executes recovery from every crash state; answers what was found, and whether that is all of them.
///
/// # Errors
/// When the tool fails, or a run is not what it was.
pub fn explore_crashes(crashes: &CrashStates<'_>, bounds: &Bounds<'_>) -> Result<(Summary, bool), Trouble> {
    walk(crashes, bounds)
}

impl<'a> CrashStates<'a> {
    /// The crash states of a scenario.
    #[must_use]
    pub fn new(subject: Subject<'a>) -> CrashStates<'a> {
        let sites = [POWER_CUT, CUT_STATE, PROFILE].map(str::to_owned).into();
        CrashStates { subject, sites, profiles: OnceLock::new() }
    }

    /// The labels of the sites that are enumerated.
    #[must_use]
    pub fn sites(&self) -> &[String] {
        &self.sites
    }
}

impl Tree for CrashStates<'_> {
    type Node = Crash;

    fn root(&self) -> Crash {
        Crash::None
    }

    fn deviations(&self, node: &Crash) -> Deviations {
        let mut once: Vec<Deviation> = self.profiles.get().cloned().unwrap_or_default();
        match node {
            Crash::None => {}
            Crash::At(cut) => once.push((**cut).clone()),
            Crash::Left(cut, left) => once.extend([(**cut).clone(), left.clone()]),
        }
        Deviations { once: Script { deviations: once }, lasting: Script::default() }
    }

    fn visit(&self, node: &Crash, deviations: &Deviations, summary: &mut Summary) -> Result<Vec<Crash>, Trouble> {
        let report = self.subject.run(deviations, &self.sites, Dispatch::ByTime)?;
        match node {
            Crash::None => {
                let weakest = report.offers.iter().filter_map(weakest_profile).collect();
                let profiles = self.profiles.get_or_init(|| weakest);
                // Under another profile the same code makes the same calls, but may do so in another order.
                let deviations = Deviations { once: profiles.iter().cloned().collect(), ..Deviations::default() };
                let report = self.subject.run(&deviations, &self.sites, Dispatch::ByTime)?;
                summary.count(&report, &deviations);
                let barriers = barriers(&report.offers);
                summary.crashes.barriers_of += barriers.len() as u64;
                Ok(barriers.into_iter().map(|cut| Crash::At(Arc::new(cut))).collect())
            }
            Crash::At(cut) => {
                summary.count(&report, deviations);
                summary.crashes.barriers += 1;
                summary.crashes.states += 1;
                let states = report.offers.iter().find(|offer| offer.site == CUT_STATE);
                let others = states.map(|offer| states_of(offer, &mut summary.crashes.sampled)).unwrap_or_default();
                summary.crashes.states_of += 1 + others.len() as u64;
                Ok(others.into_iter().map(|left| Crash::Left(Arc::clone(cut), left)).collect())
            }
            Crash::Left(..) => {
                summary.count(&report, deviations);
                summary.crashes.states += 1;
                Ok(Vec::new())
            }
        }
    }
}

/// The weakest profile that is possible where this offer was made.
fn weakest_profile(offer: &Offer) -> Option<Deviation> {
    let values = offer.values.as_ref().filter(|_| offer.site == PROFILE)?;
    let weakest = PROFILES.iter().rev().find(|profile| values.iter().any(|value| value == *profile))?;
    (offer.chosen != **weakest).then(|| deviation(offer, weakest))
}

/// Where the power goes off: before each barrier, and for each node after its last operation.
fn barriers(offers: &[Offer]) -> Vec<Deviation> {
    let cuts: Vec<&Offer> = offers.iter().filter(|offer| offer.site == POWER_CUT).collect();
    // `server:relay.sqlite`: a node and one of its files.
    let node = |offer: &Offer| offer.actor.split(':').next().unwrap_or_default().to_owned();
    let last: BTreeMap<String, usize> = cuts.iter().enumerate().map(|(index, offer)| (node(offer), index)).collect();
    let mut all = Vec::new();
    for (index, offer) in cuts.iter().enumerate() {
        all.extend(offer.barrier.then(|| deviation(offer, "before")));
        all.extend(last.values().any(|last| *last == index).then(|| deviation(offer, "after")));
    }
    all
}

/// What else could be left where everything pending has survived.
fn states_of(offer: &Offer, sampled: &mut u64) -> Vec<Deviation> {
    let values = match &offer.values {
        Some(values) => values,
        None => {
            *sampled += 1;
            &offer.representatives
        }
    };
    values.iter().filter(|value| **value != offer.chosen).map(|value| deviation(offer, value)).collect()
}

fn deviation(offer: &Offer, value: &str) -> Deviation {
    Deviation { site: offer.site.clone(), actor: offer.actor.clone(), n: offer.n, value: value.to_owned(), step: 0 }
}
