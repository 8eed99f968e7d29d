//! Systematic search instead of seeds: every order of events of a small case, every placement of a few faults, or every
//! crash state.
//!
//! Both are trees of runs. A run is a script on top of the quiet run; its children deviate once more, later than
//! all that the script says. Each node of the tree is executed exactly once, and the offers that its run made say
//! which children it has. Nothing is cloned or undone: a child is its parent's prefix, replayed.
//!
//! | file | holds |
//! |---|---|
//! | `schedules` | the tree of all orders |
//! | `reduce` | schedules that need not be executed |
//! | `faults` | the tree of fault placements |
//! | `crashes` | the tree of crash states |
//! | `tree` | walking a tree on several threads, with a result that does not depend on their number |
//! | `summary` | what is kept of the runs |
//! | `latencies` | an order, told as latencies |
//! | `plan` | a found failure as a plan that replays by time |

mod crashes;
mod faults;
mod latencies;
mod parallel;
mod plan;
mod reduce;
mod schedules;
mod summary;
mod tree;

pub use crashes::{CrashCount, CrashStates, explore_crashes};
pub use faults::{Coverage, Placements, listed, place_faults};
pub use parallel::{Flow, in_order};
pub use plan::{Told, tell};
pub use reduce::Reduction;
pub use schedules::{Schedules, explore_schedules};
pub use summary::{Found, Summary};
pub use tree::{Bounds, Trouble};

use seedbed::choice::{Script, Site};
use seedbed::kernel::Dispatch;
use seedbed::run::{AnyFlow, Exploring, RunReport, Source, sites_of};
use seedbed::scenario::Scenario;

use crate::execute::{Execution, ToolFailure};

/// What is explored.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// The scenario, validated.
    pub scenario: &'a Scenario,
    /// What generated operations are drawn from.
    pub seed: u64,
}

impl Subject<'_> {
    /// The order of dispatch in which every order is possible.
    #[must_use]
    pub fn by_choice(&self) -> Dispatch {
        let bounds = &self.scenario.explore;
        Dispatch::ByChoice { from: bounds.from.clone(), events: bounds.events.clone() }
    }

    /// Executes one run of an exploration.
    ///
    /// # Errors
    /// When the tool itself fails.
    pub fn run(&self, deviations: &Deviations, sites: &[String], dispatch: Dispatch) -> Result<RunReport, ToolFailure> {
        self.run_listing(deviations, sites, usize::MAX, dispatch)
    }

    /// [`Subject::run`] that lists the first offers only.
    fn run_listing(
        &self,
        deviations: &Deviations,
        sites: &[String],
        offers_max: usize,
        dispatch: Dispatch,
    ) -> Result<RunReport, ToolFailure> {
        let exploring = Exploring {
            script: &deviations.once,
            lasting: &deviations.lasting.deviations,
            sites,
            offers_max,
            from: self.scenario.explore.from.as_deref(),
        };
        let execution =
            Execution { source: Source::Explore(exploring), ..Execution::of_seed(self.flow, self.scenario, self.seed) };
        execution.run_by(dispatch, false)
    }

    /// Whether a site's value is fixed by the scenario.
    fn is_pinned(&self, site: &Site) -> bool {
        let setting = self.scenario.faults.of(site);
        setting.is_some_and(|setting| setting.pin.is_some())
    }

    /// Every site of the flow and of the engine.
    fn sites(&self) -> impl Iterator<Item = &'static Site> {
        sites_of(self.flow.info())
    }
}

/// What a run of an exploration does differently from the quiet run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deviations {
    /// Single choices.
    pub once: Script,
    /// Choices that hold from there on.
    pub lasting: Script,
}
