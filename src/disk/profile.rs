//! What a file system promises across a power cut.

/// One set of promises. Each is a set of states a power cut may leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Like ext4 with ordered data: directory operations persist in order, as a prefix over all
    /// directories; a file is never longer than its data; syncing a file persists the entries it got.
    Ordered,
    /// Only what POSIX promises: pending operations persist in any combination, an entry needs a sync of
    /// its directory, a file may be longer than its data.
    PosixStrict,
    /// The control group: a cut keeps an exact prefix of all operations, and a sync persists everything
    /// before it. What fails here is plain logic.
    InOrder,
    /// `PosixStrict` on a device that breaks its promises: flushes that lie, renames that are not atomic.
    Hostile,
}

impl Profile {
    /// All profiles with the share of runs each gets, in percent, where the contract allows all four.
    pub const WEIGHTS: [(Profile, u32); 4] =
        [(Profile::Ordered, 45), (Profile::PosixStrict, 35), (Profile::InOrder, 10), (Profile::Hostile, 10)];

    /// The name in scenario files.
    pub const fn label(self) -> &'static str {
        match self {
            Profile::Ordered => "ordered",
            Profile::PosixStrict => "posix-strict",
            Profile::InOrder => "in-order",
            Profile::Hostile => "hostile",
        }
    }

    /// The profile of this name.
    pub fn from_label(label: &str) -> Option<Profile> {
        Profile::WEIGHTS.iter().map(|&(profile, _)| profile).find(|profile| profile.label() == label)
    }

    /// Directory operations persist as a prefix, and a file's sync takes its entries along.
    pub(crate) const fn entries_in_order(self) -> bool {
        matches!(self, Profile::Ordered | Profile::InOrder)
    }

    /// The size of a file never covers bytes that were written and did not persist.
    pub(crate) const fn size_follows_data(self) -> bool {
        matches!(self, Profile::Ordered | Profile::InOrder)
    }

    /// A write in flight may persist in part.
    pub(crate) const fn tears(self) -> bool {
        !matches!(self, Profile::InOrder)
    }
}
