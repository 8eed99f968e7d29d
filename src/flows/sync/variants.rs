//! The historical forms, as data: each difference between releases that matters here is one small enum.

use super::format::Minor;

/// What distinguishes one form from another.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Its name in scenario files.
    pub label: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// How a mailbox is laid out; decides the dialect of the protocol as well.
    pub layout: Layout,
    /// How a replica takes in messages below its last uid (three files only).
    pub combine: Combine,
    /// What the nightly expire checks before it follows an offset (three files only).
    pub guard: Guard,
    /// Which last uid each batch of an upload carries (three files only).
    pub uploads: Uploads,
    /// What a message's id is (three files only); decides the minor version as well.
    pub ids: Ids,
    /// Whether an id that one side does not have is another id (three files only).
    pub null_ids: NullIds,
    /// What a message is sent as (three files only).
    pub items: Items,
    /// Under which id a server's process keeps a message that was sent SIMPLE (three files only).
    pub simple_ids: SimpleIds,
    /// What a replica's append makes durable, and when (three files only).
    pub append_syncs: AppendSyncs,
    /// How a rewritten cache gets its generation.
    pub generation: GenerationStep,
    /// How a session opens its stage files.
    pub stage: StageFiles,
    /// What happens to the work file of a client that died.
    pub work_log: WorkLog,
    /// Whether an unexpunge is written to the sync log.
    pub unexpunge: UnexpungeLog,
    /// How a change reaches the index (one index only).
    pub commit: Commit,
    /// What a mailbox's sum is made of (one index only).
    pub sums: Sums,
    /// What a client makes of a message that only the replica has (one index only).
    pub copyback: Copyback,
    /// What a replica makes of an expunged message of which it has no record (one index only).
    pub unknown: UnknownExpunged,
    /// What becomes of a client whose server is no longer the master.
    pub handover: Handover,
    /// What a server repairs when it starts, and how far it trusts the file system.
    pub recovery: Recovery,
}

/// How a mailbox is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Index, expunge and cache, version 10; the protocol of 2.3.
    ThreeFiles,
    /// One index with a flag for what is expunged, version 12; the protocol of 2.4.
    SingleIndex,
}

/// How a replica takes in messages whose uids are not all above its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// A new cache is made from the live records and the uploads; `cyrus.expunge` is not opened.
    LiveOnly,
    /// The same, but nobody trusts an offset in `cyrus.expunge`: expire writes 0, unexpunge reads the message again.
    OffsetsUntrusted,
    /// Index, expunge and uploads are merged; three files are renamed one after the other.
    ThreeWay,
}

/// What expire checks when it copies a cache record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    None,
    /// The end of each item against the mapped length, after its length was read.
    MappedLength,
    /// Each read against the size of the file.
    FileSize,
}

/// The last uid a batch of an upload carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploads {
    /// Each carries the master's final one.
    FinalLastUid,
    /// Each carries that of its last message, the last one the master's.
    ChunkLastUid,
}

/// What a message's id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Twelve bytes that whoever delivers assigns, or nothing: version 9.
    Assigned,
    /// The SHA-1 of its file.
    Sha1,
}

/// What a client makes of an id that one of the sides does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullIds {
    /// It is another id: the message is sent again, over the one that is there.
    Differ,
    /// It may be the same.
    Equal,
}

/// What an upload carries of a message the other side does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// PARSED: the message and the sender's cache record of it.
    Parsed,
    /// SIMPLE: the message; the receiver makes the cache record.
    Simple,
}

/// Under which id a SIMPLE message is kept for COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimpleIds {
    /// None: a later COPY of it is refused.
    Null,
    /// Its own.
    Own,
}

/// What a replica's append makes durable, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendSyncs {
    /// Records and header in one go, the cache at last: the header may outlive what it counts.
    IndexFirst,
    /// Cache and records before the header, as a delivery does.
    HeaderLast,
}

/// How the generation is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationStep {
    /// The combine adds one to the word as it lies in the file, on a little-endian machine.
    RawWord,
    /// By one.
    Converted,
}

/// How stage files are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageFiles {
    /// For writing, cut to nothing: whatever the name stands for.
    Truncate,
    /// The old name goes first.
    UnlinkFirst,
}

/// What happens to a work file that was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkLog {
    /// Nobody reads it.
    Forgotten,
    /// It is named after the client's parent process: the next client of that parent reads it.
    ParentPid,
    /// It is processed before anything else.
    RunFirst,
}

/// Whether an unexpunge reaches the sync log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnexpungeLog {
    /// No: a replica learns of it with the next change.
    Silent,
    /// Yes.
    Logged,
}

/// How a change reaches a single index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Records and header are overwritten where they are, one sync at the end.
    InPlace,
    /// A whole new index is made durable and takes the old one's name.
    WholeFile,
}

/// What a mailbox's sum is made of, by which two servers notice that they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// CRC32s of what records say, one over the other. They are linear: two records that differ in the same places, one
    /// here and one there, leave the same sum.
    Crc32,
    /// The beginnings of SHA-1 sums instead.
    Sha1,
}

