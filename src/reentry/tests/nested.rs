//! Dispatching inside a callback: who is eligible, and who is not.

use super::*;
use crate::kernel::{Action, Eligible, Lane, MAX_NESTED_DEPTH, QueueKey, Resource, Schedule};
use crate::net::{Messages, Net, NetConfig, NodeNet};
use std::task::{Poll, Waker};

type Handler = Rc<dyn Fn(u64)>;

/// A mailbox whose events wake a task or call back, as its owner wants.
struct Mailbox {
    reader: RefCell<Option<Waker>>,
    callback: RefCell<Option<Handler>>,
    arrived: RefCell<Vec<u64>>,
}

impl Resource for Mailbox {
    fn dispatch(&self, _: &Sim, token: u64) {
        self.arrived.borrow_mut().push(token);
        let reader = self.reader.borrow_mut().take();
        if let Some(reader) = reader {
            reader.wake();
        }
        let callback = self.callback.borrow().clone();
        if let Some(callback) = callback {
            callback(token);
        }
    }

    fn eligible(&self, _: &Sim, _: u64) -> Eligible {
        match (&*self.callback.borrow(), &*self.reader.borrow()) {
            (Some(_), _) => Eligible::Callback,
            (None, Some(reader)) => Eligible::Wakes(reader.clone()),
            (None, None) => Eligible::No,
        }
    }

    fn node_down(&self, _: &Sim, _: NodeId, _: crate::kernel::Down) {}

    fn heal(&self, _: &Sim) {}

    fn tear_down(&self) {
        *self.callback.borrow_mut() = None;
    }
}

#[derive(Clone)]
struct Letters {
    mailbox: Rc<Mailbox>,
    resource: crate::kernel::ResourceId,
    lane: Lane,
}

impl Letters {
    fn new(sim: &Sim) -> Letters {
        let mailbox =
            Rc::new(Mailbox { reader: RefCell::default(), callback: RefCell::default(), arrived: RefCell::default() });
        Letters { resource: sim.add_resource(mailbox.clone()), mailbox, lane: sim.lane() }
    }

    fn send(&self, node: &NodeHandle, token: u64, delay: Duration) -> QueueKey {
        let sim = node.sim();
        sim.schedule(Schedule {
            at: sim.now() + delay,
            lane: self.lane,
            node: node.id(),
            label: "letter",
            subject: sim.name("x"),
            action: Action::Resource { resource: self.resource, token },
        })
    }

    async fn recv(&self) -> u64 {
        std::future::poll_fn(|cx| {
            let mut arrived = self.mailbox.arrived.borrow_mut();
            if arrived.is_empty() {
                *self.mailbox.reader.borrow_mut() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(arrived.remove(0))
        })
        .await
    }
}

fn here(n: u64, value: &str) -> Deviation {
    deviation(&HERE, "n:listener", n, value)
}

/// A delivery is pulled forward into a callback and handled by another task of the node, in the middle of the step; the
/// rest of its queue stays behind it, and the checks run once, after the outer step.
#[test]
fn a_delivery_reaches_another_task_inside_a_callback() {
    let sim = scripted([here(0, "letter x")]);
    let letters = Letters::new(&sim);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (letters, noted) = (letters.clone(), seen.clone());
        letters.send(&node, 1, MS * 10);
        letters.send(&node, 2, MS * 10);
        let (reader, clock) = (letters.clone(), node.clone());
        node.spawn("reader", async move {
            for _ in 0..2 {
                let letter = reader.recv().await;
                noted.write(format!("letter {letter}@{}", clock.sim().step()));
            }
        });
        let (inner, seen) = (node.clone(), seen.clone());
        node.after(MS, "fan-out", move || {
            seen.write("before");
            assert!(boundary(&inner, &HERE, "listener"));
            seen.write(format!("after@{}", inner.sim().step()));
        });
    });
    let (ended, checked) = run(&sim);
    assert_eq!(ended, Ended::Quiescent);
    assert_eq!(diary.text(), "before letter 1@2 after@2 letter 2@3", "the second one comes at its own time");
    assert_eq!((checked, sim.step()), (3, 3));
    assert_eq!(pairs(&sim), ["letter x inside listener: 1"]);
}

