//! Causes and digests of what the kernel itself does.

use super::*;
use crate::trace::{Digest, EventId};

/// Two nodes that call each other back through timers, turns, tasks, a kill and a pause.
fn busy_scene(sim: &Sim) {
    let a = node(sim, "a", |node| {
        let inner = node.clone();
        node.spawn("main", async move {
            for _ in 0..3 {
                inner.sleep(MS).await;
                inner.mark("round");
                let again = inner.clone();
                inner.eventually("turn", move || again.mark("turned"));
                let again = inner.clone();
                inner.spawn("child", async move { again.outcome("ok") }).await;
            }
        });
    });
    node(sim, "b", move |node| {
        let sim = node.sim().clone();
        node.after(MS * 2, "crash", move || {
            sim.kill(a, Down::Kill);
            sim.start(a, MS);
        });
    });
}

/// Every event knows its cause, which came before it: from any event the way back ends at a root, and roots are only
/// what nothing in the run caused.
#[test]
fn every_cause_leads_to_a_root() {
    let sim = sim();
    busy_scene(&sim);
    assert_eq!(run(&sim), Ended::Quiescent);
    let trace = sim.trace();
    assert!(trace.events().len() > 20);
    let mut longest = 0;
    for index in 0..trace.events().len() {
        let (mut id, mut way) = (EventId(index as u32 + 1), 0);
        while let Some(event) = trace.event(id) {
            let cause = event.header.cause;
            assert!(cause < id, "a cause comes first");
            if cause == EventId::ROOT {
                assert!(["start", "turn"].contains(&event.header.kind.label), "{} has no cause", trace.describe(event));
            }
            (id, way) = (cause, way + 1);
        }
        assert_eq!(id, EventId::ROOT);
        longest = longest.max(way);
    }
    assert!(longest >= 5, "{longest}");
}

/// What a task does is caused by what woke it, a callback by what set its timer, a restart by the crash.
#[test]
fn causes_are_the_real_ones() {
    let sim = sim();
    busy_scene(&sim);
    run(&sim);
    let trace = sim.trace();
    let chain = |subject: &str| {
        let index = trace.events().iter().position(|event| trace.describe(event) == subject);
        let mut id = EventId(index.expect("it happened") as u32 + 1);
        let mut chain = Vec::new();
        while let Some(event) = trace.event(id) {
            chain.push(trace.describe(event));
            id = event.header.cause;
        }
        chain
    };
    assert_eq!(chain("mark round"), ["mark round", "timer main", "start incarnation=1"]);
    let crash = ["timer crash", "start incarnation=1"];
    assert_eq!(chain("down incarnation=1")[1..], crash);
    assert_eq!(chain("start incarnation=3")[1..], crash);
}

/// The digest does not depend on whether the events are kept, nor on names that were met before in another order.
#[test]
fn the_digest_sees_what_happened_and_nothing_else() {
    let digest = |keep: bool, names: &[&str]| {
        let sim = Toy { keep, ..Toy::default() }.sim();
        for name in names {
            let _ = sim.name(name);
        }
        busy_scene(&sim);
        run(&sim);
        sim.trace().digest()
    };
    let plain = digest(true, &[]);
    assert_eq!(plain, digest(false, &[]));
    assert_eq!(plain, digest(true, &["turn", "main", "b", "never used", "a"]));
}

/// There is one digest per step, each chained to the one before: two runs agree up to the first step that differs and
/// never again.
#[test]
fn the_digest_is_chained_per_step() {
    let digests = |mark: &'static str| -> Vec<Digest> {
        let sim = sim();
        node(&sim, "n", move |node| {
            for ms in 1..=5 {
                let inner = node.clone();
                let mark = if ms == 3 { mark } else { "same" };
                node.after(MS * ms, "timer", move || inner.mark(mark));
            }
        });
        run(&sim);
        sim.trace().step_digests().to_vec()
    };
    let (one, other) = (digests("one"), digests("other"));
    assert_eq!((one.len(), one[..3].to_vec()), (6, other[..3].to_vec()));
    assert!((3..6).all(|step| one[step] != other[step]));
}
