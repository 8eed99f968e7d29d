//! The command line, as data. Help teaches with examples; what the options mean is said here and nowhere else.

mod audit;
mod look;

use std::time::Duration;

pub use self::audit::{AuditArguments, AuditWorkerArguments};
pub use self::look::{DiffArguments, ExplainArguments, OneRun, OneRunOptions, Place, WhenArguments, WhyArguments};
use clap::{Args, Parser, Subcommand, ValueEnum};
use seedbed::choice::Seed;
use seedbed::scenario::{Override, SeedRange, parse_duration};

use crate::shrink::EXECUTIONS_DEFAULT;

const EXAMPLES: &str = "\
Examples:
  seedbed                                  run every scenario under scenarios/
  seedbed run scenarios/publish --full     one folder, its full budget of seeds
  seedbed replay x.toml --seed 12 --trace full
                                           one run, with everything that happened in it
  seedbed shrink x.toml --seed 12          the smallest run that fails in the same way
  seedbed list                             flows, variants, faults, invariants, scenarios
  seedbed check                            are all scenario files valid?

Exit codes:
  0  everything is as expected             4  two executions of one run differ
  1  an expectation is not met             5  the tool itself failed
  2  usage or scenario error               6  a budget was reached before there was an answer
  3  liveness violated, or a run hangs";

const RUN_EXAMPLES: &str = "\
A sweep stops at its lowest failing seed, whatever the number of jobs.

What a seed stands for is fixed: by default (mix) of 32 seeds 18 are swarm (a random subset of the faults at random
rates; the first eight are among them), 6 pct (priorities with 1 to 3 ordering constraints), 3 single-fault (one fault at
one of the places where one could have happened), 2 mutation (the beginning of a run that showed something new, searched
on), and one each of swizzle (nodes are cut off one by one), isolate-one and starve-one. --strategy, or [search]
strategy in the file, makes all seeds one of these. No strategy turns on what the scenario's
[faults] leave out.

A mutation begins as its parent did, with a few deviations left out, and from a drawn step on goes its own way, in its
operations, too. Parents come from finished generations (four of 64 seeds, then of 256); where there are none it is a
swarm seed. A run becomes one by being the first to show a feature: a value taken at a site, an offer of a site, a fault
noticed, an event inside a callback, an outcome, a mark, something for an invariant to check or a violation, each once,
twice, three times, up to 7, 15, 31, 127 or more often. Features are drawn, the rare ones more often, and the run that
showed one first is the parent. The report names the parents; --seed with --parents is the same run again.

With --plans, or [search] plans = true, every other mutation goes back to a stored plan instead: one under regressions/
beside the scenario that was made from it, or has its flow and flow-config; in either case under its contract. Such a run
has the plan's flow-config, and its parents begin with the plan's path. What the scenario's [faults] do not allow of a plan
is left out. Nobody gets this unasked, because each plan that is promoted would change what seeds do.

PCT moves deliveries, tasks and callbacks, never timers: a timer that is late would be a broken promise of the clock, on
which leases and checks of freshness rely. It comes before or after a delivery by how slow the delivery is. Timers due at
the very same instant keep the order in which they were set; explore --exhaustive tries the others.

A clean sweep says what it leaves open. n clean seeds mean a failure rate below 3/n per seed with 95 % confidence (rule
of three), and the share of behaviours met exactly once estimates how likely the next seed shows a new one
(Good-Turing). Both assume that further seeds are drawn as these were (same scenario, same fault rates), and both are
about what the invariants can see: a failure that no invariant looks for is in neither number. A behaviour is the set
of events that ran inside callbacks, of outcomes, of sometimes-marks and of invariants that had something to check, and
how many kinds of faults struck; numbers are none, one, a few or many.

Examples:
  seedbed run                              everything; regressions first
  seedbed run x.toml                       one scenario
  seedbed run x.toml --seeds 0..100        these seeds only (vacuity is not judged then)
  seedbed run x.toml --variant correct --set flow-config.servers=5
                                           another variant, another configuration
  seedbed run x.toml --strategy pct        orders of events rather than faults
  seedbed run x.toml --strategy mutation --plans
                                           around what has failed before
  seedbed run x.toml --keep-going --for 60s
                                           how often does it fail? Count for a minute
  seedbed run --format json | jq .verdict  one JSON object per scenario";

