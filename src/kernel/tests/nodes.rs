//! Nodes: their lives, pauses and debts.

use super::*;
use std::cell::Cell;

fn ticker(diary: &Diary) -> impl Fn(NodeHandle) + 'static {
    let diary = diary.clone();
    move |node| {
        let (diary, inner) = (diary.clone(), node.clone());
        node.spawn("main", async move {
            loop {
                diary.write(format!("{}/{}", inner.now().as_nanos() / 1_000_000, inner.incarnation()));
                inner.sleep(MS).await;
            }
        });
    }
}

/// A killed node's tasks are dropped, its timers are gone, its handles do nothing; started again it is another life
/// with the same code.
#[test]
fn kill_and_start_again() {
    let sim = sim();
    let diary = Diary::default();
    let n = node(&sim, "n", ticker(&diary));
    run_until(&sim, at(2));
    sim.kill(n, Down::Kill);
    assert!(!sim.is_up(n));
    assert_eq!(run_until(&sim, at(10)), Ended::Quiescent, "no timer is left");
    sim.kill(n, Down::Kill);
    sim.start(n, Duration::ZERO);
    sim.start(n, Duration::ZERO);
    run_until(&sim, at(3));
    assert_eq!(diary.text(), "0/1 1/1 2/1 2/3 3/3");
}

/// Every handle of a life that is over is inert: no effect, no choice, no trace.
#[test]
fn handles_of_a_dead_node_are_inert() {
    let sim = sim();
    let kept: Rc<RefCell<Option<NodeHandle>>> = Rc::default();
    let keep = kept.clone();
    let n = node(&sim, "n", move |node| *keep.borrow_mut() = Some(node));
    run(&sim);
    sim.kill(n, Down::Kill);
    sim.start(n, Duration::ZERO);
    let dead = kept.borrow().clone().expect("the node has started");
    run(&sim);
    assert!(sim.is_up(n) && !dead.is_alive());
    let before = sim.trace().digest();
    let called = Rc::new(Cell::new(0));
    let call = || {
        let called = called.clone();
        move || called.set(called.get() + 1)
    };
    let task = dead.spawn("task", std::future::pending());
    assert!(task.is_finished());
    assert!(dead.after(MS, "timer", call()).is_none());
    dead.eventually("turn", call());
    dead.event(&kinds::MARK, "x", [0; 3]);
    dead.note(&kinds::MARK, "x", format_args!("y"));
    dead.mark("mark");
    dead.sometimes("label");
    dead.outcome("ok");
    dead.unowned("cause", format_args!("x"));
    dead.told_to_stop();
    assert!(!dead.acts("acts"));
    assert!(!dead.choose(&kinds::NEXT_EVENT, &crate::choice::Coin));
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!((sim.trace().digest(), called.get()), (before, 0));
    assert!(sim.counters().marks.is_empty() && sim.incidents().is_empty());
    let accounting = sim.with_choices(|choices| choices.accounting());
    assert!(!accounting.contains_key("kernel/next-event"));
}

/// A node that is killed by a call of its own code is frozen: what the dying stack still does has no effect, and its
/// task is dropped when it returns.
#[test]
fn killed_by_its_own_call() {
    struct Bell(Diary);
    impl Drop for Bell {
        fn drop(&mut self) {
            self.0.write("dropped");
        }
    }
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    let n = node(&sim, "n", move |node| {
        let (inner, seen) = (node.clone(), seen.clone());
        node.spawn("main", async move {
            let _bell = Bell(seen.clone());
            inner.sim().kill(inner.id(), Down::PowerCut);
            inner.mark("after death");
            inner.spawn("child", async { panic!("never polled") });
            inner.eventually("turn", || panic!("never called"));
            seen.write("dying");
            inner.sleep(MS).await;
            seen.write("unreachable");
        });
        node.spawn("other", async { panic!("dropped, not polled") });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "dying dropped");
    assert!(!sim.is_up(n) && sim.incidents().is_empty());
    assert!(sim.counters().marks.is_empty());
}

/// However a dying stack ends, in a task or in a callback, it is nobody's failure.
#[test]
fn the_dying_may_end_as_they_like() {
    let sim = sim();
    let diary = Diary::default();
    for in_task in [false, true] {
        let seen = diary.clone();
        node(&sim, &format!("in-task-{in_task}"), move |node| {
            let (inner, seen) = (node.clone(), seen.clone());
            let die = move || {
                inner.sim().kill(inner.id(), Down::PowerCut);
                seen.write("dying");
                panic!("the disk is gone");
            };
            if in_task {
                node.spawn("task", async move { die() });
            } else {
                node.after(MS, "timer", die);
            }
        });
    }
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!((diary.text(), incidents(&sim)), ("dying dying".into(), vec![]));
}

/// Destructors that run because a node is killed cannot fail the run, and cannot act.
#[test]
fn destructors_of_a_killed_node() {
    struct Bomb(NodeHandle);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.mark("from a destructor");
            panic!("in a destructor");
        }
    }
    let sim = sim();
    let n = node(&sim, "n", |node| {
        for _ in 0..2 {
            let bomb = Bomb(node.clone());
            node.spawn("task", async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            });
            let bomb = Bomb(node.clone());
            node.after(MS, "timer", move || drop(bomb));
        }
    });
    run_until(&sim, Time::ZERO);
    sim.kill(n, Down::Kill);
    assert!(sim.incidents().is_empty() && sim.counters().marks.is_empty());
}

