//! Keepalive of the WebSocket layer as behaviour: a ping a minute, and a peer that does not answer one within
//! ten minutes is dropped. A dead peer thus holds its mailbox for up to eleven minutes.

/// Seconds between a pong (or the opening) and the next ping.
pub const PING_INTERVAL_S: f64 = 60.0;
/// Seconds a ping may stay unanswered.
pub const PONG_TIMEOUT_S: f64 = 600.0;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepaliveStep {
    /// Send a ping with this number.
    Ping(u64),
    /// The peer is dead: drop the connection.
    Drop,
}

/// The keepalive of one connection; at most one ping is unanswered.
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    pings: u64,
    unanswered: bool,
    due: f64,
}

impl Keepalive {
    /// Of a connection opened now.
    #[must_use]
    pub fn new(now: f64) -> Keepalive {
        Keepalive { pings: 0, unanswered: false, due: now + PING_INTERVAL_S }
    }

    /// When [`step`](Self::step) wants to be called next.
    #[must_use]
    pub fn due(&self) -> f64 {
        self.due
    }

    /// What is to be done at this time, if anything.
    pub fn step(&mut self, now: f64) -> Option<KeepaliveStep> {
        if now < self.due {
            return None;
        }
        if self.unanswered {
            return Some(KeepaliveStep::Drop);
        }
        self.pings += 1;
        self.unanswered = true;
        self.due = now + PONG_TIMEOUT_S;
        Some(KeepaliveStep::Ping(self.pings))
    }

    /// A pong has arrived; one that answers no outstanding ping is ignored.
    pub fn pong(&mut self, number: u64, now: f64) {
        if self.unanswered && number == self.pings {
            self.unanswered = false;
            self.due = now + PING_INTERVAL_S;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: a peer that vanishes right after a pong is dropped 660 seconds later, and not before.
    #[test]
    fn dead_peer_is_dropped_after_eleven_minutes() {
        let mut keepalive = Keepalive::new(0.0);
        assert_eq!(keepalive.step(59.0), None);
        assert_eq!(keepalive.step(60.0), Some(KeepaliveStep::Ping(1)));
        keepalive.pong(1, 61.0);
        assert_eq!(keepalive.due(), 121.0);
        assert_eq!(keepalive.step(121.0), Some(KeepaliveStep::Ping(2)));
        keepalive.pong(1, 122.0);
        assert_eq!(keepalive.step(720.0), None, "an old pong does not count, but the time is not up");
        assert_eq!(keepalive.step(721.0), Some(KeepaliveStep::Drop));
    }
}
