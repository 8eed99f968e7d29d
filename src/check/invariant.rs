//! How invariants are declared, and what one evaluation answers.

/// When an invariant is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvariantKind {
    /// After every step.
    Always,
    /// At the end of the settle phase: faults have stopped and the system was healed.
    Eventually,
    /// Once, at the very end.
    AtEnd,
}

/// The faults under which an invariant is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Under every fault Seedbed can inject into this flow.
    Always,
    /// Under every fault except these sites: once one of them has fired in a run, a violation is
    /// counted as "unpromised" and does not fail the run.
    Unless(&'static [&'static str]),
}

/// The public declaration of an invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvariantInfo {
    /// Kebab-case id; public API.
    pub id: &'static str,
    /// When it is evaluated.
    pub kind: InvariantKind,
    /// One line: what must hold.
    pub doc: &'static str,
    /// The faults under which it is claimed.
    pub promise: Promise,
}

impl InvariantInfo {
    /// One that must hold after every step, whatever the faults.
    #[must_use]
    pub const fn always(id: &'static str, doc: &'static str) -> InvariantInfo {
        InvariantInfo { id, kind: InvariantKind::Always, doc, promise: Promise::Always }
    }

    /// One that must hold once faults have stopped and the system has settled.
    #[must_use]
    pub const fn eventually(id: &'static str, doc: &'static str) -> InvariantInfo {
        InvariantInfo { kind: InvariantKind::Eventually, ..InvariantInfo::always(id, doc) }
    }

    /// One that is looked at once, at the very end.
    #[must_use]
    pub const fn at_end(id: &'static str, doc: &'static str) -> InvariantInfo {
        InvariantInfo { kind: InvariantKind::AtEnd, ..InvariantInfo::always(id, doc) }
    }

    /// The same, claimed only as long as none of these sites has fired.
    #[must_use]
    pub const fn unless(self, sites: &'static [&'static str]) -> InvariantInfo {
        InvariantInfo { promise: Promise::Unless(sites), ..self }
    }
}

/// What one evaluation of an invariant found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its antecedent was false: nothing was there to check.
    Idle,
    /// There was something to check, and it held.
    Held,
    /// Violated.
    Violated(Violation),
}

/// Why an invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Short and stable (no numbers that vary from seed to seed); part of the fingerprint.
    pub cause: String,
    /// For people.
    pub detail: String,
}

impl Outcome {
    /// A violation with its cause and its detail.
    pub fn violated(cause: impl Into<String>, detail: impl Into<String>) -> Outcome {
        Outcome::Violated(Violation { cause: cause.into(), detail: detail.into() })
    }
}

/// Invariants every flow has without declaring them.
pub const BUILT_IN: &[InvariantInfo] = &[
    InvariantInfo {
        id: "no-panic",
        kind: InvariantKind::Always,
        doc: "code under test does not panic",
        promise: Promise::Always,
    },
    InvariantInfo {
        id: "no-hang",
        kind: InvariantKind::Always,
        doc: "every step ends, and virtual time moves on",
        promise: Promise::Always,
    },
    InvariantInfo {
        id: "no-unowned-failure",
        kind: InvariantKind::Always,
        doc: "every failure is consumed by somebody",
        promise: Promise::Always,
    },
    InvariantInfo {
        id: "no-conflicting-borrow",
        kind: InvariantKind::Always,
        doc: "a re-entry cell is not borrowed while a conflicting borrow is alive",
        promise: Promise::Always,
    },
    InvariantInfo {
        id: "borrow-held-across-await",
        kind: InvariantKind::Always,
        doc: "no guard of a re-entry cell is alive when a step has ended",
        promise: Promise::Always,
    },
    InvariantInfo {
        id: "nothing-after-stop",
        kind: InvariantKind::AtEnd,
        doc: "a node that was told to stop does nothing any more",
        promise: Promise::Always,
    },
];
