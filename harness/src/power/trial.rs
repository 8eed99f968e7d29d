//! One trial after the other, on several threads; what comes out does not depend on how many.
//!
//! A trial takes its block of seeds under each strategy in turn, and no run is executed twice: of a mix every seed is one
//! that another strategy has too, so it costs next to nothing once the others are measured.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use seedbed::choice::Strategy;
use seedbed::scenario::{Parent, Scenario};

use super::{Cell, Known, Trial};
use crate::execute::{Execution, ToolFailure, has_failed};
use crate::explore::{Flow, in_order};
use crate::strategy::{prepare, strategy_of, with_parents};
use crate::sweep::{Corpus, Live, Shown, may_be_parent};

/// Seeds of different trials lie so far apart.
const TRIAL_SEEDS: u64 = 1 << 32;

/// How much is measured, and who watches.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// Trials per cell.
    pub trials: u64,
    /// Seeds a trial may take.
    pub seeds: u64,
    /// Seeds of the corrected variant per cell.
    pub clean_seeds: u64,
    /// Threads.
    pub jobs: usize,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Numbers for a progress bar.
    pub live: &'a Live,
}

/// A known failure, and the strategies under which it is measured.
pub struct Row<'a> {
    /// The failure.
    pub known: &'a Known<'a>,
    /// The strategies.
    pub strategies: Vec<Strategy>,
}

/// A piece of work: of a row, under all of its strategies.
#[derive(Clone, Copy)]
enum Piece {
    Trial { row: usize, number: u64 },
    Clean { row: usize },
}

/// What came of it, by strategy.
enum Done {
    Trials(usize, Vec<Trial>),
    Alarms(usize, Vec<u64>),
}

