//! The watchdog: what every worker is running right now, for whoever has to notice that it does not end.
//!
//! An endless loop in code under test never comes back to the simulation, so nothing inside the run can stop
//! it. Each worker therefore notes its seed before a run and clears the note after it; a monitor looks at the
//! notes from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const IDLE: u64 = u64::MAX;

/// The notes of all workers.
#[derive(Debug)]
pub struct Watch {
    born: Instant,
    limit: Duration,
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Note {
    seed: AtomicU64,
    since_ms: AtomicU64,
}

/// A run that has lasted longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The worker it runs on.
    pub worker: usize,
    /// Its seed.
    pub seed: u64,
}

impl Watch {
    /// Notes for this many workers, each run limited to this much wall time.
    #[must_use]
    pub fn new(workers: usize, limit: Duration) -> Watch {
        let note = || Note { seed: AtomicU64::new(0), since_ms: AtomicU64::new(IDLE) };
        Watch { born: Instant::now(), limit, notes: (0..workers).map(|_| note()).collect() }
    }

    /// The wall limit of one run.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The worker is about to run this seed.
    pub fn enter(&self, worker: usize, seed: u64) {
        let note = &self.notes[worker];
        note.seed.store(seed, Ordering::Relaxed);
        note.since_ms.store(self.now_ms(), Ordering::Release);
    }

    /// The worker's run has ended.
    pub fn leave(&self, worker: usize) {
        self.notes[worker].since_ms.store(IDLE, Ordering::Release);
    }

    /// The first run found that is over the limit.
    #[must_use]
    pub fn overdue(&self) -> Option<Overdue> {
        let now = self.now_ms();
        let limit = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        self.notes.iter().enumerate().find_map(|(worker, note)| {
            let since = note.since_ms.load(Ordering::Acquire);
            let late = since != IDLE && now.saturating_sub(since) >= limit;
            late.then(|| Overdue { worker, seed: note.seed.load(Ordering::Relaxed) })
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(IDLE - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_is_under_way_for_too_long_is_overdue() {
        let watch = Watch::new(2, Duration::ZERO);
        assert_eq!(watch.overdue(), None);
        watch.enter(1, 42);
        assert_eq!(watch.overdue(), Some(Overdue { worker: 1, seed: 42 }));
        watch.leave(1);
        assert_eq!(watch.overdue(), None);
        let patient = Watch::new(1, Duration::from_secs(3_600));
        patient.enter(0, 7);
        assert_eq!(patient.overdue(), None);
    }
}
