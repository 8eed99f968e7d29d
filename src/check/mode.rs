//! What happens when an invariant is violated.

/// What happens when an invariant is violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckMode {
    /// The run stops and has failed.
    Stop,
    /// It is noted, shown under "also", and the run goes on.
    Record,
    /// It is not evaluated.
    Off,
}
