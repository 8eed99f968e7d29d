//! Connecting: accepted, refused, lost, too late; ports and names.

use super::*;
use crate::net::Way;

/// `a` connects and says what came of it.
async fn dialing(node: Node, log: Log) {
    match node.net().connect("b", "port").await {
        Ok(stream) => log.say(&node, format!("connected to {}", stream.peer())),
        Err(error) => log.say(&node, error),
    }
}

async fn idle(node: Node, _log: Log) {
    node.sleep(Duration::ZERO).await;
}

/// Nobody listens: refused, one round trip later. A node that never started refuses too.
#[test]
fn nobody_listens() {
    let mut toy = Toy::quiet();
    toy.node("b", idle);
    toy.node("a", dialing);
    assert_eq!(toy.log(), ["1ms a: connection refused"]);
}

/// A node that is no node's name is known at once.
#[test]
fn no_such_node() {
    let mut toy = Toy::quiet();
    toy.node("a", dialing);
    assert_eq!(toy.log(), ["0ns a: no such node"]);
}

/// A port is listened on once; when the listener is gone it is free again. Other nodes' ports are other ports.
#[test]
fn ports() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let first = node.net().listen("port").expect("it is free");
        log.say(&node, format!("{:?}", node.net().listen("port").err()));
        assert!(node.net().listen("another").is_ok());
        drop(first);
        assert!(node.net().listen("port").is_ok());
    });
    toy.node("a", |node, log| async move {
        log.say(&node, format!("{:?}", node.net().listen("port").err()));
    });
    assert_eq!(toy.said(), ["b: Some(InUse)", "a: None"]);
}

/// A killed node's system refuses; a node without power says nothing, and the attempt times out after 30 s.
#[test]
fn the_node_is_down() {
    for (how, expected) in
        [(Down::Kill, "11ms a: connection refused"), (Down::PowerCut, "30.01s a: connecting timed out")]
    {
        let mut toy = Toy::quiet();
        let b = toy.node("b", |node, _| async move {
            let _listener = node.net().listen("port");
            std::future::pending().await
        });
        toy.node("a", |node, log| async move {
            node.sleep(Duration::from_millis(10)).await;
            dialing(node, log).await;
        });
        toy.run_to(5);
        toy.kill(b, how);
        assert_eq!(toy.log(), [expected]);
    }
}

/// The fault site refuses or loses an attempt; the next one is another choice.
#[test]
fn refused_or_lost_by_choice() {
    let mut toy =
        Toy::with(&[("net/connect", "a->b/connect", 0, "refused"), ("net/connect", "a->b/connect", 1, "lost")]);
    toy.node("b", |node, _| async move {
        accept(&node).await;
    });
    toy.node("a", |node, log| async move {
        for _ in 0..3 {
            dialing(node.clone(), log.clone()).await;
        }
    });
    assert_eq!(
        toy.log(),
        ["1ms a: connection refused", "30.001s a: connecting timed out", "30.002s a: connected to b"]
    );
    assert_eq!(toy.count("net/connect").observed, 2);
}

/// An attempt waits at a blocked link, on its way there and on its way back, and goes on when it opens.
#[test]
fn a_partition_holds_an_attempt_up() {
    for back in [false, true] {
        let mut toy = Toy::quiet();
        let b = toy.node("b", |node, log| async move {
            accept(&node).await;
            log.say(&node, "accepted");
        });
        let a = toy.node("a", dialing);
        let (from, to) = if back { (b, a) } else { (a, b) };
        toy.run_to(0);
        toy.world.net().block(from, to, Way::One);
        toy.run_to(100);
        assert_eq!(toy.log.said().len(), usize::from(back));
        toy.world.net().unblock(from, to, Way::One);
        assert_eq!(toy.said().len(), 2);
        let log = toy.log.0.borrow();
        assert!(log[1].starts_with(if back { "100.5ms a" } else { "101ms a" }), "{log:?}");
    }
}

