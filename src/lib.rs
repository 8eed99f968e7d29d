//! Seedbed: a deterministic simulation testbed.
pub mod choice;
pub mod disk;
pub mod kernel;
pub mod net;
pub mod reentry;
pub mod trace;
