//! What has happened so far on the server, as committed rows and effects tell it: who came to which mailbox, what was
//! stored in it, which names stood for what, and what the accounts should say.

use std::collections::{BTreeMap, BTreeSet};

use super::session::message_name;
use crate::flows::mailbox::model::{Admission, ChannelRows, Created, Effect, NameEvent};
use crate::flows::mailbox::server::{EXPIRY_S, Summary, summarize_mailbox, summarize_nameplate};

/// What ended in a commit, and the usage row it should have got (`None`: its sides are not known).
pub(super) struct Expected {
    pub(super) app: String,
    pub(super) is_mailbox: bool,
    pub(super) summary: Option<Summary>,
}

/// How a deletion came about.
#[derive(Clone, Debug, Default)]
pub(super) struct Deletion {
    /// The server's clock.
    pub(super) at: f64,
    /// By the timer.
    pub(super) pruned: bool,
    /// By a close: mailbox, side and mood of the closer.
    pub(super) closer: Option<(String, String, Option<String>)>,
}

/// The history.
#[derive(Default)]
pub(super) struct History {
    pub(super) created: Created,
    pub(super) names: BTreeMap<String, Vec<NameEvent>>,
    pub(super) admissions: Vec<Admission>,
    /// One was added since it was last looked at.
    pub(super) admissions_changed: bool,
    /// The messages of each mailbox in the order of their commits.
    pub(super) stored: BTreeMap<String, Vec<String>>,
    /// Mailboxes that were there once and are gone.
    pub(super) retired: BTreeSet<String>,
    /// Mailboxes that the timer has deleted because they were old, whatever came later.
    pub(super) expired: BTreeSet<String>,
    /// When a mailbox last had a listener, or a command that was not refused.
    pub(super) active: BTreeMap<String, f64>,
    /// Sides that were ever in a mailbox.
    pub(super) visitors: BTreeMap<String, BTreeSet<String>>,
    nameplates: BTreeMap<i64, (String, String)>,
}

impl History {
    /// Takes in an effect; `rows` are those before the commit. Answers what the accounts should say.
    pub(super) fn effect(
        &mut self,
        effect: &Effect,
        rows: &ChannelRows,
        deletion: &Deletion,
        blur: Option<i64>,
    ) -> Option<Expected> {
        self.created.count(effect);
        match effect {
            Effect::MailboxCreated { mailbox, .. } => {
                self.retired.remove(mailbox);
                self.stored.remove(mailbox);
                None
            }
            Effect::NameplateCreated { app, name, nameplate, .. } => {
                self.nameplates.insert(*nameplate, (app.clone(), name.clone()));
                None
            }
            Effect::MailboxRetired { app, mailbox } => {
                let is_old = rows.mailbox(mailbox).is_some_and(|row| row.updated <= deletion.at - EXPIRY_S);
                if deletion.pruned && is_old {
                    self.expired.insert(mailbox.clone());
                }
                self.retired.insert(mailbox.clone());
                self.stored.remove(mailbox);
                self.active.remove(mailbox);
                self.admissions.retain(|admission| admission.mailbox != *mailbox);
                let mood = |side: &str, mood: &Option<String>| match &deletion.closer {
                    Some((closed, closer, mood)) if closed == mailbox && closer == side => mood.clone(),
                    _ => mood.clone(),
                };
                let sides: Vec<_> =
                    rows.sides_of_mailbox(mailbox).map(|side| (side.added, mood(&side.side, &side.mood))).collect();
                let sides: Vec<_> = sides.iter().map(|(added, mood)| (*added, mood.as_deref())).collect();
                Some(Expected {
                    app: app.clone(),
                    is_mailbox: true,
                    summary: summarize_mailbox(&sides, deletion.at, deletion.pruned, blur).ok(),
                })
            }
            Effect::NameplateRetired { app, nameplate } => {
                if let Some((app, name)) = self.nameplates.remove(nameplate) {
                    self.names.entry(app).or_default().push(NameEvent::Ended { name });
                }
                let added: Vec<_> = rows.sides_of_nameplate(*nameplate).map(|side| side.added).collect();
                Some(Expected {
                    app: app.clone(),
                    is_mailbox: false,
                    summary: summarize_nameplate(&added, deletion.at, deletion.pruned, blur).ok(),
                })
            }
        }
    }

    /// Takes in committed rows; answers the mailboxes whose clock was set.
    pub(super) fn rows(&mut self, before: &ChannelRows, after: &ChannelRows) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for message in &after.messages {
            let count = counts.entry(&message.mailbox).or_default();
            *count += 1;
            let stored = self.stored.entry(message.mailbox.clone()).or_default();
            if stored.len() < *count {
                stored.push(message_name(&message.side, &message.phase, &message.body, message.server_rx));
            }
        }
        for side in &after.mailbox_sides {
            let visitors = self.visitors.entry(side.mailbox.clone()).or_default();
            if !visitors.contains(&side.side) {
                visitors.insert(side.side.clone());
            }
        }
        let touched = after
            .mailboxes
            .iter()
            .filter(|mailbox| before.mailbox(&mailbox.id).is_none_or(|old| old.updated != mailbox.updated));
        touched.map(|mailbox| mailbox.id.clone()).collect()
    }

    /// What was under way when the process died may have set clocks and committed, and nobody saw it end.
    pub(super) fn touched_unseen(&mut self, before: &ChannelRows, after: &ChannelRows) {
        for row in &after.mailboxes {
            if before.mailbox(&row.id).is_none_or(|old| old.updated != row.updated) {
                let active = self.active.entry(row.id.clone()).or_insert(row.updated);
                *active = active.max(row.updated);
            }
        }
    }

    /// The nameplates that are there, whoever made them.
    pub(super) fn nameplates_are(&mut self, rows: &ChannelRows) {
        let known = rows.nameplates.iter();
        self.nameplates = known.map(|n| (n.id, (n.app.clone(), n.name.clone()))).collect();
    }

    /// A side was served, or crowded out.
    pub(super) fn admission(&mut self, mailbox: &str, side: &str, admitted: bool) {
        self.admissions_changed = true;
        self.admissions.push(Admission { mailbox: mailbox.to_owned(), side: side.to_owned(), admitted });
    }
}
