//! madsim as the host: inside a run, std's clock, its randomness and its hash seeds are simulated.
//!
//! The loop lives inside one poll of madsim's root future and spawns nothing on it; madsim's clock is moved
//! together with ours. Without `--cfg madsim` everything works except that code under test which reads
//! `std::time` or `getrandom` sees the real ones.
//!
//! What code under test spawns on madsim itself is not refused, and cannot be noticed: the run is a task of madsim's
//! supervisor, and the metrics of 0.2.34 count the tasks of every node but that one. Such a task never runs inside the
//! run; madsim gets to it when the run has ended.

use std::time::Duration;

/// Which host is compiled in: `madsim` or `none`.
#[must_use]
pub const fn host() -> &'static str {
    if cfg!(madsim) { "madsim" } else { "none" }
}

/// Moves the host's clock.
#[derive(Clone)]
pub(super) struct HostClock {
    #[cfg(madsim)]
    handle: Option<madsim::time::TimeHandle>,
}

impl HostClock {
    /// The clock of the host this thread runs under, if any.
    pub(super) fn current() -> HostClock {
        HostClock {
            #[cfg(madsim)]
            handle: madsim::time::TimeHandle::try_current(),
        }
    }

    /// Lets the host's time pass too.
    pub(super) fn advance(&self, by: Duration) {
        #[cfg(madsim)]
        if let Some(handle) = &self.handle {
            handle.advance(by);
        }
        #[cfg(not(madsim))]
        let _ = by;
    }
}

/// Executes a run under the host, if one is compiled in. `seed` fixes what std's randomness answers.
#[cfg(madsim)]
pub fn hosted<R>(seed: u64, run: impl FnOnce() -> R) -> R {
    let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, madsim::Config::default());
    runtime.block_on(async { run() })
}

/// Executes a run under the host, if one is compiled in. `seed` fixes what std's randomness answers.
#[cfg(not(madsim))]
pub fn hosted<R>(seed: u64, run: impl FnOnce() -> R) -> R {
    let _ = seed;
    run()
}
