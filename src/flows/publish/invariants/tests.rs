//! Each rule fires on a history made by hand, and holds on the same history without its mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::facts::{Found, Handling, MessageId, Outcome as Ended, PublishId, SendState, Tick};
use super::super::ghost::{Resolution, Start};
use super::super::keys::FileKeys;
use super::super::layout::Checkstring;
use super::super::model::Model;
use super::super::servermap::ServerId;
use super::super::storage::MemoryShares;
use super::super::version::make_version;
use super::*;

const S1: ServerId = ServerId(0);
const S2: ServerId = ServerId(1);

fn set<T: Ord + Copy>(items: &[T]) -> BTreeSet<T> {
    items.iter().copied().collect()
}

fn version(seqnum: u64, root: u8) -> Checkstring {
    Checkstring { seqnum, root: [root; 32], salt: [root; 16] }
}

/// A history: share 0 on s1 and share 1 on s2, version #1, before anything happens.
struct History {
    model: Model,
}

impl History {
    fn new() -> History {
        let mut model = Model::default();
        model.initial(b"first", version(1, 1), &[(S1, 0), (S2, 1)]);
        History { model }
    }

    fn known(&self) -> BTreeMap<(ServerId, u8), Checkstring> {
        self.model.written().iter().map(|(place, written)| (*place, written.version)).collect()
    }

    fn start(&mut self, client: &str, text: &[u8], root: u8) -> PublishId {
        let map_start = self.model.now();
        self.start_at(map_start, client, text, root)
    }

    fn start_at(&mut self, map_start: Tick, client: &str, text: &[u8], root: u8) -> PublishId {
        let known = self.known();
        let highest = known.values().map(|version| version.seqnum).max().unwrap_or(0);
        let servers = set(&[S1, S2]);
        let (client, text) = (client.to_owned(), text.to_vec());
        let start =
            Start { client, text, encoding: (2, 2), map_start, highest, known, answered: servers.clone(), servers };
        let publish = self.model.started(start);
        self.model.encoded(publish, version(highest + 1, root));
        publish
    }

    /// Sends as an honest client would.
    fn send(&mut self, publish: PublishId, server: ServerId, shares: &[u8]) -> MessageId {
        let wave = self.model.wave(publish, set(&[server]));
        let state = SendState { running: true, wanted: set(shares), ..SendState::default() };
        self.model.sent(publish, wave, server, set(shares), state)
    }

    fn write(&mut self, publish: PublishId, server: ServerId, shares: &[u8]) -> MessageId {
        let message = self.send(publish, server, shares);
        let present = self.model.written().keys().filter(|place| place.0 == server).map(|place| place.1).collect();
        let (changed, as_asked) = (set(shares), set(shares));
        self.model.handled(message, Handling { present, enabler_held: true, changed, as_asked, ..Handling::default() });
        message
    }

    fn refused(&mut self, publish: PublishId, server: ServerId, share: u8) -> MessageId {
        let message = self.send(publish, server, &[share]);
        let handling =
            Handling { present: set(&[share]), enabler_held: true, failed_tests: set(&[share]), ..Handling::default() };
        self.model.handled(message, handling);
        self.model.resolved(message, Resolution::Refused);
        message
    }

    /// Both shares, acknowledged.
    fn succeed(&mut self, publish: PublishId) {
        for place in [(S1, 0), (S2, 1)] {
            let message = self.write(publish, place.0, &[place.1]);
            self.model.resolved(message, Resolution::Wrote);
            self.model.placed(publish, place);
        }
        self.model.ended(publish, Ended::Ok);
    }

    fn read(&mut self, result: Result<&[u8], Ended>) {
        let since = self.model.now();
        self.model.read("reader", since, true, result.map(<[u8]>::to_vec));
    }

