//! The disk's questions, answered by the choices of a run.

use std::cell::Cell;
use std::fmt;

use super::kinds;
use crate::choice::{Domain, StreamId};
use crate::disk::{Chance, Fault};
use crate::kernel::{NodeId, Sim};
use crate::trace::{Kind, NameId};

/// Who asks: a node (`server`), or a file on it (`server:relay.sqlite`). Streams are made when first needed.
pub(super) struct Actor {
    pub(super) name: String,
    /// The name in the trace, without the node.
    pub(super) subject: NameId,
    streams: [Cell<Option<StreamId>>; Fault::COUNT],
}

impl Actor {
    pub(super) fn new(sim: &Sim, name: String, subject: &str) -> Actor {
        Actor { name, subject: sim.name(subject), streams: [const { Cell::new(None) }; Fault::COUNT] }
    }

    pub(super) fn stream(&self, sim: &Sim, fault: Fault) -> StreamId {
        let slot = &self.streams[fault as usize];
        slot.get().unwrap_or_else(|| {
            let stream = sim.stream(fault.site(), &self.name);
            slot.set(Some(stream));
            stream
        })
    }
}

/// Answers for one actor.
pub(super) struct SimChance<'a> {
    pub(super) sim: &'a Sim,
    pub(super) node: NodeId,
    pub(super) actor: &'a Actor,
}

impl SimChance<'_> {
    /// A choice that is traced by whoever asked.
    pub(super) fn choose_quietly<D: Domain>(&self, fault: Fault, domain: &D) -> D::Value {
        self.sim.choose(self.actor.stream(self.sim, fault), domain)
    }
}

impl Chance for SimChance<'_> {
    fn choose<D: Domain>(&mut self, fault: Fault, domain: &D) -> D::Value {
        let value = self.choose_quietly(fault, domain);
        if value != domain.quiet() {
            let words = domain.words(&value);
            self.emit_text(&kinds::FAULT, format_args!("{} {words}", fault.name()));
        }
        value
    }

    fn ineligible(&mut self, fault: Fault) {
        self.sim.ineligible(self.actor.stream(self.sim, fault));
    }

    fn observed(&mut self, fault: Fault) {
        self.sim.observed(self.actor.stream(self.sim, fault));
    }
}

impl SimChance<'_> {
    /// An event about the actor's file.
    pub(super) fn emit(&self, kind: &'static Kind, args: [u64; 3]) {
        self.sim.emit(self.node, kind, self.actor.subject, args);
    }

    /// An event with a text.
    pub(super) fn emit_text(&self, kind: &'static Kind, text: fmt::Arguments<'_>) {
        self.sim.emit_text(self.node, kind, self.actor.subject, [0; 3], text);
    }
}
