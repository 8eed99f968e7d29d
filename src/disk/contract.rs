//! What a system promises to survive. The injector never goes beyond it unless a scenario names a fault.

use super::faults::{FAULTS, Fault};
use super::profile::Profile;

/// The faults a system claims to live with.
///
/// In a scenario's `[contract]`: `disk = "ordered | posix-strict"` lists the profiles a run may draw (`any`: all),
/// `disk-faults = "sync-error, bit-rot"` names faults beyond the honest ones (short counts, interrupted calls, errors
/// that are reported, a full disk). `disk-faults = "none"` takes the honest ones away, and `"none, short-read"` all of
/// them but one. A power cut is in every contract. What only a `hostile` device does (`lying-flush`, `torn-rename`)
/// comes with that profile; named, it comes with every profile.
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
    /// Those that are wanted whatever the profile is.
    named: u32,
}

/// Why a contract makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// No such profile.
    #[error("`{0}` is no disk profile: expected one of {list}, or several joined by `|`", list = listed(Contract::profile_words()))]
    Profile(String),
    /// No such fault.
    #[error("`{0}` is no disk fault: expected some of {list}, joined by `,`", list = listed(Contract::fault_words()))]
    Fault(String),
}

fn listed(words: Vec<&str>) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
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
            named: 0,
        }
    }
}

/// The word for all profiles.
const ANY: &str = "any";
/// The word for no fault at all.
const NONE: &str = "none";

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
                    None if word == ANY => contract.profiles.extend(Profile::WEIGHTS.map(|(profile, _)| profile)),
                    None => return Err(ContractError::Profile(word.to_owned())),
                }
            }
        }
        if contract.profiles.contains(&Profile::Hostile) {
            contract.tolerated |= bits(&HOSTILE);
        }
        for (index, word) in faults.into_iter().flat_map(|words| words.split(',')).map(str::trim).enumerate() {
            if word == NONE && index == 0 {
                contract.tolerated &= !bits(&HONEST);
                continue;
            }
            match Fault::of_contract(word) {
                Some(fault) => contract.tolerate(fault),
                None => return Err(ContractError::Fault(word.to_owned())),
            }
        }
        Ok(contract)
    }

    /// What `disk` may say.
    pub fn profile_words() -> Vec<&'static str> {
        Profile::WEIGHTS.iter().map(|(profile, _)| profile.label()).chain([ANY]).collect()
    }

    /// What `disk-faults` may say; `none` only in front.
    pub fn fault_words() -> Vec<&'static str> {
        let faults = FAULTS.iter().map(|info| info.fault);
        [NONE].into_iter().chain(faults.filter(|fault| fault.is_negotiable()).map(Fault::name)).collect()
    }

    /// Adds a fault: a scenario that names it in `[faults]` wants to see it.
    pub fn tolerate(&mut self, fault: Fault) {
        self.tolerated |= bits(&[fault]);
        self.named |= bits(&[fault]);
        if fault == Fault::AtomicUnit {
            self.tolerated |= NO_ATOMICITY;
        }
    }

    /// Whether the system claims to live with this fault.
    pub fn tolerates(&self, fault: Fault) -> bool {
        self.tolerated & bits(&[fault]) != 0
    }

    /// Whether a device of this profile may do this: break a promise.
    pub(crate) fn lets_break(&self, profile: Profile, fault: Fault) -> bool {
        self.tolerates(fault) && (profile == Profile::Hostile || self.named & bits(&[fault]) != 0)
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

impl Fault {
    /// Whether a contract can name it: the other choices are part of every contract.
    fn is_negotiable(self) -> bool {
        self == Fault::AtomicUnit || !ALWAYS.contains(&self)
    }

    fn of_contract(word: &str) -> Option<Fault> {
        FAULTS.iter().map(|info| info.fault).find(|fault| fault.name() == word && fault.is_negotiable())
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
        assert_eq!(Contract::parse(None, Some("cut-state")), Err(ContractError::Fault("cut-state".into())));
        assert_eq!(Contract::parse(None, Some("bit-rot, none")), Err(ContractError::Fault("none".into())));
    }

    /// All words are understood, and the message about a wrong one lists them.
    #[test]
    fn words() {
        for word in Contract::profile_words() {
            assert!(Contract::parse(Some(word), None).is_ok(), "{word}");
        }
        for word in Contract::fault_words() {
            assert!(Contract::parse(None, Some(word)).is_ok(), "{word}");
        }
        let message = Contract::parse(Some("ext4"), None).unwrap_err().to_string();
        assert!(message.contains("`posix-strict`") && message.contains("`any`"), "{message}");
        let message = Contract::parse(None, Some("rust")).unwrap_err().to_string();
        assert!(message.contains("`misdirected-write`") && !message.contains("cut-state"), "{message}");
    }

    /// `none` takes the honest faults away; what follows it is all there is.
    #[test]
    fn none_but_one() {
        let contract = Contract::parse(None, Some("none, short-read")).unwrap();
        assert!(contract.tolerates(Fault::ShortRead) && !contract.tolerates(Fault::ShortWrite));
        assert!(contract.tolerates(Fault::PowerCut));
    }

    /// An honest profile stays honest beside a hostile one, unless the fault is named.
    #[test]
    fn broken_promises() {
        let any = Contract::parse(Some("any"), None).unwrap();
        assert!(any.lets_break(Profile::Hostile, Fault::LyingFlush));
        assert!(!any.lets_break(Profile::Ordered, Fault::LyingFlush));
        let named = Contract::parse(Some("ordered"), Some("lying-flush")).unwrap();
        assert!(named.lets_break(Profile::Ordered, Fault::LyingFlush));
        assert!(!named.lets_break(Profile::Ordered, Fault::TornRename));
    }
}
