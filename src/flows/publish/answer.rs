//! What an answer to a write means: placed, surprised, or something to be replaced.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Checkstring, ParseError};
use super::servermap::{Place, ServerId};
use super::storage::{ShareNumber, WriteAnswer};
use super::variants::{Rejection, UnknownShare};

/// What the client knows when the answer arrives.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The version it is writing.
    pub ours: Checkstring,
    /// Who answered.
    pub server: ServerId,
    /// The shares the message carried.
    pub sent: &'a BTreeSet<ShareNumber>,
    /// Where it wants shares.
    pub goal: &'a BTreeSet<Place>,
    /// What it believes to be at a place: the bytes its test vector names.
    pub expected: &'a BTreeMap<Place, Vec<u8>>,
}

/// What follows from an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Somebody else wrote.
    pub surprised: bool,
    /// The server shall not be asked again.
    pub bad_server: bool,
    /// Shares that are in place with our version.
    pub placed: BTreeSet<ShareNumber>,
    /// Shares to be written over what is there, or written where nothing is (no bytes).
    pub replace: BTreeMap<ShareNumber, Vec<u8>>,
}

/// Reads an answer by the rules of a variant.
///
/// # Errors
/// When a share of the slot is too short for a checkstring. The release does not expect that: the exception ends
/// its publish.
pub fn read_answer(
    view: &View<'_>,
    answer: &WriteAnswer,
    rejection: Rejection,
    unknown: UnknownShare,
) -> Result<Meaning, ParseError> {
    match unknown {
        UnknownShare::Surprise => release(view, answer, rejection),
        UnknownShare::ReplacedIfOlder => Ok(patient(view, answer)),
    }
}

/// A share it did not send in this message, of any version but its own, is a surprise; so is a refusal.
fn release(view: &View<'_>, answer: &WriteAnswer, rejection: Rejection) -> Result<Meaning, ParseError> {
    let mut meaning = Meaning::default();
    for share in answer.read.keys().filter(|share| !view.sent.contains(share)) {
        meaning.surprised |= version(answer, *share)? != view.ours;
    }
    if !answer.wrote {
        for share in answer.read.keys() {
            version(answer, *share)?;
        }
        let ours = |share: &ShareNumber| version(answer, *share).is_ok_and(|version| version == view.ours);
        if rejection == Rejection::Surprise || !view.sent.iter().all(ours) {
            return Ok(Meaning { surprised: true, bad_server: true, ..meaning });
        }
    }
    meaning.placed = view.sent.clone();
    Ok(meaning)
}

/// Only a version that is not older than its own shows that somebody else writes. What is older was missed by the
/// map, or left there by a server that was away: it is replaced, guarded by what was just read. A share that is
/// as expected waits for our own message to it.
fn patient(view: &View<'_>, answer: &WriteAnswer) -> Meaning {
    let mut meaning = Meaning::default();
    for (&share, parts) in &answer.read {
        let sent = view.sent.contains(&share);
        let bytes = parts.first().cloned().unwrap_or_default();
        let found = Checkstring::parse(&bytes);
        let place = (view.server, share);
        if sent && (answer.wrote || found == Ok(view.ours)) {
            meaning.placed.insert(share);
            continue;
        }
        let expected =
            view.expected.get(&place).is_some_and(|expected| bytes.starts_with(expected) && !expected.is_empty());
        if expected || found == Ok(view.ours) {
            continue;
        }
        match found {
            Ok(version) if version.seqnum >= view.ours.seqnum => meaning.surprised = true,
            Ok(version) => {
                meaning.replace.insert(share, version.pack().to_vec());
            }
            Err(_) => {
                meaning.replace.insert(share, bytes);
            }
        }
    }
    for &share in view.sent {
        if answer.wrote {
            meaning.placed.insert(share);
        } else if !answer.read.contains_key(&share) {
            meaning.replace.insert(share, Vec::new());
        }
    }
    // A place we are writing to anyway keeps its own test, unless that test has just failed.
    meaning.replace.retain(|share, _| view.sent.contains(share) || !view.goal.contains(&(view.server, *share)));
    meaning
}

