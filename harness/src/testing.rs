//! A scenario as a plain `#[test]`.
//!
//! ```no_run
//! # mod bank { pub use seedbed::flow::Flow; }
//! # fn f<Bank: bank::Flow>() {
//! // #[test]
//! // fn deposits_are_applied_once() {
//! seedbed_harness::check(seedbed::run::erased::<Bank>(), "tests/deposits.toml");
//! // }
//! # }
//! ```

use std::backtrace::Backtrace;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use seedbed::flow::FlowSchema;
use seedbed::run::{AnyFlow, engine_sites};
use seedbed::scenario::{Catalogue, Complaint, Plan, Scenario, read_plan, read_scenario, write_plan};
use seedbed::trace::Trace;

use crate::execute::{Execution, on_large_stack};
use crate::exit::Exit;
use crate::files::save;
use crate::files::stored::fetch;
use crate::judge::{judge, seeds_needed};
use crate::minimal::reach;
use crate::report::{Card, MinimalCard, Paint, card, minimal_card, shell_word};
use crate::shrink::{Case, EXECUTIONS_DEFAULT, Live, Options, ShrinkError, shrink_seed};
use crate::sweep::{FailedRun, Job, Seeds, Stops, Swept, Workers, sweep};

/// Set to a plan's path: a check of the plan's scenario follows the plan and shows every event, instead of searching.
pub const REPLAY: &str = "SEEDBED_REPLAY";

/// No run of a test takes this long.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// Runs a scenario over the seeds that it sets for tests, on this thread's account, and panics unless it is as the
/// scenario expects: with the failure shrunk, its card, and a line to paste that shows every event of it. A scenario
/// that must fail and states a `minimal` must reach it.
///
/// `scenario` is the path of a file, as seen from the package's folder, or the text of one.
///
/// # Panics
/// As said above; and with every complaint about the scenario, if it is not valid.
pub fn check(flow: Box<dyn AnyFlow>, scenario: &str) {
    seedbed::kernel::quiet_panics();
    let replay = env::var(REPLAY).ok();
    if let Err(text) = checked(&*flow, scenario, replay.as_deref()) {
        panic!("\n{text}");
    }
}

fn checked(flow: &dyn AnyFlow, scenario: &str, replay: Option<&str>) -> Result<(), String> {
    let catalogue = Catalogue { flows: vec![flow as &dyn FlowSchema], engine_sites: engine_sites() };
    let (path, text) = source(scenario).map_err(|complaint| complaint.to_string())?;
    let mut scenario = read_scenario(&path, &text, &catalogue, &[]).map_err(|complaints| complaints.to_string())?;
    let read = |path: &str| {
        let text = fs::read(path).map_err(|error| Complaint::unreadable(path, &error.to_string()))?;
        read_plan(path, &text, &catalogue)
    };
    fetch(flow, &mut scenario, read).map_err(|complaints| complaints.to_string())?;
    let needs_host = flow.info().needs.host && seedbed::host() == "none";
    if needs_host {
        return Err(format!("{path}: the flow needs the madsim host, which is not compiled in"));
    }
    if let Some(path) = replay {
        let text = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let plan = read_plan(path, &text, &catalogue).map_err(|complaints| complaints.to_string())?;
        if plan.scenario == scenario.name && plan.flow == scenario.flow {
            return followed(flow, &plan, path);
        }
    }
    searched(flow, &scenario)
}

/// A text has line ends; a path has none.
fn source(scenario: &str) -> Result<(String, Vec<u8>), Complaint> {
    if scenario.contains('\n') {
        let name = test_name().unwrap_or_else(|| "test".to_owned()).replace("::", "-");
        return Ok((format!("tests/{name}.toml"), scenario.as_bytes().to_vec()));
    }
    let text = fs::read(scenario).map_err(|error| Complaint::unreadable(scenario, &error.to_string()))?;
    Ok((scenario.to_owned(), text))
}

