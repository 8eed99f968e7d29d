//! The trait a system under test implements, and the erased part of it that validation of files needs.
//!
//! A flow declares itself once ([`FlowInfo`]: variants, sites, invariants, marks …), generates operations,
//! and builds its nodes into a [`World`]. Everything else (seeds, faults, checks, shrinking) comes from outside.
//!
//! ```
//! use std::cell::Cell;
//! use std::rc::Rc;
//!
//! use seedbed::check::Verdict;
//! use seedbed::prelude::*;
//!
//! struct Counter;
//!
//! impl Flow for Counter {
//!     type Config = NoConfig;
//!     type Op = u8;
//!
//!     const INFO: FlowInfo = FlowInfo {
//!         variants: &[Named::new("1.0", "adds what arrives, as often as it arrives")],
//!         invariants: &[InvariantInfo::always("adds-up", "the sum is never more than was sent")],
//!         ..FlowInfo::new("counter", "a counter behind a network", "made up")
//!     };
//!
//!     fn operation(_: &NoConfig) -> BoxedStrategy<u8> {
//!         (1_u8..10).boxed()
//!     }
//!
//!     fn build(world: &World, setup: Setup<Self>) {
//!         let (sum, sent) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
//!         let (adds, sends) = (sum.clone(), sent.clone());
//!         world.node("server", move |node| server(node, adds.clone()));
//!         world.client("client", move |node| client(node, setup.operations.clone(), sends.clone()));
//!         world.always("adds-up", move || match (sum.get(), sent.get()) {
//!             (0, _) => Outcome::Idle,
//!             (sum, sent) if sum <= sent => Outcome::Held,
//!             (sum, sent) => Outcome::violated("too much", format!("{sum} of {sent}")),
//!         });
//!     }
//! }
//!
//! async fn server(node: Node, sum: Rc<Cell<u32>>) {
//!     let Ok(listener) = node.net().listen("add") else { return };
//!     while let Ok(stream) = listener.accept().await {
//!         let requests = Messages::new(stream);
//!         while let Ok(request) = requests.recv().await {
//!             sum.set(sum.get() + u32::from(request[0]));
//!         }
//!     }
//! }
//!
//! async fn client(node: Node, numbers: Vec<(usize, u8)>, sent: Rc<Cell<u32>>) {
//!     let Ok(stream) = node.net().connect("server", "add").await else { return };
//!     let requests = Messages::new(stream);
//!     for (_, number) in numbers {
//!         sent.set(sent.get() + u32::from(number));
//!         if requests.send(&[number]).is_err() {
//!             return; // the connection is gone
//!         }
//!     }
//! }
//!
//! let fine = r#"
//!     seedbed = 1
//!     goal = "Numbers add up."
//!     flow = "counter"
//!     variant = "1.0"
//!     workload.operations = 3
//!     expect.holds = true
//! "#;
//! assert_eq!(seedbed::run::once::<Counter>(fine, 1)?.verdict, Verdict::Holds);
//!
//! let each_twice = format!("{fine}faults = {{ \"net/duplicate\" = 1.0 }}");
//! let report = seedbed::run::once::<Counter>(&each_twice, 1)?;
//! assert_eq!(report.failure.unwrap().invariant, "adds-up");
//! # Ok::<(), seedbed::scenario::Complaints>(())
//! ```

use std::fmt::Debug;

use proptest::strategy::BoxedStrategy;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::check::InvariantInfo;
use crate::choice::Site;
use crate::world::World;

/// Everything a flow declares: the names a scenario may use, each with one line of documentation.
#[derive(Clone, Copy, Debug)]
pub struct FlowInfo {
    /// The flow's name in scenario files.
    pub name: &'static str,
    /// One line: the system it models.
    pub doc: &'static str,
    /// Where the behaviour comes from: ticket, commit, release.
    pub source: &'static str,
    /// Historical forms: `<release>`, `<release>+<patch>` or `correct`.
    pub variants: &'static [Named],
    /// The flow's own choice sites (those of the engine are known without being listed).
    pub sites: &'static [&'static Site],
    /// The flow's invariants (the built-in ones are known without being listed).
    pub invariants: &'static [InvariantInfo],
    /// Things that should happen at least once in a sweep.
    pub sometimes: &'static [Named],
    /// Points of the run's story that `[explore] from` may name.
    pub marks: &'static [Named],
    /// Labels of its queued events, for `[explore] events`.
    pub events: &'static [Named],
    /// The outcomes its operations are counted under.
    pub outcomes: &'static [Named],
    /// What its runs need of the process.
    pub needs: Needs,
}

