//! The WebSocket layer, as far as it shows: text frames, pings and pongs, and the closing handshake. One frame is one
//! message of a transport that keeps order.

/// The port the server listens on.
pub const PORT: &str = "4000";

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The payload of a text or binary frame.
    Text(&'a [u8]),
    /// A ping with its number.
    Ping(u64),
    /// The answer to a ping.
    Pong(u64),
    /// The closing handshake: whoever sends it sends nothing after it.
    Close,
}

impl<'a> Frame<'a> {
    /// The frame as bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let (kind, payload): (u8, &[u8]) = match &self {
            Frame::Text(payload) => (b't', payload),
            Frame::Ping(number) => (b'p', &number.to_be_bytes()),
            Frame::Pong(number) => (b'q', &number.to_be_bytes()),
            Frame::Close => (b'c', &[]),
        };
        [&[kind], payload].concat()
    }

    /// The frame of these bytes; `None` for what nobody sends.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let (kind, payload) = bytes.split_first()?;
        let number = || Some(u64::from_be_bytes(payload.try_into().ok()?));
        match kind {
            b't' => Some(Frame::Text(payload)),
            b'p' => number().map(Frame::Ping),
            b'q' => number().map(Frame::Pong),
            b'c' => Some(Frame::Close),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: every frame survives the wire, and nonsense is no frame.
    #[test]
    fn frames_survive_the_wire() {
        for frame in [Frame::Text(b"{}"), Frame::Text(b""), Frame::Ping(7), Frame::Pong(u64::MAX), Frame::Close] {
            assert_eq!(Frame::decode(&frame.encode()), Some(frame));
        }
        assert_eq!(Frame::decode(b""), None);
        assert_eq!(Frame::decode(b"p1"), None);
    }
}
