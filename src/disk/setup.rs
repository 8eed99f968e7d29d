//! What kind of disk a node has, and how that is drawn within a contract.

use super::chance::{Chance, offer};
use super::contract::Contract;
use super::fault_domains::{ALL_UNITS, LARGER_UNITS};
use super::faults::Fault;
use super::profile::Profile;
use super::setup_domains::{Capacity, LyingSyncs, ProfileOf};
use crate::choice::Coin;

/// What kind of disk a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSetup {
    /// What persists across a power cut.
    pub profile: Profile,
    /// Bytes a device writes whole: 1, 512 or 4096.
    pub atomic_unit: u32,
    /// Space in bytes; `None`: it never fills.
    pub capacity: Option<u64>,
    /// A power cut may catch a rename half done.
    pub torn_rename: bool,
    /// The syncs that lie, as a range of their numbers (from 0).
    pub lying_syncs: std::ops::Range<u64>,
    /// What may go wrong.
    pub contract: Contract,
    /// Decides which bits rot.
    pub salt: u64,
}

impl Default for DiskSetup {
    /// A healthy disk that only promises what POSIX does.
    fn default() -> DiskSetup {
        DiskSetup {
            profile: Profile::PosixStrict,
            atomic_unit: 512,
            capacity: None,
            torn_rename: false,
            lying_syncs: 0..0,
            contract: Contract::default(),
            salt: 0,
        }
    }
}

impl DiskSetup {
    /// Draws a healthy disk within a contract.
    pub fn draw(contract: Contract, salt: u64, chance: &mut impl Chance) -> DiskSetup {
        let profile = chance.choose(Fault::Profile, &ProfileOf(&contract));
        DiskSetup { profile, contract, salt, ..DiskSetup::default() }
    }

    /// Draws what is wrong with the device. `syncs`: how many it has done before.
    pub fn draw_device(&mut self, syncs: u64, chance: &mut impl Chance) {
        let contract = &self.contract;
        let units = if contract.no_atomicity() { ALL_UNITS } else { LARGER_UNITS };
        self.atomic_unit = chance.choose(Fault::AtomicUnit, &units);
        self.capacity = offer(chance, contract.tolerates(Fault::Capacity), Fault::Capacity, &Capacity);
        let breaks = |fault| contract.lets_break(self.profile, fault);
        self.torn_rename = offer(chance, breaks(Fault::TornRename), Fault::TornRename, &Coin);
        let lying = offer(chance, breaks(Fault::LyingFlush), Fault::LyingFlush, &LyingSyncs);
        self.lying_syncs = syncs + lying.start..syncs + lying.end;
    }
}
