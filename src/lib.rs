//! Seedbed: a deterministic simulation testbed.

pub mod scenario;
