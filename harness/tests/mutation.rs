//! What mutation is good for: a failure that takes several unlikely things one after the other, each of which shows.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::strategy::{BoxedStrategy, Just, Strategy as _};
use seedbed::check::{InvariantInfo, Outcome};
use seedbed::choice::{Coin, OneOf, Rate, Site, Strategy};
use seedbed::flow::{Flow, FlowInfo, FlowSchema, Named, Needs, Setup};
use seedbed::run::{AnyFlow, engine_sites, erased};
use seedbed::scenario::{Catalogue, Scenario, read_scenario};
use seedbed::world::World;
use seedbed_harness::execute::Execution;
use seedbed_harness::strategy::with_parents;
use seedbed_harness::sweep::{Job, Live, Seeds, Stops, Swept, Workers, sweep};
use serde::Deserialize;

static NEVER: AtomicBool = AtomicBool::new(false);

static WAY: Site = Site::value("ladder/way", "which way somebody turns at a rung");
/// One of eight leads on.
static WAYS: OneOf<u8> =
    OneOf(&[("0", 0, 1), ("1", 1, 1), ("2", 2, 1), ("3", 3, 1), ("4", 4, 1), ("5", 5, 1), ("6", 6, 1), ("7", 7, 1)]);
/// The way that leads on, rung by rung; how far somebody got is an outcome.
const LADDER: [(u8, &str); 6] = [(3, "first"), (5, "second"), (1, "third"), (7, "fourth"), (2, "fifth"), (6, "sixth")];

const fn slip(label: &'static str) -> Site {
    Site::fault(label, "somebody slips upwards", Rate::per_million(62_500), Rate::per_million(62_500))
}

/// On a slippery ladder each rung is passed by slipping on it.
static SLIPS: [Site; 6] = [
    slip("ladder/slip-1"),
    slip("ladder/slip-2"),
    slip("ladder/slip-3"),
    slip("ladder/slip-4"),
    slip("ladder/slip-5"),
    slip("ladder/slip-6"),
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// No outcome tells how far somebody got: only the faults on the way do.
    slippery: bool,
}

/// Somebody climbs a ladder, and falls at the first wrong turn.
struct Ladder;

impl Flow for Ladder {
    type Config = Config;
    type Op = u64;

    const INFO: FlowInfo = FlowInfo {
        variants: &[Named::new("1.0", "for tests")],
        sites: &[&WAY, &SLIPS[0], &SLIPS[1], &SLIPS[2], &SLIPS[3], &SLIPS[4], &SLIPS[5]],
        invariants: &[InvariantInfo::always("nobody-at-the-top", "nobody gets to the top")],
        outcomes: &[
            Named::new("first", "for tests"),
            Named::new("second", "for tests"),
            Named::new("third", "for tests"),
            Named::new("fourth", "for tests"),
            Named::new("fifth", "for tests"),
            Named::new("sixth", "for tests"),
        ],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("ladder", "a ladder", "made up")
    };

    fn operation(_: &Config) -> BoxedStrategy<u64> {
        Just(0).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let slippery = setup.config.slippery;
        let top = Rc::new(Cell::new(false));
        let climbed = Rc::clone(&top);
        world.client("climber", move |node| {
            let climbed = Rc::clone(&climbed);
            async move {
                for ((way, rung), slip) in LADDER.into_iter().zip(&SLIPS) {
                    node.sleep(Duration::from_millis(1)).await;
                    if slippery {
                        if !node.choose(slip, &Coin) {
                            return;
                        }
                        continue;
                    }
                    if node.choose(&WAY, &WAYS) != way {
                        return;
                    }
                    node.outcome(rung);
                }
                climbed.set(true);
            }
        });
        world.always(
            "nobody-at-the-top",
            move || {
                if top.get() { Outcome::violated("at the top", "") } else { Outcome::Held }
            },
        );
    }
}

