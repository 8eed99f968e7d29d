//! Invariants, what their violation means, and the verdict of a run.

mod checks;
mod invariant;
mod mode;
mod verdict;
mod witness;

pub use checks::{Checks, Evaluations};
pub use invariant::{BUILT_IN, InvariantInfo, InvariantKind, Outcome, Promise, Violation};
pub use mode::CheckMode;
pub use verdict::{Failure, Fingerprint, Verdict};
pub use witness::{Findings, Witness};
