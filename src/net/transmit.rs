//! Writing: what the network does to bytes on their way.

use std::time::Duration;

use super::connect::NetError;
use super::end::Told;
use super::kinds;
use super::sites::{Block, Blocks, Cut, Cuts, LATENCY, Part, STALL_MAX};
use super::state::{EndReason, Inner, Payload, PipeId, Segment};
use super::{Way, deliver};
use crate::choice::{Coin, StreamId};
use crate::kernel::{Action, Governed, Schedule};

/// How long a segment is under way.
#[derive(Clone, Copy)]
pub(super) struct Transit {
    latency: Duration,
    /// The direction stands still for this long before.
    stall: Duration,
    /// The choice that decided the latency.
    stream: StreamId,
    n: u64,
}

/// What the choices say about one write.
struct Weather {
    cut: Cut,
    block: Block,
    taken: usize,
    transit: Transit,
    twice: bool,
    overtakes: bool,
}

impl Inner {
    /// Writes bytes into a direction. `whole`: they are a message, which is sent completely even if in two pieces;
    /// otherwise a part may be taken. Answers how many bytes were taken.
    pub(super) fn write(
        &self,
        pipe: PipeId,
        generation: u32,
        bytes: &[u8],
        label: &'static str,
        whole: bool,
    ) -> Result<usize, NetError> {
        let ended = {
            let mut state = self.state.borrow_mut();
            let conn = state.conn(pipe, generation).ok_or(NetError::Reset)?;
            let side = &conn.sides[pipe.direction()];
            if side.told.is_some() {
                return Err(NetError::Reset);
            }
            if conn.pipes[pipe.direction()].fin_sent {
                return Err(NetError::Closed);
            }
            conn.ended.is_some()
        };
        let weather = self.weather(pipe, bytes.len(), whole);
        let taken = if whole { bytes.len() } else { weather.taken };
        if ended {
            self.write_into_nothing(pipe, taken);
            return Ok(taken);
        }
        self.apply_block(pipe, weather.block);
        if weather.cut != Cut::None {
            self.note_cut(pipe, weather.cut);
        }
        match weather.cut {
            Cut::BeforeDelivery => {
                self.end(pipe, generation, EndReason::Reset);
                return Ok(taken);
            }
            Cut::AfterReply => {
                let mut state = self.state.borrow_mut();
                let reverse = pipe.reverse();
                state.conns[pipe.conn()].pipes[reverse.direction()].ends_after_next = true;
            }
            Cut::None | Cut::Inside(_) | Cut::BeforeReply => {}
        }
        let (arriving, ends) = match weather.cut {
            Cut::Inside(count) => (&bytes[..(count as usize).min(taken)], true),
            Cut::BeforeReply => (&bytes[..taken], true),
            _ => (&bytes[..taken], false),
        };
        let ends = self.take_ends_after_next(pipe) || ends;
        let split = if whole && weather.taken < arriving.len() {
            weather.taken
        } else {
            arriving.len()
        };
        self.push(
            pipe,
            &arriving[..split],
            weather.transit,
            label,
            ends && split == arriving.len(),
        );
        if split < arriving.len() {
            self.push(pipe, &arriving[split..], weather.transit, label, ends);
        }
        if weather.twice {
            self.emit_on_sender(pipe, &kinds::DUPLICATE, arriving.len() as u64);
            self.push(pipe, arriving, weather.transit, label, false);
        }
        if weather.overtakes {
            self.overtake(pipe);
        }
        Ok(taken)
    }

    /// Asks every site about one write, each exactly once, so that the n-th write is always the n-th offer.
    fn weather(&self, pipe: PipeId, bytes: usize, whole: bool) -> Weather {
        let (streams, overtakable) = {
            let state = self.state.borrow();
            let conn = &state.conns[pipe.conn()];
            let pipe = &conn.pipes[pipe.direction()];
            let last_is_data = matches!(
                pipe.in_flight.back(),
                Some(Segment {
                    payload: Payload::Bytes(_),
                    ..
                })
            );
            (pipe.streams, last_is_data)
        };
        let latency = self.latencies();
        let bytes = bytes as u64;
        self.sim.with_choices(|choices| {
            let transit = Transit {
                n: choices.position(streams.latency),
                stream: streams.latency,
                latency: choices.choose(streams.latency, &latency),
                stall: choices.choose(streams.stall, &STALL_MAX),
            };
            let taken = choices.choose(streams.partial_write, &Part { bytes });
            let cut = choices.choose(streams.cut, &Cuts { bytes });
            let block = choices.choose(streams.partition, &Blocks);
            let twice = if whole {
                choices.choose(streams.duplicate, &Coin)
            } else {
                choices.ineligible(streams.duplicate);
                false
            };
            let overtakes = if whole && overtakable {
                choices.choose(streams.reorder, &Coin)
            } else {
                choices.ineligible(streams.reorder);
                false
            };
            Weather {
                cut,
                block,
                taken: taken as usize,
                transit,
                twice,
                overtakes,
            }
        })
    }

    fn apply_block(&self, pipe: PipeId, block: Block) {
        let (from, to) = self.ends_of(pipe);
        match block {
            Block::None => {}
            Block::OneWay(length) => self.block(from, to, Way::One, Some(length)),
            Block::BothWays(length) => self.block(from, to, Way::Both, Some(length)),
        }
    }

