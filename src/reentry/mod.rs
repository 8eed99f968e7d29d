//! Re-entry: completions that may run on their caller's stack, boundaries at which other events may be dispatched
//! inside a callback, and cells that notice when re-entered code finds its state borrowed.
//!
//! A future is polled from the executor, so its continuation never runs on the sender's stack; systems written with
//! callbacks are different. A [`Completion`] is *ready* or *pending*: attaching a continuation to a ready one runs it
//! at once (inline) or through the node's eventual queue, and which one is a choice unless the system's runtime
//! fixes it. State reached from callbacks lives in a [`Cell`].
//!
//! ```
//! # use seedbed::prelude::*;
//! # struct Example;
//! # impl Flow for Example {
//! #     type Config = NoConfig;
//! #     type Op = ();
//! #     const INFO: FlowInfo = FlowInfo {
//! #         variants: &[Named::new("1", "the only one")],
//! #         ..FlowInfo::new("example", "an example", "made up")
//! #     };
//! #     fn operation(_: &NoConfig) -> BoxedStrategy<()> { Just(()).boxed() }
//! #     fn build(world: &World, _: Setup<Self>) { build(world) }
//! # }
//! fn build(world: &World) {
//!     world.client("client", |node| async move {
//!         let order = node.cell("order", Vec::new());
//!         for (name, delivery) in [("inline", Delivery::Inline), ("eventual", Delivery::Eventual)] {
//!             let seen = order.clone();
//!             node.ready("answer", 7).then(delivery, move |_| seen.borrow_mut().push(name));
//!             order.borrow_mut().push("attached");
//!         }
//!         node.sleep(std::time::Duration::from_millis(1)).await;
//!         assert_eq!(*order.borrow(), ["inline", "attached", "attached", "eventual"]);
//!     });
//! }
//! # let scenario = "seedbed = 1\ngoal = 'An example.'\nflow = 'example'\nvariant = '1'\nexpect.holds = true\n";
//! # let scenario = format!("{scenario}faults = {{ 'net/latency' = 0.0, 'disk/latency' = 0.0 }}");
//! # let report = seedbed::run::once::<Example>(&scenario, 1).unwrap();
//! # assert_eq!(report.verdict, seedbed::check::Verdict::Holds, "{:?}", report.failure);
//! ```

mod boundary;
mod cell;
mod completion;

pub use boundary::boundary;
pub use cell::{Cell, CellMut, CellRef};
pub use completion::{Completer, Completion, Delivery, Outcome, SITES};

#[cfg(test)]
mod tests;
