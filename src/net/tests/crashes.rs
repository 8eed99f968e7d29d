//! Nodes that go down: killed, without power, started again.

use tokio::io::AsyncReadExt;

use super::*;

/// `a` asks once a second, over a new connection when the old one has failed, and says what came.
async fn asking_on(node: Node, log: Log) {
    for number in 0..6_u8 {
        let connection = match node.net().connect("b", "port").await {
            Ok(stream) => Messages::new(stream),
            Err(error) => {
                log.say(&node, format!("{number}: {error}"));
                node.sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        log.say(&node, format!("{number}: connected"));
        loop {
            if let Err(error) = connection.send(&[number]) {
                log.say(&node, format!("{number}: {error}"));
                break;
            }
            match node.timeout(Duration::from_secs(2), connection.recv()).await {
                Ok(Ok(_)) => node.sleep(Duration::from_secs(1)).await,
                Ok(Err(error)) => {
                    log.say(&node, format!("{number}: {error}"));
                    break;
                }
                Err(elapsed) => log.say(&node, format!("{number}: {elapsed}")),
            }
        }
    }
}

async fn serving(node: Node, _log: Log) {
    let listener = node.net().listen("port").expect("it is free");
    while let Ok(stream) = listener.accept().await {
        let messages = Messages::new(stream);
        node.spawn("connection", async move {
            while let Ok(message) = messages.recv().await {
                if messages.send(&message).is_err() {
                    return;
                }
            }
        });
    }
}

/// A killed process: its peer is reset, is refused while it is away, and gets through when it is back.
#[test]
fn killed_and_restarted() {
    let mut toy = Toy::quiet();
    let b = toy.node("b", serving);
    toy.node("a", asking_on);
    toy.run_to(1_500);
    toy.kill(b, Down::Kill);
    toy.run_to(3_000);
    toy.sim().start(b, Duration::ZERO);
    toy.run_to(5_000);
    assert_eq!(
        *toy.log.0.borrow(),
        [
            "1ms a: 0: connected",
            "2.003s a: 0: connection reset",
            "2.004s a: 1: connection refused",
            "3.005s a: 2: connected"
        ]
    );
}

/// No power: the peer learns nothing, not even by writing, until the node is back and it writes again.
#[test]
fn power_cut_and_restarted() {
    let mut toy = Toy::quiet();
    let b = toy.node("b", serving);
    toy.node("a", asking_on);
    toy.run_to(1_500);
    toy.kill(b, Down::PowerCut);
    toy.run_to(7_000);
    assert_eq!(
        *toy.log.0.borrow(),
        ["1ms a: 0: connected", "4.003s a: 0: the time limit has passed", "6.003s a: 0: the time limit has passed"]
    );
    toy.sim().start(b, Duration::ZERO);
    toy.run_to(8_500);
    assert_eq!(
        toy.log.0.borrow()[3..],
        ["8.003s a: 0: the time limit has passed", "8.004s a: 0: connection reset", "8.005s a: 1: connected"]
    );
}

/// No power, and the peer writes nothing: healing tells it.
#[test]
fn power_cut_and_heal() {
    let mut toy = Toy::quiet();
    let b = toy.node("b", answering);
    toy.node("a", |node, log| async move {
        let end = connect(&node, "b").await.read(&mut [0; 8]).await;
        log.say(&node, format!("{:?}", end.map_err(|e| e.kind())));
    });
    toy.run_to(10);
    toy.kill(b, Down::PowerCut);
    assert_eq!(toy.said(), [""; 0]);
    toy.sim().heal_resources();
    assert_eq!(toy.said(), ["a: Err(ConnectionReset)"]);
}

/// What a process sent before it was killed arrives, and the reset behind it.
#[test]
fn last_words() {
    let mut toy = Toy::with(&[("net/latency", "b->a", 0, "300ms")]);
    let b = toy.node("b", answering);
    toy.node("a", |node, log| asking(node, log, &["1", "2"]));
    toy.run_to(100);
    toy.kill(b, Down::Kill);
    let said = toy.log();
    assert_eq!(said, ["1.5ms b: 1", "301.5ms a: re 1", "301.5ms a: connection reset"]);
}

/// A handle that outlives its node's life does nothing: no data, no close, no event.
#[test]
fn handles_of_a_dead_life_are_inert() {
    let mut toy = Toy::quiet();
    let held: Rc<RefCell<Option<Messages>>> = Rc::default();
    let keep = Rc::clone(&held);
    let b = toy.node("b", move |node, _| {
        let keep = Rc::clone(&keep);
        async move {
            *keep.borrow_mut() = Some(Messages::new(accept(&node).await));
        }
    });
    toy.node("a", |node, log| async move {
        let messages = Messages::new(connect(&node, "b").await);
        log.say(&node, text(messages.recv().await));
    });
    toy.run_to(10);
    toy.kill(b, Down::PowerCut);
    let before = toy.sim().trace().events().len();
    let messages = held.take().expect("it was accepted");
    assert_eq!(messages.send(b"x"), Err(NetError::Closed));
    messages.close();
    messages.abort();
    drop(messages);
    assert_eq!(toy.sim().trace().events().len(), before);
    assert_eq!(toy.said(), [""; 0]);
}

/// A node killed while it waits for a connection, as dialer or as acceptor, leaves nothing behind that hangs.
#[test]
fn killed_while_connecting() {
    for (dialer_dies, at_us) in [(true, 250), (true, 750), (false, 250), (false, 750)] {
        let mut toy = Toy::quiet();
        let b = toy.node("b", answering);
        let a = toy.node("a", |node, log| async move {
            match node.net().connect("b", "port").await {
                Ok(stream) => log.say(&node, text(Messages::new(stream).recv().await)),
                Err(error) => log.say(&node, error),
            }
        });
        let until = Until { deadline: Time::from_nanos(at_us * 1_000), done: &|| false, last_step: u64::MAX };
        let mut hook = toy.world.clone();
        toy.sim().clone().run(&until, &mut hook);
        toy.kill(if dialer_dies { a } else { b }, Down::Kill);
        toy.run_to(10);
        let expected: &[&str] = match (dialer_dies, at_us) {
            (true, 250) => &[],
            (true, _) => &["b: connection reset"],
            (false, 250) => &["a: connection refused"],
            (false, _) => &["a: connection reset"],
        };
        assert_eq!(toy.log.said(), expected, "{dialer_dies} {at_us}");
        assert!(toy.run_to(20) == Ended::Quiescent, "nothing is left in the queue");
    }
}

/// Paused, a node gets nothing; resumed, it gets everything in order.
#[test]
fn paused() {
    let mut toy = Toy::quiet();
    let b = toy.node("b", |node, log| async move {
        let messages = Messages::new(accept(&node).await);
        while let Ok(message) = messages.recv().await {
            log.say(&node, message[0]);
        }
    });
    toy.node("a", |node, _| async move {
        let messages = Messages::new(connect(&node, "b").await);
        for number in 0..4 {
            messages.send(&[number]).expect("no reset");
            node.sleep(Duration::from_millis(10)).await;
        }
    });
    toy.run_to(5);
    toy.sim().pause(b);
    toy.run_to(25);
    assert_eq!(toy.log.said(), ["b: 0"]);
    toy.sim().resume(b);
    assert_eq!(toy.said(), ["b: 0", "b: 1", "b: 2", "b: 3"]);
}
