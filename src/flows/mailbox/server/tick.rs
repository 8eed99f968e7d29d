//! The timer callback: pruning, then the status row. It is due at the start and every five minutes; whether it
//! survives an exception is what the variants differ in.

use super::{EXPIRY_S, Raised, Server, atomic_prune, shared_prune};
use crate::flows::mailbox::variants::{Discipline, TickGuard};

/// Seconds between ticks.
pub const PERIOD_S: f64 = 300.0;
/// Seconds after which the corrected server repeats a tick that failed.
pub const RETRY_S: f64 = 15.0;

/// What a tick did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickReport {
    /// Exceptions while pruning, in order.
    pub prune_errors: Vec<Raised>,
    /// The exception while writing the status row.
    pub status_error: Option<Raised>,
    /// Whether the status row was written.
    pub status_written: bool,
    /// Whether the timer goes on.
    pub alive: bool,
}

impl TickReport {
    /// Seconds until the next tick; never again if `None`.
    #[must_use]
    pub fn next_in(&self, server: &Server) -> Option<f64> {
        let failed = !self.prune_errors.is_empty() || self.status_error.is_some();
        let retry = failed && server.rules.tick == TickGuard::Everything;
        self.alive.then_some(if retry { RETRY_S } else { PERIOD_S })
    }
}

impl Server {
    /// The timer callback.
    #[must_use]
    pub fn tick(&self) -> TickReport {
        let now = self.surroundings.now();
        let old = now - EXPIRY_S;
        let prune_errors = match self.rules.discipline {
            Discipline::SharedImplicit => shared_prune::prune_all_apps(self, now, old).err().into_iter().collect(),
            Discipline::PerCommand => atomic_prune::prune(self, now, old),
        };
        if !prune_errors.is_empty() && self.rules.tick == TickGuard::None {
            return TickReport { prune_errors, ..TickReport::default() };
        }
        let status_error = self.write_status(now).err();
        TickReport {
            prune_errors,
            status_written: status_error.is_none() && self.usage.is_some(),
            alive: status_error.is_none() || self.rules.tick == TickGuard::Everything,
            status_error,
        }
    }

    fn write_status(&self, now: f64) -> Result<(), Raised> {
        let Some(usage) = &self.usage else {
            return Ok(());
        };
        let connections = self.apps.borrow().values().map(|app| app.count_listeners()).sum();
        match self.rules.discipline {
            Discipline::SharedImplicit => {
                usage.current(self.rebooted, now, connections)?;
                usage.store().commit()?;
            }
            Discipline::PerCommand => usage.store().atomically(|| usage.current(self.rebooted, now, connections))?,
        }
        Ok(())
    }
}
