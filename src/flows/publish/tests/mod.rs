//! The flow as a whole: the ticket, its fix and its alternatives, and what the system is known to do otherwise.

mod contention;
mod crashes;
mod limits;
mod outcomes;
mod reading;
mod ticket;

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Config, Setting};
use super::variants::VARIANTS;
use super::{FILES_MAX, Publish};
use crate::choice::{Deviation, Script, Seed};
use crate::flow::FlowSchema;
use crate::kernel::Dispatch;
use crate::run::{RunReport, RunRequest, Source, engine_sites, erased};
use crate::scenario::{Catalogue, Scenario, read_scenario};
use crate::snapshot::KeepStates;

/// A scenario of this flow; all violations are recorded, none stops the run.
fn scenario(variant: &str, rest: &str) -> Scenario {
    let head = "seedbed = 1\ngoal = \"test\"\nflow = \"publish\"\n";
    let expect = "[expect]\nholds = [\"nothing-after-stop\"]\n";
    let text = format!("{head}variant = \"{variant}\"\n{rest}\n{expect}");
    let flow = erased::<Publish>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    read_scenario("publish/test.toml", text.as_bytes(), &catalogue, &[])
        .unwrap_or_else(|complaints| panic!("{complaints}\n{text}"))
}

fn run(scenario: &Scenario, seed: u64) -> RunReport {
    run_as(scenario, seed, Dispatch::ByTime)
}

/// Every order of requests and answers after the beginning of the publish is possible, and about equally likely.
fn run_shuffled(scenario: &Scenario, seed: u64) -> RunReport {
    let events = vec!["request".to_owned(), "reply".to_owned()];
    run_as(scenario, seed, Dispatch::ByChoice { from: Some("publish-started".into()), events })
}

/// A run in which exactly these choices are not quiet: (site, actor, which ones, value in words).
fn run_script(scenario: &Scenario, deviations: &[(&str, &str, std::ops::Range<u64>, &str)]) -> RunReport {
    let deviation = |(site, actor, n, value): (&str, &str, u64, &str)| Deviation {
        site: site.to_owned(),
        actor: actor.to_owned(),
        n,
        value: value.to_owned(),
        step: 0,
    };
    let each = deviations
        .iter()
        .flat_map(|(site, actor, which, value)| which.clone().map(move |n| deviation((site, actor, n, value))));
    let script = Script { deviations: each.collect() };
    erased::<Publish>().run(&RunRequest {
        scenario,
        seed: None,
        source: Source::Replay(&script),
        operations: None,
        keep_trace: true,
        keep_offers: false,
        keep_states: KeepStates::Never,
        dispatch: Dispatch::ByTime,
        until_step: None,
    })
}

fn run_as(scenario: &Scenario, seed: u64, dispatch: Dispatch) -> RunReport {
    erased::<Publish>().run(&RunRequest {
        scenario,
        seed: Some(Seed(seed)),
        source: Source::Search,
        operations: None,
        keep_trace: true,
        keep_offers: false,
        keep_states: KeepStates::Never,
        dispatch,
        until_step: None,
    })
}

/// A file whose permuted order of servers is `s1`, `s2` … With few shares needed, a map update of the release can
/// stop at an empty server and miss a share behind it; in this order it never does.
fn file_visited_in_order(servers: u8) -> u64 {
    let config = Config { servers, ..Config::default() };
    let in_order = |file: &u64| {
        let order = Setting::new(&VARIANTS[0], config.clone(), *file).order;
        order.windows(2).all(|pair| pair[0] < pair[1])
    };
    (0..=FILES_MAX).find(in_order).expect("one of the files has this order")
}

/// How many events of a kind the trace holds.
fn count(report: &RunReport, kind: &str) -> usize {
    let trace = report.trace.as_ref().expect("the trace was kept");
    trace.events().iter().filter(|event| event.header.kind.label == kind).count()
}

/// What the last map update knew: shares, recoverable and unrecoverable versions.
fn last_map(report: &RunReport) -> [u64; 3] {
    maps(report).pop().expect("a map was updated")
}

/// The same of every map update.
fn maps(report: &RunReport) -> Vec<[u64; 3]> {
    let trace = report.trace.as_ref().expect("the trace was kept");
    let maps = trace.events().iter().filter(|event| event.header.kind.label == "map");
    maps.map(|event| event.header.args).collect()
}

/// Every failure of a run, as `invariant: cause`.
fn failures(report: &RunReport) -> Vec<String> {
    let all = report.failure.iter().chain(&report.also);
    all.map(|failure| format!("{}: {}", failure.invariant, failure.cause)).collect()
}

/// What servers wrote, in order: (server, shares).
fn written(report: &RunReport) -> Vec<(String, String)> {
    let trace = report.trace.as_ref().expect("the trace was kept");
    let wrote = trace.events().iter().filter(|event| event.header.kind.label == "wrote");
    wrote.map(|event| (trace.names().text(event.header.node).to_owned(), trace.text(event).to_owned())).collect()
}

fn outcomes(report: &RunReport) -> Vec<(&str, u64)> {
    report.outcomes.iter().map(|(label, count)| (label.as_str(), *count)).collect()
}

/// Outcomes of many runs, summed.
fn tally(scenario: &Scenario, seeds: u64, run: impl Fn(&Scenario, u64) -> RunReport) -> BTreeMap<String, u64> {
    let mut tally = BTreeMap::new();
    for seed in 0..seeds {
        for (label, count) in run(scenario, seed).outcomes {
            *tally.entry(label).or_default() += count;
        }
    }
    tally
}