impl Named {
    /// A label and what it means.
    #[must_use]
    pub const fn new(label: &'static str, doc: &'static str) -> Named {
        Named { label, doc }
    }
}

/// The configuration of a flow that has none.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

impl FlowInfo {
    /// A declaration in which only the name, what it models and the source are filled in; for struct update syntax.
    #[must_use]
    pub const fn new(name: &'static str, doc: &'static str, source: &'static str) -> FlowInfo {
        FlowInfo {
            name,
            doc,
            source,
            variants: &[],
            sites: &[],
            invariants: &[],
            sometimes: &[],
            marks: &[],
            events: &[],
            outcomes: &[],
            needs: Needs { host: false, fresh_thread: true },
        }
    }
}

/// A public label with one line of documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The stable label.
    pub label: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What a flow's runs need of the process they run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Its code reads std's clock or randomness: refused without the madsim host.
    pub host: bool,
    /// Runs must not share a thread, because std seeds hash maps once per thread. True unless the flow
    /// knows that it iterates over no hash map.
    pub fresh_thread: bool,
}

/// What a flow is built from.
#[derive(Clone, Debug)]
pub struct Setup<F: Flow> {
    /// One of [`FlowInfo::variants`].
    pub variant: String,
    /// The scenario's `[flow-config]`.
    pub config: F::Config,
    /// The operations of this run, each with the index it had when it was generated or listed (shrinking
    /// removes some; indices stay).
    pub operations: Vec<(usize, F::Op)>,
}

/// A system under test.
pub trait Flow: Sized + 'static {
    /// Typed `[flow-config]`; use `#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]`.
    type Config: DeserializeOwned + Clone + Debug;
    /// One operation of the workload: plain data.
    type Op: Serialize + DeserializeOwned + Clone + Debug;

    /// The flow's declaration.
    const INFO: FlowInfo;

    /// How an operation is drawn.
    fn operation(config: &Self::Config) -> BoxedStrategy<Self::Op>;

    /// Simpler forms of an operation, simplest first; empty when there are none.
    fn simpler(operation: &Self::Op) -> Vec<Self::Op> {
        let _ = operation;
        Vec::new()
    }

    /// Smaller configurations, the smallest first: fewer nodes, fewer copies. Each answer is a set of keys to lay
    /// over the `[flow-config]`; following the answers must come to an end. Empty when there are none.
    fn smaller(config: &Self::Config) -> Vec<toml::Table> {
        let _ = config;
        Vec::new()
    }

    /// Whether a configuration makes sense, beyond what its type says. The message names the key.
    ///
    /// # Errors
    /// One message per complaint.
    fn validate(variant: &str, config: &Self::Config) -> Result<(), Vec<ConfigComplaint>> {
        let _ = (variant, config);
        Ok(())
    }

    /// Builds nodes, checks and workload into the world of one run.
    fn build(world: &World, setup: Setup<Self>);
}

/// One thing wrong with a `[flow-config]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigComplaint {
    /// The key inside `[flow-config]`, as in `placement.s3`.
    pub key: String,
    /// What is wrong with its value and what was expected.
    pub message: String,
}

/// What reading scenario and plan files needs to know of a flow, without its types.
///
/// Running one, erased likewise, is `run::AnyFlow`, which extends this trait.
pub trait FlowSchema: Send + Sync {
    /// The flow's declaration.
    fn info(&self) -> &'static FlowInfo;

    /// Reads a `[flow-config]` as the flow's own type, then asks [`Flow::validate`].
    ///
    /// # Errors
    /// What the type says; the error carries the place in the file. Complaints of the flow itself are the
    /// value, because their places have to be looked up by key.
    fn check_config(
        &self,
        variant: &str,
        config: toml::de::ValueDeserializer<'_>,
    ) -> Result<Vec<ConfigComplaint>, toml::de::Error>;

    /// Reads one operation as the flow's own type.
    ///
    /// # Errors
    /// What the type says; the error carries the place in the file.
    fn check_operation(&self, operation: toml::de::ValueDeserializer<'_>) -> Result<(), toml::de::Error>;
}
