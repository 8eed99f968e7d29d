//! Seedbed: a deterministic simulation testbed.
//!
//! A seed fixes a whole run: network, schedule, callbacks, clock and workload. While it goes on, Seedbed injects
//! disconnects, re-entrant callbacks and partial writes into the system under test, and checks invariants after each
//! step. A system under test is a [`flow::Flow`]; `harness/examples/` holds two of them in a page each.
//!
//! | module | what it is |
//! |---|---|
//! | [`choice`] | every decision of a run: keyed, with a quiet value, recorded in words |
//! | [`trace`] | what happened, what caused it, and a digest over all of it |
//! | [`kernel`] | virtual time, event queue, tasks, nodes, the step loop |
//! | [`net`], [`disk`], [`reentry`] | streams and messages; files, power cuts, faults; completions and boundaries |
//! | [`world`] | what a flow is built into |
//! | [`check`] | invariants and verdicts |
//! | [`snapshot`] | the state of nodes, for people who look at one run |
//! | [`scenario`] | scenario and plan files |
//! | [`flow`], [`run`] | the trait a system under test implements; executing one run |

#[cfg(not(panic = "unwind"))]
compile_error!("Seedbed catches panics of code under test and cannot work with `panic = \"abort\"`");

pub mod check;
pub mod choice;
pub mod disk;
pub mod flow;
#[cfg(feature = "flows")]
pub mod flows;
pub mod kernel;
pub mod net;
pub mod prelude;
pub mod reentry;
pub mod run;
pub mod scenario;
pub mod snapshot;
pub mod trace;
pub mod world;

pub use kernel::host;
