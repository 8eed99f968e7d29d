//! `seedbed`: the command line with all flows that come with Seedbed.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use seedbed_harness::Harness;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    Harness::shipped().main()
}
