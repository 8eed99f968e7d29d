//! Crash states of a toy with a write-ahead file: a record counts once it was acknowledged.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::strategy::{BoxedStrategy, Just, Strategy};
use seedbed::check::{InvariantInfo, Outcome};
use seedbed::disk::{DiskError, OpenMode};
use seedbed::flow::{Flow, FlowInfo, FlowSchema, Named, Needs, Setup};
use seedbed::kernel::Dispatch;
use seedbed::run::{AnyFlow, engine_sites, erased};
use seedbed::scenario::{Catalogue, Scenario, read_scenario};
use seedbed::world::{Node, World};
use seedbed_harness::execute::Execution;
use seedbed_harness::explore::{
    Bounds, CrashStates, Deviations, Subject, Summary, Told, Trouble, explore_crashes, tell,
};
use seedbed_harness::sweep::Live;
use serde::Deserialize;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Bytes of a record: two sectors, so that it can be torn.
const RECORD: u64 = 1_024;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Config {
    records: u64,
    /// Records that are written before one sync; 0: there is none.
    sync_every: u64,
    /// The name of the new file is made durable.
    sync_name: bool,
}

/// What people were told, and what recovery found.
#[derive(Default)]
struct Ghost {
    acknowledged: Cell<u64>,
    found: Cell<Option<u64>>,
    lost: Cell<bool>,
}

struct Records;

impl Flow for Records {
    type Config = Config;
    type Op = u64;

    const INFO: FlowInfo = FlowInfo {
        variants: &[Named::new("1.0", "for tests")],
        invariants: &[InvariantInfo::always("acknowledged-survives", "what was acknowledged is found again")],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("records", "a file of records", "made up")
    };

    fn operation(_: &Config) -> BoxedStrategy<u64> {
        Just(0).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let (told, config) = (Rc::new(Ghost::default()), setup.config);
        let done = world.workload_part();
        let ghost = Rc::clone(&told);
        let store = world.node("store", move |node| {
            let (ghost, config, done) = (Rc::clone(&ghost), config.clone(), done.clone());
            async move {
                node.sleep(Duration::from_millis(1)).await;
                // A disk that fails is a node that is going down: nothing is left to be done.
                if keep(&node, &ghost, &config).await.is_ok() {
                    done();
                }
            }
        });
        world.may_crash(store);
        world.always("acknowledged-survives", move || {
            if told.lost.get() {
                let found = told.found.get().unwrap_or_default();
                return Outcome::violated("lost", format!("{found} of {}", told.acknowledged.get()));
            }
            Outcome::Held
        });
    }
}

async fn keep(node: &Node, ghost: &Ghost, config: &Config) -> Result<(), DiskError> {
    let file = node.disk().open("records", OpenMode::Create).await?;
    if config.sync_name {
        node.disk().sync_dir("").await?;
    }
    let bytes = file.read_at(0, file.size().await? as usize).await?;
    let good = |number: &u64| {
        let at = (*number * RECORD) as usize;
        bytes.get(at..at + RECORD as usize).is_some_and(|record| record.iter().all(|byte| *byte == 1 + *number as u8))
    };
    let found = (0..).take_while(good).count() as u64;
    ghost.found.set(Some(found));
    ghost.lost.set(ghost.lost.get() || found < ghost.acknowledged.get());
    file.set_len(found * RECORD).await?;
    for number in found..config.records {
        file.write_at(number * RECORD, &[1 + number as u8; RECORD as usize]).await?;
        if config.sync_every > 0 {
            if (number + 1) % config.sync_every > 0 {
                continue;
            }
            file.sync_all().await?;
        }
        ghost.acknowledged.set(number + 1);
    }
    Ok(())
}

fn scenario(config: &str) -> Scenario {
    let flow = erased::<Records>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let text = format!(
        "seedbed = 1\ngoal = \"A test.\"\nflow = \"records\"\nvariant = \"1.0\"\nflow-config = {config}\n\
         [expect]\nholds = true\n"
    );
    read_scenario("scenarios/records/test.toml", text.as_bytes(), &catalogue, &[])
        .unwrap_or_else(|complaints| panic!("{complaints}\n{text}"))
}

