//! Each thing that can go wrong, and the verdict it ends in.

use std::time::Duration;

use super::*;
use crate::check::{CheckMode, Outcome};
use crate::choice::{Coin, SiteSetting};

const MS: Duration = Duration::from_millis(1);

static BOUNDARY: Site = Site::reentry("toy/listener", "an event inside the listener");

pub(super) const STORIES: &[Story] = &[
    ("well", |world| {
        world.client("client", |node| async move { node.sleep(MS).await });
    }),
    ("panics-building", |_| panic!("server {} is missing", 4)),
    ("panics-in-a-task", |world| {
        world.client("client", |node| async move {
            node.sleep(MS).await;
            panic!("index {} is out", 12);
        });
    }),
    ("panics-in-a-timer", |world| {
        world.callback_node("server", |node| {
            node.after(MS, "lease", || panic!("no lease"));
        });
    }),
    ("panics-in-a-turn", |world| {
        world.callback_node("server", |node| {
            node.eventually("reply", || panic!("no reply"));
        });
    }),
    ("panics-in-a-check", |world| {
        let mut asked = 0;
        world.always("at-all-times", move || {
            asked += 1;
            assert!(asked < 3, "asked {asked} times");
            Outcome::Held
        });
        world.client("client", |node| async move { node.sleep(MS).await });
    }),
    ("panics-while-settling", |world| {
        world.node("server", |node| async move {
            node.sleep(MS * 5).await;
            panic!("late");
        });
        world.client("client", |node| async move { node.sleep(MS).await });
    }),
    ("spins", |world| {
        world.client("client", |_| {
            std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            })
        });
    }),
    ("stands-still", |world| {
        world.client("client", |node| async move {
            loop {
                let (done, waits) = node.pending("now");
                node.after(Duration::ZERO, "now", move || done.complete(()));
                waits.await;
            }
        });
    }),
    ("completes-itself", |world| {
        fn again(node: &crate::world::Node) {
            let inner = node.clone();
            node.ready("answer", ()).then(crate::reentry::Delivery::Inline, move |()| again(&inner));
        }
        world.callback_node("server", |node| again(&node));
    }),
    ("ticks", |world| {
        world.client("client", |node| async move {
            loop {
                node.sleep(MS).await;
            }
        });
    }),
    ("drops-a-failure", |world| {
        world.client("client", |node| async move {
            node.spawn_fallible("upload", async { Err("share 3 is gone") }).await;
        });
    }),
    ("acts-after-stop", |world| {
        world.client("client", |node| async move {
            node.told_to_stop();
            node.eventually("late", || {});
        });
    }),
    ("borrows-twice", |world| {
        world.callback_node("server", |node| {
            let map = node.cell("servermap", 0);
            let touched = map.clone();
            node.after(MS, "fan-out", {
                let node = node.clone();
                move || {
                    node.eventually("touch", move || touched.with(|value| *value += 1));
                    let _held = map.borrow();
                    node.boundary(&BOUNDARY, "listener");
                }
            });
        });
        world.client("client", |node| async move { node.sleep(MS * 2).await });
    }),
    ("holds-over-an-await", |world| {
        world.client("client", |node| async move {
            let map = node.cell("servermap", 0);
            let _held = map.borrow();
            node.sleep(MS).await;
        });
    }),
    ("violates", |world| {
        world.always("at-all-times", || Outcome::violated("bad", "very bad"));
        world.client("client", |node| async move { node.sleep(MS).await });
    }),
    ("violates-when-struck", |world| {
        world.client("client", |node| async move {
            node.choose(&STRIKE, &Coin);
        });
        world.always("unless-struck", || Outcome::violated("bad", "very bad"));
    }),
];

/// Verdict, and the failure's fingerprint.
fn ends(scenario: &Scenario) -> (Verdict, String) {
    let report = run(scenario);
    let failure =
        report.failure.map_or_else(String::new, |failure| format!("{}: {}", failure.invariant, failure.cause));
    (report.verdict, failure)
}

fn fails(story: &str) -> (Verdict, String) {
    let mut scenario = scenario(story);
    scenario.budget.polls_per_step = 100;
    ends(&scenario)
}

/// Wherever code of a flow panics (also while it builds, and in a check) the run's verdict is `panics`, and the cause
/// names node, task, file and message without numbers.
#[test]
fn panics() {
    let table = [
        ("panics-building", "(world)/build: verdicts.rs: server # is missing"),
        ("panics-in-a-task", "client/main: verdicts.rs: index # is out"),
        ("panics-in-a-timer", "server/lease: verdicts.rs: no lease"),
        ("panics-in-a-turn", "server/reply: verdicts.rs: no reply"),
        ("panics-in-a-check", "(world)/at-all-times: verdicts.rs: asked # times"),
        ("panics-while-settling", "server/main: verdicts.rs: late"),
    ];
    for (story, cause) in table {
        assert_eq!(fails(story), (Verdict::Panics, format!("no-panic: {cause}")));
    }
}

