//! Each fault is armed, fired, and observed exactly where the code under test meets its consequence.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::SITES;

fn counts(toy: &Toy, site: &str) -> (u64, u64) {
    let count = toy.count(site);
    (count.fired, count.observed)
}

/// `b` collects messages until the end, `a` sends two and closes.
fn two_messages(faults: &[Fault]) -> Toy {
    let mut toy = Toy::with(faults);
    toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        loop {
            let received = messages.recv().await;
            let over = received.is_err();
            log.say(&node, text(received));
            if over {
                return;
            }
        }
    });
    toy.node("a", |node, _| async move {
        let messages = Messages::new(connect(&node, "b").await);
        messages.send(b"1").expect("no reset yet");
        messages.send(b"2").expect("no reset yet");
        messages.close();
        node.sleep(Duration::from_secs(40)).await;
    });
    toy.said();
    toy
}

/// Every fault that shows in what arrives is observed when it arrives, once.
#[test]
fn faults_that_show_on_arrival() {
    for (site, value, said) in [
        ("net/stall", "1s", ["1", "2", "connection closed"].as_slice()),
        ("net/partial-write", "2 bytes", &["1", "2", "connection closed"]),
        ("net/duplicate", "yes", &["1", "1", "2", "connection closed"]),
    ] {
        let toy = two_messages(&[(site, "a->b", 0, value)]);
        let expected: Vec<String> = said.iter().map(|line| format!("b: {line}")).collect();
        assert_eq!(toy.log.said(), expected);
        assert_eq!(counts(&toy, site), (1, 1), "{site}");
    }
}

/// A reordered message is its own fault: the second comes first, and its cause in the trace is its own sending.
#[test]
fn reordering() {
    let toy = two_messages(&[("net/reorder", "a->b", 1, "yes")]);
    assert_eq!(toy.log.said(), ["b: 2", "b: 1", "b: connection closed"]);
    assert_eq!(counts(&toy, "net/reorder"), (1, 1));
    let trace = toy.sim().trace();
    let ids = |kind: &str| -> Vec<u32> {
        let events = trace.events().iter().enumerate();
        let found = events.filter(|(_, event)| event.header.kind.label == kind);
        found.map(|(index, _)| index as u32 + 1).collect()
    };
    let causes: Vec<u32> = ids("deliver").iter().map(|id| trace.events()[*id as usize - 1].header.cause.0).collect();
    let sends = ids("send");
    assert_eq!(causes, [sends[1], sends[0]]);
}

/// Only whole messages are reordered: with nothing to overtake, with a split message, and for streams it is ineligible.
#[test]
fn reordering_only_where_it_makes_sense() {
    let always = pinned(still(), "net/reorder", "yes");
    let split = pinned(always.clone(), "net/partial-write", "2 bytes");
    for (settings, expected) in [(always, ["b: 2", "b: 1"]), (split, ["b: 1", "b: 2"])] {
        let mut toy = Toy::drawn(0, &settings);
        toy.node("b", |node, log| async move {
            let messages = Messages::new(accept(&node).await);
            while let Ok(message) = messages.recv().await {
                log.say(&node, text(Ok(message)));
            }
        });
        toy.node("a", |node, _| async move {
            let messages = Messages::new(connect(&node, "b").await);
            messages.send(b"1").expect("no reset");
            messages.send(b"2").expect("no reset");
        });
        assert_eq!(toy.run_to(1_000), Ended::Quiescent);
        assert_eq!(toy.log.said(), expected);
    }
}

/// Streams are neither duplicated nor reordered, at any rate.
#[test]
fn streams_are_neither_duplicated_nor_reordered() {
    let settings = pinned(pinned(still(), "net/reorder", "yes"), "net/duplicate", "yes");
    let mut toy = Toy::drawn(0, &settings);
    toy.node("b", |node, log| async move {
        let mut all = Vec::new();
        let mut stream = accept(&node).await;
        stream.read_to_end(&mut all).await.expect("no reset");
        log.say(&node, text(Ok(all)));
    });
    toy.node("a", |node, _| async move {
        let mut stream = connect(&node, "b").await;
        for piece in [b"1", b"2", b"3"] {
            stream.write_all(piece).await.expect("no reset");
        }
    });
    assert_eq!(toy.run_to(1_000), Ended::Quiescent);
    assert_eq!(toy.log.said(), ["b: 123"]);
    for site in ["net/reorder", "net/duplicate"] {
        let count = toy.count(site);
        assert_eq!((count.fired, count.ineligible), (0, 3));
    }
}

/// Short reads and partial writes of a stream are observed by the call that returns less.
#[test]
fn short_calls() {
    let mut toy = Toy::with(&[("net/partial-write", "a->b", 0, "4 bytes"), ("net/short-read", "a->b", 0, "1 bytes")]);
    toy.node("b", |node, _| async move {
        let mut stream = accept(&node).await;
        let mut buffer = [0; 8];
        assert_eq!(stream.read(&mut buffer).await.expect("no reset"), 1);
    });
    toy.node("a", |node, _| async move {
        let mut stream = connect(&node, "b").await;
        assert_eq!(stream.write(b"hello").await.expect("no reset"), 4);
    });
    toy.said();
    assert_eq!(counts(&toy, "net/partial-write"), (1, 1));
    assert_eq!(counts(&toy, "net/short-read"), (1, 1));
}

