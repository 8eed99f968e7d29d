//! Every order of events, and every value of the listed sites: depth-first enumeration by replaying prefixes.
//!
//! A schedule is the list of answers at its points of choice: which of several enabled events comes next, which of
//! several ready tasks goes first, which value a listed site takes. The quiet schedule takes the first value
//! everywhere. A child keeps its parent's answers up to some point, takes another value there, and is quiet after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use seedbed::choice::{Deviation, Offer, Script};
use seedbed::run::RunReport;

use super::reduce::{Asleep, Followed, Reduction, Seen};
use super::tree::{Bounds, Tree, Trouble, walk};
use super::{Deviations, Subject, Summary};
use crate::compare::Difference;

/// The site that decides which enabled event is next.
pub const NEXT_EVENT: &str = "kernel/next-event";
/// The site that decides which ready task is polled first.
const READY_TASK: &str = "kernel/ready-task";

/// The tree of all schedules of a scenario.
pub struct Schedules<'a> {
    subject: Subject<'a>,
    sites: Vec<String>,
    reduction: Reduction,
    seen: Seen,
}

/// Executes all schedules; answers what was found, and whether that is all of them.
///
/// # Errors
/// When the tool fails, or a run is not what it was.
pub fn explore_schedules(schedules: &Schedules<'_>, bounds: &Bounds<'_>) -> Result<(Summary, bool), Trouble> {
    // What was seen before depends on what was executed before.
    let jobs = if schedules.reduction.state { 1 } else { bounds.jobs };
    walk(schedules, &Bounds { jobs, ..*bounds })
}

impl<'a> Schedules<'a> {
    /// The schedules of a scenario. `sites`: those whose values are enumerated besides the order, instead of the
    /// scenario's own.
    #[must_use]
    pub fn new(subject: Subject<'a>, sites: Option<&[String]>) -> Schedules<'a> {
        let bounds = &subject.scenario.explore;
        let asked = sites.unwrap_or(&bounds.sites);
        let mut listed: Vec<String> = subject
            .sites()
            .filter(|site| site.names().any(|name| asked.iter().any(|asked| asked == name)))
            .filter(|site| !subject.is_pinned(site))
            .map(|site| site.label.to_owned())
            .collect();
        listed.push(NEXT_EVENT.to_owned());
        // Which task goes first is an order of events too, unless the scenario says which events matter.
        if bounds.events.is_empty() {
            listed.push(READY_TASK.to_owned());
        }
        Schedules { subject, sites: listed, reduction: Reduction::default(), seen: Seen::default() }
    }

    /// Leaves out schedules that show what others do; see `reduce` for what the flow has to fulfil.
    #[must_use]
    pub fn reduced(self, reduction: Reduction) -> Schedules<'a> {
        Schedules { reduction, ..self }
    }

    /// The labels whose offers are points of choice.
    #[must_use]
    pub fn sites(&self) -> &[String] {
        &self.sites
    }
}

/// A point of choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    site: String,
    actor: String,
    n: u64,
    step: u64,
    values: Vec<String>,
    /// Which of the values was taken.
    taken: usize,
}

/// A schedule: the first `length` points of a run, the last of them answered otherwise.
#[derive(Clone)]
pub struct Prefix {
    points: Arc<[Point]>,
    length: usize,
    last_taken: usize,
    /// Events that need not come next.
    asleep: Arc<Asleep>,
}

impl Prefix {
    /// The points with their answers.
    fn answers(&self) -> impl Iterator<Item = (&Point, usize)> {
        let points = self.points[..self.length].iter().enumerate();
        points.map(|(index, point)| {
            let is_last = index + 1 == self.length;
            (point, if is_last { self.last_taken } else { point.taken })
        })
    }
}

impl Tree for Schedules<'_> {
    type Node = Prefix;

    fn root(&self) -> Prefix {
        Prefix { points: Arc::new([]), length: 0, last_taken: 0, asleep: Arc::default() }
    }

    fn deviations(&self, node: &Prefix) -> Deviations {
        let deviating = node.answers().filter(|(_, taken)| *taken > 0);
        let deviation = |(point, taken): (&Point, usize)| Deviation {
            site: point.site.clone(),
            actor: point.actor.clone(),
            n: point.n,
            value: point.values[taken].clone(),
            step: 0,
        };
        Deviations { once: deviating.map(deviation).collect(), lasting: Script::default() }
    }

    fn visit(&self, node: &Prefix, deviations: &Deviations, summary: &mut Summary) -> Result<Vec<Prefix>, Trouble> {
        let report = self.subject.run(deviations, &self.sites, self.subject.by_choice())?;
        summary.count(&report, deviations);
        let points = points_of(&report, summary);
        same_so_far(node, &points, &report)?;
        let points: Arc<[Point]> = points.into();
        if self.reduction.is_on() {
            let mut children = self.reduced_children(node, &points, &report, summary);
            children.reverse();
            return Ok(children);
        }
        let later = (node.length..points.len()).rev();
        let children = later.flat_map(|index| {
            let points = Arc::clone(&points);
            (1..points[index].values.len()).map(move |last_taken| Prefix {
                points: Arc::clone(&points),
                length: index + 1,
                last_taken,
                asleep: Arc::default(),
            })
        });
        Ok(children.collect())
    }
}

