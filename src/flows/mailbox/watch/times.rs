//! What is known about time, and what excuses a timer that is late.

use crate::flows::mailbox::server::{PERIOD_S, RETRY_S};
use crate::kernel::Time;

/// What is known about time, in seconds of the server's clock.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// When this life of the server began.
    pub(super) up_since: f64,
    /// How late writing the status row may be.
    pub(super) status: Lateness,
    /// How late pruning may be.
    pub(super) pruning: Lateness,
    /// Mailboxes somebody listened to at the last look.
    pub(super) listening: Vec<String>,
    /// When the last connection ended.
    pub(super) quiet_since: f64,
    /// When what only time can break was last looked at.
    pub(super) looked: f64,
    /// Since when the process is paused.
    pub(super) paused_at: Option<f64>,
    /// Up to when the process was seen to stand still.
    pub(super) stood_until: Time,
}

/// How late what the timer does may be. Nothing that happens before it is due makes it late: only the time that the
/// process cannot run from then on, and the retries of what a disk or a lock has made fail.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    due: f64,
    /// Seconds for which it is excused.
    pub(super) excused: f64,
}

impl Lateness {
    /// It was done; it is due again a period later.
    pub(super) fn done(&mut self, at: f64) {
        *self = Lateness { due: at + PERIOD_S, excused: 0.0 };
    }

    /// It failed because of the disk or a lock, and is tried again.
    pub(super) fn failed(&mut self) {
        self.excused += RETRY_S;
    }

    /// From `from` to `to` the process could not run.
    fn stood_still(&mut self, from: f64, to: f64) {
        self.excused += (to - from.max(self.due)).max(0.0);
    }
}

impl Times {
    /// A life of the server begins.
    pub(super) fn begin(&mut self, now: f64) {
        self.up_since = now;
        self.paused_at = None;
        self.status.done(now);
        self.pruning.done(now);
    }

    /// From `from` to `to` the process could not run: it waited for the disk or a lock, or was paused.
    pub(super) fn stood_still(&mut self, from: f64, to: f64) {
        self.status.stood_still(from, to);
        self.pruning.stood_still(from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: standing still excuses as much as lies behind the moment at which the timer is due, and nothing before.
    #[test]
    fn only_what_is_due_can_be_late() {
        let mut lateness = Lateness::default();
        lateness.done(100.0);
        lateness.stood_still(150.0, 390.0);
        assert_eq!(lateness.excused, 0.0);
        lateness.stood_still(390.0, 441.0);
        assert_eq!(lateness.excused, 41.0);
        lateness.stood_still(450.0, 460.0);
        assert_eq!(lateness.excused, 51.0);
        lateness.failed();
        assert_eq!(lateness.excused, 51.0 + RETRY_S);
        lateness.done(470.0);
        assert_eq!(lateness.excused, 0.0);
    }

    /// Claim: a new life owes what it owes from its own beginning on, and inherits no excuse.
    #[test]
    fn a_new_life_has_no_excuse() {
        let mut times = Times { paused_at: Some(1.0), ..Times::default() };
        times.begin(0.0);
        times.stood_still(300.0, 500.0);
        times.begin(1_000.0);
        assert_eq!((times.status.excused, times.pruning.excused, times.paused_at), (0.0, 0.0, None));
        times.stood_still(1_290.0, 1_310.0);
        assert_eq!((times.status.excused, times.pruning.excused), (10.0, 10.0));
    }
}
