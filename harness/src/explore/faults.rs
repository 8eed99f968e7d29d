//! Every placement of at most N faults: what could have gone wrong in the quiet run does, one thing at a time; then
//! what could have gone wrong after that does as well.
//!
//! A placement of one fault is an offer of the quiet run (a fault site or a re-entry site that could have deviated)
//! and one of the values it could have taken. Its run makes offers of its own after the fault: those, new ones
//! included, are the candidates for the second. So every set of faults is executed once, in the order of occurrence.
//! Where an actor comes by the same site again, the fault is also made to stay: it then holds from there on.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use seedbed::choice::{Deviation, Offer, Rate, Script, Site};
use seedbed::kernel::Dispatch;

use super::parallel::{Flow, in_order};
use super::tree::{Bounds, Floor, Tree, Trouble};
use super::{Deviations, Subject, Summary};
use crate::compare::Difference;

/// Placements of faults in a scenario.
pub struct Placements<'a> {
    subject: Subject<'a>,
    sites: Vec<&'static Site>,
    labels: Vec<String>,
    texts: Mutex<BTreeSet<Arc<str>>>,
    values: Mutex<BTreeSet<Arc<[String]>>>,
}

/// How many placements there are, and how many of them were executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Faults in each of these placements.
    pub faults: usize,
    /// Runs that were executed.
    pub executed: u64,
    /// All there are; `None` if not every placement of one fault less was executed.
    pub of: Option<u64>,
}

impl Coverage {
    /// Whether every placement was executed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.of == Some(self.executed)
    }
}

/// A run with some faults: those of its parent, and one more at a later offer.
#[derive(Clone)]
pub struct Placed {
    parent: Option<Arc<Parent>>,
    offer: usize,
    value: usize,
    stays: bool,
    /// Nobody asks what could go wrong after its last fault.
    is_last: bool,
}

/// A run that was executed: its faults, and the offers it made.
struct Parent {
    deviations: Deviations,
    offers: Vec<Spot>,
}

/// An offer, in a form of which a great many can be kept: texts are shared.
struct Spot {
    site: Arc<str>,
    actor: Arc<str>,
    n: u64,
    chosen: Arc<str>,
    representatives: Arc<[String]>,
}

/// Executes every placement of at most `faults` faults, fewer faults first; answers what was found and what share of
/// the placements that is.
///
/// # Errors
/// When the tool fails, or a run is not what it was.
pub fn place_faults(
    placements: &Placements<'_>,
    faults: usize,
    bounds: &Bounds<'_>,
) -> Result<(Summary, Vec<Coverage>), Trouble> {
    let floor = Floor::new(bounds);
    floor.watched(|| {
        let mut all = Summary::default();
        let mut coverage = Vec::new();
        let mut level = vec![placements.root()];
        let mut whole = true;
        for count in 0..=faults {
            level.iter_mut().for_each(|node| node.is_last = count == faults);
            let left = usize::try_from(bounds.runs_max.saturating_sub(all.runs)).unwrap_or(usize::MAX);
            let wanted = &level[..level.len().min(left)];
            let mut next = Vec::new();
            let (mut executed, mut trouble) = (0, None);
            in_order(
                bounds.jobs,
                wanted,
                |job, node| {
                    if bounds.interrupted.load(Ordering::Relaxed) {
                        return Ok(None);
                    }
                    let mut summary = Summary::default();
                    let children = floor.visit(job, placements, node, &mut summary)?;
                    Ok::<_, Trouble>(Some((summary, children)))
                },
                |_, result| match result {
                    Ok(Some((summary, children))) => {
                        executed += 1;
                        all.append(summary);
                        next.extend(children);
                        Flow::GoOn
                    }
                    Ok(None) => Flow::Enough,
                    Err(error) => {
                        trouble = Some(error);
                        Flow::Enough
                    }
                },
            )?;
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
            coverage.push(Coverage { faults: count, executed, of: whole.then_some(level.len() as u64) });
            whole = coverage[count].is_complete();
            level = next;
        }
        Ok((all, coverage))
    })
}

impl<'a> Placements<'a> {
    /// The placements of a scenario's faults. `sites`: only these, of whatever class; otherwise every fault and
    /// re-entry site that the scenario neither pins nor rules out.
    #[must_use]
    pub fn new(subject: Subject<'a>, sites: Option<&[String]>) -> Placements<'a> {
        let faults = &subject.scenario.faults;
        let ruled_out = |site: &Site| {
            faults.of(site).is_some_and(|setting| setting.rate == Some(Rate::NEVER) || setting.max == Some(0))
        };
        let wanted = |site: &&'static Site| match sites {
            Some(listed) => site.names().any(|name| listed.iter().any(|label| label == name)),
            None => site.class.is_harmful() && !ruled_out(site),
        };
        let sites: Vec<&'static Site> =
            subject.sites().filter(wanted).filter(|site| !subject.is_pinned(site)).collect();
        let labels = sites.iter().map(|site| site.label.to_owned()).collect();
        Placements { subject, sites, labels, texts: Mutex::default(), values: Mutex::default() }
    }

    /// The labels of the sites whose offers are fault points.
    #[must_use]
    pub fn sites(&self) -> &[String] {
        &self.labels
    }

