//! What people see of the server's state: committed rows by the objects they belong to, what is pending, the timer.

use serde_json::{Map, Value as Json, json};

use super::Watch;
use super::symptoms::Symptom;
use crate::flows::mailbox::model::{ChannelRows, MemoryView};

impl Watch {
    /// The server's state, as of the last look at its databases.
    #[must_use]
    pub fn state(&self) -> Json {
        let (rows, accounts) = (self.rows(), self.accounts());
        let server = self.server().filter(|_| self.node().is_some());
        let word = |open| if open { "left open" } else { "none" };
        let (channel, usage) = server.as_ref().map_or((false, false), |server| server.open_transactions());
        let view = server.as_ref().map(|server| server.view()).unwrap_or_default();
        json!({
            "transaction": { "channel": word(channel), "usage": word(usage) },
            "timer": if self.symptoms.has(Symptom::TimerDead) { "dead" } else { "runs" },
            "status": accounts.current.first().map(|row| json!({ "updated": row.updated, "connections": row.connections })),
            "mailboxes": mailboxes(&rows, &view),
            "nameplates": nameplates(&rows),
            "messages": rows.messages.len(),
            "usage": { "mailboxes": accounts.mailboxes.len(), "nameplates": accounts.nameplates.len() },
        })
    }
}

fn mailboxes(rows: &ChannelRows, view: &MemoryView) -> Json {
    let mailboxes = rows.mailboxes.iter().map(|mailbox| {
        let sides = rows.sides_of_mailbox(&mailbox.id);
        let sides = sides.map(|side| (side.side.clone(), Json::from(if side.opened { "open" } else { "closed" })));
        let listeners =
            view.mailboxes.iter().filter(|object| object.id == mailbox.id).map(|object| object.listeners.len());
        let shown = json!({
            "app": mailbox.app,
            "sides": sides.collect::<Map<_, _>>(),
            "messages": rows.messages.iter().filter(|message| message.mailbox == mailbox.id).count(),
            "listeners": listeners.sum::<usize>(),
        });
        (mailbox.id.clone(), shown)
    });
    Json::Object(mailboxes.collect())
}

fn nameplates(rows: &ChannelRows) -> Json {
    let nameplates = rows.nameplates.iter().map(|nameplate| {
        let sides = rows.sides_of_nameplate(nameplate.id);
        let sides =
            sides.map(|side| (side.side.clone(), Json::from(if side.claimed { "claimed" } else { "released" })));
        let shown = json!({
            "app": nameplate.app,
            "name": nameplate.name,
            "mailbox": nameplate.mailbox,
            "sides": sides.collect::<Map<_, _>>(),
        });
        (format!("nameplates:{}", nameplate.id), shown)
    });
    Json::Object(nameplates.collect())
}
