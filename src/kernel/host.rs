//! madsim as the host: inside a run, std's clock, its randomness and its hash seeds are simulated.
//!
//! The loop lives inside one poll of madsim's root future and spawns nothing on it; madsim's clock is moved
//! together with ours. Without `--cfg madsim` everything works except that code under test which reads
//! `std::time` or `getrandom` sees the real ones.

use std::time::Duration;

/// Which host is compiled in: `madsim` or `none`.
#[must_use]
pub const fn host() -> &'static str {
    if cfg!(madsim) { "madsim" } else { "none" }
}

/// Moves the host's clock, and knows whether code under test has spawned on the host's scheduler, which no run drives.
#[derive(Clone)]
pub(super) struct HostClock {
    #[cfg(madsim)]
    host: Option<(madsim::time::TimeHandle, madsim::runtime::Handle, usize)>,
}

impl HostClock {
    /// The clock of the host this thread runs under, if any.
    pub(super) fn current() -> HostClock {
        HostClock {
            #[cfg(madsim)]
            host: madsim::time::TimeHandle::try_current().and_then(|clock| {
                let runtime = madsim::runtime::Handle::try_current().ok()?;
                let tasks = runtime.metrics().num_tasks();
                Some((clock, runtime, tasks))
            }),
        }
    }

    /// How many tasks there are on the host's scheduler that were not there before the run.
    pub(super) fn foreign_tasks(&self) -> usize {
        #[cfg(madsim)]
        if let Some((_, runtime, before)) = &self.host {
            return runtime.metrics().num_tasks().saturating_sub(*before);
        }
        0
    }

    /// Lets the host's time pass too.
    pub(super) fn advance(&self, by: Duration) {
        #[cfg(madsim)]
        if let Some((clock, ..)) = &self.host {
            clock.advance(by);
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
