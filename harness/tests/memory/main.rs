//! Runs leave nothing behind. A process of its own, because it counts every allocation.

#![cfg(feature = "flows")]

mod live;

use live::{Counting, Held, held_after};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes more may be held after the last runs than after the first: less than one small object per run, so
/// whatever each run leaves behind is seen.
const MORE_MAX: usize = 640;

/// The process holds no more after twice as many runs of the mailbox server (SQLite on the simulated disk, every
/// fault, crashes and power cuts); `cargo bench --bench memory` is the same over 100,000.
#[test]
fn runs_leave_nothing_behind() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/mailbox/correct.toml");
    let mut held: Vec<Held> = Vec::new();
    held_after(path, &[80, 160], |now| held.push(now));
    let [early, late] = held[..] else {
        panic!("{held:?}");
    };
    assert!(early.steps > 1_000 && late.steps > 3 * early.steps / 2, "{held:?}");
    assert!(late.live < early.live + MORE_MAX, "{held:?}");
    assert_eq!(late.sqlite, early.sqlite, "{held:?}");
}
