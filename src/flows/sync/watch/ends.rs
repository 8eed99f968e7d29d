//! What is looked at when everything has settled.

use std::collections::{BTreeMap, BTreeSet};

use super::Watch;
use crate::check::Outcome;
use crate::flows::sync::checker::{Entry, OnDisk};
use crate::flows::sync::invariants::Id;
use crate::flows::sync::variants::Layout;

/// What two servers have to agree about, by uid.
type Told = BTreeMap<u32, ([u8; 20], Vec<String>, u32, u32, u64)>;

fn told(found: &OnDisk, with_modseq: bool) -> Told {
    let one = |entry: &Entry| {
        let modseq = if with_modseq { entry.modseq } else { 0 };
        (entry.uid, (entry.guid, found.flags(entry), entry.internaldate, entry.size, modseq))
    };
    found.live().map(one).collect()
}

impl Watch {
    /// Compares the two servers.
    pub(super) fn inspect_settled(&self) {
        let Some(world) = self.world.borrow().clone() else { return };
        let mut model = self.model.borrow_mut();
        let model = &mut *model;
        let last = model.last;
        if last.done == 0 {
            self.report(
                Id::Agree,
                Outcome::violated("no full sync succeeded", "the last one failed, or none was tried"),
            );
            return;
        }
        for mailbox in &self.mailboxes {
            let files = &mut model.files;
            let mut found = Vec::new();
            for server in &model.servers {
                found.push(
                    world.disks().look(server.node, |disk| OnDisk::read(disk, &server.host.name, mailbox, files)),
                );
            }
            let [one, other] = &found[..] else { return };
            self.report(Id::Agree, self.agree(one, other, mailbox));
            let has = |found: &OnDisk, guid: &[u8; 20]| found.live().any(|entry| entry.guid == *guid);
            // What no client could tell from a forgotten message may be gone, but not from one server alone.
            let untold = |guid: &[u8; 20]| {
                model.untold.contains(&(mailbox.clone(), *guid)) && !found.iter().any(|found| has(found, guid))
            };
            let of_mailbox = model.survivors.iter().filter(|(name, _)| name == mailbox).map(|(_, guid)| guid);
            let mut due = of_mailbox.filter(|guid| !untold(guid));
            let lost = due.clone().find(|guid| found.iter().any(|found| !has(found, guid)));
            self.report(
                Id::Survives,
                match (lost, due.next()) {
                    (Some(guid), _) => {
                        let names = [0, 1].map(|which| found[which].live().any(|entry| entry.guid == *guid));
                        Outcome::violated(
                            "lost",
                            format!("{mailbox}: message {:02x?}.. is there: {names:?}", &guid[..4]),
                        )
                    }
                    (None, Some(_)) => Outcome::Held,
                    (None, None) => Outcome::Idle,
                },
            );
            self.report(Id::ExpungedAgree, self.expunged_agree([one, other], mailbox));
        }
        if last.done > 1 {
            let outcome = match last.changes {
                0 => Outcome::Held,
                changes => Outcome::violated("changes something", format!("{changes} commands that change something")),
            };
            self.report(Id::SecondSync, outcome);
        }
    }

    fn agree(&self, one: &OnDisk, other: &OnDisk, mailbox: &str) -> Outcome {
        let (Some(a), Some(b)) = (&one.index, &other.index) else {
            return Outcome::violated("unreadable", mailbox);
        };
        let single = self.rules.layout == Layout::SingleIndex;
        let (left, right) = (told(one, single), told(other, single));
        let uids = |told: &Told| told.keys().copied().collect::<BTreeSet<u32>>();
        if uids(&left) != uids(&right) {
            return Outcome::violated("other messages", format!("{mailbox}: {:?} and {:?}", uids(&left), uids(&right)));
        }
        if let Some((uid, message)) = left.iter().find(|(uid, message)| right.get(uid) != Some(message)) {
            let detail = format!("{mailbox} uid {uid}: {message:?} and {:?}", right.get(uid));
            return Outcome::violated("messages differ", detail);
        }
        if (a.uidvalidity, a.last_uid) != (b.uidvalidity, b.last_uid) {
            let detail = format!("{mailbox}: {:?} and {:?}", (a.uidvalidity, a.last_uid), (b.uidvalidity, b.last_uid));
            return Outcome::violated("uidvalidity or last_uid differ", detail);
        }
        if single && (a.highestmodseq, a.sync_crc) != (b.highestmodseq, b.sync_crc) {
            return Outcome::violated("change numbers or sums differ", mailbox);
        }
        Outcome::Held
    }

    /// What is expunged on one side is on the other, unless the number of its change says there that records up to it are
    /// gone: whoever asks either of them what has vanished is told of it, or that nobody can say.
    fn expunged_agree(&self, found: [&OnDisk; 2], mailbox: &str) -> Outcome {
        if self.rules.layout == Layout::ThreeFiles {
            return Outcome::Idle;
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let Some(index) = &found[to].index else { return Outcome::Idle };
            let there: BTreeSet<u32> = found[to].expunged().map(|entry| entry.uid).collect();
            let owed = |entry: &&Entry| entry.modseq > index.deletedmodseq;
            if let Some(entry) = found[from].expunged().filter(owed).find(|entry| !there.contains(&entry.uid)) {
                let detail = format!("{mailbox} uid {}, {} and {}", entry.uid, entry.modseq, index.deletedmodseq);
                return Outcome::violated("expunged on one side", detail);
            }
        }
        Outcome::Held
    }
}