/// A task on the stack is never polled again: an event that would wake it is not eligible, and where one wakes it all
/// the same, through somebody else, its wake stays queued and it is polled when the outer step goes on.
#[test]
fn a_task_on_the_stack_is_refused() {
    let sim = scripted([here(0, "letter x"), here(1, "continuation poke")]);
    let letters = Letters::new(&sim);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (letters, seen, inner) = (letters.clone(), seen.clone(), node.clone());
        node.spawn("reader", async move {
            letters.send(&inner, 1, MS);
            let own: Rc<RefCell<Option<Waker>>> = Rc::default();
            let mut polls = 0;
            std::future::poll_fn(|cx| {
                polls += 1;
                *letters.mailbox.reader.borrow_mut() = Some(cx.waker().clone());
                *own.borrow_mut() = Some(cx.waker().clone());
                if polls == 2 {
                    seen.write("polled again");
                    return Poll::Ready(());
                }
                seen.write(format!("letter={}", boundary(&inner, &HERE, "listener")));
                let (poke, noted) = (own.clone(), seen.clone());
                inner.eventually("poke", move || {
                    noted.write("poke");
                    let waker = poke.borrow().clone();
                    waker.expect("it was polled").wake();
                });
                seen.write(format!("poked={}", boundary(&inner, &HERE, "listener")));
                Poll::Pending
            })
            .await;
            seen.write(format!("@{}", inner.sim().step()));
        });
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(diary.text(), "letter=false poke poked=true polled again @1");
    let accounting = sim.with_choices(|choices| choices.accounting());
    assert_eq!(accounting["test/here"].ineligible, 1);
}

/// Only the head of a queue is ever pulled forward; a second boundary takes the next one.
#[test]
fn fifo_is_kept() {
    let sim = scripted([here(0, "letter x"), here(1, "letter x")]);
    let letters = Letters::new(&sim);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let noted = seen.clone();
        let callback: Handler = Rc::new(move |letter| noted.write(format!("{letter}")));
        *letters.mailbox.callback.borrow_mut() = Some(callback);
        for (letter, ms) in [(1, 5), (2, 5), (3, 9)] {
            letters.send(&node, letter, MS * ms);
        }
        seen.write("(");
        boundary(&node, &HERE, "listener");
        boundary(&node, &HERE, "listener");
        seen.write(")");
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(diary.text(), "( 1 2 ) 3");
    assert_eq!(sim.now(), Time::ZERO + MS * 9);
}

/// A timer may run inside a callback once its deadline has passed on the node's clock, and never earlier.
#[test]
fn a_timer_never_comes_early() {
    for (debt, inside) in [(1, false), (2, true)] {
        let sim = scripted([here(0, "timer lease")]);
        let diary = Diary::default();
        let seen = diary.clone();
        node(&sim, "n", move |node| {
            let noted = seen.clone();
            node.after(MS * 2, "lease", move || noted.write("lease"));
            node.sim().add_debt(node.id(), MS * debt);
            seen.write(format!("{}", boundary(&node, &HERE, "listener")));
        });
        assert_eq!(run(&sim).0, Ended::Quiescent);
        let expected = if inside { "lease true" } else { "false lease" };
        assert_eq!(diary.text(), expected);
    }
}

/// The head of the node's own eventual queue may run inside a callback; the rest keeps its order.
#[test]
fn a_continuation_may_run_inside() {
    let sim = scripted([here(0, "continuation a")]);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        for name in ["a", "b", "c"] {
            let seen = seen.clone();
            node.eventually(name, move || seen.write(name));
        }
        seen.write("(");
        boundary(&node, &HERE, "listener");
        seen.write(")");
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(diary.text(), "( a ) b c");
    assert_eq!(pairs(&sim), ["continuation a inside listener: 1"]);
}

/// Nothing of another node is a candidate, and tasks of another node that a nested event wakes wait for the outer step.
#[test]
fn other_nodes_are_left_alone() {
    let sim = scripted([here(0, "continuation signal")]);
    let diary = Diary::default();
    let seen = diary.clone();
    let waiting: Rc<RefCell<Option<Waker>>> = Rc::default();
    let wait = waiting.clone();
    node(&sim, "other", move |node| {
        let (wait, seen) = (wait.clone(), seen.clone());
        node.spawn(
            "waiter",
            std::future::poll_fn(move |cx| {
                if wait.borrow_mut().replace(cx.waker().clone()).is_some() {
                    seen.write("other");
                    return Poll::Ready(());
                }
                Poll::Pending
            }),
        );
    });
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let waiting = waiting.clone();
        node.eventually("signal", move || {
            let waker = waiting.borrow().clone();
            waker.expect("the other node has started").wake();
        });
        seen.write("(");
        boundary(&node, &HERE, "listener");
        seen.write(")");
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(diary.text(), "( ) other");
}