/// A partition that outlasts the connect timeout: the attempt times out, and nothing comes of it later.
#[test]
fn a_partition_outlasts_an_attempt() {
    for back in [false, true] {
        let mut toy = Toy::quiet();
        let b = toy.node("b", |node, log| async move {
            let messages = Messages::new(accept(&node).await);
            log.say(&node, text(messages.recv().await));
        });
        let a = toy.node("a", |node, log| async move {
            let attempt = node.net().connect("b", "port");
            node.sleep(Duration::from_secs(60)).await;
            log.say(&node, format!("{:?}", attempt.await.err()));
        });
        let (from, to) = if back { (b, a) } else { (a, b) };
        toy.run_to(0);
        toy.world.net().block(from, to, Way::One);
        toy.run_to(40_000);
        toy.world.net().unblock(from, to, Way::One);
        let mut expected = vec!["a: Some(TimedOut)"];
        if back {
            // It had been accepted; the end of it went to `b` at once, over the link that was open.
            expected.insert(0, "b: connection closed");
        }
        assert_eq!(
            {
                toy.run_to(100_000);
                toy.log.said()
            },
            expected
        );
    }
}

/// Whoever was not accepted when the listener goes is reset.
#[test]
fn a_listener_goes_with_its_backlog() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, _| async move {
        let listener = node.net().listen("port").expect("it is free");
        node.sleep(Duration::from_millis(10)).await;
        drop(listener);
    });
    toy.node("a", |node, log| async move {
        let messages = Messages::new(connect(&node, "b").await);
        messages.send(b"hello").expect("no reset yet");
        log.say(&node, text(messages.recv().await));
    });
    assert_eq!(toy.log(), ["10.5ms a: connection reset"]);
}

/// A dialer that has lost interest: before the acceptor knows, nothing happens; afterwards the acceptor sees an end.
#[test]
fn the_dialer_is_gone_meanwhile() {
    for (patience, expected) in [(250, [].as_slice()), (750, &["b: connection closed"])] {
        let mut toy = Toy::quiet();
        toy.node("b", |node, log| async move {
            let messages = Messages::new(accept(&node).await);
            log.say(&node, text(messages.recv().await));
        });
        toy.node("a", move |node, _| async move {
            let attempt = node.net().connect("b", "port");
            assert!(node.timeout(Duration::from_micros(patience), attempt).await.is_err());
        });
        toy.run_to(1_000);
        assert_eq!(toy.log.said(), expected);
    }
}

/// The directions of a connection are named after their nodes; those of the second one have a number.
#[test]
fn names() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, _| async move {
        let listener = node.net().listen("port").expect("it is free");
        for _ in 0..3 {
            let messages = Messages::new(listener.accept().await.expect("alive"));
            messages.send(b"hi").expect("no reset");
            messages.close();
        }
    });
    toy.node("a", |node, _| async move {
        for _ in 0..2 {
            let messages = Messages::new(connect(&node, "b").await);
            while messages.recv().await.is_ok() {}
        }
    });
    toy.node("c", |node, _| async move {
        node.sleep(Duration::from_secs(1)).await;
        Messages::new(connect(&node, "b").await).recv().await.expect("no reset");
    });
    assert_eq!(toy.run_to(5_000), Ended::Quiescent);
    let trace = toy.sim().trace();
    let sent: Vec<_> = trace
        .events()
        .iter()
        .filter(|event| event.header.kind.label == "send")
        .map(|event| trace.names().text(event.header.subject))
        .collect();
    assert_eq!(sent, ["b->a", "b->a#2", "b->c"]);
}

/// A node may connect to itself.
#[test]
fn to_itself() {
    let mut toy = Toy::quiet();
    toy.node("a", |node, log| async move {
        let listener = node.net().listen("port").expect("it is free");
        let there = Messages::new(node.net().connect("a", "port").await.expect("it connects"));
        let here = Messages::new(listener.accept().await.expect("alive"));
        there.send(b"question").expect("no reset");
        log.say(&node, text(here.recv().await));
        here.send(b"answer").expect("no reset");
        log.say(&node, text(there.recv().await));
    });
    assert_eq!(toy.said(), ["a: question", "a: answer"]);
}