impl Schedules<'_> {
    /// The children of a run that show something new, in the order of their points.
    fn reduced_children(
        &self,
        node: &Prefix,
        points: &Arc<[Point]>,
        report: &RunReport,
        summary: &mut Summary,
    ) -> Vec<Prefix> {
        // Where each event happens: known of those that happened in this run.
        let places: BTreeMap<&str, &str> =
            report.timings.iter().filter_map(|timing| Some((timing.name.as_str(), timing.node.as_deref()?))).collect();
        let mut followed = Followed::new(report, NEXT_EVENT);
        let mut asleep = Asleep::new();
        if let Some(last) = node.length.checked_sub(1).map(|last| &points[last]) {
            if last.site == NEXT_EVENT {
                followed.go_before(last.n, &mut asleep);
                followed.pass(&mut asleep);
            } else {
                followed.go_into(last.step, &mut asleep);
            }
            asleep = (*node.asleep).clone();
        }
        let mut children = Vec::new();
        for (index, point) in points.iter().enumerate().skip(node.length) {
            let mut child = |last_taken, asleep: Asleep| {
                let points = Arc::clone(points);
                children.push(Prefix { points, length: index + 1, last_taken, asleep: Arc::new(asleep) });
            };
            if point.site != NEXT_EVENT {
                followed.go_into(point.step, &mut asleep);
                (1..point.values.len()).for_each(|taken| child(taken, asleep.clone()));
                continue;
            }
            followed.go_before(point.n, &mut asleep);
            asleep.retain(|sleeper, _| point.values.contains(sleeper));
            if self.reduction.state && self.seen.covers(followed.state(), &asleep) {
                summary.redundant += 1;
                break;
            }
            let mut before = asleep.clone();
            // The event that this run takes comes first: its subtree is the run's own continuation.
            let others = (0..point.values.len()).filter(|taken| *taken != point.taken);
            for taken in std::iter::once(point.taken).chain(others) {
                let name = &point.values[taken];
                if asleep.contains_key(name) {
                    continue;
                }
                let place = places.get(name.as_str()).copied();
                if taken != point.taken {
                    let mut still = before.clone();
                    still.retain(|_, other| place.is_some_and(|place| place != other));
                    child(taken, still);
                }
                if let Some(place) = place.filter(|_| self.reduction.independence) {
                    before.insert(name.clone(), place.to_owned());
                }
            }
            if asleep.contains_key(&point.values[point.taken]) {
                summary.redundant += 1;
                break;
            }
            followed.pass(&mut asleep);
        }
        children
    }
}

/// The points of choice that a run came by.
fn points_of(report: &RunReport, summary: &mut Summary) -> Vec<Point> {
    let mut points = Vec::new();
    for offer in &report.offers {
        let Offer { site, actor, n, step, .. } = offer;
        let Some(values) = &offer.values else {
            if !summary.not_enumerable.contains(site) {
                summary.not_enumerable.insert(site.clone());
            }
            continue;
        };
        if values.len() < 2 {
            continue;
        }
        let Some(taken) = values.iter().position(|value| *value == offer.chosen) else {
            continue;
        };
        points.push(Point {
            site: site.clone(),
            actor: actor.clone(),
            n: *n,
            step: *step,
            values: values.clone(),
            taken,
        });
    }
    points
}

/// A run that replays a prefix comes by the same points and takes the same answers.
fn same_so_far(prefix: &Prefix, points: &[Point], report: &RunReport) -> Result<(), Trouble> {
    for (index, (expected, taken)) in prefix.answers().enumerate() {
        let found = points.get(index);
        let same = found.is_some_and(|found| {
            found.taken == taken
                && (&found.site, &found.actor, found.n, &found.values)
                    == (&expected.site, &expected.actor, expected.n, &expected.values)
        });
        if !same {
            let words = |point: &Point, taken: usize| {
                format!(
                    "{} {} #{}: {} of {}",
                    point.site,
                    point.actor,
                    point.n,
                    point.values[taken],
                    point.values.join(", ")
                )
            };
            return Err(Trouble::Nondeterministic(Difference {
                step: Some(report.steps),
                one: words(expected, taken),
                other: found.map_or_else(|| "nothing: the run has ended".to_owned(), |found| words(found, found.taken)),
            }));
        }
    }
    Ok(())
}

/// Whether a deviation is about the order of events, which only dispatch by choice knows.
#[must_use]
pub fn is_order(deviation: &Deviation) -> bool {
    deviation.site == NEXT_EVENT
}
