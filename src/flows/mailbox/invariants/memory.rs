//! Objects in memory against each other and against the rows.

use super::{each, require};
use crate::check::Outcome;
use crate::flows::mailbox::model::{ChannelRows, ConnectionView, MailboxView, MemoryView, TickRecord};

/// `bound-app-is-registered`
#[must_use]
pub fn bound_app_is_registered(view: &MemoryView) -> Outcome {
    each(live(view).filter_map(|c| Some((c.handle, c.app.as_ref()?))), |(handle, app)| {
        require(view.apps.contains(app), "bound to a forgotten app object", || {
            format!("connection {handle} is bound to object {} of app {}", app.1, app.0)
        })
    })
}

/// `listener-on-a-registered-mailbox`
#[must_use]
pub fn listener_on_a_registered_mailbox(view: &MemoryView, rows: &ChannelRows) -> Outcome {
    each(live(view).filter_map(|c| Some((c.handle, c.listening.as_ref()?))), |(handle, (id, object))| {
        let registered = view.mailboxes.iter().any(|m| m.registered && m.object == *object);
        require(registered, "listens to a forgotten mailbox object", || {
            format!("connection {handle} listens to object {object} of mailbox {id}")
        })?;
        require(rows.mailbox(id).is_some(), "listens to a mailbox without a row", || {
            format!("connection {handle} listens to mailbox {id}")
        })
    })
}

/// `lost-connection-does-not-listen`: `gone` are the connections whose transport ended in an earlier step.
#[must_use]
pub fn lost_connection_does_not_listen(view: &MemoryView, gone: &[u64]) -> Outcome {
    let lost = view.connections.iter().filter(|c| c.lost).map(|c| c.handle).chain(gone.iter().copied());
    each(lost, |handle| {
        let mailbox = view.mailboxes.iter().find(|m| m.listeners.contains(handle));
        require(mailbox.is_none(), "lost connection still listens", || {
            format!("connection {handle} to mailbox {}", mailbox.map_or("", |m| &m.id))
        })
    })
}

/// `mailbox-object-has-a-row`
#[must_use]
pub fn mailbox_object_has_a_row(view: &MemoryView, rows: &ChannelRows) -> Outcome {
    each(view.mailboxes.iter().filter(|m| m.registered), |m: &&MailboxView| {
        let row = rows.mailbox(&m.id).filter(|row| row.app == m.app);
        require(row.is_some(), "mailbox object without a row", || format!("mailbox {} of {}", m.id, m.app))
    })
}

/// `listening-side-is-open`
#[must_use]
pub fn listening_side_is_open(view: &MemoryView, rows: &ChannelRows) -> Outcome {
    let listening = live(view).filter_map(|c| Some((c.side.as_deref()?, &c.listening.as_ref()?.0)));
    each(listening, |(side, mailbox)| {
        let open = rows.sides_of_mailbox(mailbox).any(|s| s.side == *side && s.opened);
        require(open, "listens without having the mailbox open", || format!("side {side}, mailbox {mailbox}"))
    })
}

/// `status-counts-listeners`: of the last tick that wrote the row. `listening` is the number of connections that
/// listened at that moment.
#[must_use]
pub fn status_counts_listeners(tick: &TickRecord, listening: usize) -> Outcome {
    each(tick.status, |status| {
        require(usize::try_from(*status) == Ok(listening), "status row miscounts listeners", || {
            format!("it says {status}, there were {listening}")
        })
    })
}

fn live(view: &MemoryView) -> impl Iterator<Item = &ConnectionView> {
    view.connections.iter().filter(|c| !c.lost)
}

#[cfg(test)]
mod tests {
    use super::super::cause;
    use super::*;
    use crate::flows::mailbox::model::{MailboxRow, MailboxSideRow};

    /// Connection 3 of side a listens to mailbox m.
    fn sound() -> (MemoryView, ChannelRows) {
        let view = MemoryView {
            apps: vec![("app".into(), 1)],
            mailboxes: vec![MailboxView {
                app: "app".into(),
                id: "m".into(),
                object: 2,
                registered: true,
                listeners: vec![3],
            }],
            connections: vec![ConnectionView {
                handle: 3,
                lost: false,
                app: Some(("app".into(), 1)),
                side: Some("a".into()),
                listening: Some(("m".into(), 2)),
            }],
        };
        let rows = ChannelRows {
            mailboxes: vec![MailboxRow { app: "app".into(), id: "m".into(), updated: 0.0, for_nameplate: false }],
            mailbox_sides: vec![MailboxSideRow {
                mailbox: "m".into(),
                opened: true,
                side: "a".into(),
                added: 0.0,
                mood: None,
            }],
            ..ChannelRows::default()
        };
        (view, rows)
    }

    type Check = fn(&MemoryView, &ChannelRows) -> Outcome;
    type Damage = fn(&mut MemoryView, &mut ChannelRows);

    /// Claim: every check holds on a sound view, is idle on an empty one, and fires on the damage it is about.
    #[test]
    fn each_check_fires() {
        let cases: [(Check, Damage, &str); 6] = [
            (|v, _| bound_app_is_registered(v), |v, _| v.apps[0].1 = 9, "bound to a forgotten app object"),
            (
                listener_on_a_registered_mailbox,
                |v, _| v.mailboxes[0].registered = false,
                "listens to a forgotten mailbox object",
            ),
            (listener_on_a_registered_mailbox, |_, r| r.mailboxes.clear(), "listens to a mailbox without a row"),
            (mailbox_object_has_a_row, |_, r| r.mailboxes[0].app = "other".into(), "mailbox object without a row"),
            (
                listening_side_is_open,
                |_, r| r.mailbox_sides[0].opened = false,
                "listens without having the mailbox open",
            ),
            (
                |v, _| {
                    if v.apps.is_empty() { Outcome::Idle } else { lost_connection_does_not_listen(v, &[4]) }
                },
                |v, _| v.connections[0].lost = true,
                "lost connection still listens",
            ),
        ];
        for (check, damage, expected) in cases {
            let (mut view, mut rows) = sound();
            assert_eq!(cause(&check(&view, &rows)), "held", "{expected}");
            assert_eq!(cause(&check(&MemoryView::default(), &rows)), "idle", "{expected}");
            damage(&mut view, &mut rows);
            assert_eq!(cause(&check(&view, &rows)), expected);
        }
    }

    /// Claim: a connection the server was never told about counts by its handle.
    #[test]
    fn unnoticed_loss_fires() {
        assert_eq!(cause(&lost_connection_does_not_listen(&sound().0, &[3])), "lost connection still listens");
    }

    /// Claim: the status row is compared only if it was written.
    #[test]
    fn status_fires() {
        let tick = |status| TickRecord { status, ..TickRecord::default() };
        assert_eq!(status_counts_listeners(&tick(None), 1), Outcome::Idle);
        assert_eq!(status_counts_listeners(&tick(Some(1)), 1), Outcome::Held);
        assert_eq!(cause(&status_counts_listeners(&tick(Some(0)), 1)), "status row miscounts listeners");
    }
}
