//! The command line, from outside: programs are started, their output and exit codes are read.
//!
//! Most tests need a system that fails, hangs or crashes where they want it. This test program therefore
//! plays the binary itself when [`program::PLAY`] is set: a harness with the test double in it.

mod audit;
#[path = "../double/mod.rs"]
mod double;
mod explain;
mod explorations;
mod failures;
mod files;
mod host;
mod parents;
mod post;
mod program;
mod results;
mod shipped;
mod shrinking;
#[path = "../toy/mod.rs"]
mod toy;
#[path = "../toys/mod.rs"]
mod toys;
mod views;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use seedbed_harness::Harness;

fn main() -> ExitCode {
    if std::env::var_os(program::PLAY).is_some_and(|flow| flow == program::TOYS) {
        return Harness::new().erased_flow(toys::toys()).main();
    }
    if std::env::var_os(program::PLAY).is_some() {
        return Harness::new()
            .erased_flow(Box::new(double::Double))
            .flow::<host::AsksStd>()
            .flow::<post::Post>()
            .flow::<toy::Toy>()
            .main();
    }
    let tests = [
        results::TESTS,
        files::TESTS,
        failures::TESTS,
        explorations::TESTS,
        host::TESTS,
        shipped::TESTS,
        explain::TESTS,
        views::TESTS,
        audit::TESTS,
        shrinking::TESTS,
        parents::TESTS,
    ];
    let trials = tests.into_iter().flatten().map(|(name, test)| {
        Trial::test(*name, || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
