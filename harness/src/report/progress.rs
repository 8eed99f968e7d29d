//! A progress bar on standard error, only on a terminal. It reads counters and takes no part in the result.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::thousands;
use crate::sweep::Live;

/// No bar before this, so that short sweeps do not flicker.
const QUIET_PERIOD: Duration = Duration::from_millis(300);
const REDRAW_PERIOD: Duration = Duration::from_millis(120);

/// Does some work while a bar shows how far it is; work that is done at once shows none. `total` of what is
/// counted (`unit`: seeds, schedules …), if that is known.
pub fn with_progress<T>(label: &str, unit: &str, total: Option<u64>, live: &Live, work: impl FnOnce() -> T) -> T {
    if !stderr().is_terminal() {
        return work();
    }
    let started = Instant::now();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let painter = scope.spawn(|| {
            thread::park_timeout(QUIET_PERIOD);
            if over.load(Ordering::Relaxed) {
                return;
            }
            let bar = bar(label, unit, total);
            while !over.load(Ordering::Relaxed) {
                bar.set_message(rates(live, unit, started.elapsed()));
                bar.set_position(live.seeds.load(Ordering::Relaxed));
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

fn bar(label: &str, unit: &str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = match total {
        Some(_) => "{prefix}  [{bar:24}] {pos}/{len}  {msg}  {eta} left".to_owned(),
        None => format!("{{prefix}}  {{spinner}} {{pos}} {unit}  {{msg}}  {{elapsed}}"),
    };
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label.to_owned());
    bar
}

fn rates(live: &Live, unit: &str, elapsed: Duration) -> String {
    let per_second = |count: u64| {
        let rate = count as f64 / elapsed.as_secs_f64().max(0.001);
        thousands(rate as u64)
    };
    let failures = live.failures.load(Ordering::Relaxed);
    format!(
        "{} {unit}/s  {} steps/s  {} failing",
        per_second(live.seeds.load(Ordering::Relaxed)),
        per_second(live.steps.load(Ordering::Relaxed)),
        thousands(failures),
    )
}
