//! Messages: framing, one message is one step, and what is not a message.

use std::cell::Cell;

use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::net::EndReason;

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let frame = |message: &Vec<u8>| {
        let mut frame = (message.len() as u32).to_be_bytes().to_vec();
        frame.extend(message);
        frame
    };
    messages.iter().flat_map(frame).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Messages come out whole and in order, however the bytes were cut into segments.
    #[test]
    fn framing_does_not_depend_on_segments(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
        cuts in proptest::collection::vec(1_usize..30, 1..6),
        by_callback: bool,
    ) {
        let got = Rc::new(RefCell::new(Vec::new()));
        let mut toy = Toy::quiet();
        let sink = Rc::clone(&got);
        toy.node("b", move |node, _| {
            let sink = Rc::clone(&sink);
            async move {
                let connection = Messages::new(accept(&node).await);
                if by_callback {
                    connection.on_message(move |message| sink.borrow_mut().push(message.to_vec()));
                    node.sleep(Duration::from_secs(1)).await;
                } else {
                    while let Ok(message) = connection.recv().await {
                        sink.borrow_mut().push(message);
                    }
                }
            }
        });
        let bytes = framed(&messages);
        toy.node("a", move |node, _| {
            let (bytes, cuts) = (bytes.clone(), cuts.clone());
            async move {
                let mut stream = connect(&node, "b").await;
                let mut rest = bytes.as_slice();
                for cut in cuts.iter().cycle() {
                    if rest.is_empty() { break; }
                    let (piece, after) = rest.split_at((*cut).min(rest.len()));
                    stream.write_all(piece).await.expect("no reset");
                    rest = after;
                }
            }
        });
        prop_assert_eq!(toy.run_to(600_000), Ended::Quiescent);
        prop_assert_eq!(got.take(), messages);
    }

    /// Neither do they depend on the faults of a transport that loses nothing.
    #[test]
    fn messages_survive_what_loses_nothing(seed: u64, messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12)) {
        let mut settings = rated(Settings::default(), "net/partial-write", 500_000);
        settings = rated(settings, "net/stall", 100_000);
        settings = rated(settings, "net/partition", 100_000);
        let mut toy = Toy::drawn(seed, &settings);
        let got = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&got);
        toy.node("b", move |node, _| {
            let sink = Rc::clone(&sink);
            async move {
                let connection = Messages::new(accept(&node).await);
                while let Ok(message) = connection.recv().await {
                    sink.borrow_mut().push(message);
                }
            }
        });
        let sent = messages.clone();
        toy.node("a", move |node, _| {
            let sent = sent.clone();
            async move {
                let connection = Messages::new(connect(&node, "b").await);
                sent.iter().for_each(|message| connection.send(message).expect("no reset"));
            }
        });
        prop_assert_eq!(toy.run_to(600_000), Ended::Quiescent);
        prop_assert_eq!(got.take(), messages);
    }
}

/// A message without bytes is a message.
#[test]
fn an_empty_message() {
    let mut toy = Toy::quiet();
    toy.node("b", answering);
    toy.node("a", |node, log| asking(node, log, &["", "x"]));
    assert_eq!(toy.said(), ["b: ", "a: re ", "b: x", "a: re x", "b: connection closed"]);
}

/// One message is one event and one step, in which it is handled and its answer is sent; with callbacks and with tasks.
#[test]
fn one_message_is_one_step() {
    for by_callback in [true, false] {
        let mut toy = Toy::quiet();
        toy.node("b", move |node, log| async move {
            if !by_callback {
                return answering(node, log).await;
            }
            let messages = Messages::new(accept(&node).await);
            let (back, inner) = (messages.clone(), node.clone());
            let open = Rc::new(Cell::new(true));
            let ended = Rc::clone(&open);
            messages.on_message(move |message| {
                log.say(&inner, text(Ok(message.to_vec())));
                back.send(&[b"re ", message].concat()).expect("no reset");
            });
            messages.on_end(move |_| ended.set(false));
            while open.get() {
                node.sleep(Duration::from_secs(1)).await;
            }
        });
        toy.node("a", |node, log| asking(node, log, &["one", "two"]));
        let said = toy.said();
        assert_eq!(said[..4], ["b: one", "a: re one", "b: two", "a: re two"]);
        let trace = toy.sim().trace();
        let steps = |kind: &str, subject: &str| -> Vec<u64> {
            let events = trace
                .events()
                .iter()
                .filter(|event| event.header.kind.label == kind && trace.names().text(event.header.subject) == subject);
            events.map(|event| event.step).collect()
        };
        let (arrivals, answers) = (steps("deliver", "a->b"), steps("send", "b->a"));
        assert_eq!(arrivals.len(), 2);
        assert_eq!(arrivals, answers, "by callback: {by_callback}");
        assert_eq!(answers[1], steps("deliver", "b->a")[0] + 1);
    }
}

/// A header that announces more than a message may have resets the connection, for tasks and for callbacks.
#[test]
fn a_header_that_is_too_long_resets() {
    for by_callback in [true, false] {
        let mut toy = Toy::quiet();
        toy.node("b", move |node, log| async move {
            let messages = Messages::new(accept(&node).await);
            if by_callback {
                let (inner, sink) = (node.clone(), log.clone());
                messages.on_message(|_| {});
                messages.on_end(move |reason| sink.say(&inner, format!("{reason:?}")));
                node.sleep(Duration::from_millis(50)).await;
            } else {
                log.say(&node, text(messages.recv().await));
            }
            log.say(&node, format!("{:?}", messages.send(b"x")));
        });
        toy.node("a", |node, log| async move {
            let mut stream = connect(&node, "b").await;
            stream.write_all(&[0xFF; 5]).await.expect("no reset yet");
            let end = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 8]).await;
            log.say(&node, format!("{:?}", end.map_err(|e| e.kind())));
        });
        let mut said = toy.said();
        said.sort();
        let first = if by_callback { "b: Reset" } else { "b: connection reset" };
        let mut expected = ["a: Err(ConnectionReset)", "b: Err(Reset)", first];
        expected.sort_unstable();
        assert_eq!(said, expected);
    }
}