const REPLAY_EXAMPLES: &str = "\
Examples:
  seedbed replay x.toml --seed 12          what broke, and what was unusual about this run
  seedbed replay x.toml --seed 12 --trace full
                                           every event, one column per node
  seedbed replay x.toml --seed 12 -o x.plan.toml
                                           write the run down, without its seed
  seedbed replay x.plan.toml               follow it; it may be edited by hand";

const EXPLORE_EXAMPLES: &str = "\
--exhaustive executes every schedule: at each step every enabled event may come next (the head of each queue of
messages, a timer that is due, a ready task), and every listed site takes each of its values. The scenario's
[explore] table says from which mark of the story on, for which events and which sites; all else is quiet, and what
is pinned stays pinned. A schedule runs until nothing is under way, and every invariant is recorded.

--faults N executes the quiet run, then each single fault it could have met (once, and staying from there on where
that makes sense), then each second one after a first. Of a site with many values some representatives are tried.

--reduce independence,state leaves out schedules that can show nothing new: of two events on different nodes one order is
enough, and nothing is executed twice from an equal state (nodes with equal histories). It needs a flow whose events
touch the state of their own node only, with invariants about such state; then outcomes and violated invariants are the
same, and the numbers of schedules are smaller. A flow that keeps one log of what happened on all nodes is none.

--crash-states executes the quiet run, and at each barrier (an operation that makes something durable, and the end of
the run) cuts the power of a node that may crash. With at most 8 pending operations every subset of them survives that
the file system allows, whole and with its last write torn in four ways; with more a sample. The node starts again on
what is left, and the run goes on to its end. Disks have the weakest profile that [contract] allows.

The first failure is written as a plan that replays by time (-o); an order of events is told as latencies.

Examples:
  seedbed explore x.toml --exhaustive -o first.plan.toml
  seedbed explore x.toml --exhaustive --sites net/notice --variant correct
  seedbed explore x.toml --faults 1 --format json
  seedbed explore x.toml --faults 2 --max-runs 100000
  seedbed explore x.toml --crash-states -o lost.plan.toml";

const POWER_EXAMPLES: &str = "\
The catalogue is every scenario that must fail. A trial takes seeds of its own until the claimed invariant breaks, or
until --seeds are used up; such a trial counts as \"later than that\" (Kaplan-Meier), not as a detection and not as
nothing. A failure of another kind is counted apart. The corrected variant, run in the same way, must not fail.

An entry `>half` means that less than half of the trials found it. Seeds and steps are the same on every machine;
seconds (in JSON: microseconds) are not, and are compared with nothing. Worse than a baseline is a median beyond the 95 %
interval of the earlier one, or a failure that is not found any more. A cell (a failure under a strategy) in which the
baseline found nothing cannot be worse: --cells-within leaves it out, and those that took more steps in the baseline,
and says how many that are.

Examples:
  seedbed power                            everything: takes minutes
  seedbed power scenarios/publish --strategies swarm,pct-2
  seedbed power --trials 30 --seeds 64 --write-baseline power.json
  seedbed power --baseline power.json      exit code 1 if it has become worse
  seedbed power --baseline power.json --cells-within 400000
                                           the same in a fraction of the time, for CI";

const SHRINK_EXAMPLES: &str = "\
Every candidate is executed, and accepted only if it fails with the same invariant and the same cause.

Examples:
  seedbed shrink x.toml --seed 12          writes x.plan.toml
  seedbed shrink x.plan.toml -o y.plan.toml
                                           a plan, smaller
  seedbed shrink x.toml --seed 12 --relatives found
                                           keep the other failures met on the way, too";

const PROMOTE_EXAMPLES: &str = "\
A regression is replayed by every `seedbed run`, before anything is searched.

