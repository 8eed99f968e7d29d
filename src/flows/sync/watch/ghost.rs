//! What a server has promised about a mailbox.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Outcome;
use crate::flows::sync::checker::OnDisk;

/// What is known of a message that was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Acked {
    pub(super) guid: [u8; 20],
    /// Flags it has at least.
    pub(super) flags: Vec<String>,
    pub(super) state: State,
    /// When it became live.
    pub(super) since: u64,
}

/// Whether a message has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has.
    Live,
    /// Somebody wants it gone; it may be there or not.
    Leaving,
}

/// What one server has promised about one mailbox.
#[derive(Clone, Debug, Default)]
pub(super) struct Ghost {
    pub(super) acked: BTreeMap<u32, Acked>,
    /// Messages have got new numbers: they are looked for by their ids.
    pub(super) renumbered: bool,
    /// For each uid, when the server began to claim a last uid of at least that.
    pub(super) reached: BTreeMap<u32, u64>,
    floor: Floor,
    /// Whose number a uid is.
    uids: BTreeMap<u32, [u8; 20]>,
    /// Every message that was ever here, with its number, whoever was the master.
    ever: BTreeSet<(u32, [u8; 20])>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Floor {
    last_uid: u32,
    highestmodseq: u64,
    deletedmodseq: u64,
}

impl Ghost {
    /// What is there now may not be lost.
    pub(super) fn raise(&mut self, found: &OnDisk) {
        let Some(index) = &found.index else { return };
        self.floor = Floor {
            last_uid: self.floor.last_uid.max(index.last_uid),
            highestmodseq: self.floor.highestmodseq.max(index.highestmodseq),
            deletedmodseq: self.floor.deletedmodseq.max(index.deletedmodseq),
        };
        for entry in found.live() {
            self.uids.entry(entry.uid).or_insert(entry.guid);
        }
    }

    /// Another server is the master from now on: what was promised does not count any more.
    pub(super) fn start_anew(&mut self) {
        *self = Ghost { ever: std::mem::take(&mut self.ever), ..Ghost::default() };
    }

    /// This is what is there.
    pub(super) fn sees(&mut self, found: &OnDisk) {
        self.ever.extend(found.live().chain(found.expunged()).map(|entry| (entry.uid, entry.guid)));
    }

    /// Messages of the other server that nothing tells from ones this server has expunged and forgotten: their numbers
    /// were given out here as well, to others whose records are gone, and the numbers of their changes are not above
    /// those of what is gone. They themselves were never here.
    pub(super) fn cannot_tell(&self, mine: &OnDisk, theirs: &OnDisk) -> Vec<[u8; 20]> {
        let Some(index) = &mine.index else { return Vec::new() };
        let there: BTreeSet<u32> = mine.live().chain(mine.expunged()).map(|entry| entry.uid).collect();
        let forgotten = |uid: u32| uid <= index.last_uid && !there.contains(&uid);
        let looks_forgotten = theirs.live().filter(|entry| forgotten(entry.uid) && entry.modseq < index.deletedmodseq);
        looks_forgotten
            .filter(|entry| self.ever.iter().any(|(uid, _)| *uid == entry.uid))
            .filter(|entry| !self.ever.iter().any(|(_, guid)| *guid == entry.guid))
            .map(|entry| entry.guid)
            .collect()
    }

    /// The server claims this last uid from now on.
    pub(super) fn reach(&mut self, found: &OnDisk, now: u64) {
        let Some(index) = &found.index else { return };
        for uid in (1..=index.last_uid).rev() {
            if self.reached.contains_key(&uid) {
                break;
            }
            self.reached.insert(uid, now);
        }
    }

    /// What was promised of a message, under whatever number it is now.
    pub(super) fn promise(&mut self, uid: u32, guid: [u8; 20]) -> Option<&mut Acked> {
        let is_there = self.acked.get(&uid).is_some_and(|acked| acked.guid == guid);
        if self.renumbered && !is_there {
            return self.acked.values_mut().find(|acked| acked.guid == guid && acked.state == State::Live);
        }
        self.acked.get_mut(&uid)
    }

    /// Numbers do not go back, and uids keep their messages.
    pub(super) fn numbers(&self, found: &OnDisk) -> Outcome {
        let Some(index) = &found.index else { return Outcome::Idle };
        let Floor { last_uid, highestmodseq, deletedmodseq } = self.floor;
        if index.last_uid < last_uid {
            return Outcome::violated("last_uid", format!("{} after {last_uid}", index.last_uid));
        }
        if index.highestmodseq < highestmodseq {
            return Outcome::violated("highestmodseq", format!("{} after {highestmodseq}", index.highestmodseq));
        }
        if index.deletedmodseq < deletedmodseq {
            return Outcome::violated("deletedmodseq", format!("{} after {deletedmodseq}", index.deletedmodseq));
        }
        let reused = found.live().find(|entry| self.uids.get(&entry.uid).is_some_and(|guid| *guid != entry.guid));
        match reused {
            Some(entry) => Outcome::violated("uid reused", format!("uid {} is another message now", entry.uid)),
            None if last_uid > 0 => Outcome::Held,
            None => Outcome::Idle,
        }
    }

    /// What was acknowledged is there.
    pub(super) fn kept(&self, found: &OnDisk) -> Outcome {
        let mut any = false;
        for (uid, acked) in self.acked.iter().filter(|(_, acked)| acked.state == State::Live) {
            any = true;
            let mut candidates = found.live().filter(|entry| entry.guid == acked.guid);
            let entry = candidates.find(|entry| self.renumbered || entry.uid == *uid);
            let Some(entry) = entry else {
                return Outcome::violated("message lost", format!("uid {uid} was acknowledged and is not there"));
            };
            let flags = found.flags(entry);
            if let Some(lost) = acked.flags.iter().find(|flag| !flags.contains(flag)) {
                return Outcome::violated("flag lost", format!("uid {uid} has lost {lost}"));
            }
        }
        if any { Outcome::Held } else { Outcome::Idle }
    }
}
