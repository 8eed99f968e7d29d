//! Writing: what the network does to bytes on their way.

use std::cell::RefMut;
use std::ops::Range;
use std::time::Duration;

use super::connect::NetError;
use super::deliver;
use super::end::Told;
use super::kinds;
use super::sites::{Block, Blocks, Cut, Cuts, Part, STALL_MAX};
use super::state::{Inner, Marks, Payload, PipeId, PipeStreams, Segment, State};
use super::{Way, links};
use crate::choice::{Choices, Coin, Domain, Latency, StreamId};
use crate::kernel::{Action, Governed, NodeId, Schedule};

/// What a writer hands over: a message with its header, or bytes of a stream.
pub(super) struct Outgoing<'a> {
    /// The length, in front of a message.
    pub(super) header: Option<[u8; 4]>,
    pub(super) body: &'a [u8],
    /// A message: taken completely, even if it travels in two pieces. Otherwise a part may be taken.
    pub(super) whole: bool,
    /// A message that comes once and overtakes none.
    pub(super) in_order: bool,
    /// The label of its event.
    pub(super) label: &'static str,
}

impl Outgoing<'_> {
    fn len(&self) -> usize {
        self.header_bytes().len() + self.body.len()
    }

    fn header_bytes(&self) -> &[u8] {
        self.header.as_ref().map_or(&[], |header| header)
    }

    fn copy_all(&self, buffer: &mut Vec<u8>) {
        buffer.reserve(self.len());
        if let Some(header) = self.header {
            buffer.extend_from_slice(&header);
        }
        buffer.extend_from_slice(self.body);
    }

    fn copy(&self, range: Range<usize>, buffer: &mut Vec<u8>) {
        let header = self.header_bytes();
        let split = header.len();
        buffer.extend_from_slice(&header[range.start.min(split)..range.end.min(split)]);
        let (start, end) = (range.start.max(split) - split, range.end.max(split) - split);
        buffer.extend_from_slice(&self.body[start..end]);
    }
}

/// How long a segment is under way, and which choice said so.
#[derive(Clone, Copy)]
pub(super) struct Transit {
    pub(super) latency: Duration,
    stream: StreamId,
    n: u64,
}

impl Transit {
    /// For telling an explored order as latencies; `base` comes on top of the latency in any case.
    pub(super) fn governs(self, base: Duration) -> Governed {
        Governed { stream: self.stream, n: self.n, latency: self.latency, base }
    }
}

/// What the choices say about one write.
struct Weather {
    cut: Cut,
    block: Block,
    taken: usize,
    stall: Duration,
    twice: bool,
    overtakes: bool,
}

impl Weather {
    fn fair(bytes: usize) -> Weather {
        Weather {
            cut: Cut::None,
            block: Block::None,
            taken: bytes,
            stall: STALL_MAX.quiet(),
            twice: false,
            overtakes: false,
        }
    }

    /// Nothing happens to it, apart from taking its time.
    fn is_fair(&self, bytes: usize) -> bool {
        self.taken == bytes && self.cut == Cut::None && self.block == Block::None && !self.twice && !self.overtakes
    }

    fn marks(&self) -> Marks {
        if self.stall == STALL_MAX.quiet() { Marks::default() } else { Marks::STALLED }
    }
}

impl Inner {
    /// Writes into a direction. Answers how many bytes were taken.
    pub(super) fn write(&self, pipe: PipeId, generation: u32, outgoing: &Outgoing<'_>) -> Result<usize, NetError> {
        let mut state = self.state.borrow_mut();
        let conn = state.conn(pipe, generation).ok_or(NetError::Reset)?;
        let side = &conn.sides[pipe.direction()];
        if side.gone {
            return Err(NetError::Closed);
        }
        if side.told {
            self.notice_end(conn);
            return Err(NetError::Reset);
        }
        let direction = &conn.pipes[pipe.direction()];
        if direction.fin_sent {
            return Err(NetError::Closed);
        }
        let bytes = outgoing.len();
        if conn.ended {
            self.write_into_nothing(&mut state, pipe, bytes);
            return Ok(bytes);
        }
        let overtakable = direction.in_flight.back().is_some_and(|last| last.marks.has(Marks::WHOLE));
        let streams = direction.streams;
        let (transit, calm) = self.sim.with_choices(|choices| {
            let transit = self.transit(choices, streams.latency);
            (transit, choices.pass_all(&streams.of_a_write()))
        });
        let mut piece = Piece {
            transit,
            stall: Duration::ZERO,
            marks: if outgoing.whole { Marks::WHOLE } else { Marks::default() },
            ends: None,
        };
        if !calm || direction.ends_after_next.is_some() {
            let weather = if calm { Weather::fair(bytes) } else { self.weather(streams, bytes, outgoing, overtakable) };
            piece.stall = weather.stall;
            if !weather.is_fair(bytes) || direction.ends_after_next.is_some() {
                let taken = self.write_in_bad_weather(state, pipe, outgoing, &weather, transit);
                return Ok(taken);
            }
            piece.marks.add(weather.marks());
        }
        let mut buffer = state.buffer();
        outgoing.copy_all(&mut buffer);
        let payload = Payload::Bytes(buffer);
        self.push_payload(&mut state, pipe, payload, outgoing.label, piece);
        Ok(bytes)
    }

