//! One event of a trace, and the registered kind it is of.

use super::NameId;

/// Number of an event within its run, from 1 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(pub u32);

impl EventId {
    /// No event: the cause of what nothing caused.
    pub const ROOT: EventId = EventId(0);
}

/// A kind of event, registered as a `static` by the layer or flow that emits it.
#[derive(Debug)]
pub struct Kind {
    /// Stable label, as shown in traces.
    pub label: &'static str,
    /// One character for narrow renderings.
    pub glyph: char,
    /// One line: what it means.
    pub doc: &'static str,
    /// Names of the numbers an event of this kind carries (at most three).
    pub args: &'static [&'static str],
    hash: u64,
}

impl Kind {
    /// A kind; `args` names the numbers its events carry, at most three.
    #[must_use]
    pub const fn new(label: &'static str, glyph: char, doc: &'static str, args: &'static [&'static str]) -> Kind {
        assert!(args.len() <= 3, "an event carries three numbers at most");
        let bytes = label.as_bytes();
        // FNV-1a; the digest must not depend on where a static lies in memory.
        let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01B3);
            i += 1;
        }
        Kind { label, glyph, doc, args, hash }
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }
}

/// What an event says before its text.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Virtual time in nanoseconds.
    pub at_ns: u64,
    /// The node it happened on ([`NameId::NONE`]: the world).
    pub node: NameId,
    /// Its kind.
    pub kind: &'static Kind,
    /// The event that caused it.
    pub cause: EventId,
    /// What it is about: a connection, a task, a file.
    pub subject: NameId,
    /// Numbers, named by the kind.
    pub args: [u64; 3],
}

/// A recorded event.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The fixed part.
    pub header: Header,
    /// The step it belongs to.
    pub step: u64,
    /// Where its text lies (start, length); length 0 for none.
    pub(super) text: (u32, u32),
}
