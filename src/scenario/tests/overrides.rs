//! Settings from the command line.

use super::{COMPLETE, catalogue};
use crate::scenario::{Claim, Complaints, Override, Scenario, Workload, read_scenario};

fn read(settings: &[&str]) -> Result<Scenario, Complaints> {
    let settings: Vec<Override> = settings.iter().map(|setting| Override::parse(setting).expect("key=value")).collect();
    read_scenario("scenarios/publish/x.toml", COMPLETE.as_bytes(), &catalogue(), &settings)
}

/// A setting replaces what the file says, adds what it does not say, and the later one wins.
#[test]
fn settings_win() {
    let settings = [
        "flow-config.servers=4",
        "flow-config.servers=5",
        "flow-config.placement.s3=2",
        "budget.virtual=90s",
        "faults.net/reset={ rate = 0.5 }",
        "faults.\"publish/dead-reference\".rate=0",
        "goal=short",
    ];
    // The site is a plain rate in the file: a key below it is refused, everything else is taken.
    let refused = read(&settings).expect_err("a rate has no keys").to_string();
    assert_eq!(
        refused.lines().next(),
        Some("command line: `faults.\"publish/dead-reference\"` is not a table but the number 0.1")
    );

    let settings: Vec<&str> = settings.into_iter().filter(|setting| !setting.contains(".rate=")).collect();
    let scenario = read(&settings).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(scenario.config["servers"], toml::Value::Integer(5));
    assert_eq!(scenario.config["placement"]["s3"], toml::Value::Integer(2));
    assert_eq!(scenario.budget.virtual_time.as_secs(), 90);
    assert!(scenario.faults.sites.contains_key("net/reset"));
    assert_eq!(scenario.goal, "short");
}

/// Setting one of two keys that exclude each other drops the other.
#[test]
fn alternatives_are_replaced() {
    let scenario = read(&["expect.holds=true", "workload.op=[\"flush\"]"]);
    let scenario = scenario.unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(scenario.expect.claim, Claim::Holds);
    assert_eq!(scenario.expect.within_seeds, None);
    assert_eq!(scenario.workload, Workload::Listed(vec!["flush".into()]));
}

/// A variant is a text even where it looks like a number, whichever option gives it.
#[test]
fn variants_are_texts() {
    for setting in [Override::variant("1.5"), Override::parse("variant=1.5").expect("key=value")] {
        let settings = [setting];
        let read = read_scenario("x.toml", COMPLETE.as_bytes(), &catalogue(), &settings);
        let complaints = read.expect_err("there is no such variant");
        assert!(complaints.to_string().contains("flow publish has no variant `1.5`"), "{complaints}");
    }
    let settings = [Override::variant("correct")];
    let read = read_scenario("x.toml", COMPLETE.as_bytes(), &catalogue(), &settings);
    assert_eq!(read.map(|scenario| scenario.variant).ok().as_deref(), Some("correct"));
}