    /// Causes of all violations of a rule, and whether it found anything to check.
    fn judge(&self, rule: &'static Rule) -> (Vec<String>, bool) {
        let (mut checker, mut causes, mut looked) = (Checker::new(rule), Vec::new(), false);
        loop {
            match checker.look(&self.model) {
                Outcome::Idle => return (causes, looked),
                Outcome::Held => return (causes, true),
                Outcome::Violated(violation) => {
                    causes.push(violation.cause);
                    looked = true;
                    if rule.info.kind != crate::check::InvariantKind::Always {
                        return (causes, true);
                    }
                }
            }
        }
    }

    #[track_caller]
    fn assert_fires(&self, rule: &'static Rule, cause: &str) {
        assert_eq!(self.judge(rule).0, [cause], "{}", rule.info.id);
    }

    #[track_caller]
    fn assert_holds(&self, rule: &'static Rule) {
        assert_eq!(self.judge(rule), (vec![], true), "{}", rule.info.id);
    }

    #[track_caller]
    fn assert_idle(&self, rule: &'static Rule) {
        assert_eq!(self.judge(rule), (vec![], false), "{}", rule.info.id);
    }
}

#[test]
fn an_honest_history_violates_nothing_and_exercises_most_rules() {
    let mut history = History::new();
    let operation = history.model.operation("client");
    let publish = history.start("client", b"second", 2);
    history.model.loop_entered(publish);
    history.model.loop_left(publish);
    history.succeed(publish);
    history.model.told(operation, Ended::Ok, 0);
    history.read(Ok(b"second"));
    let mut idle = Vec::new();
    for rule in RULES {
        let (causes, looked) = history.judge(rule);
        assert!(causes.is_empty(), "{}: {causes:?}", rule.info.id);
        if !looked {
            idle.push(rule.info.id);
        }
    }
    let expected = [
        "torn-shares-never-verify",
        "bad-share-stands-alone",
        "ucwe-is-earned",
        "not-enough-servers-is-earned",
        "contention-has-one-winner",
        "failures-are-indeterminate",
    ];
    assert_eq!(idle, expected);
}

#[test]
fn ids_are_unique_and_declared_in_order() {
    let ids: Vec<_> = INFOS.iter().map(|info| info.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), RULES.len());
    assert!(ids.iter().zip(RULES).all(|(id, rule)| *id == rule.info.id));
}

#[test]
fn a_second_message_for_a_share_in_flight_is_a_duplicate_and_after_an_error_it_is_not() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    let first = history.send(publish, S1, &[0]);
    history.assert_holds(&client::NO_DUPLICATE_IN_FLIGHT);
    history.send(publish, S1, &[0, 1]);
    history.assert_fires(&client::NO_DUPLICATE_IN_FLIGHT, "sent twice");

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    assert_eq!(history.send(publish, S1, &[0]), first);
    history.model.resolved(first, Resolution::Failed);
    history.send(publish, S1, &[0]);
    history.assert_holds(&client::NO_DUPLICATE_IN_FLIGHT);
}

#[test]
fn each_part_of_the_send_precondition_has_its_cause() {
    let good = SendState { running: true, wanted: set(&[0]), ..SendState::default() };
    let cases = [
        ("not running", SendState { running: false, ..good.clone() }),
        ("bad server", SendState { bad_server: true, ..good.clone() }),
        ("not wanted", SendState { wanted: set(&[1]), ..good.clone() }),
        ("already placed", SendState { placed: set(&[0]), ..good }),
    ];
    for (cause, state) in cases {
        let mut history = History::new();
        let publish = history.start("client", b"second", 2);
        let wave = history.model.wave(publish, set(&[S1]));
        history.model.sent(publish, wave, S1, set(&[0]), state);
        history.assert_fires(&client::SEND_PRECONDITION, cause);
    }
}

#[test]
fn a_loop_inside_a_loop_is_seen_and_a_loop_after_a_loop_is_not() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.model.loop_entered(publish);
    history.model.loop_left(publish);
    history.model.loop_entered(publish);
    history.assert_holds(&client::NO_NESTED_LOOP);
    history.model.loop_entered(publish);
    history.assert_fires(&client::NO_NESTED_LOOP, "nested");
}

