//! Choice sites of the network and the values they take.

use std::time::Duration;

use crate::choice::{Domain, Expander, Latency, Note, OneOf, Rate, Site, distinct, smaller};

const fn fault(label: &'static str, doc: &'static str, default: u32, cap: u32) -> Site {
    Site::fault(label, doc, Rate::per_million(default), Rate::per_million(cap))
}

pub(super) static LATENCY: Site = Site::latency("net/latency", "how long a segment is under way").grounded("Round trips of a data centre are fractions of a millisecond with a tail of seconds: queues, retransmissions, a far region.");
pub(super) static STALL: Site = fault("net/stall", "a direction stands still for up to 10 s", 1_000, 50_000)
    .grounded("TCP retransmission with exponential back-off: one lost segment holds everything behind it up.");
pub(super) static PARTIAL_WRITE: Site = fault("net/partial-write", "a write takes only a part", 10_000, 300_000)
    .grounded("POSIX: `write` on a socket takes what fits into the send buffer.");
pub(super) static SHORT_READ: Site = fault("net/short-read", "a read returns less than is there", 10_000, 300_000)
    .grounded("TCP is a stream: segments do not respect the boundaries of what was written.");
pub(super) static CUT: Site = fault("net/cut", "the connection ends around a write", 2_000, 100_000).grounded("Resets by restarted peers, idle time-outs of NATs and load balancers, lost radio links; the sender cannot know what arrived.");
pub(super) static CONNECT: Site = fault("net/connect", "a connection is refused or times out", 5_000, 200_000)
    .grounded("A peer that is down, restarting, or whose backlog is full.");
pub(super) static PARTITION: Site = fault("net/partition", "the link is blocked, one way or both", 1_000, 50_000)
    .grounded("Partitions are frequent and often partial or one-way (Alquraan et al., OSDI'18).");
pub(super) static DUPLICATE: Site = fault("net/duplicate", "the transport delivers a message twice", 1_000, 50_000)
    .grounded("Datagrams, brokers that promise at-least-once, proxies that repeat a request.");
pub(super) static REORDER: Site = fault("net/reorder", "a message overtakes the one before it", 1_000, 50_000)
    .grounded("Datagrams over several paths; several connections behind one logical one. Never inside one TCP stream.");
pub(super) static HALF_OPEN: Site =
    fault("net/half-open", "one side is never told that the connection ended", 10_000, 300_000).grounded(
        "RFC 9293, 3.5.1: a peer that crashed or was cut off sends no FIN, and without keepalive nobody notices.",
    );
pub(super) static NOTICE: Site = Site::reentry(
    "net/notice",
    "when the owner of an ended connection is told: on this stack, next turn or later",
)
.grounded(
    "Event loops that call `connectionLost` from inside a write or a close (Twisted, callback-style C libraries).",
);

/// Every choice site of the network.
pub static SITES: &[&Site] = &[
    &LATENCY,
    &STALL,
    &PARTIAL_WRITE,
    &SHORT_READ,
    &CUT,
    &CONNECT,
    &PARTITION,
    &DUPLICATE,
    &REORDER,
    &HALF_OPEN,
    &NOTICE,
];

/// How long a stalled direction stands still, at most.
pub(super) const STALL_MAX: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_secs(10) };

/// Where around a write the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It does not.
    None,
    /// The data never arrives.
    BeforeDelivery,
    /// The first bytes arrive, the rest does not.
    Inside(u64),
    /// The data arrives; nothing gets back.
    BeforeReply,
    /// The data arrives, and the next write in the other direction too.
    AfterReply,
}

/// The cuts possible around a write of this many bytes.
pub(super) struct Cuts {
    pub(super) bytes: u64,
}

impl Domain for Cuts {
    type Value = Cut;

    fn quiet(&self) -> Cut {
        Cut::None
    }

    fn draw(&self, e: &mut Expander) -> Cut {
        match e.below(4) {
            0 => Cut::BeforeDelivery,
            1 if self.bytes > 1 => Cut::Inside(1 + e.below(self.bytes - 1)),
            1 => Cut::BeforeDelivery,
            2 => Cut::BeforeReply,
            _ => Cut::AfterReply,
        }
    }

    fn words(&self, value: &Cut) -> String {
        match value {
            Cut::None => "no".to_owned(),
            Cut::BeforeDelivery => "before delivery".to_owned(),
            Cut::Inside(bytes) => format!("inside, after {bytes} bytes"),
            Cut::BeforeReply => "before the reply".to_owned(),
            Cut::AfterReply => "after the reply".to_owned(),
        }
    }

