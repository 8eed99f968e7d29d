//! The trace of one run: digests always, the events themselves when asked for.

use std::fmt::{self, Write};

use super::{Digest, Event, EventId, Header, NameId, Names};

/// The trace of one run.
#[derive(Clone, Debug)]
pub struct Trace {
    keep: bool,
    events_max: u64,
    count: u32,
    step: u64,
    digest: Digest,
    names: Names,
    events: Vec<Event>,
    texts: String,
    scratch: String,
    step_digests: Vec<Digest>,
}

impl Trace {
    /// An empty trace. `keep`: events are stored, not only digested. `events_max`: the trace-size budget.
    #[must_use]
    pub fn new(keep: bool, events_max: u64) -> Trace {
        Trace {
            keep,
            events_max,
            count: 0,
            step: 0,
            digest: Digest::EMPTY,
            names: Names::default(),
            events: Vec::new(),
            texts: String::new(),
            scratch: String::new(),
            step_digests: Vec::new(),
        }
    }

    /// The number of a name.
    pub fn intern(&mut self, name: &str) -> NameId {
        self.names.intern(name)
    }

    /// The names used so far.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Everything emitted from now on belongs to this step.
    pub fn begin_step(&mut self, step: u64) {
        self.step = step;
    }

    /// Closes the current step: its digest is final.
    pub fn end_step(&mut self) {
        self.digest.absorb(self.step, u64::from(self.count));
        if self.keep {
            self.step_digests.push(self.digest);
        }
    }

    /// Adds an event without a text.
    pub fn emit(&mut self, header: Header) -> EventId {
        self.absorb(&header);
        self.store(header, (0, 0))
    }

    /// Adds an event with a text, which is part of the digest.
    pub fn emit_text(&mut self, header: Header, text: fmt::Arguments<'_>) -> EventId {
        self.scratch.clear();
        let _ = self.scratch.write_fmt(text);
        self.absorb(&header);
        self.digest.absorb_bytes(self.scratch.as_bytes());
        let start = self.texts.len() as u32;
        if self.keep {
            self.texts.push_str(&self.scratch);
        }
        self.store(header, (start, self.scratch.len() as u32))
    }

    fn absorb(&mut self, header: &Header) {
        self.digest.absorb(header.kind.hash(), header.at_ns);
        self.digest.absorb(
            self.names.hash(header.node) ^ u64::from(header.cause.0).rotate_left(32),
            self.names.hash(header.subject) ^ header.args[0].rotate_left(7),
        );
        self.digest.absorb(header.args[1], header.args[2]);
    }

    fn store(&mut self, header: Header, text: (u32, u32)) -> EventId {
        self.count = self.count.saturating_add(1);
        if self.keep && u64::from(self.count) <= self.events_max {
            self.events.push(Event { header, step: self.step, text });
        }
        EventId(self.count)
    }

    /// Whether the trace-size budget is used up.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.count) >= self.events_max
    }

    /// Equality of executions, up to the last closed step.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest after each step; empty unless events are kept.
    #[must_use]
    pub fn step_digests(&self) -> &[Digest] {
        &self.step_digests
    }

    /// The kept events, in order; event `n` has [`EventId`] `n + 1`.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The event with this id, if it was kept.
    #[must_use]
    pub fn event(&self, id: EventId) -> Option<&Event> {
        self.events.get((id.0 as usize).checked_sub(1)?)
    }

    /// The text of an event; empty if it has none.
    #[must_use]
    pub fn text(&self, event: &Event) -> &str {
        let (start, length) = (event.text.0 as usize, event.text.1 as usize);
        if length == 0 { "" } else { &self.texts[start..start + length] }
    }
}
