//! Deleting: everything that hangs on the rows is gathered first, by the rules of the era; then it goes, dependants before
//! what they depend on.
//!
//! Rows that nobody listens to and nothing refers to go in one statement, unseen. With a receiver connected they are
//! loaded first, and each is announced: the same deletion in other statements.

use super::connection::{Orm, Waiting};
use super::error::{OrmError, OrmResult};
use super::query::{Condition, Query, marks, to_values};
use super::signals::Signal;
use super::value::Value;
use crate::flows::merge::schema::{OnDelete, Table};

/// What goes.
#[derive(Default)]
struct Collected {
    /// Rows, in the order in which they were found: what is referred to comes first.
    rows: Vec<(Table, Vec<i64>)>,
    /// Deleted by condition: table, column, values.
    unseen: Vec<(Table, &'static str, Vec<i64>)>,
    /// Columns that refer to nothing any more.
    nulled: Vec<(Table, &'static str, Vec<i64>)>,
}

impl Query {
    /// Deletes the rows this query stands for, and what hangs on them.
    ///
    /// # Errors
    /// [`OrmError::Protected`] before anything is deleted; those of SQLite and of receivers.
    pub async fn delete(&self, orm: &Orm) -> OrmResult<()> {
        let mut collected = Collected::default();
        match &self.condition {
            Condition::Column(column, values) if is_unseen(orm, self.table) => {
                collected.unseen.push((self.table, column, values.clone()));
            }
            _ => {
                let ids = self.ids(orm).await?;
                collect(orm, &mut collected, self.table, ids).await?;
            }
        }
        collected.delete(orm).await
    }
}

/// Deletes rows that are known by their keys, and what hangs on them.
pub(super) async fn delete_rows(orm: &Orm, table: Table, ids: Vec<i64>) -> OrmResult<()> {
    let mut collected = Collected::default();
    collect(orm, &mut collected, table, ids).await?;
    collected.delete(orm).await
}

/// Nobody would notice how it goes.
fn is_unseen(orm: &Orm, table: Table) -> bool {
    let is_heard = orm
        .receivers()
        .iter()
        .any(|receiver| matches!(Signal::of(receiver), Signal::PreDelete(of) | Signal::PostDelete(of) if of == table));
    !is_heard && table.referring().next().is_none()
}

fn collect<'a>(orm: &'a Orm, collected: &'a mut Collected, table: Table, ids: Vec<i64>) -> Waiting<'a, OrmResult<()>> {
    Box::pin(async move {
        if ids.is_empty() {
            return Ok(());
        }
        collected.rows.push((table, ids.clone()));
        for reference in table.referring() {
            let referring = || Query::of(reference.table, reference.column, ids.clone());
            match reference.on_delete(orm.era()) {
                OnDelete::Cascade if is_unseen(orm, reference.table) => {
                    collected.unseen.push((reference.table, reference.column, ids.clone()));
                }
                OnDelete::Cascade => {
                    let rows = referring().ids(orm).await?;
                    collect(orm, collected, reference.table, rows).await?;
                }
                OnDelete::Protect => {
                    if !referring().ids(orm).await?.is_empty() {
                        return Err(OrmError::Protected(reference.table));
                    }
                }
                OnDelete::SetNull => {
                    let rows = referring().ids(orm).await?;
                    if !rows.is_empty() {
                        collected.nulled.push((reference.table, reference.column, rows));
                    }
                }
            }
        }
        Ok(())
    })
}

impl Collected {
    async fn delete(self, orm: &Orm) -> OrmResult<()> {
        orm.together(async || {
            for (table, ids) in &self.rows {
                orm.announce(Signal::PreDelete(*table), ids).await?;
            }
            for (table, column, values) in &self.unseen {
                let sql = format!("DELETE FROM {} WHERE {column} IN ({})", table.name(), marks(values.len()));
                orm.execute(&sql, &to_values(values)).await?;
            }
            for (table, column, ids) in &self.nulled {
                let (table, marks) = (table.name(), marks(ids.len()));
                let sql = format!("UPDATE {table} SET {column} = ? WHERE id IN ({marks})");
                let parameters: Vec<_> = std::iter::once(Value::Null).chain(to_values(ids)).collect();
                orm.execute(&sql, &parameters).await?;
            }
            for (table, ids) in self.rows.iter().rev() {
                let sql = format!("DELETE FROM {} WHERE id IN ({})", table.name(), marks(ids.len()));
                orm.execute(&sql, &to_values(ids)).await?;
                orm.announce(Signal::PostDelete(*table), ids).await?;
            }
            Ok(())
        })
        .await
    }
}
