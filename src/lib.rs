//! Seedbed: a deterministic simulation testbed.

pub mod choice;
pub mod scenario;
