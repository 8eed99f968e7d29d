//! The host: what std answers inside a run is fixed by the seed, in any process; without the host such a flow
//! is refused.

use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use seedbed::flow::{Flow, FlowInfo, Named, Needs, Setup};
use seedbed::trace::Kind;
use seedbed::world::World;

use crate::program::{Bench, Test};

#[cfg(madsim)]
pub const TESTS: &[Test] = &[
    ("host::std_answers_the_same_in_every_process", std_answers_the_same_in_every_process),
    ("host::std_answers_otherwise_for_another_seed", std_answers_otherwise_for_another_seed),
    ("host::runs_that_ask_std_are_repeatable_in_one_process", runs_that_ask_std_are_repeatable_in_one_process),
];

#[cfg(not(madsim))]
pub const TESTS: &[Test] = &[("host::a_flow_that_needs_it_is_refused", a_flow_that_needs_it_is_refused)];

static READ: Kind = Kind::new("read", 'r', "what std answered", &[]);

/// A flow that asks std for everything a simulation has to fix.
pub struct AsksStd;

impl Flow for AsksStd {
    type Config = toml::Table;
    type Op = ();

    const INFO: FlowInfo = FlowInfo {
        variants: &[Named { label: "1", doc: "the only one" }],
        needs: Needs { host: true, fresh_thread: true },
        ..FlowInfo::new("asks-std", "asks std for time, randomness and hash order", "none")
    };

    fn operation(_: &toml::Table) -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn build(world: &World, _: Setup<Self>) {
        world.client("client", |node| async move {
            let (started, wall) = (Instant::now(), SystemTime::now());
            node.sleep(Duration::from_micros(1_500)).await;
            node.note(&READ, "elapsed", format_args!("{:?} {:?}", started.elapsed(), wall.elapsed()));
            node.note(&READ, "wall", format_args!("{:?}", wall.duration_since(SystemTime::UNIX_EPOCH)));
            let mut random = [0; 8];
            let filled = getrandom::fill(&mut random);
            node.note(&READ, "random", format_args!("{filled:?} {random:?}"));
            node.note(&READ, "order", format_args!("{:?}", hash_order()));
        });
    }
}

/// The order in which a freshly made hash set gives its members.
#[expect(clippy::disallowed_types, reason = "its order is what the host has to fix")]
fn hash_order() -> Vec<u32> {
    (0..16).collect::<std::collections::HashSet<u32>>().into_iter().collect()
}

fn bench(name: &str) -> Bench {
    let scenario = "seedbed = 1\ngoal = \"A test.\"\nflow = \"asks-std\"\nvariant = \"1\"\n[expect]\nholds = true\n";
    Bench::new(name).file("scenarios/asks-std/x.toml", scenario)
}

#[cfg(madsim)]
fn trace(bench: &Bench, seed: &str) -> String {
    let said = bench.run(&["replay", "scenarios/asks-std/x.toml", "--seed", seed, "--trace", "full"]);
    said.exits(0).out.clone()
}

#[cfg(madsim)]
fn std_answers_the_same_in_every_process() {
    let bench = bench("host-same");
    let one = trace(&bench, "1");
    assert!(one.contains("read elapsed 1.5ms Ok(1.5ms)"), "simulated time, and nothing but it:\n{one}");
    assert_eq!(one, trace(&bench, "1"));
}

#[cfg(madsim)]
fn std_answers_otherwise_for_another_seed() {
    let bench = bench("host-other");
    let answers = |seed| {
        let trace = trace(&bench, seed);
        let line = |what: &str| trace.lines().find(|line| line.contains(what)).map(str::to_owned);
        ["read random", "read order"].map(|what| line(what).unwrap_or_else(|| panic!("no `{what}` in\n{trace}")))
    };
    for (one, other) in answers("1").into_iter().zip(answers("2")) {
        assert_ne!(one, other);
    }
}

#[cfg(madsim)]
fn runs_that_ask_std_are_repeatable_in_one_process() {
    let bench = bench("host-repeat");
    let alone = bench.run(&["run", "--seeds", "0..200", "--jobs", "1"]);
    assert_eq!(alone.exits(0).out, bench.run(&["run", "--seeds", "0..200", "--jobs", "4"]).out);
}

#[cfg(not(madsim))]
fn a_flow_that_needs_it_is_refused() {
    let said = bench("host-refused").run(&["run"]);
    assert!(said.exits(2).err.contains("flow `asks-std` needs the madsim host"), "{}", said.err);
}
