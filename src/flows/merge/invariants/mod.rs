//! What must hold, as pure functions over committed rows: plain set algebra, nothing of the code under test.
//!
//! | file | promises about |
//! |---|---|
//! | [`merge`] | what one commit of a merge has changed |
//! | [`state`] | every committed state |
//! | [`feed`] | answers of the published feed and of the lists beside it |

pub mod feed;
pub mod merge;
pub mod state;
#[cfg(test)]
mod tests;

use crate::check::{InvariantInfo, Outcome};

/// The flow's invariants by name, in the order of [`INVARIANTS`]; the table says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "documented in the table")]
pub enum Id {
    Frame,
    Catalogue,
    OneEventFewer,
    SimpleFields,
    TagsByChoice,
    OwnedRows,
    NullableReferences,
    NoDangling,
    DatabaseIntact,
    AllOrNothing,
    AcknowledgedSurvives,
    RepeatIsHarmless,
    OneMergeWins,
    NoResurrection,
    SelfMergeRefused,
    PairsAgree,
    FeedSoundness,
    FeedAcrossMerge,
    ConsumerFile,
    ChoiceHonoured,
    Backlinks,
    RefusalChangesNothing,
    AuditFollows,
    BackupRestores,
    RestoreComplete,
    AuditComplete,
}

/// The flow's invariants.
pub const INVARIANTS: &[InvariantInfo] = &[
    InvariantInfo::always("frame", "a merge leaves rows of third events as they are, and adds none"),
    InvariantInfo::always("catalogue", "a merge changes no tag, host, membership, person, role, badge or request"),
    InvariantInfo::always("one-event-fewer", "after a merge the survivor is there and the loser is not"),
    InvariantInfo::always("simple-fields", "each simple field of the survivor is as chosen, from what was committed"),
    InvariantInfo::always("tags-by-choice", "the survivor has A's tags, B's, or both, as chosen, each once"),
    InvariantInfo::always(
        "owned-rows",
        "tasks and to-dos are A's, B's, or both, as chosen; rows keep their keys; of two equal tasks the survivor's stays",
    ),
    InvariantInfo::always("nullable-references", "no award and no invoice loses its event, or moves elsewhere"),
    InvariantInfo::always("no-dangling", "every reference refers to a row that is there"),
    InvariantInfo::always("database-intact", "SQLite's own check finds nothing wrong after a restart"),
    InvariantInfo::always("all-or-nothing", "after a crash a merge is there as a whole, or not at all"),
    InvariantInfo::always("acknowledged-survives", "a merge that a client was told of is committed, and stays so")
        .unless(LYING),
    InvariantInfo::always("repeat-is-harmless", "sending a merge again that was done changes nothing"),
    InvariantInfo::always("one-merge-wins", "a merge of an event that is not there any more changes nothing"),
    InvariantInfo::always("no-resurrection", "a key that was deleted never comes back"),
    InvariantInfo::always("self-merge-refused", "merging an event with itself changes nothing"),
    InvariantInfo::always("pairs-agree", "a form about other events than its page changes nothing"),
    InvariantInfo::always(
        "feed-soundness",
        "an answer lists the published events that have all tags asked for, who has a badge, or who instructs where, at some \
         moment of the request",
    ),
    InvariantInfo::always(
        "feed-across-merge",
        "across one merge the feed of a tag, and who instructs, change by the merged events only, and badges not at all",
    ),
    InvariantInfo::always(
        "consumer-file",
        "the website's file can be read, is one complete round of polls, and none from before the last that was written",
    ),
    InvariantInfo::always("choice-honoured", "no field is as the side that was not chosen has it"),
    InvariantInfo::always("backlinks", "the loser's request is the survivor's if it had none"),
    InvariantInfo::always("refusal-changes-nothing", "a request that was refused has changed nothing"),
    InvariantInfo::always("audit-follows", "there is no record of a merge that was not done"),
    InvariantInfo::always("backup-restores", "a finished backup can be read, and is a state that was committed")
        .unless(LYING),
    InvariantInfo::always(
        "restore-complete",
        "whoever brings a tag back has what the newest backup with it says: its key, and the tag at each event that is there",
    )
    .unless(LYING),
    InvariantInfo::eventually("audit-complete", "in the end there is a record of each merge that was done"),
];

/// Devices that do not do what they say; no promise of durability is possible on them.
const LYING: &[&str] = &["disk/lying-flush", "disk/sync-error", "disk/lost-write", "disk/bit-rot", "disk/sector-error"];

/// What a check says about one invariant.
pub type Finding = (Id, Outcome);

/// Held, or violated.
fn verdict(is_held: bool, cause: &str, detail: impl FnOnce() -> String) -> Outcome {
    if is_held { Outcome::Held } else { Outcome::violated(cause, detail()) }
}
