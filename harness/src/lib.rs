//! Everything around Seedbed's deterministic core that has a wall clock or real I/O: the command line, sweeps
//! over many seeds on all cores, the watchdog, and what people read.
//!
//! The harness knows a system under test only through [`seedbed::flow::Flow`]. An author puts their own into
//! their own binary:
//!
//! ```no_run
//! # use seedbed::flow::Flow;
//! # fn main_with<MyFlow: Flow>() -> std::process::ExitCode {
//! seedbed_harness::Harness::new().flow::<MyFlow>().main()
//! # }
//! ```
//!
//! and has `run`, `replay`, `shrink` and the rest for it.

#[cfg(not(panic = "unwind"))]
compile_error!("panics of code under test are verdicts: build with panic = \"unwind\"");

pub mod audit;
mod cli;
mod command;
pub mod compare;
pub mod execute;
pub mod exit;
pub mod explain;
pub mod explore;
pub mod files;
pub mod judge;
pub mod minimal;
mod output;
pub mod power;
pub mod regression;
pub mod report;
pub mod shrink;
pub mod strategy;
pub mod sweep;
mod testing;
mod watch;

pub use testing::{REPLAY, check};

use std::process::ExitCode;

use seedbed::flow::Flow;
use seedbed::run::{AnyFlow, erased};

/// The command line, over a set of flows.
pub struct Harness {
    flows: Vec<Box<dyn AnyFlow>>,
    folder: String,
}

impl Default for Harness {
    fn default() -> Harness {
        Harness { flows: Vec::new(), folder: files::DEFAULT_FOLDER.to_owned() }
    }
}

impl Harness {
    /// A harness without flows.
    #[must_use]
    pub fn new() -> Harness {
        Harness::default()
    }

    /// A harness with all flows that come with Seedbed.
    #[cfg(feature = "flows")]
    #[must_use]
    pub fn shipped() -> Harness {
        Harness::new()
            .flow::<seedbed::flows::mailbox::MailboxServer>()
            .flow::<seedbed::flows::merge::EventMerge>()
            .flow::<seedbed::flows::publish::Publish>()
            .flow::<seedbed::flows::sync::Sync>()
    }

    /// Adds a flow.
    #[must_use]
    pub fn flow<F: Flow>(self) -> Harness {
        self.erased_flow(erased::<F>())
    }

    /// Adds a flow that is known without its type only.
    #[must_use]
    pub fn erased_flow(mut self, flow: Box<dyn AnyFlow>) -> Harness {
        self.flows.push(flow);
        self
    }

    /// Where scenarios are looked for when the command line names none (default: `scenarios`).
    #[must_use]
    pub fn scenarios(mut self, folder: &str) -> Harness {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Where scenarios are looked for when the command line names none.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The flows, in the order in which they were added.
    pub fn flows(&self) -> impl Iterator<Item = &dyn AnyFlow> {
        self.flows.iter().map(AsRef::as_ref)
    }

    /// Reads the command line, does what it says, and answers with the exit code.
    #[must_use]
    pub fn main(self) -> ExitCode {
        command::main(&self).into()
    }
}
