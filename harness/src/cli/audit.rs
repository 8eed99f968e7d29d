//! Arguments of `audit`.

use std::time::Duration;

use clap::Args;
use seedbed::scenario::SeedRange;

use super::{Format, Overlay, duration};
use crate::audit::Surrounding;

pub(super) const EXAMPLES: &str = "\
Each seed is executed alone in two processes of its own, after other seeds in one thread, and beside another thread
that runs seeds. All of it must be the same, event for event: code under test with a process-wide counter, a shared
generator or a cache that outlives a run is caught here and nowhere else.

Examples:
  seedbed audit x.toml                     the first 20 seeds
  seedbed audit x.toml --seeds 100..300 --variant correct";

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub path: String,
    /// The seeds: A..B, A..=B or one
    #[arg(long, value_name = "A..B", default_value = "0..20")]
    pub seeds: SeedRange,
    /// For people, or one JSON object per surrounding
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Settings laid over the scenario.
    #[command(flatten)]
    pub overlay: Overlay,
    /// Wall time one run may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Arguments of its child process.
#[derive(Debug, Args)]
pub struct AuditWorkerArguments {
    /// What is run.
    #[command(flatten)]
    pub audit: AuditArguments,
    /// Where.
    #[arg(long, value_enum)]
    pub surrounding: Surrounding,
}
