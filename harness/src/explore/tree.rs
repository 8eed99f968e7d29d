//! Walking a tree of runs. The order is that of a depth-first search; a limit on the number of runs cuts the same
//! runs off whatever the number of threads.
//!
//! First the tree is cut into subtrees, level by level, until there are enough of them to keep every thread busy;
//! how many that is does not depend on the number of threads. Then each subtree is walked by one thread.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::parallel::{Flow, in_order};
use super::{Deviations, Summary};
use crate::compare::Difference;
use crate::execute::ToolFailure;
use crate::sweep::Live;
use crate::watch::Watch;

/// Subtrees the work is cut into before it is divided.
const SUBTREES_MIN: usize = 256;

/// How often the watchdog looks at its notes.
const MONITOR_PERIOD: Duration = Duration::from_millis(100);

/// How far an exploration goes, and who watches it.
pub struct Bounds<'a> {
    /// Threads.
    pub jobs: usize,
    /// Runs, at most.
    pub runs_max: u64,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Numbers for a progress bar.
    pub live: &'a Live,
    /// Wall time of one run.
    pub run_limit: Duration,
    /// Told about a run that does not end, with what it does differently; expected to end the process.
    pub on_hang: &'a (dyn Fn(&Deviations) + Sync),
}

/// Why an exploration has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The tool itself failed.
    Tool(ToolFailure),
    /// A prefix was replayed and the run went another way.
    Nondeterministic(Difference),
}

impl From<ToolFailure> for Trouble {
    fn from(failure: ToolFailure) -> Trouble {
        Trouble::Tool(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Tool(ToolFailure { seed: 0, message: format!("no thread could be started: {error}") })
    }
}

/// A tree of runs.
pub trait Tree: Sync {
    /// Names a run.
    type Node: Clone + Send + Sync;

    /// The quiet run.
    fn root(&self) -> Self::Node;

    /// What a run does differently.
    fn deviations(&self, node: &Self::Node) -> Deviations;

    /// Executes a run, counts it, and answers its children, those first that a depth-first search visits first.
    fn visit(
        &self,
        node: &Self::Node,
        deviations: &Deviations,
        summary: &mut Summary,
    ) -> Result<Vec<Self::Node>, Trouble>;
}

/// Who executes which run at present, for the watchdog, and the counting that only a progress bar sees.
pub struct Floor<'a> {
    bounds: &'a Bounds<'a>,
    watch: Watch,
    current: Vec<Mutex<Deviations>>,
}

impl<'a> Floor<'a> {
    /// Nobody executes anything.
    pub fn new(bounds: &'a Bounds<'a>) -> Floor<'a> {
        Floor {
            watch: Watch::new(bounds.jobs, bounds.run_limit),
            current: (0..bounds.jobs).map(|_| Mutex::default()).collect(),
            bounds,
        }
    }

    /// Visits a node under the eyes of the watchdog.
    pub fn visit<T: Tree>(
        &self,
        job: usize,
        tree: &T,
        node: &T::Node,
        summary: &mut Summary,
    ) -> Result<Vec<T::Node>, Trouble> {
        let deviations = tree.deviations(node);
        let (steps, violating) = (summary.steps, summary.violating);
        self.current[job].lock().unwrap_or_else(PoisonError::into_inner).clone_from(&deviations);
        self.watch.enter(job, 0);
        let children = tree.visit(node, &deviations, summary);
        self.watch.leave(job);
        let live = self.bounds.live;
        live.add(1, summary.steps - steps, summary.violating - violating);
        children
    }

    /// Does some work while the watchdog looks for runs that do not end.
    pub fn watched<R>(&self, work: impl FnOnce() -> R) -> R {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let monitor = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if let Some(overdue) = self.watch.overdue() {
                        let current = self.current[overdue.worker].lock();
                        (self.bounds.on_hang)(&current.unwrap_or_else(PoisonError::into_inner));
                    }
                    thread::park_timeout(MONITOR_PERIOD);
                }
            });
            let done = work();
            over.store(true, Ordering::Relaxed);
            monitor.thread().unpark();
            done
        })
    }
}

