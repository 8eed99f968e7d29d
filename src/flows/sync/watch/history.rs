//! What a mailbox was on the master, state by state, and how a replica follows: what was brought over is a state the
//! master had, never one before the last; on the way there, messages arrive in the order of their numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Watch;
use crate::check::Outcome;
use crate::flows::sync::checker::OnDisk;
use crate::flows::sync::host::Host;
use crate::flows::sync::invariants::Id;

/// The messages of a mailbox: number, SHA-1 and flags.
type State = BTreeMap<u32, ([u8; 20], Vec<String>)>;

/// A mailbox on the master, over time.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// What clients have read, oldest first; equal neighbours are one.
    states: Vec<State>,
    /// The last state that the replica is known to have had.
    reached: usize,
    /// What is on its way, if something is.
    way: Option<Way>,
}

/// From one state of a replica to one of the master.
#[derive(Clone, Debug)]
struct Way {
    from: BTreeMap<u32, [u8; 20]>,
    to: BTreeMap<u32, [u8; 20]>,
}

fn state(found: &OnDisk) -> State {
    found.live().map(|entry| (entry.uid, (entry.guid, found.flags(entry)))).collect()
}

fn ids(state: State) -> BTreeMap<u32, [u8; 20]> {
    state.into_iter().map(|(uid, (guid, _))| (uid, guid)).collect()
}

impl History {
    /// A client reads the mailbox, and is about to bring it over.
    pub(super) fn read(&mut self, master: &OnDisk, replica: &OnDisk) {
        let now = state(master);
        self.way = Some(Way { from: ids(state(replica)), to: ids(now.clone()) });
        if self.states.last() != Some(&now) {
            self.states.push(now);
        }
    }

    /// Nobody brings it over any more.
    pub(super) fn given_up(&mut self) {
        self.way = None;
    }

    /// The replica has handled a command.
    pub(super) fn on_the_way(&self, replica: &OnDisk) -> Outcome {
        let Some(Way { from, to }) = &self.way else { return Outcome::Idle };
        let now = ids(state(replica));
        let known = |(uid, guid): (&u32, &[u8; 20])| from.get(uid) == Some(guid) || to.get(uid) == Some(guid);
        if let Some((uid, _)) = now.iter().find(|(uid, guid)| !known((uid, guid))) {
            return Outcome::violated("a message of neither", format!("uid {uid} was neither there nor sent"));
        }
        let new: BTreeSet<u32> =
            to.iter().filter(|(uid, guid)| from.get(uid) != Some(*guid)).map(|(uid, _)| *uid).collect();
        let missing = new.iter().find(|uid| now.get(uid) != to.get(uid));
        let later = new.iter().rfind(|uid| now.get(uid) == to.get(uid));
        match (missing, later) {
            (Some(missing), Some(later)) if missing < later => {
                Outcome::violated("out of order", format!("uid {later} has arrived and uid {missing} has not"))
            }
            _ => Outcome::Held,
        }
    }

    /// The mailbox was brought over, says the client.
    pub(super) fn carried(&mut self, replica: &OnDisk) -> Outcome {
        self.way = None;
        if self.states.is_empty() {
            // It was read before the roles changed, and changed back: somebody else may have been the master since.
            return Outcome::Idle;
        }
        let now = state(replica);
        let Some(place) = self.states.iter().rposition(|state| *state == now) else {
            let uids = |state: &State| state.keys().copied().collect::<Vec<u32>>();
            let last = self.states.last().map(uids).unwrap_or_default();
            let detail = format!("the replica has {:?}, the master had {last:?} at last", uids(&now));
            return Outcome::violated("no state of the master", detail);
        };
        if place < self.reached {
            let detail = format!("state {place} of the master after state {}", self.reached);
            return Outcome::violated("an earlier state", detail);
        }
        self.reached = place;
        Outcome::Held
    }
}

impl Watch {
    /// A client begins: what an earlier one was about to do is not done.
    pub fn client_begins(&self, host: &Host) {
        if self.is_master(host) {
            self.model.borrow_mut().histories.values_mut().for_each(History::given_up);
        }
    }

