//! What valid files mean.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{COMPLETE, catalogue};
use crate::choice::{Profile, Rate, SiteSetting};
use crate::scenario::{Budget, CheckMode, Claim, Expect, Explore, Minimal, Scenario, Workload, read_scenario};

fn read(text: &str) -> Scenario {
    match read_scenario("scenarios/publish/ticket-877.toml", text.as_bytes(), &catalogue(), &[]) {
        Ok(scenario) => scenario,
        Err(complaints) => panic!("{complaints}"),
    }
}

/// Every key of the format ends up where it belongs.
#[test]
fn a_complete_file() {
    let scenario = read(COMPLETE);
    assert_eq!(scenario.name, "publish/ticket-877");
    assert!(scenario.goal.starts_with("A dead reference answers inline"));
    assert_eq!((scenario.flow.as_str(), scenario.variant.as_str()), ("publish", "1.5.0"));
    assert_eq!(
        scenario.config,
        toml::toml! { servers = 11
        k = 3
        n = 10 }
    );
    assert_eq!(scenario.workload, Workload::Generated(6));
    assert_eq!(scenario.faults.profile, Profile::Swarm);
    // A site named by a former label is filed under its present one.
    let latency = SiteSetting {
        rate: Some(Rate::ALWAYS),
        actors: vec!["client->s3".to_owned()],
        max: Some(2),
        pin: Some("12ms".to_owned()),
    };
    assert_eq!(scenario.faults.sites["net/latency"], latency);
    assert_eq!(scenario.faults.sites["publish/dead-reference"].rate, Rate::from_f64(0.1).ok());
    let contract = [("disk", "ordered | posix-strict"), ("disk-faults", "none, sync-error")];
    assert_eq!(scenario.contract, contract.map(|(key, words)| (key.to_owned(), words.to_owned())).into());
    let budget = Budget {
        steps: 30_000,
        polls_per_step: 256,
        virtual_time: Duration::from_secs(1_200),
        trace_events: 5_000,
        seeds_test: 40,
        seeds_run: 2_000,
        seeds_full: 30_000,
    };
    assert_eq!(scenario.budget, budget);
    let explore = Explore {
        from: Some("publish-started".to_owned()),
        events: vec!["request".to_owned(), "reply".to_owned()],
        sites: vec!["net/reset".to_owned()],
    };
    assert_eq!(scenario.explore, explore);
    let expect = Expect {
        claim: Claim::Violates("no-self-rejection".to_owned()),
        within_seeds: Some(500),
        sometimes: vec!["dead-reference-inline".to_owned()],
        minimal: Some(Minimal { deviations: 2, operations: 1 }),
    };
    assert_eq!(scenario.expect, expect);
    let checks = BTreeMap::from([("happiness".to_owned(), CheckMode::Off), ("no-panic".to_owned(), CheckMode::Record)]);
    assert_eq!(scenario.checks, checks);
}

const SHORT: &str = "seedbed = 1\ngoal = 'g'\nflow = 'publish'\nvariant = 'correct'\nexpect.holds = true\n";

/// What a file leaves out has its documented default.
#[test]
fn defaults() {
    let scenario = read(SHORT);
    assert_eq!(scenario.workload, Workload::Generated(0));
    assert_eq!(scenario.faults.profile, Profile::Quiet);
    assert_eq!(scenario.budget, Budget::default());
    assert_eq!(scenario.explore, Explore::default());
    assert_eq!(scenario.expect.claim, Claim::Holds);
    assert!(scenario.config.is_empty() && scenario.contract.is_empty() && scenario.checks.is_empty());
}

/// Operations can be listed, in both forms that TOML has for it, and with operations that carry no data.
#[test]
fn listed_operations() {
    let tables = "[[workload.op]]\noverwrite = { bytes = 64 }\n[[workload.op]]\nflush = {}\n";
    let inline = "[workload]\nop = [{ overwrite = { bytes = 64 } }, 'flush']\n";
    for (text, second) in [(tables, "{ flush = {} }"), (inline, "\"flush\"")] {
        let Workload::Listed(ops) = read(&format!("{SHORT}{text}")).workload else {
            panic!("the operations were listed");
        };
        assert_eq!(ops[0].get("overwrite").and_then(|op| op.get("bytes")), Some(&toml::Value::Integer(64)));
        assert_eq!(ops[1].to_string(), second);
    }
}

/// A number of seeds that is not given gives way to one that is.
#[test]
fn seed_counts_stay_in_order() {
    let seeds = |text: &str| {
        let budget = read(&format!("{SHORT}[budget]\nseeds = {text}\n")).budget;
        (budget.seeds_test, budget.seeds_run, budget.seeds_full)
    };
    assert_eq!(seeds("{ run = 10 }"), (10, 10, 20_000));
    assert_eq!(seeds("{ test = 3_000 }"), (3_000, 3_000, 20_000));
    assert_eq!(seeds("{ full = 20 }"), (20, 20, 20));
    assert_eq!(seeds("{ run = 50_000 }"), (50, 50_000, 50_000));
    assert_eq!(seeds("{}"), (50, 1_000, 20_000));
}

/// A byte order mark and Windows line ends are no reason to complain.
#[test]
fn other_editors() {
    let scenario = read(&format!("\u{feff}{}", COMPLETE.replace('\n', "\r\n")));
    assert_eq!(scenario.config, read(COMPLETE).config);
}
