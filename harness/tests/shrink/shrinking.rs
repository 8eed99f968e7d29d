//! What comes out fails in the same way, is 1-minimal, and is the same
//! however it was computed.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::prelude::*;
use seedbed::run::{AnyFlow, erased};
use seedbed::scenario::{Scenario, read_plan, write_plan};
use seedbed_harness::exit::Exit;
use seedbed_harness::report::{MinimalCard, Paint, minimal_card};
use seedbed_harness::shrink::{Case, Live, Options, ShrinkEnd, ShrinkError, Shrunk, refresh, shrink_plan, shrink_seed};

use crate::runs::{self, failing, fingerprint, follow, scenario, search};
use crate::toy::{FORGOTTEN, TWICE, Toy};

static NEVER: AtomicBool = AtomicBool::new(false);

fn with_options<T>(jobs: usize, executions: u64, work: impl FnOnce(&Options<'_>) -> T) -> T {
    let live = Live::default();
    work(&Options {
        jobs,
        executions,
        run_limit: Duration::from_secs(60),
        interrupted: &NEVER,
        on_hang: &|_: &Case| Exit::Liveness,
        live: &live,
    })
}

fn shrunk(flow: &dyn AnyFlow, scenario: &Scenario, seed: u64, jobs: usize) -> Shrunk {
    with_options(jobs, 20_000, |options| shrink_seed(flow, scenario, seed, options))
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

/// Every way to leave out one operation or one deviation.
fn single_removals(case: &Case) -> Vec<Case> {
    let operations = (0..case.operations.len()).map(|at| {
        let mut smaller = case.clone();
        smaller.operations.remove(at);
        smaller
    });
    let deviations = (0..case.script.len()).map(|at| Case { script: case.script.without(at), ..case.clone() });
    operations.chain(deviations).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The result fails with the same fingerprint, nothing single can be left out of it, it is never larger than
    /// what it came from, and shrinking it again changes nothing.
    #[test]
    fn a_random_failing_run_becomes_minimal(start in 0_u64..1_000_000, operations in 1_usize..25) {
        let flow = erased::<Toy>();
        let scenario = scenario(&*flow, operations, &[]);
        let found = (start..start + 400).find_map(|seed| {
            let report = search(&*flow, &scenario, seed);
            Some((seed, fingerprint(&report)?, report))
        });
        let Some((seed, failure, report)) = found else { return Ok(()) };
        let result = shrunk(&*flow, &scenario, seed, 1);

        prop_assert_eq!(&result.fingerprint, &failure);
        let followed = follow(&*flow, &scenario, &result.case);
        prop_assert_eq!(fingerprint(&followed), Some(failure.clone()));
        prop_assert_eq!(&followed.script, &result.case.script, "nothing unused is kept");
        prop_assert_eq!(result.ended, ShrinkEnd::Minimal);
        prop_assert!(result.case.operations.len() <= report.operations.len());
        prop_assert!(result.case.script.len() <= report.script.len());
        for smaller in single_removals(&result.case) {
            let shown = fingerprint(&follow(&*flow, &scenario, &smaller));
            prop_assert_ne!(shown, Some(failure.clone()), "can be left out: {:?}", smaller);
        }

        let plan = result.plan(&scenario);
        let again = with_options(1, 20_000, |options| {
            shrink_plan(&*flow, &plan.to_scenario("again.plan.toml"), &plan, options)
        });
        let again = again.expect("it fails");
        prop_assert_eq!(&again.case, &result.case);
    }
}

/// Each bug of the toy becomes what a person would write down: one purchase and one lost connection, or one purchase
/// that is forgotten and one look. Operations with a connection of their own do not stay for the sake of numbers.
#[test]
fn each_bug_has_its_smallest_form() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 20, &[]);
    for (cause, operations, deviations) in [(TWICE, 1, 1), (FORGOTTEN, 2, 1)] {
        for seed in failing(&*flow, &scenario, 300, cause).take(6) {
            let result = shrunk(&*flow, &scenario, seed, 1);
            let to = (result.to.operations, result.to.deviations);
            assert_eq!(to, (operations, deviations), "seed {seed}: {:?}", result.case);
            // Without the key it is 3, and no smaller configuration was possible.
            let shops = result.case.config.get("shops");
            let shops = shops.map_or(Some(3), toml::Value::as_integer);
            assert_eq!(shops, Some(last_shop(&result.case) + 1));
        }
    }
}