/// How a client tells a message it has never seen from one that was expunged here and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copyback {
    /// By the number of its change alone, although the two servers may have counted apart.
    ByModseq,
    /// A message whose uid was never given out here was never here.
    UnknownUids,
}

/// What a replica makes of an expunged message of which it has no record: it was never there, or was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownExpunged {
    /// Nothing: who asks what has vanished is not told of it.
    Skipped,
    /// A record without a file, which the next expire drops and counts as gone.
    Recorded,
}

/// What becomes of a client that runs when the servers swap their roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// It goes on with what it is doing.
    RunsOn,
    /// It ends: it changes nothing any more, here or there.
    Ends,
}

/// What a server repairs, and what it makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing.
    None,
    /// A new cache that was left without its name is given it when the mailbox is opened.
    CacheOnOpen,
    /// That; directories are synced; and leftovers are removed when the server starts.
    Complete,
}

/// 2.3 shortly before the report: what the others are told apart from.
pub const BASELINE: Rules = Rules {
    label: "2.3.9",
    doc: "2.3 as of 2007-09-13, shortly before the report: combine forgets cyrus.expunge",
    layout: Layout::ThreeFiles,
    combine: Combine::LiveOnly,
    guard: Guard::None,
    uploads: Uploads::FinalLastUid,
    ids: Ids::Sha1,
    null_ids: NullIds::Equal,
    items: Items::Simple,
    simple_ids: SimpleIds::Null,
    append_syncs: AppendSyncs::IndexFirst,
    generation: GenerationStep::RawWord,
    stage: StageFiles::Truncate,
    work_log: WorkLog::Forgotten,
    unexpunge: UnexpungeLog::Silent,
    commit: Commit::InPlace,
    sums: Sums::Crc32,
    copyback: Copyback::ByModseq,
    unknown: UnknownExpunged::Skipped,
    handover: Handover::RunsOn,
    recovery: Recovery::None,
};

/// The last release before the report.
pub const AS_RELEASED: Rules = Rules {
    label: "2.3.9+2007-08",
    doc: "2.3.9 as it was released: version 9, assigned ids that may be missing, and cache records that travel",
    ids: Ids::Assigned,
    null_ids: NullIds::Differ,
    items: Items::Parsed,
    simple_ids: SimpleIds::Own,
    ..BASELINE
};

/// The fix that landed.
pub const FIXED: Rules = Rules {
    label: "2.3.10",
    doc: "the fix of 2007-10-04: combine merges cyrus.expunge too, each batch carries its own last uid",
    combine: Combine::ThreeWay,
    guard: Guard::MappedLength,
    uploads: Uploads::ChunkLastUid,
    simple_ids: SimpleIds::Own,
    generation: GenerationStep::Converted,
    unexpunge: UnexpungeLog::Logged,
    ..BASELINE
};

const REDESIGN: Rules = Rules {
    label: "2.4",
    doc: "the redesign of 2010: one index, expunged messages are flagged in it",
    layout: Layout::SingleIndex,
    stage: StageFiles::UnlinkFirst,
    commit: Commit::InPlace,
    recovery: Recovery::CacheOnOpen,
    ..FIXED
};

/// All of them, oldest first.
pub const ALL: &[Rules] = &[
    AS_RELEASED,
    BASELINE,
    Rules {
        label: "2.3.9+2007-09",
        doc: "the same with the bounds check that expire got on 2007-09-04",
        guard: Guard::MappedLength,
        ..BASELINE
    },
    Rules {
        label: "2.3.9+option-a",
        doc: "the same with offsets in cyrus.expunge never trusted: the first way out the report names",
        combine: Combine::OffsetsUntrusted,
        guard: Guard::MappedLength,
        ..BASELINE
    },
    FIXED,
    REDESIGN,
    Rules {
        label: "correct",
        doc: "one index, replaced as a whole, every step durable before the next one, leftovers removed at start",
        work_log: WorkLog::RunFirst,
        commit: Commit::WholeFile,
        sums: Sums::Sha1,
        copyback: Copyback::UnknownUids,
        unknown: UnknownExpunged::Recorded,
        handover: Handover::Ends,
        recovery: Recovery::Complete,
        ..REDESIGN
    },
];

impl Rules {
    /// The minor version of the files.
    #[must_use]
    pub fn minor(&self) -> Minor {
        match (self.layout, self.ids) {
            (Layout::SingleIndex, _) => Minor::V12,
            (Layout::ThreeFiles, Ids::Sha1) => Minor::V10,
            (Layout::ThreeFiles, Ids::Assigned) => Minor::V9,
        }
    }

    /// The form with this name.
    #[must_use]
    pub fn named(label: &str) -> Option<&'static Rules> {
        ALL.iter().find(|rules| rules.label == label)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Claim: names are unique, and each form is found under its name.
    #[test]
    fn forms_are_found() {
        let labels: BTreeSet<_> = ALL.iter().map(|rules| rules.label).collect();
        assert_eq!(labels.len(), ALL.len());
        for rules in ALL {
            assert_eq!(Rules::named(rules.label).map(|found| found.doc), Some(rules.doc));
        }
        assert!(Rules::named("2.3.11").is_none());
    }
}