#[test]
fn a_wave_that_serves_a_server_twice_or_one_it_was_not_planned_for_exceeds_its_budget() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    let wave = history.model.wave(publish, set(&[S1]));
    let state = SendState { running: true, wanted: set(&[0]), ..SendState::default() };
    history.model.sent(publish, wave, S1, set(&[0]), state.clone());
    history.model.sent(publish, wave, S1, set(&[0]), state.clone());
    history.assert_fires(&client::SEND_BUDGET, "several of one wave");
    history.model.sent(publish, wave, S2, set(&[0]), state);
    assert_eq!(history.judge(&client::SEND_BUDGET).0, ["several of one wave", "unplanned"]);
}

#[test]
fn sends_and_map_changes_after_the_end_are_seen() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.succeed(publish);
    history.assert_holds(&client::NOTHING_AFTER_THE_END);
    history.send(publish, S1, &[0]);
    history.assert_fires(&client::NOTHING_AFTER_THE_END, "sends");
    history.model.placed(publish, (S1, 0));
    assert_eq!(history.judge(&client::NOTHING_AFTER_THE_END).0, ["sends", "changes the map"]);
}

#[test]
fn a_refusal_is_of_itself_only_if_this_publish_wrote_last() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.refused(publish, S2, 1);
    history.assert_holds(&server::NO_SELF_REJECTION);
    history.write(publish, S1, &[0]);
    history.refused(publish, S1, 0);
    history.assert_fires(&server::NO_SELF_REJECTION, "own write refused");
}

#[test]
fn a_message_written_in_part_is_seen() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    let message = history.send(publish, S1, &[0, 1]);
    let torn = Handling { enabler_held: true, changed: set(&[0]), as_asked: set(&[0]), ..Handling::default() };
    history.model.handled(message, torn);
    history.assert_fires(&server::ALL_OR_NOTHING_WRITES, "written in part");

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    let message = history.send(publish, S1, &[0, 1]);
    let died =
        Handling { enabler_held: true, changed: set(&[0]), as_asked: set(&[0]), died: true, ..Handling::default() };
    history.model.handled(message, died);
    history.assert_idle(&server::ALL_OR_NOTHING_WRITES);
}

#[test]
fn a_share_that_verifies_was_made_by_somebody() {
    let keys = FileKeys::derive(&[1; 32]);
    let make = |seqnum, text| Rc::new(make_version(&keys, seqnum, [seqnum as u8; 16], (1, 1), text).unwrap());
    let (made, forged) = (make(2, b"second text"), make(3, b"a third text"));
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.model.made(publish, &made);
    assert_eq!(history.model.examine(&keys, (S1, 0), &made.shares[0]), Found::Whole(publish));
    for cut in 0..made.shares[0].len() {
        let mut torn = made.shares[0][..cut].to_vec();
        torn.extend_from_slice(&forged.shares[0][cut..]);
        if torn != forged.shares[0] {
            assert_eq!(history.model.examine(&keys, (S1, 0), &torn), Found::Torn, "cut at {cut}");
        }
    }
    history.assert_holds(&disk::TORN_SHARES_NEVER_VERIFY);
    assert_eq!(history.model.examine(&keys, (S1, 0), &forged.shares[0]), Found::Forged);
    history.assert_fires(&disk::TORN_SHARES_NEVER_VERIFY, "nobody made it");
}

#[test]
fn what_a_crash_took_back_was_not_written() {
    let keys = FileKeys::derive(&[1; 32]);
    let make = |seqnum, text| Rc::new(make_version(&keys, seqnum, [seqnum as u8; 16], (1, 2), text).unwrap());
    let mut history = History::new();
    let (older, newer) = (make(1, b"first text"), make(2, b"second text"));
    history.model.made(PublishId(0), &older);
    let publish = history.start("client", b"second", 2);
    history.model.made(publish, &newer);
    history.write(publish, S1, &[0]);
    history.write(publish, S2, &[1]);
    let mut disk = MemoryShares::default();
    disk.insert(0, [0; 32], older.shares[0].clone());
    history.model.recovered(&keys, S1, &disk);
    let mut disk = MemoryShares::default();
    disk.insert(1, [0; 32], newer.shares[1][..150].to_vec());
    history.model.recovered(&keys, S2, &disk);
    let written = history.model.written();
    assert_eq!((written[&(S1, 0)].by, written[&(S1, 0)].torn), (PublishId(0), false));
    assert_eq!((written[&(S2, 1)].by, written[&(S2, 1)].torn), (publish, true));
    history.model.recovered(&keys, S2, &MemoryShares::default());
    assert!(!history.model.written().contains_key(&(S2, 1)));
}

