//! The same failure near a plan that has lost its anchors: the code has changed, and its deviations no longer meet
//! the places they meant.
//!
//! First the places are moved a little: one deviation, one actor's at a site, or all of them, by up to eight places
//! either way. Then the run follows the plan up to each of its deviations in turn, the latest first, and from there
//! on it is searched, with the sites that the plan names struck often.

use std::collections::BTreeMap;
use std::sync::Arc;

use seedbed::choice::{Profile, Rate, Script, Settings, SiteSetting};
use seedbed::scenario::Scenario;

use super::ShrinkEnd;
use super::case::{Case, Edit};
use super::search::{Search, Stop};
use super::trial::{Purpose, Trial};
use crate::execute::ToolFailure;

/// How far places are moved.
const SHIFT_MAX: i64 = 8;
/// Seeds tried for each beginning in one round.
const SEEDS_PER_ROUND: u64 = 32;
/// How often the plan's own sites deviate while searching.
const RATE: Rate = Rate::per_million(250_000);

impl Search<'_> {
    /// A run near this one that shows the failure, with its steps; and the executions it took.
    pub(super) fn near(&mut self, case: &Case) -> Result<(Option<(Case, u64)>, u64), ToolFailure> {
        match self.look_around(case) {
            Ok(found) => Ok((Some(found), self.executions)),
            Err(Stop::Ended(ShrinkEnd::Budget | ShrinkEnd::Interrupted | ShrinkEnd::Minimal)) => {
                Ok((None, self.executions))
            }
            Err(Stop::Tool(failure)) => Err(failure),
        }
    }

    fn look_around(&mut self, case: &Case) -> Result<(Case, u64), Stop> {
        let moved = moved(case);
        let trials = moved.into_iter().map(|case| Trial {
            base: Arc::new(case),
            edit: Edit::Nothing,
            purpose: Purpose::Candidate,
            steps_max: u64::MAX,
        });
        if let Some(found) = self.found(trials.collect())? {
            return Ok(found);
        }
        // Where the plan's deviations are met today.
        self.best = Arc::new(case.clone());
        let today = self.inspect()?.case.unwrap_or_else(|| case.clone());
        let settings = [Profile::Quiet, Profile::Swarm]
            .map(|profile| Arc::new(searched(self.bench.scenario, &case.script, profile)));
        for round in 0.. {
            let seeds = round * SEEDS_PER_ROUND..(round + 1) * SEEDS_PER_ROUND;
            let mut trials = Vec::new();
            for (beginning, until_step) in beginnings(&today) {
                for seed in seeds.clone() {
                    trials.push(Trial {
                        base: Arc::clone(&beginning),
                        edit: Edit::Nothing,
                        purpose: Purpose::Searched {
                            seed,
                            until_step,
                            scenario: Arc::clone(&settings[seed as usize % settings.len()]),
                        },
                        steps_max: u64::MAX,
                    });
                }
            }
            if let Some(found) = self.found(trials)? {
                return Ok(found);
            }
        }
        Err(Stop::Ended(ShrinkEnd::Budget))
    }

    fn found(&mut self, trials: Vec<Trial>) -> Result<Option<(Case, u64)>, Stop> {
        let tried = self.execute(trials)?;
        let last = tried.into_iter().last();
        let hit = last.filter(|last| last.fingerprint.as_ref() == Some(self.bench.target));
        Ok(hit.and_then(|hit| Some((hit.case?, hit.steps))))
    }
}

/// The case itself, and with places moved.
fn moved(case: &Case) -> Vec<Case> {
    let mut all = vec![case.clone()];
    let distances = (1..=SHIFT_MAX).flat_map(|by| [-by, by]);
    let mut streams: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (at, deviation) in case.script.iter().enumerate() {
        let stream = (deviation.site.as_str(), deviation.actor.as_str());
        streams.entry(stream).or_default().push(at);
    }
    let everything: Vec<usize> = (0..case.script.len()).collect();
    let singles = everything.iter().map(|at| vec![*at]);
    let groups: Vec<Vec<usize>> =
        [everything.clone()].into_iter().chain(streams.into_values()).chain(singles).collect();
    for by in distances {
        for group in &groups {
            all.extend(shifted(case, group, by));
        }
    }
    all
}

fn shifted(case: &Case, group: &[usize], by: i64) -> Option<Case> {
    let mut moved = case.clone();
    for at in group {
        let n = &mut moved.script.deviations[*at].n;
        *n = n.checked_add_signed(by)?;
    }
    Some(moved)
}

/// The plan up to each of its deviations, and the step at which searching begins; the longest first.
fn beginnings(case: &Case) -> Vec<(Arc<Case>, u64)> {
    let deviations = &case.script.deviations;
    let after_all = deviations.last().map_or(0, |last| last.step + 1);
    let step = |count: usize| deviations.get(count).map_or(after_all, |next| next.step);
    let beginning = |count: usize| {
        let script: Script = deviations[..count].iter().cloned().collect();
        let case = Case { script, ..case.clone() };
        (Arc::new(case), step(count))
    };
    (0..=deviations.len()).rev().map(beginning).collect()
}

/// The scenario with the sites of a script struck often, and the others as the profile says.
fn searched(scenario: &Scenario, script: &Script, profile: Profile) -> Scenario {
    let sites = script.iter().map(|deviation| (deviation.site.clone(), SiteSetting::rate(RATE))).collect();
    Scenario { faults: Settings { profile, sites, ..Settings::default() }, ..scenario.clone() }
}
