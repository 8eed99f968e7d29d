//! Nameplates and mailboxes as they should be handled: one transaction per command, rolled back on any error, so
//! that a refused command changes nothing; replies and deliveries only after the commit.

use std::rc::Rc;

use serde_json::Value as Json;

use super::commands::{Closing, Commands};
use super::inserts::stored;
use super::listeners::{Handle, Subscriber};
use super::{AppNamespace, Listener, Mailbox, Raised, Refusal, Server};
use crate::flows::mailbox::database::Value;
use crate::flows::mailbox::model::Effect;
use crate::flows::mailbox::protocol::{ServerFrame, StoredMessage, bindable, is_digits, text};
use crate::flows::mailbox::variants::Discipline;

/// The commands of one app.
pub(super) struct Atomic<'a> {
    pub(super) server: &'a Server,
    pub(super) app: &'a AppNamespace,
}

impl Atomic<'_> {
    fn claim_rows(&self, name: &str, side: &str, when: f64) -> Result<String, Refusal> {
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        let found =
            db.first("SELECT id, mailbox_id FROM nameplates WHERE app_id=? AND name=?", &[app.into(), name.into()])?;
        let (nameplate, mailbox) = match found {
            Some(row) => (row[0].integer(), row[1].text().unwrap_or_default().to_owned()),
            None => self.create_nameplate(name, when)?,
        };
        let sides = db.read("SELECT side, claimed FROM nameplate_sides WHERE nameplates_id=?", &[nameplate.into()])?;
        match sides.iter().find(|row| row[0].text() == Some(side)) {
            Some(own) if !own[1].truth() => return Err(Refusal::Error(text::RECLAIMED)),
            Some(_) => {}
            None if sides.len() >= 2 => return Err(Refusal::Error(text::CROWDED)),
            None => {
                self.server.insert_nameplate_side(nameplate, side, when)?;
            }
        }
        self.open_rows(&mailbox, side, when)?;
        Ok(mailbox)
    }

    fn create_nameplate(&self, name: &str, when: f64) -> Result<(i64, String), Refusal> {
        let mailbox = self.server.surroundings.mailbox_id();
        self.server.insert_mailbox(self.app, &mailbox, true, when)?;
        let nameplate = self.server.insert_nameplate(self.app, name, &mailbox)?;
        Ok((nameplate, mailbox))
    }

    /// Makes sure of the mailbox and of an open side in it, unless that would be a third one.
    fn open_rows(&self, id: &str, side: &str, when: f64) -> Result<(), Refusal> {
        let db = &self.server.channel;
        match db.first("SELECT app_id FROM mailboxes WHERE id=?", &[id.into()])? {
            None => self.server.insert_mailbox(self.app, id, false, when)?,
            Some(row) if row[0].text() != Some(&self.app.id) => {
                return Err(Refusal::Error(text::FOREIGN_MAILBOX));
            }
            Some(_) => {}
        }
        let sides = db.read("SELECT side, opened FROM mailbox_sides WHERE mailbox_id=?", &[id.into()])?;
        match sides.iter().find(|row| row[0].text() == Some(side)) {
            Some(own) if own[1].truth() => {}
            // Whoever comes back after a close takes part again.
            Some(_) => {
                db.write(
                    "UPDATE mailbox_sides SET opened=?, mood=NULL WHERE mailbox_id=? AND side=?",
                    &[true.into(), id.into(), side.into()],
                )?;
            }
            None if sides.len() >= 2 => return Err(Refusal::Error(text::CROWDED)),
            None => {
                self.server.insert_mailbox_side(id, side, when)?;
            }
        }
        db.write("UPDATE mailboxes SET updated=? WHERE id=?", &[when.into(), id.into()])?;
        Ok(())
    }

    fn release_rows(&self, name: &str, side: &str, when: f64) -> Result<(), Refusal> {
        let db = &self.server.channel;
        let app = self.app.id.as_str();
        let found = db.first(
            "SELECT n.id, m.updated FROM nameplates n JOIN mailboxes m ON m.id=n.mailbox_id WHERE n.app_id=? AND n.name=?",
            &[app.into(), name.into()],
        )?;
        let Some(row) = found else { return Ok(()) };
        let released = db.write(
            "UPDATE nameplate_sides SET claimed=? WHERE nameplates_id=? AND side=?",
            &[false.into(), row[0].clone(), side.into()],
        )?;
        let claimed =
            db.first("SELECT 1 FROM nameplate_sides WHERE nameplates_id=? AND claimed LIMIT 1", &[row[0].clone()])?;
        if released.rows > 0 && claimed.is_none() {
            self.server.retire_nameplate(app, &row[0], &row[1], when, false)?;
        }
        Ok(())
    }

    fn add_rows(&self, mailbox: &Mailbox, message: &StoredMessage) -> Result<(), Refusal> {
        let db = &self.server.channel;
        let touched = db.write(
            "UPDATE mailboxes SET updated=? WHERE app_id=? AND id=?",
            &[message.server_rx.into(), self.app.id.as_str().into(), mailbox.id.as_str().into()],
        )?;
        if touched.rows == 0 {
            return Err(Refusal::Error(text::ADD_UNOPENED));
        }
        Ok(self.server.insert_message(self.app, &mailbox.id, message)?)
    }

    /// Hands a frame to everybody. A listener that fails is given up alone; only the caller's own failure is returned.
    fn fan_out(&self, mailbox: &Mailbox, own: Handle, frame: &ServerFrame) -> Result<(), Raised> {
        let listeners = mailbox.listeners().snapshot();
        for listener in &listeners {
            listener.push(frame.clone());
        }
        let mut result = Ok(());
        for listener in &listeners {
            match listener.drain(|| self.server.surroundings.now()) {
                Ok(()) => {}
                Err(raised) if listener.handle == own => result = Err(raised),
                Err(_) => {
                    mailbox.remove_listener(listener.handle);
                    listener.end();
                    listener.wire.abandon();
                    self.server.forget_if_idle(mailbox);
                }
            }
        }
        result
    }
}

