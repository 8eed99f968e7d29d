//! Panics of code under test are caught wherever it runs, and attributed.

use super::*;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a destructor after {} tries", 3);
    }
}

fn caught(code: impl Fn(NodeHandle) + 'static) -> Incident {
    let sim = sim();
    node(&sim, "server", code);
    assert_eq!(run(&sim), Ended::Failed);
    let incidents = sim.incidents();
    assert_eq!(incidents.len(), 1);
    incidents[0].clone()
}

/// Whether it is a task, a timer's callback, a continuation, a starter or a destructor: the failure names node, task,
/// file and message without numbers; step and the full message are in the detail.
#[test]
fn every_place_is_attributed() {
    let task = caught(|node| {
        let inner = node.clone();
        node.spawn("conn", async move {
            inner.sleep(MS).await;
            panic!("connection {} is bad", 17);
        });
    });
    assert_eq!(task.cause, "server/conn: panics.rs: connection # is bad");
    assert!(
        task.detail.contains("connection 17 is bad (node server, conn, step 2)")
            && task.detail.contains("src/kernel/tests/panics.rs:"),
        "{}",
        task.detail
    );
    assert_eq!((task.step, task.kind), (2, IncidentKind::Panic));

    let timer = caught(|node| {
        node.after(MS, "lease", || panic!("no lease"));
    });
    assert_eq!(timer.cause, "server/lease: panics.rs: no lease");

    let turn = caught(|node| node.eventually("reply", || panic!("no reply")));
    assert_eq!(turn.cause, "server/reply: panics.rs: no reply");

    let start = caught(|_| panic!("no start"));
    assert_eq!(start.cause, "server/server: panics.rs: no start");

    let destructor = caught(|node| {
        node.spawn("owner", async {
            let bomb = Bomb;
            std::future::ready(()).await;
            std::mem::drop(bomb);
        });
    });
    assert_eq!(destructor.cause, "server/owner: panics.rs: in a destructor after # tries");

    let aborted = caught(|node| {
        let inner = node.clone();
        node.spawn("aborting", async move {
            let task = inner.spawn("owner", async {
                let _bomb = Bomb;
                std::future::pending::<()>().await;
            });
            inner.sleep(MS).await;
            task.abort();
        });
    });
    assert_eq!(aborted.cause, "server/aborting: panics.rs: in a destructor after # tries");
}

/// A future that panics while it is dropped after its end is attributed to its task.
#[test]
fn a_captured_destructor() {
    let incident = caught(|node| {
        let bomb = Bomb;
        let mut bomb = Some(bomb);
        node.spawn(
            "owner",
            std::future::poll_fn(move |_| {
                let _kept = &mut bomb;
                std::task::Poll::Ready(())
            }),
        );
    });
    assert_eq!(incident.cause, "server/owner: panics.rs: in a destructor after # tries");
}

/// After a panic nothing more of the run is executed.
#[test]
fn a_panic_ends_the_run() {
    let sim = sim();
    node(&sim, "n", |node| {
        node.spawn("first", async { panic!("first") });
        node.spawn("second", async { panic!("second") });
        node.after(MS, "later", || panic!("later"));
    });
    assert_eq!(run(&sim), Ended::Failed);
    assert_eq!(incidents(&sim), ["no-panic: n/first: panics.rs: first"]);
    assert_eq!(run(&sim), Ended::Failed, "and stays ended");
}

/// A callback that another node's event calls belongs to its own node.
#[test]
fn a_callback_has_its_own_node() {
    let sim = sim();
    let owner = node(&sim, "owner", |_| {});
    node(&sim, "caller", move |node| {
        let sim = node.sim().clone();
        node.after(MS, "timer", move || {
            let name = sim.name("on-end");
            sim.call_back(owner, name, || panic!("told"));
        });
    });
    run(&sim);
    assert_eq!(incidents(&sim), ["no-panic: owner/on-end: panics.rs: told"]);
}

/// A failure nobody consumed goes to the node's crash sink: noted with its cause, and the run goes on.
#[test]
fn the_crash_sink() {
    let sim = sim();
    node(&sim, "n", |node| {
        node.spawn_fallible("sync", async { Err("disk 3 is full") });
        node.spawn_fallible("fine", async { Ok::<(), &str>(()) });
        node.unowned("dropped reply", format_args!("reply {}", 4));
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(incidents(&sim), ["no-unowned-failure: n: dropped reply", "no-unowned-failure: n: sync"]);
    assert!(sim.incidents()[1].detail.contains("disk 3 is full"));
}

/// A node that was told to stop and then acts is noted; started again it may act.
#[test]
fn nothing_after_stop() {
    let sim = sim();
    let n = node(&sim, "n", |node| {
        node.after(Duration::ZERO, "first", || {});
        if node.incarnation() == 1 {
            node.told_to_stop();
            node.eventually("late", || {});
        }
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    let expected = ["nothing-after-stop: n queues a continuation"];
    assert_eq!(incidents(&sim), expected);
    sim.kill(n, Down::Kill);
    sim.start(n, Duration::ZERO);
    run(&sim);
    assert_eq!(incidents(&sim), expected);
}

/// With the hook in place nothing of a caught panic reaches stderr. This test plays both parts: started again with a
/// variable set, it is the process whose stderr is read.
#[test]
fn nothing_reaches_stderr() {
    const CHILD: &str = "SEEDBED_TEST_PANICS_QUIETLY";
    if std::env::var_os(CHILD).is_some() {
        caught(|node| {
            node.spawn("task", async { panic!("unseen") });
        });
        return;
    }
    let name = "kernel::tests::panics::nothing_reaches_stderr";
    let program = std::env::current_exe().expect("this program has a path");
    let output = std::process::Command::new(program)
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 passed"), "{said}");
    assert!(!said.contains("unseen") && !said.contains("panicked"), "{said}");
}
