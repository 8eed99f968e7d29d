//! The historical forms of the server, as data. Each enum is one decision in which they differ; the code
//! that carries a decision out matches on it where it is taken.

/// What one variant of the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Label in scenario files.
    pub label: &'static str,
    /// One line: which code this is.
    pub doc: &'static str,
    /// How commands and transactions relate.
    pub discipline: Discipline,
    /// What the last close does to a nameplate that was not released.
    pub early_close: EarlyClose,
    /// When an app object is forgotten.
    pub idle_apps: IdleApps,
    /// What an exception inside the timer callback does to the timer.
    pub tick: TickGuard,
    /// Which nameplates a client may claim.
    pub names: NameplateNames,
    /// What happens to a command whose fields have wrong types.
    pub bad_input: BadInput,
    /// How a stored message reaches the listeners.
    pub fan_out: FanOut,
    /// Whether the welcome tells the client its own address.
    pub your_address: bool,
}

/// How commands and transactions relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// One implicit transaction per connection, shared by all clients; several commits inside a command; no
    /// rollback anywhere. Usage rows live in a database that is committed apart.
    SharedImplicit,
    /// One transaction per command (in pruning: per mailbox), rolled back on any error, with the usage rows
    /// in the same atomic unit (the usage file is attached to the same connection).
    PerCommand,
}

/// What the last close does to a nameplate that was not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyClose {
    /// Nothing: deleting the mailbox then violates the nameplate's foreign key.
    LeavesNameplate,
    /// Deletes every nameplate side that has the closer's side string, whatever nameplate it belongs to,
    /// then the mailbox's nameplates; no usage row for them.
    WipesSidesByName,
    /// Deletes the mailbox's nameplates with all their sides, and writes their usage rows.
    RetiresNameplate,
}

/// When an app object is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleApps {
    /// Never.
    Kept,
    /// After pruning, when it has no mailbox objects, although connections may still be bound to it.
    Dropped,
    /// After pruning, when it has neither mailbox objects nor bound connections.
    DroppedUnlessBound,
}

/// What an exception inside the timer callback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickGuard {
    /// It ends the timer for good.
    None,
    /// Pruning is guarded; an exception while writing the status row still ends the timer.
    PruneOnly,
    /// Both are guarded, and a failed tick is repeated early.
    Everything,
}

/// Which nameplates a client may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameplateNames {
    /// Any string.
    AnyText,
    /// At most 40 characters, all of them digits of some script, and perhaps a newline at the end.
    Digits,
}

/// What happens to a command whose fields have wrong types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInput {
    /// An exception escapes the handler: the connection is dropped without a reply, possibly in mid-command.
    DropsConnection,
    /// An `error` reply, before anything is touched. Only a frame that is no JSON object drops the connection.
    AnswersError,
}

/// How a stored message reaches the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanOut {
    /// By iterating the live dictionary and calling each listener in turn: a change of its size ends the
    /// iteration with an exception, a listener that raises keeps the later ones from being called.
    LiveDictionary,
    /// Through one ordered outbox per listener, each failing alone; a message stored from inside a delivery
    /// is delivered to everybody after the one being delivered.
    Outboxes,
}

/// The code that ran on the day of the incident: commit 60c924a, the server of release 0.3.1.
pub const RELEASE_0_3_1: Rules = Rules {
    label: "0.3.1",
    doc: "the code of the incident (commit 60c924a): implicit transactions, unguarded pruning timer",
    discipline: Discipline::SharedImplicit,
    early_close: EarlyClose::LeavesNameplate,
    idle_apps: IdleApps::Kept,
    tick: TickGuard::None,
    names: NameplateNames::AnyText,
    bad_input: BadInput::DropsConnection,
    fan_out: FanOut::LiveDictionary,
    your_address: false,
};

/// Release 0.8.0, commit d4e42ad: the pruning guard of 0.4.0 and the nameplate deletion of 0.5.0 included.
pub const RELEASE_0_8_0: Rules = Rules {
    label: "0.8.0",
    doc: "release 0.8.0 (commit d4e42ad): pruning guarded, close deletes nameplate sides by their name",
    discipline: Discipline::SharedImplicit,
    early_close: EarlyClose::WipesSidesByName,
    idle_apps: IdleApps::Dropped,
    tick: TickGuard::PruneOnly,
    names: NameplateNames::Digits,
    bad_input: BadInput::DropsConnection,
    fan_out: FanOut::LiveDictionary,
    your_address: true,
};

/// What the server should do.
pub const CORRECT: Rules = Rules {
    label: "correct",
    doc: "one transaction per command, usage in the same unit, isolated pruning and fan-out",
    discipline: Discipline::PerCommand,
    early_close: EarlyClose::RetiresNameplate,
    idle_apps: IdleApps::DroppedUnlessBound,
    tick: TickGuard::Everything,
    names: NameplateNames::Digits,
    bad_input: BadInput::AnswersError,
    fan_out: FanOut::Outboxes,
    your_address: true,
};

/// All variants, oldest first.
pub const ALL: [Rules; 3] = [RELEASE_0_3_1, RELEASE_0_8_0, CORRECT];

/// The rules of a variant.
#[must_use]
pub fn by_label(label: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.label == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: labels are unique, and each finds its rules.
    #[test]
    fn labels_find_their_rules() {
        assert!(ALL.iter().all(|rules| by_label(rules.label) == Some(rules)));
        assert_eq!(by_label("0.4.1"), None);
    }
}
