//! Cuts around a write, and when each owner learns of the end.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const BEFORE_DELIVERY: &str = "before delivery";
const BEFORE_REPLY: &str = "before the reply";
const AFTER_REPLY: &str = "after the reply";

/// `a` asks `one` and `two` of `b`, with a cut at its first write.
fn asked(cut: &'static str, more: &[Fault]) -> Toy {
    let faults = [&[("net/cut", "a->b", 0, cut)], more].concat();
    let toy = Toy::with(&faults);
    toy.node("b", answering);
    toy.node("a", |node, log| asking(node, log, &["one", "two"]));
    toy
}

/// Before delivery: the question never arrives, and both learn of the end.
#[test]
fn before_delivery() {
    assert_eq!(asked(BEFORE_DELIVERY, &[]).log(), ["1ms a: connection reset", "1ms b: connection reset"]);
}

/// Inside: a part of the question arrives, which is no message; both learn of the end when it does.
#[test]
fn inside_a_message() {
    assert_eq!(asked("inside, after 5 bytes", &[]).log(), ["1.5ms a: connection reset", "1.5ms b: connection reset"]);
}

/// After delivery, before the reply: the question is answered, and the answer vanishes.
#[test]
fn before_the_reply() {
    let mut toy = asked(BEFORE_REPLY, &[]);
    assert_eq!(toy.log(), ["1.5ms b: one", "1.5ms a: connection reset", "1.5ms b: connection reset"]);
    assert_eq!(toy.events("lost"), 1);
}

/// After the reply: the answer arrives, and nothing later.
#[test]
fn after_the_reply() {
    assert_eq!(
        asked(AFTER_REPLY, &[]).log(),
        ["1.5ms b: one", "2ms a: re one", "2ms b: connection reset", "2ms a: connection reset"]
    );
}

/// The same four with an owner that is callbacks, told on its own stack: what was delivered was handled before.
#[test]
fn callbacks_handle_before_they_are_told() {
    for (cut, expected) in [
        (BEFORE_DELIVERY, ["b: Reset"].as_slice()),
        ("inside, after 5 bytes", &["b: Reset"]),
        (BEFORE_REPLY, &["b: one", "b: sent Ok(())", "b: Reset"]),
        (AFTER_REPLY, &["b: one", "b: sent Ok(())", "b: Reset"]),
    ] {
        // Only where the end falls into an event of its own node can `b` be told on its own stack.
        let inline = [("net/notice", "a->b", 0, "inline")];
        let own_event = cut != BEFORE_DELIVERY && cut != AFTER_REPLY;
        let faults: &[Fault] = if own_event { &inline } else { &[] };
        let mut toy = Toy::with(&[&[("net/cut", "a->b", 0, cut)], faults].concat());
        toy.node("b", |node, log| async move {
            let messages = Messages::new(accept(&node).await);
            let (back, inner, sink) = (messages.clone(), node.clone(), log.clone());
            messages.on_message(move |message| {
                sink.say(&inner, text(Ok(message.to_vec())));
                sink.say(&inner, format!("sent {:?}", back.send(b"answer")));
            });
            let inner = node.clone();
            messages.on_end(move |reason| log.say(&inner, format!("{reason:?}")));
            node.sleep(Duration::from_secs(1)).await;
        });
        toy.node("a", |node, _| async move {
            let messages = Messages::new(connect(&node, "b").await);
            messages.send(b"one").expect("it does not know yet");
            while messages.recv().await.is_ok() {}
        });
        assert_eq!(toy.said(), expected, "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A cut inside the bytes of a stream: exactly that many arrive, in order, and then the reset.
    #[test]
    fn inside_a_stream(length in 2_usize..500, fraction in 0.0..1.0_f64, before in 0_usize..3) {
        let kept = 1 + ((length - 2) as f64 * fraction) as usize;
        let value: &'static str = format!("inside, after {kept} bytes").leak();
        let mut toy = Toy::with(&[("net/cut", "a->b", before as u64, value)]);
        let got = Rc::new(RefCell::new((Vec::new(), None)));
        let sink = Rc::clone(&got);
        toy.node("b", move |node, _| {
            let sink = Rc::clone(&sink);
            async move {
                let mut all = Vec::new();
                let end = accept(&node).await.read_to_end(&mut all).await;
                *sink.borrow_mut() = (all, end.err().map(|error| error.kind()));
            }
        });
        toy.node("a", move |node, _| async move {
            let mut stream = connect(&node, "b").await;
            for _ in 0..before {
                stream.write_all(b"+").await.expect("no reset yet");
            }
            stream.write_all(&vec![b'x'; length]).await.expect("it does not know yet");
            let _ = stream.read(&mut [0; 8]).await;
        });
        prop_assert_eq!(toy.run_to(60_000), Ended::Quiescent);
        let (all, end) = got.take();
        prop_assert_eq!(String::from_utf8(all).unwrap(), "+".repeat(before) + &"x".repeat(kept));
        prop_assert_eq!(end, Some(std::io::ErrorKind::ConnectionReset));
    }
}

/// An end told inline is seen by the next line of the code whose write caused it; otherwise the write looks fine.
#[test]
fn told_inline() {
    for inline in [true, false] {
        let faults: [Fault; 2] = [("net/cut", "a->b", 0, BEFORE_DELIVERY), ("net/notice", "b->a", 0, "inline")];
        let mut toy = Toy::with(if inline { &faults } else { &faults[..1] });
        toy.node("b", answering);
        toy.node("a", |node, log| async move {
            let messages = Messages::new(connect(&node, "b").await);
            let (inner, sink) = (node.clone(), log.clone());
            messages.on_end(move |_| sink.say(&inner, "told"));
            log.say(&node, format!("{:?}", messages.send(b"one")));
            log.say(&node, format!("{:?}", messages.send(b"two")));
        });
        let said = toy.said();
        let expected =
            if inline { ["a: told", "a: Ok(())", "a: Err(Reset)"].as_slice() } else { &["a: Ok(())", "a: Ok(())"] };
        assert_eq!(said[..expected.len()], *expected);
        assert_eq!(toy.count("net/notice").observed, u64::from(inline));
    }
}

/// Another node's code never runs on this stack: for it, `inline` is not among the values.
#[test]
fn the_other_side_is_not_told_inline() {
    let mut settings = pinned(still(), "net/notice", "inline");
    settings = pinned(settings, "net/cut", BEFORE_DELIVERY);
    let mut toy = Toy::drawn(0, &settings);
    toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        let inner = node.clone();
        messages.on_end(move |_| log.say(&inner, "told"));
        node.sleep(Duration::from_secs(1)).await;
    });
    toy.node("a", |node, log| async move {
        let messages = Messages::new(connect(&node, "b").await);
        messages.send(b"x").expect("it does not know yet");
        log.say(&node, "goes on");
    });
    toy.run_to(5_000);
    assert_eq!(toy.log.said(), ["a: goes on", "b: told"]);
}