#[test]
fn a_share_hidden_behind_a_bad_one_is_seen() {
    let mut history = History::new();
    history.model.beside(S1, BTreeSet::new(), "unparsable share");
    history.assert_holds(&disk::BAD_SHARE_STANDS_ALONE);
    history.model.beside(S1, set(&[3]), "broken container");
    history.assert_fires(&disk::BAD_SHARE_STANDS_ALONE, "broken container");
}

#[test]
fn a_write_without_the_enabler_the_tests_or_the_name_is_unguarded() {
    let good = Handling { enabler_held: true, changed: set(&[0]), as_asked: set(&[0]), ..Handling::default() };
    let cases = [
        ("wrong write enabler", Handling { enabler_held: false, ..good.clone() }),
        ("a test failed", Handling { failed_tests: set(&[0]), ..good.clone() }),
        ("share not named", Handling { changed: set(&[0, 5]), ..good }),
    ];
    for (cause, handling) in cases {
        let mut history = History::new();
        let publish = history.start("client", b"second", 2);
        let message = history.send(publish, S1, &[0]);
        history.model.handled(message, handling);
        history.assert_fires(&server::WRITES_ARE_GUARDED, cause);
    }
}

#[test]
fn a_number_not_one_above_the_map_and_a_number_that_falls_are_seen() {
    let mut history = History::new();
    let first = history.start("client", b"second", 2);
    history.write(first, S1, &[0]);
    history.model.encoded(first, version(1, 3));
    history.write(first, S1, &[0]);
    assert_eq!(history.judge(&server::SEQNUM_DISCIPLINE).0, ["not one above the map", "not increasing"]);
}

#[test]
fn one_number_with_two_roots_needs_publishes_that_overlap() {
    let mut history = History::new();
    let (a, b) = (history.start("a", b"from a", 2), history.start("b", b"from b", 3));
    history.write(a, S1, &[0]);
    history.write(b, S2, &[1]);
    history.assert_holds(&server::NO_FORK_WITHOUT_CONTENTION);

    let mut history = History::new();
    let a = history.start("a", b"from a", 2);
    history.write(a, S1, &[0]);
    history.model.ended(a, Ended::NotEnoughServers);
    // The map of the second did not look at what the first had left behind, although that server answered.
    let b = history.start("b", b"from b", 3);
    history.model.encoded(b, version(2, 3));
    history.write(b, S2, &[1]);
    history.assert_fires(&server::NO_FORK_WITHOUT_CONTENTION, "same number, two roots");
}

#[test]
fn an_unearned_error_is_told_apart_by_its_cause() {
    let own = |history: &mut History, publish| {
        history.write(publish, S1, &[0]);
        history.refused(publish, S1, 0);
    };
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    own(&mut history, publish);
    history.model.ended(publish, Ended::Ucwe);
    history.assert_fires(&outcome::UCWE_IS_EARNED, "self");

    let mut history = History::new();
    let old = history.start("client", b"second", 2);
    history.write(old, S1, &[7]);
    history.model.ended(old, Ended::NotEnoughServers);
    let map_start = history.model.now();
    let known = BTreeMap::from([((S1, 0), version(1, 1))]);
    let start = Start { client: "client".into(), known, map_start, ..Start::default() };
    let publish = history.model.started(start);
    history.model.encoded(publish, version(3, 4));
    history.refused(publish, S1, 7);
    history.model.ended(publish, Ended::Ucwe);
    history.assert_fires(&outcome::UCWE_IS_EARNED, "unknown-old-share");

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    let message = history.send(publish, S1, &[1]);
    history.model.handled(message, Handling { present: set(&[0]), enabler_held: true, ..Handling::default() });
    history.model.ended(publish, Ended::Ucwe);
    history.assert_fires(&outcome::UCWE_IS_EARNED, "own-update-pending");

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.model.ended(publish, Ended::Ucwe);
    history.assert_fires(&outcome::UCWE_IS_EARNED, "other");
}