/// Walks a tree; answers what was found, and whether that is all of it.
///
/// # Errors
/// When the tool fails, or a run is not what it was.
pub fn walk<T: Tree>(tree: &T, bounds: &Bounds<'_>) -> Result<(Summary, bool), Trouble> {
    let floor = Floor::new(bounds);
    floor.watched(|| {
        let parts = cut(tree, &floor)?;
        join(tree, parts, &floor)
    })
}

/// A part of the tree, in depth-first order.
enum Part<N> {
    Done(Summary),
    Below(N),
}

/// Cuts the tree into enough subtrees, or executes all of it.
fn cut<T: Tree>(tree: &T, floor: &Floor<'_>) -> Result<Vec<Part<T::Node>>, Trouble> {
    let mut parts = vec![Part::Below(tree.root())];
    loop {
        let below: Vec<T::Node> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Below(node) => Some(node.clone()),
                Part::Done(_) => None,
            })
            .collect();
        let executed: u64 = parts.iter().map(|part| u64::from(matches!(part, Part::Done(_)))).sum();
        let enough = executed >= floor.bounds.runs_max || is_interrupted(floor);
        if below.is_empty() || below.len() >= SUBTREES_MIN || enough {
            return Ok(parts);
        }
        let mut visited: VecDeque<(Summary, Vec<T::Node>)> = VecDeque::new();
        let mut trouble = None;
        in_order(
            floor.bounds.jobs,
            &below,
            |job, node| {
                let mut summary = Summary::default();
                let children = floor.visit(job, tree, node, &mut summary)?;
                Ok::<_, Trouble>((summary, children))
            },
            |_, result| match result {
                Ok(done) => {
                    visited.push_back(done);
                    Flow::GoOn
                }
                Err(error) => {
                    trouble = Some(error);
                    Flow::Enough
                }
            },
        )?;
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let mut next = Vec::new();
        for part in parts {
            match part {
                Part::Below(_) => {
                    let (summary, children) = visited.pop_front().expect("each was visited");
                    next.push(Part::Done(summary));
                    next.extend(children.into_iter().map(Part::Below));
                }
                done @ Part::Done(_) => next.push(done),
            }
        }
        parts = next;
    }
}

/// Walks the subtrees and puts everything together in order, up to the limit.
fn join<T: Tree>(tree: &T, parts: Vec<Part<T::Node>>, floor: &Floor<'_>) -> Result<(Summary, bool), Trouble> {
    let runs_max = floor.bounds.runs_max;
    let (mut all, mut complete, mut trouble) = (Summary::default(), true, None);
    in_order(
        floor.bounds.jobs,
        &parts,
        |job, part| match part {
            Part::Done(summary) => Ok((summary.clone(), true)),
            Part::Below(node) => subtree(tree, node, runs_max, job, floor),
        },
        |index, result| {
            let left = runs_max - all.runs;
            let (summary, whole) = match (result, &parts[index]) {
                (Ok((summary, whole)), _) if summary.runs <= left => (summary, whole),
                // More than the limit allows: as many of them as it does.
                (Ok(_), Part::Below(node)) if left > 0 => match subtree(tree, node, left, 0, floor) {
                    Ok(part) => part,
                    Err(error) => {
                        trouble = Some(error);
                        return Flow::Enough;
                    }
                },
                (Ok(_), _) => {
                    complete = false;
                    return Flow::Enough;
                }
                (Err(error), _) => {
                    trouble = Some(error);
                    return Flow::Enough;
                }
            };
            all.append(summary);
            complete &= whole;
            if whole { Flow::GoOn } else { Flow::Enough }
        },
    )?;
    match trouble {
        Some(trouble) => Err(trouble),
        None => Ok((all, complete)),
    }
}

/// Walks a subtree depth first, up to a number of runs.
fn subtree<T: Tree>(
    tree: &T,
    node: &T::Node,
    runs_max: u64,
    job: usize,
    floor: &Floor<'_>,
) -> Result<(Summary, bool), Trouble> {
    let mut summary = Summary::default();
    let mut stack = vec![node.clone()];
    while let Some(node) = stack.pop() {
        if summary.runs >= runs_max || is_interrupted(floor) {
            return Ok((summary, false));
        }
        let children = floor.visit(job, tree, &node, &mut summary)?;
        stack.extend(children.into_iter().rev());
    }
    Ok((summary, true))
}

fn is_interrupted(floor: &Floor<'_>) -> bool {
    floor.bounds.interrupted.load(Ordering::Relaxed)
}