    fn parse(&self, words: &str) -> Option<Cut> {
        match words {
            "no" => Some(Cut::None),
            "before delivery" => Some(Cut::BeforeDelivery),
            "before the reply" => Some(Cut::BeforeReply),
            "after the reply" => Some(Cut::AfterReply),
            _ => {
                let bytes = words.strip_prefix("inside, after ")?.strip_suffix(" bytes")?.parse().ok()?;
                (bytes >= 1 && bytes < self.bytes).then_some(Cut::Inside(bytes))
            }
        }
    }

    fn values(&self) -> Option<Vec<Cut>> {
        let mut values = vec![Cut::None, Cut::BeforeDelivery, Cut::BeforeReply, Cut::AfterReply];
        if self.bytes > 1 && self.bytes <= 64 {
            values.extend((1..self.bytes).map(Cut::Inside));
            Some(values)
        } else if self.bytes <= 1 {
            Some(values)
        } else {
            None
        }
    }

    /// Between messages, and inside one: in the length that stands in front of it, and after half of it.
    fn representatives(&self) -> Vec<Cut> {
        let mut some = vec![Cut::BeforeDelivery, Cut::BeforeReply, Cut::AfterReply];
        let inside = [1, self.bytes / 2];
        some.extend(inside.into_iter().filter(|bytes| (1..self.bytes).contains(bytes)).map(Cut::Inside));
        distinct(some)
    }

    /// Between two messages rather than inside one; there, after fewer bytes.
    fn simpler(&self, value: &Cut) -> Vec<Cut> {
        let whole = [Cut::BeforeDelivery, Cut::BeforeReply, Cut::AfterReply];
        match value {
            Cut::Inside(bytes) => {
                let fewer = smaller(*bytes).into_iter().map(Cut::Inside);
                whole.into_iter().chain(fewer).collect()
            }
            _ => whole.into_iter().take_while(|whole| whole != value).collect(),
        }
    }
}

/// How many of `bytes` a write takes, or a read returns; quiet is all of them.
pub(super) struct Part {
    pub(super) bytes: u64,
}

impl Domain for Part {
    type Value = u64;

    fn quiet(&self) -> u64 {
        self.bytes
    }

    /// One byte and all but one are favoured.
    fn draw(&self, e: &mut Expander) -> u64 {
        if self.bytes <= 1 {
            return self.bytes;
        }
        match e.below(4) {
            0 => 1,
            1 => self.bytes - 1,
            _ => 1 + e.below(self.bytes - 1),
        }
    }

    fn words(&self, value: &u64) -> String {
        format!("{value} bytes")
    }

    fn parse(&self, words: &str) -> Option<u64> {
        let bytes = words.strip_suffix(" bytes")?.parse().ok()?;
        (bytes >= 1 && bytes <= self.bytes).then_some(bytes)
    }

    fn note(&self, value: &u64) -> Note {
        Note::Number(*value, |bytes| format!("{bytes} bytes"))
    }

    fn values(&self) -> Option<Vec<u64>> {
        (self.bytes <= 64).then(|| (1..=self.bytes.max(1)).rev().collect())
    }

    /// One byte, half of them, all but one.
    fn representatives(&self) -> Vec<u64> {
        let mut some = vec![1, self.bytes / 2, self.bytes.saturating_sub(1)];
        some.retain(|part| (1..self.bytes).contains(part));
        distinct(some)
    }

    /// Larger parts, nearer to all of it.
    fn simpler(&self, value: &u64) -> Vec<u64> {
        let left_out = smaller(self.bytes.saturating_sub(*value));
        left_out.into_iter().map(|left| self.bytes - left).collect()
    }
}

/// How a link is blocked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    None,
    OneWay(Duration),
    BothWays(Duration),
}

/// The ways in which a link can be blocked: for 1 µs to 60 s.
pub(super) struct Blocks;

const BLOCK_MAX: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_secs(60) };

impl Domain for Blocks {
    type Value = Block;

    fn quiet(&self) -> Block {
        Block::None
    }

    fn draw(&self, e: &mut Expander) -> Block {
        let both = e.below(2) == 1;
        let length = BLOCK_MAX.draw(e);
        if both { Block::BothWays(length) } else { Block::OneWay(length) }
    }

    fn words(&self, value: &Block) -> String {
        match value {
            Block::None => "no".to_owned(),
            Block::OneWay(length) => format!("one way for {}", BLOCK_MAX.words(length)),
            Block::BothWays(length) => format!("both ways for {}", BLOCK_MAX.words(length)),
        }
    }

    fn parse(&self, words: &str) -> Option<Block> {
        if words == "no" {
            return Some(Block::None);
        }
        if let Some(length) = words.strip_prefix("one way for ") {
            return BLOCK_MAX.parse(length).map(Block::OneWay);
        }
        BLOCK_MAX.parse(words.strip_prefix("both ways for ")?).map(Block::BothWays)
    }

    fn values(&self) -> Option<Vec<Block>> {
        None
    }

