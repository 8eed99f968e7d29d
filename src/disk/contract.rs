//! What a system promises to survive. The injector never goes beyond it unless a scenario names a fault.

use super::faults::{FAULTS, Fault};
use super::profile::Profile;

/// The faults a system claims to live with.
///
/// In a scenario: `disk = "ordered | posix-strict"` lists the profiles, `disk-faults = "sync-error, bit-rot"`
/// the faults beyond the honest ones (short counts, interrupted calls, errors that are reported, a full
/// disk, a power cut), and `disk-faults = "none"` takes the honest ones away except the power cut.
///
/// ```
/// use seedbed::disk::{Contract, Fault, Profile};
/// let contract = Contract::parse(Some("ordered"), Some("bit-rot")).unwrap();
/// assert!(contract.tolerates(Fault::BitRot) && contract.tolerates(Fault::ShortWrite));
/// assert!(!contract.tolerates(Fault::SyncError));
/// assert_eq!(contract.profiles().collect::<Vec<_>>(), [(Profile::Ordered, 45)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    profiles: Vec<Profile>,
    tolerated: u32,
}

/// Why a contract makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// No such profile.
    #[error(
        "`{0}` is no disk profile: expected `ordered`, `posix-strict`, `in-order`, `hostile`, several joined by `|`, or `any`"
    )]
    Profile(String),
    /// No such fault.
    #[error(
        "`{0}` is no disk fault: expected `none`, or names such as `sync-error`, `bit-rot`, `sector-error`, `lost-write`, `misdirected-write`, `lying-flush`, `torn-rename`, `atomic-unit`"
    )]
    Fault(String),
}

/// Reported or harmless: code that checks its results lives with these.
const HONEST: [Fault; 6] =
    [Fault::ShortWrite, Fault::ShortRead, Fault::Interrupted, Fault::WriteError, Fault::ReadError, Fault::Capacity];
/// In every contract.
const ALWAYS: [Fault; 6] =
    [Fault::PowerCut, Fault::CutState, Fault::InFlight, Fault::Profile, Fault::Latency, Fault::AtomicUnit];
/// Only a hostile device does these.
const HOSTILE: [Fault; 2] = [Fault::LyingFlush, Fault::TornRename];

fn bits(faults: &[Fault]) -> u32 {
    faults.iter().fold(0, |bits, &fault| bits | 1 << fault as u32)
}

impl Default for Contract {
    /// Every profile but the hostile one, and every honest fault.
    fn default() -> Contract {
        Contract {
            profiles: vec![Profile::Ordered, Profile::PosixStrict, Profile::InOrder],
            tolerated: bits(&HONEST) | bits(&ALWAYS),
        }
    }
}

impl Contract {
    /// Reads the two keys of a scenario's `[contract]`.
    ///
    /// # Errors
    /// Names the word that is neither a profile nor a fault.
    pub fn parse(profiles: Option<&str>, faults: Option<&str>) -> Result<Contract, ContractError> {
        let mut contract = Contract::default();
        if let Some(words) = profiles {
            contract.profiles.clear();
            for word in words.split('|').map(str::trim) {
                match Profile::from_label(word) {
                    Some(profile) => contract.profiles.push(profile),
                    None if word == "any" => contract.profiles.extend(Profile::WEIGHTS.map(|(profile, _)| profile)),
                    None => return Err(ContractError::Profile(word.to_owned())),
                }
            }
        }
        if contract.profiles.contains(&Profile::Hostile) {
            contract.tolerated |= bits(&HOSTILE);
        }
        match faults {
            None => {}
            Some("none") => contract.tolerated &= !bits(&HONEST),
            Some(words) => {
                for word in words.split(',').map(str::trim) {
                    let known = FAULTS.iter().find(|info| info.fault.name() == word);
                    let known = known.ok_or_else(|| ContractError::Fault(word.to_owned()))?;
                    contract.tolerate(known.fault);
                }
            }
        }
        Ok(contract)
    }

    /// Adds a fault: a scenario that names it in `[faults]` wants to see it.
    pub fn tolerate(&mut self, fault: Fault) {
        self.tolerated |= bits(&[fault]);
        if fault == Fault::AtomicUnit {
            self.tolerated |= NO_ATOMICITY;
        }
    }

    /// Whether the system claims to live with this fault.
    pub fn tolerates(&self, fault: Fault) -> bool {
        self.tolerated & bits(&[fault]) != 0
    }

    /// Whether the device may write less than 512 bytes whole.
    pub(crate) fn no_atomicity(&self) -> bool {
        self.tolerated & NO_ATOMICITY != 0
    }

    /// The profiles a run may draw, with their weights.
    pub fn profiles(&self) -> impl Iterator<Item = (Profile, u32)> + '_ {
        Profile::WEIGHTS.into_iter().filter(|(profile, _)| self.profiles.contains(profile))
    }
}

/// A scenario that names `atomic-unit` allows units below a sector as well.
const NO_ATOMICITY: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    /// A contract without words excludes devices that break their promises.
    #[test]
    fn default_is_honest() {
        let contract = Contract::default();
        assert!(contract.profiles().all(|(profile, _)| profile != Profile::Hostile));
        for fault in [Fault::SyncError, Fault::LyingFlush, Fault::BitRot, Fault::LostWrite, Fault::SectorError] {
            assert!(!contract.tolerates(fault), "{fault:?}");
        }
        assert!(!contract.no_atomicity());
    }

    /// Unknown words are named.
    #[test]
    fn unknown_words() {
        assert_eq!(Contract::parse(Some("ext4"), None), Err(ContractError::Profile("ext4".into())));
        assert_eq!(Contract::parse(None, Some("bit-rot, rust")), Err(ContractError::Fault("rust".into())));
        assert_eq!(Contract::parse(Some("any"), None).unwrap().profiles().count(), 4);
        assert!(Contract::parse(Some("hostile"), None).unwrap().tolerates(Fault::LyingFlush));
        assert!(!Contract::parse(None, Some("none")).unwrap().tolerates(Fault::ShortRead));
    }
}
