//! The historical close of a mailbox. The last side to close deletes everything; if a nameplate still refers to
//! the mailbox, the deletion of its row violates a foreign key, and the deletions before it stay pending.

use serde_json::Value as Json;

use super::shared::Shared;
use super::{Mailbox, Raised};
use crate::flows::mailbox::database::Value;
use crate::flows::mailbox::model::Effect;
use crate::flows::mailbox::protocol::bindable;
use crate::flows::mailbox::variants::EarlyClose;

impl Shared<'_> {
    pub(super) fn close_mailbox(&self, mailbox: &Mailbox, side: &str, mood: &Json, when: f64) -> Result<(), Raised> {
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        let id: Value = mailbox.id.as_str().into();
        let key = [id.clone()];
        let row = db.first("SELECT for_nameplate FROM mailboxes WHERE app_id=? AND id=?", &[app.into(), id.clone()])?;
        let Some(row) = row else { return Ok(()) };
        let own = [id.clone(), side.into()];
        if db.first("SELECT side FROM mailbox_sides WHERE mailbox_id=? AND side=?", &own)?.is_none() {
            return Ok(());
        }
        db.begin()?;
        db.write(
            "UPDATE mailbox_sides SET opened=?, mood=? WHERE mailbox_id=? AND side=?",
            &[false.into(), bindable(mood)?, id.clone(), side.into()],
        )?;
        db.commit()?;
        let sides = db.read("SELECT added, mood, opened FROM mailbox_sides WHERE mailbox_id=?", &key)?;
        if sides.iter().any(|side| side[2].truth()) {
            return Ok(());
        }
        self.delete_nameplates(side, &key)?;
        db.write("DELETE FROM messages WHERE mailbox_id=?", &key)?;
        db.write("DELETE FROM mailbox_sides WHERE mailbox_id=?", &key)?;
        db.write("DELETE FROM mailboxes WHERE id=?", &key)?;
        db.note(Effect::MailboxRetired { app: app.to_owned(), mailbox: mailbox.id.clone() });
        if let Some(usage) = &self.server.usage {
            usage.mailbox(app, &row[0], &sides, when, false)?;
            usage.store().commit()?;
        }
        db.commit()?;
        mailbox.stop_listeners()?;
        self.app.free_mailbox(&mailbox.id);
        Ok(())
    }

    fn delete_nameplates(&self, side: &str, mailbox: &[Value]) -> Result<(), Raised> {
        let db = &self.server.channel;
        match self.server.rules.early_close {
            EarlyClose::LeavesNameplate | EarlyClose::RetiresNameplate => Ok(()),
            EarlyClose::WipesSidesByName => {
                db.write("DELETE FROM nameplate_sides WHERE side=?", &[side.into()])?;
                let doomed = db.read("SELECT id, app_id FROM nameplates WHERE mailbox_id=?", mailbox)?;
                db.write("DELETE FROM nameplates WHERE mailbox_id=?", mailbox)?;
                for row in doomed {
                    let app = row[1].text().unwrap_or_default().to_owned();
                    db.note(Effect::NameplateRetired { app, nameplate: row[0].integer() });
                }
                Ok(())
            }
        }
    }
}
