//! Plans survive edits: the code is changed in unrelated places (a node, a site, lines of log, an operation), and every
//! stored plan still fails in the same way, with all of its deviations in place.

mod edited;

use seedbed::flow::{Flow, FlowSchema};
use seedbed::run::{AnyFlow, engine_sites, erased};
use seedbed::scenario::{Catalogue, Plan, Scenario, read_plan};
use seedbed_harness::Harness;
use seedbed_harness::execute::{Execution, has_failed, on_large_stack};
use seedbed_harness::files::{Loaded, find, load};
use seedbed_harness::judge::variants_of_plan;

use crate::edited::Edited;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

/// What is edited, and whether operations are added.
const EDITS: &[(&[&str], bool)] = &[
    (&[], false),
    (&["node"], false),
    (&["node", "site"], false),
    (&["node", "log"], false),
    (&[], true),
    (&["node", "site", "log"], true),
];

/// The plans that are stored for a flow, with their paths.
fn plans(flow: &str) -> Vec<(String, Plan)> {
    let harness = Harness::shipped();
    let found = find(&[], FOLDER).unwrap_or_else(|complaints| panic!("{complaints:?}"));
    let load = |path: String| match load(&harness, &path, &[]) {
        Ok(Loaded::Plan(loaded)) => (loaded.plan.flow == flow).then_some((path, loaded.plan)),
        Ok(Loaded::Scenario(_)) => None,
        Err(complaints) => panic!("{complaints}"),
    };
    found.into_iter().filter(|path| path.ends_with(".plan.toml")).filter_map(load).collect()
}

/// Follows every plan of a flow after each edit; answers how many there are.
fn survive_edits<F: Flow>() -> usize {
    let flow = erased::<Edited<F>>();
    let plans = plans(F::INFO.name);
    for (path, plan) in &plans {
        for (edits, more_operations) in EDITS {
            let edited = edited_plan(plan, edits, *more_operations);
            for (variant, _) in variants_of_plan(plan).into_iter().filter(|(_, fails)| *fails) {
                let scenario = Scenario { variant: variant.clone(), ..edited.to_scenario(path) };
                still_fails(&*flow, &scenario, &edited, &format!("{path} on {variant} after {edits:?}"));
            }
        }
    }
    plans.len()
}

fn edited_plan(plan: &Plan, edits: &[&str], more_operations: bool) -> Plan {
    let mut edited = plan.clone();
    if !edits.is_empty() {
        // A visit is a step of the visited node, and whether a process dies is asked after each of its steps: where
        // that is what the plan is about, a visitor is no unrelated edit.
        let dies = plan.script.deviations.iter().any(|deviation| deviation.site.starts_with("node/"));
        let at_home = dies.then_some("at-home");
        let edits: Vec<toml::Value> = edits.iter().copied().chain(at_home).map(Into::into).collect();
        edited.config.insert("edits".to_owned(), edits.into());
    }
    if more_operations {
        let new = |us: i64| toml::Value::Table(toml::Table::from_iter([("strangers-wait-us".to_owned(), us.into())]));
        edited.operations.insert(0, (90, new(300)));
        edited.operations.push((91, new(2_000)));
    }
    edited
}

fn still_fails(flow: &dyn AnyFlow, scenario: &Scenario, plan: &Plan, what: &str) {
    let report = on_large_stack(|| Execution::of_plan(flow, scenario, plan).run(false));
    let report = report.expect("there are threads").unwrap_or_else(|failure| panic!("{what}: {failure}"));
    let shown = report.failure.as_ref().filter(|_| has_failed(report.verdict)).map(|failure| failure.fingerprint());
    assert_eq!(shown, plan.failure, "{what}");
    assert!(report.anchoring.unused.is_empty(), "{what}: anchored {}", report.anchoring);
}

#[test]
fn plans_of_publish_survive_edits() {
    assert!(survive_edits::<seedbed::flows::publish::Publish>() >= 9);
}

#[test]
fn plans_of_mailbox_survive_edits() {
    assert!(survive_edits::<seedbed::flows::mailbox::MailboxServer>() >= 9);
}

#[test]
fn plans_of_merge_survive_edits() {
    assert!(survive_edits::<seedbed::flows::merge::EventMerge>() >= 9);
}

#[test]
fn plans_of_sync_survive_edits() {
    assert!(survive_edits::<seedbed::flows::sync::Sync>() >= 9);
}

/// The wrapper does what it says: the edits are in the run, which is another one than before.
#[test]
fn an_edit_is_an_edit() {
    type Flow = Edited<seedbed::flows::publish::Publish>;
    let flow = erased::<Flow>();
    let (path, plan) = plans("publish").swap_remove(0);
    let run = |edits: &[&str], more| {
        let edited = edited_plan(&plan, edits, more);
        let scenario = edited.to_scenario(&path);
        let report = on_large_stack(|| Execution::of_plan(&*flow, &scenario, &edited).run(true));
        let report = report.expect("there are threads").expect("it can be executed");
        let text = report.trace.as_ref().expect("it was kept").render();
        (report, text)
    };
    let (plain, _) = run(&[], false);
    let (itself, scenario) = (erased::<seedbed::flows::publish::Publish>(), plan.to_scenario(&path));
    let untouched = on_large_stack(|| Execution::of_plan(&*itself, &scenario, &plan).run(false));
    let untouched = untouched.expect("there are threads").expect("it can be executed");
    assert_eq!(plain.digest, untouched.digest, "around the flow nothing is changed");
    let (_, text) = run(&["node", "site", "log"], true);
    for words in ["connect stranger->s1", "is still there", ": strangers-client"] {
        assert!(text.contains(words), "{words}");
    }
    assert_ne!(run(&["node"], false).0.digest, plain.digest);
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let text = std::fs::read(&path).expect("it is there");
    assert!(read_plan(&path, &text, &catalogue).is_ok(), "files of the flow are files of the edited flow");
}

/// Whoever stores plans of another flow adds a line above.
#[test]
fn every_flow_with_stored_plans_is_here() {
    let known = ["mailbox", "publish", "sync", "merge"];
    for flow in ["mailbox", "publish", "sync", "connections", "merge"] {
        assert!(known.contains(&flow) || plans(flow).is_empty(), "plans of {flow} are not tried after edits");
    }
}
