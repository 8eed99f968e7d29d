//! `power`: how fast each strategy finds each known failure.

use std::fs;
use std::num::NonZero;
use std::sync::atomic::Ordering;
use std::thread;

use seedbed::choice::Strategy;
use seedbed::scenario::Complaint;

use super::check::json;
use super::{Done, Stop, interrupt};
use crate::Harness;
use crate::cli::{Format, PowerArguments};
use crate::exit::Exit;
use crate::files::save;
use crate::output::{line, print};
use crate::power::{Baseline, Bounds, Cell, Known, Row, catalogue, measure};
use crate::report::{PowerLine, Quantity, power_page, power_remarks, power_summary, power_table, with_progress};
use crate::sweep::Live;

/// The strategies that are compared unless others are asked for.
const COMPARED: [Strategy; 8] = [
    Strategy::Mix,
    Strategy::Swarm,
    Strategy::Pct,
    Strategy::SingleFault,
    Strategy::Swizzle,
    Strategy::IsolateOne,
    Strategy::StarveOne,
    Strategy::Mutation,
];

/// Trials per cell, and seeds per trial, where nobody says.
const TRIALS: u64 = 30;
const SEEDS: u64 = 512;

pub fn power(harness: &Harness, arguments: &PowerArguments) -> Done {
    let strategies = strategies(arguments)?;
    let before = arguments.baseline.as_deref().map(read).transpose()?;
    let known = catalogue(harness, &arguments.paths).map_err(Stop::Usage)?;
    if known.is_empty() {
        return Err(Stop::Usage("there is no scenario that must fail here, so there is nothing to measure".to_owned()));
    }
    let compared = before.as_ref().map(|before| match arguments.cells_within {
        Some(steps_max) => before.worth_comparing(steps_max),
        None => before.clone(),
    });
    let row = |known| {
        let strategies = match (&compared, arguments.cells_within) {
            (Some(compared), Some(_)) => strategies_in(compared, known),
            _ => strategies.clone(),
        };
        Row { known, strategies }
    };
    let rows: Vec<Row<'_>> = known.iter().map(row).filter(|row| !row.strategies.is_empty()).collect();
    let interrupted = interrupt::listen();
    let live = Live::default();
    let bounds = Bounds {
        trials: asked(arguments.trials, before.as_ref().map(|before| before.trials), TRIALS),
        seeds: asked(arguments.seeds, before.as_ref().map(|before| before.seeds), SEEDS),
        clean_seeds: arguments.clean_seeds,
        jobs: arguments.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from),
        interrupted,
        live: &live,
    };
    let measured = with_progress("power", "seeds", None, &live, || measure(&rows, &bounds));
    let (cells, whole) = measured.map_err(|failure| Stop::Tool(failure.to_string()))?;
    show(&cells, &known, &bounds, arguments.format)?;
    if !whole {
        let note = if interrupted.load(Ordering::Relaxed) { "interrupted" } else { "stopped" };
        print(&format!("{note}: what was measured until then is above, and is compared with nothing\n"))?;
        return Ok(Exit::Budget);
    }
    let now = Baseline::of(&cells);
    if let Some(path) = &arguments.write_baseline {
        let text = now.text().map_err(|error| Stop::Tool(error.to_string()))?;
        save(path, &text).map_err(|complaint| Stop::from(vec![complaint]))?;
    }
    if let Some(path) = &arguments.markdown {
        save(path, &power_page(&cells)).map_err(|complaint| Stop::from(vec![complaint]))?;
    }
    let alarms: u64 = cells.iter().map(|cell| cell.false_alarms).sum();
    let mut exit = if alarms > 0 { Exit::Unmet } else { Exit::AsExpected };
    if let (Some(before), Some(compared)) = (before, compared) {
        exit = exit.graver(compare(&before, &compared, &now, arguments.format)?);
    }
    Ok(exit)
}

/// What was asked for; else what can be compared with the baseline; else the default.
fn asked(asked: Option<u64>, before: Option<u64>, default: u64) -> u64 {
    asked.or(before).unwrap_or(default)
}

/// The strategies under which a failure is part of an earlier measurement.
fn strategies_in(measured: &Baseline, known: &Known<'_>) -> Vec<Strategy> {
    let cells = measured.cells.get(&known.scenario.name);
    cells.into_iter().flat_map(|cells| cells.keys()).filter_map(|label| label.parse().ok()).collect()
}

fn strategies(arguments: &PowerArguments) -> Result<Vec<Strategy>, Stop> {
    let Some(names) = &arguments.strategies else {
        return Ok(COMPARED.to_vec());
    };
    let parsed = names.iter().map(|name| {
        name.parse().map_err(|_| {
            Complaint::command_line(format!("--strategies: unknown strategy `{name}`"))
                .with_help(format!("valid: {}", Strategy::ALL.map(Strategy::label).join(", ")))
        })
    });
    let (good, wrong): (Vec<_>, Vec<_>) = parsed.partition(Result::is_ok);
    let wrong: Vec<Complaint> = wrong.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(good.into_iter().flatten().collect()) } else { Err(wrong.into()) }
}

fn read(path: &str) -> Result<Baseline, Stop> {
    let text = fs::read_to_string(path).map_err(|error| Stop::Usage(format!("{path}: cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Stop::Usage(format!("{path}: not a baseline: {error}")))
}

fn show(cells: &[Cell], known: &[Known<'_>], bounds: &Bounds<'_>, format: Format) -> Result<(), Stop> {
    if format == Format::Json {
        for cell in cells {
            line(&json(&PowerLine::new(cell))?)?;
        }
        return Ok(());
    }
    let uncorrected = known.iter().filter(|known| known.corrected.is_none()).count();
    let mut out = format!(
        "median seeds to detection, {} trials of at most {} seeds each\n\n{}\nmedian steps to detection\n\n{}\n\
         median milliseconds to detection, on this machine\n\n{}\nby flow\n\n{}\n{}",
        bounds.trials,
        bounds.seeds,
        power_table(cells, Quantity::Seeds),
        power_table(cells, Quantity::Steps),
        power_table(cells, Quantity::Milliseconds),
        power_summary(cells),
        power_remarks(cells)
    );
    if uncorrected > 0 {
        out.push_str(&format!(
            "{uncorrected} of the failures have no corrected variant: their defect is in the configuration\n"
        ));
    }
    print(&out)?;
    Ok(())
}

/// Compares with the part of an earlier measurement that was measured again.
fn compare(before: &Baseline, compared: &Baseline, now: &Baseline, format: Format) -> Result<Exit, Stop> {
    if !before.is_comparable(now) {
        return Err(Stop::Usage(format!(
            "the baseline was measured with --trials {} --seeds {}; measure in the same way to compare",
            before.trials, before.seeds
        )));
    }
    let worse = compared.worse_in(now);
    for cell in &worse {
        eprintln!("worse: {} under {}: {}", cell.scenario, cell.strategy, cell.what);
    }
    if format == Format::Text {
        let (cells, left_out) = (compared.len(), before.len() - compared.len());
        let of = if left_out > 0 { format!(", {left_out} of the baseline left out") } else { String::new() };
        print(&format!("baseline: {cells} cells compared, {} worse{of}\n", worse.len()))?;
    }
    Ok(if worse.is_empty() { Exit::AsExpected } else { Exit::Unmet })
}
