//! Nameplates and mailboxes as the historical server handled them: statements run in one implicit transaction
//! that all clients share, every command commits several times, and an exception leaves its statements pending
//! for whoever commits next. The order of statements and commits is the point; nothing here may be tidied up.

use std::rc::Rc;

use serde_json::Value as Json;

use super::commands::{Closing, Commands};
use super::inserts::stored;
use super::listeners::{Handle, Subscriber};
use super::{AppNamespace, Listener, Mailbox, Raised, Refusal, Server};
use crate::flows::mailbox::model::Effect;
use crate::flows::mailbox::protocol::{ServerFrame, StoredMessage, is_digits, text};
use crate::flows::mailbox::variants::NameplateNames;

/// The commands of one app.
pub(super) struct Shared<'a> {
    pub(super) server: &'a Server,
    pub(super) app: &'a AppNamespace,
}

impl Shared<'_> {
    fn check_name<'n>(&self, name: &'n Json) -> Result<&'n str, Raised> {
        let digits = self.server.rules.names == NameplateNames::Digits;
        match name.as_str() {
            Some(name) if !digits || is_digits(name) => Ok(name),
            Some(_) => Err(Raised::value("nameplate is too long or has non-digits")),
            None if digits => Err(Raised::value("nameplate is not a string")),
            None => Err(Raised::assertion("nameplate is not a string")),
        }
    }

    fn claim_nameplate(&self, name: &str, side: &Json, when: f64) -> Result<String, Refusal> {
        let text_side = as_text(side)?;
        let db = &self.server.channel;
        let found = db.first(
            "SELECT id, mailbox_id FROM nameplates WHERE app_id=? AND name=?",
            &[self.app.id.as_str().into(), name.into()],
        )?;
        let (nameplate, mailbox) = match found {
            Some(row) => (row[0].integer(), row[1].text().unwrap_or_default().to_owned()),
            None => {
                let mailbox = self.server.surroundings.mailbox_id();
                self.add_mailbox(&mailbox, true, when)?;
                (self.server.insert_nameplate(self.app, name, &mailbox)?, mailbox)
            }
        };
        let own = db.first(
            "SELECT claimed FROM nameplate_sides WHERE nameplates_id=? AND side=?",
            &[nameplate.into(), text_side.into()],
        )?;
        match own {
            None => self.server.insert_nameplate_side(nameplate, text_side, when)?,
            // What was written above stays pending, like after every other exception.
            Some(row) if !row[0].truth() => return Err(Refusal::Error(text::RECLAIMED)),
            Some(_) => {}
        }
        db.commit()?;
        self.open_mailbox(&mailbox, side, when)?;
        let sides = db.read("SELECT side FROM nameplate_sides WHERE nameplates_id=?", &[nameplate.into()])?;
        if sides.len() > 2 {
            return Err(Refusal::Error(text::CROWDED));
        }
        Ok(mailbox)
    }

    fn add_mailbox(&self, mailbox: &str, for_nameplate: bool, when: f64) -> Result<(), Raised> {
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        if db.first("SELECT id FROM mailboxes WHERE app_id=? AND id=?", &[app.into(), mailbox.into()])?.is_none() {
            self.server.insert_mailbox(self.app, mailbox, for_nameplate, when)?;
        }
        Ok(())
    }

    /// Row, object and side of a mailbox; `updated` is refreshed and everything committed before the sides are counted.
    fn open_mailbox(&self, id: &str, side: &Json, when: f64) -> Result<Rc<Mailbox>, Refusal> {
        self.add_mailbox(id, false, when)?;
        let mailbox = self.app.mailbox_or(id, || self.server.next_object());
        // Only now does anybody look at the type of the side: the row above stays pending if it is wrong.
        let side = as_text(side)?;
        let db = &self.server.channel;
        let own =
            db.first("SELECT side FROM mailbox_sides WHERE mailbox_id=? AND side=?", &[id.into(), side.into()])?;
        if own.is_none() {
            self.server.insert_mailbox_side(id, side, when)?;
        }
        self.touch(id, when)?;
        db.commit()?;
        let sides = db.read("SELECT side FROM mailbox_sides WHERE mailbox_id=?", &[id.into()])?;
        if sides.len() > 2 {
            return Err(Refusal::Error(text::CROWDED));
        }
        Ok(mailbox)
    }

    fn touch(&self, mailbox: &str, when: f64) -> Result<(), Raised> {
        self.server.channel.write("UPDATE mailboxes SET updated=? WHERE id=?", &[when.into(), mailbox.into()])?;
        Ok(())
    }

    /// The lowest digit count that has a free number, then any free number of that count.
    fn find_nameplate(&self) -> Result<String, Raised> {
        let claimed = self.server.nameplate_names(self.app)?;
        self.server.free_nameplate(&claimed).ok_or_else(|| Raised::value("unable to find a free nameplate-id"))
    }
}

