//! Every base, choice, release and kind of relation, with third events that share each tag: scenarios made from one table.
//!
//! With disjoint sets the tags that are lost are those the real code was seen to lose; with the other sets they follow from
//! the rules of the release: 1.5.1 deletes what the survivor has when it is to take the other side's, 1.11.3 deletes what the
//! other side has when the survivor is to keep its own, and both look at the sets after the deletion. Owned rows are as they
//! were seen with the real code; that they are all right in the corrected form is its promise.

use super::{failures, run};

/// Sets of A and B, base, choice; the tags lost in 1.5.1 and in 1.11.3, a dash for none.
const TAGS: &str = "
    DC LC / SWC      a  a        | -       | SWC
    DC LC / SWC      a  b        | DC LC   | -
    DC LC / SWC      a  combine  | -       | -
    DC LC / SWC      b  a        | SWC     | -
    DC LC / SWC      b  b        | -       | DC LC
    DC LC / SWC      b  combine  | -       | -
    DC LC / SWC DC   a  a        | -       | SWC DC
    DC LC / SWC DC   a  b        | DC LC   | -
    DC LC / SWC DC   a  combine  | -       | -
    DC LC / SWC DC   b  a        | SWC DC  | -
    DC LC / SWC DC   b  b        | -       | DC LC
    DC LC / SWC DC   b  combine  | -       | -
    DC SWC / DC SWC  a  a        | -       | SWC DC
    DC SWC / DC SWC  a  b        | SWC DC  | -
    DC SWC / DC SWC  a  combine  | -       | -
    DC SWC / DC SWC  b  a        | SWC DC  | -
    DC SWC / DC SWC  b  b        | -       | SWC DC
    DC SWC / DC SWC  b  combine  | -       | -
    DC LC /          a  a        | -       | -
    DC LC /          a  b        | DC LC   | -
    DC LC /          a  combine  | -       | -
    DC LC /          b  a        | -       | -
    DC LC /          b  b        | -       | DC LC
    DC LC /          b  combine  | -       | -
    / SWC TTT        a  a        | -       | SWC TTT
    / SWC TTT        a  b        | -       | -
    / SWC TTT        a  combine  | -       | -
    / SWC TTT        b  a        | SWC TTT | -
    / SWC TTT        b  b        | -       | -
    / SWC TTT        b  combine  | -       | -
";

/// Relation, whether both sides have one row in common, base, choice; what becomes of it up to 1.5.2, and later. `500`: an
/// error, and nothing has changed.
const OWNED: &str = "
    task_set      apart   a  a        | done | done
    task_set      apart   a  b        | done | done
    task_set      apart   a  combine  | done | done
    task_set      apart   b  a        | done | done
    task_set      apart   b  b        | done | done
    task_set      apart   b  combine  | done | done
    task_set      shared  a  a        | done | done
    task_set      shared  a  b        | done | done
    task_set      shared  a  combine  | 500  | done
    task_set      shared  b  a        | done | done
    task_set      shared  b  b        | done | done
    task_set      shared  b  combine  | 500  | done
    todoitem_set  apart   a  a        | done | done
    todoitem_set  apart   a  b        | done | done
    todoitem_set  apart   a  combine  | done | done
    todoitem_set  apart   b  a        | done | done
    todoitem_set  apart   b  b        | done | done
    todoitem_set  apart   b  combine  | done | done
    todoitem_set  shared  a  a        | done | done
    todoitem_set  shared  a  b        | done | done
    todoitem_set  shared  a  combine  | done | done
    todoitem_set  shared  b  a        | done | done
    todoitem_set  shared  b  b        | done | done
    todoitem_set  shared  b  combine  | done | done
";

const VARIANTS: [&str; 6] = ["1.5.1", "1.5.2", "1.6.0", "1.11.3", "1.11.4", "correct"];

/// One merge and nothing else; every invariant is noted, none ends the run.
fn cell(variant: &str, config: &str, base: &str, choices: &str) -> String {
    format!(
        r#"
seedbed = 1
goal = "One cell of the matrix."
flow = "merge"
variant = "{variant}"
[flow-config]
may-crash = false
website = "replace"
{config}
[[workload.op]]
merge = {{ base = "{base}", choices = {{ {choices} }} }}
[faults]
profile = "quiet"
"net/latency" = 0
"disk/latency" = 0
"merge/statement" = 0
"merge/thinking" = 0
[budget]
virtual = "4h"
[expect]
holds = ["frame", "catalogue"]
"#
    )
}