    /// A client has read a mailbox, and brings it over from now on.
    pub fn client_reads(&self, host: &Host, mailbox: &str) {
        self.follow(host, mailbox, |history, master, replica| {
            history.read(master, replica);
            Outcome::Idle
        });
    }

    /// A client has brought a mailbox over.
    pub fn client_is_done(&self, host: &Host, mailbox: &str) {
        self.follow(host, mailbox, |history, _, replica| history.carried(replica));
    }

    fn follow(&self, host: &Host, mailbox: &str, change: impl FnOnce(&mut History, &OnDisk, &OnDisk) -> Outcome) {
        let replica = {
            let model = self.model.borrow();
            let other = model.servers.get(1 - model.master);
            other.filter(|server| server.serves).map(|server| Rc::clone(&server.host))
        };
        let Some(replica) = replica.filter(|_| self.is_master(host)) else { return };
        let Some((one, other)) = self.on_disk(host, mailbox).zip(self.on_disk(&replica, mailbox)) else { return };
        let outcome = change(self.model.borrow_mut().histories.entry(mailbox.to_owned()).or_default(), &one, &other);
        self.report(Id::Follows, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, DiskSetup};
    use crate::flows::sync::checker::{FileCache, decode_index};
    use crate::flows::sync::format::{Header, Minor, Record};

    /// A mailbox with these messages: number and a byte that stands for the content.
    fn mailbox(messages: &[(u32, u8)]) -> OnDisk {
        let header = Header { records: messages.len() as u32, ..Header::new(Minor::V10, 1) };
        let mut bytes = header.encode();
        for (uid, content) in messages {
            let guid = crate::flows::sync::format::Guid([*content; 20]);
            bytes.extend(Record { uid: *uid, guid, ..Record::default() }.encode(Minor::V10));
        }
        let mut found = OnDisk::read(&Disk::new(DiskSetup::default()), "any", "none", &mut FileCache::default());
        found.index = decode_index(&bytes);
        assert_eq!(found.live().count(), messages.len());
        found
    }

    fn cause(outcome: &Outcome) -> &str {
        match outcome {
            Outcome::Violated(violation) => violation.cause.as_ref(),
            Outcome::Held => "held",
            _ => "idle",
        }
    }

    /// Claim: on the way, messages may arrive in order, and go; what is out of order or of neither side is noticed.
    #[test]
    fn ways() {
        let mut history = History::default();
        assert_eq!(cause(&history.on_the_way(&mailbox(&[]))), "idle");
        history.read(&mailbox(&[(2, 2), (4, 4), (5, 5)]), &mailbox(&[(1, 1), (2, 2)]));
        for (now, said) in [
            (&[(1, 1), (2, 2)][..], "held"),
            (&[(2, 2), (4, 4)], "held"),
            (&[(2, 2), (4, 4), (5, 5)], "held"),
            (&[(2, 2), (5, 5)], "out of order"),
            (&[(2, 2), (4, 9)], "a message of neither"),
        ] {
            assert_eq!(cause(&history.on_the_way(&mailbox(now))), said, "{now:?}");
        }
        history.given_up();
        assert_eq!(cause(&history.on_the_way(&mailbox(&[(9, 9)]))), "idle");
    }

    /// Claim: at the end the replica has a state of the master, and later ones later.
    #[test]
    fn ends() {
        let mut history = History::default();
        assert_eq!(cause(&history.carried(&mailbox(&[(3, 3)]))), "idle", "nobody has read it since the roles changed");
        for master in [&[(1, 1)][..], &[(1, 1), (2, 2)], &[(2, 2)]] {
            history.read(&mailbox(master), &mailbox(&[]));
        }
        assert_eq!(cause(&history.carried(&mailbox(&[(1, 1), (2, 2)]))), "held");
        assert_eq!(cause(&history.carried(&mailbox(&[(1, 1)]))), "an earlier state");
        assert_eq!(cause(&history.carried(&mailbox(&[(3, 3)]))), "no state of the master");
        assert_eq!(cause(&history.carried(&mailbox(&[(2, 2)]))), "held");
    }
}
