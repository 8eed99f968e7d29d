//! What is looked at after a step in which something may have changed.

use std::collections::BTreeSet;

use super::ghost::State;
use super::{Server, Watch};
use crate::check::Outcome;
use crate::flows::sync::checker::{OnDisk, rules};
use crate::flows::sync::invariants::Id;

impl Watch {
    /// Looks at every server that changed.
    pub(super) fn inspect(&self) {
        let Some(world) = self.world.borrow().clone() else { return };
        let mut model = self.model.borrow_mut();
        let model = &mut *model;
        for server in &mut model.servers {
            let changes = server.host.changes();
            if !server.serves || server.seen == Some(changes) {
                continue;
            }
            if !world.sim().is_up(server.node) {
                server.serves = false;
                continue;
            }
            server.seen = Some(changes);
            for mailbox in &self.mailboxes {
                let files = &mut model.files;
                let found =
                    world.disks().look(server.node, |disk| OnDisk::read(disk, &server.host.name, mailbox, files));
                if let Some(ghost) = server.ghosts.get_mut(mailbox) {
                    ghost.sees(&found);
                }
                self.look_at(server, mailbox, &found);
            }
            server.fresh = false;
        }
        self.look_for_gaps(model, &world);
        self.look_at_log(model, &world);
    }

    fn look_at(&self, server: &Server, mailbox: &str, found: &OnDisk) {
        let at = |id, outcome: Outcome| {
            let outcome = match outcome {
                Outcome::Violated(mut violation) => {
                    violation.detail = format!("{} {mailbox}: {}", server.host.name, violation.detail);
                    Outcome::Violated(violation)
                }
                other => other,
            };
            self.report(id, outcome);
        };
        let live_only = self.live_only();
        at(Id::IndexLength, rules::index_length(found));
        at(Id::Generations, rules::generations(found));
        if rules::generations_of_index_match(found) {
            at(Id::CacheReadable, rules::cache_readable(found, live_only));
            at(Id::CacheMatches, rules::cache_matches(found, live_only));
            at(Id::CacheApart, rules::cache_apart(found, live_only));
            at(Id::Checksums, rules::checksums(found, self.rules.sums));
        }
        at(Id::UidsInOrder, rules::uids_in_order(found));
        at(Id::LiveOrExpunged, rules::live_or_expunged(found));
        at(Id::Counters, rules::counters(found));
        at(Id::MessageFile, rules::message_files(found));
        if let Some(ghost) = server.ghosts.get(mailbox) {
            at(Id::NumbersGrow, ghost.numbers(found));
            at(Id::AckedKept, ghost.kept(found));
            at(Id::NoStray, rules::no_stray(found, &server.host.uploading(mailbox)));
        }
        if server.fresh {
            let outcome = match found.half_made.first() {
                Some(name) => Outcome::violated("left over", format!("{name} is there after a start")),
                None => Outcome::Held,
            };
            at(Id::NoLeftover, outcome);
        }
    }

    /// A replica that has just answered has no gaps.
    fn look_for_gaps(&self, model: &mut super::Model, world: &crate::world::World) {
        let replica = 1 - model.master;
        if !std::mem::take(&mut model.servers[replica].answered) {
            return;
        }
        for mailbox in &self.mailboxes {
            let (master, server) = (&model.servers[model.master], &model.servers[replica]);
            let (Some(promised), Some(claimed)) = (master.ghosts.get(mailbox), server.ghosts.get(mailbox)) else {
                continue;
            };
            let due: Vec<u32> = promised
                .acked
                .iter()
                .filter(|(uid, acked)| {
                    acked.state == State::Live && claimed.reached.get(uid).is_some_and(|reached| *reached > acked.since)
                })
                .map(|(uid, _)| *uid)
                .collect();
            if due.is_empty() || promised.renumbered {
                continue;
            }
            let (node, name) = (server.node, server.host.name.clone());
            let files = &mut model.files;
            let found = world.disks().look(node, |disk| OnDisk::read(disk, &name, mailbox, files));
            let gap = due.iter().find(|uid| !found.live().any(|entry| entry.uid == **uid));
            let last_uid = found.index.as_ref().map_or(0, |index| index.last_uid);
            self.report(
                Id::NoGap,
                match gap {
                    Some(uid) => {
                        Outcome::violated("gap", format!("{name} {mailbox}: last_uid {last_uid} without uid {uid}"))
                    }
                    None => Outcome::Held,
                },
            );
        }
    }

    /// Every change that was to be logged is in the log or a work file.
    fn look_at_log(&self, model: &super::Model, world: &crate::world::World) {
        let owed: BTreeSet<&String> = model.dirty.iter().chain(&model.in_work).collect();
        let master = &model.servers[model.master];
        if owed.is_empty() || !master.serves || !world.sim().is_up(master.node) {
            return;
        }
        let text = world.disks().look(master.node, |disk| {
            let names = disk.read_dir("sync").unwrap_or_default();
            let logs = names.iter().filter(|name| name.starts_with("log"));
            let texts = logs.filter_map(|name| disk.content(&format!("sync/{name}")).ok());
            texts.flat_map(|bytes| [bytes, b"\n".to_vec()].concat()).collect::<Vec<u8>>()
        });
        let text = String::from_utf8_lossy(&text).into_owned();
        let names: BTreeSet<&str> =
            text.lines().filter_map(|line| line.split_once(' ').map(|(_, name)| name)).collect();
        let user = |mailbox: &str| names.contains(mailbox.split('.').nth(1).unwrap_or_default());
        let lost = owed.iter().find(|mailbox| !names.contains(mailbox.as_str()) && !user(mailbox));
        self.report(
            Id::AckedLogged,
            match lost {
                Some(mailbox) => Outcome::violated("no line", format!("{mailbox} changed, and no log says so")),
                None => Outcome::Held,
            },
        );
    }
}
