//! Connections that end, and telling their owners: two events, not one.
//!
//! A cut ends a connection at once. A side that aborts, or whose process was killed, sends a reset behind what it has
//! under way, and the connection ends when that arrives.

use std::time::Duration;

use super::sites::{LATENCY, Notice, Notices};
use super::state::{Conn, EndReason, Inner, Marks, Payload, PipeId, State};
use super::transmit::Piece;
use super::{deliver, kinds};
use crate::choice::Coin;
use crate::kernel::{Action, Down, Lane, NodeId, Schedule};
use crate::trace::{EventId, NameId};

/// When an owner is told.
pub(super) enum Told {
    /// Before everything else at this instant.
    Soon,
    /// After a while.
    After(Duration),
}

impl Inner {
    /// The connection of this direction ends: what is under way is lost, and each owner is told when the choice says.
    /// `at` is the node whose code or event this is.
    pub(super) fn end(&self, pipe: PipeId, generation: u32, at: NodeId) {
        let event = {
            let mut state = self.state.borrow_mut();
            match state.conn(pipe, generation) {
                Some(conn) if !conn.ended => self.close_off(&mut state, pipe, at),
                _ => return,
            }
        };
        self.tell_both(pipe, generation, at, event);
    }

    /// The first half of the end: nothing arrives any more, nobody knows yet.
    pub(super) fn close_off(&self, state: &mut State, pipe: PipeId, at: NodeId) -> EventId {
        let conn = &mut state.conns[pipe.conn()];
        conn.ended = true;
        let mut lost = 0;
        for (index, direction) in conn.pipes.iter_mut().enumerate() {
            if std::mem::take(&mut direction.parked) > 0 {
                let gone = PipeId((pipe.conn() * 2 + index) as u32);
                let waiting = &mut state.links[direction.link.0].waiting;
                waiting.retain(|waiting| *waiting != gone);
            }
            for segment in direction.in_flight.drain(..) {
                self.sim.unschedule(segment.key);
                lost += segment.payload.bytes();
            }
        }
        let name = conn.pipes[pipe.direction()].name;
        self.sim.emit(at, &kinds::ENDED, name, [lost as u64, 0, 0])
    }

    /// The second half: both owners are told, each when its choice says.
    pub(super) fn tell_both(&self, pipe: PipeId, generation: u32, at: NodeId, ended: EventId) {
        for out in [pipe, pipe.reverse()] {
            self.sim.set_cause(ended);
            self.tell_by_choice(out, generation, at);
        }
    }

    /// Decides when the owner of this outgoing direction learns that its connection has ended.
    fn tell_by_choice(&self, out: PipeId, generation: u32, at: NodeId) {
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(out, generation) else {
            return;
        };
        let side = &mut conn.sides[out.direction()];
        if side.gone {
            return;
        }
        let streams = conn.pipes[1 - out.direction()].streams;
        // Another node's code never runs on this stack.
        let on_stack = conn.pipes[out.direction()].from == at;
        let half_open = self.sim.choose(streams.half_open, &Coin);
        let notice = self.sim.choose(streams.notice, &Notices { on_stack });
        side.half_open = half_open;
        if half_open {
            return;
        }
        side.odd_notice = notice != Notice::NextTurn;
        match notice {
            Notice::Inline => {
                drop(state);
                self.tell(out, generation);
            }
            Notice::NextTurn => self.tell_later(&mut state, out, Told::Soon),
            Notice::Later(delay) => self.tell_later(&mut state, out, Told::After(delay)),
        }
    }

    /// Queues the notice for the owner of this outgoing direction.
    pub(super) fn tell_later(&self, state: &mut State, out: PipeId, when: Told) {
        let conn = &mut state.conns[out.conn()];
        let side = &mut conn.sides[out.direction()];
        if side.notice.is_some() || side.told || side.gone {
            return;
        }
        let (lane, delay) = match when {
            Told::Soon => (Lane::SOON, Duration::ZERO),
            Told::After(delay) => (Lane::TIMER, delay),
        };
        let incoming = &conn.pipes[1 - out.direction()];
        let key = self.sim.schedule(Schedule {
            at: self.sim.now() + delay,
            lane,
            node: incoming.to,
            label: "end",
            subject: incoming.name,
            action: Action::Resource {
                resource: self.id.get(),
                token: deliver::token(deliver::NOTICE, conn.generation, out.reverse().0),
            },
        });
        side.notice = Some(key);
    }

    /// A queued notice is due; `incoming` is the direction towards the owner.
    pub(super) fn notice_due(&self, incoming: PipeId, generation: u32) {
        self.tell(incoming.reverse(), generation);
    }

