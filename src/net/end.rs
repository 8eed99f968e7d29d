//! Connections that end, and telling their owners: two events, not one.

use std::time::Duration;

use super::sites::{Notice, Notices};
use super::state::{EndReason, Inner, Payload, PipeId};
use super::{deliver, kinds};
use crate::choice::Coin;
use crate::kernel::{Action, Lane, NodeId, Schedule};

/// When an owner is told.
pub(super) enum Told {
    /// Before everything else at this instant.
    Soon,
    /// After a while.
    After(Duration),
}

impl Inner {
    /// The connection of this direction ends: what is under way is lost, and each owner is told when the choice says.
    pub(super) fn end(&self, pipe: PipeId, generation: u32, reason: EndReason) {
        let (node, name, mut lost) = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(pipe, generation) else {
                return;
            };
            if conn.ended.is_some() {
                return;
            }
            conn.ended = Some(reason);
            let mut lost = Vec::new();
            for direction in &mut conn.pipes {
                direction.parked = 0;
                lost.extend(direction.in_flight.drain(..));
            }
            let direction = &conn.pipes[pipe.direction()];
            (direction.from, direction.name, lost)
        };
        for segment in &mut lost {
            if let Some(key) = segment.key.take() {
                self.sim.unschedule(key);
            }
        }
        self.recycle(lost.into_iter().map(|segment| segment.payload));
        let event = self.sim.emit(node, &kinds::ENDED, name, [0; 3]);
        self.sim.set_cause(event);
        for side in [pipe.direction(), 1 - pipe.direction()] {
            self.tell_by_choice(PipeId((pipe.conn() * 2 + side) as u32), generation);
        }
    }

    fn recycle(&self, payloads: impl Iterator<Item = Payload>) {
        let mut state = self.state.borrow_mut();
        for payload in payloads {
            if let Payload::Bytes(bytes) = payload {
                state.recycle(bytes);
            }
        }
    }

    /// Decides when the owner of this outgoing direction learns that its connection has ended.
    fn tell_by_choice(&self, out: PipeId, generation: u32) {
        let streams = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(out, generation) else {
                return;
            };
            if conn.sides[out.direction()].gone {
                return;
            }
            conn.pipes[1 - out.direction()].streams
        };
        let half_open = self.sim.choose(streams.half_open, &Coin);
        let notice = self.sim.choose(streams.notice, &Notices);
        if half_open {
            let mut state = self.state.borrow_mut();
            if let Some(conn) = state.conn(out, generation) {
                conn.sides[out.direction()].half_open = true;
            }
            return;
        }
        match notice {
            Notice::Inline => self.tell(out, generation),
            Notice::NextTurn => self.tell_later(out, Told::Soon),
            Notice::Later(delay) => self.tell_later(out, Told::After(delay)),
        }
    }

    /// Queues the notice for the owner of this outgoing direction.
    pub(super) fn tell_later(&self, out: PipeId, when: Told) {
        let incoming = out.reverse();
        let (node, name, generation, waiting) = {
            let state = self.state.borrow();
            let conn = &state.conns[out.conn()];
            let side = &conn.sides[out.direction()];
            let incoming = &conn.pipes[incoming.direction()];
            (
                incoming.to,
                incoming.name,
                conn.generation,
                side.notice.is_some() || side.told.is_some() || side.gone,
            )
        };
        if waiting {
            return;
        }
        let (lane, delay) = match when {
            Told::Soon => (Lane::SOON, Duration::ZERO),
            Told::After(delay) => (Lane::TIMER, delay),
        };
        let key = self.sim.schedule(Schedule {
            at: self.sim.now() + delay,
            lane,
            node,
            label: "end",
            subject: name,
            action: Action::Resource {
                resource: self.id.get(),
                token: deliver::token(deliver::NOTICE, generation, incoming.0),
            },
        });
        self.state.borrow_mut().conns[out.conn()].sides[out.direction()].notice = Some(key);
    }

    /// A queued notice is due; `incoming` is the direction towards the owner.
    pub(super) fn notice_due(&self, incoming: PipeId, generation: u32) {
        self.tell(incoming.reverse(), generation);
    }

    /// Tells the owner of this outgoing direction: its readers and writers wake, its callback runs.
    fn tell(&self, out: PipeId, generation: u32) {
        let (node, name, reason) = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(out, generation) else {
                return;
            };
            let reason = conn.ended.unwrap_or(EndReason::Reset);
            let side = &mut conn.sides[out.direction()];
            side.notice = None;
            side.half_open = false;
            if side.gone || side.told.is_some() {
                return;
            }
            side.told = Some(reason);
            (
                conn.pipes[out.direction()].from,
                conn.pipes[1 - out.direction()].name,
                reason,
            )
        };
        let event = self.sim.emit(node, &kinds::TOLD, name, [0; 3]);
        self.sim.set_cause(event);
        self.wake_owner(out, generation, reason);
    }

    /// Wakes whoever waits on this side, and calls its end callback once.
    fn wake_owner(&self, out: PipeId, generation: u32, reason: EndReason) {
        let (reader, writer, on_data, on_end) = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(out, generation) else {
                return;
            };
            let incoming = &mut conn.pipes[1 - out.direction()];
            let (reader, on_data) = (incoming.reader.take(), incoming.on_data.take());
            let writer = conn.pipes[out.direction()].writer.take();
            (
                reader,
                writer,
                on_data,
                conn.sides[out.direction()].on_end.take(),
            )
        };
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
        // Dropped here, with no borrow held: a handler may own the last handle of another connection.
        drop(on_data);
        if let Some(on_end) = on_end {
            on_end(reason);
        }
    }

    /// The owner of this outgoing direction has dropped its handle.
    pub(super) fn close_side(&self, out: PipeId, generation: u32, abort: bool) {
        let (orderly, notice, handlers) = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(out, generation) else {
                return;
            };
            let side = &mut conn.sides[out.direction()];
            if side.gone {
                return;
            }
            side.gone = true;
            let notice = side.notice.take();
            let on_end = side.on_end.take();
            let incoming = &mut conn.pipes[1 - out.direction()];
            let unread = !incoming.received.is_empty();
            let handlers = (on_end, incoming.on_data.take(), incoming.reader.take());
            let outgoing = &conn.pipes[out.direction()];
            let orderly = !abort && !unread && !outgoing.fin_sent && conn.ended.is_none();
            (orderly, notice, handlers)
        };
        drop(handlers);
        if let Some(key) = notice {
            self.sim.unschedule(key);
        }
        if orderly {
            self.send_fin(out, generation);
        } else if abort || !self.fin_sent(out, generation) {
            self.end(out, generation, EndReason::Reset);
        }
        self.free_if_over(out, generation);
    }

    fn fin_sent(&self, out: PipeId, generation: u32) -> bool {
        let mut state = self.state.borrow_mut();
        state
            .conn(out, generation)
            .is_none_or(|conn| conn.pipes[out.direction()].fin_sent)
    }

    /// Half-close: this side will write no more.
    pub(super) fn send_fin(&self, out: PipeId, generation: u32) {
        {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(out, generation) else {
                return;
            };
            let pipe = &mut conn.pipes[out.direction()];
            if pipe.fin_sent || conn.ended.is_some() {
                return;
            }
            pipe.fin_sent = true;
        }
        let transit = self.transit_of_fin(out);
        self.push_payload(out, Payload::Fin, transit, "fin", false);
    }

    /// Frees the slot of a connection that nobody holds and on which nothing is under way.
    pub(super) fn free_if_over(&self, pipe: PipeId, generation: u32) {
        let dropped = {
            let mut state = self.state.borrow_mut();
            let Some(conn) = state.conn(pipe, generation) else {
                return;
            };
            let idle = conn.pipes.iter().all(|pipe| pipe.in_flight.is_empty());
            if !idle || conn.sides.iter().any(|side| !side.gone) {
                return;
            }
            conn.generation = conn.generation.wrapping_add(1) & 0xFF_FFFF;
            let mut dropped = Vec::new();
            for pipe in &mut conn.pipes {
                dropped.extend(pipe.received.drain(..).map(|chunk| chunk.bytes));
            }
            state.free.push(pipe.conn());
            dropped
        };
        let mut state = self.state.borrow_mut();
        for buffer in dropped {
            state.recycle(buffer);
        }
    }

    /// Both directions of a connection whose nodes are these have nothing under way: used when a node is forgotten.
    pub(super) fn forget_node(&self, node: NodeId) {
        let (listeners, dials) = {
            let mut state = self.state.borrow_mut();
            let keys: Vec<_> = state
                .listeners
                .keys()
                .filter(|(owner, _)| *owner == node)
                .cloned()
                .collect();
            let listeners: Vec<_> = keys
                .into_iter()
                .filter_map(|key| state.listeners.remove(&key))
                .collect();
            let numbers: Vec<u32> = state
                .dials
                .iter()
                .filter(|(_, dial)| dial.is_of(node))
                .map(|(number, _)| *number)
                .collect();
            let dials: Vec<_> = numbers
                .into_iter()
                .filter_map(|number| state.dials.remove(&number))
                .collect();
            (listeners, dials)
        };
        drop((listeners, dials));
    }
}
