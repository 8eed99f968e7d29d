//! Byte streams: what is written arrives, in order, whatever happens on the way; closing and resetting.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn bytes_of(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 % 251) as u8).collect()
}

/// Sends `total` bytes in writes of these sizes, reads them with buffers of these sizes; answers what arrived.
fn transfer(toy: &mut Toy, total: usize, writes: Vec<usize>, reads: Vec<usize>) -> Vec<u8> {
    let arrived = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&arrived);
    toy.node("b", move |node, _| {
        let (reads, sink) = (reads.clone(), Rc::clone(&sink));
        async move {
            let mut stream = accept(&node).await;
            for size in reads.iter().cycle() {
                let mut buffer = vec![0; *size];
                let count = stream.read(&mut buffer).await.expect("no reset");
                if count == 0 {
                    break;
                }
                sink.borrow_mut().extend_from_slice(&buffer[..count]);
            }
        }
    });
    toy.node("a", move |node, _| {
        let writes = writes.clone();
        async move {
            let mut stream = connect(&node, "b").await;
            let data = bytes_of(total);
            let mut rest = data.as_slice();
            for size in writes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let size = (*size).min(rest.len());
                let count = stream.write(&rest[..size]).await.expect("no reset");
                assert!(count >= 1 && count <= size);
                rest = &rest[count..];
            }
            stream.shutdown().await.expect("no reset");
        }
    });
    assert_eq!(toy.run_to(600_000), Ended::Quiescent);
    arrived.take()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every byte written arrives, in order, whatever is partial, short, late or stalled, and links that close for a
    /// while change nothing about it.
    #[test]
    fn everything_written_arrives_in_order(
        seed: u64,
        total in 0_usize..200_000,
        writes in proptest::collection::vec(1_usize..40_000, 1..6),
        reads in proptest::collection::vec(1_usize..40_000, 1..6),
        rates in proptest::array::uniform4(0_u32..400_000),
    ) {
        let [partial, short, stall, partition] = rates;
        let mut settings = rated(Settings::default(), "net/partial-write", partial);
        settings = rated(settings, "net/short-read", short);
        settings = rated(settings, "net/stall", stall / 40);
        settings = rated(settings, "net/partition", partition / 40);
        let mut toy = Toy::drawn(seed, &settings);
        // Tiny reads and writes of a large transfer take many steps and show nothing more.
        let at_least = |sizes: Vec<usize>| sizes.into_iter().map(|size| size.max(total / 300)).collect();
        let arrived = transfer(&mut toy, total, at_least(writes), at_least(reads));
        prop_assert_eq!(arrived, bytes_of(total));
    }
}

/// A write takes only a part when its choice says so, and says how much.
#[test]
fn partial_writes_are_reported() {
    let mut toy = Toy::with(&[("net/partial-write", "a->b", 0, "3 bytes")]);
    toy.node("b", |node, log| async move {
        let mut stream = accept(&node).await;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("no reset");
        log.say(&node, text(Ok(all)));
    });
    toy.node("a", |node, log| async move {
        let mut stream = connect(&node, "b").await;
        let count = stream.write(b"hello world").await.expect("no reset");
        log.say(&node, count);
        stream.write_all(&b"hello world"[count..]).await.expect("no reset");
    });
    assert_eq!(toy.said(), ["a: 3", "b: hello world"]);
}

/// A read returns less than is there when its choice says so; the rest stays.
#[test]
fn short_reads_leave_the_rest() {
    let mut toy = Toy::with(&[("net/short-read", "a->b", 0, "1 bytes")]);
    toy.node("b", |node, log| async move {
        let mut stream = accept(&node).await;
        for _ in 0..2 {
            let mut buffer = [0; 16];
            let count = stream.read(&mut buffer).await.expect("no reset");
            log.say(&node, text(Ok(buffer[..count].to_vec())));
        }
    });
    toy.node("a", |node, _| async move {
        let mut stream = connect(&node, "b").await;
        stream.write_all(b"hello").await.expect("no reset");
    });
    assert_eq!(toy.said(), ["b: h", "b: ello"]);
}

/// A writer that is a window ahead of its reader waits, and goes on one latency after the reader has read.
#[test]
fn a_full_window_makes_the_writer_wait() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let mut stream = accept(&node).await;
        node.sleep(Duration::from_secs(1)).await;
        log.say(&node, "reads");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("no reset");
        log.say(&node, all.len());
    });
    toy.node("a", |node, log| async move {
        let mut stream = connect(&node, "b").await;
        let written = stream.write(&bytes_of(100_000)).await.expect("no reset");
        log.say(&node, written);
        let more = stream.write(&bytes_of(10)).await.expect("no reset");
        log.say(&node, more);
    });
    assert_eq!(toy.log(), ["1ms a: 65536", "1.0005s b: reads", "1.001s a: 10", "1.0015s b: 65546"]);
}

/// A message reader opens the window of a byte writer too.
#[test]
fn messages_taken_out_make_room() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        for _ in 0..3 {
            log.say(&node, messages.recv().await.expect("no reset").len());
        }
    });
    toy.node("a", |node, log| async move {
        let mut stream = connect(&node, "b").await;
        for _ in 0..3 {
            let mut framed = 40_000_u32.to_be_bytes().to_vec();
            framed.extend(bytes_of(40_000));
            stream.write_all(&framed).await.expect("no reset");
        }
        log.say(&node, "done");
    });
    assert_eq!(toy.said(), ["b: 40000", "b: 40000", "a: done", "b: 40000"]);
}