    /// Asks every fault site about one write, each exactly once, so that the n-th write is always the n-th offer.
    fn weather(&self, streams: PipeStreams, bytes: usize, outgoing: &Outgoing<'_>, overtakable: bool) -> Weather {
        let bytes = bytes as u64;
        self.sim.with_choices(|choices| {
            let stall = choices.choose(streams.stall, &STALL_MAX);
            let taken = choices.choose(streams.partial_write, &Part { bytes });
            let cut = choices.choose(streams.cut, &Cuts { bytes });
            let block = choices.choose(streams.partition, &Blocks);
            let mut coin = |stream, applies| {
                if applies {
                    choices.choose(stream, &Coin)
                } else {
                    choices.ineligible(stream);
                    false
                }
            };
            let in_one_piece = outgoing.whole && taken == bytes && cut == Cut::None;
            let shuffled = in_one_piece && !outgoing.in_order;
            let twice = coin(streams.duplicate, shuffled);
            let overtakes = coin(streams.reorder, shuffled && overtakable && !twice);
            Weather { cut, block, taken: taken as usize, stall, twice, overtakes }
        })
    }

    /// Chooses how long something is under way.
    pub(super) fn transit(&self, choices: &mut Choices, stream: StreamId) -> Transit {
        let latencies = Latency { quiet: self.config.latency, max: self.config.latency_max };
        Transit { n: choices.position(stream), stream, latency: choices.choose(stream, &latencies) }
    }

    #[cold]
    fn write_in_bad_weather(
        &self,
        mut guard: RefMut<'_, State>,
        pipe: PipeId,
        outgoing: &Outgoing<'_>,
        weather: &Weather,
        transit: Transit,
    ) -> usize {
        let state = &mut *guard;
        let direction = &mut state.conns[pipe.conn()].pipes[pipe.direction()];
        let (from, to, streams) = (direction.from, direction.to, direction.streams);
        let taken = if outgoing.whole { outgoing.len() } else { weather.taken };
        if taken < outgoing.len() {
            self.sim.observed(streams.partial_write);
        }
        let blocked = match weather.block {
            Block::None => None,
            Block::OneWay(length) => Some((Way::One, length)),
            Block::BothWays(length) => Some((Way::Both, length)),
        };
        if let Some((way, length)) = blocked {
            let fault = links::TimedFault { length, stream: streams.partition };
            self.block(state, from, to, way, Some(&fault));
        }
        let direction = &mut state.conns[pipe.conn()].pipes[pipe.direction()];
        let mut ends = direction.ends_after_next.take();
        let mut arriving = taken;
        if weather.cut != Cut::None {
            self.note_cut(from, direction.name, weather.cut);
            match weather.cut {
                Cut::None => {}
                Cut::BeforeDelivery => {
                    let conn = &mut state.conns[pipe.conn()];
                    conn.ended_by = Some(streams.cut);
                    let generation = conn.generation;
                    drop(guard);
                    self.end(pipe, generation, from);
                    return taken;
                }
                Cut::Inside(count) => {
                    arriving = taken.min(count as usize);
                    ends = Some(streams.cut);
                }
                Cut::BeforeReply => ends = Some(streams.cut),
                Cut::AfterReply => {
                    let reverse = pipe.reverse().direction();
                    state.conns[pipe.conn()].pipes[reverse].ends_after_next = Some(streams.cut);
                }
            }
        }
        let split = if outgoing.whole { weather.taken.min(arriving) } else { arriving };
        let in_one_piece = outgoing.whole && split == outgoing.len();
        let mut first =
            Piece { transit, stall: weather.stall, marks: weather.marks(), ends: ends.filter(|_| split == arriving) };
        if in_one_piece {
            first.marks.add(Marks::WHOLE);
        }
        self.push(state, pipe, outgoing, 0..split, first);
        if split < arriving {
            let second = Piece { marks: Marks::SPLIT, ends, ..first };
            self.push(state, pipe, outgoing, split..arriving, second);
        }
        if weather.twice {
            self.emit_on_sender(state, pipe, &kinds::DUPLICATE, arriving);
            let mut copy = Piece { marks: Marks::COPY, ends: None, ..first };
            copy.marks.add(Marks::WHOLE);
            self.push(state, pipe, outgoing, 0..arriving, copy);
        }
        if weather.overtakes {
            self.overtake(state, pipe);
        }
        taken
    }

