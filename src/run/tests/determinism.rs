//! One seed, one run: whatever ran before, whatever is kept, and however the answers are given.

use std::time::Duration;

use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::choice::{Coin, Profile, SiteSetting};
use crate::kernel::NodeId;
use crate::net::Messages;
use crate::reentry::Delivery;
use crate::world::Node;

static ANSWER: Site = Site::reentry("random/answer", "the cache answers inline");
static LISTENER: Site = Site::reentry("random/listener", "an event inside the listener");
static EXTRA: Site = Site::schedule("random/extra", "asked by a node nobody else knows");

/// A flow made of everything the kernel, the network and re-entry have.
struct Random;

#[derive(Clone, Debug, Deserialize)]
struct Settings {
    /// Another node that has nothing to do with the others.
    extra: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    Rest { us: u16 },
    Ask { server: u8, bytes: u8 },
    Spawn { tasks: u8 },
    Later { times: u8 },
    Cached { value: u8 },
    Race { us: u16 },
}

impl Flow for Random {
    type Config = Settings;
    type Op = Act;

    const INFO: FlowInfo = FlowInfo {
        sites: &[&ANSWER, &LISTENER, &EXTRA],
        invariants: &[],
        ..FlowInfo::new("random", "everything at once", "none")
    };

    fn operation(_: &Settings) -> BoxedStrategy<Act> {
        prop_oneof![
            (0_u16..2_000).prop_map(|us| Act::Rest { us }),
            (0_u8..2, any::<u8>()).prop_map(|(server, bytes)| Act::Ask { server, bytes }),
            (1_u8..4).prop_map(|tasks| Act::Spawn { tasks }),
            (1_u8..4).prop_map(|times| Act::Later { times }),
            any::<u8>().prop_map(|value| Act::Cached { value }),
            (0_u16..2_000).prop_map(|us| Act::Race { us }),
        ]
        .boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        for name in ["s0", "s1"] {
            let server: NodeId = world.node(name, |node| async move {
                let Ok(listener) = node.net().listen("echo") else {
                    return;
                };
                while let Ok(stream) = listener.accept().await {
                    let (messages, inner) = (Messages::new(stream), node.clone());
                    node.spawn("conn", async move {
                        while let Ok(message) = messages.recv().await {
                            inner.boundary(&LISTENER, "listener");
                            let _ = messages.send_labelled("reply", &message);
                        }
                    });
                }
            });
            world.may_crash(server);
        }
        if setup.config.extra {
            world.node("extra", |node| async move {
                for _ in 0..50 {
                    let wait = if node.choose(&EXTRA, &Coin) { 700 } else { 300 };
                    node.sleep(Duration::from_micros(wait)).await;
                }
            });
        }
        world.run_limit(Duration::from_secs(5));
        world.settle(Duration::from_secs(5));
        world.client("client", move |node| {
            let operations = setup.operations.clone();
            async move {
                for (_, act) in operations {
                    perform(&node, act).await;
                }
            }
        });
    }
}

async fn perform(node: &Node, act: Act) {
    match act {
        Act::Rest { us } => node.sleep(Duration::from_micros(us.into())).await,
        Act::Ask { server, bytes } => {
            let limit = Duration::from_millis(50);
            let answer = node.timeout(limit, ask(node, server, bytes)).await;
            node.outcome(match answer {
                Ok(true) => "ok",
                Ok(false) => "failed",
                Err(_) => "timed-out",
            });
        }
        Act::Spawn { tasks } => {
            let spawned: Vec<_> = (0..tasks)
                .map(|_| {
                    let inner = node.clone();
                    node.spawn("worker", async move {
                        inner.sleep(Duration::from_micros(100)).await;
                        inner.outcome("worked");
                    })
                })
                .collect();
            for task in spawned {
                task.await;
            }
        }
        Act::Later { times } => {
            for _ in 0..times {
                let inner = node.clone();
                node.eventually("later", move || inner.outcome("later"));
            }
            node.boundary(&LISTENER, "listener");
        }
        Act::Cached { value } => {
            let (done, waits) = node.pending("cached");
            let done = std::cell::RefCell::new(Some(done));
            node.ready("cache", value).then(Delivery::Chosen(&ANSWER), move |value| {
                if let Some(done) = done.take() {
                    done.complete(value);
                }
            });
            waits.await;
        }
        Act::Race { us } => {
            let limit = Duration::from_micros(us.into());
            let late = node.timeout(limit, node.sleep(Duration::from_millis(1))).await;
            node.outcome(if late.is_ok() { "in-time" } else { "late" });
        }
    }
}

async fn ask(node: &Node, server: u8, bytes: u8) -> bool {
    let Ok(stream) = node.net().connect(&format!("s{server}"), "echo").await else {
        return false;
    };
    let (messages, message) = (Messages::new(stream), vec![server; bytes.into()]);
    messages.send_labelled("request", &message).is_ok() && messages.recv().await.is_ok_and(|reply| reply == message)
}

fn world(extra: bool) -> Scenario {
    let mut scenario = scenario("");
    scenario.flow = "random".into();
    scenario.config = [("extra".to_owned(), extra.into())].into_iter().collect();
    scenario.workload = Workload::Generated(12);
    let (now_and_then, often) = (Rate::per_million(10_000), Rate::HALF);
    scenario.faults = crate::choice::Settings {
        profile: Profile::Swarm,
        sites: [
            ("node/kill", now_and_then),
            ("node/pause", now_and_then),
            (ANSWER.label, often),
            (LISTENER.label, often),
        ]
        .map(|(site, rate)| (site.to_owned(), SiteSetting::rate(rate)))
        .into(),
        ..crate::choice::Settings::default()
    };
    scenario
}

