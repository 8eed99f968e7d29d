//! How far a long search is, on standard error and only on a terminal. It reads counters and takes no part in the
//! result.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::thousands;
use crate::{explain, shrink};

/// Nothing is shown before this, so that quick ones do not flicker.
const QUIET_PERIOD: Duration = Duration::from_millis(300);
const REDRAW_PERIOD: Duration = Duration::from_millis(120);

/// Shrinks while the size of the smallest run so far is shown; `budget` executions at most.
pub fn with_shrinking<T>(label: &str, budget: u64, live: &shrink::Live, work: impl FnOnce() -> T) -> T {
    let now = || {
        let (operations, deviations) = (&live.operations, &live.deviations);
        let count = |number: &std::sync::atomic::AtomicU64| thousands(number.load(Ordering::Relaxed));
        let words = format!("{} operations, {} deviations", count(operations), count(deviations));
        (live.executions.load(Ordering::Relaxed), words)
    };
    with_executions(&format!("shrinking {label}"), budget, now, work)
}

/// Explains while it is shown what is being found out; `budget` executions at most.
pub fn with_explaining<T>(label: &str, budget: u64, live: &explain::Live, work: impl FnOnce() -> T) -> T {
    let now = || (live.executions.load(Ordering::Relaxed), live.part().words().to_owned());
    with_executions(&format!("explaining {label}"), budget, now, work)
}

/// `now`: executions so far, and what else there is to say.
fn with_executions<T>(label: &str, budget: u64, now: impl Fn() -> (u64, String) + Sync, work: impl FnOnce() -> T) -> T {
    if !stderr().is_terminal() {
        return work();
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let painter = scope.spawn(|| {
            thread::park_timeout(QUIET_PERIOD);
            if over.load(Ordering::Relaxed) {
                return;
            }
            let bar = ProgressBar::with_draw_target(Some(budget), ProgressDrawTarget::stderr());
            if let Ok(style) =
                ProgressStyle::with_template("{prefix}  {spinner} {pos} of {len} executions  {msg}  {elapsed}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(label.to_owned());
            while !over.load(Ordering::Relaxed) {
                let (executions, words) = now();
                bar.set_position(executions);
                bar.set_message(words);
                thread::park_timeout(REDRAW_PERIOD);
            }
            bar.finish_and_clear();
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        painter.thread().unpark();
        done
    })
}
