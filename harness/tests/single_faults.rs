//! Corrected variants under every single fault.

#![cfg(feature = "flows")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::scenario::Override;
use seedbed_harness::Harness;
use seedbed_harness::explore::{Bounds, Coverage, Deviations, Placements, Subject, Summary, place_faults};
use seedbed_harness::files::{Loaded, load};
use seedbed_harness::sweep::Live;

static NEVER: AtomicBool = AtomicBool::new(false);

fn placed(path: &str, settings: &[&str]) -> (Summary, Vec<Coverage>) {
    let harness = Harness::shipped();
    let settings: Vec<Override> =
        settings.iter().map(|setting| Override::parse(setting).unwrap_or_else(|wrong| panic!("{wrong}"))).collect();
    let path = format!("{}/../scenarios/{path}", env!("CARGO_MANIFEST_DIR"));
    let Loaded::Scenario(loaded) = load(&harness, &path, &settings).unwrap_or_else(|wrong| panic!("{wrong}")) else {
        panic!("{path}: not a scenario");
    };
    let subject = Subject { flow: loaded.flow, scenario: &loaded.scenario, seed: 0 };
    let live = Live::default();
    let on_hang = |deviations: &Deviations| panic!("hangs: {deviations:?}");
    let bounds = Bounds {
        jobs: 2,
        runs_max: u64::MAX,
        interrupted: &NEVER,
        live: &live,
        run_limit: Duration::from_secs(60),
        on_hang: &on_hang,
    };
    place_faults(&Placements::new(subject, None), 1, &bounds).unwrap_or_else(|trouble| panic!("{trouble:?}"))
}

/// One publish on few servers survives every placement of every single fault.
#[test]
fn publish_on_few_servers() {
    let (summary, coverage) = placed("publish/correct-few-servers.toml", &["workload.operations=1"]);
    assert_eq!((summary.violating, summary.exhausted), (0, 0), "{:?}", summary.failures);
    assert!(coverage[1].is_complete() && coverage[1].executed > 300, "{coverage:?}");
}
