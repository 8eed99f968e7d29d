//! A merge is killed between any two of its statements.

use std::collections::BTreeSet;

use super::broken_in;
use crate::choice::{Deviation, Script};
use crate::flow::FlowSchema;
use crate::flows::merge::EventMerge;
use crate::kernel::Dispatch;
use crate::run::{RunReport, RunRequest, Source, engine_sites, erased};
use crate::scenario::{Catalogue, read_scenario};
use crate::snapshot::KeepStates;

/// One merge by this variant; the server's process is killed after that many of its steps.
fn killed(variant: &str, after: u64) -> RunReport {
    let text = format!(
        r#"
seedbed = 1
goal = "The process dies in the middle of a merge."
flow = "merge"
variant = "{variant}"
[flow-config]
website = "replace"
[[workload.op]]
merge = {{ choices = {{ tags = "combine" }} }}
[budget]
virtual = "4h"
[expect]
holds = ["feed-soundness"]
"#
    );
    let flow = erased::<EventMerge>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let scenario = read_scenario("crashes.toml", text.as_bytes(), &catalogue, &[]);
    let scenario = scenario.unwrap_or_else(|complaints| panic!("{complaints}\n{text}"));
    let kill = Deviation {
        site: "node/kill".to_owned(),
        actor: "server".to_owned(),
        n: after,
        value: "yes".to_owned(),
        step: 0,
    };
    let script = Script { deviations: vec![kill] };
    flow.run(&RunRequest {
        scenario: &scenario,
        seed: None,
        source: Source::Replay(&script),
        operations: None,
        keep_trace: true,
        keep_offers: true,
        keep_states: KeepStates::Never,
        dispatch: Dispatch::ByTime,
        until_step: None,
    })
}

/// The statements that were run, in order; until the process died, if it did.
fn statements(report: &RunReport) -> Vec<String> {
    let trace = report.trace.as_ref().unwrap();
    let alive = trace.events().iter().take_while(|event| event.header.kind.label != "down");
    let statements = alive.filter(|event| event.header.kind.label == "statement");
    statements.map(|event| trace.text(event).to_owned()).collect()
}

/// After which of its steps the process can be killed.
fn steps(quiet: &RunReport) -> Vec<u64> {
    let kills = quiet.offers.iter().filter(|offer| offer.site == "node/kill" && offer.actor == "server");
    kills.map(|offer| offer.n).collect()
}

/// Kills the process after each of its steps; answers, for each number of statements that were run before, what was broken
/// and how many merges there were in the end.
fn each_kill(variant: &str) -> Vec<(usize, BTreeSet<String>, u64)> {
    let quiet = killed(variant, u64::MAX);
    let mut all = Vec::new();
    for after in steps(&quiet) {
        let report = killed(variant, after);
        let merges = report.sometimes.get("merged").copied().unwrap_or_default();
        all.push((statements(&report).len(), broken_in(&report), merges));
    }
    all
}

/// Claim: a kill falls between any two statements of a merge, from the first look-up to the answer; the corrected form is
/// there as a whole from its COMMIT on, and not at all before.
#[test]
fn correct_is_all_or_nothing() {
    let quiet = statements(&killed("correct", u64::MAX));
    let begin = quiet.iter().position(|sql| sql.starts_with("BEGIN IMMEDIATE")).unwrap();
    let commit = quiet.iter().skip(begin).position(|sql| sql == "COMMIT").unwrap() + begin;
    let kills = each_kill("correct");
    for count in begin..=commit + 1 {
        let mut here = kills.iter().filter(|(statements, ..)| *statements == count).peekable();
        assert!(here.peek().is_some(), "no kill after {count} statements, the last of them {}", quiet[count - 1]);
        for (_, broken, merges) in here {
            assert!(broken.is_empty(), "after {count} statements: {broken:?}");
            // Before its first statement the request may not have come yet: then it finds the next process.
            if count > begin {
                assert_eq!(*merges, u64::from(count > commit), "after {count} statements");
            }
        }
    }
}

/// Claim: a release is all or nothing too, but for its record: between the two commits a merge is there that nobody has done.
#[test]
fn releases_lose_the_record_only() {
    let quiet = statements(&killed("1.11.4", u64::MAX));
    let commits: Vec<_> = quiet.iter().enumerate().filter(|(_, sql)| *sql == "COMMIT").map(|(at, _)| at + 1).collect();
    let [work, record, ..] = commits[..] else { panic!("{quiet:?}") };
    let begin = quiet.iter().position(|sql| sql == "BEGIN").unwrap();
    let mut between = 0;
    for (count, broken, merges) in each_kill("1.11.4").into_iter().filter(|(count, ..)| *count >= begin) {
        let is_between = (work..record).contains(&count);
        between += usize::from(is_between);
        let expected: BTreeSet<_> = is_between.then(|| "audit-complete".to_owned()).into_iter().collect();
        assert_eq!((broken, merges), (expected, u64::from(count >= work)), "after {count} statements");
    }
    assert!(between >= 4, "{between}");
}
