//! How hard each mode of a map update works, and when it is content.

use std::collections::{BTreeSet, VecDeque};

use crate::flows::publish::client::remote::Remote;
use crate::flows::publish::layout::VersionInfo;
use crate::flows::publish::servermap::{ServerId, ServerMap, UpdateMode};

/// Queries in flight when more servers have to be asked.
const QUERIES_IN_FLIGHT_MAX: usize = 5;

pub(super) struct State {
    pub(super) mode: UpdateMode,
    pub(super) running: bool,
    /// All servers, in permuted order, as they were when the update began.
    pub(super) all: Vec<ServerId>,
    /// Those nobody has asked yet.
    pub(super) extra: VecDeque<Remote>,
    pub(super) must_answer: BTreeSet<ServerId>,
    pub(super) outstanding: BTreeSet<ServerId>,
    pub(super) with_shares: BTreeSet<ServerId>,
    pub(super) empty: BTreeSet<ServerId>,
    pub(super) bad: BTreeSet<ServerId>,
    pub(super) completed: usize,
    /// How many servers to ask in the first round.
    pub(super) target: usize,
    /// How many servers without shares make a boundary.
    pub(super) epsilon: usize,
    /// Versions whose signature was verified: once is enough.
    pub(super) valid: BTreeSet<VersionInfo>,
}

/// What an update does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    Done,
    /// Ask more servers, until this many queries are in flight.
    Ask(usize),
}

impl State {
    pub(super) fn new(mode: UpdateMode, all: Vec<ServerId>, k: usize, n: usize) -> State {
        let epsilon = k;
        let target = if mode == UpdateMode::Write { n + epsilon } else { k + epsilon };
        State {
            mode,
            running: true,
            all,
            extra: VecDeque::new(),
            must_answer: BTreeSet::new(),
            outstanding: BTreeSet::new(),
            with_shares: BTreeSet::new(),
            empty: BTreeSet::new(),
            bad: BTreeSet::new(),
            completed: 0,
            target,
            epsilon,
            valid: BTreeSet::new(),
        }
    }

    /// The policy: how hard each mode works.
    pub(super) fn next<C>(&self, map: &ServerMap<C>) -> Next {
        if !self.running || !self.must_answer.is_empty() {
            return Next::Wait;
        }
        if self.outstanding.is_empty() && self.extra.is_empty() {
            return Next::Done;
        }
        let recoverable = map.recoverable();
        match self.mode {
            UpdateMode::Anything if !recoverable.is_empty() => Next::Done,
            UpdateMode::Anything => Next::Ask(QUERIES_IN_FLIGHT_MAX),
            UpdateMode::Check => Next::Done,
            UpdateMode::Read => {
                let enough = self.completed >= self.target && !recoverable.is_empty();
                if enough && map.unrecoverable_newer().is_empty() {
                    Next::Done
                } else {
                    Next::Ask(QUERIES_IN_FLIGHT_MAX)
                }
            }
            UpdateMode::Write if recoverable.is_empty() => Next::Ask(QUERIES_IN_FLIGHT_MAX),
            UpdateMode::Write => match self.silent_before_boundary() {
                None => Next::Ask(QUERIES_IN_FLIGHT_MAX),
                Some(0) => Next::Done,
                Some(silent) => Next::Ask(silent),
            },
        }
    }

    /// If ε servers without shares follow the last one with shares (failed servers are skipped): how many
    /// servers to the left of that have not answered yet.
    fn silent_before_boundary(&self) -> Option<usize> {
        let (mut seen_shares, mut empty, mut silent) = (false, 0, 0);
        for server in &self.all {
            if self.bad.contains(server) {
            } else if self.empty.contains(server) {
                if seen_shares {
                    empty += 1;
                    if empty >= self.epsilon {
                        return Some(silent);
                    }
                }
            } else if self.with_shares.contains(server) {
                seen_shares = true;
                empty = 0;
            } else {
                silent += 1;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(mode: UpdateMode, servers: u8) -> State {
        State::new(mode, (0..servers).map(ServerId).collect(), 2, 3)
    }

    fn map(version: u64, shares: &[(u8, u8)]) -> ServerMap<()> {
        use crate::flows::publish::{keys::FileKeys, version::make_version};
        let version = make_version(&FileKeys::derive(&[1; 32]), version, [0; 16], (2, 3), b"x").unwrap().info;
        let mut map = ServerMap::default();
        for (server, share) in shares {
            map.add_new_share((ServerId(*server), *share), version, 0);
        }
        map
    }

    #[test]
    fn nothing_outstanding_and_nobody_left_to_ask_is_the_end_in_every_mode() {
        for mode in [UpdateMode::Anything, UpdateMode::Read, UpdateMode::Write, UpdateMode::Check] {
            assert_eq!(state(mode, 5).next(&map(1, &[])), Next::Done);
        }
    }

    #[test]
    fn a_holder_that_has_not_answered_holds_everything_up() {
        let mut waiting = state(UpdateMode::Anything, 5);
        waiting.must_answer.insert(ServerId(0));
        assert_eq!(waiting.next(&map(1, &[(0, 0), (1, 1)])), Next::Wait);
    }

    #[test]
    fn a_writer_wants_a_boundary_of_empty_servers_and_answers_from_everybody_before_it() {
        let known = map(1, &[(0, 0), (1, 1)]);
        let mut writer = state(UpdateMode::Write, 6);
        writer.outstanding.extend([ServerId(2), ServerId(5)]);
        writer.with_shares.extend([ServerId(0), ServerId(1)]);
        writer.empty.insert(ServerId(3));
        assert_eq!(writer.next(&known), Next::Ask(QUERIES_IN_FLIGHT_MAX), "one empty server is no boundary");
        writer.empty.insert(ServerId(4));
        assert_eq!(writer.next(&known), Next::Ask(1), "server 3 is silent");
        writer.bad.insert(ServerId(2));
        assert_eq!(writer.next(&known), Next::Done, "a failed server is skipped over");
        assert_eq!(writer.next(&map(1, &[(0, 0)])), Next::Ask(QUERIES_IN_FLIGHT_MAX), "nothing is recoverable");
    }

    #[test]
    fn a_reader_goes_on_while_something_newer_cannot_be_recovered() {
        let mut reader = state(UpdateMode::Read, 6);
        reader.outstanding.insert(ServerId(5));
        let mut known = map(1, &[(0, 0), (1, 1)]);
        assert_eq!(reader.next(&known), Next::Ask(QUERIES_IN_FLIGHT_MAX), "too few have answered");
        reader.completed = 4;
        assert_eq!(reader.next(&known), Next::Done);
        known.shares.extend(map(2, &[(3, 2)]).shares);
        assert_eq!(reader.next(&known), Next::Ask(QUERIES_IN_FLIGHT_MAX));
    }
}
