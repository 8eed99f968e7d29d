//! What std answers inside a run, and what a run refuses.

#[cfg(madsim)]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(madsim)]
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::*;
use crate::choice::Latency;
use crate::trace::Kind;

static READ: Kind = Kind::new("read", 'r', "what std answered", &[]);
static NAP: Site = Site::value("toy/nap", "how long the client naps");

/// Whether the task that `spawns-on-madsim` leaves to the host has run.
#[cfg(madsim)]
static RAN: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

pub(super) const STORIES: &[Story] = &[
    ("asks-std", asks_std),
    ("starts-a-thread", |world| {
        world.client("client", |_| async {
            std::thread::spawn(|| ());
        });
    }),
    #[cfg(madsim)]
    ("spawns-on-madsim", |world| {
        let ran = Arc::clone(&RAN);
        world.client("client", move |node| {
            let ran = Arc::clone(&ran);
            async move {
                let flag = Arc::clone(&ran);
                drop(madsim::task::spawn(async move { flag.store(true, Ordering::Relaxed) }));
                node.sleep(Duration::from_millis(1)).await;
                node.note(&READ, "ran", format_args!("{}", ran.load(Ordering::Relaxed)));
            }
        });
    }),
    ("spawns-on-tokio", |world| {
        world.client("client", |_| async {
            tokio::spawn(async {});
        });
    }),
];

fn asks_std(world: &World) {
    world.client("client", |node| async move {
        let nap = Latency { quiet: Duration::from_millis(1), max: Duration::from_secs(1) };
        node.sleep(node.choose(&NAP, &nap)).await;
        let read = |what: &str, answer: String| {
            node.note(&READ, what, format_args!("{answer}"));
        };
        read("instant", format!("{:?}", std::time::Instant::now()));
        read("wall", format!("{:?}", std::time::SystemTime::now()));
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("there is randomness");
        read("random", format!("{random:?}"));
        read("order", format!("{:?}", hash_order()));
    });
}

/// The order in which a freshly made hash map gives its keys.
fn hash_order() -> Vec<u32> {
    let map: std::collections::HashMap<u32, ()> = (0..16).map(|key| (key, ())).collect();
    map.into_keys().collect()
}

/// What std answered to a run of this seed, in a fresh thread.
#[cfg(madsim)]
fn answers(seed: u64) -> Vec<String> {
    let run = move || {
        let scenario = scenario("asks-std");
        let report = erased::<Toy>().run(&search(&scenario, seed));
        assert_eq!(report.verdict, Verdict::Holds, "{:?}", report.failure);
        let answers = lines(&report, &["read"]);
        answers.iter().filter_map(|line| line.split_once(" read ").map(|(_, answer)| answer.to_owned())).collect()
    };
    std::thread::spawn(run).join().expect("it ends")
}

#[cfg(madsim)]
const CHILD: &str = "SEEDBED_TEST_ASKS_STD";

/// Instants, wall clock, operating system randomness and the order of a hash map are the same in two processes. This
/// test plays both parts: started again with a variable set, it prints what it was answered.
#[cfg(madsim)]
#[test]
fn std_answers_the_same_in_every_process() {
    const MARK: &str = "ANSWER ";
    if std::env::var_os(CHILD).is_some() {
        for answer in answers(7) {
            println!("{MARK}{answer}");
        }
        return;
    }
    let program = std::env::current_exe().expect("this program has a path");
    let output = std::process::Command::new(program)
        .args(["run::tests::host::std_answers_the_same_in_every_process", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let child: Vec<&str> = said.lines().filter_map(|line| line.split_once(MARK).map(|(_, answer)| answer)).collect();
    let own = answers(7);
    assert_eq!(own.len(), 4);
    assert_eq!(child, own, "{said}");
    assert_eq!(own, answers(7), "and twice in one process");
}

/// Another seed gets other answers to each of the four.
#[cfg(madsim)]
#[test]
fn std_answers_otherwise_for_another_seed() {
    let (one, other) = (answers(7), answers(8));
    for (one, other) in one.iter().zip(&other) {
        assert_ne!(one, other);
    }
    assert_eq!((one.len(), other.len()), (4, 4));
}

/// std's clock moves with the run's: by exactly as much as was slept.
#[cfg(madsim)]
#[test]
fn the_hosts_clock_moves_with_ours() {
    let scenario = scenario("asks-std");
    let request = RunRequest { source: Source::Replay(&Script::default()), ..search(&scenario, 1) };
    let report = erased::<Toy>().run(&request);
    let lines = lines(&report, &["read"]);
    assert!(lines[0].contains("tv_sec: 0, tv_nsec: 1000000"), "{lines:?}");
}

/// What is spawned on the host is no part of the run: it is not run before the run has ended.
#[cfg(madsim)]
#[test]
fn a_task_on_the_host_never_runs_inside_a_run() {
    let report = run(&scenario("spawns-on-madsim"));
    assert_eq!(report.verdict, Verdict::Holds, "{:?}", report.failure);
    let read = lines(&report, &["read"]);
    assert!(read.len() == 1 && read[0].ends_with("ran false"), "{read:?}");
    assert!(RAN.load(Ordering::Relaxed), "it was run afterwards");
}

/// A run has one thread and drives one scheduler, its own: starting a thread, and spawning on tokio, is refused with a
/// message that says so.
#[test]
fn other_schedulers_are_refused() {
    let refused = |story: &str| {
        let report = run(&scenario(story));
        let failure = report.failure.unwrap_or_else(|| panic!("{story} is refused"));
        (report.verdict, failure.detail)
    };
    let table = [
        #[cfg(madsim)]
        ("starts-a-thread", "a run has one thread"),
        ("spawns-on-tokio", "there is no reactor running"),
    ];
    for (story, message) in table {
        let (verdict, detail) = refused(story);
        assert_eq!(verdict, Verdict::Panics);
        assert!(detail.contains(message), "{detail}");
    }
}