fn version(answer: &WriteAnswer, share: ShareNumber) -> Result<Checkstring, ParseError> {
    let parts = answer.read.get(&share).map_or(&[][..], |parts| &parts[..]);
    Checkstring::parse(parts.first().map_or(&[][..], |bytes| &bytes[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: ServerId = ServerId(0);

    fn at(seqnum: u64, root: u8) -> Checkstring {
        Checkstring { seqnum, root: [root; 32], salt: [0; 16] }
    }

    struct Case {
        sent: Vec<u8>,
        goal: Vec<u8>,
        expected: Vec<(u8, Checkstring)>,
        wrote: bool,
        read: Vec<(u8, Vec<u8>)>,
    }

    impl Case {
        fn judge(&self, rejection: Rejection, unknown: UnknownShare) -> Result<Meaning, ParseError> {
            let expected = self.expected.iter().map(|(share, v)| ((S, *share), v.pack().to_vec())).collect();
            let view = View {
                ours: at(5, 1),
                server: S,
                sent: &self.sent.iter().copied().collect(),
                goal: &self.goal.iter().map(|share| (S, *share)).collect(),
                expected: &expected,
            };
            let read = self.read.iter().map(|(share, bytes)| (*share, vec![bytes.clone()])).collect();
            read_answer(&view, &WriteAnswer { wrote: self.wrote, read }, rejection, unknown)
        }

        fn release(&self) -> Meaning {
            self.judge(Rejection::Surprise, UnknownShare::Surprise).unwrap()
        }

        fn patient(&self) -> Meaning {
            self.judge(Rejection::OwnVersionIsPlaced, UnknownShare::ReplacedIfOlder).unwrap()
        }
    }

    fn bytes(version: Checkstring) -> Vec<u8> {
        version.pack().to_vec()
    }

    #[test]
    fn an_unknown_old_share_surprises_the_release_and_is_replaced_by_the_patient() {
        let case = Case {
            sent: vec![0],
            goal: vec![0],
            expected: vec![(0, at(4, 9))],
            wrote: true,
            read: vec![(0, bytes(at(4, 9))), (3, bytes(at(4, 9)))],
        };
        assert!(case.release().surprised);
        assert_eq!(case.release().placed, BTreeSet::from([0]));
        let patient = case.patient();
        assert!(!patient.surprised);
        assert_eq!(patient.replace, BTreeMap::from([(3, bytes(at(4, 9)))]));
        assert_eq!(patient.placed, BTreeSet::from([0]));
    }

    #[test]
    fn a_share_as_new_as_ours_surprises_everybody() {
        let case = Case {
            sent: vec![0],
            goal: vec![0],
            expected: vec![(0, at(4, 9))],
            wrote: false,
            read: vec![(0, bytes(at(5, 2)))],
        };
        assert_eq!(case.release(), Meaning { surprised: true, bad_server: true, ..Meaning::default() });
        assert_eq!(case.patient(), Meaning { surprised: true, ..Meaning::default() });
    }

    #[test]
    fn our_own_version_is_tolerated_beside_and_counts_as_placed_only_with_that_rule() {
        let case = Case {
            sent: vec![0],
            goal: vec![0, 1],
            expected: vec![],
            wrote: false,
            read: vec![(0, bytes(at(5, 1))), (1, bytes(at(5, 1)))],
        };
        assert!(case.release().surprised);
        let placed = case.judge(Rejection::OwnVersionIsPlaced, UnknownShare::Surprise).unwrap();
        assert_eq!(placed, Meaning { placed: BTreeSet::from([0]), ..Meaning::default() });
        assert_eq!(case.patient(), placed);
    }

    #[test]
    fn a_share_whose_own_update_is_still_to_come_is_no_surprise_for_the_patient() {
        let case = Case {
            sent: vec![0],
            goal: vec![0, 1],
            expected: vec![(1, at(4, 9))],
            wrote: true,
            read: vec![(1, bytes(at(4, 9)))],
        };
        assert!(case.release().surprised);
        assert_eq!(case.patient(), Meaning { placed: BTreeSet::from([0]), ..Meaning::default() });
    }

    #[test]
    fn a_share_that_vanished_is_written_anew_by_the_patient() {
        let case = Case { sent: vec![0], goal: vec![0], expected: vec![(0, at(4, 9))], wrote: false, read: vec![] };
        assert_eq!(case.patient().replace, BTreeMap::from([(0, vec![])]));
    }

    #[test]
    fn a_share_too_short_to_read_ends_the_release_and_is_replaced_by_the_patient() {
        let case = Case { sent: vec![0], goal: vec![0], expected: vec![], wrote: true, read: vec![(2, vec![])] };
        assert!(case.judge(Rejection::Surprise, UnknownShare::Surprise).is_err());
        assert_eq!(case.patient().replace, BTreeMap::from([(2, vec![])]));
    }
}
