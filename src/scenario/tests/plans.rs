//! Plans: what is written, what is read, and that they agree.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::errors::snapshot;
use super::{COMPLETE, catalogue};
use crate::check::Fingerprint;
use crate::choice::{Deviation, Script};
use crate::scenario::{Budget, CheckMode, Claim, Plan, read_plan, read_scenario, write_plan};

fn overwrite(bytes: i64) -> toml::Value {
    let mut operation = toml::Table::new();
    operation.insert("bytes".to_owned(), bytes.into());
    toml::Value::Table(toml::Table::from_iter([("overwrite".to_owned(), operation.into())]))
}

fn example() -> Plan {
    let scenario = read_scenario("scenarios/publish/ticket-877.toml", COMPLETE.as_bytes(), &catalogue(), &[]);
    let scenario = scenario.unwrap_or_else(|complaints| panic!("{complaints}"));
    let deviation = |site: &str, actor: &str, n, value: &str, step| Deviation {
        site: site.to_owned(),
        actor: actor.to_owned(),
        n,
        value: value.to_owned(),
        step,
    };
    let script = Script {
        deviations: vec![
            deviation("net/latency", "client->s3", 4, "12ms", 17),
            deviation("publish/dead-reference", "client->s3", 0, "inline", 41),
        ],
    };
    let failure = Fingerprint {
        invariant: "no-self-rejection".to_owned(),
        cause: "own write taken for a foreign one".to_owned(),
    };
    Plan {
        sentence: Some("One dead reference rejects publish's own write.".to_owned()),
        fails_on: vec!["1.5.0".to_owned()],
        holds_on: vec!["1.5.0+inline-fix".to_owned(), "correct".to_owned()],
        found_at: Some("commit 1f2e3d4, seed 17".to_owned()),
        digest: Some("d1:00112233445566778899aabbccddeeff".to_owned()),
        ..Plan::of(&scenario, vec![(3, overwrite(64))], script, Some(failure))
    }
}

/// A written plan looks as people would write it, and says the same when read.
#[test]
fn the_written_form() {
    let text = write_plan(&example());
    snapshot("plan", &text);
    assert_eq!(read_plan("x.plan.toml", text.as_bytes(), &catalogue()), Ok(example()));
}

/// What a replay runs is the run of the scenario the plan came from, whatever has become of the scenario.
#[test]
fn the_scenario_of_a_plan() {
    let plan = example();
    let scenario = plan.to_scenario("x.plan.toml");
    assert_eq!((scenario.flow.as_str(), scenario.variant.as_str()), ("publish", "1.5.0"));
    assert_eq!(scenario.expect.claim, Claim::Violates("no-self-rejection".to_owned()));
    assert_eq!((scenario.config, scenario.contract, scenario.checks), (plan.config, plan.contract, plan.checks));
    assert_eq!(scenario.budget.steps, 30_000);
}

/// A deviation at a former label of a site is read as one at its present label.
#[test]
fn former_labels() {
    let text = write_plan(&example()).replace("net/latency", "net/delay");
    assert_eq!(read_plan("x.plan.toml", text.as_bytes(), &catalogue()), Ok(example()));
}

/// A plan that was cut down by hand to what matters is a plan.
#[test]
fn the_shortest_plan() {
    let text = "seedbed = 1\nscenario = 's'\nflow = 'publish'\nvariant = 'correct'\nexpect.holds = true\n";
    let plan = read_plan("x.plan.toml", text.as_bytes(), &catalogue());
    let plan = plan.unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!((plan.operations.len(), plan.script.deviations.len(), plan.failure), (0, 0, None));
}

fn claim() -> impl Strategy<Value = Claim> {
    let ids = prop::sample::subsequence(vec!["no-self-rejection", "happiness", "no-panic"], 1..=3);
    prop_oneof![
        Just(Claim::Holds),
        Just(Claim::Violates("no-hang".to_owned())),
        ids.prop_map(|ids| Claim::HoldsOnly(ids.into_iter().map(str::to_owned).collect())),
    ]
}

fn operation() -> impl Strategy<Value = toml::Value> {
    prop_oneof![Just(toml::Value::from("flush")), (0..i64::MAX).prop_map(overwrite),]
}

prop_compose! {
    fn deviation()(
        site in prop::sample::select(vec!["net/reset", "net/latency", "publish/dead-reference"]),
        actor: String,
        value: String,
        step in 0..1u64 << 62,
    ) -> Deviation {
        Deviation { site: site.to_owned(), actor, n: 0, value, step }
    }
}

prop_compose! {
    fn limits()(steps in 1..1u64 << 62, polls in 1..1u64 << 62, ns in 1..u64::MAX, events in 1..1u64 << 62) -> Budget {
        Budget {
            steps,
            polls_per_step: polls,
            virtual_time: Duration::from_nanos(ns),
            trace_events: events,
            ..Budget::default()
        }
    }
}

prop_compose! {
    fn plan()(
        texts in (any::<String>(), any::<Option<String>>(), any::<Option<String>>(), any::<Option<String>>()),
        placement in prop::collection::btree_map(any::<String>(), 0..10u32, 0..4),
        operations in prop::collection::btree_map(0..1_000usize, operation(), 0..6),
        mut deviations in prop::collection::vec(deviation(), 0..6),
        cause in any::<Option<String>>(),
        claim in claim(),
        off: bool,
        budget in limits(),
    ) -> Plan {
        for (n, deviation) in deviations.iter_mut().enumerate() {
            deviation.n = n as u64;
        }
        let mut config = toml::Table::new();
        if !placement.is_empty() {
            let placement = placement.into_iter().map(|(server, shares)| (server, shares.into())).collect();
            config.insert("placement".to_owned(), toml::Value::Table(placement));
        }
        let failure = cause.map(|cause| Fingerprint { invariant: "happiness".to_owned(), cause });
        let mode = if off { CheckMode::Off } else { CheckMode::Record };
        Plan {
            scenario: texts.0,
            sentence: texts.1,
            flow: "publish".to_owned(),
            variant: "1.5.0".to_owned(),
            fails_on: failure.iter().map(|_| "1.5.0".to_owned()).collect(),
            holds_on: vec!["correct".to_owned()],
            found_at: texts.2,
            digest: texts.3,
            operations: operations.into_iter().collect(),
            script: Script { deviations },
            failure,
            claim,
            checks: BTreeMap::from([("nothing-after-stop".to_owned(), mode)]),
            config,
            contract: BTreeMap::from([("disk".to_owned(), "hostile".to_owned())]),
            budget,
        }
    }
}

proptest! {
    /// Every plan, whatever texts it contains, is read back as it was written, and written the same again.
    #[test]
    fn round_trip(plan in plan()) {
        let text = write_plan(&plan);
        let read = read_plan("x.plan.toml", text.as_bytes(), &catalogue());
        let read = read.map_err(|complaints| TestCaseError::fail(format!("{complaints}\n{text}")))?;
        prop_assert_eq!(&read, &plan);
        prop_assert_eq!(write_plan(&read), text);
    }
}