/// The end and the notice are two events: an owner that is told later goes on writing into nothing until then.
#[test]
fn told_later() {
    let mut toy = asked(BEFORE_DELIVERY, &[("net/notice", "b->a", 0, "after 4s")]);
    assert_eq!(toy.log(), ["1ms b: connection reset", "4.001s a: connection reset"]);
    assert_eq!(toy.count("net/notice").observed, 1);
}

/// Half-open: the side that is never told learns of the end after it writes.
#[test]
fn half_open_until_it_writes() {
    let faults = [("net/cut", "a->b", 0, BEFORE_DELIVERY), ("net/half-open", "b->a", 0, "yes")];
    let mut toy = Toy::with(&faults);
    toy.node("b", answering);
    toy.node("a", |node, log| async move {
        let mut stream = connect(&node, "b").await;
        stream.write_all(b"x").await.expect("it does not know yet");
        node.sleep(Duration::from_secs(20)).await;
        stream.write_all(b"y").await.expect("it does not know yet");
        log.say(&node, "has written");
        let end = stream.read(&mut [0; 8]).await.map_err(|e| e.kind());
        log.say(&node, format!("{end:?}"));
    });
    assert_eq!(toy.log(), ["1ms b: connection reset", "20.001s a: has written", "20.002s a: Err(ConnectionReset)"]);
    assert_eq!(toy.count("net/half-open").observed, 1);
}

/// Half-open and silent: it learns nothing, until the network heals.
#[test]
fn half_open_until_heal() {
    let faults = [("net/half-open", "b->a", 0, "yes")];
    let mut toy = asked(BEFORE_DELIVERY, &faults);
    assert_eq!(toy.said(), ["b: connection reset"]);
    assert_eq!(toy.count("net/half-open").observed, 0);
    toy.sim().heal_resources();
    assert_eq!(toy.said(), ["b: connection reset", "a: connection reset"]);
    assert_eq!(toy.count("net/half-open").observed, 1);
}

/// A cut also takes what else was under way, in both directions.
#[test]
fn a_cut_takes_what_is_under_way() {
    let mut toy = Toy::with(&[("net/cut", "a->b", 2, BEFORE_DELIVERY), ("net/stall", "a->b", 0, "5s")]);
    toy.node("b", answering);
    toy.node("a", |node, log| async move {
        let messages = Messages::new(connect(&node, "b").await);
        for question in ["1", "2", "3"] {
            messages.send(question.as_bytes()).expect("it does not know yet");
            node.sleep(Duration::from_millis(10)).await;
        }
        log.say(&node, text(messages.recv().await));
    });
    assert_eq!(toy.log()[0], "21ms b: connection reset");
    assert_eq!(toy.events("deliver"), 0);
}