    /// Whether the scenario lets this actor's offers deviate.
    fn covers(&self, offer: &Spot) -> bool {
        let setting = self.site(offer).and_then(|site| self.subject.scenario.faults.of(site));
        setting.is_none_or(|setting| {
            setting.actors.is_empty() || setting.actors.iter().any(|actor| **actor == *offer.actor)
        })
    }

    fn site(&self, offer: &Spot) -> Option<&'static Site> {
        self.sites.iter().copied().find(|site| *site.label == *offer.site)
    }

    fn spot(&self, offer: Offer) -> Spot {
        Spot {
            site: shared(&self.texts, offer.site),
            actor: shared(&self.texts, offer.actor),
            n: offer.n,
            chosen: shared(&self.texts, offer.chosen),
            representatives: shared(&self.values, offer.representatives),
        }
    }

    /// The placements with one more fault than a run has, at the offers it made after its last one.
    fn more(&self, parent: Arc<Parent>, from: usize) -> Vec<Placed> {
        let mut more = Vec::new();
        for (index, offer) in parent.offers.iter().enumerate().skip(from) {
            let held = parent.deviations.lasting.iter();
            let mut held = held.filter(|held| *held.site == *offer.site && *held.actor == *offer.actor);
            if held.next().is_some() || !self.covers(offer) {
                continue;
            }
            let comes_again =
                parent.offers[index + 1..].iter().any(|later| later.site == offer.site && later.actor == offer.actor);
            let may_stay = comes_again && self.site(offer).is_some_and(|site| site.sticky);
            for value in 0..offer.representatives.len() {
                let parent = Some(Arc::clone(&parent));
                let once = Placed { parent, offer: index, value, stays: false, is_last: false };
                let stays = may_stay.then(|| Placed { stays: true, ..once.clone() });
                more.push(once);
                more.extend(stays);
            }
        }
        more
    }
}

/// The one copy of a text or a list.
fn shared<T: Ord + ?Sized, O: Into<Arc<T>>>(all: &Mutex<BTreeSet<Arc<T>>>, one: O) -> Arc<T> {
    let one = one.into();
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = all.get(&one) {
        return Arc::clone(kept);
    }
    all.insert(Arc::clone(&one));
    one
}

impl Placed {
    /// The fault this run has and its parent has not.
    fn fault(&self) -> Option<Deviation> {
        let offer = self.parent.as_ref()?.offers.get(self.offer)?;
        Some(Deviation {
            site: offer.site.to_string(),
            actor: offer.actor.to_string(),
            n: offer.n,
            value: offer.representatives[self.value].clone(),
            step: 0,
        })
    }
}

impl Tree for Placements<'_> {
    type Node = Placed;

    fn root(&self) -> Placed {
        Placed { parent: None, offer: 0, value: 0, stays: false, is_last: false }
    }

    fn deviations(&self, node: &Placed) -> Deviations {
        let mut all = match &node.parent {
            Some(parent) => parent.deviations.clone(),
            None => Deviations::default(),
        };
        let list = if node.stays { &mut all.lasting } else { &mut all.once };
        list.deviations.extend(node.fault());
        all
    }

    fn visit(&self, node: &Placed, deviations: &Deviations, summary: &mut Summary) -> Result<Vec<Placed>, Trouble> {
        // Up to its last fault a run is compared with its parent; offers after it are places for one more.
        let offers_max = if node.is_last { node.offer + 1 } else { usize::MAX };
        let report = self.subject.run_listing(deviations, &self.labels, offers_max, Dispatch::ByTime)?;
        summary.count(&report, deviations);
        if node.is_last && node.parent.is_none() {
            return Ok(Vec::new());
        }
        let offers: Vec<Spot> = report.offers.into_iter().map(|offer| self.spot(offer)).collect();
        let from = match &node.parent {
            None => 0,
            Some(parent) => {
                same_so_far(parent, node, &offers, report.steps)?;
                node.offer + 1
            }
        };
        let executed = Arc::new(Parent { deviations: deviations.clone(), offers });
        Ok(self.more(executed, from))
    }
}

/// Up to its last fault a run makes the offers that its parent made, and there it takes the value it was told.
fn same_so_far(parent: &Parent, node: &Placed, offers: &[Spot], steps: u64) -> Result<(), Trouble> {
    let words = |offer: Option<&Spot>| match offer {
        Some(offer) => format!("{} {} #{}: {}", offer.site, offer.actor, offer.n, offer.chosen),
        None => "nothing: the run has ended".to_owned(),
    };
    let differs = |index: usize| {
        let (Some(one), Some(other)) = (parent.offers.get(index), offers.get(index)) else {
            return true;
        };
        let same_place = (&one.site, &one.actor, one.n) == (&other.site, &other.actor, other.n);
        !same_place || (index < node.offer && one.chosen != other.chosen)
    };
    match (0..=node.offer).find(|index| differs(*index)) {
        None => Ok(()),
        Some(index) => Err(Trouble::Nondeterministic(Difference {
            step: Some(steps),
            one: words(parent.offers.get(index)),
            other: words(offers.get(index)),
        })),
    }
}

/// The deviations in one list, for people.
#[must_use]
pub fn listed(deviations: &Deviations) -> Script {
    deviations.once.iter().chain(&deviations.lasting).cloned().collect()
}