    /// Shorter than the usual time limits, and longer.
    fn representatives(&self) -> Vec<Block> {
        let lengths = [Duration::from_millis(10), Duration::from_secs(60)];
        lengths.into_iter().flat_map(|length| [Block::OneWay(length), Block::BothWays(length)]).collect()
    }

    /// One way rather than both, and for a rounder time.
    fn simpler(&self, value: &Block) -> Vec<Block> {
        let rounder = |length| BLOCK_MAX.simpler(length).into_iter();
        match value {
            Block::None => Vec::new(),
            Block::OneWay(length) => rounder(length).map(Block::OneWay).collect(),
            Block::BothWays(length) => {
                [Block::OneWay(*length)].into_iter().chain(rounder(length).map(Block::BothWays)).collect()
            }
        }
    }
}

/// What an attempt to connect meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    Normal,
    Refused,
    Lost,
}

pub(super) static WELCOMES: OneOf<Welcome> =
    OneOf(&[("normal", Welcome::Normal, 0), ("refused", Welcome::Refused, 2), ("lost", Welcome::Lost, 1)]);

/// When the owner of an ended connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    NextTurn,
    Inline,
    Later(Duration),
}

/// The instants at which an owner can be told; quiet is the node's next turn. On its own stack it can be told only
/// when its code, or an event of its node, is what ended the connection.
pub(super) struct Notices {
    pub(super) on_stack: bool,
}

/// How much later it may be told, at most.
const NOTICE_MAX: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_secs(30) };

/// Drawn delays are powers of four from 1 µs to 17 s: few enough to be enumerated.
const NOTICE_SCALES: u64 = 13;

fn later(scale: u64) -> Notice {
    Notice::Later(Duration::from_micros(1 << (2 * scale)))
}

impl Domain for Notices {
    type Value = Notice;

    fn quiet(&self) -> Notice {
        Notice::NextTurn
    }

    fn draw(&self, e: &mut Expander) -> Notice {
        let inline = e.below(2) == 0;
        let scale = e.below(NOTICE_SCALES);
        if inline && self.on_stack { Notice::Inline } else { later(scale) }
    }

    fn words(&self, value: &Notice) -> String {
        match value {
            Notice::NextTurn => "next turn".to_owned(),
            Notice::Inline => "inline".to_owned(),
            Notice::Later(delay) => format!("after {}", NOTICE_MAX.words(delay)),
        }
    }

    fn parse(&self, words: &str) -> Option<Notice> {
        match words {
            "next turn" => Some(Notice::NextTurn),
            "inline" => self.on_stack.then_some(Notice::Inline),
            _ => NOTICE_MAX.parse(words.strip_prefix("after ")?).map(Notice::Later),
        }
    }

    fn values(&self) -> Option<Vec<Notice>> {
        let mut values = vec![Notice::NextTurn];
        values.extend(self.on_stack.then_some(Notice::Inline));
        values.extend((0..NOTICE_SCALES).map(later));
        Some(values)
    }

    /// Inline, where that is possible, and late.
    fn representatives(&self) -> Vec<Notice> {
        let inline = self.on_stack.then_some(Notice::Inline);
        // About 1 ms, which other events can come before, and about 17 s, which most time limits do.
        inline.into_iter().chain([later(5), later(NOTICE_SCALES - 1)]).collect()
    }

    /// Inline, without a time, or after a rounder time.
    fn simpler(&self, value: &Notice) -> Vec<Notice> {
        let Notice::Later(delay) = value else {
            return Vec::new();
        };
        let rounder = NOTICE_MAX.simpler(delay).into_iter().map(Notice::Later);
        let inline = self.on_stack.then_some(Notice::Inline);
        inline.into_iter().chain(rounder).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip<D: Domain>(domain: &D, word: u64) -> Result<(), TestCaseError>
    where
        D::Value: std::fmt::Debug,
    {
        let drawn = domain.draw(&mut Expander::new(word));
        prop_assert_eq!(domain.parse(&domain.words(&drawn)), Some(drawn));
        let quiet = domain.quiet();
        prop_assert_eq!(domain.parse(&domain.words(&quiet)), Some(quiet));
        Ok(())
    }

    proptest! {
        #[test]
        fn every_value_survives_its_words(word: u64, bytes in 1_u64..5_000) {
            round_trip(&Cuts { bytes }, word)?;
            round_trip(&Part { bytes }, word)?;
            round_trip(&Blocks, word)?;
            round_trip(&Notices { on_stack: word % 2 == 0 }, word)?;
        }

        #[test]
        fn a_cut_beyond_the_data_is_not_in_the_domain(bytes in 1_u64..100) {
            let words = format!("inside, after {bytes} bytes");
            prop_assert_eq!(Cuts { bytes }.parse(&words), None);
        }
    }
}
