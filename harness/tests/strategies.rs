//! Search strategies on a toy system: what they find, and that a seed means the same run everywhere.

#[path = "toys/reading.rs"]
mod reading;
mod toys;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reading::scenario;
use seedbed::choice::Strategy;
use seedbed::scenario::Scenario;
use seedbed_harness::execute::Execution;
use seedbed_harness::strategy::{prepare, strategy_of, with_parents};
use seedbed_harness::sweep::{Job, Live, Seeds, Stops, Swept, Workers, sweep};
use toys::toys;

static NEVER: AtomicBool = AtomicBool::new(false);

fn swept(scenario: &Scenario, count: u64, jobs: usize, keep_going: bool) -> Swept {
    let flow = toys();
    let job = Job { flow: &*flow, scenario, keep_going };
    let stops = Stops { interrupted: &NEVER, deadline: None };
    let hang = |seed| panic!("seed {seed} hangs");
    let limit = Duration::from_secs(60);
    sweep(job, Seeds { first: 0, count }, jobs, limit, &Workers::Threads(&hang), stops, &Live::default())
        .unwrap_or_else(|failure| panic!("{failure}"))
}

fn under(scenario: &Scenario, strategy: Strategy) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.search.strategy = strategy;
    scenario
}

/// A seeded bug of order: a client is starved, seven times in a row, by one that is faster each time. Latencies that are
/// drawn one by one do not keep that up; priorities do.
fn starved() -> Scenario {
    scenario(
        "flow-config = { clients = [{ requests = 9 }, { requests = 36 }], starved = [7, 4] }\n\
         [expect]\nviolates = \"no-forbidden-order\"\n",
    )
}

/// The seeded ordering bug is not found by 10,000 seeds of random search and is by a twentieth of that under
/// priorities; what is found is a failure with a script, which fails without seed and strategy.
#[test]
fn priorities_find_an_order_that_random_search_does_not() {
    let starved = starved();
    let random = swept(&under(&starved, Strategy::Swarm), 10_000, 2, false);
    assert_eq!((random.tally.seeds, random.tally.failures), (10_000, 0));
    let by_priority = under(&starved, Strategy::PctOf(1));
    let found = swept(&by_priority, 10_000, 2, false);
    let failed = found.first.expect("it is found");
    assert!(failed.seed < 500, "seed {}", failed.seed);
    assert_eq!(failed.strategy, Strategy::PctOf(1));
    let flow = toys();
    let report = Execution::of_seed(&*flow, &by_priority, failed.seed).run(false).expect("the toy works");
    assert!(report.script.len() > 12);
    let replay = Execution {
        seed: None,
        source: seedbed::run::Source::Replay(&report.script),
        operations: Some(&report.operations),
        ..Execution::of_seed(&*flow, &by_priority, failed.seed)
    };
    let replayed = replay.run(false).expect("the toy works");
    assert_eq!(replayed.digest, report.digest);
    assert_eq!(replayed.failure, report.failure);
}

const SLIPPERY: &str = "flow-config = { clients = [{ server = 0, requests = 4 }, { server = 1, requests = 3 }], \
                        slips-max = 9 }\n[faults]\nprofile = \"swarm\"\n[expect]\nholds = true\n";

/// Neither the number of threads nor that of processes changes what strategies with feedback find and count.
#[test]
fn generations_do_not_depend_on_jobs() {
    let slippery = scenario(SLIPPERY);
    for strategy in [Strategy::Mix, Strategy::Mutation] {
        let scenario = under(&slippery, strategy);
        let alone = swept(&scenario, 700, 1, true);
        assert_eq!(swept(&scenario, 700, 3, true), alone, "{strategy}");
    }
}

/// Every strategy gives runs that can be executed again with the same bytes, and each is another search than swarm.
#[test]
fn a_seed_is_a_run() {
    let slippery = scenario(SLIPPERY);
    let flow = toys();
    let mut differing: BTreeMap<&str, u64> = BTreeMap::new();
    for strategy in Strategy::ALL {
        let scenario = with_parents(&under(&slippery, strategy), &[3, 17]);
        let swarm = under(&slippery, Strategy::Swarm);
        for seed in 0..24 {
            let execution = Execution::of_seed(&*flow, &scenario, seed);
            let one = execution.run(false).expect("the toy works");
            let other = execution.run(false).expect("the toy works");
            assert_eq!(one.digest, other.digest, "{strategy}, seed {seed}");
            let drawn = Execution::of_seed(&*flow, &swarm, seed).run(false).expect("the toy works");
            *differing.entry(strategy.label()).or_default() += u64::from(drawn.digest != one.digest);
        }
    }
    assert_eq!(differing.remove("swarm"), Some(0));
    assert!(differing.values().all(|count| *count > 0), "{differing:?}");
}

/// A single fault is one deviation of one harmful site (or more of them at one actor, if it stays); over some seeds
/// every site that can fail does.
#[test]
fn single_faults() {
    let scenario = under(&scenario(SLIPPERY), Strategy::SingleFault);
    let flow = toys();
    let mut met: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..120 {
        let report = Execution::of_seed(&*flow, &scenario, seed).run(false).expect("the toy works");
        let harmful = report.faults.iter().filter(|(site, count)| {
            count.fired > 0 && !["net/latency", "kernel/ready-task", "toys/mood"].contains(&site.as_str())
        });
        let harmful: Vec<&String> = harmful.map(|(site, _)| site).collect();
        assert!(harmful.len() <= 1, "seed {seed}: {harmful:?}");
        harmful.iter().for_each(|site| *met.entry((*site).clone()).or_default() += 1);
    }
    assert!(met.len() >= 6 && met.values().sum::<u64>() > 100, "{met:?}");
}

/// A mutation without parents is a swarm seed; with parents it begins as they did.
#[test]
fn mutations_begin_like_their_parents() {
    let slippery = under(&scenario(SLIPPERY), Strategy::Mutation);
    assert_eq!(strategy_of(&slippery, 5), Strategy::Swarm);
    let mutated = with_parents(&slippery, &[9]);
    assert_eq!(strategy_of(&mutated, 5), Strategy::Mutation);
    let flow = toys();
    let execution = Execution::of_seed(&*flow, &mutated, 5);
    let prepared = prepare(&execution, 5).expect("the toy works").expect("a mutation is prepared");
    assert!(prepared.steps > 0 && prepared.operations.is_some());
    let differ = (0..40).filter(|seed| {
        let run = |scenario| Execution::of_seed(&*flow, scenario, *seed).run(false).expect("the toy works").digest;
        run(&mutated) != run(&slippery)
    });
    assert!(differ.count() > 20);
}

/// What a scenario leaves out stays out, whatever the strategy.
#[test]
fn no_strategy_turns_on_what_is_left_out() {
    let text = SLIPPERY.replace("profile = \"swarm\"", "\"toys/slip\" = 0.5");
    let scenario = scenario(&text);
    let flow = toys();
    for strategy in Strategy::ALL {
        let scenario = with_parents(&under(&scenario, strategy), &[1]);
        for seed in 0..12 {
            let report = Execution::of_seed(&*flow, &scenario, seed).run(false).expect("the toy works");
            let fired = report.faults.iter().filter(|(_, count)| count.fired > 0);
            for (site, _) in fired {
                assert!(
                    ["net/latency", "kernel/ready-task", "toys/slip"].contains(&site.as_str()),
                    "{strategy}: {site}"
                );
            }
        }
    }
}