/// A message beyond the limit is refused where it is sent, and the connection goes on.
#[test]
fn a_message_that_is_too_long_is_not_sent() {
    let mut toy = Toy::quiet();
    toy.node("b", answering);
    toy.node("a", |node, log| async move {
        let messages = Messages::new(connect(&node, "b").await);
        let long = vec![0; 16 * 1024 * 1024 + 1];
        log.say(&node, format!("{:?}", messages.send(&long)));
        messages.send(b"x").expect("it is open");
        log.say(&node, text(messages.recv().await));
    });
    assert_eq!(toy.said()[..3], ["a: Err(TooLong)", "b: x", "a: re x"]);
}

/// A buffer is cleared, and its memory is used again.
#[test]
fn receiving_into_a_buffer() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        let mut buffer = b"what was here before".to_vec();
        let (place, room) = (buffer.as_ptr(), buffer.capacity());
        for _ in 0..2 {
            messages.recv_into(&mut buffer).await.expect("no reset");
            log.say(&node, text(Ok(buffer.clone())));
        }
        assert_eq!((buffer.as_ptr(), buffer.capacity()), (place, room));
    });
    toy.node("a", |node, _| async move {
        let messages = Messages::new(connect(&node, "b").await);
        messages.send(b"first").expect("no reset");
        messages.send(b"2nd").expect("no reset");
    });
    assert_eq!(toy.said(), ["b: first", "b: 2nd"]);
}

/// Messages that came before the handler was attached are handled when it is; those read by hand are not seen twice.
#[test]
fn a_late_handler_gets_what_is_there() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        log.say(&node, text(messages.recv().await));
        node.sleep(Duration::from_millis(10)).await;
        let (inner, sink) = (node.clone(), log.clone());
        messages.on_message(move |message| sink.say(&inner, text(Ok(message.to_vec()))));
        log.say(&node, "attached");
        messages.on_end(move |reason| log.say(&node, format!("{reason:?}")));
    });
    toy.node("a", |node, _| async move {
        let messages = Messages::new(connect(&node, "b").await);
        for text in ["1", "2", "3"] {
            messages.send(text.as_bytes()).expect("no reset");
        }
    });
    assert_eq!(toy.said(), ["b: 1", "b: 2", "b: 3", "b: attached", "b: Closed"]);
}

/// A callback owner that was told of an orderly end can still answer; the answer arrives.
#[test]
fn answering_after_the_other_side_has_closed() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        let (back, inner) = (messages.clone(), node.clone());
        messages.on_message(|_| {});
        messages.on_end(move |reason| {
            log.say(&inner, format!("{reason:?} {}", back.is_ended()));
            back.send(b"good-bye").expect("this direction is open");
        });
        node.sleep(Duration::from_secs(1)).await;
    });
    toy.node("a", |node, log| async move {
        let messages = Messages::new(connect(&node, "b").await);
        messages.send(b"question").expect("no reset");
        messages.close();
        log.say(&node, format!("{:?}", messages.send(b"x")));
        log.say(&node, text(messages.recv().await));
    });
    assert_eq!(toy.said(), ["a: Err(Closed)", "b: Closed true", "a: good-bye"]);
}

/// A handler may drop the connection it handles, or reset it, and nothing is handled after that.
#[test]
fn a_handler_that_gives_up_its_connection() {
    for abort in [false, true] {
        let mut toy = Toy::quiet();
        toy.node("b", move |node, log| async move {
            let slot = Rc::new(RefCell::new(Some(Messages::new(accept(&node).await))));
            let (held, inner) = (Rc::clone(&slot), node.clone());
            let messages = slot.borrow().clone().expect("just put there");
            messages.on_message(move |message| {
                log.say(&inner, text(Ok(message.to_vec())));
                let own = held.borrow_mut().take();
                if let Some(own) = own.filter(|_| abort) {
                    own.abort();
                }
            });
            drop(messages);
        });
        toy.node("a", |node, log| async move {
            let messages = Messages::new(connect(&node, "b").await);
            messages.send(b"1").expect("no reset");
            messages.send(b"2").expect("no reset");
            log.say(&node, text(messages.recv().await));
        });
        let end = if abort { "a: connection reset" } else { "a: connection closed" };
        assert_eq!(toy.said(), ["b: 1", end]);
    }
}

/// What was told is why a callback owner's connection ended: in order, or not.
#[test]
fn reasons() {
    for abort in [false, true] {
        let mut toy = Toy::quiet();
        toy.node("b", |node, log| async move {
            let messages = Messages::new(accept(&node).await);
            messages.on_message(|_| {});
            let inner = node.clone();
            messages.on_end(move |reason| log.say(&inner, format!("{reason:?}")));
            node.sleep(Duration::from_secs(1)).await;
        });
        toy.node("a", move |node, _| async move {
            let messages = Messages::new(connect(&node, "b").await);
            if abort {
                messages.abort();
            }
        });
        let reason = if abort { EndReason::Reset } else { EndReason::Closed };
        assert_eq!(toy.said(), [format!("b: {reason:?}")]);
    }
}
