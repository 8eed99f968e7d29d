//! What must hold, as pure functions over committed rows, objects in memory and history. Who evaluates them, and
//! when, is the flow's business; nothing here knows a simulation.
//!
//! | file | promises about |
//! |---|---|
//! | [`rows`] | what is in the channel database |
//! | [`memory`] | objects in memory against rows |
//! | [`time`] | pruning, expiry, names coming back, the status row |
//! | [`usage`] | the accounting in the usage database |
//! | [`wire`] | what clients are answered and sent |
//! | [`ends`] | what a pair of clients gets in the end |
//! | [`crash`] | what a restart finds |

pub mod crash;
pub mod ends;
pub mod memory;
pub mod rows;
pub mod time;
pub mod usage;
pub mod wire;

use crate::check::{InvariantInfo, InvariantKind, Outcome, Promise};

/// The wall clock of the server is set back.
pub const CLOCK_BACK: &str = "mailbox/clock-back";
/// The wall clock of the server is set forward.
pub const CLOCK_FORWARD: &str = "mailbox/clock-forward";
/// Somebody outside holds a lock on a database for longer than the server waits.
pub const OUTSIDE_LOCK: &str = "mailbox/outside-lock";

const fn always(id: &'static str, doc: &'static str, promise: Promise) -> InvariantInfo {
    InvariantInfo { id, kind: InvariantKind::Always, doc, promise }
}

const fn eventually(id: &'static str, doc: &'static str, promise: Promise) -> InvariantInfo {
    InvariantInfo { id, kind: InvariantKind::Eventually, doc, promise }
}

const CLOCK_STEADY: Promise = Promise::Unless(&[CLOCK_BACK, CLOCK_FORWARD]);
const NEVER_BACK: Promise = Promise::Unless(&[CLOCK_BACK]);

/// The flow's invariants by name, in the order of [`INVARIANTS`]; the table says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the table")]
pub enum Id {
    NoOpenTransaction,
    ReferencesHold,
    MailboxHasASide,
    NameplateHasASide,
    NamesAndSidesAreUnique,
    MessageHasItsMailbox,
    NameplateStaysInItsApp,
    MailboxHasAnOpenSide,
    NameplateHasAClaim,
    ClaimerIsInTheMailbox,
    BoundAppIsRegistered,
    ListenerOnARegisteredMailbox,
    LostConnectionDoesNotListen,
    MailboxObjectHasARow,
    ListeningSideIsOpen,
    StatusCountsListeners,
    StatusRowIsFresh,
    IdleMailboxExpires,
    TickSparesTheLiving,
    FaultyMailboxIsIsolated,
    AllocatedNameIsShort,
    RefusalChangesNothing,
    OneUsageRowEach,
    UsageRowTellsTheTruth,
    UsageTimesMakeSense,
    RepeatedCloseAddsNoUsage,
    AckedOnceAndInOrder,
    AnswerIsDurable,
    NoDropWithoutReason,
    SameSideSameMailbox,
    TwoSidesAndNoMore,
    SubscriptionIsComplete,
    BadListenerHarmsNobody,
    PeerHeardOnceInOrder,
    NobodyWaitsForEver,
    FinishedPairLeavesNothing,
    EverythingExpires,
    RestartIsClean,
    UsageAndDeletionTogether,
}

