//! The historical forms, as data: each difference between releases that matters here is one small enum.

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

const BASELINE: Rules = Rules {
    label: "2.3.9",
    doc: "2.3 as of 2007-09-13, shortly before the report: combine forgets cyrus.expunge",
    layout: Layout::ThreeFiles,
    combine: Combine::LiveOnly,
    guard: Guard::None,
    uploads: Uploads::FinalLastUid,
    generation: GenerationStep::RawWord,
    stage: StageFiles::Truncate,
    work_log: WorkLog::Forgotten,
    unexpunge: UnexpungeLog::Silent,
    commit: Commit::InPlace,
    recovery: Recovery::None,
};

const FIXED: Rules = Rules {
    label: "2.3.10",
    doc: "the fix of 2007-10-04: combine merges cyrus.expunge too, each batch carries its own last uid",
    combine: Combine::ThreeWay,
    guard: Guard::MappedLength,
    uploads: Uploads::ChunkLastUid,
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
        recovery: Recovery::Complete,
        ..REDESIGN
    },
];

impl Rules {
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
