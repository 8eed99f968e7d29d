//! Scenario files (`*.toml`) and plan files (`*.plan.toml`): their data, reading, checking and writing.
//!
//! Reading works on bytes and a path to show: nothing here touches a file system. Either everything in a file
//! is right, or the answer is every complaint about it at once, each with its place and a way out:
//!
//! ```text
//! scenarios/publish/x.toml:3:8: unknown flow `publsh`
//!   3 | flow = "publsh"
//!     |        ^^^^^^^^ did you mean `publish`?
//! ```

mod budget;
mod catalogue;
mod complaint;
mod contract;
mod duration;
mod expect;
mod explore;
mod faults;
mod fields;
mod findings;
mod flow_types;
mod header;
mod keys;
mod model;
mod nearest;
mod overrides;
mod plan;
mod read;
mod read_plan;
mod search;
mod seeds;
mod serde_words;
mod source;
mod values;
mod workload;
mod write_plan;

#[cfg(test)]
mod tests;

pub use catalogue::Catalogue;
pub use complaint::{Complaint, Complaints, Position};
pub use duration::{format_duration, parse_duration};
pub use model::{Budget, CheckMode, Claim, Expect, Explore, Minimal, Parent, Scenario, Search, StoredPlan, Workload};
pub use overrides::Override;
pub use plan::Plan;
pub use read::read_scenario;
pub use read_plan::read_plan;
pub use seeds::{SeedRange, SeedRangeError};
pub use source::MAX_FILE_BYTES;
pub use write_plan::{inline, write_plan};