fn searched(flow: &dyn AnyFlow, scenario: &Scenario) -> Result<(), String> {
    let swept = swept(flow, scenario)?;
    let sites: Vec<_> = flow.info().sites.iter().copied().chain(engine_sites()).collect();
    let judged = judge(scenario, flow.info(), &sites, &swept, false);
    let Some(failed) = &swept.first else {
        if judged.as_expected {
            return Ok(());
        }
        return Err(plain_card(scenario, &judged, None));
    };
    let live = Live::default();
    let options = options(&live);
    if judged.as_expected {
        if scenario.expect.minimal.is_none() {
            return Ok(());
        }
        let reached = reach(flow, &failed.scenario(scenario), failed.seed, &options)
            .map_err(|error| format!("{}: {error}", scenario.path))?;
        if reached.is_as_stated() {
            return Ok(());
        }
        let text = minimal(scenario, failed.seed, &reached.shrunk);
        return Err(format!("{text}note: {}\n", reached.remark()));
    }
    match shrink_seed(flow, &failed.scenario(scenario), failed.seed, &options) {
        Ok(shrunk) => Err(minimal(scenario, failed.seed, &shrunk)),
        Err(ShrinkError::Tool(failure)) => Err(format!("{}: {failure}", scenario.path)),
        // It fails, and cannot be shrunk: the run as it was found says more.
        Err(ShrinkError::NoFailure(_) | ShrinkError::Different(_)) => Err(plain_card(scenario, &judged, Some(failed))),
    }
}

fn swept(flow: &dyn AnyFlow, scenario: &Scenario) -> Result<Swept, String> {
    let job = Job { flow, scenario, keep_going: false };
    let hang = |seed| {
        eprintln!("{}: seed {seed} does not end", scenario.path);
        std::process::exit(i32::from(Exit::Liveness.code()));
    };
    let stops = Stops { interrupted: &AtomicBool::new(false), deadline: None };
    let seeds = Seeds { first: 0, count: seeds_needed(scenario, scenario.budget.seeds_test) };
    // Tests run side by side already.
    let workers = Workers::Threads(&hang);
    sweep(job, seeds, 1, RUN_LIMIT, &workers, stops, &crate::sweep::Live::default())
        .map_err(|failure| format!("{}: seed {}: {failure}", scenario.path, failure.seed))
}

fn options(live: &Live) -> Options<'_> {
    static NEVER: AtomicBool = AtomicBool::new(false);
    Options {
        jobs: 1,
        executions: EXECUTIONS_DEFAULT,
        run_limit: RUN_LIMIT,
        interrupted: &NEVER,
        on_hang: &|_: &Case| {
            eprintln!("a smaller run does not end");
            Exit::Liveness
        },
        live,
    }
}

fn plain_card(scenario: &Scenario, judged: &crate::judge::Judged, failed: Option<&FailedRun>) -> String {
    let about = Card {
        scenario: &scenario.name,
        variant: &scenario.variant,
        verdict: judged.verdict,
        expected: &judged.expected,
        as_expected: false,
        failed,
        seeded: true,
        remarks: &judged.notes,
        repro: None,
    };
    card(&about, Paint::PLAIN)
}

/// The card of a shrunk failure; its plan is written beside the test program.
fn minimal(scenario: &Scenario, seed: u64, shrunk: &crate::shrink::Shrunk) -> String {
    let plan = Plan { found_at: Some(format!("{} --seed {seed}", scenario.path)), ..shrunk.plan(scenario) };
    let path = plan_path(&scenario.name);
    let written = path.as_deref().map(|path| save(path, &write_plan(&plan)));
    let (plan_path, trouble) = match (&path, written) {
        (Some(path), Some(Ok(()))) => (Some(path.as_str()), None),
        (_, Some(Err(complaint))) => (None, Some(complaint.to_string())),
        _ => (None, None),
    };
    let repro = plan_path.map(paste_line);
    let text = minimal_card(
        &MinimalCard {
            name: &scenario.name,
            scenario,
            seed: Some(seed),
            shrunk,
            plan: plan_path,
            repro: repro.as_deref(),
        },
        Paint::PLAIN,
    );
    match trouble {
        None => text,
        Some(trouble) => format!("{text}note: the plan was not kept: {trouble}\n"),
    }
}