/// Measures every row; cells in the order of the rows and their strategies. `false`: Ctrl-C ended it.
///
/// # Errors
/// When the tool fails.
pub fn measure(rows: &[Row<'_>], bounds: &Bounds<'_>) -> Result<(Vec<Cell>, bool), ToolFailure> {
    let mut cells: Vec<Vec<Cell>> =
        rows.iter().map(|row| row.strategies.iter().map(|of| cell(row.known, *of, bounds)).collect()).collect();
    let mut pieces = Vec::new();
    for (row, Row { known, .. }) in rows.iter().enumerate() {
        pieces.extend((0..bounds.trials).map(|number| Piece::Trial { row, number }));
        pieces.extend(known.corrected.is_some().then_some(Piece::Clean { row }));
    }
    let (mut whole, mut trouble) = (true, None);
    let work = |_, piece: &Piece| match *piece {
        Piece::Trial { row, number } => {
            trials(&rows[row], number, bounds).map(|done| done.map(|trials| Done::Trials(row, trials)))
        }
        Piece::Clean { row } => alarms(&rows[row], bounds).map(|done| done.map(|alarms| Done::Alarms(row, alarms))),
    };
    let take = |_, done: Result<Option<Done>, ToolFailure>| match done {
        Ok(Some(Done::Trials(row, trials))) => {
            cells[row].iter_mut().zip(trials).for_each(|(cell, trial)| cell.trials.push(trial));
            Flow::GoOn
        }
        Ok(Some(Done::Alarms(row, alarms))) => {
            for (cell, alarms) in cells[row].iter_mut().zip(alarms) {
                cell.clean_seeds = Some(bounds.clean_seeds);
                cell.false_alarms = alarms;
            }
            Flow::GoOn
        }
        Ok(None) => {
            whole = false;
            Flow::Enough
        }
        Err(failure) => {
            trouble = Some(failure);
            Flow::Enough
        }
    };
    in_order(bounds.jobs, &pieces, work, take)
        .map_err(|error| ToolFailure { seed: 0, message: format!("no thread could be started: {error}") })?;
    match trouble {
        Some(failure) => Err(failure),
        None => Ok((cells.into_iter().flatten().collect(), whole)),
    }
}

fn cell(known: &Known<'_>, strategy: Strategy, bounds: &Bounds<'_>) -> Cell {
    Cell {
        scenario: known.scenario.name.clone(),
        flow: known.scenario.flow.clone(),
        variant: known.scenario.variant.clone(),
        strategy,
        budget: bounds.seeds,
        trials: Vec::new(),
        clean_seeds: None,
        false_alarms: 0,
    }
}

/// What one run came to, as far as it matters here.
#[derive(Clone)]
struct Ran {
    detected: bool,
    failed: bool,
    steps: u64,
    features: Vec<u64>,
    took: Duration,
}

/// The runs that some strategies share: what a seed stands for decides about its run, not who asked. Only the parents of
/// a mutation stand for what the sweep they come from says.
#[derive(Default)]
struct Runs(BTreeMap<(Strategy, u64, Option<Ancestry>), Ran>);

/// Where a mutation comes from: the strategy of its sweep, and its parents.
type Ancestry = (Strategy, Vec<Parent>);

impl Runs {
    fn of(
        &mut self,
        known: &Known<'_>,
        scenario: &Scenario,
        seed: u64,
        bounds: &Bounds<'_>,
    ) -> Result<Ran, ToolFailure> {
        let strategy = strategy_of(scenario, seed);
        let search = &scenario.search;
        let ancestry = (strategy == Strategy::Mutation).then(|| (search.strategy, search.parents.clone()));
        let place = match self.0.entry((strategy, seed, ancestry)) {
            Entry::Occupied(known) => return Ok(known.get().clone()),
            Entry::Vacant(place) => place,
        };
        let started = Instant::now();
        let execution = Execution::of_seed(known.flow, scenario, seed);
        let prepared = prepare(&execution, seed)?;
        let report = execution.run_prepared(prepared.as_ref())?;
        bounds.live.add(1, report.steps, 0);
        let detected = report.failure.as_ref().is_some_and(|failure| failure.invariant == known.invariant);
        Ok(place
            .insert(Ran {
                detected,
                failed: has_failed(report.verdict),
                steps: report.steps + prepared.map_or(0, |prepared| prepared.steps),
                features: report.features,
                took: started.elapsed(),
            })
            .clone())
    }
}

/// One trial of each strategy.
fn trials(row: &Row<'_>, number: u64, bounds: &Bounds<'_>) -> Result<Option<Vec<Trial>>, ToolFailure> {
    let mut runs = Runs::default();
    let mut all = Vec::new();
    for strategy in &row.strategies {
        match trial(row.known, *strategy, number, &mut runs, bounds)? {
            Some(trial) => all.push(trial),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// The seeds of a trial, one after the other, until the claimed invariant breaks.
fn trial(
    known: &Known<'_>,
    strategy: Strategy,
    number: u64,
    runs: &mut Runs,
    bounds: &Bounds<'_>,
) -> Result<Option<Trial>, ToolFailure> {
    let all = under(&known.scenario, strategy);
    let first = (number + 1) * TRIAL_SEEDS;
    let (mut trial, mut corpus) = (Trial::default(), Corpus::new(first));
    for index in 0..bounds.seeds {
        if bounds.interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let seed = first + index;
        let parents = corpus.parents_of(&all, seed);
        let mutated;
        let scenario = if parents.is_empty() {
            &all
        } else {
            mutated = with_parents(&all, &parents);
            &mutated
        };
        let ran = runs.of(known, scenario, seed, bounds)?;
        trial.seeds += 1;
        trial.steps += ran.steps;
        trial.took += ran.took;
        if strategy.has_feedback() {
            let mut shown = Shown::default();
            shown.count(seed, may_be_parent(&parents), &ran.features);
            corpus.count(&all, 1, &shown);
        }
        if ran.detected {
            trial.detected = true;
            break;
        }
        trial.otherwise += u64::from(ran.failed);
    }
    Ok(Some(trial))
}

/// How many seeds of the corrected variant fail, by strategy.
fn alarms(row: &Row<'_>, bounds: &Bounds<'_>) -> Result<Option<Vec<u64>>, ToolFailure> {
    let Some(corrected) = &row.known.corrected else {
        return Ok(None);
    };
    let mut runs = Runs::default();
    let mut all = Vec::new();
    for strategy in &row.strategies {
        let scenario = under(corrected, *strategy);
        let mut alarms = 0;
        for seed in 0..bounds.clean_seeds {
            if bounds.interrupted.load(Ordering::Relaxed) {
                return Ok(None);
            }
            alarms += u64::from(runs.of(row.known, &scenario, seed, bounds)?.failed);
        }
        all.push(alarms);
    }
    Ok(Some(all))
}

fn under(scenario: &Scenario, strategy: Strategy) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.search.strategy = strategy;
    scenario
}
