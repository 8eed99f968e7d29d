//! Events of the network coming due.

use super::end::Told;
use super::kinds;
use super::state::{Chunk, Inner, Marks, Payload, PipeId, State};
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

/// Generations have 24 bits.
pub(super) const GENERATION_MASK: u32 = (1 << 24) - 1;

/// Packs what a queued event has to know.
pub(super) fn token(kind: u64, generation: u32, number: u32) -> u64 {
    kind << 56 | u64::from(generation & GENERATION_MASK) << 32 | u64::from(number)
}

struct Token {
    kind: u64,
    generation: u32,
    number: u32,
}

fn unpack(token: u64) -> Token {
    Token { kind: token >> 56, generation: (token >> 32) as u32 & GENERATION_MASK, number: token as u32 }
}

impl Resource for Inner {
    fn dispatch(&self, _sim: &Sim, token: u64) {
        let Token { kind, generation, number } = unpack(token);
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
        let Token { kind, generation, number } = unpack(token);
        match kind {
            ARRIVE => {
                let mut state = self.state.borrow_mut();
                let pipe = PipeId(number);
                let Some(conn) = state.conn(pipe, generation) else {
                    return Eligible::No;
                };
                let direction = &conn.pipes[pipe.direction()];
                let link = direction.link;
                let answer = match (&direction.on_data, direction.reader.waiting()) {
                    (Some(_), _) => Eligible::Callback,
                    (None, Some(waker)) => Eligible::Wakes(waker.clone()),
                    (None, None) => Eligible::No,
                };
                if state.links[link.0].blocked > 0 { Eligible::No } else { answer }
            }
            NOTICE => {
                let mut state = self.state.borrow_mut();
                let pipe = PipeId(number);
                let Some(conn) = state.conn(pipe, generation) else {
                    return Eligible::No;
                };
                let side = &conn.sides[1 - pipe.direction()];
                match (&side.on_end, conn.pipes[pipe.direction()].reader.waiting()) {
                    (Some(_), _) => Eligible::Callback,
                    (None, Some(waker)) => Eligible::Wakes(waker.clone()),
                    (None, None) => Eligible::No,
                }
            }
            _ => Eligible::No,
        }
    }

    fn node_down(&self, _sim: &Sim, node: NodeId, how: Down) {
        self.forget_node(node, how);
        let mut handlers = Vec::new();
        let mut state = self.state.borrow_mut();
        for index in 0..state.conns.len() {
            for side in 0..2 {
                let conn = &mut state.conns[index];
                if conn.pipes[side].from != node || conn.sides[side].gone {
                    continue;
                }
                let generation = conn.generation;
                let owner = &mut conn.sides[side];
                owner.gone = true;
                owner.vanished = how == Down::PowerCut;
                handlers.push((
                    owner.on_end.take(),
                    conn.pipes[1 - side].on_data.take(),
                    std::mem::take(&mut conn.pipes[1 - side].reader),
                    conn.pipes[side].writer.take(),
                ));
                let out = PipeId((index * 2 + side) as u32);
                if how == Down::Kill {
                    self.send_rst(&mut state, out);
                }
                self.free_if_over(&mut state, out, generation);
            }
        }
        drop(state);
        // Handlers may own handles of other connections: they go with no borrow held.
        drop(handlers);
    }

    fn heal(&self, _sim: &Sim) {
        let mut over = Vec::new();
        let mut state = self.state.borrow_mut();
        self.unblock_everything(&mut state);
        for index in 0..state.conns.len() {
            let conn = &state.conns[index];
            let generation = conn.generation;
            let [near, far] = [0, 1].map(|side| PipeId((index * 2 + side) as u32));
            if conn.sides.iter().any(|side| side.vanished) && !conn.ended {
                over.push((near, generation));
                continue;
            }
            for side in [near, far] {
                if state.conns[index].sides[side.direction()].half_open {
                    self.tell_later(&mut state, side, Told::Soon);
                }
            }
        }
        drop(state);
        for (pipe, generation) in over {
            self.end(pipe, generation, NodeId::WORLD);
            self.free_if_over(&mut self.state.borrow_mut(), pipe, generation);
        }
    }

    fn tear_down(&self) {
        let state = std::mem::take(&mut *self.state.borrow_mut());
        drop(state);
    }
}