Examples:
  seedbed promote x.plan.toml --name lost-ack --sentence \"An acknowledged mail is lost.\"
                                           to scenarios/<flow>/regressions/lost-ack.plan.toml
  seedbed promote x.plan.toml --name lost-ack --fails-on 1.0,1.1 --holds-on correct
                                           each of these is executed before anything is written
  seedbed promote scenarios/mailbox/regressions/lost-ack.plan.toml --refresh
                                           the code has changed: find the failure again, near the plan";

/// Deterministic simulation testing: run scenarios over many seeds, replay what failed.
#[derive(Debug, Parser)]
#[command(name = "seedbed", after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(disable_help_subcommand = true, max_term_width = 110)]
pub struct Cli {
    /// What to do; without one: `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `run`.
    #[command(flatten)]
    pub run: RunOptions,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios over their budget of seeds, and follow regression plans (the default).
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// One run: a scenario with a seed, or a plan.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
    /// Systematic search instead of seeds: every order of events, every placement of a few faults, every crash state.
    #[command(after_help = EXPLORE_EXAMPLES)]
    Explore(ExploreArguments),
    /// The smallest run that fails in the same way, from a failing seed or a plan.
    #[command(after_help = SHRINK_EXAMPLES)]
    Shrink(ShrinkArguments),
    /// Why a run fails: what matters in it, within what bounds, and what nearby run passes.
    #[command(after_help = look::EXPLAIN_EXAMPLES)]
    Explain(ExplainArguments),
    /// The causes of a step or an event, backwards.
    #[command(after_help = look::WHY_EXAMPLES)]
    Why(WhyArguments),
    /// The last step that changed a field of a node's state.
    #[command(after_help = look::WHEN_EXAMPLES)]
    When(WhenArguments),
    /// Where two plans' runs first differ, in events and in state.
    #[command(after_help = look::DIFF_EXAMPLES)]
    Diff(DiffArguments),
    /// Make a plan a regression, or find a regression's failure again.
    #[command(after_help = PROMOTE_EXAMPLES)]
    Promote(PromoteArguments),
    /// Is a run the same alone, after other seeds, and beside them? Names the first step that differs.
    #[command(after_help = audit::EXAMPLES)]
    Audit(AuditArguments),
    /// How fast each strategy finds each known failure.
    #[command(after_help = POWER_EXAMPLES)]
    Power(PowerArguments),
    /// Flows, variants, sites, invariants, scenarios.
    List(ListArguments),
    /// Are these files valid? All errors of all files, with line and column.
    Check(CheckArguments),
    /// Serve seeds to a parent process (what `--isolate` starts).
    #[command(hide = true)]
    Worker(WorkerArguments),
    /// Run seeds in a surrounding (what `audit` starts).
    #[command(hide = true)]
    AuditWorker(AuditWorkerArguments),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Scenario files, plan files or folders [default: scenarios]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// Options.
    #[command(flatten)]
    pub options: RunOptions,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// Use the scenarios' full budget of seeds
    #[arg(long, conflicts_with = "seeds")]
    pub full: bool,
    /// Run exactly these seeds: A..B, A..=B or one
    #[arg(long, value_name = "A..B")]
    pub seeds: Option<SeedRange>,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// For people, or one JSON object per scenario
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Settings laid over the files.
    #[command(flatten)]
    pub overlay: Overlay,
    /// Stop after the first scenario that is not as expected
    #[arg(long)]
    pub fail_fast: bool,
    /// Go on after a failing seed, and count them all
    #[arg(long)]
    pub keep_going: bool,
    /// Shrink each expected failure and compare it with expect.minimal
    #[arg(long)]
    pub check_minimal: bool,
    /// Search each scenario for this long, instead of for a number of seeds
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// Run in child processes: a crash or an endless loop becomes the verdict of its seed
    #[arg(long)]
    pub isolate: bool,
    /// Wall time one seed may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Settings laid over a scenario file.
#[derive(Clone, Debug, Default, Args)]
pub struct Overlay {
    /// Set a key of the scenario, by its path; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<Override>,
    /// Run this variant instead of the scenario's
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// How seeds are searched: mix, swarm, pct (pct-1, pct-2, pct-3), single-fault, swizzle, isolate-one, starve-one or
    /// mutation [default: the scenario's, or mix]
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// What a mutation goes back to, as its report names it: seeds, before them perhaps a plan
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub parents: Vec<String>,
    /// Mutations go back to the stored plans beside the scenario, too
    #[arg(long)]
    pub plans: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// A scenario (with --seed) or a plan
    #[arg(value_name = "SCENARIO|PLAN")]
    pub path: String,
    /// The seed, decimal or 0x…
    #[arg(long, value_name = "N")]
    pub seed: Option<Seed>,
    /// How much to show [default: card]
    #[arg(long, value_enum)]
    pub trace: Option<TraceMode>,
    /// End the run after this step, and show the state of each node as it is then
    #[arg(long, value_name = "STEP")]
    pub until: Option<u64>,
    /// Write the files of the simulated nodes, as they are when the run ends, to DIR/<node>/<path>
    #[arg(long, value_name = "DIR")]
    pub dump: Option<String>,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write the run as a plan
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
    /// Settings laid over the scenario.
    #[command(flatten)]
    pub overlay: Overlay,
    /// Wall time the run may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Arguments of `explore`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["exhaustive", "faults", "crash_states"])))]
pub struct ExploreArguments {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub path: String,
    /// Every order of events
    #[arg(long)]
    pub exhaustive: bool,
    /// Every placement of at most N faults
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub faults: Option<u8>,
    /// Recovery from every crash state at every barrier
    #[arg(long)]
    pub crash_states: bool,
    /// With --exhaustive: leave out schedules that show what others do
    #[arg(long, value_name = "HOW,…", value_enum, value_delimiter = ',', requires = "exhaustive")]
    pub reduce: Vec<Reduce>,
    /// Only these sites [default: with --exhaustive those of [explore], with --faults every fault and re-entry]
    #[arg(long, value_name = "SITE,…", value_delimiter = ',')]
    pub sites: Option<Vec<String>>,
    /// Execute at most this many runs
    #[arg(long, visible_alias = "max-schedules", value_name = "N", default_value_t = 1_000_000)]
    pub max_runs: u64,
    /// Draw generated operations from this seed
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: Seed,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write the first failure as a plan
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan_dir")]
    pub output: Option<String>,
    /// Write the first failure as a plan into this folder, named after the scenario
    #[arg(long, value_name = "FOLDER")]
    pub plan_dir: Option<String>,
    /// Settings laid over the scenario.
    #[command(flatten)]
    pub overlay: Overlay,
    /// Wall time one run may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Arguments of `shrink`.
#[derive(Debug, Args)]
pub struct ShrinkArguments {
    /// A scenario (with --seed) or a plan
    #[arg(value_name = "SCENARIO|PLAN")]
    pub path: String,
    /// The failing seed, decimal or 0x…
    #[arg(long, value_name = "N")]
    pub seed: Option<Seed>,
    /// The plan to write [default: the scenario's name in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
    /// Write failures of another kind, met on the way, into this folder
    #[arg(long, value_name = "FOLDER")]
    pub relatives: Option<String>,
    /// Executions it may take
    #[arg(long, value_name = "N", default_value_t = EXECUTIONS_DEFAULT)]
    pub executions: u64,
    /// Candidates executed at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Settings laid over the scenario.
    #[command(flatten)]
    pub overlay: Overlay,
    /// Wall time one execution may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct PromoteArguments {
    /// A plan
    #[arg(value_name = "PLAN")]
    pub path: String,
    /// The regression's name, in kebab-case
    #[arg(long, value_name = "X", value_parser = kebab_case, conflicts_with = "refresh")]
    pub name: Option<String>,
    /// One sentence: what happens in this run
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
    /// Variants on which it must fail [default: the plan's]
    #[arg(long, value_name = "V,…", value_delimiter = ',')]
    pub fails_on: Vec<String>,
    /// Variants on which it must hold [default: `correct`, if there is one]
    #[arg(long, value_name = "V,…", value_delimiter = ',')]
    pub holds_on: Vec<String>,
    /// Search near the plan for its failure, and write it anew
    #[arg(long)]
    pub refresh: bool,
    /// Executions the search may take
    #[arg(long, value_name = "N", default_value_t = EXECUTIONS_DEFAULT)]
    pub executions: u64,
    /// Candidates executed at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Wall time one execution may take before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Arguments of `power`.
#[derive(Debug, Args)]
pub struct PowerArguments {
    /// Scenario files or folders; those that must fail are the catalogue [default: scenarios]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// Strategies to compare [default: all; pct with depths 1 to 3 together]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub strategies: Option<Vec<String>>,
    /// Independent trials per failure and strategy [default: as many as the baseline had; 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub trials: Option<u64>,
    /// Seeds a trial may take [default: as many as in the baseline; 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub seeds: Option<u64>,
    /// Seeds of the corrected variant, to look for false alarms
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub clean_seeds: u64,
    /// Compare with this earlier measurement
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<String>,
    /// Measure only what can be worse than the baseline, and took at most this many steps in it
    #[arg(long, value_name = "STEPS", requires = "baseline", conflicts_with_all = ["strategies", "write_baseline", "markdown"])]
    pub cells_within: Option<u64>,
    /// Write the measurement, to be compared with later
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<String>,
    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<String>,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// For people, or one JSON object per failure and strategy
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only the reference of faults, as Markdown: what each does, how often, and where the real world does it
    #[arg(long)]
    pub faults: bool,
    /// For people, or one JSON object per flow and per scenario
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "faults")]
    pub format: Format,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Scenario files, plan files or folders [default: scenarios]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// For people, or one JSON object per file
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of a child process.
#[derive(Debug, Args)]
pub struct WorkerArguments {
    /// The scenario.
    pub path: String,
    /// Settings laid over it.
    #[command(flatten)]
    pub overlay: Overlay,
    /// Go on after a failing seed.
    #[arg(long)]
    pub keep_going: bool,
    /// Wall time of one seed.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub run_limit: Duration,
}

/// Which schedules are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reduce {
    /// Those that reach a state from which everything was executed
    State,
    /// Those that differ in the order of events on different nodes only
    Independence,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// How much of a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceMode {
    /// The verdict in one line
    None,
    /// What broke and what was unusual
    Card,
    /// Every event, one column per node
    Full,
}

impl Overlay {
    /// All of it, in the order in which it applies.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let mut all = self.settings.clone();
        all.extend(self.variant.as_deref().map(Override::variant));
        all.extend(self.strategy.as_deref().map(Override::strategy));
        if !self.parents.is_empty() {
            let parents: Vec<String> = self.parents.iter().map(|parent| toml_word(parent)).collect();
            let setting = Override::parse(&format!("search.parents=[{}]", parents.join(",")));
            all.extend(setting.ok());
        }
        if self.plans {
            all.extend(Override::parse("search.plans=true").ok());
        }
        all
    }

