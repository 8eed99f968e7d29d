//! How a stretch of a run ended, and what the kernel itself noticed going wrong.

use crate::trace::EventId;

/// Why the loop returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is queued and nothing is ready.
    Quiescent,
    /// The deadline of this stretch was reached.
    Deadline,
    /// The condition the caller waited for holds.
    Done,
    /// The step hook asked to stop.
    Stopped,
    /// The kernel noticed a failure (see [`Sim::incidents`](super::Sim::incidents)) that ends a run: a panic or a hang.
    Failed,
    /// A budget was used up.
    Exhausted(Exhausted),
}

/// Which budget was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// [`Limits::steps_max`](super::Limits).
    Steps,
    /// [`Limits::time_max`](super::Limits).
    Virtual,
    /// The number of trace events.
    Trace,
}

impl Exhausted {
    /// The key of the budget in a scenario file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Exhausted::Steps => "steps",
            Exhausted::Virtual => "virtual",
            Exhausted::Trace => "trace-events",
        }
    }
}

/// A failure noticed by the kernel, or by what is built on it, rather than by an invariant of the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Of which sort.
    pub kind: IncidentKind,
    /// Short and stable, without numbers that vary.
    pub cause: String,
    /// For people.
    pub detail: String,
    /// The step in which it was noticed.
    pub step: u64,
    /// The trace event that stands for it.
    pub event: EventId,
}

/// Sorts of incidents; each is a built-in invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentKind {
    /// Code under test panicked.
    Panic,
    /// A step does not end, or time stands still.
    Hang,
    /// An error that nobody consumed.
    Unowned,
    /// A re-entry cell was borrowed while a conflicting borrow was alive.
    ConflictingBorrow,
    /// A guard of a re-entry cell was alive when a step had ended.
    BorrowAcrossAwait,
    /// A node that was told to stop did something.
    AfterStop,
}

impl IncidentKind {
    /// The id of the built-in invariant this incident violates.
    #[must_use]
    pub const fn invariant(self) -> &'static str {
        match self {
            IncidentKind::Panic => "no-panic",
            IncidentKind::Hang => "no-hang",
            IncidentKind::Unowned => "no-unowned-failure",
            IncidentKind::ConflictingBorrow => "no-conflicting-borrow",
            IncidentKind::BorrowAcrossAwait => "borrow-held-across-await",
            IncidentKind::AfterStop => "nothing-after-stop",
        }
    }

    /// Whether a run cannot go on after it.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        matches!(self, IncidentKind::Panic | IncidentKind::Hang | IncidentKind::ConflictingBorrow)
    }
}
