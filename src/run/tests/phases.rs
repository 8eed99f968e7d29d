//! The phases of a run, and when what is looked at.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::check::Outcome;
use crate::choice::{Coin, SiteSetting};
use crate::kernel::{Down, NodeHandle};
use crate::trace::Kind;

const MS: Duration = Duration::from_millis(1);

static ASKED: Kind = Kind::new("asked", 'a', "the site was asked", &["struck"]);

pub(super) const STORIES: &[Story] = &[
    ("strikes", strikes),
    ("endless", endless),
    ("checks", checks),
    ("broken-at-the-end", broken_at_the_end),
    ("away", away),
    ("crashes", crashes),
];

fn ask(node: &NodeHandle) {
    let struck = node.choose(&STRIKE, &Coin);
    node.event(&ASKED, "", [u64::from(struck), 0, 0]);
}

/// A server that asks the fault site every millisecond for six, and a client that asks at once and works for three.
fn strikes(world: &World) {
    world.node("server", |node| async move {
        for _ in 0..7 {
            ask(&node);
            node.sleep(MS).await;
        }
    });
    world.client("client", |node| async move {
        ask(&node);
        node.sleep(MS * 3).await;
    });
}

/// A client whose work never ends, and a server that ticks for ever.
fn endless(world: &World) {
    world.run_limit(MS * 5);
    world.settle(MS * 3);
    world.node("server", |node| async move {
        loop {
            node.sleep(MS).await;
        }
    });
    world.client("client", |_| std::future::pending());
}

/// Each check marks the moment at which it is asked.
fn checks(world: &World) {
    let server = Rc::new(Cell::new(None));
    let keep = server.clone();
    world.callback_node("server", move |node| keep.set(Some(node)));
    let ask = move |mark: &'static str, outcome: fn() -> Outcome| {
        let server = server.clone();
        move || {
            let node = server.take();
            if let Some(node) = &node {
                node.mark(mark);
            }
            server.set(node);
            outcome()
        }
    };
    world.always("at-all-times", ask("always", || Outcome::Idle));
    world.eventually("in-the-end", ask("eventually", || Outcome::Held));
    world.at_end("at-the-very-end", ask("at-end", || Outcome::Held));
    world.client("client", |node| async move { node.sleep(MS).await });
}

/// Everything is well until it is looked at for the last time.
fn broken_at_the_end(world: &World) {
    world.eventually("in-the-end", || Outcome::violated("stuck", "still stuck"));
    world.at_end("at-the-very-end", || Outcome::violated("lost", "one is lost"));
    world.client("client", |node| async move { node.sleep(MS).await });
}

/// One node is down and one is paused when the faults end.
fn away(world: &World) {
    let down = world.node("down", |node| async move { node.sleep(MS * 20).await });
    let paused = world.node("paused", |node| async move { node.sleep(MS * 4).await });
    world.may_crash(down);
    world.client("client", move |node| async move {
        node.sleep(MS).await;
        node.sim().kill(down, Down::Kill);
        node.sim().pause(paused);
        node.sleep(MS * 4).await;
    });
}

/// A server that may crash answers for a second.
fn crashes(world: &World) {
    let server = world.node("server", |node| async move {
        loop {
            node.sleep(MS * 10).await;
        }
    });
    world.may_crash(server);
    world.run_limit(Duration::from_secs(1));
    world.settle(MS);
    world.client("client", |node| async move { node.sleep(Duration::from_secs(1)).await });
}

