//! Memory over many runs in one process: `cargo bench -p seedbed-harness --bench memory -- --runs 100000`.
//!
//! Executes the seeds of a scenario (`--scenario FILE`; the mailbox server under every fault) one after the other, and
//! says after 200, 2,000, 20,000, … of them what the process holds: bytes that Rust code and SQLite have not given back,
//! and resident memory. It exits with 1 if that grows: more than 64 KiB of Rust's and SQLite's memory, or 32 MiB of the
//! resident one, between the second line and the last.

#[path = "../tests/memory/live.rs"]
mod live;

use live::{Counting, Held, held_after};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The first line; each further one is after ten times as many runs.
const FIRST: u64 = 200;
/// How much more is not growth.
const MORE_MAX: i64 = 64 << 10;
const RESIDENT_MORE_MAX_KIB: u64 = 32 << 10;

fn main() {
    let runs = argument("--runs").map_or(2_000, |runs| runs.parse().expect("--runs takes a number"));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/mailbox/correct.toml");
    let path = argument("--scenario").unwrap_or_else(|| shipped.to_owned());
    seedbed::kernel::quiet_panics();
    let mut marks: Vec<u64> =
        std::iter::successors(Some(FIRST), |mark| mark.checked_mul(10)).take_while(|mark| *mark < runs).collect();
    marks.push(runs);
    println!("{:>9}  {:>13}  {:>12}  {:>12}  {:>12}", "runs", "steps", "Rust bytes", "SQLite bytes", "resident KiB");
    let mut all: Vec<Held> = Vec::new();
    held_after(&path, &marks, |held| {
        let resident = held.resident_kib.map_or_else(|| "unknown".to_owned(), |kib| kib.to_string());
        let Held { runs, steps, live, sqlite, .. } = held;
        println!("{runs:>9}  {steps:>13}  {live:>12}  {sqlite:>12}  {resident:>12}");
        all.push(held);
    });
    // What is allocated once, by whichever run first needs it, is there by the second line.
    let (Some(early), Some(late)) = (all.get(1.min(all.len() - 2)), all.last()) else {
        return;
    };
    let bytes = |held: &Held| i64::try_from(held.live).unwrap_or(i64::MAX).saturating_add(held.sqlite);
    let resident = [early, late].map(|held| held.resident_kib.unwrap_or_default());
    let grows = bytes(late) > bytes(early) + MORE_MAX || resident[1] > resident[0] + RESIDENT_MORE_MAX_KIB;
    println!("{}", if grows { "memory grows" } else { "memory is flat" });
    std::process::exit(i32::from(grows));
}

/// The word after an option.
fn argument(option: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != option).nth(1)
}