impl Inner {
    fn arrive(&self, pipe_id: PipeId, generation: u32) {
        let mut guard = self.state.borrow_mut();
        let state = &mut *guard;
        let Some(conn) = state.conns.get_mut(pipe_id.conn()) else {
            return;
        };
        if conn.generation != generation {
            return;
        }
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let link = &mut state.links[pipe.link.0];
        if link.blocked > 0 {
            pipe.parked += 1;
            if !link.waiting.contains(&pipe_id) {
                link.waiting.push(pipe_id);
            }
            self.sim.emit(pipe.to, &kinds::PARKED, pipe.name, [0; 3]);
            return;
        }
        let Some(segment) = pipe.in_flight.pop_front() else {
            return;
        };
        if conn.sides[1 - pipe_id.direction()].gone {
            self.arrive_at_nobody(state, pipe_id, generation, segment.payload, segment.sent);
            return;
        }
        let (to, name) = (pipe.to, pipe.name);
        if segment.marks.are_odd() {
            self.observe_arrival(state, pipe_id, segment.marks);
        }
        let pipe = &mut state.conns[pipe_id.conn()].pipes[pipe_id.direction()];
        let event = match segment.payload {
            Payload::Bytes(bytes) => {
                let args = [bytes.len() as u64, 0, 0];
                pipe.received.push_back(Chunk { bytes, start: 0 });
                self.sim.emit_caused(to, &kinds::DELIVER, name, args, segment.sent)
            }
            Payload::Fin => {
                pipe.fin_received = true;
                self.sim.emit_caused(to, &kinds::FIN, name, [0; 3], segment.sent)
            }
            Payload::Rst => {
                drop(guard);
                self.sim.set_cause(segment.sent);
                self.end(pipe_id, generation, to);
                return;
            }
        };
        self.sim.set_cause(event);
        pipe.reader.wake();
        let on_data = pipe.on_data.clone();
        let ended = segment.ends.map(|fault| {
            state.conns[pipe_id.conn()].ended_by = Some(fault);
            self.close_off(state, pipe_id, to)
        });
        drop(guard);
        // The data is handled before anybody can be told of the end: it has arrived, only its answer is lost.
        if let Some(on_data) = on_data {
            on_data();
        }
        if let Some(ended) = ended {
            self.tell_both(pipe_id, generation, to, ended);
        }
    }

    /// A segment for an owner that is gone: its system answers that it knows nothing of this, if there is one.
    fn arrive_at_nobody(
        &self,
        state: &mut State,
        pipe_id: PipeId,
        generation: u32,
        payload: Payload,
        sent: crate::trace::EventId,
    ) {
        let conn = &mut state.conns[pipe_id.conn()];
        let back = pipe_id.reverse();
        let closed_in_order = conn.pipes[back.direction()].fin_sent;
        let dark = conn.sides[back.direction()].vanished;
        let pipe = &conn.pipes[pipe_id.direction()];
        let (to, name) = (pipe.to, pipe.name);
        match payload {
            Payload::Fin if closed_in_order => {
                self.sim.emit_caused(to, &kinds::FIN, name, [0; 3], sent);
            }
            Payload::Bytes(_) | Payload::Fin => {
                let args = [payload.bytes() as u64, 0, 0];
                let event = self.sim.emit_caused(to, &kinds::LOST, name, args, sent);
                self.sim.set_cause(event);
                if !dark || self.sim.is_up(to) {
                    self.send_rst(state, back);
                }
            }
            Payload::Rst => {}
        }
        if let Payload::Bytes(bytes) = payload {
            state.recycle(bytes);
        }
        self.free_if_over(state, pipe_id, generation);
    }

    /// Faults that show in what arrives are noticed by whoever it arrives at.
    #[cold]
    fn observe_arrival(&self, state: &State, pipe_id: PipeId, marks: Marks) {
        let pipe = &state.conns[pipe_id.conn()].pipes[pipe_id.direction()];
        let streams = &pipe.streams;
        let partition = state.links[pipe.link.0].fault;
        for (mark, stream) in [
            (Marks::STALLED, Some(streams.stall)),
            (Marks::SPLIT, Some(streams.partial_write)),
            (Marks::COPY, Some(streams.duplicate)),
            (Marks::OVERTOOK, Some(streams.reorder)),
            (Marks::HELD, partition),
        ] {
            if let Some(stream) = stream.filter(|_| marks.has(mark)) {
                self.sim.observed(stream);
            }
        }
    }
}