/// The highest shop that an operation names.
fn last_shop(case: &Case) -> i64 {
    let named = case.operations.iter().filter_map(|(_, operation)| {
        let of = operation.get("buy").or_else(|| operation.get("look"))?;
        of.get("shop")?.as_integer()
    });
    named.max().expect("an operation names a shop")
}

/// A shrinker that accepts any failure.
fn naively_shrunk(flow: &dyn AnyFlow, scenario: &Scenario, start: Case) -> Case {
    let mut best = start;
    'again: loop {
        for smaller in single_removals(&best) {
            if fingerprint(&follow(flow, scenario, &smaller)).is_some() {
                best = smaller;
                continue 'again;
            }
        }
        return best;
    }
}

/// Where accepting any failure ends in the other bug, ours stays with its own and names the other as a relative.
#[test]
fn one_bug_does_not_slip_into_another() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 20, &["faults.\"toy/forgets\"=0.4", "faults.\"net/cut\"=0.1"]);
    let (mut slipped, mut named) = (0, 0);
    for cause in [TWICE, FORGOTTEN] {
        for seed in failing(&*flow, &scenario, 60, cause).take(10) {
            let start = Case::of_report(&scenario, &search(&*flow, &scenario, seed));
            let naive = naively_shrunk(&*flow, &scenario, start);
            let naive = fingerprint(&follow(&*flow, &scenario, &naive)).expect("it fails");
            let ours = shrunk(&*flow, &scenario, seed, 1);
            assert_eq!(ours.fingerprint.cause, cause);
            if naive.cause != cause {
                slipped += 1;
            }
            for relative in &ours.relatives {
                named += 1;
                let shown = fingerprint(&follow(&*flow, &scenario, &relative.case));
                assert_eq!(shown.as_ref(), Some(&relative.fingerprint));
                assert_ne!(relative.fingerprint.cause, cause);
            }
        }
    }
    assert!(named > 0, "no relative was met");
    assert!(slipped > 0, "the toy does not show what this test is about");
}

/// The result is the same however many candidates are executed at once: plan, card, and number of executions.
#[test]
fn the_number_of_jobs_changes_no_byte() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 15, &[]);
    let told = |seed, jobs, executions| {
        let result =
            with_options(jobs, executions, |options| shrink_seed(&*flow, &scenario, seed, options)).expect("it fails");
        let card = card(&scenario, seed, &result);
        (write_plan(&result.plan(&scenario)), card)
    };
    for seed in failing(&*flow, &scenario, 200, TWICE).take(4) {
        for executions in [10, 40, 20_000] {
            let alone = told(seed, 1, executions);
            assert_eq!(alone, told(seed, 2, executions));
            assert_eq!(alone, told(seed, 5, executions));
        }
    }
}

fn card(scenario: &Scenario, seed: u64, shrunk: &Shrunk) -> String {
    let card = MinimalCard {
        name: &scenario.name,
        scenario,
        seed: Some(seed),
        shrunk,
        plan: Some("test.plan.toml"),
        repro: Some("seedbed replay test.plan.toml --trace full"),
    };
    minimal_card(&card, Paint::PLAIN)
}

/// What people read.
#[test]
fn cards() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 20, &[]);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (cause, name) in [(TWICE, "shrink-card-twice"), (FORGOTTEN, "shrink-card-forgotten")] {
            let seed = failing(&*flow, &scenario, 300, cause).next().expect("one fails");
            let result = shrunk(&*flow, &scenario, seed, 2);
            let digest = result.report.digest.to_string();
            let without = |text: String| text.replace(&digest, "d1:…");
            insta::assert_snapshot!(name, without(card(&scenario, seed, &result)));
            insta::assert_snapshot!(format!("{name}-plan"), without(write_plan(&result.plan(&scenario))));
        }
    });
}

/// A budget that is too small, and Ctrl-C, leave a smaller run that still fails, and say that it may not be minimal.
#[test]
fn an_early_end_keeps_the_best_so_far() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 20, &[]);
    let seed = failing(&*flow, &scenario, 300, TWICE).next().expect("one fails");
    let result = with_options(2, 12, |options| shrink_seed(&*flow, &scenario, seed, options));
    let result = result.expect("it fails");
    assert_eq!(result.ended, ShrinkEnd::Budget);
    assert!(result.executions <= 12 + 2, "{}", result.executions);
    assert!(result.to.deviations < result.from.deviations);

    let interrupted = AtomicBool::new(true);
    let result = with_options(2, 20_000, |options| {
        let options = Options { interrupted: &interrupted, ..*options };
        shrink_seed(&*flow, &scenario, seed, &options)
    });
    let result = result.expect("it fails");
    assert_eq!(result.ended, ShrinkEnd::Interrupted);
    assert!(fingerprint(&follow(&*flow, &scenario, &result.case)).is_some());
}