/// While a node is paused nothing of it runs; resumed, what came due happens at once and in order, before what is due
/// only then, and a timer that was cancelled meanwhile stays cancelled.
#[test]
fn a_pause_keeps_the_order() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    let timer: Rc<RefCell<Option<QueueKey>>> = Rc::default();
    let keep = timer.clone();
    let n = node(&sim, "n", move |node| {
        for (name, ms) in [("d", 10), ("b", 3), ("a", 2), ("c", 4)] {
            let (seen, inner) = (seen.clone(), node.clone());
            let key = node.after(MS * ms, name, move || {
                seen.write(format!("{name}@{}", inner.now().as_nanos() / 1_000_000));
            });
            if name == "c" {
                *keep.borrow_mut() = key;
            }
        }
    });
    run_until(&sim, at(1));
    sim.resume_after(n, MS * 9);
    sim.pause(n);
    sim.pause(n);
    assert_eq!(run_until(&sim, at(9)), Ended::Deadline);
    assert_eq!(diary.text(), "");
    assert!(sim.is_up(n) && sim.is_paused(n));
    sim.unschedule(timer.borrow().expect("it was set"));
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "a@10 b@10 d@10");
}

/// Turns and woken tasks of a paused node wait too, also when it is paused by its own code in the middle of a turn.
#[test]
fn a_paused_node_takes_no_turn_and_no_poll() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    let n = node(&sim, "n", move |node| {
        let (inner, noted) = (node.clone(), seen.clone());
        node.eventually("first", move || {
            noted.write("first");
            let task = noted.clone();
            inner.spawn("task", async move { task.write("task") });
            inner.sim().pause(inner.id());
        });
        let noted = seen.clone();
        node.eventually("second", move || noted.write("second"));
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "first");
    sim.resume(n);
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "first second task");
}

/// A resumption that was meant for an earlier life does not end a pause of this one.
#[test]
fn an_old_resumption_is_void() {
    let sim = sim();
    let n = node(&sim, "n", |_| {});
    run(&sim);
    sim.pause(n);
    sim.resume_after(n, MS * 5);
    sim.kill(n, Down::Kill);
    sim.start(n, MS);
    run_until(&sim, at(2));
    sim.pause(n);
    run_until(&sim, at(10));
    assert!(sim.is_paused(n));
}

/// Debt moves the clock of its node alone, and the node's events and turns wait until it is paid; those of another
/// node do not. What waited keeps its order, before what is due only then.
#[test]
fn node_debt() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    let busy = node(&sim, "busy", move |node| {
        let ms = |time: Time| time.as_nanos() / 1_000_000;
        for (name, due) in [("b", 3), ("a", 2), ("exactly", 6)] {
            let (seen, inner) = (seen.clone(), node.clone());
            node.after(MS * due, name, move || seen.write(format!("{name}@{}", ms(inner.now()))));
        }
        let (seen, inner) = (seen.clone(), node.clone());
        node.after(MS, "works", move || {
            inner.sim().add_debt(inner.id(), MS * 5);
            seen.write(format!("works@{}/{}", ms(inner.now()), ms(inner.sim().now())));
            let (again, noted) = (inner.clone(), seen.clone());
            inner.eventually("turn", move || noted.write(format!("turn@{}", ms(again.now()))));
        });
    });
    let seen = diary.clone();
    node(&sim, "free", move |node| {
        let (seen, inner) = (seen.clone(), node.clone());
        node.after(MS * 4, "free", move || {
            seen.write(format!("free@{}", inner.now().as_nanos() / 1_000_000));
        });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "works@6/1 free@4 turn@6 a@6 b@6 exactly@6");
    assert_eq!(sim.node_now(busy), at(6));
}

/// A timer that waits for its busy node can still be cancelled.
#[test]
fn a_waiting_timer_can_be_cancelled() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let seen = seen.clone();
        let timer = node.after(MS, "timer", move || seen.write("called"));
        let timer = timer.expect("the node is up");
        node.sim().add_debt(node.id(), MS * 10);
        let (sim, inner) = (node.sim().clone(), node.clone());
        let world = node.sim().name("world");
        sim.schedule(Schedule {
            at: at(5),
            lane: Lane::TIMER,
            node: NodeId::WORLD,
            label: "cancel",
            subject: world,
            action: Action::Call(Box::new(move || assert!(inner.cancel(timer)))),
        });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!((diary.text(), incidents(&sim)), (String::new(), vec![]));
}