impl Commands for Atomic<'_> {
    fn allocate(&self, side: &Json, when: f64) -> Result<String, Refusal> {
        let side = well_typed(side)?;
        self.server.channel.atomically(|| {
            let claimed = self.server.nameplate_names(self.app)?;
            let name = self.server.free_nameplate(&claimed).ok_or(Refusal::Error(text::NO_NAMEPLATE))?;
            self.claim_rows(&name, side, when)?;
            Ok(name)
        })
    }

    fn check_nameplate(&self, name: &Json) -> Result<String, Refusal> {
        name.as_str().filter(|name| is_digits(name)).map(str::to_owned).ok_or(Refusal::Error(text::BAD_NAMEPLATE))
    }

    fn claim(&self, name: &str, side: &Json, when: f64) -> Result<String, Refusal> {
        let side = well_typed(side)?;
        self.server.channel.atomically(|| self.claim_rows(name, side, when))
    }

    fn release(&self, name: &Json, side: &Json, when: f64) -> Result<(), Refusal> {
        let (name, side) = (well_typed(name)?, well_typed(side)?);
        self.server.channel.atomically(|| self.release_rows(name, side, when))
    }

    fn open(&self, mailbox: &Json, side: &Json, when: f64) -> Result<Rc<Mailbox>, Refusal> {
        let (id, side) = (well_typed(mailbox)?, well_typed(side)?);
        self.server.channel.atomically(|| self.open_rows(id, side, when))?;
        Ok(self.app.mailbox_or(id, || self.server.next_object()))
    }

    fn subscribe(&self, mailbox: &Mailbox, handle: Handle, side: &str, wire: &Rc<dyn Listener>) -> Result<(), Raised> {
        let subscriber = Subscriber::new(handle, side, Rc::clone(wire));
        let rows = self.server.channel.read(
            "SELECT side, phase, body, msg_id, server_rx FROM messages WHERE app_id=? AND mailbox_id=? ORDER BY rowid",
            &[self.app.id.as_str().into(), mailbox.id.as_str().into()],
        )?;
        for row in &rows {
            subscriber.push(ServerFrame::Message(stored(row)));
        }
        mailbox.listeners().insert(Rc::clone(&subscriber));
        subscriber.drain(|| self.server.surroundings.now())
    }

    fn add(&self, mailbox: &Mailbox, handle: Handle, message: StoredMessage) -> Result<(), Refusal> {
        // The subscription may have ended behind the connection's back: the same side closed over another one.
        if !mailbox.handles().contains(&handle) {
            return Err(Refusal::Error(text::ADD_UNOPENED));
        }
        self.server.channel.atomically(|| self.add_rows(mailbox, &message))?;
        Ok(self.fan_out(mailbox, handle, &ServerFrame::Message(message))?)
    }

    fn mailbox_to_close(&self, _: &Json, _: &Json, _: f64) -> Result<Option<Rc<Mailbox>>, Refusal> {
        // A close never creates what it closes.
        Ok(None)
    }

    fn close(&self, closing: Closing<'_>) -> Result<(), Refusal> {
        let (id, side) = (well_typed(closing.id)?, well_typed(closing.side)?);
        let mood = bindable(closing.mood)?;
        let gone = self.server.channel.atomically(|| self.close_rows(id, side, mood, closing.when))?;
        if let Some(mailbox) = self.app.mailbox(id) {
            self.end_subscriptions(&mailbox, if gone { None } else { Some(side) });
        }
        Ok(())
    }
}

/// Values whose type was checked when the command came in.
fn well_typed(json: &Json) -> Result<&str, Refusal> {
    json.as_str().ok_or(Refusal::Error(text::WRONG_TYPE))
}

impl Server {
    /// Forgets a mailbox object nobody listens to, if it is the registered one. The historical server kept them.
    pub(super) fn forget_if_idle(&self, mailbox: &Mailbox) {
        if self.rules.discipline == Discipline::SharedImplicit || mailbox.listeners().len() > 0 {
            return;
        }
        let app = self.apps.borrow().get(&mailbox.app).cloned();
        if let Some(app) = app.filter(|app| app.mailbox(&mailbox.id).is_some_and(|m| m.object == mailbox.object)) {
            app.free_mailbox(&mailbox.id);
        }
    }

    /// Deletes a nameplate with its sides and writes its usage row, all in the caller's transaction. `fallback` is
    /// the time to start from if an older server has left it without sides.
    pub(super) fn retire_nameplate(
        &self,
        app: &str,
        nameplate: &Value,
        fallback: &Value,
        when: f64,
        pruned: bool,
    ) -> Result<(), Raised> {
        let db = &self.channel;
        let key = [nameplate.clone()];
        let mut sides = db.read("SELECT added FROM nameplate_sides WHERE nameplates_id=?", &key)?;
        db.write("DELETE FROM nameplate_sides WHERE nameplates_id=?", &key)?;
        db.write("DELETE FROM nameplates WHERE id=?", &key)?;
        db.note(Effect::NameplateRetired { app: app.to_owned(), nameplate: nameplate.integer() });
        if sides.is_empty() {
            sides.push(vec![fallback.clone()]);
        }
        self.usage.as_ref().map_or(Ok(()), |usage| usage.nameplate(app, &sides, when, pruned))
    }
}
