//! The disk inside a run: node by node, in virtual time, with the run's choices, traced, and gone with its node.
//!
//! ```
//! use seedbed::disk::OpenMode;
//!
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
//!     world.client("server", |node| async move {
//!         let disk = node.disk();
//!         let file = disk.open("/journal", OpenMode::Create).await.unwrap();
//!         file.append(b"one line\n").await.unwrap();
//!         file.sync_all().await.unwrap(); // the bytes survive a power cut now …
//!         disk.sync_dir("/").await.unwrap(); // … and so does the name
//!         assert_eq!(file.size().await.unwrap(), 9);
//!     });
//! }
//! # let scenario = "seedbed = 1\ngoal = 'An example.'\nflow = 'example'\nvariant = '1'\nexpect.holds = true\n";
//! # let scenario = format!("{scenario}faults = {{ 'net/latency' = 0.0, 'disk/latency' = 0.0 }}");
//! # let report = seedbed::run::once::<Example>(&scenario, 1).unwrap();
//! # assert_eq!(report.verdict, seedbed::check::Verdict::Holds, "{:?}", report.failure);
//! ```
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
mod moments;
mod ops;
mod sim_chance;

#[cfg(test)]
mod tests;

pub use blocking::{BlockingDisk, BlockingFile};
pub use disks::{Disks, DyingStack, FROZEN_CALLS_MAX};
pub use file::{File, NodeDisk};
pub use in_flight::DiskOp;
pub use kinds::KINDS;