#[test]
fn an_error_is_earned_by_a_rival_that_wrote_meanwhile_on_a_server_that_was_reached() {
    let mut history = History::new();
    let (a, b) = (history.start("a", b"from a", 2), history.start("b", b"from b", 3));
    history.write(a, S1, &[0]);
    history.refused(b, S1, 0);
    history.model.ended(b, Ended::Ucwe);
    history.assert_holds(&outcome::UCWE_IS_EARNED);

    let mut history = History::new();
    let (a, b) = (history.start("a", b"from a", 2), history.start("b", b"from b", 3));
    history.write(a, S1, &[0]);
    history.refused(b, S2, 1);
    history.model.ended(b, Ended::Ucwe);
    history.assert_fires(&outcome::UCWE_IS_EARNED, "other");
}

#[test]
fn running_out_of_servers_needs_every_server_to_have_failed() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    let message = history.send(publish, S1, &[0]);
    history.model.resolved(message, Resolution::Failed);
    history.model.ended(publish, Ended::NotEnoughServers);
    history.assert_fires(&outcome::NOT_ENOUGH_SERVERS_IS_EARNED, "a server is left");

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    for server in [S1, S2] {
        let message = history.send(publish, server, &[0]);
        history.model.resolved(message, Resolution::Failed);
    }
    history.model.ended(publish, Ended::NotEnoughServers);
    history.assert_holds(&outcome::NOT_ENOUGH_SERVERS_IS_EARNED);
}

#[test]
fn success_without_an_acknowledged_share_or_with_too_few_left_is_not_durable() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.write(publish, S1, &[0]);
    history.model.placed(publish, (S1, 0));
    history.model.placed(publish, (S2, 1));
    history.model.ended(publish, Ended::Ok);
    history.assert_fires(&outcome::SUCCESS_IS_DURABLE, "share not written");

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    for place in [(S1, 0), (S2, 1)] {
        history.write(publish, place.0, &[place.1]);
        history.model.placed(publish, place);
    }
    history.model.share_lost((S2, 1));
    history.model.ended(publish, Ended::Ok);
    history.assert_fires(&outcome::SUCCESS_IS_DURABLE, "too few shares");
}

#[test]
fn two_winners_of_one_contest_are_seen_and_a_loser_is_not() {
    let contest = |second: Ended| {
        let mut history = History::new();
        let (a, b) = (history.start("a", b"from a", 2), history.start("b", b"from b", 3));
        history.model.ended(b, second);
        let message = history.send(b, S1, &[0]);
        history.model.resolved(message, Resolution::Wrote);
        history.succeed(a);
        history
    };
    contest(Ended::Ok).assert_fires(&outcome::CONTENTION_HAS_ONE_WINNER, "both succeeded");
    contest(Ended::Ucwe).assert_holds(&outcome::CONTENTION_HAS_ONE_WINNER);
}

#[test]
fn a_caller_told_twice_from_inside_or_of_the_unexpected_is_seen() {
    let told = |outcome: Ended, frames: u32, times: u32| {
        let mut history = History::new();
        let operation = history.model.operation("client");
        (0..times).for_each(|_| history.model.told(operation, outcome.clone(), frames));
        history
    };
    told(Ended::Ucwe, 0, 1).assert_holds(&outcome::ONE_OUTCOME);
    told(Ended::Ok, 0, 2).assert_fires(&outcome::ONE_OUTCOME, "told twice");
    told(Ended::Ok, 2, 1).assert_fires(&outcome::ONE_OUTCOME, "told from inside");
    told(Ended::Other("no such share".into()), 0, 1).assert_fires(&outcome::ONE_OUTCOME, "unexpected error");
}