    fn note_cut(&self, pipe: PipeId, cut: Cut) {
        let (from, _) = self.ends_of(pipe);
        let name = self.state.borrow().conns[pipe.conn()].pipes[pipe.direction()].name;
        let words = match cut {
            Cut::None => return,
            Cut::BeforeDelivery => "before delivery",
            Cut::Inside(_) => "inside the data",
            Cut::BeforeReply => "after delivery, before the reply",
            Cut::AfterReply => "after the reply",
        };
        let event = self
            .sim
            .emit_text(from, &kinds::CUT, name, [0; 3], format_args!("{words}"));
        self.sim.set_cause(event);
    }

    /// The connection has ended but the writer does not know: its bytes vanish, and they find out that nobody is there.
    fn write_into_nothing(&self, pipe: PipeId, bytes: usize) {
        self.emit_on_sender(pipe, &kinds::LOST, bytes as u64);
        let half_open = {
            let mut state = self.state.borrow_mut();
            let side = &mut state.conns[pipe.conn()].sides[pipe.direction()];
            std::mem::take(&mut side.half_open)
        };
        if half_open {
            self.tell_later(pipe, Told::After(self.config.latency * 2));
        }
    }

    fn take_ends_after_next(&self, pipe: PipeId) -> bool {
        let mut state = self.state.borrow_mut();
        std::mem::take(&mut state.conns[pipe.conn()].pipes[pipe.direction()].ends_after_next)
    }

    /// How long the end of a direction takes to arrive; the sites of a write do not apply to it.
    pub(super) fn transit_of_fin(&self, pipe: PipeId) -> Transit {
        let name = self.state.borrow().conns[pipe.conn()].pipes[pipe.direction()].name;
        let actor = format!("{}/fin", self.sim.name_text(name));
        let stream = self.sim.stream(&LATENCY, &actor);
        Transit {
            n: self.sim.with_choices(|choices| choices.position(stream)),
            stream,
            latency: self.sim.choose(stream, &self.latencies()),
            stall: Duration::ZERO,
        }
    }

    fn push(&self, pipe: PipeId, bytes: &[u8], transit: Transit, label: &'static str, ends: bool) {
        let mut buffer = self.state.borrow_mut().buffer();
        buffer.extend_from_slice(bytes);
        self.push_payload(pipe, Payload::Bytes(buffer), transit, label, ends);
    }

    /// Puts a segment under way, behind everything that is under way in its direction.
    pub(super) fn push_payload(
        &self,
        pipe_id: PipeId,
        payload: Payload,
        transit: Transit,
        label: &'static str,
        ends: bool,
    ) {
        let bytes = match &payload {
            Payload::Bytes(bytes) => bytes.len(),
            Payload::Fin => 0,
        };
        let mut state = self.state.borrow_mut();
        let conn = &mut state.conns[pipe_id.conn()];
        let generation = conn.generation;
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let delay = transit.latency + transit.stall;
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let sent = self.sim.emit(
            pipe.from,
            &kinds::SEND,
            pipe.name,
            [bytes as u64, delay_ns, 0],
        );
        let sent_at = self.sim.node_now(pipe.from);
        let at = (sent_at + delay).max(pipe.last_at);
        pipe.last_at = at;
        let key = self.sim.schedule_caused(
            Schedule {
                at,
                lane: pipe.lane,
                node: pipe.to,
                label,
                subject: pipe.name,
                action: Action::Resource {
                    resource: self.id.get(),
                    token: deliver::token(deliver::ARRIVE, generation, pipe_id.0),
                },
            },
            sent,
        );
        let governed = Governed {
            stream: transit.stream,
            n: transit.n,
            latency: transit.latency,
            base: (sent_at - self.sim.now()) + transit.stall,
        };
        self.sim.governed(key, governed);
        pipe.pending_bytes += bytes;
        pipe.in_flight.push_back(Segment {
            payload,
            sent,
            ends,
            key: Some(key),
        });
    }

    /// The last message changes places with the one before it.
    fn overtake(&self, pipe: PipeId) {
        let bytes = {
            let mut state = self.state.borrow_mut();
            let in_flight = &mut state.conns[pipe.conn()].pipes[pipe.direction()].in_flight;
            let last = in_flight.len() - 1;
            if last == 0 {
                return;
            }
            let (head, tail) = in_flight.make_contiguous().split_at_mut(last);
            std::mem::swap(&mut head[last - 1].payload, &mut tail[0].payload);
            match &head[last - 1].payload {
                Payload::Bytes(bytes) => bytes.len(),
                Payload::Fin => 0,
            }
        };
        self.emit_on_sender(pipe, &kinds::REORDER, bytes as u64);
    }

    fn emit_on_sender(&self, pipe: PipeId, kind: &'static crate::trace::Kind, bytes: u64) {
        let (from, _) = self.ends_of(pipe);
        let name = self.state.borrow().conns[pipe.conn()].pipes[pipe.direction()].name;
        self.sim.emit(from, kind, name, [bytes, 0, 0]);
    }

    pub(super) fn ends_of(&self, pipe: PipeId) -> (crate::kernel::NodeId, crate::kernel::NodeId) {
        let state = self.state.borrow();
        let pipe = &state.conns[pipe.conn()].pipes[pipe.direction()];
        (pipe.from, pipe.to)
    }
}
