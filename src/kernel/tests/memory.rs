//! Nothing of a run is left when it is over.

use super::*;
use crate::net::{Messages, Net, NetConfig, NodeNet};
use crate::reentry;
use std::cell::Cell;

/// Counts how many of it are alive.
struct Alive(Rc<Cell<i64>>);

impl Alive {
    fn new(count: &Rc<Cell<i64>>) -> Alive {
        count.set(count.get() + 1);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Runs that end in the middle of everything (waiting tasks, timers, continuations, open connections whose callbacks
/// hold them, completions and cells that point at themselves) leave neither their values nor the simulation behind.
#[test]
fn a_hundred_unfinished_runs_leave_nothing() {
    let count = Rc::new(Cell::new(0));
    for round in 0..100_u32 {
        let sim = sim();
        let net = Net::new(&sim, NetConfig::default());
        let weak = Rc::downgrade(&sim.core);
        let (counted, network) = (count.clone(), net.clone());
        node(&sim, "server", move |node| {
            let (counted, net) = (counted.clone(), NodeNet::new(&network, &node));
            let inner = node.clone();
            node.spawn("main", async move {
                let listener = net.listen("port").expect("the port is free");
                loop {
                    let messages = Messages::new(listener.accept().await.expect("it listens"));
                    let (kept, alive) = (messages.clone(), Alive::new(&counted));
                    messages.on_message(move |bytes| {
                        let _ = (&alive, kept.send(bytes));
                    });
                    let (kept, node) = (messages.clone(), inner.clone());
                    messages.on_end(move |_| {
                        let _ = kept.is_ended();
                        node.mark("ended");
                    });
                }
            });
        });
        let (counted, network) = (count.clone(), net.clone());
        node(&sim, "client", move |node| {
            let (counted, net) = (counted.clone(), NodeNet::new(&network, &node));
            let inner = node.clone();
            node.spawn("main", async move {
                let _alive = Alive::new(&counted);
                let stream = net.connect("server", "port").await.expect("it listens");
                let messages = Messages::new(stream);
                let alive = Alive::new(&counted);
                inner.after(MS * 1_000, "timer", move || drop(alive));
                circles(&inner, &counted);
                loop {
                    messages.send(b"hello").expect("the connection is open");
                    messages.recv().await.expect("the connection is open");
                    let alive = Alive::new(&counted);
                    inner.eventually("turn", move || drop(alive));
                }
            });
        });
        let until = Until { deadline: Time::NEVER, done: &|| false, last_step: u64::from(round) };
        let ended = sim.run(&until, &mut Steps::default());
        assert_eq!((ended, incidents(&sim)), (Ended::Stopped, vec![]));
        drop(net);
        sim.tear_down();
        drop(sim);
        assert_eq!(count.get(), 0, "round {round}");
        assert_eq!(weak.strong_count(), 0, "round {round}");
    }
}

/// A completion whose continuation holds it, and a cell that holds itself.
fn circles(node: &NodeHandle, count: &Rc<Cell<i64>>) {
    let (completer, completion) = reentry::Completion::<u8>::pending(node, "answer");
    let (completion, alive) = (Rc::new(completion), Alive::new(count));
    let (own, node_2) = (completion.clone(), node.clone());
    completion.then(reentry::Delivery::Inline, move |_| {
        let _ = (&own, &alive, &completer, &node_2);
    });
    struct Own {
        _own: Option<reentry::Cell<Own>>,
        _alive: Alive,
    }
    let cell = reentry::Cell::new(node, "own", Own { _own: None, _alive: Alive::new(count) });
    cell.with(|own| own._own = Some(cell.clone()));
}

/// Destructors that panic while a run is torn down harm nobody.
#[test]
fn tear_down_survives_destructors() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let sim = sim();
    node(&sim, "n", |node| {
        for _ in 0..2 {
            let bomb = Bomb;
            node.spawn("task", async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            });
            let bomb = Bomb;
            node.after(MS, "timer", move || std::mem::forget(bomb));
            let cell = reentry::Cell::new(&node, "bomb", Bomb);
            node.spawn("cell", async move {
                let _cell = cell;
                std::future::pending::<()>().await;
            });
        }
    });
    run_until(&sim, Time::ZERO);
    sim.tear_down();
    assert!(sim.incidents().is_empty());
}
