//! Operations that were drawn from a seed are simplified along their strategies' value trees: a flow that has no idea of
//! "simpler" gets the smallest operation that still fails. From a plan, without its seed, they stay as they are.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::prelude::*;
use seedbed::run::erased;
use seedbed_harness::exit::Exit;
use seedbed_harness::shrink::{Case, Live, Options, Shrunk, shrink_plan, shrink_seed};
use serde::{Deserialize, Serialize};

use crate::runs;

/// A scale that breaks above this.
const BREAKS_ABOVE: u16 = 512;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parcel {
    weight: u16,
    colour: u8,
}

struct Scale;

impl Flow for Scale {
    type Config = NoConfig;
    type Op = Parcel;

    const INFO: FlowInfo = FlowInfo {
        variants: &[Named::new("1.0", "it breaks"), Named::new("correct", "it does not")],
        invariants: &[InvariantInfo::always("scale-is-whole", "whatever is put on it")],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("scale", "a scale for parcels", "made up")
    };

    fn operation(_: &NoConfig) -> BoxedStrategy<Parcel> {
        (0_u16..2_000, 0_u8..200).prop_map(|(weight, colour)| Parcel { weight, colour }).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let heaviest = Rc::new(Cell::new(0));
        let (parcels, seen) = (Rc::new(setup.operations), Rc::clone(&heaviest));
        world.client("sender", move |node| {
            let (parcels, heaviest) = (Rc::clone(&parcels), Rc::clone(&heaviest));
            async move {
                for (_, parcel) in parcels.iter() {
                    node.sleep(Duration::from_millis(1)).await;
                    heaviest.set(parcel.weight.max(heaviest.get()));
                }
            }
        });
        let breaks = setup.variant == "1.0";
        world.always("scale-is-whole", move || match seen.get() {
            0 => Outcome::Idle,
            weight if breaks && weight > BREAKS_ABOVE => Outcome::violated("broken", format!("by {weight}")),
            _ => Outcome::Held,
        });
    }
}

fn with_options(work: impl FnOnce(&Options<'_>) -> Shrunk) -> Shrunk {
    work(&Options {
        jobs: 2,
        executions: 5_000,
        run_limit: Duration::from_secs(60),
        interrupted: &AtomicBool::new(false),
        on_hang: &|_: &Case| Exit::Liveness,
        live: &Live::default(),
    })
}

#[test]
fn drawn_operations_become_as_small_as_the_failure_allows() {
    let flow = erased::<Scale>();
    let text = "seedbed = 1\ngoal = \"A test.\"\nflow = \"scale\"\nvariant = \"1.0\"\n[workload]\noperations = 6\n\
                [expect]\nviolates = \"scale-is-whole\"\n";
    let scenario = seedbed::scenario::read_scenario("scale.toml", text.as_bytes(), &runs::catalogue(&*flow), &[])
        .unwrap_or_else(|complaints| panic!("{complaints}"));
    let seeds: Vec<u64> = runs::failing(&*flow, &scenario, 20, "broken").take(5).collect();
    assert_eq!(seeds.len(), 5);
    for seed in seeds {
        let shrunk = with_options(|options| shrink_seed(&*flow, &scenario, seed, options).expect("it fails"));
        let smallest = toml::Value::try_from(Parcel { weight: BREAKS_ABOVE + 1, colour: 0 }).expect("it is data");
        let operations: Vec<&toml::Value> = shrunk.case.operations.iter().map(|(_, operation)| operation).collect();
        assert_eq!(operations, [&smallest], "seed {seed}");

        // The plan of the same failure, before that was done: there is no tree to go along.
        let report = runs::search(&*flow, &scenario, seed);
        let failure = runs::fingerprint(&report).expect("it fails");
        let plan = seedbed_harness::shrink::plan_of(&Case::of_report(&scenario, &report), &scenario, &failure);
        let again = with_options(|options| {
            shrink_plan(&*flow, &plan.to_scenario("scale.plan.toml"), &plan, options).expect("it fails")
        });
        assert!(report.operations.contains(&again.case.operations[0]), "{:?}", again.case.operations);
    }
}
