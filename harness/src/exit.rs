//! What the process answers to its caller: one exit code for everything that happened.

use std::process::ExitCode;

/// The exit codes of the command line. Scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything is as the scenarios expect.
    AsExpected,
    /// 1: an expectation is not met (also a panic, a failure nobody owned, a vacuous sweep).
    Unmet,
    /// 2: the command line or a file is wrong; nothing was run.
    Usage,
    /// 3: liveness is violated, or a run hangs.
    Liveness,
    /// 4: two executions of the same run differed.
    Nondeterminism,
    /// 5: the tool itself failed.
    Tool,
    /// 6: a budget was reached before there was an answer.
    Budget,
}

impl Exit {
    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Exit::AsExpected => 0,
            Exit::Unmet => 1,
            Exit::Usage => 2,
            Exit::Liveness => 3,
            Exit::Nondeterminism => 4,
            Exit::Tool => 5,
            Exit::Budget => 6,
        }
    }

    /// Of two answers the graver one. A broken tool and a broken premise (determinism) make every other
    /// answer doubtful, so they come first; "unknown" weighs least of all that is not fine.
    #[must_use]
    pub fn graver(self, other: Exit) -> Exit {
        if other.gravity() > self.gravity() { other } else { self }
    }

    const fn gravity(self) -> u8 {
        match self {
            Exit::Usage => 6,
            Exit::Tool => 5,
            Exit::Nondeterminism => 4,
            Exit::Unmet => 3,
            Exit::Liveness => 2,
            Exit::Budget => 1,
            Exit::AsExpected => 0,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_answers_the_gravest_wins_whatever_the_order() {
        let ranked = [Exit::Tool, Exit::Nondeterminism, Exit::Unmet, Exit::Liveness, Exit::Budget, Exit::AsExpected];
        assert_eq!(ranked.map(Exit::code), [5, 4, 1, 3, 6, 0]);
        for (at, graver) in ranked.iter().enumerate() {
            for lighter in &ranked[at..] {
                assert_eq!(graver.graver(*lighter), *graver);
                assert_eq!(lighter.graver(*graver), *graver);
            }
        }
    }
}