/// What the callback does after a nested event has the callback's cause again, and what the event did has the event's.
#[test]
fn causes_inside_and_after() {
    let sim = scripted([here(0, "letter x")]);
    let letters = Letters::new(&sim);
    node(&sim, "n", move |node| {
        let marked = node.clone();
        let handler: Handler = Rc::new(move |_| marked.mark("inside"));
        *letters.mailbox.callback.borrow_mut() = Some(handler);
        let (inner, letters) = (node.clone(), letters.clone());
        node.after(MS, "sender", move || {
            letters.send(&inner, 1, MS * 9);
        });
        let inner = node.clone();
        node.after(MS * 2, "listener", move || {
            inner.mark("before");
            boundary(&inner, &HERE, "listener");
            inner.mark("after");
        });
    });
    run(&sim);
    let trace = sim.trace();
    let cause_of = |what: &str| {
        let mut events = trace.events().iter();
        let event = events.find(|event| trace.describe(event) == what);
        let cause = event.and_then(|event| trace.event(event.header.cause));
        cause.map_or_else(String::new, |cause| trace.describe(cause))
    };
    assert_eq!(cause_of("mark before"), "timer listener");
    assert_eq!(cause_of("mark inside"), "timer sender");
    assert_eq!(cause_of("mark after"), "timer listener");
}

/// Dispatching nests three deep at most.
#[test]
fn the_depth_is_limited() {
    fn deeper(node: &NodeHandle, seen: &Diary, depth: u32) {
        let (inner, noted) = (node.clone(), seen.clone());
        node.eventually("deeper", move || deeper(&inner, &noted, depth + 1));
        if boundary(node, &HERE, "listener") {
            seen.write(format!("{depth}"));
        }
    }
    let deviations = (0..10).map(|n| here(n, "continuation deeper"));
    let sim = scripted(deviations);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| deeper(&node, &seen, 0));
    let until = Until { deadline: Time::NEVER, done: &|| false, last_step: 1 };
    sim.run(&until, &mut Checked::default());
    assert_eq!(diary.text(), "2 1 0");
    assert_eq!(MAX_NESTED_DEPTH, 3);
    let depths: Vec<u64> = {
        let trace = sim.trace();
        let nested = trace.events().iter().filter(|event| event.header.kind.label == "nested");
        nested.map(|event| event.header.args[0]).collect()
    };
    assert_eq!(depths, [1, 2, 3]);
}

/// A panic inside a nested event ends the run and is attributed to the nested code, not to the callback around it.
#[test]
fn a_panic_inside() {
    let sim = scripted([here(0, "continuation bad")]);
    node(&sim, "n", |node| {
        node.eventually("bad", || panic!("nested"));
        node.after(Duration::ZERO, "outer", || {});
        boundary(&node, &HERE, "listener");
    });
    assert_eq!(run(&sim).0, Ended::Failed);
    assert_eq!(incidents(&sim), ["no-panic: n/bad: nested.rs: nested"]);
}

/// A node that is killed inside a nested event is frozen there: nothing more is dispatched at its boundaries.
#[test]
fn killed_inside() {
    let sim = scripted([here(0, "continuation kill"), here(1, "continuation never")]);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (inner, noted) = (node.clone(), seen.clone());
        node.eventually("kill", move || {
            inner.sim().kill(inner.id(), crate::kernel::Down::PowerCut);
        });
        node.eventually("never", move || noted.write("never"));
        seen.write(format!("{}", boundary(&node, &HERE, "listener")));
        seen.write(format!("{}", boundary(&node, &HERE, "listener")));
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(diary.text(), "true false");
}

/// On the real network: a message in flight is handled inside a listener, and the pair is counted under its label.
#[test]
fn a_message_inside_a_listener() {
    let sim = scripted([deviation(&HERE, "server:listener", 0, "second client->server")]);
    let net = Net::new(&sim, NetConfig::default());
    let diary = Diary::default();
    let (network, seen) = (net.clone(), diary.clone());
    node(&sim, "server", move |node| {
        let (net, seen, inner) = (NodeNet::new(&network, &node), seen.clone(), node.clone());
        node.spawn("accept", async move {
            let listener = net.listen("port").expect("the port is free");
            let stream = listener.accept().await.expect("it listens");
            let messages = Messages::new(stream);
            messages.on_message(move |bytes| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                seen.write(format!("({text}"));
                if text == "1" {
                    boundary(&inner, &HERE, "listener");
                }
                seen.write(format!("{text})"));
            });
            std::future::pending::<()>().await;
            drop(messages);
        });
    });
    let network = net.clone();
    node(&sim, "client", move |node| {
        let net = NodeNet::new(&network, &node);
        node.spawn("main", async move {
            let stream = net.connect("server", "port").await.expect("it listens");
            let messages = Messages::new(stream);
            for (label, text) in [("first", "1"), ("second", "2"), ("third", "3")] {
                messages.send_labelled(label, text.as_bytes()).expect("the connection is open");
            }
            std::future::pending::<()>().await;
            drop(messages);
        });
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!((diary.text().as_str(), incidents(&sim)), ("(1 (2 2) 1) (3 3)", vec![]));
    assert_eq!(pairs(&sim), ["second client->server inside listener: 1"]);
}
