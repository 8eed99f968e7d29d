//! The passes of a shrinking. Each tries an ordered list of edits of the best run so far, takes the first that
//! still fails in the same way, and goes on behind it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use seedbed::check::Fingerprint;
use seedbed::choice::Deviation;

use super::anchors::Anchors;
use super::case::{Case, Edit};
use super::pool::{Broken, Pool};
use super::trial::{Bench, Purpose, Trial, Tried};
use super::{Options, Relative, ShrinkEnd};
use crate::execute::ToolFailure;

/// With more deviations than this, none is moved when another one is left out.
const EARLIER_DEVIATIONS_MAX: usize = 24;
/// How many places earlier it is tried.
const EARLIER_PLACES_MAX: u64 = 3;

/// A candidate may take so many times the steps of the best run, and so many more.
const STEPS_FACTOR: u64 = 4;
const STEPS_MORE: u64 = 1_000;

/// Why a pass ended early.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Ended(ShrinkEnd),
    Tool(ToolFailure),
}

/// A shrinking that is going on.
pub(super) struct Search<'a> {
    pub(super) bench: &'a Bench<'a>,
    pool: &'a Pool<'a, Trial, Result<Tried, ToolFailure>>,
    pub(super) options: &'a Options<'a>,
    pub(super) best: Arc<Case>,
    /// Steps of the best run.
    steps: u64,
    pub(super) executions: u64,
    relatives: BTreeMap<Fingerprint, Relative>,
}

