//! Links that are blocked: partitions, and holds that release everything in order.
//!
//! A stream's bytes are not lost by a partition (the transport retransmits); they wait and arrive when the link is
//! open again. Attempts to connect wait too, until they give up.

use std::time::Duration;

use super::deliver;
use super::kinds;
use super::state::{Inner, LinkId, Marks, PipeId, State, TimedBlock};
use crate::choice::StreamId;
use crate::kernel::{Action, Lane, NodeId, Schedule};
use crate::trace::{EventId, NameId};

/// Which directions of a link are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the first node to the second only.
    One,
    /// Both.
    Both,
}

/// A block that is a fault: it ends by itself.
pub(super) struct TimedFault {
    pub(super) length: Duration,
    pub(super) stream: StreamId,
}

impl Inner {
    /// Blocks a link, for a while or until it is unblocked.
    pub(super) fn block(&self, state: &mut State, from: NodeId, to: NodeId, way: Way, fault: Option<&TimedFault>) {
        for (from, to) in directions(from, to, way) {
            let link = state.link(from, to);
            let link = &mut state.links[link.0];
            link.blocked += 1;
            link.fault = fault.map(|fault| fault.stream);
        }
        let name = self.link_name(from, to, way);
        let length_ns = fault.map_or(0, |fault| nanoseconds(fault.length));
        let event = self.sim.emit(from, &kinds::BLOCK, name, [length_ns, 0, 0]);
        let Some(fault) = fault else { return };
        let number = state.blocks.len() as u32;
        let schedule = Schedule {
            at: self.sim.now() + fault.length,
            lane: Lane::TIMER,
            node: NodeId::WORLD,
            label: "unblock",
            subject: name,
            action: Action::Resource { resource: self.id.get(), token: deliver::token(deliver::OPEN, 0, number) },
        };
        let key = self.sim.schedule_caused(schedule, event);
        state.blocks.push(Some(TimedBlock { from, to, way, key }));
    }

    pub(super) fn block_over(&self, number: u32) {
        let mut state = self.state.borrow_mut();
        let block = state.blocks.get_mut(number as usize).and_then(Option::take);
        if let Some(TimedBlock { from, to, way, .. }) = block {
            self.unblock(&mut state, from, to, way);
        }
    }

    /// Takes one block away; at the last one, what waited arrives.
    pub(super) fn unblock(&self, state: &mut State, from: NodeId, to: NodeId, way: Way) {
        for (from, to) in directions(from, to, way) {
            let link = state.link(from, to);
            self.open(state, link, false);
        }
    }

    /// Every link is open; blocks that would have ended later have ended.
    pub(super) fn unblock_everything(&self, state: &mut State) {
        for block in std::mem::take(&mut state.blocks).into_iter().flatten() {
            self.sim.unschedule(block.key);
        }
        for link in 0..state.links.len() {
            self.open(state, LinkId(link), true);
        }
    }

    fn open(&self, state: &mut State, link: LinkId, altogether: bool) {
        let link = &mut state.links[link.0];
        if link.blocked == 0 {
            return;
        }
        link.blocked = if altogether { 0 } else { link.blocked - 1 };
        if link.blocked > 0 {
            return;
        }
        let waiting = std::mem::take(&mut link.waiting);
        let dials = std::mem::take(&mut link.dials);
        let (from, to) = (link.from, link.to);
        let parked: u32 = waiting.iter().map(|pipe| state.conns[pipe.conn()].pipes[pipe.direction()].parked).sum();
        let name = self.link_name(from, to, Way::One);
        let args = [u64::from(parked), 0, 0];
        let event = self.sim.emit(from, &kinds::UNBLOCK, name, args);
        for pipe in waiting {
            self.release(state, pipe, event);
        }
        for dial in dials {
            self.redial(state, dial, event);
        }
    }

    /// Schedules the parked arrivals of a direction again, ahead of those that are still to come.
    fn release(&self, state: &mut State, pipe_id: PipeId, cause: EventId) {
        let conn = &mut state.conns[pipe_id.conn()];
        let generation = conn.generation;
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let parked = std::mem::take(&mut pipe.parked) as usize;
        let at = self.sim.now() + self.config.latency;
        for segment in pipe.in_flight.iter_mut().take(parked) {
            let schedule = Schedule {
                at,
                lane: pipe.lane,
                node: pipe.to,
                label: "released",
                subject: pipe.name,
                action: Action::Resource {
                    resource: self.id.get(),
                    token: deliver::token(deliver::ARRIVE, generation, pipe_id.0),
                },
            };
            segment.key = self.sim.schedule_caused(schedule, cause);
            segment.marks.add(Marks::HELD);
        }
        pipe.last_at = pipe.last_at.max(at);
    }

    fn link_name(&self, from: NodeId, to: NodeId, way: Way) -> NameId {
        let arrow = match way {
            Way::One => "->",
            Way::Both => "<->",
        };
        self.sim.name(&format!("{}{arrow}{}", self.sim.node_name(from), self.sim.node_name(to)))
    }
}

fn directions(from: NodeId, to: NodeId, way: Way) -> impl Iterator<Item = (NodeId, NodeId)> {
    let both = way == Way::Both && from != to;
    std::iter::once((from, to)).chain(both.then_some((to, from)))
}

pub(super) fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
