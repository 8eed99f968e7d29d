//! Arguments of the commands that look at one run.

use std::time::Duration;

use clap::Args;
use seedbed::choice::Seed;

use super::{Format, Overlay, duration};

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Everything it says was executed: nothing is guessed from the trace alone.

Examples:
  seedbed explain x.plan.toml              which parts matter, within what bounds, why, and what nearby run passes
  seedbed explain x.toml --seed 12         the same for a seed; `shrink` first makes a better answer
  seedbed explain x.plan.toml --executions 200
                                           what is known after so many; Ctrl-C likewise
  seedbed explain x.plan.toml --format json | jq .twin";

pub(super) const WHY_EXAMPLES: &str = "\
Examples:
  seedbed why x.plan.toml 41               the causes of everything in step 41, back to the beginning
  seedbed why x.plan.toml '#97'            the causes of one event, by the number `replay --trace full` shows
  seedbed why x.plan.toml e97              the same, without quotes for the shell";

pub(super) const WHEN_EXAMPLES: &str = "\
Examples:
  seedbed when x.plan.toml client.servermap.s1
                                           the last step that changed this field
  seedbed when x.plan.toml client.servermap --until 40
                                           all fields below a name, as of step 40
  seedbed replay x.plan.toml --until 40    which fields there are";

pub(super) const DIFF_EXAMPLES: &str = "\
Steps are recognised by what happens in them, not by their number or time.

Examples:
  seedbed diff x.plan.toml y.plan.toml     the first step and the first field that differ";

/// One run: a plan, or a scenario with a seed.
#[derive(Debug, Args)]
pub struct OneRun {
    /// A scenario (with --seed) or a plan
    #[arg(value_name = "SCENARIO|PLAN")]
    pub path: String,
    /// How it is chosen and run.
    #[command(flatten)]
    pub options: OneRunOptions,
}

/// How one run is chosen and run.
#[derive(Debug, Args)]
pub struct OneRunOptions {
    /// The seed, decimal or 0x…
    #[arg(long, value_name = "N")]
    pub seed: Option<Seed>,
    /// Settings laid over the scenario.
    #[command(flatten)]
    pub overlay: Overlay,
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Wall time one execution may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The run.
    #[command(flatten)]
    pub run: OneRun,
    /// Executions it may take; what is known by then is told
    #[arg(long, value_name = "N", default_value_t = crate::explain::EXECUTIONS_DEFAULT)]
    pub executions: u64,
    /// Variations executed at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct WhyArguments {
    /// The run.
    #[command(flatten)]
    pub run: OneRun,
    /// A step, or an event as #N or eN
    #[arg(value_name = "STEP|#EVENT", value_parser = place)]
    pub place: Place,
}

/// Arguments of `when`.
#[derive(Debug, Args)]
pub struct WhenArguments {
    /// The run.
    #[command(flatten)]
    pub run: OneRun,
    /// A field, or the beginning of several: client.servermap
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// Look at the run as of this step
    #[arg(long, value_name = "STEP")]
    pub until: Option<u64>,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// A plan
    #[arg(value_name = "PLAN")]
    pub one: String,
    /// Another plan
    #[arg(value_name = "PLAN")]
    pub other: String,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Wall time one execution may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// A place in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A step.
    Step(u64),
    /// An event, by its number.
    Event(u32),
}

fn place(text: &str) -> Result<Place, String> {
    let number = match text.strip_prefix(['#', 'e']) {
        Some(number) => number.parse().map(Place::Event).ok(),
        None => text.parse().map(Place::Step).ok(),
    };
    number.ok_or_else(|| "expected a step, as in 41, or an event, as in '#97' or e97".to_owned())
}
