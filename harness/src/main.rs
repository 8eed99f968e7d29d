//! `seedbed`: the command line with all flows that come with Seedbed.

use std::process::ExitCode;

use seedbed_harness::Harness;

fn main() -> ExitCode {
    Harness::shipped().main()
}
