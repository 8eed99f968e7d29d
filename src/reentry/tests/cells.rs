//! Cells: conflicting borrows, and guards that live too long.

use super::*;

/// Re-entered code that borrows what the callback around it holds is a failure with the cell's label; it is not a
/// panic, and its detail names both.
#[test]
fn a_conflicting_borrow_across_a_boundary() {
    let sim = scripted([deviation(&HERE, "n:listener", 0, "continuation touch")]);
    node(&sim, "n", |node| {
        let cell = Cell::new(&node, "servermap", 1);
        let touched = cell.clone();
        node.eventually("touch", move || touched.with(|value| *value += 1));
        let (inner, held) = (node.clone(), cell.clone());
        node.spawn("fan-out", async move {
            let guard = held.borrow();
            boundary(&inner, &HERE, "listener");
            drop(guard);
        });
    });
    assert_eq!(run(&sim).0, Ended::Failed);
    assert_eq!(incidents(&sim), ["no-conflicting-borrow: servermap in cells.rs"]);
    let detail = &sim.incidents()[0].detail;
    assert!(
        detail.contains("`touch` wants to write cell `servermap` (cells.rs:")
            && detail.contains("while `fan-out` holds it"),
        "{detail}"
    );
}

/// Every kind of conflict, and none where there is none.
#[test]
fn which_borrows_conflict() {
    let conflicts = |first: bool, second: bool| {
        let sim = scripted([]);
        node(&sim, "n", move |node| {
            let cell = Cell::new(&node, "cell", 0);
            let writes = |exclusive: bool, other: &dyn Fn()| {
                if exclusive {
                    let _guard = cell.borrow_mut();
                    other();
                } else {
                    let _guard = cell.borrow();
                    other();
                }
            };
            writes(first, &|| writes(second, &|| ()));
            writes(true, &|| ());
        });
        run(&sim).0 == Ended::Failed
    };
    assert!(!conflicts(false, false));
    assert!(conflicts(false, true) && conflicts(true, false) && conflicts(true, true));
}

/// A guard that is alive when a step has ended is noted with its label, once; one that is gone by then is not.
#[test]
fn a_guard_held_over_an_await() {
    let sim = scripted([]);
    node(&sim, "n", |node| {
        let (fine, held) = (Cell::new(&node, "fine", 0), Cell::new(&node, "held", 0));
        let inner = node.clone();
        node.spawn("main", async move {
            let guard = fine.borrow_mut();
            drop(guard);
            inner.sleep(MS).await;
            let guard = held.borrow();
            inner.sleep(MS).await;
            inner.sleep(MS).await;
            drop(guard);
            inner.sleep(MS).await;
        });
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(incidents(&sim), ["borrow-held-across-await: held"]);
    assert_eq!(sim.incidents()[0].step, 2);
}

/// A conflict on a stack whose node has died is nobody's failure.
#[test]
fn a_dead_stack_may_conflict() {
    let sim = scripted([]);
    node(&sim, "n", |node| {
        let cell = Cell::new(&node, "cell", 0);
        let _guard = cell.borrow();
        node.sim().kill(node.id(), crate::kernel::Down::PowerCut);
        drop(cell.borrow_mut());
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(incidents(&sim), [""; 0]);
}
