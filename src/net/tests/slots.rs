//! Connections that are over leave nothing behind.

use super::*;
use crate::net::Net;

fn slots(net: &Net) -> (usize, usize) {
    let state = net.inner.state.borrow();
    (state.conns.len(), state.free.len())
}

/// Thousands of connections, one after the other, take the place of a few; orderly, reset, cut, or left by both.
#[test]
fn slots_are_used_again() {
    for how in 0..3 {
        let mut settings = still();
        if how == 2 {
            settings = rated(settings, "net/cut", 300_000);
            settings = rated(settings, "net/half-open", 300_000);
        }
        let mut toy = Toy::drawn(7, &settings);
        toy.node("b", |node, _| async move {
            let listener = node.net().listen("port").expect("it is free");
            while let Ok(stream) = listener.accept().await {
                let messages = Messages::new(stream);
                node.spawn("connection", async move {
                    while let Ok(message) = messages.recv().await {
                        let _ = messages.send(&message);
                    }
                });
            }
        });
        let rounds = if how == 2 { 500 } else { 3_400 };
        toy.node("a", move |node, _| async move {
            for round in 0..rounds {
                let messages = Messages::new(connect(&node, "b").await);
                let _ = messages.send(b"x");
                let _ = node.timeout(Duration::from_millis(20), messages.recv()).await;
                if how == 1 && round % 2 == 0 {
                    messages.abort();
                }
            }
        });
        toy.run_to(599_000);
        toy.sim().heal_resources();
        toy.run_to(599_900);
        let (all, free) = slots(toy.world.net());
        assert!(all < 250 && (how == 2 || all <= 4), "{all} slots, way {how}");
        assert_eq!(all - free, if how == 2 { all - free } else { 0 }, "way {how}");
        let state = toy.world.net().inner.state.borrow();
        assert!(state.dials.is_empty());
        assert!(state.links.iter().all(|link| link.waiting.is_empty() && link.dials.is_empty()));
    }
}

/// A stale handle of a connection whose slot has a new owner reaches nobody.
#[test]
fn stale_handles_reach_nobody() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let listener = node.net().listen("port").expect("it is free");
        for _ in 0..2 {
            let messages = Messages::new(listener.accept().await.expect("alive"));
            log.say(&node, text(messages.recv().await));
        }
    });
    toy.node("a", |node, log| async move {
        let first = Messages::new(connect(&node, "b").await);
        first.abort();
        node.sleep(Duration::from_millis(10)).await;
        let second = Messages::new(connect(&node, "b").await);
        log.say(&node, format!("{:?}", first.send(b"from the past")));
        first.close();
        log.say(&node, format!("{} {}", first.is_ended(), first.peer()));
        drop(first);
        second.send(b"hello").expect("no reset");
    });
    let expected = ["b: connection reset", "a: Err(Reset)", "a: true b", "b: hello"];
    assert_eq!(toy.said(), expected);
    assert_eq!(slots(toy.world.net()).0, 1);
}

/// Both owners gone in any order, with data under way or without, and links blocked or not: the slot is free in the end.
#[test]
fn free_in_the_end() {
    for (down, blocked) in [
        (None, false),
        (None, true),
        (Some(Down::Kill), false),
        (Some(Down::Kill), true),
        (Some(Down::PowerCut), false),
        (Some(Down::PowerCut), true),
    ] {
        let mut toy = Toy::quiet();
        let b = toy.node("b", |node, _| async move {
            let _stream = accept(&node).await;
            node.sleep(Duration::from_millis(20)).await;
        });
        let a = toy.node("a", |node, _| async move {
            let messages = Messages::new(connect(&node, "b").await);
            node.sleep(Duration::from_millis(9)).await;
            messages.send(b"under way").expect("no reset");
        });
        toy.run_to(5);
        if blocked {
            toy.world.net().block(a, b, crate::net::Way::Both);
        }
        toy.run_to(10);
        if let Some(how) = down {
            toy.kill(a, how);
            toy.kill(b, how);
        }
        toy.run_to(100);
        toy.sim().heal_resources();
        toy.run_to(200);
        assert_eq!(slots(toy.world.net()), (1, 1), "{down:?} {blocked}");
        // And healing again finds nothing to end.
        let before = toy.events("ended");
        toy.sim().heal_resources();
        assert_eq!(toy.events("ended"), before);
    }
}