#[test]
fn a_publish_that_waits_is_stuck_or_loops_too_often_does_not_end_well() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.assert_fires(&outcome::PUBLISH_ENDS, "stuck");
    let message = history.send(publish, S1, &[0]);
    history.assert_fires(&outcome::PUBLISH_ENDS, "waits for an answer");
    history.model.resolved(message, Resolution::Failed);
    for _ in 0..3 {
        history.model.loop_entered(publish);
        history.model.loop_left(publish);
    }
    history.model.ended(publish, Ended::NotEnoughServers);
    history.assert_fires(&outcome::PUBLISH_ENDS, "too many loops");

    let mut history = History::new();
    history.assert_idle(&outcome::PUBLISH_ENDS);
    history.model.operation("client");
    history.assert_fires(&outcome::PUBLISH_ENDS, "operation waits");
}

#[test]
fn a_text_that_nobody_published_is_unsound() {
    let mut history = History::new();
    history.read(Ok(b"first"));
    history.assert_holds(&reader::READER_SOUNDNESS);
    history.read(Ok(b"fir"));
    history.assert_fires(&reader::READER_SOUNDNESS, "never written");
}

#[test]
fn after_success_an_old_text_or_none_is_wrong_unless_somebody_was_writing() {
    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.succeed(publish);
    history.read(Ok(b"first"));
    history.read(Err(Ended::NotEnoughShares));
    assert_eq!(history.judge(&reader::READ_BACK).0, ["an older text", "lost"]);

    let mut history = History::new();
    let publish = history.start("client", b"second", 2);
    history.read(Ok(b"first"));
    history.assert_idle(&reader::READ_BACK);
    history.succeed(publish);
    history.read(Ok(b"second"));
    history.assert_holds(&reader::READ_BACK);
}

#[test]
fn after_a_failure_both_texts_are_right_and_a_third_or_an_impossible_loss_is_not() {
    let failed = |encoding: (u8, u8)| {
        let mut history = History::new();
        let second = history.start("client", b"second", 2);
        history.succeed(second);
        let map_start = history.model.now();
        let start = Start { client: "client".into(), text: b"third".to_vec(), encoding, map_start, ..Start::default() };
        let third = history.model.started(start);
        history.model.encoded(third, version(3, 3));
        history.model.ended(third, Ended::NotEnoughServers);
        history
    };
    let mut history = failed((2, 4));
    history.read(Ok(b"second"));
    history.read(Ok(b"third"));
    history.assert_holds(&reader::FAILURES_ARE_INDETERMINATE);
    history.assert_idle(&reader::READ_BACK);
    history.read(Ok(b"first"));
    history.assert_fires(&reader::FAILURES_ARE_INDETERMINATE, "an older text");

    // Two versions over four shares: one of them has two. Over two shares, maybe neither has.
    let mut history = failed((2, 4));
    history.read(Err(Ended::NotEnoughShares));
    history.assert_fires(&reader::FAILURES_ARE_INDETERMINATE, "lost");
    let mut history = failed((2, 2));
    history.read(Err(Ended::NotEnoughShares));
    history.assert_holds(&reader::FAILURES_ARE_INDETERMINATE);
    // Then what survived of an older version, on servers that the success never reached, is the best there is.
    history.read(Ok(b"first"));
    history.assert_holds(&reader::FAILURES_ARE_INDETERMINATE);
}

#[test]
fn a_failure_is_over_once_a_success_has_a_greater_number() {
    let mut history = History::new();
    let failed = history.start("client", b"second", 2);
    let message = history.write(failed, S1, &[0]);
    history.model.resolved(message, Resolution::Failed);
    history.model.ended(failed, Ended::NotEnoughServers);
    let publish = history.start("client", b"third", 3);
    history.succeed(publish);
    history.read(Ok(b"second"));
    history.assert_fires(&reader::READ_BACK, "an older text");
}
