//! The disk inside a run: node by node, in virtual time, with the run's choices, traced, and gone with its node.
//!
//! | file | what is there |
//! |---|---|
//! | `disks` | all disks of a run: the kernel's resource; power cuts |
//! | `file`, `blocking` | what a flow holds: asynchronous, synchronous |
//! | `database` | what SQLite's VFS needs beyond that |
//! | `ops`, `in_flight` | the operations; asynchronous ones under way |
//! | `sim_chance`, `kinds` | the run's choices; trace kinds |

mod blocking;
#[cfg(feature = "sqlite")]
mod database;
mod disks;
mod file;
mod in_flight;
mod kinds;
mod ops;
mod sim_chance;

#[cfg(test)]
mod tests;

pub use blocking::{BlockingDisk, BlockingFile};
pub use disks::{Disks, DyingStack, FROZEN_CALLS_MAX};
pub use file::{File, NodeDisk};
pub use in_flight::DiskOp;
pub use kinds::KINDS;
