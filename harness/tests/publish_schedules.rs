//! Every schedule of the smallest case of ticket 877, counted.

#![cfg(feature = "flows")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::scenario::Override;
use seedbed_harness::Harness;
use seedbed_harness::execute::Execution;
use seedbed_harness::explore::{
    Bounds, Deviations, Reduction, Schedules, Subject, Summary, Told, explore_schedules, tell,
};
use seedbed_harness::files::{Loaded, LoadedScenario, load};
use seedbed_harness::sweep::Live;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/publish/minimal-schedules.toml");
static NEVER: AtomicBool = AtomicBool::new(false);

fn with_scenario<R>(settings: &[&str], work: impl FnOnce(&Subject<'_>) -> R) -> R {
    let harness = Harness::shipped();
    let settings: Vec<Override> =
        settings.iter().map(|setting| Override::parse(setting).unwrap_or_else(|wrong| panic!("{wrong}"))).collect();
    let loaded = load(&harness, PATH, &settings).unwrap_or_else(|wrong| panic!("{wrong}"));
    let Loaded::Scenario(loaded) = loaded else {
        panic!("it is a scenario");
    };
    let LoadedScenario { flow, scenario } = *loaded;
    work(&Subject { flow, scenario: &scenario, seed: 0 })
}

fn explored(subject: &Subject<'_>) -> Summary {
    reduced(subject, Reduction::default())
}

fn reduced(subject: &Subject<'_>, reduction: Reduction) -> Summary {
    let live = Live::default();
    let on_hang = |deviations: &Deviations| panic!("hangs: {deviations:?}");
    let bounds = Bounds {
        jobs: 2,
        runs_max: 10_000,
        interrupted: &NEVER,
        live: &live,
        run_limit: Duration::from_secs(60),
        on_hang: &on_hang,
    };
    let found = explore_schedules(&Schedules::new(*subject, None).reduced(reduction), &bounds);
    let (summary, complete) = found.unwrap_or_else(|trouble| panic!("{trouble:?}"));
    assert!(complete);
    summary
}

/// Schedules in all, and those in which the writer is surprised by itself.
fn counts(settings: &[&str]) -> (u64, u64) {
    let summary = with_scenario(settings, explored);
    (summary.runs, summary.by_outcome.get("ucwe").copied().unwrap_or(0))
}

/// The release with the ticket: 30 schedules, 10 of them with a surprise; the release with the fix: 6 and none. The
/// number of shares needed does not matter.
#[test]
fn the_ticket_and_its_fix() {
    for k in ["flow-config.k=1", "flow-config.k=2"] {
        assert_eq!(counts(&[k]), (30, 10));
        assert_eq!(counts(&[k, "variant=1.6.0"]), (6, 0));
    }
}

/// Leaving out schedules that differ in the order of events on different nodes, or that reach equal states, changes
/// neither outcomes nor violated invariants, and saves most of them.
#[test]
fn reductions_lose_nothing() {
    let ids = |summary: &Summary| {
        let invariants: Vec<String> = summary.by_invariant.keys().cloned().collect();
        let outcomes: Vec<String> = summary.by_outcome.keys().cloned().collect();
        (invariants, outcomes, summary.failures.keys().cloned().collect::<Vec<_>>())
    };
    for (state, independence) in [(false, true), (true, false), (true, true)] {
        let reduction = Reduction { state, independence };
        for (settings, all_runs) in [(&["flow-config.k=1"][..], 30), (&["flow-config.k=1", "variant=1.6.0"][..], 6)] {
            let all = with_scenario(settings, explored);
            let fewer = with_scenario(settings, |subject| reduced(subject, reduction));
            assert_eq!(ids(&fewer), ids(&all), "{reduction:?} {settings:?}");
            assert_eq!(all.runs, all_runs);
            assert!(fewer.runs < all_runs, "{reduction:?} {settings:?}: {}", fewer.runs);
        }
    }
}

/// With the two share holders walked in the opposite order, or with the failure told one turn later, no schedule of
/// the release with the ticket ends in a surprise.
#[test]
fn what_the_ticket_needs() {
    for k in ["flow-config.k=1", "flow-config.k=2"] {
        let opposite = "flow-config.walk=[\"s2\", \"s1\", \"s3\"]";
        assert_eq!(counts(&[k, opposite]).1, 0);
        assert_eq!(counts(&[k, "flow-config.dead-answers=\"eventual\""]).1, 0);
    }
}

/// One of the ten replays by time with the same fingerprint.
#[test]
fn one_of_the_ten_by_time() {
    with_scenario(&["expect.violates=ucwe-is-earned"], |subject| {
        let summary = explored(subject);
        assert_eq!(summary.by_invariant["ucwe-is-earned"], 10);
        let schedules = Schedules::new(*subject, None);
        let told = tell(subject, &summary, schedules.sites(), &subject.by_choice());
        let Ok(Told::Plan(plan)) = told else {
            panic!("{told:?}");
        };
        let scenario = plan.to_scenario("one.plan.toml");
        let report = Execution::of_plan(subject.flow, &scenario, &plan).run(false);
        let report = report.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(report.failure.map(|failure| failure.fingerprint()), plan.failure);
    });
}
