//! Budgets: each ends a run in its own way.

use super::*;

fn ticking(limits: Limits, events_max: u64) -> Sim {
    let toy = Toy { limits, events_max, ..Toy::default() };
    let sim = toy.sim();
    node(&sim, "n", |node| {
        let inner = node.clone();
        node.spawn("main", async move {
            loop {
                inner.sleep(MS).await;
            }
        });
    });
    sim
}

/// Steps, virtual time and trace events are counted to the last one; beyond each the run ends and says which.
#[test]
fn what_is_used_up_is_named() {
    let steps = Limits { steps_max: 5, ..Limits::default() };
    let sim = ticking(steps, 1_000);
    assert_eq!(run(&sim), Ended::Exhausted(Exhausted::Steps));
    assert_eq!(sim.step(), 5);

    let time = Limits { time_max: Time::ZERO + Duration::from_micros(3_500), ..Limits::default() };
    let sim = ticking(time, 1_000);
    assert_eq!(run(&sim), Ended::Exhausted(Exhausted::Virtual));
    assert_eq!((sim.step(), sim.now()), (4, Time::from_nanos(3_500_000)));

    let sim = ticking(Limits::default(), 4);
    assert_eq!(run(&sim), Ended::Exhausted(Exhausted::Trace));
    assert_eq!(sim.trace().events().len(), 4);
}

/// A run that needs all of a budget and no more has not used it up.
#[test]
fn a_budget_that_is_just_enough() {
    let limits = Limits { steps_max: 3, time_max: at(2), ..Limits::default() };
    let toy = Toy { limits, ..Toy::default() };
    let sim = toy.sim();
    node(&sim, "n", |node| {
        node.after(MS, "one", || {});
        node.after(MS * 2, "two", || {});
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!((sim.step(), sim.now()), (3, at(2)));
}

/// The deadline of a stretch is no budget: the clock stands there, and later events stay queued.
#[test]
fn a_deadline_is_exact() {
    let sim = ticking(Limits::default(), 1_000);
    assert_eq!(run_until(&sim, Time::from_nanos(2_500_000)), Ended::Deadline);
    assert_eq!((sim.step(), sim.now()), (3, Time::from_nanos(2_500_000)));
}

/// A task that wakes itself for ever hangs the run at its limit of polls, without help from a clock; so do two that
/// wake each other.
#[test]
fn a_task_that_wakes_itself_hangs() {
    let limits = Limits { polls_per_step_max: 100, ..Limits::default() };
    let toy = Toy { limits, ..Toy::default() };
    let sim = toy.sim();
    let polls = Rc::new(std::cell::Cell::new(0));
    let count = polls.clone();
    node(&sim, "n", move |node| {
        let count = count.clone();
        let spin = std::future::poll_fn(move |cx| {
            count.set(count.get() + 1);
            cx.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        });
        node.spawn("spinner", spin);
    });
    assert_eq!(run(&sim), Ended::Failed);
    assert_eq!(incidents(&sim), ["no-hang: spinner wakes itself"]);
    assert_eq!((polls.get(), sim.step()), (100, 1));
}

/// Many polls in one step are no hang if they end.
#[test]
fn polls_up_to_the_limit_are_fine() {
    let limits = Limits { polls_per_step_max: 100, ..Limits::default() };
    let toy = Toy { limits, ..Toy::default() };
    let sim = toy.sim();
    node(&sim, "n", |node| {
        for _ in 0..100 {
            node.spawn("task", async {});
        }
    });
    assert_eq!(run(&sim), Ended::Quiescent);
}

/// Events that cause events at the same instant hang: time stands still.
#[test]
fn time_that_stands_still_hangs() {
    fn again(node: &NodeHandle) {
        let next = node.clone();
        node.after(Duration::ZERO, "again", move || again(&next));
    }
    fn turn(node: &NodeHandle) {
        let next = node.clone();
        node.eventually("turn", move || turn(&next));
    }
    for code in [again, turn] {
        let limits = Limits { steps_per_instant_max: 50, ..Limits::default() };
        let toy = Toy { limits, ..Toy::default() };
        let sim = toy.sim();
        node(&sim, "n", move |node| code(&node));
        assert_eq!(run(&sim), Ended::Failed);
        assert_eq!(incidents(&sim), ["no-hang: time stands still"]);
        assert_eq!(sim.step(), 51);
    }
}