/// `target/debug/seedbed-plans/<scenario>.plan.toml`.
fn plan_path(name: &str) -> Option<String> {
    let program: PathBuf = env::current_exe().ok()?;
    let folder = program.parent()?.parent()?.join("seedbed-plans");
    let file = folder.join(format!("{}.plan.toml", name.replace('/', "-")));
    file.to_str().map(str::to_owned)
}

/// Runs this one test again, with the plan and all its events. Without a name all tests run, and only those of the
/// plan's scenario follow it.
fn paste_line(plan: &str) -> String {
    let package = env::var("CARGO_PKG_NAME").map(|package| format!(" -p {}", shell_word(&package))).unwrap_or_default();
    let test = test_name().map(|name| format!(" {} -- --exact --nocapture", shell_word(&name)));
    let test = test.unwrap_or_else(|| " -- --nocapture".to_owned());
    format!("{REPLAY}={} cargo test{package}{test}", shell_word(plan))
}

/// The test's thread bears its name. With `--test-threads=1` there is only the main thread: then the stack says which
/// test was called.
fn test_name() -> Option<String> {
    match thread::current().name() {
        Some(name) if name != "main" => Some(name.to_owned()),
        _ => test_on_stack(&Backtrace::force_capture().to_string()),
    }
}

/// What libtest's own function called, without the crate and without closures.
fn test_on_stack(stack: &str) -> Option<String> {
    let numbered = stack.lines().filter_map(|line| line.trim().split_once(": "));
    let functions: Vec<&str> =
        numbered.filter(|(number, _)| number.parse::<u32>().is_ok()).map(|(_, function)| function).collect();
    let libtest = functions.iter().position(|function| function.starts_with("test::__rust_begin_short_backtrace"))?;
    let called = functions[..libtest]
        .iter()
        .rev()
        .find(|function| !function.starts_with(['<', '_']) && !function.starts_with("core::"))?;
    let (_, path) = called.split_once("::")?;
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h');
    let parts: Vec<&str> = path.split("::").filter(|part| !part.starts_with('{') && !is_hash(part)).collect();
    Some(parts.join("::"))
}

fn followed(flow: &dyn AnyFlow, plan: &Plan, path: &str) -> Result<(), String> {
    let scenario = plan.to_scenario(path);
    let execution = Execution::of_plan(flow, &scenario, plan);
    let done = on_large_stack(|| {
        let report = execution.run(true)?;
        let second = execution.compare(&report)?;
        Ok::<_, crate::execute::ToolFailure>((report, second))
    });
    let (report, second) = done.map_err(|error| error.to_string())?.map_err(|failure| failure.to_string())?;
    println!("{}", report.trace.as_ref().map(Trace::render).unwrap_or_default());
    println!("anchored {}", report.anchoring);
    if !crate::execute::has_failed(report.verdict) {
        println!("{path}: {}", report.verdict.word());
        return Ok(());
    }
    let failed = FailedRun::new(&scenario, 0, &report, second);
    let about = Card {
        scenario: &scenario.name,
        variant: &scenario.variant,
        verdict: failed.verdict,
        expected: "holds",
        as_expected: false,
        failed: Some(&failed),
        seeded: false,
        remarks: &[],
        repro: None,
    };
    Err(card(&about, Paint::PLAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the main thread of a test program the stack names the test; elsewhere it names none.
    #[test]
    fn the_stack_names_the_test() {
        let stack = "   0: std::backtrace::Backtrace::force_capture\n             at /x/y.rs:3:4\n   \
                     1: seedbed_harness::testing::check\n   2: bank::deposits::are_applied_once\n   \
                     3: bank::deposits::are_applied_once::{{closure}}\n             at ./tests/deposits.rs:9:5\n   \
                     4: core::ops::function::FnOnce::call_once\n   \
                     5: <fn() as core::ops::function::FnOnce<()>>::call_once\n   \
                     6: test::__rust_begin_short_backtrace::<fn()>\n   7: test::run_test_in_process\n";
        assert_eq!(test_on_stack(stack).as_deref(), Some("deposits::are_applied_once"));
        assert_eq!(test_on_stack("   0: bank::main\n   1: std::rt::lang_start"), None);
    }
}
