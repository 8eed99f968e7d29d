//! Receivers: callbacks of other parts of the application, called inside the transaction. They may do whatever they like,
//! to the same rows too.

use super::connection::{Orm, Waiting};
use super::error::OrmResult;
use super::related::{Related, TAGS};
use crate::flows::merge::schema::Table;

/// When a receiver is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A row is about to be deleted; the row's key comes along.
    PreDelete(Table),
    /// A row was deleted.
    PostDelete(Table),
    /// The join rows of an owner, whose key comes along, are about to be deleted by `clear`.
    PreClear(Table),
    /// They were deleted.
    PostClear(Table),
    /// Some of the join rows of an owner, whose key comes along, were deleted.
    PostRemove(Table),
}

/// A callback.
pub struct Receiver {
    /// What it is called in scenarios.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    on: Signal,
    /// Acts; the row is what the signal says.
    pub(super) act: for<'a> fn(&'a Orm, i64) -> Waiting<'a, OrmResult<()>>,
}

impl Signal {
    /// When a receiver is called.
    #[must_use]
    pub fn of(receiver: &Receiver) -> Signal {
        receiver.on
    }
}

/// Every receiver there is. The third-party event of `retag` has the key 3.
pub static RECEIVERS: &[Receiver] = &[
    Receiver {
        name: "listen",
        doc: "hears of every deletion of a task, and does nothing: only the statements change",
        on: Signal::PostDelete(Table::Task),
        act: |_, _| Box::pin(async { Ok(()) }),
    },
    Receiver {
        name: "listen-joins",
        doc: "hears of every deletion of a join row, and does nothing: only the statements change",
        on: Signal::PostDelete(Table::EventTags),
        act: |_, _| Box::pin(async { Ok(()) }),
    },
    Receiver {
        name: "retag",
        doc: "gives a third event the tag that was just deleted",
        on: Signal::PostDelete(Table::Tag),
        act: |orm, tag| {
            Box::pin(async move {
                const THIRD_EVENT: i64 = 3;
                Related::new(orm, &TAGS, THIRD_EVENT).add(&[tag]).await
            })
        },
    },
    Receiver {
        name: "task-before",
        doc: "adds a task to an event that is about to be deleted",
        on: Signal::PreDelete(Table::Event),
        act: |orm, event| Box::pin(add_task(orm, event)),
    },
    Receiver {
        name: "task-after",
        doc: "adds a task to an event that was just deleted",
        on: Signal::PostDelete(Table::Event),
        act: |orm, event| Box::pin(add_task(orm, event)),
    },
    Receiver {
        name: "clear-again",
        doc: "clears the tags of an event whose tags were just cleared, without end",
        on: Signal::PostClear(Table::EventTags),
        act: |orm, event| Box::pin(clear_tags(orm, event)),
    },
    Receiver {
        name: "clear-the-rest",
        doc: "clears the tags of an event that has lost some of them",
        on: Signal::PostRemove(Table::EventTags),
        act: |orm, event| Box::pin(clear_tags(orm, event)),
    },
    Receiver {
        name: "touch",
        doc: "saves every event as it is when one was deleted",
        on: Signal::PostDelete(Table::Event),
        act: |orm, _| Box::pin(touch(orm)),
    },
];

/// What a receiver does that saves every event as it is.
async fn touch(orm: &Orm) -> OrmResult<()> {
    orm.execute("UPDATE event SET notes = notes", &[]).await.map(|_| ())
}

async fn clear_tags(orm: &Orm, event: i64) -> OrmResult<()> {
    match Related::new(orm, &TAGS, event).clearing() {
        Some(clearing) => clearing.clear().await,
        None => Ok(()),
    }
}

/// A person and a role that no task of any fixture has.
async fn add_task(orm: &Orm, event: i64) -> OrmResult<()> {
    let sql = "INSERT INTO task (event_id, person_id, role_id) VALUES (?, ?, ?)";
    orm.execute(sql, &[event.into(), 4.into(), 3.into()]).await.map(|_| ())
}

impl Orm {
    /// Calls whoever listens, row by row.
    pub(super) async fn announce(&self, signal: Signal, rows: &[i64]) -> OrmResult<()> {
        for receiver in self.receivers().iter().filter(|receiver| receiver.on == signal) {
            for row in rows {
                self.call(receiver, *row).await?;
            }
        }
        Ok(())
    }
}