    /// Tells the owner of this outgoing direction: its readers and writers wake, its callback runs once.
    fn tell(&self, out: PipeId, generation: u32) {
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(out, generation) else {
            return;
        };
        let side = &mut conn.sides[out.direction()];
        side.notice = None;
        if side.gone || side.told {
            return;
        }
        side.told = true;
        let half_open = std::mem::take(&mut side.half_open);
        let odd_notice = std::mem::take(&mut side.odd_notice);
        let on_end = side.on_end.take();
        let node = conn.pipes[out.direction()].from;
        let incoming = &mut conn.pipes[1 - out.direction()];
        let event = self.sim.emit(node, &kinds::TOLD, incoming.name, [0; 3]);
        self.sim.set_cause(event);
        if half_open {
            self.sim.observed(incoming.streams.half_open);
        }
        if odd_notice {
            self.sim.observed(incoming.streams.notice);
        }
        incoming.reader.wake();
        let on_data = incoming.on_data.take();
        let writer = conn.pipes[out.direction()].writer.take();
        if on_end.is_some() {
            self.notice_end(conn);
        }
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        // Dropped here, with no borrow held: a handler may own the last handle of another connection.
        drop(on_data);
        if let Some(on_end) = on_end {
            on_end(EndReason::Reset);
        }
    }

    /// The code under test sees that the connection has ended: so it sees the fault that ended it.
    pub(super) fn notice_end(&self, conn: &mut Conn) {
        if let Some(fault) = conn.ended_by.take() {
            self.sim.observed(fault);
        }
    }

    /// The owner of this outgoing direction gives it up: it has dropped its handle, or resets the connection.
    pub(super) fn close_side(&self, out: PipeId, generation: u32, abort: bool) {
        let mut state = self.state.borrow_mut();
        let Some(conn) = state.conn(out, generation) else {
            return;
        };
        let side = &mut conn.sides[out.direction()];
        if side.gone {
            return;
        }
        side.gone = true;
        let (notice, on_end) = (side.notice.take(), side.on_end.take());
        let incoming = &mut conn.pipes[1 - out.direction()];
        let unread = !incoming.received.is_empty();
        incoming.reader.wake();
        let on_data = incoming.on_data.take();
        let writer = conn.pipes[out.direction()].writer.take();
        if let Some(key) = notice {
            self.sim.unschedule(key);
        }
        if abort || unread {
            self.send_rst(&mut state, out);
        } else {
            self.send_fin(&mut state, out);
        }
        self.free_if_over(&mut state, out, generation);
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        drop((on_end, on_data));
    }

    /// Half-close: this side will write no more.
    pub(super) fn send_fin(&self, state: &mut State, out: PipeId) {
        let conn = &mut state.conns[out.conn()];
        let pipe = &mut conn.pipes[out.direction()];
        if pipe.fin_sent || pipe.rst_sent || conn.ended {
            return;
        }
        pipe.fin_sent = true;
        let last = self.last_piece(pipe.name);
        self.push_payload(state, out, Payload::Fin, "fin", last);
    }

    /// This side knows nothing of the connection any more, and says so.
    pub(super) fn send_rst(&self, state: &mut State, out: PipeId) {
        let conn = &mut state.conns[out.conn()];
        let pipe = &mut conn.pipes[out.direction()];
        if pipe.rst_sent || conn.ended {
            return;
        }
        pipe.rst_sent = true;
        let last = self.last_piece(pipe.name);
        self.push_payload(state, out, Payload::Rst, "reset", last);
    }

    /// What says that a direction has ended takes its time like everything else. It has a stream of its own, so
    /// that the n-th write stays the n-th offer.
    fn last_piece(&self, direction: NameId) -> Piece {
        let actor = format!("{}/end", self.sim.name_text(direction));
        let stream = self.sim.stream(&LATENCY, &actor);
        Piece {
            transit: self.sim.with_choices(|choices| self.transit(choices, stream)),
            stall: Duration::ZERO,
            marks: Marks::default(),
            ends: None,
        }
    }

    /// Frees the slot of a connection that nobody holds and on which nothing is under way.
    pub(super) fn free_if_over(&self, state: &mut State, pipe: PipeId, generation: u32) {
        let Some(conn) = state.conn(pipe, generation) else {
            return;
        };
        let idle = conn.pipes.iter().all(|pipe| pipe.in_flight.is_empty());
        if !idle || conn.sides.iter().any(|side| !side.gone) {
            return;
        }
        conn.generation = conn.generation.wrapping_add(1) & deliver::GENERATION_MASK;
        for side in &mut conn.sides {
            (side.vanished, side.half_open) = (false, false);
        }
        let [near, far] = &mut conn.pipes;
        let (near, far) = (std::mem::take(&mut near.received), std::mem::take(&mut far.received));
        for chunk in near.into_iter().chain(far) {
            state.recycle(chunk.bytes);
        }
        state.free.push(pipe.conn());
    }

    /// A node has gone down: nobody listens there, and nobody waits for a connection.
    pub(super) fn forget_node(&self, node: NodeId, how: Down) {
        let mut state = self.state.borrow_mut();
        match how {
            Down::PowerCut => state.dark.insert(node),
            Down::Kill => state.dark.remove(&node),
        };
        let (gone, listeners) =
            std::mem::take(&mut state.listeners).into_iter().partition(|((owner, _), _)| *owner == node);
        state.listeners = listeners;
        let (forgotten, dials) = std::mem::take(&mut state.dials).into_iter().partition(|(_, dial)| dial.is_of(node));
        state.dials = dials;
        for dial in forgotten.values() {
            self.forget_timeout(dial);
        }
        drop(state);
        drop((gone, forgotten));
    }
}
