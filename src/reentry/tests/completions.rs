//! Completions: when and how often their continuations run, and where.

use super::*;
use crate::kernel::MAX_INLINE_DEPTH;

fn outcome(value: &str) -> Deviation {
    deviation(&completion::OUTCOME, "n:answer", 0, value)
}

fn after_cancel() -> Deviation {
    deviation(&completion::AFTER_CANCEL, "n:answer", 0, "yes")
}

/// What a node's code writes, run with these deviations.
fn story(deviations: impl IntoIterator<Item = Deviation>, code: impl Fn(&NodeHandle, &Diary) + 'static) -> String {
    let sim = scripted(deviations);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        code(&node, &seen);
        seen.write("|");
    });
    assert_eq!(run(&sim).0, Ended::Quiescent);
    assert_eq!(incidents(&sim), [""; 0]);
    diary.text()
}

fn writes(diary: &Diary) -> impl Fn(u8) + use<> {
    let diary = diary.clone();
    move |value| diary.write(format!("got {value}"))
}

/// A ready completion calls back on the caller's stack or in a later turn, as the runtime fixes it.
#[test]
fn a_ready_answer_inline_or_eventual() {
    let ready = |delivery| {
        story([], move |node, seen| {
            Completion::ready(node, "answer", 7).then(delivery, writes(seen));
        })
    };
    assert_eq!(ready(Delivery::Inline), "got 7 |");
    assert_eq!(ready(Delivery::Eventual), "| got 7");
    assert_eq!(ready(Delivery::Chosen(&WHERE)), "| got 7");
}

/// Where the runtime leaves it open it is a choice.
#[test]
fn inline_by_choice() {
    let inline = deviation(&WHERE, "n:answer", 1, "yes");
    let told = story([inline], |node, seen| {
        for value in [1, 2, 3] {
            Completion::ready(node, "answer", value).then(Delivery::Chosen(&WHERE), writes(seen));
        }
    });
    assert_eq!(told, "got 2 | got 1 got 3");
}

/// A pending one calls back where the answer is given: on that stack, or in a later turn.
#[test]
fn a_pending_answer() {
    let given = |eventually: bool| {
        story([], move |node, seen| {
            let (completer, completion) = Completion::pending(node, "answer");
            completion.then(Delivery::Eventual, writes(seen));
            assert!(!completion.is_ready());
            seen.write("(");
            if eventually {
                completer.complete_eventually(7);
            } else {
                completer.complete(7);
            }
            seen.write(")");
        })
    };
    assert_eq!(given(false), "( got 7 ) |");
    assert_eq!(given(true), "( ) | got 7");
}

/// Awaited, an answer resumes the task; one that was given before is there at once.
#[test]
fn an_awaited_answer() {
    let told = story([], |node, seen| {
        let (completer, completion) = Completion::pending(node, "answer");
        let (seen, inner) = (seen.clone(), node.clone());
        node.spawn("task", async move {
            seen.write(format!("got {}", completion.await));
            seen.write(format!("got {}", Completion::ready(&inner, "answer", 8).await));
        });
        node.eventually("later", move || completer.complete(7));
    });
    assert_eq!(told, "| got 7 got 8");
}

/// Where a flow allows it an answer comes twice (the second time one turn later) or never; quiet is once.
#[test]
fn twice_and_never() {
    let by_choice = |deviations: Vec<Deviation>| {
        story(deviations, |node, seen| {
            let (completer, completion) = Completion::pending(node, "answer");
            completion.then(Delivery::Inline, writes(seen));
            completer.complete_by_choice(7);
        })
    };
    assert_eq!(by_choice(vec![]), "got 7 |");
    assert_eq!(by_choice(vec![outcome("twice")]), "got 7 | got 7");
    assert_eq!(by_choice(vec![outcome("never")]), "|");
}

/// A cancelled completion does not call back, whether the answer is still to come or waits in the queue; where a flow
/// allows it, it does all the same.
#[test]
fn cancelled() {
    let pending = |node: &NodeHandle, seen: &Diary| {
        let (completer, completion) = Completion::pending(node, "answer");
        completion.then(Delivery::Inline, writes(seen));
        completion.cancel();
        completer.complete(7);
    };
    let queued = |node: &NodeHandle, seen: &Diary| {
        let completion = Completion::ready(node, "answer", 7);
        completion.then(Delivery::Eventual, writes(seen));
        completion.cancel();
    };
    assert_eq!(story([], pending), "|");
    assert_eq!(story([], queued), "|");
    assert_eq!(story([after_cancel()], pending), "got 7 |");
    assert_eq!(story([after_cancel()], queued), "| got 7");
}

/// Once the continuation was called there is nothing to cancel: the offer is counted as ineligible, and a second
/// answer on its way is suppressed.
#[test]
fn cancelled_too_late() {
    let sim = scripted([outcome("twice"), after_cancel()]);
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (completer, completion) = Completion::pending(&node, "answer");
        completion.then(Delivery::Inline, writes(&seen));
        completer.complete_by_choice(7);
        completion.cancel();
    });
    run(&sim);
    assert_eq!(diary.text(), "got 7");
    let count = &sim.with_choices(|choices| choices.accounting())["reentry/after-cancel"];
    assert_eq!((count.ineligible, count.fired), (1, 0));
}

/// Completions of a dead node do nothing.
#[test]
fn a_dead_node_gets_no_answer() {
    let told = story([], |node, seen| {
        let (completer, completion) = Completion::pending(node, "answer");
        completion.then(Delivery::Inline, writes(seen));
        node.sim().kill(node.id(), crate::kernel::Down::PowerCut);
        completer.complete(7);
        Completion::ready(node, "answer", 8).then(Delivery::Inline, writes(seen));
    });
    assert_eq!(told, "|");
}

/// Inline completions run 1,024 deep and no deeper: then the run hangs, with the label, before the stack overflows.
#[test]
fn inline_frames_are_limited() {
    fn again(node: &NodeHandle, left: u32, deepest: &Rc<RefCell<u32>>) {
        *deepest.borrow_mut() += 1;
        if left > 0 {
            let (inner, deepest) = (node.clone(), deepest.clone());
            Completion::ready(node, "answer", left - 1)
                .then(Delivery::Inline, move |left| again(&inner, left, &deepest));
        }
    }
    // A run's thread has a larger stack than a test's.
    let deep = |frames: u32| {
        let run_it = move || {
            let sim = scripted([]);
            let deepest = Rc::new(RefCell::new(0));
            let count = deepest.clone();
            node(&sim, "n", move |node| again(&node, frames, &count));
            let ended = run(&sim).0;
            let deepest = *deepest.borrow();
            (ended, deepest, incidents(&sim))
        };
        std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn(run_it)
            .expect("a thread starts")
            .join()
            .expect("it ends")
    };
    assert_eq!(deep(MAX_INLINE_DEPTH), (Ended::Quiescent, MAX_INLINE_DEPTH + 1, vec![]));
    assert_eq!(
        deep(MAX_INLINE_DEPTH + 1),
        (Ended::Failed, MAX_INLINE_DEPTH + 1, vec!["no-hang: answer completes without end".to_owned()])
    );
}
