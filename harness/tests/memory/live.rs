//! What a process holds in memory after so many runs: what Rust code has allocated and not freed, what SQLite has, and what
//! the operating system has given the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use seedbed::disk::sqlite::rusqlite::ffi::{
    SQLITE_CONFIG_MEMSTATUS, SQLITE_OK, sqlite3_config, sqlite3_initialize, sqlite3_memory_used,
};
use seedbed_harness::Harness;
use seedbed_harness::execute::{Execution, on_large_stack};
use seedbed_harness::files::{Loaded, load};

/// Bytes that were allocated and not freed.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts.
pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory but its own number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`, which is `System`'s.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Runs until then.
    pub runs: u64,
    /// Steps of these runs.
    pub steps: u64,
    /// Bytes that Rust code has allocated and not freed.
    pub live: usize,
    /// Bytes that SQLite has allocated and not freed.
    pub sqlite: i64,
    /// Resident memory in KiB, as Linux tells it; elsewhere nobody does.
    pub resident_kib: Option<u64>,
}

/// Executes the seeds of a scenario from 0 on, one after the other in one thread, and says what the process holds after
/// each of `marks` runs.
pub fn held_after(path: &str, marks: &[u64], mut tell: impl FnMut(Held) + Send) {
    let harness = Harness::shipped();
    let loaded = match load(&harness, path, &[]) {
        Ok(Loaded::Scenario(loaded)) => loaded,
        Ok(Loaded::Plan(_)) => panic!("{path}: a plan is one run"),
        Err(complaints) => panic!("{complaints}"),
    };
    // SAFETY: nothing has used SQLite yet; from then on it counts, and volumes leave it so.
    let counts = unsafe { [sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1), sqlite3_initialize()] };
    assert_eq!(counts, [SQLITE_OK; 2], "SQLite counts its memory");
    let work = || {
        let (mut seed, mut steps) = (0, 0);
        for mark in marks {
            for seed in seed..*mark {
                let execution = Execution::of_seed(loaded.flow, &loaded.scenario, seed);
                let report = execution.run(false).unwrap_or_else(|failure| panic!("{failure}"));
                steps += report.steps;
            }
            seed = *mark;
            let live = LIVE.load(Ordering::Relaxed);
            // SAFETY: reads a counter; no connection is open in this thread, and none elsewhere.
            let sqlite = unsafe { sqlite3_memory_used() };
            tell(Held { runs: seed, steps, live, sqlite, resident_kib: resident_kib() });
        }
    };
    on_large_stack(work).expect("a thread can be started");
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
