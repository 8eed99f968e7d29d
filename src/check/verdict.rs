//! What a run or a sweep amounts to: verdicts, failures and their fingerprints.

use serde::{Deserialize, Serialize};

/// The answer of a run (or of a whole sweep).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every invariant held for as long as the run lasted, and it ended by itself.
    Holds,
    /// An invariant was violated.
    Violates,
    /// Code under test panicked.
    Panics,
    /// Progress stopped: a task wakes itself for ever, or time stands still.
    Hangs,
    /// A budget was used up before there was an answer: unknown, not passed.
    Budget,
    /// A sweep in which something declared was never exercised.
    Vacuous,
    /// Two executions of the same run differed.
    Nondeterministic,
}

impl Verdict {
    /// The word used in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violates => "violates",
            Verdict::Panics => "panics",
            Verdict::Hangs => "hangs",
            Verdict::Budget => "budget",
            Verdict::Vacuous => "vacuous",
            Verdict::Nondeterministic => "nondeterministic",
        }
    }
}

/// Names a failure: two runs with equal fingerprints failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Kebab-case id of the invariant that was violated.
    pub invariant: String,
    /// Short, stable cause given by the check.
    pub cause: String,
}

/// One violated invariant, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Kebab-case id of the invariant that was violated.
    pub invariant: String,
    /// Short and stable; part of the fingerprint.
    pub cause: String,
    /// For people: what exactly was seen, with names and values.
    pub detail: String,
    /// The step after which it was found.
    pub step: u64,
    /// Virtual time of that step, in nanoseconds since the start of the run.
    pub at_ns: u64,
}

impl Failure {
    /// The part of the failure that identifies it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { invariant: self.invariant.clone(), cause: self.cause.clone() }
    }
}
