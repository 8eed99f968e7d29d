//! Pruning as it should be done: one transaction per mailbox, so that a faulty one costs nobody else anything;
//! and the repair, at start, of what an older server has left behind.

use super::shared_prune::touch_listened;
use super::{Raised, Server};
use crate::flows::mailbox::database::DbError;

/// Deletes every mailbox that is old and has no listener. Returns what went wrong on the way.
pub(super) fn prune(server: &Server, now: f64, old: f64) -> Vec<Raised> {
    let mut errors = Vec::new();
    let apps: Vec<_> = server.apps.borrow().values().cloned().collect();
    let touched = server.channel.atomically(|| apps.iter().try_for_each(|app| touch_listened(server, app, now)));
    errors.extend(touched.err().map(Raised::from));
    let listened = |id: &str| apps.iter().filter_map(|app| app.mailbox(id)).any(|m| m.listeners().len() > 0);
    match old_mailboxes(server, old) {
        // Even if the touching failed: what somebody listens to stays.
        Ok(ids) => errors.extend(
            ids.iter()
                .filter(|id| !listened(id))
                .filter_map(|id| server.channel.atomically(|| server.retire_mailbox(id, now, true)).err()),
        ),
        Err(error) => errors.push(error.into()),
    }
    server.apps.borrow_mut().retain(|_, app| app.bound.get() > 0 || !app.mailboxes().is_empty());
    errors
}

fn old_mailboxes(server: &Server, old: f64) -> Result<Vec<String>, DbError> {
    let rows = server.channel.read("SELECT id FROM mailboxes WHERE updated<=? ORDER BY app_id, id", &[old.into()])?;
    Ok(rows.iter().filter_map(|row| row[0].text().map(str::to_owned)).collect())
}

/// Retires what has no sides, or nothing but closed ones, and deletes messages of mailboxes that are gone.
pub(super) fn repair(server: &Server) -> Result<(), Raised> {
    let now = server.surroundings.now();
    let db = &server.channel;
    db.atomically(|| {
        let nameplates = db.read(
            "SELECT n.app_id, n.id, m.updated FROM nameplates n JOIN mailboxes m ON m.id=n.mailbox_id
             WHERE n.id NOT IN (SELECT nameplates_id FROM nameplate_sides WHERE claimed)",
            &[],
        )?;
        for row in nameplates {
            server.retire_nameplate(row[0].text().unwrap_or_default(), &row[1], &row[2], now, true)?;
        }
        let mailboxes = db.read(
            "SELECT id FROM mailboxes WHERE id NOT IN (SELECT mailbox_id FROM mailbox_sides WHERE opened)",
            &[],
        )?;
        for row in mailboxes {
            server.retire_mailbox(row[0].text().unwrap_or_default(), now, true)?;
        }
        db.write(
            "DELETE FROM messages WHERE NOT EXISTS
               (SELECT 1 FROM mailboxes m WHERE m.id=messages.mailbox_id AND m.app_id=messages.app_id)",
            &[],
        )?;
        Ok(())
    })
}
