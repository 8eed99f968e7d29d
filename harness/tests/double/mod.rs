//! A test double for a flow: what each seed does is written in its configuration, so that tests of sweeps and
//! of the command line can ask for a failure, a crash, an endless loop or a difference exactly where they
//! want it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use seedbed::check::{Evaluations, Failure, InvariantInfo, InvariantKind, Promise, Verdict};
use seedbed::choice::{Anchoring, Deviation, Rate, Script, Seed, Site, SiteCount};
use seedbed::flow::{ConfigComplaint, FlowInfo, FlowSchema, Named, Needs};
use seedbed::run::{AnyFlow, RunReport, RunRequest, Source};
use seedbed::snapshot::States;
use seedbed::trace::{EventId, Header, Kind, Trace};
use serde::Deserialize;

static STRIKES: Site =
    Site::fault("double/strikes", "It strikes in every third seed.", Rate::per_million(1_000), Rate::HALF);
static SLUMBERS: Site = Site::fault("double/slumbers", "It never strikes.", Rate::per_million(1_000), Rate::HALF);
static TICK: Kind = Kind::new("tick", 't', "a step of the double", &["count"]);

const fn always(id: &'static str, kind: InvariantKind, doc: &'static str) -> InvariantInfo {
    InvariantInfo { id, kind, doc, promise: Promise::Always }
}

static INFO: FlowInfo = FlowInfo {
    name: "double",
    doc: "a test double whose configuration says which seed does what",
    source: "none",
    variants: &[
        Named { label: "1.0", doc: "does what the configuration says" },
        Named { label: "correct", doc: "never violates anything" },
    ],
    sites: &[&STRIKES, &SLUMBERS],
    invariants: &[
        always("safe", InvariantKind::Always, "nothing bad happens"),
        always("also-safe", InvariantKind::Always, "nothing else bad happens"),
        always("live", InvariantKind::Eventually, "something good happens"),
        always("unused", InvariantKind::Always, "never has anything to check"),
    ],
    sometimes: &[Named { label: "even", doc: "an even seed" }, Named { label: "never", doc: "never hit" }],
    marks: &[],
    events: &[],
    outcomes: &[Named { label: "ok", doc: "it went well" }],
    needs: Needs { host: false, fresh_thread: false },
};

/// Which seed does what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Config {
    /// Violate `safe`, and `also-safe` with it.
    unsafe_at: Vec<u64>,
    /// Violate `live`.
    stuck_at: Vec<u64>,
    panics_at: Vec<u64>,
    /// Reach the budget of steps.
    exhausted_at: Vec<u64>,
    /// A different digest each time.
    flaky_at: Vec<u64>,
    /// Abort the process.
    aborts_at: Vec<u64>,
    overflows_at: Vec<u64>,
    /// Never end.
    loops_at: Vec<u64>,
    /// The simulator itself panics.
    broken_at: Vec<u64>,
}

/// The double.
pub struct Double;

impl FlowSchema for Double {
    fn info(&self) -> &'static FlowInfo {
        &INFO
    }

    fn check_config(
        &self,
        _: &str,
        config: toml::de::ValueDeserializer<'_>,
    ) -> Result<Vec<ConfigComplaint>, toml::de::Error> {
        Config::deserialize(config).map(|_| Vec::new())
    }

    fn check_operation(&self, operation: toml::de::ValueDeserializer<'_>) -> Result<(), toml::de::Error> {
        u64::deserialize(operation).map(|_| ())
    }
}

impl AnyFlow for Double {
    fn draw_operations(&self, _: &toml::Table, seed: Seed, count: usize) -> Vec<(usize, toml::Value)> {
        (0..count).map(|index| (index, toml::Value::Integer((seed.0 % 100) as i64))).collect()
    }

    fn simpler(&self, _: &toml::Value) -> Vec<toml::Value> {
        Vec::new()
    }

