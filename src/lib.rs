//! Seedbed: a deterministic simulation testbed.
pub mod choice;
pub mod kernel;
pub mod reentry;
pub mod trace;