/// Nodes boot before faults may strike, the workload begins with the run phase and everything it does can be struck;
/// after its end faults stop and the system goes on.
#[test]
fn faults_strike_in_the_run_phase_alone() {
    let mut scenario = scenario("strikes");
    scenario.faults.sites.insert("toy/strike".into(), SiteSetting::rate(Rate::ALWAYS));
    let report = run(&scenario);
    let expected = [
        "0: phase start",
        "0:server asked struck=0",
        "0: phase run",
        "0:client asked struck=1",
        "1:server asked struck=1",
        "2:server asked struck=1",
        "3: phase heal",
        "3: phase settle",
        "3:server asked struck=0",
        "4:server asked struck=0",
        "5:server asked struck=0",
        "6:server asked struck=0",
        "7: phase end",
    ];
    assert_eq!(lines(&report, &["phase", "asked"]), expected);
    let count = &report.faults["toy/strike"];
    assert_eq!((count.offered, count.armed, count.fired), (8, 3, 3));
    assert_eq!(report.verdict, Verdict::Holds);
}

/// A workload that does not end is given up at its limit, and a system that does not come to rest at the end of
/// settling; neither is a failure in itself.
#[test]
fn limits_of_the_phases() {
    let report = run(&scenario("endless"));
    let expected = ["0: phase start", "0: phase run", "5: phase heal", "5: phase settle", "8: phase end"];
    assert_eq!(lines(&report, &["phase"]), expected);
    assert_eq!((report.verdict, report.virtual_ns), (Verdict::Holds, 8_000_000));
}

/// What must hold always is looked at after every step (and once more at the end), what must hold eventually once when
/// the system has settled, and the rest once after that.
#[test]
fn when_checks_are_asked() {
    let report = run(&scenario("checks"));
    let evaluated = |id: &str| {
        let count = report.invariants[id];
        (count.evaluated, count.antecedent)
    };
    assert_eq!(evaluated("at-all-times"), (report.steps + 1, 0));
    assert_eq!(evaluated("in-the-end"), (1, 1));
    assert_eq!(evaluated("at-the-very-end"), (1, 1));
    let order = lines(&report, &["phase", "mark"]);
    let last: Vec<_> = order.iter().skip_while(|line| !line.contains("settle")).collect();
    let expected =
        ["1: phase settle", "1:server mark always", "1:server mark eventually", "1: phase end", "1:server mark at-end"];
    assert_eq!(last, expected);
}

/// A violation found at the end of settling, or at the very end, is the run's failure; the first one is it, and the
/// other one is kept beside it.
#[test]
fn what_is_found_at_the_end() {
    let report = run(&scenario("broken-at-the-end"));
    let failure = report.failure.expect("it failed");
    assert_eq!((report.verdict, failure.invariant.as_str()), (Verdict::Violates, "in-the-end"));
    assert_eq!(report.also[0].invariant, "at-the-very-end");
}

/// When faults end, paused nodes go on and crashed ones that may crash are started again.
#[test]
fn healing_brings_nodes_back() {
    let report = run(&scenario("away"));
    let expected = ["1:down down incarnation=1", "1:paused pause", "5:down start incarnation=3", "5:paused resume"];
    let mut seen = lines(&report, &["down", "pause", "resume"]);
    seen.extend(lines(&report, &["start"]).into_iter().filter(|line| line.ends_with("=3")));
    seen.sort();
    assert_eq!(seen, expected);
    assert_eq!(report.virtual_ns, 25_000_000, "both have finished their sleep");
}

/// The crash sites strike a node that may crash after one of its steps, and bring it back.
#[test]
fn nodes_crash_and_come_back() {
    for (site, events) in [("node/kill", ["down", "start"]), ("node/pause", ["pause", "resume"])] {
        let mut scenario = scenario("crashes");
        let setting = SiteSetting { max: Some(2), ..SiteSetting::rate(Rate::ALWAYS) };
        scenario.faults.sites.insert(site.into(), setting);
        let report = run(&scenario);
        assert_eq!(report.faults[site].fired, 2);
        let server = |kind: &str| {
            let lines = lines(&report, &[kind]);
            lines.iter().filter(|line| line.contains("server")).count()
        };
        assert_eq!(server(events[0]), 2, "{site}");
        assert!(server(events[1]) >= 2, "{site}");
        assert_eq!(report.verdict, Verdict::Holds);
    }
}