/// A run that holds is not shrunk, and neither is a plan that shows something else than it says.
#[test]
fn what_does_not_fail_is_refused() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 3, &["variant=correct"]);
    let refused = with_options(1, 100, |options| shrink_seed(&*flow, &scenario, 0, options));
    assert!(matches!(refused, Err(ShrinkError::NoFailure(_))), "{refused:?}");

    let scenario = runs::scenario(&*flow, 20, &[]);
    let seed = failing(&*flow, &scenario, 300, TWICE).next().expect("one fails");
    let mut plan = shrunk(&*flow, &scenario, seed, 1).plan(&scenario);
    if let Some(failure) = &mut plan.failure {
        FORGOTTEN.clone_into(&mut failure.cause);
    }
    let refused = with_options(1, 100, |options| shrink_plan(&*flow, &scenario, &plan, options));
    assert!(matches!(refused, Err(ShrinkError::NoFailure(_))), "{refused:?}");
}

/// The code is edited in unrelated places (a node, a site, a line of log, an operation) and every stored plan still
/// fails in the same way, with all of its deviations in place.
#[test]
fn stored_plans_survive_edits() {
    let flow = erased::<Toy>();
    let catalogue = runs::catalogue(&*flow);
    let stored = [include_str!("../toy/twice.plan.toml"), include_str!("../toy/forgotten.plan.toml")];
    for text in stored {
        let plan = read_plan("stored.plan.toml", text.as_bytes(), &catalogue)
            .unwrap_or_else(|complaints| panic!("{complaints}"));
        for edits in [&[][..], &["node"], &["site"], &["log"], &["node", "site", "log"]] {
            for extra_operation in [false, true] {
                let mut case = Case::of_plan(&plan);
                let edits: Vec<toml::Value> = edits.iter().map(|edit| (*edit).into()).collect();
                case.config.insert("edits".to_owned(), edits.into());
                if extra_operation {
                    case.operations.insert(0, (90, "wait".into()));
                    case.operations.push((91, "wait".into()));
                }
                let report = follow(&*flow, &plan.to_scenario("stored.plan.toml"), &case);
                assert_eq!(fingerprint(&report), plan.failure, "{case:?}");
                assert!(report.anchoring.unused.is_empty(), "{:?}", report.anchoring);
            }
        }
    }
}

/// A plan whose places have all moved is found again near where it was, and nothing is invented where the bug is gone.
#[test]
fn a_stale_plan_is_refreshed() {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 20, &[]);
    let seed = failing(&*flow, &scenario, 300, TWICE).next().expect("one fails");
    let good = shrunk(&*flow, &scenario, seed, 1);
    let mut plan = good.plan(&scenario);
    for deviation in &mut plan.script.deviations {
        deviation.n += 3;
    }
    let stale = follow(&*flow, &scenario, &Case::of_plan(&plan));
    assert_eq!((fingerprint(&stale), stale.anchoring.used), (None, 0));
    let base = plan.to_scenario("stale.plan.toml");
    let again = |jobs, executions, base: &Scenario| {
        with_options(jobs, executions, |options| refresh(&*flow, base, &plan, &good.fingerprint, options))
            .expect("runs are repeatable")
    };
    let found = again(1, 20_000, &base).expect("it is near");
    assert_eq!(found.case, good.case);
    assert_eq!(again(2, 20_000, &base).map(|found| found.case), Some(found.case));

    // Places named after somebody who is not there any more: only a search can help.
    let mut lost = plan.clone();
    for deviation in &mut lost.script.deviations {
        deviation.actor = "nobody".to_owned();
    }
    let found = with_options(2, 20_000, |options| refresh(&*flow, &base, &lost, &good.fingerprint, options));
    let found = found.expect("runs are repeatable").expect("it is found again");
    assert_eq!((found.to.operations, found.to.deviations), (1, 1));

    let gone = Scenario { variant: "correct".to_owned(), ..base };
    assert!(again(2, 300, &gone).is_none());
}
