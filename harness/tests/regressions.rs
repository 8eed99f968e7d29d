//! The regressions in the tree: each one's card is a snapshot, so that a change of what it shows is seen in review;
//! and each scenario that must fail has its minimal plan among them.

use std::path::Path;

use seedbed::scenario::{Claim, Scenario};
use seedbed_harness::Harness;
use seedbed_harness::execute::{Execution, ToolFailure, on_large_stack};
use seedbed_harness::files::{Loaded, LoadedPlan, find, load};
use seedbed_harness::report::{Card, Paint, card};
use seedbed_harness::sweep::FailedRun;

/// Where scenarios are, seen from the repository.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

/// Every file of the tree, loaded.
fn files(harness: &Harness) -> Vec<Loaded<'_>> {
    if !Path::new(FOLDER).is_dir() {
        return Vec::new();
    }
    let found = find(&[], FOLDER).unwrap_or_else(|complaints| panic!("{complaints:?}"));
    let load = |path: String| load(harness, &path, &[]).unwrap_or_else(|complaints| panic!("{complaints}"));
    found.into_iter().map(load).collect()
}

fn shown(loaded: &LoadedPlan<'_>) -> String {
    let LoadedPlan { flow, path, plan } = loaded;
    let scenario = plan.to_scenario(path);
    let execution = Execution::of_plan(*flow, &scenario, plan);
    let followed = on_large_stack(|| {
        let report = execution.run(false)?;
        let second = execution.compare(&report)?;
        Ok::<_, ToolFailure>((report, second))
    });
    let (report, second) = followed.expect("there are threads").unwrap_or_else(|failure| panic!("{path}: {failure}"));
    let failed = FailedRun::new(&scenario, 0, &report, second);
    let anchored = format!("anchored {}", report.anchoring);
    let card = card(
        &Card {
            scenario: &loaded.name(),
            variant: &plan.variant,
            verdict: failed.verdict,
            expected: "",
            as_expected: true,
            failed: Some(&failed),
            seeded: false,
            remarks: &[anchored],
            repro: None,
        },
        Paint::PLAIN,
    );
    // Every change of the engine is one of the digest; what a card is about is what it says.
    card.replace(&report.digest.to_string(), "d1:…")
}

#[test]
fn their_cards_are_snapshots() {
    let harness = Harness::shipped();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in files(&harness) {
            let Loaded::Plan(loaded) = file else { continue };
            let name = loaded.name().replace('/', "-").replace(".plan", "");
            insta::assert_snapshot!(format!("regression-{name}"), shown(&loaded));
        }
    });
}

#[test]
fn each_scenario_that_must_fail_has_its_minimal_plan() {
    let harness = Harness::shipped();
    let files = files(&harness);
    let has_plan = |scenario: &Scenario, invariant: &str| {
        files.iter().any(|file| {
            let Loaded::Plan(loaded) = file else {
                return false;
            };
            let plan = &loaded.plan;
            let fits = scenario.expect.minimal.is_some_and(|minimal| {
                plan.operations.len() <= minimal.operations && plan.script.len() <= minimal.deviations
            });
            let breaks = plan.failure.as_ref().is_some_and(|failure| failure.invariant == invariant);
            plan.scenario == scenario.name && breaks && fits
        })
    };
    let missing: Vec<&str> = files
        .iter()
        .filter_map(|file| {
            let Loaded::Scenario(loaded) = file else {
                return None;
            };
            let Claim::Violates(invariant) = &loaded.scenario.expect.claim else {
                return None;
            };
            (!has_plan(&loaded.scenario, invariant)).then_some(loaded.scenario.name.as_str())
        })
        .collect();
    assert!(
        missing.is_empty(),
        "these must fail and have no plan of the size in their expect.minimal under regressions/: {missing:?}"
    );
}
