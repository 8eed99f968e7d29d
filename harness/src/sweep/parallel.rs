//! The parallel part of a sweep: the workers, and the monitor that finds runs which do not end.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::children::{ChildCommand, Children};
use super::floor::{Floor, Stops};
use super::isolate::ChildWorker;
use super::{Job, Live, Seeds, Swept};
use crate::execute::{STACK_BYTES, ToolFailure};
use crate::watch::Watch;

/// How often the monitor looks at the watch.
const MONITOR_PERIOD: Duration = Duration::from_millis(50);

/// Where runs are executed, and what is done about one that does not end.
pub enum Workers<'a> {
    /// On threads of this process. A run that does not end cannot be stopped there: the function is told
    /// its seed and is expected to end the process.
    Threads(&'a (dyn Fn(u64) + Sync)),
    /// In child processes: one that does not end is killed, one that dies is the verdict of its seed.
    Processes(&'a ChildCommand),
}

/// Runs the seeds of a range on `jobs` workers; `run_limit` is the wall time one seed may take.
///
/// # Errors
/// When the tool itself fails.
pub fn sweep(
    job: Job<'_>,
    seeds: Seeds,
    jobs: usize,
    run_limit: Duration,
    workers: &Workers<'_>,
    stops: Stops<'_>,
    live: &Live,
) -> Result<Swept, ToolFailure> {
    let watch = Watch::new(jobs, run_limit);
    let children = Children::new(jobs);
    let floor = Floor::new(job, seeds, jobs, &watch, live, stops);
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for worker in 0..jobs {
            let (sender, floor, children) = (sender.clone(), &floor, &children);
            let work = move || match workers {
                Workers::Threads(_) => floor.work(&sender, |seeds| floor.run_chunk(worker, seeds)),
                Workers::Processes(command) => {
                    let mut child = ChildWorker::new(command, children, worker, floor);
                    floor.work(&sender, |seeds| child.run_chunk(seeds));
                }
            };
            let thread = thread::Builder::new().name(format!("world-{worker}")).stack_size(STACK_BYTES);
            if let Err(error) = thread.spawn_scoped(scope, work) {
                floor.finish();
                return Err(no_thread(seeds.first, &error));
            }
        }
        drop(sender);
        let monitor = scope.spawn(|| monitor(&floor, workers, &children));
        let swept = floor.collect(seeds, &results);
        floor.finish();
        monitor.thread().unpark();
        swept
    })
}

fn no_thread(seed: u64, error: &io::Error) -> ToolFailure {
    ToolFailure { seed, message: format!("no worker thread could be started: {error}") }
}

/// Looks for runs that do not end, until the sweep is over. Ctrl-C ends children in the middle of a run.
fn monitor(floor: &Floor<'_>, workers: &Workers<'_>, children: &Children) {
    while !floor.is_over() {
        let overdue = floor.watch.overdue();
        match (workers, overdue) {
            (Workers::Threads(on_hang), Some(overdue)) => on_hang(overdue.seed),
            (Workers::Processes(_), Some(overdue)) => children.kill_overdue(overdue),
            (Workers::Processes(_), None) if floor.is_interrupted() => children.kill_all(),
            (_, None) => {}
        }
        thread::park_timeout(MONITOR_PERIOD);
    }
}
