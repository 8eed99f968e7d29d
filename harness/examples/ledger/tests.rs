//! Each scenario as a test of its own, over the seeds that it sets for tests.

use std::collections::BTreeSet;

use seedbed::run::erased;

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
