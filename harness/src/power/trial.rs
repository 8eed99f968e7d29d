//! One trial after the other, on several threads; what comes out does not depend on how many.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seedbed::choice::Strategy;
use seedbed::scenario::Scenario;

use super::{Cell, Known, Trial};
use crate::execute::{Execution, ToolFailure, has_failed};
use crate::explore::{Flow, in_order};
use crate::strategy::{prepare, with_parents};
use crate::sweep::{Corpus, Live};

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

/// A piece of work.
enum Piece {
    Trial { cell: usize, number: u64 },
    Clean { cell: usize },
}

/// What came of it.
enum Done {
    Trial(usize, Trial),
    Clean(usize, u64),
}

/// Measures every known failure under every strategy; cells in the order of the catalogue. `false`: Ctrl-C ended it.
///
/// # Errors
/// When the tool fails.
pub fn measure(
    known: &[Known<'_>],
    strategies: &[Strategy],
    bounds: &Bounds<'_>,
) -> Result<(Vec<Cell>, bool), ToolFailure> {
    let pairs: Vec<(&Known<'_>, Strategy)> =
        known.iter().flat_map(|known| strategies.iter().map(move |strategy| (known, *strategy))).collect();
    let mut cells: Vec<Cell> = pairs.iter().map(|(known, strategy)| cell(known, *strategy, bounds)).collect();
    let mut pieces = Vec::new();
    for (cell, (known, _)) in pairs.iter().enumerate() {
        pieces.extend((0..bounds.trials).map(|number| Piece::Trial { cell, number }));
        pieces.extend(known.corrected.is_some().then_some(Piece::Clean { cell }));
    }
    let (mut whole, mut trouble) = (true, None);
    let work = |_, piece: &Piece| match piece {
        Piece::Trial { cell, number } => {
            let (known, strategy) = pairs[*cell];
            trial(known, strategy, *number, bounds).map(|trial| trial.map(|trial| Done::Trial(*cell, trial)))
        }
        Piece::Clean { cell } => {
            let (known, strategy) = pairs[*cell];
            clean(known, strategy, bounds).map(|alarms| alarms.map(|alarms| Done::Clean(*cell, alarms)))
        }
    };
    let take = |_, done: Result<Option<Done>, ToolFailure>| match done {
        Ok(Some(Done::Trial(cell, trial))) => {
            cells[cell].trials.push(trial);
            Flow::GoOn
        }
        Ok(Some(Done::Clean(cell, alarms))) => {
            cells[cell].clean_seeds = Some(bounds.clean_seeds);
            cells[cell].false_alarms = alarms;
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
        None => Ok((cells, whole)),
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

/// The seeds of a trial, one after the other, until the claimed invariant breaks.
fn trial(
    known: &Known<'_>,
    strategy: Strategy,
    number: u64,
    bounds: &Bounds<'_>,
) -> Result<Option<Trial>, ToolFailure> {
    let all = under(&known.scenario, strategy);
    let first = (number + 1) * TRIAL_SEEDS;
    let (mut trial, mut corpus) = (Trial::default(), Corpus::default());
    let started = Instant::now();
    for index in 0..bounds.seeds {
        if bounds.interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let seed = first + index;
        let parents = corpus.parents_of(&all, seed, index);
        let mutated;
        let scenario = if parents.is_empty() {
            &all
        } else {
            mutated = with_parents(&all, &parents);
            &mutated
        };
        let execution = Execution::of_seed(known.flow, scenario, seed);
        let prepared = prepare(&execution, seed)?;
        let report = execution.run_prepared(prepared.as_ref())?;
        trial.seeds += 1;
        trial.steps += report.steps + prepared.map_or(0, |prepared| prepared.steps);
        bounds.live.add(1, report.steps, 0);
        if strategy.has_feedback() {
            corpus.count(&all, seed, Some(report.signature));
        }
        if report.failure.as_ref().is_some_and(|failure| failure.invariant == known.invariant) {
            trial.detected = true;
            break;
        }
        trial.otherwise += u64::from(has_failed(report.verdict));
    }
    trial.took = started.elapsed();
    Ok(Some(trial))
}

/// How many seeds of the corrected variant fail.
fn clean(known: &Known<'_>, strategy: Strategy, bounds: &Bounds<'_>) -> Result<Option<u64>, ToolFailure> {
    let Some(corrected) = &known.corrected else {
        return Ok(None);
    };
    let scenario = under(corrected, strategy);
    let mut alarms = 0;
    for seed in 0..bounds.clean_seeds {
        if bounds.interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let report = Execution::of_seed(known.flow, &scenario, seed).run(false)?;
        bounds.live.add(1, report.steps, 0);
        alarms += u64::from(has_failed(report.verdict));
    }
    Ok(Some(alarms))
}

fn under(scenario: &Scenario, strategy: Strategy) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.search.strategy = strategy;
    scenario
}