    fn note_cut(&self, from: NodeId, name: crate::trace::NameId, cut: Cut) {
        let words = match cut {
            Cut::None => return,
            Cut::BeforeDelivery => "before delivery",
            Cut::Inside(_) => "inside the data",
            Cut::BeforeReply => "after delivery, before the reply",
            Cut::AfterReply => "after the reply",
        };
        let event = self.sim.emit_text(from, &kinds::CUT, name, [0; 3], format_args!("{words}"));
        self.sim.set_cause(event);
    }

    /// The connection has ended but the writer does not know: its bytes vanish, and it finds out that nobody is there.
    #[cold]
    fn write_into_nothing(&self, state: &mut State, pipe: PipeId, bytes: usize) {
        let conn = &state.conns[pipe.conn()];
        let streams = conn.pipes[pipe.direction()].streams;
        self.sim.with_choices(|choices| {
            choices.ineligible(streams.latency);
            for stream in streams.of_a_write() {
                choices.ineligible(stream);
            }
        });
        self.emit_on_sender(state, pipe, &kinds::LOST, bytes);
        if conn.sides[pipe.direction()].half_open {
            self.tell_later(state, pipe, Told::After(self.config.latency * 2));
        }
    }

    fn push(&self, state: &mut State, pipe: PipeId, outgoing: &Outgoing<'_>, range: Range<usize>, piece: Piece) {
        let mut buffer = state.buffer();
        outgoing.copy(range, &mut buffer);
        self.push_payload(state, pipe, Payload::Bytes(buffer), outgoing.label, piece);
    }

    /// Puts a segment under way, behind everything that is under way in its direction.
    pub(super) fn push_payload(
        &self,
        state: &mut State,
        pipe_id: PipeId,
        payload: Payload,
        label: &'static str,
        piece: Piece,
    ) {
        let conn = &mut state.conns[pipe_id.conn()];
        let pipe = &mut conn.pipes[pipe_id.direction()];
        let delay = piece.transit.latency + piece.stall;
        let (bytes, delay_ns) = (payload.bytes(), links::nanoseconds(delay));
        let kind = match payload {
            Payload::Rst => &kinds::RESET,
            Payload::Fin => &kinds::CLOSE,
            Payload::Bytes(_) => &kinds::SEND,
        };
        let args = [bytes as u64, delay_ns, 0];
        let sent = self.sim.emit(pipe.from, kind, pipe.name, args);
        let sent_at = self.sim.node_now(pipe.from);
        let at = (sent_at + delay).max(pipe.last_at);
        pipe.last_at = at;
        let schedule = Schedule {
            at,
            lane: pipe.lane,
            node: pipe.to,
            label,
            subject: pipe.name,
            action: Action::Resource {
                resource: self.id.get(),
                token: deliver::token(deliver::ARRIVE, conn.generation, pipe_id.0),
            },
        };
        let key = self.sim.schedule_caused(schedule, sent);
        if self.sim.keeps_timings() {
            let base = (sent_at - self.sim.now()) + piece.stall;
            self.sim.governed(key, piece.transit.governs(base));
        }
        pipe.pending_bytes += bytes;
        pipe.in_flight.push_back(Segment { payload, sent, marks: piece.marks, ends: piece.ends, key });
    }

    /// The last message changes places with the one before it.
    fn overtake(&self, state: &mut State, pipe: PipeId) {
        let in_flight = &mut state.conns[pipe.conn()].pipes[pipe.direction()].in_flight;
        let mut last_two = in_flight.iter_mut().rev();
        let (Some(late), Some(early)) = (last_two.next(), last_two.next()) else {
            return;
        };
        std::mem::swap(&mut late.payload, &mut early.payload);
        std::mem::swap(&mut late.sent, &mut early.sent);
        std::mem::swap(&mut late.marks, &mut early.marks);
        early.marks.add(Marks::OVERTOOK);
        let bytes = early.payload.bytes();
        self.emit_on_sender(state, pipe, &kinds::REORDER, bytes);
    }

    fn emit_on_sender(&self, state: &State, pipe: PipeId, kind: &'static crate::trace::Kind, bytes: usize) {
        let pipe = &state.conns[pipe.conn()].pipes[pipe.direction()];
        self.sim.emit(pipe.from, kind, pipe.name, [bytes as u64, 0, 0]);
    }
}

/// How a segment travels.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) transit: Transit,
    /// The direction stands still for this long before.
    pub(super) stall: Duration,
    pub(super) marks: Marks,
    pub(super) ends: Option<StreamId>,
}