/// After a shutdown the other direction goes on, and the closed one reads as its end.
#[test]
fn half_close() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let mut stream = accept(&node).await;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("no reset");
        log.say(&node, text(Ok(all)));
        stream.write_all(b"late answer").await.expect("no reset");
    });
    toy.node("a", |node, log| async move {
        let mut stream = connect(&node, "b").await;
        stream.write_all(b"question").await.expect("no reset");
        stream.shutdown().await.expect("no reset");
        let error = stream.write(b"more").await.expect_err("it is shut down");
        log.say(&node, format!("{:?}", error.kind()));
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("no reset");
        log.say(&node, text(Ok(all)));
    });
    assert_eq!(toy.said(), ["a: BrokenPipe", "b: question", "a: late answer"]);
    assert_eq!((toy.events("ended"), toy.events("lost")), (0, 0));
}

/// A reset is seen after everything that arrived before it was read; writing then fails too.
#[test]
fn a_reset_comes_after_the_data() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let mut stream = accept(&node).await;
        node.sleep(Duration::from_millis(10)).await;
        let mut buffer = [0; 3];
        for _ in 0..2 {
            stream.read_exact(&mut buffer).await.expect("it has arrived");
            log.say(&node, text(Ok(buffer.to_vec())));
        }
        let error = stream.read(&mut buffer).await.expect_err("it was reset");
        log.say(&node, format!("{:?}", error.kind()));
        let error = stream.write(b"x").await.expect_err("it was reset");
        log.say(&node, format!("{:?}", error.kind()));
    });
    toy.node("a", |node, _| async move {
        let mut stream = connect(&node, "b").await;
        stream.write_all(b"onetwo").await.expect("no reset");
        stream.abort();
    });
    assert_eq!(toy.said(), ["b: one", "b: two", "b: ConnectionReset", "b: ConnectionReset"]);
}

/// Dropping a stream with unread data resets the connection, also after a shutdown; without, it closes in order.
#[test]
fn dropping_unread_data_resets() {
    for (shut_down, unread) in [(false, true), (true, true), (false, false), (true, false)] {
        let mut toy = Toy::quiet();
        toy.node("b", move |node, _| async move {
            let mut stream = accept(&node).await;
            node.sleep(Duration::from_millis(10)).await;
            if shut_down {
                stream.shutdown().await.expect("no reset");
            }
            if !unread {
                stream.read_u8().await.expect("one byte is there");
            }
        });
        toy.node("a", |node, log| async move {
            let mut stream = connect(&node, "b").await;
            stream.write_all(b"x").await.expect("no reset");
            node.sleep(Duration::from_millis(20)).await;
            let end = stream.read(&mut [0; 8]).await.map_err(|e| e.kind());
            log.say(&node, format!("{end:?}"));
        });
        let expected = match (unread, shut_down) {
            (false, _) | (true, true) => "a: Ok(0)",
            (true, false) => "a: Err(ConnectionReset)",
        };
        assert_eq!(toy.said(), [expected], "shut down: {shut_down}, unread: {unread}");
        assert_eq!(toy.events("reset"), usize::from(unread));
    }
}

/// The halves of a split stream work from two tasks; the connection closes when both are gone.
#[test]
fn split_halves() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let (mut reader, mut writer) = accept(&node).await.split();
        let task = node.spawn("writer", async move {
            writer.write_all(b"from b").await.expect("no reset");
        });
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.expect("no reset");
        task.await;
        log.say(&node, text(Ok(all)));
    });
    toy.node("a", |node, log| async move {
        let (mut reader, mut writer) = connect(&node, "b").await.split();
        writer.write_all(b"from a").await.expect("no reset");
        let mut buffer = [0; 6];
        reader.read_exact(&mut buffer).await.expect("no reset");
        log.say(&node, text(Ok(buffer.to_vec())));
        drop(writer);
        node.sleep(Duration::from_millis(5)).await;
        log.say(&node, "drops the second half");
    });
    assert_eq!(toy.said(), ["a: from b", "a: drops the second half", "b: from a"]);
}

/// tokio's helpers work on it: an echo made of `copy`.
#[test]
fn tokio_helpers() {
    let mut toy =
        Toy::drawn(3, &rated(rated(Settings::default(), "net/partial-write", 300_000), "net/short-read", 300_000));
    toy.node("b", |node, _| async move {
        let (mut reader, mut writer) = accept(&node).await.split();
        tokio::io::copy(&mut reader, &mut writer).await.expect("no reset");
        writer.shutdown().await.expect("no reset");
    });
    toy.node("a", |node, log| async move {
        let (reader, mut writer) = connect(&node, "b").await.split();
        let task = node.spawn("writer", async move {
            writer.write_all(&bytes_of(30_000)).await.expect("no reset");
            writer.shutdown().await.expect("no reset");
        });
        let mut back = Vec::new();
        let mut reader = tokio::io::BufReader::new(reader);
        reader.read_to_end(&mut back).await.expect("no reset");
        task.await;
        log.say(&node, back == bytes_of(30_000));
    });
    assert_eq!(toy.run_to(600_000), Ended::Quiescent);
    assert_eq!(toy.log.said(), ["a: true"]);
}

/// Who waits on a connection that this side itself resets is woken.
#[test]
fn an_own_abort_wakes_the_own_reader() {
    let mut toy = Toy::quiet();
    toy.node("b", |node, log| async move {
        let end = accept(&node).await.read(&mut [0; 8]).await;
        log.say(&node, format!("{:?}", end.map_err(|e| e.kind())));
    });
    toy.node("a", |node, log| async move {
        let (mut reader, writer) = connect(&node, "b").await.split();
        node.after(Duration::from_millis(5), "abort", move || writer.abort());
        let end = reader.read(&mut [0; 8]).await;
        log.say(&node, format!("{:?}", end.map_err(|e| e.kind())));
    });
    assert_eq!(toy.said(), ["a: Err(BrokenPipe)", "b: Err(ConnectionReset)"]);
}
