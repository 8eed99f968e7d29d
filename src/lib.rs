//! Seedbed: a deterministic simulation testbed.
