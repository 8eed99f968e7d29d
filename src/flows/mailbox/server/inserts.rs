//! The rows the server makes, one statement each, as every form of it writes them. When a row becomes durable, and
//! what is checked before, is the caller's business.

use super::{AppNamespace, Raised, Server};
use crate::flows::mailbox::database::Value;
use crate::flows::mailbox::model::Effect;
use crate::flows::mailbox::protocol::{StoredMessage, bindable, outgoing};

impl Server {
    pub(super) fn insert_mailbox(
        &self,
        app: &AppNamespace,
        id: &str,
        for_nameplate: bool,
        when: f64,
    ) -> Result<(), Raised> {
        self.channel.write(
            "INSERT INTO mailboxes (app_id, id, for_nameplate, updated) VALUES (?,?,?,?)",
            &[app.id.as_str().into(), id.into(), for_nameplate.into(), when.into()],
        )?;
        self.channel.note(Effect::MailboxCreated { app: app.id.clone(), mailbox: id.to_owned() });
        Ok(())
    }

    pub(super) fn insert_mailbox_side(&self, mailbox: &str, side: &str, when: f64) -> Result<(), Raised> {
        self.channel.write(
            "INSERT INTO mailbox_sides (mailbox_id, opened, side, added) VALUES (?,?,?,?)",
            &[mailbox.into(), true.into(), side.into(), when.into()],
        )?;
        Ok(())
    }

    /// Answers the key of the new row.
    pub(super) fn insert_nameplate(&self, app: &AppNamespace, name: &str, mailbox: &str) -> Result<i64, Raised> {
        let inserted = self.channel.write(
            "INSERT INTO nameplates (app_id, name, mailbox_id) VALUES (?,?,?)",
            &[app.id.as_str().into(), name.into(), mailbox.into()],
        )?;
        self.channel.note(Effect::NameplateCreated {
            app: app.id.clone(),
            name: name.to_owned(),
            nameplate: inserted.last_id,
            mailbox: mailbox.to_owned(),
        });
        Ok(inserted.last_id)
    }

    pub(super) fn insert_nameplate_side(&self, nameplate: i64, side: &str, when: f64) -> Result<(), Raised> {
        self.channel.write(
            "INSERT INTO nameplate_sides (nameplates_id, claimed, side, added) VALUES (?,?,?,?)",
            &[nameplate.into(), true.into(), side.into(), when.into()],
        )?;
        Ok(())
    }

    /// Raises if a value of the client's is none that a column can hold.
    pub(super) fn insert_message(
        &self,
        app: &AppNamespace,
        mailbox: &str,
        message: &StoredMessage,
    ) -> Result<(), Raised> {
        let row = [
            app.id.as_str().into(),
            mailbox.into(),
            bindable(&message.side)?,
            bindable(&message.phase)?,
            bindable(&message.body)?,
            message.server_rx.into(),
            bindable(&message.id)?,
        ];
        self.channel.write(
            "INSERT INTO messages (app_id, mailbox_id, side, phase, body, server_rx, msg_id) VALUES (?,?,?,?,?,?,?)",
            &row,
        )?;
        Ok(())
    }
}

/// A row of (side, phase, body, msg_id, server_rx) as a message.
pub(super) fn stored(row: &[Value]) -> StoredMessage {
    StoredMessage {
        side: outgoing(&row[0]),
        phase: outgoing(&row[1]),
        body: outgoing(&row[2]),
        id: outgoing(&row[3]),
        server_rx: row[4].number().unwrap_or(0.0),
    }
}
