//! Each scenario as a test of its own, over the seeds that it sets for tests.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::flow::FlowSchema;
use seedbed::run::{engine_sites, erased};
use seedbed::scenario::{Catalogue, Override, read_scenario};
use seedbed_harness::explore::{Bounds, CrashStates, Deviations, Subject, Summary, explore_crashes};
use seedbed_harness::sweep::Live;

use super::Ledger;

macro_rules! scenarios {
    ($($test:ident = $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                seedbed_harness::check(erased::<Ledger>(), concat!("examples/ledger/", $name, ".toml"));
            }
        )*

        const NAMES: &[&str] = &[$($name),*];
    };
}

scenarios! {
    bit_rot = "bit-rot",
    bit_rot_in_the_log = "bit-rot-in-the-log",
    delete_extra = "delete-extra",
    delete_full = "delete-full",
    delete_full_damages = "delete-full-damages",
    delete_full_loses = "delete-full-loses",
    delete_normal_damages = "delete-normal-damages",
    delete_normal_loses = "delete-normal-loses",
    delete_off_damages = "delete-off-damages",
    delete_off_loses = "delete-off-loses",
    failed_sync = "failed-sync",
    honest_errors_delete_extra = "honest-errors-delete-extra",
    honest_errors_persist_full = "honest-errors-persist-full",
    honest_errors_truncate_full = "honest-errors-truncate-full",
    honest_errors_wal_full = "honest-errors-wal-full",
    large_sectors = "large-sectors",
    late_sync = "late-sync",
    lost_write = "lost-write",
    lying_flush = "lying-flush",
    memory_extra_damages = "memory-extra-damages",
    memory_full_damages = "memory-full-damages",
    memory_normal_damages = "memory-normal-damages",
    memory_off_damages = "memory-off-damages",
    misdirected_write = "misdirected-write",
    no_atomicity = "no-atomicity",
    off_extra_damages = "off-extra-damages",
    off_full_damages = "off-full-damages",
    off_normal_damages = "off-normal-damages",
    off_off_damages = "off-off-damages",
    persist_extra = "persist-extra",
    persist_full = "persist-full",
    persist_normal = "persist-normal",
    persist_off_damages = "persist-off-damages",
    persist_off_loses = "persist-off-loses",
    sector_error = "sector-error",
    truncate_extra = "truncate-extra",
    truncate_full = "truncate-full",
    truncate_normal_damages = "truncate-normal-damages",
    truncate_normal_loses = "truncate-normal-loses",
    truncate_off_damages = "truncate-off-damages",
    truncate_off_loses = "truncate-off-loses",
    wal_extra = "wal-extra",
    wal_full = "wal-full",
    wal_normal = "wal-normal",
    wal_normal_loses = "wal-normal-loses",
    wal_off_damages = "wal-off-damages",
    wal_off_loses = "wal-off-loses",
}

/// No scenario of the folder is left out.
#[test]
fn all_are_tested() {
    let files = std::fs::read_dir("examples/ledger").expect("tests run in the package's folder");
    let names = files.map(|file| file.expect("readable").file_name().into_string().expect("plain names"));
    let found: BTreeSet<String> = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)).collect();
    assert_eq!(found, NAMES.iter().map(|name| (*name).to_owned()).collect());
}

/// Executes recovery from every crash state of a small ledger.
fn crashed(name: &str) -> (Summary, bool) {
    let flow = erased::<Ledger>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let path = format!("examples/ledger/{name}.toml");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let few = Override::parse("workload.operations=3").expect("a key and a value");
    let scenario = read_scenario(&path, &text, &catalogue, &[few]).unwrap_or_else(|complaints| panic!("{complaints}"));
    let crashes = CrashStates::new(Subject { flow: &*flow, scenario: &scenario, seed: 0 });
    let (live, never) = (Live::default(), AtomicBool::new(false));
    let on_hang = |deviations: &Deviations| panic!("hangs: {deviations:?}");
    let run_limit = Duration::from_secs(60);
    let bounds = Bounds { jobs: 1, runs_max: u64::MAX, interrupted: &never, live: &live, run_limit, on_hang: &on_hang };
    explore_crashes(&crashes, &bounds).unwrap_or_else(|trouble| panic!("{trouble:?}"))
}

/// With FULL, recovery from every crash state of every barrier finds what was acknowledged, whole; with OFF it does not.
#[test]
fn crash_states() {
    for name in ["persist-full", "wal-full"] {
        let (summary, whole) = crashed(name);
        let crashes = summary.crashes;
        assert!(whole && summary.violating == 0, "{name}: {:?}", summary.failures);
        assert_eq!((crashes.states, crashes.barriers), (crashes.states_of, crashes.barriers_of), "{name}");
        assert!(crashes.barriers > 3 && crashes.states > 30, "{name}: {crashes:?}");
    }
    for name in ["persist-off-loses", "wal-off-loses"] {
        let (summary, whole) = crashed(name);
        assert!(whole && summary.by_invariant.contains_key("acknowledged-survives"), "{name}: {summary:?}");
    }
}
