//! Harness.
pub mod exit;
pub mod output;
pub mod sweep;
pub mod watch;
