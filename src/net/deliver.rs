//! Events of the network coming due.

use super::end::Told;
use super::kinds;
use super::state::{Chunk, EndReason, Inner, Payload, PipeId};
use crate::kernel::{Down, Eligible, NodeId, Resource, Sim};

/// A segment arrives.
pub(super) const ARRIVE: u64 = 0;
/// An owner is told that its connection has ended; names the direction towards it.
pub(super) const NOTICE: u64 = 1;
/// An attempt to connect reaches its target.
pub(super) const DIAL: u64 = 2;
/// The answer to it is back.
pub(super) const ANSWER: u64 = 3;
/// It has waited long enough.
pub(super) const GIVE_UP: u64 = 4;
/// A block ends.
pub(super) const OPEN: u64 = 5;

const GENERATION_BITS: u32 = 24;

/// Packs what a queued event has to know.
pub(super) fn token(kind: u64, generation: u32, number: u32) -> u64 {
    let generation = u64::from(generation) & ((1 << GENERATION_BITS) - 1);
    kind << 56 | generation << 32 | u64::from(number)
}

struct Token {
    kind: u64,
    generation: u32,
    number: u32,
}

fn unpack(token: u64) -> Token {
    Token {
        kind: token >> 56,
        generation: (token >> 32) as u32 & ((1 << GENERATION_BITS) - 1),
        number: token as u32,
    }
}

impl Resource for Inner {
    fn dispatch(&self, _sim: &Sim, token: u64) {
        let Token {
            kind,
            generation,
            number,
        } = unpack(token);
        match kind {
            ARRIVE => self.arrive(PipeId(number), generation),
            NOTICE => self.notice_due(PipeId(number), generation),
            DIAL => self.dial_arrives(number),
            ANSWER => self.dial_answered(number),
            GIVE_UP => self.dial_gives_up(number),
            _ => self.block_over(number),
        }
    }

    fn eligible(&self, _sim: &Sim, token: u64) -> Eligible {
        let Token {
            kind,
            generation,
            number,
        } = unpack(token);
        match kind {
            ARRIVE => {
                let mut state = self.state.borrow_mut();
                let pipe = PipeId(number);
                let Some(conn) = state.conn(pipe, generation) else {
                    return Eligible::No;
                };
                let direction = &conn.pipes[pipe.direction()];
                let link = (direction.from, direction.to);
                let answer = match (&direction.on_data, &direction.reader) {
                    (Some(_), _) => Eligible::Callback,
                    (None, Some(waker)) => Eligible::Wakes(waker.clone()),
                    (None, None) => Eligible::No,
                };
                if state.links.get(&link).is_some_and(|link| link.blocked > 0) {
                    Eligible::No
                } else {
                    answer
                }
            }
            NOTICE => {
                let mut state = self.state.borrow_mut();
                let pipe = PipeId(number);
                let Some(conn) = state.conn(pipe, generation) else {
                    return Eligible::No;
                };
                let side = &conn.sides[1 - pipe.direction()];
                match (&side.on_end, &conn.pipes[pipe.direction()].reader) {
                    (Some(_), _) => Eligible::Callback,
                    (None, Some(waker)) => Eligible::Wakes(waker.clone()),
                    (None, None) => Eligible::No,
                }
            }
            _ => Eligible::No,
        }
    }

    fn node_down(&self, _sim: &Sim, node: NodeId, how: Down) {
        self.forget_node(node);
        let affected: Vec<(PipeId, u32)> = {
            let mut state = self.state.borrow_mut();
            let mut affected = Vec::new();
            for (index, conn) in state.conns.iter_mut().enumerate() {
                for side in 0..2 {
                    let owner = conn.pipes[side].from;
                    if owner != node || conn.sides[side].gone {
                        continue;
                    }
                    conn.sides[side].gone = true;
                    conn.sides[side].vanished = how == Down::PowerCut;
                    conn.sides[side].on_end = None;
                    conn.pipes[1 - side].reader = None;
                    conn.pipes[1 - side].on_data = None;
                    conn.pipes[side].writer = None;
                    affected.push((PipeId((index * 2 + side) as u32), conn.generation));
                }
            }
            affected
        };
        for (pipe, generation) in affected {
            if how == Down::Kill {
                self.end(pipe, generation, EndReason::Reset);
            }
            self.free_if_over(pipe, generation);
        }
    }

