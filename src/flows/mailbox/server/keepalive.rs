//! Keepalive of the WebSocket layer as behaviour: a ping a minute, and a peer that does not answer one within
//! ten minutes is dropped. A dead peer thus holds its mailbox for up to eleven minutes.

use std::time::Duration;

/// Between a pong (or the opening) and the next ping.
pub const PING_INTERVAL: Duration = Duration::from_secs(60);
/// For so long a ping may stay unanswered.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(600);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepaliveStep {
    /// Send a ping with this number.
    Ping(u64),
    /// The peer is dead: drop the connection.
    Drop,
}

/// The keepalive of one connection; at most one ping is unanswered. Times are those of a clock that never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    pings: u64,
    unanswered: bool,
    due: Duration,
}

impl Keepalive {
    /// Of a connection opened now.
    #[must_use]
    pub fn new(now: Duration) -> Keepalive {
        Keepalive { pings: 0, unanswered: false, due: now + PING_INTERVAL }
    }

    /// When [`step`](Self::step) wants to be called next.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.due
    }

    /// What is to be done at this time, if anything.
    pub fn step(&mut self, now: Duration) -> Option<KeepaliveStep> {
        if now < self.due {
            return None;
        }
        if self.unanswered {
            return Some(KeepaliveStep::Drop);
        }
        self.pings += 1;
        self.unanswered = true;
        self.due = now + PONG_TIMEOUT;
        Some(KeepaliveStep::Ping(self.pings))
    }

    /// A pong has arrived; one that answers no outstanding ping is ignored.
    pub fn pong(&mut self, number: u64, now: Duration) {
        if self.unanswered && number == self.pings {
            self.unanswered = false;
            self.due = now + PING_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: a peer that vanishes right after a pong is dropped 660 seconds later, and not before.
    #[test]
    fn dead_peer_is_dropped_after_eleven_minutes() {
        let at = Duration::from_secs;
        let mut keepalive = Keepalive::new(Duration::ZERO);
        assert_eq!(keepalive.step(at(59)), None);
        assert_eq!(keepalive.step(at(60)), Some(KeepaliveStep::Ping(1)));
        keepalive.pong(1, at(61));
        assert_eq!(keepalive.due(), at(121));
        assert_eq!(keepalive.step(at(121)), Some(KeepaliveStep::Ping(2)));
        keepalive.pong(1, at(122));
        assert_eq!(keepalive.step(at(720)), None, "an old pong does not count, but the time is not up");
        assert_eq!(keepalive.step(at(721)), Some(KeepaliveStep::Drop));
    }
}