    fn run(&self, request: &RunRequest<'_>) -> RunReport {
        let config = Config::deserialize(request.scenario.config.clone()).expect("was checked");
        let correct = request.scenario.variant == "correct";
        let mut strikes = request.seed.is_some_and(|seed| seed.0.is_multiple_of(3));
        let mut anchoring = Anchoring::default();
        let seed = request.seed.map_or(0, |seed| seed.0);
        let (violates, liveness) = match request.source {
            Source::Search | Source::Guided(_) | Source::Mixed(..) => {
                doom(&config, seed);
                (config.unsafe_at.contains(&seed), config.stuck_at.contains(&seed))
            }
            Source::Replay(script) | Source::Explore(seedbed::run::Exploring { script, .. }) => {
                let all = script.deviations.iter().cloned();
                let (found, unused): (Vec<_>, Vec<_>) = all.partition(|deviation| deviation.site == STRIKES.label);
                anchoring = Anchoring { used: found.len(), total: script.deviations.len(), unused };
                strikes = anchoring.used > 0;
                (strikes, false)
            }
        };
        strikes |= violates || liveness;
        let steps = 10 + seed % 7;
        let flaky = config.flaky_at.contains(&seed);
        let trace = trace(steps, seed, flaky);
        let failure = |invariant: &str, cause: &str| Failure {
            invariant: invariant.to_owned(),
            cause: cause.to_owned(),
            detail: format!("seed {seed} is listed"),
            step: steps - 1,
            at_ns: 1_000,
        };
        let (verdict, failure, also) = if config.panics_at.contains(&seed) {
            (Verdict::Panics, Some(failure("no-panic", "double.rs: on purpose")), Vec::new())
        } else if violates && !correct {
            (Verdict::Violates, Some(failure("safe", "listed")), vec![failure("also-safe", "listed too")])
        } else if liveness && !correct {
            (Verdict::Violates, Some(failure("live", "stuck")), Vec::new())
        } else if config.exhausted_at.contains(&seed) {
            (Verdict::Budget, None, Vec::new())
        } else {
            (Verdict::Holds, None, Vec::new())
        };
        let fired = SiteCount { offered: 2, armed: 1, fired: 1, observed: 1, ineligible: 0 };
        let quiet = SiteCount { offered: 2, ..SiteCount::default() };
        let evaluated = |antecedent| Evaluations { evaluated: steps, antecedent, unpromised: 0 };
        let strike = Deviation {
            site: STRIKES.label.to_owned(),
            actor: "client".to_owned(),
            n: seed,
            value: "yes".to_owned(),
            step: 3,
        };
        RunReport {
            verdict,
            failure,
            also,
            exhausted: (verdict == Verdict::Budget).then_some("steps"),
            steps,
            virtual_ns: 1_000,
            digest: trace.digest(),
            step_digests: trace.step_digests().to_vec(),
            outcomes: BTreeMap::from([("ok".to_owned(), 1)]),
            sometimes: BTreeMap::from([("even".to_owned(), u64::from(seed.is_multiple_of(2)))]),
            faults: BTreeMap::from([
                (STRIKES.label.to_owned(), if strikes { fired } else { quiet }),
                (SLUMBERS.label.to_owned(), quiet),
            ]),
            invariants: BTreeMap::from([("safe".to_owned(), evaluated(steps)), ("unused".to_owned(), evaluated(0))]),
            reentries: BTreeMap::new(),
            script: if strikes { Script { deviations: vec![strike] } } else { Script::default() },
            anchoring,
            operations: request.operations.map_or_else(|| vec![(0, toml::Value::Integer(1))], <[_]>::to_vec),
            trace: request.keep_trace.then_some(trace),
            offers: Vec::new(),
            timings: Vec::new(),
            signature: seed % 7,
            features: vec![seed % 7],
            states: States::default(),
        }
    }
}

/// What cannot be told in a report.
fn doom(config: &Config, seed: u64) {
    if config.aborts_at.contains(&seed) {
        std::process::abort();
    }
    if config.overflows_at.contains(&seed) {
        black_box(deeper(0));
    }
    while config.loops_at.contains(&seed) {
        std::hint::spin_loop();
    }
    assert!(!config.broken_at.contains(&seed), "a defect of the simulator");
}

fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { frame[7] + deeper(depth + 1) }
}

fn trace(steps: u64, seed: u64, flaky: bool) -> Trace {
    static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
    let drift = if flaky { EXECUTIONS.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
    let mut trace = Trace::new(true, 1_000);
    let node = trace.intern("node");
    let subject = trace.intern("clock");
    for step in 1..=steps {
        trace.begin_step(step);
        // The difference shows from step 5 on.
        let count = seed + if step >= 5 { drift } else { 0 };
        let header = Header { at_ns: step * 10, node, kind: &TICK, cause: EventId::ROOT, subject, args: [count, 0, 0] };
        trace.emit(header);
        trace.end_step();
    }
    trace
}
