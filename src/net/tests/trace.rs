//! The trace: every event but the first has its cause, and the story reads in columns.

use super::*;

/// A question, its answer, and a cut, as people read them.
#[test]
fn a_story_in_columns() {
    let mut toy = Toy::with(&[("net/cut", "a->b", 1, "before the reply")]);
    toy.node("b", answering);
    toy.node("a", |node, log| asking(node, log, &["one", "two"]));
    toy.said();
    insta::with_settings!(
        { snapshot_path => "../../../snapshots", prepend_module_to_snapshot => false, omit_expression => true },
        { insta::assert_snapshot!("net-cut-before-the-reply", toy.sim().trace().render()) }
    );
}

/// Whatever happens, each event of the network names an earlier event that caused it.
#[test]
fn every_event_has_its_cause() {
    let mut settings = Settings::default();
    for site in crate::net::SITES {
        settings = rated(settings, site.label, 100_000);
    }
    for seed in 0..20 {
        let mut toy = Toy::drawn(seed, &settings);
        let b = toy.node("b", answering);
        toy.node("a", |node, log| asking(node, log, &["1", "2", "3", "4"]));
        toy.run_to(50 + seed);
        if seed % 3 == 0 {
            toy.kill(b, if seed % 2 == 0 { Down::Kill } else { Down::PowerCut });
        }
        toy.run_to(590_000);
        let trace = toy.sim().trace();
        for (index, event) in trace.events().iter().enumerate() {
            let header = &event.header;
            if crate::net::KINDS.iter().any(|kind| kind.label == header.kind.label) {
                let cause = header.cause.0 as usize;
                assert!(cause >= 1 && cause <= index, "{}", trace.describe(event));
            }
        }
    }
}