/// What does not end is told from what takes long, without a clock: self-waking tasks, events without time, inline
/// completions without bottom.
#[test]
fn hangs() {
    let hang = |cause: &str| (Verdict::Hangs, format!("no-hang: {cause}"));
    assert_eq!(fails("spins"), hang("main wakes itself"));
    assert_eq!(fails("stands-still"), hang("time stands still"));
    let deep = std::thread::Builder::new().stack_size(64 << 20).spawn(|| fails("completes-itself"));
    let deep = deep.expect("a thread starts").join().expect("it ends");
    assert_eq!(deep, hang("answer completes without end"));
}

/// A budget that is used up is an answer of its own, and the report names it.
#[test]
fn budgets() {
    let exhausted = |change: fn(&mut Budget)| {
        let mut scenario = scenario("ticks");
        change(&mut scenario.budget);
        let report = run(&scenario);
        assert_eq!((report.verdict, report.failure), (Verdict::Budget, None));
        (report.exhausted, report.steps, report.virtual_ns)
    };
    let steps = exhausted(|budget| budget.steps = 7);
    assert_eq!(steps, (Some("steps"), 7, 6_000_000));
    let time = exhausted(|budget| budget.virtual_time = MS * 10);
    assert_eq!(time.0, Some("virtual"));
    assert_eq!(time.2, 10_000_000);
    let trace = exhausted(|budget| budget.trace_events = 20);
    assert_eq!(trace.0, Some("trace-events"));
}

/// The built-in invariants that are no panic and no hang.
#[test]
fn built_in_violations() {
    let table = [
        ("drops-a-failure", "no-unowned-failure: client: upload"),
        ("acts-after-stop", "nothing-after-stop: client queues a continuation"),
        ("holds-over-an-await", "borrow-held-across-await: servermap"),
    ];
    for (story, failure) in table {
        assert_eq!(fails(story), (Verdict::Violates, failure.to_owned()));
    }
    let mut scenario = scenario("borrows-twice");
    assert_eq!(ends(&scenario), (Verdict::Holds, String::new()), "without re-entry");
    let setting = SiteSetting { pin: Some("continuation touch".into()), ..SiteSetting::default() };
    scenario.faults.sites.insert("toy/listener".into(), setting);
    assert_eq!(ends(&scenario), (Verdict::Violates, "no-conflicting-borrow: servermap in verdicts.rs".to_owned()));
    assert_eq!(run(&scenario).reentries.len(), 1);
}

/// `stop` ends the run at once, `record` keeps the violation beside the verdict once, `off` does not look.
#[test]
fn stop_record_and_off() {
    let with = |story: &str, id: &str, mode| {
        let mut scenario = scenario(story);
        scenario.checks.insert(id.into(), mode);
        run(&scenario)
    };
    let stopped = with("violates", "at-all-times", CheckMode::Stop);
    assert_eq!((stopped.verdict, stopped.steps), (Verdict::Violates, 1));
    let recorded = with("violates", "at-all-times", CheckMode::Record);
    assert_eq!((recorded.verdict, recorded.steps, recorded.also.len()), (Verdict::Holds, 2, 1));
    let off = with("violates", "at-all-times", CheckMode::Off);
    assert_eq!((off.verdict, off.also.len()), (Verdict::Holds, 0));
    assert_eq!(off.invariants["at-all-times"].evaluated, 0);

    let sunk = with("drops-a-failure", "no-unowned-failure", CheckMode::Record);
    assert_eq!((sunk.verdict, sunk.also.len()), (Verdict::Holds, 1));
    let unseen = with("drops-a-failure", "no-unowned-failure", CheckMode::Off);
    assert_eq!((unseen.verdict, unseen.also.len()), (Verdict::Holds, 0));
    let panicked = with("panics-in-a-task", "no-panic", CheckMode::Off);
    assert_eq!(panicked.verdict, Verdict::Panics, "a run cannot go on after it");
}

/// With `violates = "x"` x stops and all others are recorded; with a list those in it stop.
#[test]
fn the_claim_decides_what_stops() {
    let claimed = |claim: Claim| {
        let mut scenario = scenario("violates");
        scenario.expect.claim = claim;
        run(&scenario).verdict
    };
    assert_eq!(claimed(Claim::Holds), Verdict::Violates);
    assert_eq!(claimed(Claim::Violates("at-all-times".into())), Verdict::Violates);
    assert_eq!(claimed(Claim::Violates("in-the-end".into())), Verdict::Holds);
    assert_eq!(claimed(Claim::HoldsOnly(vec!["at-all-times".into()])), Verdict::Violates);
    assert_eq!(claimed(Claim::HoldsOnly(vec![])), Verdict::Holds);
}

/// A promise is void once a fault outside of it has fired; until then it counts.
#[test]
fn promises() {
    let mut scenario = scenario("violates-when-struck");
    assert_eq!(ends(&scenario).0, Verdict::Violates);
    scenario.faults.sites.insert("toy/strike".into(), SiteSetting::rate(Rate::ALWAYS));
    let report = run(&scenario);
    assert_eq!(report.verdict, Verdict::Holds);
    assert!(report.invariants["unless-struck"].unpromised > 0);
}

/// Nothing wrong: the run holds, and says what it did.
#[test]
fn holds() {
    let report = run(&scenario("well"));
    assert_eq!((report.verdict, report.failure, report.exhausted), (Verdict::Holds, None, None));
    assert_eq!((report.steps, report.virtual_ns), (2, 1_000_000));
    assert!(report.script.is_empty() && report.also.is_empty());
}
