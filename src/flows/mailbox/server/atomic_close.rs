//! Closing and deleting mailboxes as it should be done: with the nameplates that refer to them, with all usage
//! rows, in one transaction.

use super::atomic::Atomic;
use super::{Mailbox, Raised, Refusal, Server};
use crate::flows::mailbox::database::Value;
use crate::flows::mailbox::model::Effect;

impl Atomic<'_> {
    /// Closes the mailbox for the side, if it has it open. True if that deleted the mailbox.
    pub(super) fn close_rows(&self, id: &str, side: &str, mood: Value, when: f64) -> Result<bool, Refusal> {
        let db = &self.server.channel;
        let own = [self.app.id.as_str().into(), id.into()];
        if db.first("SELECT id FROM mailboxes WHERE app_id=? AND id=?", &own)?.is_none() {
            return Ok(false);
        }
        let closed = db.write(
            "UPDATE mailbox_sides SET opened=?, mood=? WHERE mailbox_id=? AND side=?",
            &[false.into(), mood, id.into(), side.into()],
        )?;
        let opened = db.first("SELECT 1 FROM mailbox_sides WHERE mailbox_id=? AND opened LIMIT 1", &[id.into()])?;
        if closed.rows == 0 || opened.is_some() {
            return Ok(false);
        }
        self.server.retire_mailbox(id, when, false)?;
        Ok(true)
    }

    /// Ends the subscriptions of one side, or of all: their connections hear nothing more from this mailbox.
    pub(super) fn end_subscriptions(&self, mailbox: &Mailbox, side: Option<&str>) {
        for subscriber in mailbox.listeners().snapshot() {
            if side.is_none_or(|side| subscriber.side == side) {
                mailbox.remove_listener(subscriber.handle);
                subscriber.end();
                if subscriber.wire.stop().is_err() {
                    subscriber.wire.abandon();
                }
            }
        }
        self.server.forget_if_idle(mailbox);
    }
}

impl Server {
    /// Deletes a mailbox with all that refers to it and writes the usage rows, all in the caller's transaction.
    /// Does nothing if it is not there.
    pub(super) fn retire_mailbox(&self, id: &str, when: f64, pruned: bool) -> Result<(), Raised> {
        let db = &self.channel;
        let Some(row) = db.first("SELECT app_id, for_nameplate, updated FROM mailboxes WHERE id=?", &[id.into()])?
        else {
            return Ok(());
        };
        let app = row[0].text().unwrap_or_default();
        for nameplate in db.read("SELECT id FROM nameplates WHERE mailbox_id=?", &[id.into()])? {
            self.retire_nameplate(app, &nameplate[0], &row[2], when, pruned)?;
        }
        let mut sides = db.read("SELECT added, mood FROM mailbox_sides WHERE mailbox_id=?", &[id.into()])?;
        db.write("DELETE FROM messages WHERE mailbox_id=?", &[id.into()])?;
        db.write("DELETE FROM mailbox_sides WHERE mailbox_id=?", &[id.into()])?;
        db.write("DELETE FROM mailboxes WHERE id=?", &[id.into()])?;
        db.note(Effect::MailboxRetired { app: app.to_owned(), mailbox: id.to_owned() });
        if sides.is_empty() {
            // Left behind by an older server: all that is known is when it was last touched.
            sides.push(vec![row[2].clone(), Value::Null]);
        }
        self.usage.as_ref().map_or(Ok(()), |usage| usage.mailbox(app, &row[1], &sides, when, pruned))
    }
}
