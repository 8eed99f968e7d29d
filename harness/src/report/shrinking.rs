//! How far a shrinking is, on standard error and only on a terminal. It reads counters and takes no part in the
//! result.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::thousands;
use crate::shrink::Live;

/// Nothing is shown before this, so that quick ones do not flicker.
const QUIET_PERIOD: Duration = Duration::from_millis(300);
const REDRAW_PERIOD: Duration = Duration::from_millis(120);

/// Does some work while its numbers are shown; `budget` executions at most.
pub fn with_shrinking<T>(label: &str, budget: u64, live: &Live, work: impl FnOnce() -> T) -> T {
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
            bar.set_prefix(format!("shrinking {label}"));
            while !over.load(Ordering::Relaxed) {
                bar.set_position(live.executions.load(Ordering::Relaxed));
                bar.set_message(format!(
                    "{} operations, {} deviations",
                    thousands(live.operations.load(Ordering::Relaxed)),
                    thousands(live.deviations.load(Ordering::Relaxed))
                ));
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