fn list(tags: &str) -> String {
    let tags: Vec<_> = tags.split_whitespace().map(|tag| format!("\"{tag}\"")).collect();
    format!("[{}]", tags.join(", "))
}

fn rows(table: &'static str) -> impl Iterator<Item = (Vec<&'static str>, Vec<&'static str>)> {
    table.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let mut cells = line.split('|').map(str::trim);
        let head = cells.next().unwrap_or_default();
        (head.split_whitespace().collect(), cells.collect())
    })
}

/// Claim: each release loses exactly the tags in the table, whatever the sets; a loss is seen as a broken catalogue, and as
/// a broken frame because third events have lost theirs; a cell without loss keeps every invariant. Whether somebody listens
/// to deletions, so that rows are loaded and deleted one by one, makes no difference.
#[test]
fn tags() {
    for (head, lost) in rows(TAGS) {
        let (sets, [base, choice]) = head.split_at(head.len() - 2) else { panic!("{head:?}") };
        let sets = sets.join(" ");
        let (a, b) = sets.split_once('/').unwrap();
        let third = r#"C = ["DC"], D = ["SWC", "DC"], E = ["SWC"], F = ["LC", "TTT"]"#;
        let config = format!("events = {{ A = {}, B = {}, {third} }}", list(a), list(b));
        let heard = format!("{config}\nreceivers = [\"listen\", \"listen-joins\"]");
        for (variant, config) in VARIANTS.into_iter().flat_map(|variant| [(variant, &config), (variant, &heard)]) {
            let lost = match variant {
                "1.5.1" => lost[0],
                "1.11.3" => lost[1],
                _ => "-",
            };
            let text = cell(variant, config, base, &format!("tags = \"{choice}\""));
            let text = text.replace("[budget]", "\"merge/connected\" = { pin = \"{0,1}\" }\n[budget]");
            let report = run(&text, 0);
            let context = format!("{variant}: {head:?}: {:?}", failures(&report));
            if lost == "-" {
                assert_eq!(failures(&report), [] as [&str; 0], "{context}");
                assert_eq!(report.outcomes.get("merged"), Some(&1), "{context}");
                continue;
            }
            let failure = report.failure.as_ref().unwrap_or_else(|| panic!("{context}"));
            let all: Vec<_> = report.also.iter().chain([failure]).collect();
            let catalogue = all.iter().find(|failure| failure.invariant == "catalogue");
            let detail = &catalogue.unwrap_or_else(|| panic!("{context}")).detail;
            let gone: Vec<_> = lost.split_whitespace().map(|tag| format!("{tag:?}")).collect();
            assert!(detail.contains(&format!("gone [{}]", gone.join(", "))), "{context}: {detail}");
            assert!(all.iter().any(|failure| failure.invariant == "frame"), "{context}");
        }
    }
}

/// Claim: tasks and to-dos are as chosen in every release, except that up to 1.5.2 a task both sides have fails a
/// combination as a whole.
#[test]
fn owned_rows() {
    for (head, outcomes) in rows(OWNED) {
        let [relation, shape, base, choice] = head[..] else { panic!("{head:?}") };
        let (tasks, todos) = match shape {
            "apart" => (r#"B = ["cat/learner"]"#, r#"B = ["book a room"]"#),
            _ => (r#"B = ["bob/helper", "cat/learner"]"#, r#"B = ["find instructors", "book a room"]"#),
        };
        let config = format!("tasks = {{ {tasks} }}\ntodos = {{ {todos} }}");
        for variant in VARIANTS {
            let is_early = ["1.5.1", "1.5.2"].contains(&variant);
            let expected = if outcomes[usize::from(!is_early)] == "500" { "failed" } else { "merged" };
            // Tags combined: nobody loses any.
            let choices = format!("tags = \"combine\", {relation} = \"{choice}\"");
            let report = run(&cell(variant, &config, base, &choices), 0);
            let context = format!("{variant}: {head:?}: {:?} {:?}", failures(&report), report.outcomes);
            assert_eq!(failures(&report), [] as [&str; 0], "{context}");
            assert_eq!(report.outcomes.get(expected), Some(&1), "{context}");
        }
    }
}
