//! Managers of relations. A manager is made anew at each access, and two are equal if they are of the same relation and the
//! same owner, whatever object in memory they were asked of.
//!
//! | operation | many-to-many | owned (not null) | referring (null allowed) |
//! |---|---|---|---|
//! | `all` | the targets | the children | the children |
//! | `all().delete()` | deletes targets, with the join rows of **every** owner | deletes the children | deletes the children |
//! | `clear` | deletes this owner's join rows | there is none | lets the children refer to nothing |
//! | `add` | inserts missing join rows | makes the children this owner's | the same |
//! | `set` | removes what is too much, adds what is missing | only adds | as many-to-many |

use super::connection::Orm;
use super::error::OrmResult;
use super::query::{Condition, Query, marks, to_values};
use super::signals::Signal;
use super::value::Value;
use crate::flows::merge::schema::Table;

/// A relation of events.
#[derive(Debug, PartialEq, Eq)]
pub struct Relation {
    /// What it is called in forms.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Through a table of its own, whose rows have these columns.
    ManyToMany { through: Table, owner: &'static str, target: &'static str, targets: Table },
    /// Children that must have an owner.
    Owned { children: Table, owner: &'static str },
    /// Children that may have none.
    Referring { children: Table, owner: &'static str },
}

/// The tags of an event.
pub static TAGS: Relation = Relation {
    name: "tags",
    kind: Kind::ManyToMany { through: Table::EventTags, owner: "event_id", target: "tag_id", targets: Table::Tag },
};
/// Who does what at an event.
pub static TASKS: Relation =
    Relation { name: "task_set", kind: Kind::Owned { children: Table::Task, owner: "event_id" } };
/// What is left to do for an event.
pub static TODOS: Relation =
    Relation { name: "todoitem_set", kind: Kind::Owned { children: Table::TodoItem, owner: "event_id" } };
/// Badges earned at an event.
pub static AWARDS: Relation =
    Relation { name: "award_set", kind: Kind::Referring { children: Table::Award, owner: "event_id" } };
/// Invoices asked for because of an event.
pub static INVOICES: Relation = Relation {
    name: "invoicerequest_set",
    kind: Kind::Referring { children: Table::InvoiceRequest, owner: "event_id" },
};

/// Every relation of events.
pub static RELATIONS: [&Relation; 5] = [&TAGS, &TASKS, &TODOS, &AWARDS, &INVOICES];

/// The manager of one owner's relation.
pub struct Related<'o> {
    orm: &'o Orm,
    relation: &'static Relation,
    owner: i64,
}

impl PartialEq for Related<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.relation == other.relation && self.owner == other.owner
    }
}

/// What a manager offers only where children can do without an owner.
pub struct Clearing<'m, 'o>(&'m Related<'o>);

impl<'o> Related<'o> {
    /// A manager.
    #[must_use]
    pub fn new(orm: &'o Orm, relation: &'static Relation, owner: i64) -> Related<'o> {
        Related { orm, relation, owner }
    }

    /// What is related, looked up when asked.
    #[must_use]
    pub fn all(&self) -> Query {
        match self.relation.kind {
            Kind::ManyToMany { through, owner, target, targets } => {
                let condition = Condition::Through { through, target, owner, owners: vec![self.owner] };
                Query { table: targets, condition }
            }
            Kind::Owned { children, owner } | Kind::Referring { children, owner } => {
                Query::of(children, owner, vec![self.owner])
            }
        }
    }

    /// Taking things away without deleting them, if this relation has that at all.
    #[must_use]
    pub fn clearing(&self) -> Option<Clearing<'_, 'o>> {
        match self.relation.kind {
            Kind::Owned { .. } => None,
            Kind::ManyToMany { .. } | Kind::Referring { .. } => Some(Clearing(self)),
        }
    }

    /// Makes these rows related to the owner.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn add(&self, ids: &[i64]) -> OrmResult<()> {
        if ids.is_empty() {
            return Ok(());
        }
        match self.relation.kind {
            Kind::ManyToMany { through, owner, target, .. } => {
                let through = through.name();
                let sql =
                    format!("SELECT {target} FROM {through} WHERE {owner} = ? AND {target} IN ({})", marks(ids.len()));
                let parameters: Vec<_> = std::iter::once(Value::from(self.owner)).chain(to_values(ids)).collect();
                let present = self.orm.query(&sql, &parameters).await?;
                let missing = ids.iter().filter(|id| !present.iter().any(|row| row[0] == Value::Integer(**id)));
                let insert = format!("INSERT INTO {through} ({owner}, {target}) VALUES (?, ?)");
                for id in missing {
                    self.orm.execute(&insert, &[self.owner.into(), (*id).into()]).await?;
                }
                Ok(())
            }
            Kind::Owned { children, owner } | Kind::Referring { children, owner } => {
                let (children, marks) = (children.name(), marks(ids.len()));
                let sql = format!("UPDATE {children} SET {owner} = ? WHERE id IN ({marks})");
                let parameters: Vec<_> = std::iter::once(Value::from(self.owner)).chain(to_values(ids)).collect();
                self.orm.execute(&sql, &parameters).await.map(|_| ())
            }
        }
    }

    /// Makes exactly these rows related to the owner; where children cannot do without one, only adds.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn set(&self, ids: &[i64]) -> OrmResult<()> {
        if let Some(clearing) = self.clearing() {
            let present = self.all().ids(self.orm).await?;
            let too_much: Vec<_> = present.into_iter().filter(|id| !ids.contains(id)).collect();
            clearing.remove(&too_much).await?;
        }
        self.add(ids).await
    }
}

impl Clearing<'_, '_> {
    /// Nothing is related to the owner any more.
    ///
    /// # Errors
    /// Those of SQLite and of receivers.
    pub async fn clear(&self) -> OrmResult<()> {
        let Related { orm, relation, owner: id } = self.0;
        match relation.kind {
            Kind::ManyToMany { through, owner, .. } => {
                orm.announce(Signal::PreClear(through), &[*id]).await?;
                let sql = format!("DELETE FROM {} WHERE {owner} = ?", through.name());
                orm.execute(&sql, &[(*id).into()]).await?;
                orm.announce(Signal::PostClear(through), &[*id]).await
            }
            Kind::Owned { children, owner } | Kind::Referring { children, owner } => {
                let children = children.name();
                let sql = format!("UPDATE {children} SET {owner} = NULL WHERE {owner} = ?");
                orm.execute(&sql, &[(*id).into()]).await.map(|_| ())
            }
        }
    }

    /// These rows are not related to the owner any more.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn remove(&self, ids: &[i64]) -> OrmResult<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let Related { orm, relation, owner: id } = self.0;
        let parameters: Vec<_> = std::iter::once(Value::from(*id)).chain(to_values(ids)).collect();
        let marks = marks(ids.len());
        let sql = match relation.kind {
            Kind::ManyToMany { through, owner, target, .. } => {
                format!("DELETE FROM {} WHERE {owner} = ? AND {target} IN ({marks})", through.name())
            }
            Kind::Owned { children, owner } | Kind::Referring { children, owner } => {
                let children = children.name();
                format!("UPDATE {children} SET {owner} = NULL WHERE {owner} = ? AND id IN ({marks})")
            }
        };
        orm.execute(&sql, &parameters).await?;
        match relation.kind {
            Kind::ManyToMany { through, .. } => orm.announce(Signal::PostRemove(through), &[*id]).await,
            Kind::Owned { .. } | Kind::Referring { .. } => Ok(()),
        }
    }
}
