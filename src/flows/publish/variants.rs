//! The historical forms of client and server, as data: each says where the machine differs, none is tested for by name.
//!
//! Whether an answer arrives inline or a turn later is not decided here: the runtime allows both, and the
//! simulation chooses.

/// How a machine goes on after an answer was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// On the stack of whoever delivered the answer. If the answer was there at once, that is the send loop.
    OnTheSpot,
    /// From the eventual queue, with an empty stack.
    NextTurn,
}

/// What happens when publish's loop is entered while it is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reentry {
    /// It runs inside itself.
    Nests,
    /// It is remembered, and the loop runs once more when it has ended.
    RunsAgain,
}

/// When the shares of a wave are booked as outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// Server by server, as the walk sends.
    AsSent,
    /// All of them, before the first is sent.
    WaveFirst,
}

/// What is looked at again just before a message of a wave is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeforeSend {
    /// Nothing: the wave is sent as it was planned.
    AsPlanned,
    /// What is outstanding, placed or on a bad server by now is left out.
    Recheck,
}

/// What a refused write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Somebody else wrote.
    Surprise,
    /// Nothing, if the server holds exactly our version: then the share is placed.
    OwnVersionIsPlaced,
}

/// What a share that the map did not list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownShare {
    /// Somebody else wrote.
    Surprise,
    /// Somebody else wrote only if it is as new as ours; an older one was missed by the map, and is replaced.
    ReplacedIfOlder,
}

/// When a publish that has run out of servers ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// At once, with messages still in flight.
    AtOnce,
    /// When every message has been answered or has failed.
    WhenAllAnswered,
}

/// What an answer does after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateAnswer {
    /// It is booked as ever, into the caller's map too.
    Booked,
    /// Nothing.
    Ignored,
}

/// What a share that cannot be parsed does to the rest of the server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadShare {
    /// The shares behind it are lost and the server counts as failed.
    SpoilsAnswer,
    /// It is marked as bad, alone.
    StandsAlone,
}

/// How a server changes the file of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// In place, field by field, and nothing is ever synced: a crash leaves what is written by then.
    InPlace,
    /// A new file is written, synced, and put in the place of the old one; the answer waits for that.
    Replaced,
}

/// What a file that is no container (any more) does to its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenContainer {
    /// Every request that has to open it fails, whatever share it is about.
    RefusesSlot,
    /// It counts as absent.
    CountsAsAbsent,
}

/// One form of the system: the client first, the storage servers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The name in scenario files: `<release>`, `<release>+<patch>` or `correct`.
    pub label: &'static str,
    /// One line for `seedbed list`.
    pub doc: &'static str,
    /// Publish, after a write was answered or failed.
    pub publish_goes_on: GoOn,
    /// Publish, when its loop is entered again.
    pub reentry: Reentry,
    /// Publish, when it books a wave.
    pub booking: Booking,
    /// Publish, before it sends.
    pub before_send: BeforeSend,
    /// Publish, when a write was refused.
    pub rejection: Rejection,
    /// Publish, when it reads a share it did not know.
    pub unknown_share: UnknownShare,
    /// Publish, without servers.
    pub give_up: GiveUp,
    /// Publish, after its end.
    pub late_answer: LateAnswer,
    /// Map update and retrieve, after a read was answered or failed.
    pub reads_go_on: GoOn,
    /// Map update, with a share that cannot be parsed.
    pub bad_share: BadShare,
    /// Server, when it writes a share.
    pub update: Update,
    /// Server, with a file that is no container.
    pub broken_container: BrokenContainer,
}

const V1_5_0: Variant = Variant {
    label: "1.5.0",
    doc: "the release of 2009-08 with ticket 877: a call that fails at once re-enters the send loop",
    publish_goes_on: GoOn::OnTheSpot,
    reentry: Reentry::Nests,
    booking: Booking::AsSent,
    before_send: BeforeSend::AsPlanned,
    rejection: Rejection::Surprise,
    unknown_share: UnknownShare::Surprise,
    give_up: GiveUp::AtOnce,
    late_answer: LateAnswer::Booked,
    reads_go_on: GoOn::OnTheSpot,
    bad_share: BadShare::SpoilsAnswer,
    update: Update::InPlace,
    broken_container: BrokenContainer::RefusesSlot,
};

/// All of them; the first is the default of nobody, a scenario names its variant.
pub const VARIANTS: &[Variant] = &[
    V1_5_0,
    Variant {
        label: "1.6.0",
        doc: "the fix of 2010-01 (419a076f): publish's loop is entered through the eventual queue only",
        publish_goes_on: GoOn::NextTurn,
        ..V1_5_0
    },
    Variant {
        label: "1.5.0+mark-wave-first",
        doc: "a patch that is worse than the bug: the whole wave counts as outstanding before it is sent",
        booking: Booking::WaveFirst,
        ..V1_5_0
    },
    Variant {
        label: "1.5.0+loop-guard",
        doc: "a guard against re-entry: the loop runs once more instead of inside itself",
        reentry: Reentry::RunsAgain,
        ..V1_5_0
    },
    Variant {
        label: "1.5.0+recheck-before-send",
        doc: "what is outstanding or placed by now is left out just before each send",
        before_send: BeforeSend::Recheck,
        ..V1_5_0
    },
    Variant {
        label: "1.5.0+same-version-is-placed",
        doc: "duplicates are sent, but a refusal by a server that holds our version counts as success",
        rejection: Rejection::OwnVersionIsPlaced,
        ..V1_5_0
    },
    Variant {
        label: "correct",
        doc: "no re-entry anywhere, no surprise at old shares or at itself, one end after the last answer; servers replace whole files",
        publish_goes_on: GoOn::NextTurn,
        reentry: Reentry::RunsAgain,
        booking: Booking::AsSent,
        before_send: BeforeSend::Recheck,
        rejection: Rejection::OwnVersionIsPlaced,
        unknown_share: UnknownShare::ReplacedIfOlder,
        give_up: GiveUp::WhenAllAnswered,
        late_answer: LateAnswer::Ignored,
        reads_go_on: GoOn::NextTurn,
        bad_share: BadShare::StandsAlone,
        update: Update::Replaced,
        broken_container: BrokenContainer::CountsAsAbsent,
    },
];

impl Variant {
    /// The variant of that name.
    #[must_use]
    pub fn named(label: &str) -> Option<&'static Variant> {
        VARIANTS.iter().find(|variant| variant.label == label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_differs_from_its_release_in_exactly_one_place() {
        let base = Variant::named("1.5.0").unwrap();
        for variant in VARIANTS.iter().filter(|variant| variant.label.starts_with("1.5.0+") || variant.label == "1.6.0")
        {
            let differences = [
                variant.publish_goes_on != base.publish_goes_on,
                variant.reentry != base.reentry,
                variant.booking != base.booking,
                variant.before_send != base.before_send,
                variant.rejection != base.rejection,
                variant.unknown_share != base.unknown_share,
                variant.give_up != base.give_up,
                variant.late_answer != base.late_answer,
                variant.reads_go_on != base.reads_go_on,
                variant.bad_share != base.bad_share,
                variant.update != base.update,
                variant.broken_container != base.broken_container,
            ];
            assert_eq!(differences.iter().filter(|differs| **differs).count(), 1, "{}", variant.label);
        }
    }

    #[test]
    fn labels_are_unique_and_found() {
        for (index, variant) in VARIANTS.iter().enumerate() {
            assert_eq!(Variant::named(variant.label), Some(&VARIANTS[index]));
        }
        assert_eq!(Variant::named("1.5"), None);
    }
}
