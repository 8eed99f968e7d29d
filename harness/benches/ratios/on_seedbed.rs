//! The work on Seedbed, as a flow: digest, causes, accounting and two invariants on, every fault site present but off.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use seedbed::choice::Seed;
use seedbed::prelude::*;
use seedbed::run::{AnyFlow, RunRequest, Source, engine_sites, erased};
use seedbed::scenario::{Catalogue, Scenario, read_scenario};
use seedbed::snapshot::KeepStates;
use seedbed_harness::Harness;
use seedbed_harness::files::{Loaded, find, load};

struct Exchange;

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    servers: usize,
    calls: u64,
    crash: bool,
}

impl Flow for Exchange {
    type Config = Config;
    type Op = u8;

    const INFO: FlowInfo = FlowInfo {
        variants: &[Named::new("correct", "the only one")],
        invariants: &[
            InvariantInfo::always("replies-follow-requests", "no reply comes before its request"),
            InvariantInfo::always("few-under-way", "at most one request is under way"),
        ],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("exchange", "a client that calls servers in turn", "made up")
    };

    fn operation(_: &Config) -> BoxedStrategy<u8> {
        Just(0).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let (asked, answered) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u64)));
        let names: Vec<String> = (1..=setup.config.servers).map(|number| format!("s{number}")).collect();
        for name in &names {
            world.node(name, serve);
        }
        let (asks, answers, config) = (asked.clone(), answered.clone(), setup.config);
        world
            .client("client", move |node| call_all(node, names.clone(), config.clone(), asks.clone(), answers.clone()));
        let counts = (asked.clone(), answered.clone());
        world.always("replies-follow-requests", move || match (counts.0.get(), counts.1.get()) {
            (0, 0) => Outcome::Idle,
            (asked, answered) if answered <= asked => Outcome::Held,
            _ => Outcome::violated("more replies than requests", ""),
        });
        world.always("few-under-way", move || match asked.get().saturating_sub(answered.get()) {
            0 => Outcome::Idle,
            _ => Outcome::Held,
        });
    }
}

async fn serve(node: Node) {
    let Ok(listener) = node.net().listen("calls") else {
        return;
    };
    while let Ok(stream) = listener.accept().await {
        let connection = Messages::new(stream);
        node.spawn("connection", async move {
            let mut buffer = Vec::new();
            while connection.recv_into(&mut buffer).await.is_ok() {
                if connection.send(&buffer).is_err() {
                    return;
                }
            }
        });
    }
}

async fn call_all(node: Node, servers: Vec<String>, config: Config, asked: Rc<Cell<u64>>, answered: Rc<Cell<u64>>) {
    let mut buffer = Vec::new();
    for server in &servers {
        let Ok(stream) = node.net().connect(server, "calls").await else {
            continue;
        };
        let connection = Messages::new(stream);
        for call in 0..config.calls {
            if config.crash && server == "s4" && call == 20 {
                let sim = node.sim();
                if let Some(victim) = sim.node_named(server) {
                    sim.kill(victim, seedbed::kernel::Down::Kill);
                }
            }
            asked.set(asked.get() + 1);
            if connection.send(&[7; 16]).is_err() || connection.recv_into(&mut buffer).await.is_err() {
                break;
            }
            answered.set(answered.get() + 1);
        }
    }
}

fn scenario(flow: &dyn AnyFlow, servers: usize, calls: u64, crash: bool) -> Scenario {
    let text = format!(
        "seedbed = 1\ngoal = \"speed\"\nflow = \"exchange\"\nvariant = \"correct\"\n\
         [flow-config]\nservers = {servers}\ncalls = {calls}\ncrash = {crash}\n\
         [budget]\nsteps = 1_000_000_000\nvirtual = \"100h\"\ntrace-events = 100_000_000\n\
         [expect]\nholds = true\n"
    );
    let catalogue = Catalogue { flows: vec![flow], engine_sites: engine_sites() };
    read_scenario("speed.toml", text.as_bytes(), &catalogue, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn run(flow: &dyn AnyFlow, scenario: &Scenario, seed: u64, keep_trace: bool) -> u64 {
    let report = flow.run(&RunRequest {
        scenario,
        seed: Some(Seed(seed)),
        source: Source::Search,
        operations: None,
        keep_trace,
        keep_offers: false,
        keep_states: KeepStates::Never,
        dispatch: seedbed::kernel::Dispatch::ByTime,
        until_step: None,
    });
    assert!(report.failure.is_none(), "{:?}", report.failure);
    report.steps
}

/// Delivers `count` messages to and fro.
pub fn ping_pong(count: u64, keep_trace: bool) {
    let flow = erased::<Exchange>();
    let scenario = scenario(&*flow, 1, count / 2, false);
    assert!(run(&*flow, &scenario, 1, keep_trace) >= count);
}

/// Runs `count` small worlds.
pub fn short_runs(count: u64) {
    let flow = erased::<Exchange>();
    let scenario = scenario(&*flow, 4, 25, true);
    for seed in 0..count {
        assert!(run(&*flow, &scenario, seed, false) >= 180);
    }
}

/// Seeds per second, on one core, of the first correct scenario of each shipped flow.
pub fn flows(rounds: usize) {
    let harness = Harness::shipped();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let mut seen = Vec::new();
    println!("\nShipped flows (one core, median of {rounds} rounds)");
    for path in find(&[], folder).unwrap_or_default() {
        let Ok(Loaded::Scenario(loaded)) = load(&harness, &path, &[]) else {
            continue;
        };
        let scenario = &loaded.scenario;
        let key = (scenario.flow.clone(), scenario.variant.clone());
        if scenario.faults.profile != seedbed::choice::Profile::Swarm || seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let mut rates = Vec::new();
        for round in 0..=rounds as u64 {
            let (started, mut steps) = (Instant::now(), 0);
            let seeds = 200;
            for seed in 0..seeds {
                let report = loaded.flow.run(&RunRequest {
                    scenario,
                    seed: Some(Seed(round * seeds + seed)),
                    source: Source::Search,
                    operations: None,
                    keep_trace: false,
                    keep_offers: false,
                    keep_states: KeepStates::Never,
                    dispatch: seedbed::kernel::Dispatch::ByTime,
                    until_step: None,
                });
                steps += report.steps;
            }
            let seconds = started.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
            if round > 0 {
                rates.push((seeds as f64 / seconds, steps as f64 / seconds));
            }
        }
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seeds, steps) = rates[rates.len() / 2];
        println!("  {:<34} {seeds:>10.0} seeds/s {steps:>12.0} steps/s", scenario.name);
    }
}