    fn heal(&self, _sim: &Sim) {
        self.unblock_everything();
        let waiting: Vec<(PipeId, u32, bool)> = {
            let mut state = self.state.borrow_mut();
            let mut waiting = Vec::new();
            for (index, conn) in state.conns.iter_mut().enumerate() {
                let vanished = conn.sides.iter().any(|side| side.vanished);
                for side in 0..2 {
                    let half_open = std::mem::take(&mut conn.sides[side].half_open);
                    let pipe = PipeId((index * 2 + side) as u32);
                    if half_open || (vanished && conn.ended.is_none()) {
                        waiting.push((pipe, conn.generation, half_open));
                    }
                }
            }
            waiting
        };
        for (pipe, generation, half_open) in waiting {
            if half_open {
                self.tell_later(pipe, Told::Soon);
            } else {
                self.end(pipe, generation, EndReason::Reset);
            }
        }
    }

    fn tear_down(&self) {
        let state = std::mem::take(&mut *self.state.borrow_mut());
        drop(state);
    }
}

impl Inner {
    fn arrive(&self, pipe_id: PipeId, generation: u32) {
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(pipe_id, generation) else {
            return;
        };
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let (from, to, name) = (pipe.from, pipe.to, pipe.name);
        if state
            .links
            .get(&(from, to))
            .is_some_and(|link| link.blocked > 0)
        {
            state.conns[pipe_id.conn()].pipes[pipe_id.direction()].parked += 1;
            let waiting = &mut state.links.entry((from, to)).or_default().waiting;
            if !waiting.contains(&pipe_id) {
                waiting.push(pipe_id);
            }
            drop(state);
            self.sim.emit(to, &kinds::PARKED, name, [0; 3]);
            return;
        }
        let conn = &mut state.conns[pipe_id.conn()];
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let Some(segment) = pipe.in_flight.pop_front() else {
            return;
        };
        let owner = &conn.sides[1 - pipe_id.direction()];
        if owner.gone {
            let vanished = owner.vanished;
            drop(state);
            self.sim
                .emit_caused(to, &kinds::LOST, name, [0; 3], segment.sent);
            if !vanished || self.sim.is_up(to) {
                self.end(pipe_id, generation, EndReason::Reset);
            }
            self.free_if_over(pipe_id, generation);
            return;
        }
        let (event, wake) = match segment.payload {
            Payload::Bytes(bytes) => {
                let count = bytes.len() as u64;
                pipe.received.push_back(Chunk { bytes, start: 0 });
                (
                    self.sim
                        .emit_caused(to, &kinds::DELIVER, name, [count, 0, 0], segment.sent),
                    true,
                )
            }
            Payload::Fin => {
                pipe.fin_received = true;
                (
                    self.sim
                        .emit_caused(to, &kinds::FIN, name, [0; 3], segment.sent),
                    true,
                )
            }
        };
        drop(state);
        self.sim.set_cause(event);
        if segment.ends {
            self.end(pipe_id, generation, EndReason::Reset);
        }
        if wake {
            self.announce(pipe_id, generation);
        }
    }

    /// Lets the receiver of a direction know that there is something to read.
    fn announce(&self, pipe_id: PipeId, generation: u32) {
        let (callback, waker) = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(pipe_id, generation) else {
                return;
            };
            let pipe = &mut conn.pipes[pipe_id.direction()];
            (pipe.on_data.clone(), pipe.reader.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(callback) = callback {
            callback();
        }
    }
}
