//! The server on in-memory databases, driven by direct calls: no simulation anywhere.

mod after_fix;
mod bench;
mod checked;
mod commands;
mod idempotence;
mod incident;
mod malformed;
mod pruning;
mod reentry;
