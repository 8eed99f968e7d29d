//! Re-entry: completions that may run on their caller's stack, boundaries at which other events may be dispatched
//! inside a callback, and cells that notice when re-entered code finds its state borrowed.
//!
//! A future is polled from the executor, so its continuation never runs on the sender's stack; systems written with
//! callbacks are different. A [`Completion`] is *ready* or *pending*: attaching a continuation to a ready one runs it
//! at once (inline) or through the node's eventual queue, and which one is a choice unless the system's runtime
//! fixes it. State reached from callbacks lives in a [`Cell`].

mod boundary;
mod cell;
mod completion;

pub use boundary::boundary;
pub use cell::{Cell, CellMut, CellRef};
pub use completion::{Completer, Completion, Delivery, Outcome, SITES};

#[cfg(test)]
mod tests;