/// The flow's invariants.
pub const INVARIANTS: &[InvariantInfo] = &[
    always("no-open-transaction", "no transaction is open on either connection between events", Promise::Always),
    always("references-hold", "nameplates, sides and mailboxes refer to rows that exist", Promise::Always),
    always("mailbox-has-a-side", "every mailbox row has at least one side", Promise::Always),
    always("nameplate-has-a-side", "every nameplate row has at least one side", Promise::Always),
    always(
        "names-and-sides-are-unique",
        "a name is unique in its app, a side in its nameplate and mailbox",
        Promise::Always,
    ),
    always("message-has-its-mailbox", "every stored message belongs to a mailbox of the same app", Promise::Always),
    always("nameplate-stays-in-its-app", "a nameplate and its mailbox belong to the same app", Promise::Always),
    always("mailbox-has-an-open-side", "a mailbox that all sides have closed is gone", Promise::Always),
    always("nameplate-has-a-claim", "a nameplate that all sides have released is gone", Promise::Always),
    always("claimer-is-in-the-mailbox", "whoever has claimed a nameplate is a side of its mailbox", Promise::Always),
    always(
        "bound-app-is-registered",
        "a live connection is bound to the registered object of its app",
        Promise::Always,
    ),
    always(
        "listener-on-a-registered-mailbox",
        "a listener listens to the registered object of a mailbox that has a row",
        Promise::Always,
    ),
    always("lost-connection-does-not-listen", "a lost connection is in no mailbox's dictionary", Promise::Always),
    always("mailbox-object-has-a-row", "every registered mailbox object has a row", Promise::Always),
    always("listening-side-is-open", "the side of a listening connection has the mailbox open", Promise::Always),
    always("status-counts-listeners", "the status row counts the listening connections", Promise::Always),
    always(
        "status-row-is-fresh",
        "while the server is up, the status row is at most a period old, and a retry",
        CLOCK_STEADY,
    ),
    always(
        "idle-mailbox-expires",
        "a mailbox nobody listens to or touches is gone after expiry and a period",
        CLOCK_STEADY,
    ),
    always(
        "tick-spares-the-living",
        "a tick deletes no mailbox with a listener, and none touched within expiry",
        NEVER_BACK,
    ),
    always(
        "faulty-mailbox-is-isolated",
        "a mailbox that cannot be pruned keeps no other from being pruned",
        Promise::Always,
    ),
    always("allocated-name-is-short", "allocate answers a free name of the fewest digits", Promise::Always),
    always(
        "refusal-changes-nothing",
        "a command answered with an error changes no row and no expiry time",
        Promise::Always,
    ),
    always(
        "one-usage-row-each",
        "mailboxes and nameplates made = rows that live + usage rows, in each app",
        Promise::Always,
    ),
    always(
        "usage-row-tells-the-truth",
        "a usage row is computed from the sides as they were before the deletion",
        Promise::Always,
    ),
    always("usage-times-make-sense", "blurred starts are multiples, and 0 <= waiting <= total", NEVER_BACK),
    always("repeated-close-adds-no-usage", "closing a mailbox that is gone adds no usage row", Promise::Always),
    always(
        "acked-once-and-in-order",
        "welcome first; each command is acked once, then answered, in order",
        Promise::Always,
    ),
    always("answer-is-durable", "what an answer promises is committed when it is sent", Promise::Always),
    always("no-drop-without-reason", "the server drops no connection for a well-formed command", Promise::Always),
    always(
        "same-side-same-mailbox",
        "while a nameplate lives, a side is always told the same mailbox",
        Promise::Always,
    ),
    always("two-sides-and-no-more", "a third side is crowded out, and the first two are not", Promise::Always),
    always(
        "subscription-is-complete",
        "a subscriber gets each message of its mailbox once, in the order of the commits",
        Promise::Always,
    ),
    always(
        "bad-listener-harms-nobody",
        "a failing listener harms neither the sender nor other listeners",
        Promise::Always,
    ),
    eventually(
        "peer-heard-once-in-order",
        "each client sees every message of its peer once and in order, unless their mailbox has expired meanwhile",
        Promise::Always,
    ),
    eventually(
        "nobody-waits-for-ever",
        "every client ends, released and closed or told an error, unless its mailbox has expired meanwhile",
        Promise::Always,
    ),
    always(
        "finished-pair-leaves-nothing",
        "as soon as both clients have finished, no row of the pair is left",
        Promise::Always,
    ),
    eventually(
        "everything-expires",
        "after expiry and a period without clients all channel tables are empty",
        NEVER_BACK,
    ),
    always(
        "restart-is-clean",
        "after a crash the databases open, their structure holds, and the first tick succeeds",
        Promise::Always,
    ),
    always(
        "usage-and-deletion-together",
        "a crash leaves both the deletion and its usage row, or neither",
        Promise::Always,
    ),
];

/// Checks each of some things: idle if there are none, else the first violation there is.
fn each<T>(things: impl IntoIterator<Item = T>, mut check: impl FnMut(&T) -> Result<(), Outcome>) -> Outcome {
    let mut outcome = Outcome::Idle;
    for thing in things {
        if let Err(violated) = check(&thing) {
            return violated;
        }
        outcome = Outcome::Held;
    }
    outcome
}

/// A violation unless the condition holds.
fn require(holds: bool, cause: &str, detail: impl FnOnce() -> String) -> Result<(), Outcome> {
    if holds { Ok(()) } else { Err(Outcome::violated(cause, detail())) }
}

/// The cause of a violation, or what else it was.
#[cfg(test)]
fn cause(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Idle => "idle",
        Outcome::Held => "held",
        Outcome::Violated(violation) => &violation.cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: the names in the code are those in the table, in its order.
    #[test]
    fn names_follow_the_table() {
        let last = Id::UsageAndDeletionTogether as usize;
        assert_eq!(last + 1, INVARIANTS.len());
        for (id, place) in [
            (Id::NoOpenTransaction, "no-open-transaction"),
            (Id::StatusRowIsFresh, "status-row-is-fresh"),
            (Id::AnswerIsDurable, "answer-is-durable"),
            (Id::UsageAndDeletionTogether, "usage-and-deletion-together"),
        ] {
            assert_eq!(INVARIANTS[id as usize].id, place);
        }
    }

    /// Claim: ids are unique and kebab-case.
    #[test]
    fn ids_are_unique_and_kebab_case() {
        let mut ids: Vec<_> = INVARIANTS.iter().map(|info| info.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), INVARIANTS.len());
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    }
}