fn with_bounds<R>(jobs: usize, runs_max: u64, work: impl FnOnce(&Bounds<'_>) -> R) -> R {
    let live = Live::default();
    let on_hang = |deviations: &Deviations| panic!("hangs: {deviations:?}");
    let run_limit = Duration::from_secs(60);
    work(&Bounds { jobs, runs_max, interrupted: &NEVER, live: &live, run_limit, on_hang: &on_hang })
}

fn explored(flow: &dyn AnyFlow, scenario: &Scenario, jobs: usize, runs_max: u64) -> (Summary, bool, Vec<String>) {
    let crashes = CrashStates::new(Subject { flow, scenario, seed: 0 });
    let done: Result<_, Trouble> = with_bounds(jobs, runs_max, |bounds| explore_crashes(&crashes, bounds));
    let (summary, whole) = done.unwrap_or_else(|trouble| panic!("{trouble:?}"));
    (summary, whole, crashes.sites().to_vec())
}

/// With a sync before each acknowledgement, recovery from every crash state of every barrier finds what was
/// acknowledged; without one it does not, and the first loss becomes a plan.
#[test]
fn a_sync_is_what_makes_the_difference() {
    let flow = erased::<Records>();
    let synced = scenario("{ records = 3, sync-every = 1, sync-name = true }");
    let (clean, whole, _) = explored(&*flow, &synced, 2, u64::MAX);
    assert!(whole && clean.violating == 0, "{:?}", clean.failures);
    let crashes = clean.crashes;
    // The name, three records, and the end of the run.
    assert_eq!((crashes.barriers, crashes.barriers_of, crashes.sampled), (5, 5, 0), "{crashes:?}");
    assert_eq!((crashes.states, clean.runs), (crashes.states_of, crashes.states + 1));
    assert!(crashes.states > 20, "{crashes:?}");

    let unsynced = scenario("{ records = 3, sync-every = 0, sync-name = true }");
    let (lossy, whole, sites) = explored(&*flow, &unsynced, 2, u64::MAX);
    assert!(whole && lossy.by_invariant["acknowledged-survives"] > 10, "{lossy:?}");
    let subject = Subject { flow: &*flow, scenario: &unsynced, seed: 0 };
    let told = tell(&subject, &lossy, &sites, &Dispatch::ByTime).expect("the toy works");
    let Told::Plan(plan) = told else {
        panic!("{told:?}");
    };
    let followed = plan.to_scenario("lost.plan.toml");
    let report = Execution::of_plan(&*flow, &followed, &plan).run(false).expect("the toy works");
    assert_eq!(report.failure.map(|failure| failure.invariant), Some("acknowledged-survives".to_owned()));
}

/// A file whose name was never made durable is gone where the file system promises no more than POSIX does, and there
/// where it promises more.
#[test]
fn the_contract_decides() {
    let flow = erased::<Records>();
    let mut nameless = scenario("{ records = 2, sync-every = 1, sync-name = false }");
    let (posix, whole, _) = explored(&*flow, &nameless, 2, u64::MAX);
    assert!(whole && posix.violating > 0, "{posix:?}");
    nameless.contract.insert("disk".to_owned(), "ordered".to_owned());
    let (ordered, whole, _) = explored(&*flow, &nameless, 2, u64::MAX);
    assert!(whole && ordered.violating == 0, "{:?}", ordered.failures);
}

/// With many operations between two barriers a sample is taken, which is said; neither jobs nor a limit change what is
/// counted up to it.
#[test]
fn samples_and_limits() {
    let flow = erased::<Records>();
    let many = scenario("{ records = 12, sync-every = 12, sync-name = true }");
    let (alone, _, _) = explored(&*flow, &many, 1, u64::MAX);
    assert_eq!((alone.crashes.sampled, alone.crashes.barriers), (1, 3), "{:?}", alone.crashes);
    assert!(alone.crashes.states > 20 && alone.violating == 0, "{:?}", alone.failures);
    assert_eq!(explored(&*flow, &many, 3, u64::MAX).0, alone);
    for jobs in [1, 3] {
        let (cut, whole, _) = explored(&*flow, &many, jobs, 7);
        assert_eq!((cut.runs, whole), (7, false));
    }
}
