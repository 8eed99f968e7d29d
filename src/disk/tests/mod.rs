//! Tests of the disk as a whole.

mod faults;
mod power_cuts;
mod spec;