const TURNS: &str = "";
const SLIPPERY: &str = "flow-config = { slippery = true }\n[faults]\n\"ladder/slip-1\" = 0.0625\n\"ladder/slip-2\" = 0.0625\n\
                        \"ladder/slip-3\" = 0.0625\n\"ladder/slip-4\" = 0.0625\n\"ladder/slip-5\" = 0.0625\n\
                        \"ladder/slip-6\" = 0.0625\n";

fn scenario(flow: &dyn AnyFlow, strategy: Strategy, ladder: &str) -> Scenario {
    let schema: &dyn FlowSchema = flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let text = format!(
        "seedbed = 1\ngoal = \"A test.\"\nflow = \"ladder\"\nvariant = \"1.0\"\n{ladder}\
         [expect]\nviolates = \"nobody-at-the-top\"\n"
    );
    let mut scenario = read_scenario("scenarios/ladder/test.toml", text.as_bytes(), &catalogue, &[])
        .unwrap_or_else(|complaints| panic!("{complaints}"));
    scenario.search.strategy = strategy;
    scenario
}

fn swept(flow: &dyn AnyFlow, scenario: &Scenario, count: u64) -> Swept {
    let job = Job { flow, scenario, keep_going: false };
    let stops = Stops { interrupted: &NEVER, deadline: None };
    let hang = |seed| panic!("seed {seed} hangs");
    let limit = Duration::from_secs(60);
    sweep(job, Seeds { first: 0, count }, 2, limit, &Workers::Threads(&hang), stops, &Live::default())
        .unwrap_or_else(|failure| panic!("{failure}"))
}

/// What takes six unlikely things one after the other, 10,000 seeds of swarm do not find; a few thousand mutations of what
/// got further than others do. The seed and its parents are the same run again, without the sweep.
fn mutation_gets_there(ladder: &str) {
    let flow = erased::<Ladder>();
    let swarm = swept(&*flow, &scenario(&*flow, Strategy::Swarm, ladder), 10_000);
    assert_eq!((swarm.tally.seeds, swarm.tally.failures), (10_000, 0));
    let mutating = scenario(&*flow, Strategy::Mutation, ladder);
    let found = swept(&*flow, &mutating, 10_000).first.expect("it is found");
    assert!(found.seed < 5_000, "seed {}", found.seed);
    assert_eq!(found.strategy, Strategy::Mutation);
    assert!(!found.parents.is_empty());
    let again = with_parents(&mutating, &found.parents);
    let report = Execution::of_seed(&*flow, &again, found.seed).run(false).expect("the flow works");
    assert_eq!(Some(report.digest), found.digest);
}

/// Six turns that are right by chance once in 262,144 runs; how many were right is an outcome.
#[test]
fn mutation_climbs_where_swarm_falls() {
    mutation_gets_there(TURNS);
}

/// The same where nothing tells how far a run got but the sites at which faults struck.
#[test]
fn mutation_climbs_by_what_happened_at_sites() {
    mutation_gets_there(SLIPPERY);
}

/// A signature does not tell these runs apart, which is why a search goes by features: slipping twice and three
/// times is the same behaviour, and yet shows something new.
#[test]
fn features_tell_apart_what_signatures_do_not() {
    let flow = erased::<Ladder>();
    let scenario = scenario(&*flow, Strategy::Swarm, SLIPPERY);
    let mut reports = BTreeMap::new();
    for seed in 0..10_000 {
        let report = Execution::of_seed(&*flow, &scenario, seed).run(false).expect("the flow works");
        let slips = SLIPS.iter().filter(|slip| report.faults.get(slip.label).is_some_and(|count| count.fired > 0));
        reports.entry(slips.count()).or_insert(report);
    }
    let (twice, thrice) = (&reports[&2], &reports[&3]);
    assert_eq!(twice.signature, thrice.signature);
    assert!(thrice.features.iter().any(|feature| !twice.features.contains(feature)));
}
