//! Explaining, as far as it can be interrupted.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seedbed::run::erased;
use seedbed_harness::explain::{ExplainEnd, Explanation, Live, Options, Part, Subject, explain, text};
use seedbed_harness::report::Paint;
use seedbed_harness::shrink::Case;

use crate::runs::{failing, scenario, search};
use crate::toy::{TWICE, Toy};

fn explained(jobs: usize, executions: u64, interrupted: bool) -> Explanation {
    let flow = erased::<Toy>();
    let scenario = scenario(&*flow, 8, &[]);
    let seed = failing(&*flow, &scenario, 300, TWICE).next().expect("one fails");
    let case = Case::of_report(&scenario, &search(&*flow, &scenario, seed));
    let subject = Subject {
        name: "toy/test",
        flow: &*flow,
        scenario: &scenario,
        faults: "the faults of the test",
        case: &case,
        seed: Some(seed),
        expected: None,
    };
    let options = Options {
        jobs,
        executions,
        run_limit: Duration::from_secs(60),
        interrupted: &AtomicBool::new(interrupted),
        on_hang: &|| panic!("nothing hangs"),
        live: &Live::default(),
    };
    explain(&subject, &options).expect("it fails")
}

/// After Ctrl-C there is a card with what is known by then, and with what is missing.
#[test]
fn an_interrupt_leaves_what_is_known() {
    let explanation = explained(2, 10_000, true);
    assert_eq!(explanation.ended, ExplainEnd::Interrupted);
    assert_eq!(explanation.executions, 2, "nothing but the run itself, twice");
    assert_eq!(explanation.unfinished, [Part::Subsets, Part::Necessity, Part::Twin, Part::NoReturn]);
    assert!(!explanation.why.lines.is_empty());
    let card = text(&explanation, None, Paint::PLAIN);
    assert!(card.contains("(interrupted; the rest is what is known so far)"), "{card}");
    assert!(card.contains("(not looked at)") && card.contains("FAILS books-balance"), "{card}");
}

/// Wherever the executions end, what is told does not depend on how many were done at once, and more of them never tell
/// less.
#[test]
fn a_budget_ends_it_at_the_same_place_whatever_the_jobs() {
    let mut unfinished = usize::MAX;
    for executions in [2, 10, 30, 80, 10_000] {
        let alone = explained(1, executions, false);
        assert_eq!(alone, explained(3, executions, false));
        assert!(alone.executions <= executions);
        assert!(alone.unfinished.len() <= unfinished, "{executions}: {:?}", alone.unfinished);
        unfinished = alone.unfinished.len();
    }
    assert_eq!(unfinished, 0);
}
