//! The historical pruning of one app. Everything it deletes sits in one implicit transaction, committed at the
//! end: an exception on the way ends the whole tick and leaves the deletions so far pending.

use super::shared::Shared;
use super::{AppNamespace, Raised, Server};
use crate::flows::mailbox::database::{DbError, Value};
use crate::flows::mailbox::model::Effect;
use crate::flows::mailbox::variants::IdleApps;

/// Prunes every app that has rows, in the order of their ids. The first exception ends it.
pub(super) fn prune_all_apps(server: &Server, now: f64, old: f64) -> Result<(), Raised> {
    for id in apps_with_rows(server)? {
        let app = server.app(&id);
        Shared { server, app: &app }.prune(now, old)?;
        if server.rules.idle_apps == IdleApps::Dropped && app.mailboxes().is_empty() {
            server.apps.borrow_mut().remove(&id);
        }
    }
    Ok(())
}

fn apps_with_rows(server: &Server) -> Result<Vec<String>, DbError> {
    let mut apps = Vec::new();
    for sql in [
        "SELECT DISTINCT app_id FROM nameplates",
        "SELECT DISTINCT app_id FROM mailboxes",
        "SELECT DISTINCT app_id FROM messages",
    ] {
        apps.extend(server.channel.read(sql, &[])?.iter().filter_map(|row| row[0].text().map(str::to_owned)));
    }
    apps.sort();
    apps.dedup();
    Ok(apps)
}

impl Shared<'_> {
    fn prune(&self, now: f64, old: f64) -> Result<(), Raised> {
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        touch_listened(self.server, self.app, now)?;
        db.commit()?;
        let mailboxes = db.read("SELECT id, updated FROM mailboxes WHERE app_id=?", &[app.into()])?;
        let old_mailboxes: Vec<Value> = mailboxes
            .into_iter()
            .filter(|row| row[1].number().unwrap_or(0.0) <= old)
            .map(|mut row| row.swap_remove(0))
            .collect();
        let nameplates = db.read("SELECT id, mailbox_id FROM nameplates WHERE app_id=?", &[app.into()])?;
        let old_nameplates: Vec<Value> = nameplates
            .into_iter()
            .filter(|row| old_mailboxes.contains(&row[1]))
            .map(|mut row| row.swap_remove(0))
            .collect();
        for nameplate in self.walk(&old_nameplates) {
            self.prune_nameplate(nameplate, now)?;
        }
        for mailbox in self.walk(&old_mailboxes) {
            self.prune_mailbox(mailbox, now)?;
        }
        if !old_nameplates.is_empty() || !old_mailboxes.is_empty() {
            // The opposite order of close and release.
            db.commit()?;
            if let Some(usage) = &self.server.usage {
                usage.store().commit()?;
            }
        }
        Ok(())
    }

    fn prune_nameplate(&self, nameplate: &Value, now: f64) -> Result<(), Raised> {
        let key = [nameplate.clone()];
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        let sides = db.read("SELECT added FROM nameplate_sides WHERE nameplates_id=?", &key)?;
        db.write("DELETE FROM nameplate_sides WHERE nameplates_id=?", &key)?;
        db.write("DELETE FROM nameplates WHERE id=?", &key)?;
        db.note(Effect::NameplateRetired { app: app.to_owned(), nameplate: nameplate.integer() });
        match &self.server.usage {
            Some(usage) => usage.nameplate(app, &sides, now, true),
            None => Ok(()),
        }
    }

    fn prune_mailbox(&self, id: &Value, now: f64) -> Result<(), Raised> {
        let key = [id.clone()];
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        let row = db.first("SELECT for_nameplate FROM mailboxes WHERE id=?", &key)?;
        let row = row.ok_or_else(|| Raised::new("TypeError", "'NoneType' object is not subscriptable"))?;
        let sides = db.read("SELECT added, mood FROM mailbox_sides WHERE mailbox_id=?", &key)?;
        db.write("DELETE FROM messages WHERE mailbox_id=?", &key)?;
        db.write("DELETE FROM mailbox_sides WHERE mailbox_id=?", &key)?;
        db.write("DELETE FROM mailboxes WHERE id=?", &key)?;
        let mailbox = id.text().unwrap_or_default().to_owned();
        db.note(Effect::MailboxRetired { app: app.to_owned(), mailbox });
        match &self.server.usage {
            Some(usage) => usage.mailbox(app, &row[0], &sides, now, true),
            None => Ok(()),
        }
    }

    /// The elements in the order in which Python happens to walk a set of them.
    fn walk<'v>(&self, set: &'v [Value]) -> impl Iterator<Item = &'v Value> + use<'v> {
        self.server.surroundings.set_order(set.len()).into_iter().map(|n| &set[n])
    }
}

/// Refreshes the clock of every mailbox that somebody listens to, as far as the app's own objects know.
pub(super) fn touch_listened(server: &Server, app: &AppNamespace, now: f64) -> Result<(), DbError> {
    for mailbox in app.mailboxes().iter().filter(|mailbox| mailbox.listeners().len() > 0) {
        let id = mailbox.id.as_str();
        server.channel.write("UPDATE mailboxes SET updated=? WHERE id=?", &[now.into(), id.into()])?;
    }
    Ok(())
}
