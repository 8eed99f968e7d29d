//! Which failures are known: every scenario that must fail, and the corrected variant under the same configuration.

use seedbed::run::AnyFlow;
use seedbed::scenario::{Claim, Override, Scenario};

use crate::Harness;
use crate::files::{Loaded, find, is_plan, load};

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
    /// The same on the corrected variant, where everything holds; none if that refuses the configuration.
    pub corrected: Option<Scenario>,
}

/// Every known failure in some files or folders.
///
/// # Errors
/// Everything that is wrong with the first wrong file, as text.
pub fn catalogue<'a>(harness: &'a Harness, paths: &[String]) -> Result<Vec<Known<'a>>, String> {
    let mut known = Vec::new();
    let files = find(paths, harness.folder()).map_err(|complaints| {
        let texts: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        texts.join("\n\n")
    })?;
    for file in files {
        if is_plan(&file) {
            continue;
        }
        let loaded = match load(harness, &file, &[]) {
            Ok(Loaded::Scenario(loaded)) => loaded,
            Ok(Loaded::Plan(_)) => continue,
            Err(complaints) => return Err(complaints.to_string()),
        };
        let Claim::Violates(invariant) = &loaded.scenario.expect.claim else {
            continue;
        };
        let correct = [Override::variant(CORRECT), holds()];
        let corrected = match load(harness, &file, &correct) {
            Ok(Loaded::Scenario(corrected)) => Some(corrected.scenario),
            _ => None,
        };
        known.push(Known { flow: loaded.flow, invariant: invariant.clone(), scenario: loaded.scenario, corrected });
    }
    Ok(known)
}

fn holds() -> Override {
    Override::parse("expect.holds=true").expect("a key and a value")
}
