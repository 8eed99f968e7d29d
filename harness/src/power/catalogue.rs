//! Which failures are known: every scenario that must fail, and the corrected variant under the same configuration.

use std::collections::BTreeSet;

use seedbed::run::AnyFlow;
use seedbed::scenario::{Claim, Override, Scenario};

use crate::Harness;
use crate::files::{Loaded, find, load};

/// The name of the variant that holds everything it promises.
const CORRECT: &str = "correct";

/// A known failure.
pub struct Known<'a> {
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// The scenario that must fail.
    pub scenario: Scenario,
    /// The invariant it violates.
    pub invariant: String,
    /// The same on the corrected variant, where everything holds; none if the defect is in the configuration: where
    /// that variant refuses it, is the one that fails, or fails by one of the scenario's plans.
    pub corrected: Option<Scenario>,
}

/// Every known failure in some files or folders.
///
/// # Errors
/// Everything that is wrong with the first wrong file, as text.
pub fn catalogue<'a>(harness: &'a Harness, paths: &[String]) -> Result<Vec<Known<'a>>, String> {
    let mut known = Vec::new();
    let mut defect_is_configured = BTreeSet::new();
    let files = find(paths, harness.folder()).map_err(|complaints| {
        let texts: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        texts.join("\n\n")
    })?;
    for file in files {
        let loaded = match load(harness, &file, &[]) {
            Ok(Loaded::Scenario(loaded)) => loaded,
            Ok(Loaded::Plan(loaded)) => {
                let plan = loaded.plan;
                if plan.fails_on.iter().any(|variant| variant == CORRECT) {
                    defect_is_configured.insert(plan.scenario);
                }
                continue;
            }
            Err(complaints) => return Err(complaints.to_string()),
        };
        let Claim::Violates(invariant) = &loaded.scenario.expect.claim else {
            continue;
        };
        let correct = [Override::variant(CORRECT), holds()];
        let corrected = match load(harness, &file, &correct) {
            Ok(Loaded::Scenario(corrected)) if loaded.scenario.variant != CORRECT => Some(corrected.scenario),
            _ => None,
        };
        known.push(Known { flow: loaded.flow, invariant: invariant.clone(), scenario: loaded.scenario, corrected });
    }
    for one in known.iter_mut().filter(|one| defect_is_configured.contains(&one.scenario.name)) {
        one.corrected = None;
    }
    Ok(known)
}

fn holds() -> Override {
    Override::parse("expect.holds=true").expect("a key and a value")
}

#[cfg(all(test, feature = "flows"))]
mod tests {
    use super::*;

    /// Where a scenario's configuration is what is wrong, there is no corrected variant to compare with: it fails too,
    /// and would count as a false alarm.
    #[test]
    fn a_configured_defect_has_no_corrected_counterpart() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/merge");
        let harness = Harness::shipped();
        let known = catalogue(&harness, &[folder.to_owned()]).unwrap();
        let corrected = |name: &str| {
            let one = known.iter().find(|one| one.scenario.name == name);
            one.unwrap_or_else(|| panic!("{name} must fail")).corrected.is_some()
        };
        assert!(corrected("merge/lost-tag"));
        assert!(!corrected("merge/half-a-merge"), "the variant is the corrected one");
        assert!(!corrected("merge/filter-fails-open"), "a plan says that the corrected variant fails as well");
    }
}