/// A cut is observed when somebody meets the reset; while nobody looks it has fired only.
#[test]
fn cuts_that_somebody_meets_and_cuts_that_nobody_meets() {
    for (looks, observed) in [(true, 1), (false, 0)] {
        let mut toy = Toy::with(&[("net/cut", "a->b", 0, "before delivery")]);
        toy.node("b", |node, _| async move {
            let _stream = accept(&node).await;
            node.sleep(Duration::from_secs(1)).await;
        });
        toy.node("a", move |node, _| async move {
            let messages = Messages::new(connect(&node, "b").await);
            messages.send(b"x").expect("it does not know yet");
            node.sleep(Duration::from_secs(1)).await;
            if looks {
                assert_eq!(messages.send(b"x"), Err(NetError::Reset));
            }
        });
        toy.said();
        assert_eq!(counts(&toy, "net/cut"), (1, observed));
    }
}

/// A partition is observed when something that it held up arrives, data or an attempt to connect.
#[test]
fn partitions() {
    let toy = two_messages(&[("net/partition", "a->b", 0, "one way for 2s")]);
    assert_eq!(toy.count("net/partition").fired, 1);
    assert!(toy.count("net/partition").observed >= 1);
    let toy = two_messages(&[("net/partition", "a->b", 0, "one way for 3us")]);
    assert_eq!(counts(&toy, "net/partition"), (1, 0), "it was over before anything arrived");

    let mut toy = Toy::with(&[("net/partition", "a->b", 0, "both ways for 2s")]);
    toy.node("b", |node, _| async move {
        let listener = node.net().listen("port").expect("it is free");
        let mut accepted = Vec::new();
        for _ in 0..2 {
            accepted.push(listener.accept().await.expect("alive"));
        }
        node.sleep(Duration::from_secs(10)).await;
    });
    toy.node("a", |node, log| async move {
        let mut first = connect(&node, "b").await;
        first.write_all(b"x").await.expect("no reset");
        connect(&node, "b").await;
        log.say(&node, "second connection");
    });
    toy.said();
    assert!(toy.count("net/partition").observed >= 1);
}

/// What a writer does on a connection that has ended without its knowledge offers no faults, and still counts on.
#[test]
fn nothing_is_offered_after_the_end() {
    let mut settings = pinned(still(), "net/cut", "before delivery");
    settings = pinned(settings, "net/half-open", "yes");
    settings = pinned(settings, "net/partial-write", "1 bytes");
    let mut toy = Toy::drawn(0, &settings);
    toy.node("b", |node, _| async move {
        let _stream = accept(&node).await;
        node.sleep(Duration::from_secs(1)).await;
    });
    toy.node("a", |node, _| async move {
        let messages = Messages::new(connect(&node, "b").await);
        for _ in 0..4 {
            messages.send(b"hello").expect("it does not know");
        }
    });
    toy.run_to(5_000);
    let count = toy.count("net/cut");
    assert_eq!((count.offered, count.fired, count.ineligible), (1, 1, 3));
    assert_eq!(toy.count("net/partial-write").offered, 1);
}

/// Under a swarm every fault site of the network fires and is observed sooner or later: none is dead.
#[test]
fn every_site_fires_and_is_observed() {
    let mut settings = Settings::default();
    for site in SITES.iter().filter(|site| site.label != "net/latency") {
        settings = rated(settings, site.label, 60_000);
    }
    settings = rated(settings, "net/notice", 500_000);
    settings = rated(settings, "net/half-open", 500_000);
    let mut sums: std::collections::BTreeMap<&str, (u64, u64)> = Default::default();
    for seed in 0..40 {
        let mut toy = Toy::drawn(seed, &settings);
        toy.node("b", |node, _| async move {
            let listener = node.net().listen("port").expect("it is free");
            while let Ok(mut stream) = listener.accept().await {
                node.spawn("echo", async move {
                    let mut buffer = [0; 64];
                    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        if stream.write_all(&buffer[..count]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        toy.node("a", |node, _| async move {
            for round in 0..20 {
                let Ok(stream) = node.net().connect("b", "port").await else {
                    continue;
                };
                let messages = Messages::new(stream);
                for number in 0..4 {
                    if messages.send(&[round, number, 1, 2, 3]).is_err() {
                        break;
                    }
                    let _ = messages.send(&[round, number, 4, 5, 6]);
                    let _ = node.timeout(Duration::from_secs(5), messages.recv()).await;
                }
            }
        });
        toy.run_to(590_000);
        toy.sim().heal_resources();
        toy.run_to(599_000);
        toy.sim().with_choices(|choices| {
            for (site, count) in choices.accounting() {
                let sum = sums.entry(site).or_default();
                sum.0 += count.fired;
                sum.1 += count.observed;
            }
        });
    }
    for site in SITES.iter().filter(|site| site.label != "net/latency") {
        let (fired, observed) = sums[site.label];
        assert!(fired > 0 && observed > 0, "{}: {fired} fired, {observed} observed", site.label);
    }
}
