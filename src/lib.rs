//! Seedbed: a deterministic simulation testbed.

#[cfg(feature = "flows")]
pub mod flows;
