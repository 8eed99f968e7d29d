//! Seedbed: a deterministic simulation testbed.
pub mod choice;
#[cfg(feature = "flows")]
pub mod flows;
pub mod kernel;
pub mod reentry;
pub mod trace;
