//! Blocked links: one way, both ways, counted; what waits comes out in order.

use proptest::prelude::*;

use super::*;
use crate::net::Way;

/// `a` sends the numbers from 0 on, one each 10 ms; `b` says what it gets.
fn counting(toy: &Toy, count: u8) -> (NodeId, NodeId) {
    let b = toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        while let Ok(message) = messages.recv().await {
            log.say(&node, message[0]);
        }
    });
    let a = toy.node("a", move |node, _| async move {
        let messages = Messages::new(connect(&node, "b").await);
        for number in 0..count {
            messages.send(&[number]).expect("no reset");
            node.sleep(Duration::from_millis(10)).await;
        }
    });
    (a, b)
}

/// What is sent while the link is blocked waits, and arrives in order, one latency after the link has opened.
#[test]
fn hold_and_release() {
    let mut toy = Toy::quiet();
    let (a, b) = counting(&toy, 5);
    toy.run_to(5);
    toy.world.net().block(a, b, Way::One);
    toy.run_to(35);
    assert_eq!(toy.log.said(), ["b: 0"]);
    toy.world.net().unblock(a, b, Way::One);
    assert_eq!(toy.log(), ["1.5ms b: 0", "35.5ms b: 1", "35.5ms b: 2", "35.5ms b: 3", "41.5ms b: 4"]);
}

/// A segment that is under way when the link opens does not overtake those that waited.
#[test]
fn released_data_stays_in_front() {
    let mut toy = Toy::quiet();
    let (a, b) = counting(&toy, 3);
    toy.run_to(5);
    toy.world.net().block(a, b, Way::One);
    // 1 waits since 11.5 ms; 2 was sent at 21 ms and would arrive at 21.5 ms, before what is released at 21.2 ms.
    toy.run_to(21);
    let until = Until { deadline: Time::from_nanos(21_200_000), done: &|| false, last_step: u64::MAX };
    let mut hook = toy.world.clone();
    toy.sim().clone().run(&until, &mut hook);
    toy.world.net().unblock(a, b, Way::One);
    assert_eq!(toy.said(), ["b: 0", "b: 1", "b: 2"]);
}

/// One way: the answers do not come back, the questions arrive. Both ways: neither.
#[test]
fn one_way_and_both_ways() {
    for (way, meanwhile) in [(Way::One, ["b: 1", "b: 2", "a: re 1"].as_slice()), (Way::Both, &["b: 1", "a: re 1"])] {
        let mut toy = Toy::quiet();
        let b = toy.node("b", answering);
        let a = toy.node("a", |node, log| async move {
            let messages = Messages::new(connect(&node, "b").await);
            for question in ["1", "2"] {
                messages.send(question.as_bytes()).expect("no reset");
                node.sleep(Duration::from_millis(10)).await;
            }
            log.say(&node, text(messages.recv().await));
            log.say(&node, text(messages.recv().await));
        });
        toy.run_to(5);
        toy.world.net().block(b, a, way);
        toy.run_to(1_000);
        assert_eq!(toy.log.said(), meanwhile);
        toy.world.net().unblock(b, a, way);
        assert!(toy.said().contains(&"a: re 2".to_owned()));
    }
}

/// Blocks are counted: a link opens when it was unblocked as often as blocked; heal opens it at once.
#[test]
fn nested_blocks() {
    let mut toy = Toy::quiet();
    let (a, b) = counting(&toy, 2);
    toy.run_to(5);
    toy.world.net().block(a, b, Way::One);
    toy.world.net().block(b, a, Way::Both);
    toy.world.net().unblock(a, b, Way::One);
    toy.run_to(100);
    assert_eq!(toy.log.said(), ["b: 0"]);
    toy.world.net().unblock(b, a, Way::Both);
    assert_eq!(toy.said(), ["b: 0", "b: 1"]);

    let mut toy = Toy::quiet();
    let (a, b) = counting(&toy, 2);
    toy.run_to(5);
    (0..3).for_each(|_| toy.world.net().block(a, b, Way::Both));
    toy.run_to(100);
    toy.sim().heal_resources();
    assert_eq!(toy.said(), ["b: 0", "b: 1"]);
}

/// A block of the fault site ends by itself; healing ends it early and for good, later blocks are their own.
#[test]
fn a_block_with_an_end() {
    let faults = [("net/partition", "a->b", 1, "one way for 7s")];
    let mut toy = Toy::with(&faults);
    counting(&toy, 3);
    assert_eq!(toy.log(), ["1.5ms b: 0", "7.0115s b: 1", "7.0115s b: 2"]);
    assert!(toy.count("net/partition").observed >= 1);

    let mut toy = Toy::with(&faults);
    let (a, b) = counting(&toy, 3);
    toy.run_to(100);
    toy.sim().heal_resources();
    toy.world.net().block(a, b, Way::One);
    toy.run_to(10_000);
    assert_eq!(toy.log.said(), ["b: 0"], "the old block's end took the new block away");
    toy.world.net().unblock(a, b, Way::One);
    assert_eq!(toy.said(), ["b: 0", "b: 1", "b: 2"]);
}

/// Nothing gets through a partition, neither data nor the news that a process was killed.
#[test]
fn a_reset_waits_too() {
    let mut toy = Toy::quiet();
    let b = toy.node("b", answering);
    let a = toy.node("a", |node, log| asking(node, log, &["1", "2"]));
    toy.run_to(1);
    toy.world.net().block(a, b, Way::Both);
    toy.run_to(10);
    toy.kill(b, Down::Kill);
    toy.run_to(1_000);
    assert_eq!(toy.log.said(), [""; 0]);
    toy.world.net().unblock(a, b, Way::Both);
    assert_eq!(toy.said(), ["a: connection reset"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is blocked and opened when, nothing is lost and nothing overtakes; latencies are drawn.
    #[test]
    fn order_survives_everything(
        seed: u64,
        acts in proptest::collection::vec((0_u64..80, 0_u8..4), 0..8),
    ) {
        let mut toy = Toy::drawn(seed, &rated(Settings::default(), "net/stall", 100_000));
        let (a, b) = counting(&toy, 8);
        let mut at = 0;
        for (pause, act) in acts {
            at += pause;
            toy.run_to(at);
            let net = toy.world.net();
            match act {
                0 => net.block(a, b, Way::One),
                1 => net.block(a, b, Way::Both),
                2 => net.unblock(a, b, Way::One),
                _ => net.unblock(a, b, Way::Both),
            }
        }
        toy.run_to(at + 100);
        toy.sim().heal_resources();
        prop_assert_eq!(toy.run_to(600_000), Ended::Quiescent);
        let expected: Vec<String> = (0..8).map(|number| format!("b: {number}")).collect();
        prop_assert_eq!(toy.log.said(), expected);
    }
}
