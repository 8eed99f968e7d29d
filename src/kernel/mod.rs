//! Virtual time, the event queue, tasks, nodes and the step loop.
//!
//! A **step** is one dispatched event plus everything it causes until no task is ready. The loop is single-threaded
//! and owns its futures; nothing here reads a wall clock, a thread id or a process-wide counter. What surrounds the
//! kernel plugs in through two traits: a [`Resource`] receives its own queued events and hears when a node goes down
//! (network, disk), and a [`StepHook`] runs after each step (checks).
//!
//! | file | holds |
//! |---|---|
//! | `sim` | [`Sim`], the handle to a running simulation |
//! | `steps` | the loop: dispatch, draining ready tasks, budgets |
//! | `order` | which event is next: by time or by choice |
//! | `timing` | what an explored run knows about its times |
//! | `nested` | dispatching an event inside a callback |
//! | `lifecycle` | start, kill, restart, pause, resume |
//! | `handle` | [`NodeHandle`], what code on a node holds |
//! | `timer` | sleeping, deadlines, callback timers |
//! | `tear_down` | the end of a run, after which none of its memory is left |
//! | `host` | madsim, which simulates std's clock and randomness |

mod ended;
mod handle;
mod host;
mod kinds;
mod lifecycle;
mod limits;
mod nested;
mod order;
mod panics;
mod queue;
mod resource;
mod sim;
mod steps;
mod task;
mod tear_down;
mod time;
mod timer;
mod timing;

#[cfg(test)]
mod tests;

pub use ended::{Ended, Exhausted, Incident, IncidentKind};
pub use handle::{NodeHandle, TaskHandle};
pub use host::{host, hosted};
pub use kinds::{KINDS, SITES};
pub use limits::Limits;
pub use nested::{Eligible, MAX_NESTED_DEPTH};
pub use order::Dispatch;
pub use panics::{TypedFailure, quiet_panics};
pub use queue::QueueKey;
pub use resource::{Down, Resource, ResourceId, StepHook};
pub use sim::{Action, Counters, Lane, MAX_INLINE_DEPTH, NodeId, Schedule, Sim};
pub use steps::Until;
pub use task::TaskKey;
pub use tear_down::InCircle;
pub use time::{EPOCH_SECS, Time};
pub use timer::{Elapsed, Sleep, Timeout};
pub use timing::{Due, Governed, Timing};
