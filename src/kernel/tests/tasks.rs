//! Tasks, turns and timers.

use super::*;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

/// Gives way to whatever else is ready, `times` times.
async fn yield_now(times: u32) {
    let mut left = times;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A step goes on until nothing is ready, and not a poll longer: a chain of tasks that wake one another belongs to the
/// step of the event at its head, and a sleeper to a step of its own.
#[test]
fn a_step_ends_when_nothing_is_ready() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (inner, seen) = (node.clone(), seen.clone());
        node.spawn("first", async move {
            let steps = |what: &str| seen.write(format!("{what}@{}", inner.sim().step()));
            steps("first");
            let (child, noted) = (inner.clone(), seen.clone());
            inner
                .spawn("second", async move {
                    yield_now(3).await;
                    noted.write(format!("second@{}", child.sim().step()));
                })
                .await;
            steps("joined");
            inner.sleep(MS).await;
            steps("woken");
        });
    });
    let mut steps = Steps::default();
    let until = Until { deadline: Time::NEVER, done: &|| false, last_step: u64::MAX };
    assert_eq!(sim.run(&until, &mut steps), Ended::Quiescent);
    assert_eq!(diary.text(), "first@1 second@1 joined@1 woken@2");
    assert_eq!((steps.0, sim.step(), sim.now()), (2, 2, at(1)));
}

/// Among several ready tasks the one woken first goes first when all is quiet; a script names another one, and the
/// trace says so.
#[test]
fn the_order_of_ready_tasks_is_a_choice() {
    let order = |toy: &Toy| {
        let sim = toy.sim();
        let diary = Diary::default();
        let seen = diary.clone();
        node(&sim, "n", move |node| {
            for name in ["a", "b", "c"] {
                let seen = seen.clone();
                node.spawn(name, async move { seen.write(name) });
            }
        });
        assert_eq!(run(&sim), Ended::Quiescent);
        (diary.text(), sim.with_choices(|choices| choices.script()))
    };
    assert_eq!(order(&Toy::default()).0, "a b c");
    let replay = Toy {
        mode: Mode::Replay,
        script: [deviation("kernel/ready-task", "n", 0, "c"), deviation("kernel/ready-task", "n", 1, "b")]
            .into_iter()
            .collect(),
        ..Toy::default()
    };
    assert_eq!(order(&replay).0, "c b a");
    // Search finds every order of three, and what it found replays.
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let mut search = Toy { seed, ..Toy::default() };
        search.settings.class_rates.insert(SiteClass::Schedule, Rate::HALF);
        let (seen, script) = order(&search);
        let replay = Toy { mode: Mode::Replay, script, ..Toy::default() };
        assert_eq!(order(&replay).0, seen, "seed {seed}");
        found.insert(seen);
    }
    assert_eq!(found.len(), 6, "{found:?}");
}

/// While a future is polled it is out of its slot: it may abort itself, spawn, and ask about its own task.
#[test]
fn a_future_is_out_of_its_slot_while_it_is_polled() {
    struct Bell(Diary);
    impl Drop for Bell {
        fn drop(&mut self) {
            self.0.write("dropped");
        }
    }
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let own: Rc<RefCell<Option<TaskHandle>>> = Rc::default();
        let (handle, seen, inner) = (own.clone(), seen.clone(), node.clone());
        let task = node.spawn("self-aborting", async move {
            let _bell = Bell(seen.clone());
            if let Some(task) = &*handle.borrow() {
                task.abort();
                seen.write(format!("finished={}", task.is_finished()));
            }
            let late = seen.clone();
            inner.spawn("child", async move { late.write("child") });
            seen.write("before");
            yield_now(1).await;
            seen.write("never");
        });
        *own.borrow_mut() = Some(task);
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "finished=false before dropped child");
}

/// A turn drains the eventual queue once: what is queued meanwhile runs in the next turn, a step of its own.
#[test]
fn a_turn_drains_the_queue_once() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        for name in ["a", "b"] {
            let (inner, seen) = (node.clone(), seen.clone());
            node.eventually(name, move || {
                seen.write(format!("{name}@{}", inner.sim().step()));
                let (again, seen) = (inner.clone(), seen.clone());
                inner.eventually("again", move || {
                    seen.write(format!("again-{name}@{}", again.sim().step()));
                });
            });
        }
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "a@2 b@2 again-a@3 again-b@3");
}

/// A turn comes before every other event of its instant, also before those that were queued long before.
#[test]
fn a_turn_comes_first_at_its_instant() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (inner, seen_1) = (node.clone(), seen.clone());
        node.after(MS, "one", move || {
            seen_1.write("one");
            let seen = seen_1.clone();
            inner.eventually("turn", move || seen.write("turn"));
        });
        let seen = seen.clone();
        node.after(MS, "two", move || seen.write("two"));
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "one turn two");
    assert_eq!(sim.now(), at(1));
}

/// A cancelled timer does not call back and leaves the queue; cancelling twice, or too late, answers no.
#[test]
fn timers_can_be_cancelled() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let noted = seen.clone();
        let timer = node.after(MS, "cancelled", move || noted.write("called"));
        let timer = timer.expect("the node is up");
        seen.write(format!("{} {}", node.cancel(timer), node.cancel(timer)));
        let (noted, inner) = (seen.clone(), node.clone());
        let due = node.after(MS * 2, "due", move || noted.write("due"));
        let (due, noted) = (due.expect("the node is up"), seen.clone());
        node.after(MS * 3, "late", move || {
            noted.write(format!("{}", inner.cancel(due)));
        });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "true false due false");
}

/// A dropped sleep leaves no queue entry, whether it was waiting or had already ended ahead of the world's clock.
#[test]
fn a_dropped_sleep_leaves_the_queue_empty() {
    let sim = sim();
    node(&sim, "n", |node| {
        let inner = node.clone();
        node.spawn("main", async move {
            let long = inner.sleep(MS * 1_000);
            assert!(inner.timeout(MS, long).await.is_err());
            let mut sleep = inner.sleep(MS * 500);
            std::future::poll_fn(|cx| {
                assert!(Pin::new(&mut sleep).poll(cx).is_pending());
                inner.sim().add_debt(inner.id(), MS * 500);
                assert!(Pin::new(&mut sleep).poll(cx).is_ready());
                Poll::Ready(())
            })
            .await;
        });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(incidents(&sim), [""; 0]);
    assert_eq!(sim.now(), at(1), "no timer of 500 or 1,000 ms was left to wait for");
}

/// A time limit lets the future win when a poll finds both over, and drops it when it loses.
#[test]
fn a_time_limit() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (inner, seen) = (node.clone(), seen.clone());
        node.spawn("main", async move {
            let quick = inner.timeout(MS * 2, async { 7 }).await;
            seen.write(format!("{quick:?}"));
            let slow = inner.timeout(MS, inner.sleep(MS * 2)).await;
            seen.write(format!("{slow:?}@{}", inner.now()));
            let tie = inner.timeout(MS, inner.sleep(MS)).await;
            seen.write(format!("{tie:?}"));
        });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "Ok(7) Err(Elapsed)@0.001000000s Ok(())");
}

/// Who waits for a task is told when it ends, is aborted, or panics with its node going on.
#[test]
fn joining() {
    let sim = sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (inner, seen) = (node.clone(), seen.clone());
        node.spawn("main", async move {
            inner.spawn("ends", async {}).await;
            seen.write("ended");
            let never = inner.spawn("never", std::future::pending());
            never.abort();
            never.await;
            seen.write("aborted");
        });
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "ended aborted");
}