impl Commands for Shared<'_> {
    fn allocate(&self, side: &Json, when: f64) -> Result<String, Refusal> {
        let name = self.find_nameplate()?;
        self.claim_nameplate(&name, side, when)?;
        Ok(name)
    }

    fn check_nameplate(&self, name: &Json) -> Result<String, Refusal> {
        Ok(self.check_name(name)?.to_owned())
    }

    fn claim(&self, name: &str, side: &Json, when: f64) -> Result<String, Refusal> {
        self.claim_nameplate(name, side, when)
    }

    fn release(&self, name: &Json, side: &Json, when: f64) -> Result<(), Refusal> {
        let name = as_text(name)?;
        let side = as_text(side)?;
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        let Some(row) = db.first("SELECT id FROM nameplates WHERE app_id=? AND name=?", &[app.into(), name.into()])?
        else {
            return Ok(());
        };
        let nameplate = &row[0];
        let key = [nameplate.clone()];
        let own = db.first(
            "SELECT claimed FROM nameplate_sides WHERE nameplates_id=? AND side=?",
            &[nameplate.clone(), side.into()],
        )?;
        if own.is_none() {
            return Ok(());
        }
        db.write(
            "UPDATE nameplate_sides SET claimed=? WHERE nameplates_id=? AND side=?",
            &[false.into(), nameplate.clone(), side.into()],
        )?;
        db.commit()?;
        let sides = db.read("SELECT added, claimed FROM nameplate_sides WHERE nameplates_id=?", &key)?;
        if sides.iter().any(|side| side[1].truth()) {
            return Ok(());
        }
        db.write("DELETE FROM nameplate_sides WHERE nameplates_id=?", &key)?;
        db.write("DELETE FROM nameplates WHERE id=?", &key)?;
        db.note(Effect::NameplateRetired { app: app.to_owned(), nameplate: nameplate.integer() });
        if let Some(usage) = &self.server.usage {
            usage.nameplate(app, &sides, when, false)?;
            usage.store().commit()?;
        }
        db.commit()?;
        Ok(())
    }

    fn open(&self, mailbox: &Json, side: &Json, when: f64) -> Result<Rc<Mailbox>, Refusal> {
        self.open_mailbox(as_text(mailbox)?, side, when)
    }

    fn subscribe(&self, mailbox: &Mailbox, handle: Handle, side: &str, wire: &Rc<dyn Listener>) -> Result<(), Raised> {
        mailbox.listeners().insert(Subscriber::new(handle, side, Rc::clone(wire)));
        let rows = self.server.channel.read(
            "SELECT side, phase, body, msg_id, server_rx FROM messages WHERE app_id=? AND mailbox_id=? ORDER BY server_rx ASC",
            &[self.app.id.as_str().into(), mailbox.id.as_str().into()],
        )?;
        for row in &rows {
            wire.send(&ServerFrame::Message(stored(row)), self.server.surroundings.now())?;
        }
        Ok(())
    }

    fn add(&self, mailbox: &Mailbox, _: Handle, message: StoredMessage) -> Result<(), Refusal> {
        let db = &self.server.channel;
        // The transaction is open before the parameters are looked at.
        db.begin()?;
        self.server.insert_message(self.app, &mailbox.id, &message)?;
        self.touch(&mailbox.id, message.server_rx)?;
        db.commit()?;
        let frame = ServerFrame::Message(message);
        mailbox.listeners().for_each_live(|subscriber| subscriber.wire.send(&frame, self.server.surroundings.now()))?;
        Ok(())
    }

    fn mailbox_to_close(&self, id: &Json, side: &Json, when: f64) -> Result<Option<Rc<Mailbox>>, Refusal> {
        self.open(id, side, when).map(Some)
    }

    fn close(&self, closing: Closing<'_>) -> Result<(), Refusal> {
        let Some(mailbox) = closing.mailbox else {
            return Ok(());
        };
        Ok(self.close_mailbox(mailbox, as_text(closing.side)?, closing.mood, closing.when)?)
    }
}

/// The historical `isinstance` assertions.
fn as_text(json: &Json) -> Result<&str, Raised> {
    json.as_str().ok_or_else(|| Raised::assertion("value is not a string"))
}
