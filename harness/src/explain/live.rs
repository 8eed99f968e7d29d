//! How far an explanation is; it plays no part in the result.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

/// A part of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Which deviations suffice.
    Subsets,
    /// Which operations and deviations are needed, and which other values would do.
    Necessity,
    /// Within which bounds numbers fail.
    Ranges,
    /// The nearest passing run.
    Twin,
    /// The point of no return.
    NoReturn,
}

impl Part {
    const ALL: [Part; 5] = [Part::Subsets, Part::Necessity, Part::Ranges, Part::Twin, Part::NoReturn];

    /// The part in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Part::Subsets => "sets of deviations",
            Part::Necessity => "what is necessary",
            Part::Ranges => "ranges of numbers",
            Part::Twin => "the nearest passing run",
            Part::NoReturn => "the point of no return",
        }
    }
}

/// Numbers for whoever watches.
#[derive(Debug, Default)]
pub struct Live {
    /// Executions so far.
    pub executions: AtomicU64,
    part: AtomicUsize,
}

impl Live {
    pub(super) fn begin(&self, part: Part) {
        self.part.store(part as usize, Ordering::Relaxed);
    }

    /// What is being found out.
    #[must_use]
    pub fn part(&self) -> Part {
        Part::ALL[self.part.load(Ordering::Relaxed) % Part::ALL.len()]
    }
}