fn play(request: &RunRequest<'_>) -> RunReport {
    erased::<Random>().run(request)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    /// Two executions of a seed are equal: the second one, after others in the same thread, in a fresh thread, and with
    /// nothing kept.
    #[test]
    fn a_seed_is_one_run(seed: u64, other: u64) {
        let scenario = world(false);
        let first = play(&search(&scenario, seed));
        prop_assert_eq!(play(&search(&scenario, seed)).step_digests, first.step_digests.clone());
        play(&search(&scenario, other));
        let bare = RunRequest { keep_trace: false, ..search(&scenario, seed) };
        let again = play(&bare);
        prop_assert_eq!((again.digest, again.steps), (first.digest, first.steps));
        let elsewhere = std::thread::scope(|threads| {
            let run = threads.spawn(|| play(&search(&scenario, seed)).digest);
            run.join().expect("it ends")
        });
        prop_assert_eq!(elsewhere, first.digest);
    }

    /// The deviations of a run are all there is to it: followed without the seed, they lead to the same digest and are
    /// all found again.
    #[test]
    fn a_script_replays_without_its_seed(seed: u64) {
        let scenario = world(false);
        let found = play(&search(&scenario, seed));
        let replay = RunRequest {
            seed: None,
            source: Source::Replay(&found.script),
            operations: Some(&found.operations),
            ..search(&scenario, 0)
        };
        let again = play(&replay);
        prop_assert_eq!(again.step_digests, found.step_digests);
        prop_assert_eq!(again.script, found.script.clone());
        prop_assert_eq!((again.anchoring.used, again.anchoring.total), (found.script.len(), found.script.len()));
    }

    /// A plan still finds all of its places when a node and a site were added that have nothing to do with it; what
    /// comes out for those it is about is the same.
    #[test]
    fn a_script_anchors_beside_something_new(seed: u64) {
        let (old, new) = (world(false), world(true));
        let found = play(&search(&old, seed));
        let replay = RunRequest {
            seed: None,
            source: Source::Replay(&found.script),
            operations: Some(&found.operations),
            ..search(&new, 0)
        };
        let again = play(&replay);
        let total = found.script.len();
        prop_assert_eq!((again.anchoring.used, again.anchoring.total), (total, total));
        prop_assert_eq!(again.outcomes, found.outcomes);
        prop_assert_ne!(again.digest, found.digest);
    }

    /// The other way round: the deviations of what is gone are reported as such, and the rest is found.
    #[test]
    fn what_is_gone_is_not_anchored(seed: u64) {
        let (with, without) = (world(true), world(false));
        let found = play(&search(&with, seed));
        let replay = RunRequest {
            seed: None,
            source: Source::Replay(&found.script),
            operations: Some(&found.operations),
            ..search(&without, 0)
        };
        let again = play(&replay);
        let gone = found.script.deviations.iter().filter(|one| one.site == EXTRA.label).count();
        prop_assert_eq!(again.anchoring.unused.len(), gone);
        prop_assert!(again.anchoring.unused.iter().all(|one| one.site == EXTRA.label));
        prop_assert_eq!(again.outcomes, found.outcomes);
    }

    /// Following the script up to any step and searching from there, with the seed it came from, is the search itself.
    #[test]
    fn mixed_mode_joins_script_and_seed(seed: u64, share in 0_u64..=4) {
        let scenario = world(false);
        let found = play(&search(&scenario, seed));
        let from = found.steps * share / 4;
        let mixed = RunRequest { source: Source::Mixed(&found.script, from), ..search(&scenario, seed) };
        prop_assert_eq!(play(&mixed).step_digests, found.step_digests);
    }

    /// A run that stops after a step has done what the whole run did up to there.
    #[test]
    fn a_run_can_be_stopped_after_a_step(seed: u64, share in 1_u64..4) {
        let scenario = world(false);
        let whole = play(&search(&scenario, seed));
        let until = whole.steps * share / 4;
        let part = play(&RunRequest { until_step: Some(until), ..search(&scenario, seed) });
        prop_assert_eq!(part.steps, until);
        let length = part.step_digests.len();
        prop_assert_eq!(&part.step_digests[..], &whole.step_digests[..length]);
    }

    /// A flow that asks std for nothing is the same with the host and without.
    #[test]
    fn the_host_makes_no_difference(seed: u64) {
        let scenario = world(false);
        let hosted = play(&search(&scenario, seed));
        let bare = execute::execute_unhosted::<Random>(&search(&scenario, seed));
        prop_assert_eq!(bare.step_digests, hosted.step_digests);
    }
}

/// The toy does what it is there for: over some seeds it meets faults, re-entry, crashes and failures.
#[test]
fn the_toy_is_not_tame() {
    let scenario = world(false);
    let mut fired = std::collections::BTreeSet::new();
    let mut outcomes = std::collections::BTreeSet::new();
    let mut pairs = 0;
    for seed in 0..60 {
        let report = play(&search(&scenario, seed));
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let sites = report.faults.iter().filter(|(_, count)| count.fired > 0);
        fired.extend(sites.map(|(site, _)| site.clone()));
        outcomes.extend(report.outcomes.keys().cloned());
        pairs += report.reentries.len();
    }
    for site in ["kernel/ready-task", "node/kill", "node/pause", "random/answer", "random/listener"] {
        assert!(fired.contains(site), "{site} in {fired:?}");
    }
    assert!(outcomes.len() >= 6 && pairs > 10, "{outcomes:?} {pairs}");
}