    /// Whether anything but the variant is laid over.
    #[must_use]
    pub fn changes_more_than_the_variant(&self) -> bool {
        !self.settings.is_empty() || self.strategy.is_some() || !self.parents.is_empty() || self.plans
    }

    /// The arguments that give this overlay again.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(variant) = &self.variant {
            arguments.extend(["--variant".to_owned(), variant.clone()]);
        }
        if let Some(strategy) = &self.strategy {
            arguments.extend(["--strategy".to_owned(), strategy.clone()]);
        }
        if self.plans {
            arguments.push("--plans".to_owned());
        }
        for setting in &self.settings {
            arguments.extend(["--set".to_owned(), format!("{}={}", setting.key, setting.value)]);
        }
        arguments
    }
}

/// A seed as it is, a path as a string.
fn toml_word(parent: &str) -> String {
    match parent.parse::<u64>() {
        Ok(seed) => seed.to_string(),
        Err(_) => toml::Value::String(parent.to_owned()).to_string(),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a positive duration, as in 250ms, 60s or 10m".to_owned()),
    }
}

fn kebab_case(text: &str) -> Result<String, String> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if text.split('-').all(is_word) {
        Ok(text.to_owned())
    } else {
        Err("expected a name in kebab-case, as in lost-ack".to_owned())
    }
}

fn setting(text: &str) -> Result<Override, String> {
    Override::parse(text).map_err(|complaint| complaint.to_string())
}
