//! Forms that are wrong on purpose: what nobody has ever released, and what the checks must find all the same.

use proptest::strategy::BoxedStrategy;

use super::broken_in;
use crate::flow::{Flow, FlowInfo, Named, Setup};
use crate::flows::merge::EventMerge;
use crate::flows::merge::config::Config;
use crate::flows::merge::flow::assemble;
use crate::flows::merge::functions::Mutant;
use crate::flows::merge::schema::Era;
use crate::flows::merge::variants::{Feed, Function, Journal, Rules, Writing};
use crate::flows::merge::workload::Op;
use crate::run::{RunReport, once};
use crate::world::World;

/// The flow with other merge functions.
enum Mutants {}

const fn mutant(label: &'static str, mutant: Mutant) -> Rules {
    Rules {
        label,
        doc: "wrong on purpose",
        function: Function::Mutant(mutant),
        era: Era::Django1,
        feed: Feed::Strict,
        writing: Writing::Replace,
        journal: Journal::DeleteExtra,
    }
}

const MUTANTS: [Rules; 5] = [
    mutant("identity", Mutant::Identity),
    mutant("looks-first", Mutant::LooksFirst),
    mutant("loser-last", Mutant::LoserLast),
    mutant("loads-inside", Mutant::LoadsInside),
    mutant("refusal-commits", Mutant::RefusalCommits),
];

const VARIANTS: [Named; MUTANTS.len()] = names_of!(MUTANTS);

impl Flow for Mutants {
    type Config = Config;
    type Op = Op;

    const INFO: FlowInfo = FlowInfo { name: "mutants", variants: &VARIANTS, ..EventMerge::INFO };

    fn operation(config: &Config) -> BoxedStrategy<Op> {
        EventMerge::operation(config)
    }

    fn build(world: &World, setup: Setup<Mutants>) {
        let rules = MUTANTS.iter().find(|rules| rules.label == setup.variant);
        let rules = rules.unwrap_or_else(|| panic!("no mutant {}", setup.variant));
        assemble(world, rules, setup.config, setup.operations);
    }
}

/// A run of one merge by one of them, in which nothing else happens.
fn merged(mutant: &str, config: &str, choices: &str) -> RunReport {
    let text = format!(
        r#"
seedbed = 1
goal = "A merge that is wrong on purpose."
flow = "mutants"
variant = "{mutant}"
[flow-config]
may-crash = false
{config}
[[workload.op]]
merge = {{ choices = {{ {choices} }} }}
[faults]
profile = "quiet"
"net/latency" = 0
"disk/latency" = 0
"merge/statement" = 0
"merge/thinking" = 0
"merge/connected" = {{ pin = "{{0}}" }}
[budget]
virtual = "4h"
[expect]
holds = ["feed-soundness"]
"#
    );
    let text =
        if config.contains("receivers") { text } else { text.replace("\"merge/connected\" = { pin = \"{0}\" }\n", "") };
    once::<Mutants>(&text, 0).unwrap_or_else(|complaints| panic!("{complaints}\n{text}"))
}

/// Claim: managers that are compared by where they were asked for lose the survivor's own tags and rows, with the form as it
/// is shown.
#[test]
fn managers_compared_by_identity() {
    let found = broken_in(&merged("identity", "", ""));
    for invariant in ["catalogue", "frame", "tags-by-choice", "owned-rows"] {
        assert!(found.contains(invariant), "{invariant}: {found:?}");
    }
}

/// Claim: looking the other side's tags up before the survivor's are deleted is no cure: with a shared tag, a join row now
/// refers to a tag that is not there.
#[test]
fn looking_first_is_no_cure() {
    let events = r#"events = { A = ["DC", "LC"], B = ["SWC", "DC"], C = ["DC"] }"#;
    let found = broken_in(&merged("looks-first", events, r#"tags = "b""#));
    assert!(found.contains("catalogue") && found.contains("no-dangling"), "{found:?}");
}

/// Claim: the survivor cannot take over the loser's slug while the loser is there; nothing is broken, and nothing merged.
#[test]
fn the_loser_goes_first() {
    let taken = merged("loser-last", "", r#"slug = "b""#);
    assert_eq!((broken_in(&taken).len(), taken.outcomes.get("failed")), (0, Some(&1)), "{:?}", taken.outcomes);
    let kept = merged("loser-last", "", "");
    assert_eq!((broken_in(&kept).len(), kept.outcomes.get("merged")), (0, Some(&1)), "{:?}", kept.outcomes);
}

/// Claim: a refusal that is answered, and not thrown, commits what was done until then, and is found.
#[test]
fn a_refusal_that_commits() {
    let refused = merged("refusal-commits", r#"receivers = ["task-after"]"#, r#"tags = "combine""#);
    assert_eq!(refused.outcomes.get("conflict"), Some(&1), "{:?}", refused.outcomes);
    let found = broken_in(&refused);
    assert!(found.contains("refusal-changes-nothing") && found.contains("no-dangling"), "{found:?}");
}

/// Claim: what destroys data when a form is sent twice is that the events were loaded before the transaction: 1.5.2 that
/// loads them inside of it never merges twice.
#[test]
fn loading_inside_cures_the_double_submit() {
    let text = |flow: &str, variant: &str| {
        format!(
            r#"
seedbed = 1
goal = "A form is sent twice."
flow = "{flow}"
variant = "{variant}"
[flow-config]
may-crash = false
website = "replace"
feed = "strict"
[[workload.op]]
merge = {{ choices = {{ task_set = "b" }} }}
[faults]
"merge/submit-again" = {{ pin = "at-once" }}
[budget]
virtual = "4h"
[expect]
holds = ["catalogue"]
"#
        )
    };
    let mut destroyed = 0;
    for seed in 0..20 {
        let released = super::run(&text("merge", "1.5.2"), seed);
        destroyed += usize::from(broken_in(&released).contains("repeat-is-harmless"));
        let cured = text("mutants", "loads-inside");
        let cured = once::<Mutants>(&cured, seed).unwrap_or_else(|complaints| panic!("{complaints}\n{cured}"));
        assert!(!broken_in(&cured).contains("repeat-is-harmless"), "seed {seed}: {:?}", broken_in(&cured));
    }
    assert!(destroyed > 0, "the release survives the double submit, too");
}