/// What a search ended with.
#[derive(Debug)]
pub(super) struct Outcome {
    pub best: Case,
    pub executions: u64,
    pub ended: ShrinkEnd,
    pub relatives: Vec<Relative>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        bench: &'a Bench<'a>,
        pool: &'a Pool<'a, Trial, Result<Tried, ToolFailure>>,
        options: &'a Options<'a>,
    ) -> Search<'a> {
        let nothing = Case {
            config: bench.scenario.config.clone(),
            operations: Vec::new(),
            script: seedbed::choice::Script::default(),
        };
        Search { bench, pool, options, best: Arc::new(nothing), steps: 0, executions: 0, relatives: BTreeMap::new() }
    }

    /// Shrinks a case to its end.
    pub(super) fn shrink(&mut self, start: &Case, seed: Option<u64>) -> Result<Outcome, ToolFailure> {
        self.best = Arc::new(start.clone());
        let ended = match self.passes(seed) {
            Ok(()) => ShrinkEnd::Minimal,
            Err(Stop::Ended(ended)) => ended,
            Err(Stop::Tool(failure)) => return Err(failure),
        };
        Ok(Outcome {
            best: (*self.best).clone(),
            executions: self.executions,
            ended,
            relatives: std::mem::take(&mut self.relatives).into_values().collect(),
        })
    }

    fn passes(&mut self, seed: Option<u64>) -> Result<(), Stop> {
        // Followed as a script, the run must fail as it did from its seed.
        if self.first_of(vec![Edit::Nothing], &Purpose::Verified)?.is_none() {
            let message = "the run does not show its failure when its own deviations are replayed";
            return Err(Stop::Tool(ToolFailure { seed: seed.unwrap_or_default(), message: message.to_owned() }));
        }
        let mut trees = self.trees(seed);
        loop {
            let before = Arc::clone(&self.best);
            self.groups()?;
            self.configs()?;
            self.chunks(Part::Deviations)?;
            self.chunks(Part::Operations)?;
            self.anchored()?;
            self.chunks(Part::Deviations)?;
            self.earlier()?;
            self.deviation_values()?;
            self.drawn_operations(&mut trees)?;
            self.operation_values()?;
            if *before == *self.best && !self.single_removals()? && !self.elsewhere()? && !self.redrawn()? {
                return Ok(());
            }
        }
    }

    /// Tries edits of the best run; the first that works becomes the best, and its position is the answer.
    pub(super) fn first(&mut self, edits: Vec<Edit>) -> Result<Option<usize>, Stop> {
        self.first_of(edits, &Purpose::Candidate)
    }

    fn first_of(&mut self, edits: Vec<Edit>, purpose: &Purpose) -> Result<Option<usize>, Stop> {
        let trials = edits
            .into_iter()
            .map(|edit| Trial {
                base: Arc::clone(&self.best),
                edit,
                purpose: match purpose {
                    Purpose::Verified => Purpose::Verified,
                    _ => Purpose::Candidate,
                },
                steps_max: self.steps_max(),
            })
            .collect();
        let tried = self.execute(trials)?;
        let at = tried.len().wrapping_sub(1);
        let hit = tried.into_iter().last().filter(|last| self.is_hit(last));
        let Some((case, steps)) = hit.and_then(|hit| Some((hit.case?, hit.steps))) else {
            return Ok(None);
        };
        self.best = Arc::new(case);
        self.steps = steps;
        self.show();
        Ok(Some(at))
    }

    /// A smaller run that takes so much longer to fail is no candidate: most of those that go on do not fail at all, and
    /// would go on for hours of virtual time. In the end, single removals are executed to their ends all the same.
    pub(super) fn steps_max(&self) -> u64 {
        self.steps.saturating_mul(STEPS_FACTOR).saturating_add(STEPS_MORE)
    }

    fn is_hit(&self, tried: &Tried) -> bool {
        tried.fingerprint.as_ref() == Some(self.bench.target)
    }

    /// Executes trials up to the first hit, as far as the budget goes, and takes note of what they showed.
    pub(super) fn execute(&mut self, mut trials: Vec<Trial>) -> Result<Vec<Tried>, Stop> {
        let left = self.options.executions.saturating_sub(self.executions);
        let wanted = trials.len();
        trials.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let given = trials.len();
        let interrupted = || self.options.interrupted.load(Ordering::Relaxed);
        let results = match self.pool.first_hit(trials, interrupted) {
            Ok(results) => results,
            Err(Broken::Interrupted) => return Err(Stop::Ended(ShrinkEnd::Interrupted)),
            Err(Broken::Hangs) => {
                let exit = (self.options.on_hang)(&self.best);
                super::end_process(exit)
            }
        };
        let tried: Vec<Tried> = results.into_iter().collect::<Result<_, _>>().map_err(Stop::Tool)?;
        for tried in &tried {
            self.note(tried);
        }
        self.show();
        let has_hit = tried.last().is_some_and(|last| self.is_hit(last));
        if given < wanted && !has_hit {
            return Err(Stop::Ended(ShrinkEnd::Budget));
        }
        Ok(tried)
    }

    fn note(&mut self, tried: &Tried) {
        if tried.known {
            return;
        }
        self.executions += 1;
        if self.is_hit(tried) {
            return;
        }
        if tried.key != 0 {
            let mut known = self.bench.known.write();
            let known = known.as_mut().unwrap_or_else(PoisonError::get_mut);
            known.insert(tried.key);
        }
        let (Some(fingerprint), Some(case)) = (&tried.fingerprint, &tried.case) else {
            return;
        };
        let relative = self.relatives.entry(fingerprint.clone()).or_insert_with(|| Relative {
            fingerprint: fingerprint.clone(),
            candidates: 0,
            case: case.clone(),
        });
        relative.candidates += 1;
        if case.parts() < relative.case.parts() {
            relative.case = case.clone();
        }
    }

    fn show(&self) {
        self.options.live.show(self.executions, &self.best);
    }

    /// All deviations at once, then those of one site, then those of one actor.
    fn groups(&mut self) -> Result<(), Stop> {
        let all: Vec<usize> = (0..self.best.script.len()).collect();
        if all.is_empty() || self.first(vec![Edit::Deviations(all)])?.is_some() {
            return Ok(());
        }
        for name in [|d: &Deviation| d.site.clone(), |d: &Deviation| d.actor.clone()] {
            let mut left: Vec<String> = self.best.script.iter().map(name).collect();
            left.sort();
            left.dedup();
            while !left.is_empty() {
                let edits = left.iter().map(|group| self.without_group(group, name)).collect();
                match self.first(edits)? {
                    Some(at) => drop(left.drain(..=at)),
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn without_group(&self, group: &str, name: impl Fn(&Deviation) -> String) -> Edit {
        let deviations = self.best.script.iter().enumerate();
        let members = deviations.filter(|(_, deviation)| name(deviation) == group);
        Edit::Deviations(members.map(|(at, _)| at).collect())
    }

    /// Configurations with fewer nodes.
    fn configs(&mut self) -> Result<(), Stop> {
        let mut seen = Vec::new();
        loop {
            let variant = &self.bench.scenario.variant;
            let mut smaller = self.bench.flow.smaller_configs(variant, &self.best.config);
            seen.push(self.best.config.clone());
            smaller.retain(|config| !seen.contains(config));
            let edits = smaller.into_iter().map(Edit::Config).collect();
            if self.first(edits)?.is_none() {
                return Ok(());
            }
        }
    }

    /// Leaves out halves, quarters … and in the end single ones, the latest first, until nothing more can go.
    fn chunks(&mut self, part: Part) -> Result<(), Stop> {
        let mut size = part.count(&self.best).div_ceil(2).max(1);
        loop {
            let mut removed = false;
            let mut end = part.count(&self.best);
            while end > 0 {
                let ranges = ranges_before(end, size);
                let edits = ranges.iter().map(|range| part.without(range.clone())).collect();
                let Some(at) = self.first(edits)? else { break };
                removed = true;
                end = ranges[at].start.min(part.count(&self.best));
            }
            if size > 1 {
                size /= 2;
            } else if !removed {
                return Ok(());
            }
        }
    }

    /// Leaves out operations, with the deviations of the others moved to where they are met then.
    fn anchored(&mut self) -> Result<(), Stop> {
        if self.best.script.is_empty() {
            return Ok(());
        }
        let mut size = self.best.operations.len().div_ceil(2).max(1);
        loop {
            let ranges = ranges_before(self.best.operations.len(), size);
            let both = self.anchors()?;
            let mut edits = Vec::new();
            for range in ranges {
                for anchors in &both {
                    edits.push(Edit::Anchored(range.clone(), Arc::clone(anchors)));
                }
            }
            let removed = self.first(edits)?.is_some();
            if !removed && size == 1 {
                return Ok(());
            }
            if !removed {
                size /= 2;
            }
        }
    }

    /// Leaves out a deviation while another one of the few that are left comes earlier: what is left out may have
    /// caused choices of its own (a second fault, a second retry), and the other's place was counted behind them.
    fn earlier(&mut self) -> Result<(), Stop> {
        loop {
            let deviations = &self.best.script.deviations;
            if deviations.len() > EARLIER_DEVIATIONS_MAX {
                return Ok(());
            }
            let mut edits = Vec::new();
            for without in 0..deviations.len() {
                for (moved, deviation) in deviations.iter().enumerate() {
                    let is_free = |n| {
                        let place = (&deviation.site, &deviation.actor, n);
                        !deviations.iter().any(|d| (&d.site, &d.actor, d.n) == place)
                    };
                    let earlier = (1..=EARLIER_PLACES_MAX.min(deviation.n))
                        .filter(|by| moved != without && is_free(deviation.n - by));
                    edits.extend(earlier.map(|by| Edit::Earlier { without, moved, by }));
                }
            }
            if self.first(edits)?.is_none() {
                return Ok(());
            }
        }
    }

    /// Which operation owns which choice of the best run, read in two ways.
    fn anchors(&mut self) -> Result<Vec<Arc<Anchors>>, Stop> {
        let inspected = self.inspect()?;
        let digests = Arc::new(inspected.step_digests);
        let count = self.best.operations.len();
        // Without it and all that follow: without it alone, an equal one behind it would take its place unnoticed.
        let trials = (0..count)
            .map(|at| Trial {
                base: Arc::clone(&self.best),
                edit: Edit::Operations(at..count),
                purpose: Purpose::Compared(Arc::clone(&digests)),
                steps_max: digests.len() as u64,
            })
            .collect();
        let tried = self.execute(trials)?;
        let begins: Vec<Option<u64>> = tried.iter().map(|tried| tried.first_difference).collect();
        let read = |inclusive| Arc::new(Anchors::new(&inspected.offers, &begins, inclusive));
        let (inclusive, exclusive) = (read(true), read(false));
        Ok(if inclusive == exclusive { vec![inclusive] } else { vec![inclusive, exclusive] })
    }

    /// The best run with its offers.
    pub(super) fn inspect(&mut self) -> Result<Tried, Stop> {
        let trial = Trial {
            base: Arc::clone(&self.best),
            edit: Edit::Nothing,
            purpose: Purpose::Inspected,
            steps_max: u64::MAX,
        };
        let mut tried = self.execute(vec![trial])?;
        Ok(tried.pop().unwrap_or_default())
    }

    /// Executes every single removal of an operation or a deviation; answers whether one of them could go after all.
    fn single_removals(&mut self) -> Result<bool, Stop> {
        let of = |part: Part, best: &Case| {
            let singles = (0..part.count(best)).rev();
            singles.map(move |at| part.without(at..at + 1)).collect::<Vec<_>>()
        };
        let mut edits = of(Part::Operations, &self.best);
        edits.extend(of(Part::Deviations, &self.best));
        Ok(self.first_of(edits, &Purpose::Verified)?.is_some())
    }
}

/// What chunks are taken of.
#[derive(Clone, Copy)]
enum Part {
    Operations,
    Deviations,
}

impl Part {
    fn count(self, case: &Case) -> usize {
        match self {
            Part::Operations => case.operations.len(),
            Part::Deviations => case.script.len(),
        }
    }

    fn without(self, range: Range<usize>) -> Edit {
        match self {
            Part::Operations => Edit::Operations(range),
            Part::Deviations => Edit::Deviations(range.collect()),
        }
    }
}

/// Neighbouring ranges of this size, the last first.
fn ranges_before(end: usize, size: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut end = end;
    while end > 0 {
        let start = end.saturating_sub(size);
        ranges.push(start..end);
        end = start;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_everything_from_the_end() {
        assert_eq!(ranges_before(5, 2), [3..5, 1..3, 0..1]);
        assert!(ranges_before(0, 3).is_empty());
    }
}
