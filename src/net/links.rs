//! Links that are blocked: partitions, and holds that release everything in order.
//!
//! A stream's bytes are not lost by a partition (the transport retransmits); they wait and arrive when the link is
//! open again. Attempts to connect wait too, until they give up.

use std::time::Duration;

use super::deliver;
use super::kinds;
use super::state::{Inner, PipeId};
use crate::kernel::{Action, Lane, NodeId, Schedule};

/// Which directions of a link are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the first node to the second only.
    One,
    /// Both.
    Both,
}

impl Inner {
    /// Blocks a link, for a while or until it is unblocked.
    pub(super) fn block(&self, from: NodeId, to: NodeId, way: Way, length: Option<Duration>) {
        let name = self.link_name(from, to, way);
        for (from, to) in directions(from, to, way) {
            self.state
                .borrow_mut()
                .links
                .entry((from, to))
                .or_default()
                .blocked += 1;
        }
        let length_ns = length.map_or(0, |length| {
            u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
        });
        let event = self.sim.emit(from, &kinds::BLOCK, name, [length_ns, 0, 0]);
        if let Some(length) = length {
            let number = {
                let mut state = self.state.borrow_mut();
                state.blocks.push((from, to, way));
                state.blocks.len() as u32 - 1
            };
            let schedule = Schedule {
                at: self.sim.now() + length,
                lane: Lane::TIMER,
                node: NodeId::WORLD,
                label: "unblock",
                subject: name,
                action: Action::Resource {
                    resource: self.id.get(),
                    token: deliver::token(deliver::OPEN, 0, number),
                },
            };
            self.sim.schedule_caused(schedule, event);
        }
    }

    pub(super) fn block_over(&self, number: u32) {
        let block = self.state.borrow().blocks.get(number as usize).copied();
        if let Some((from, to, way)) = block {
            self.unblock(from, to, way);
        }
    }

    /// Takes one block away; at the last one, what waited arrives.
    pub(super) fn unblock(&self, from: NodeId, to: NodeId, way: Way) {
        for (from, to) in directions(from, to, way) {
            self.open(from, to, false);
        }
    }

    pub(super) fn unblock_everything(&self) {
        let blocked: Vec<_> = {
            let state = self.state.borrow();
            state
                .links
                .iter()
                .filter(|(_, link)| link.blocked > 0)
                .map(|(ends, _)| *ends)
                .collect()
        };
        for (from, to) in blocked {
            self.open(from, to, true);
        }
    }

    fn open(&self, from: NodeId, to: NodeId, altogether: bool) {
        let (waiting, dials) = {
            let mut state = self.state.borrow_mut();
            let link = state.links.entry((from, to)).or_default();
            if link.blocked == 0 {
                return;
            }
            link.blocked = if altogether { 0 } else { link.blocked - 1 };
            if link.blocked > 0 {
                return;
            }
            (
                std::mem::take(&mut link.waiting),
                std::mem::take(&mut link.dials),
            )
        };
        let name = self.link_name(from, to, Way::One);
        let event = self
            .sim
            .emit(from, &kinds::UNBLOCK, name, [waiting.len() as u64, 0, 0]);
        for pipe in waiting {
            self.release(pipe, event);
        }
        for dial in dials {
            self.redial(dial);
        }
    }

    /// Schedules the parked arrivals of a direction again, ahead of those that are still to come.
    fn release(&self, pipe_id: PipeId, cause: crate::trace::EventId) {
        let mut state = self.state.borrow_mut();
        let conn = &mut state.conns[pipe_id.conn()];
        let generation = conn.generation;
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let parked = std::mem::take(&mut pipe.parked) as usize;
        let at = self.sim.now() + self.config.latency;
        for index in 0..parked.min(pipe.in_flight.len()) {
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
            let key = self.sim.schedule_caused(schedule, cause);
            pipe.in_flight[index].key = Some(key);
        }
        pipe.last_at = pipe.last_at.max(at);
    }

    fn link_name(&self, from: NodeId, to: NodeId, way: Way) -> crate::trace::NameId {
        let arrow = match way {
            Way::One => "->",
            Way::Both => "<->",
        };
        self.sim.name(&format!(
            "{}{arrow}{}",
            self.sim.node_name(from),
            self.sim.node_name(to)
        ))
    }
}

fn directions(from: NodeId, to: NodeId, way: Way) -> impl Iterator<Item = (NodeId, NodeId)> {
    let both = way == Way::Both && from != to;
    std::iter::once((from, to)).chain(both.then_some((to, from)))
}
