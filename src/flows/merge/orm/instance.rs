//! A row in memory: read some time ago, changed here, written back as a whole.

use super::collector::delete_rows;
use super::connection::Orm;
use super::error::OrmResult;
use super::query::marks;
use super::related::{Related, Relation};
use super::value::Value;
use crate::flows::merge::schema::Table;

/// An object that stands for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    table: Table,
    id: Option<i64>,
    values: Vec<Value>,
}

impl Instance {
    /// Reads the row whose column has this value.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn load(orm: &Orm, table: Table, column: &str, value: Value) -> OrmResult<Option<Instance>> {
        let (name, list) = (table.name(), table.select_list());
        let rows = orm.query(&format!("SELECT {list} FROM {name} WHERE {column} = ?"), &[value]).await?;
        Ok(rows.into_iter().next().map(|values| Instance { table, id: values[0].integer(), values }))
    }

    /// Its key; none once it was deleted.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// The value of a column, as far as this object knows.
    #[must_use]
    pub fn get(&self, column: &str) -> &Value {
        &self.values[self.table.column(column)]
    }

    /// Changes the object, not the row.
    pub fn assign(&mut self, column: &str, value: Value) {
        self.values[self.table.column(column)] = value;
    }

    /// All its values, as far as this object knows.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The manager of one of its relations.
    #[must_use]
    pub fn related<'o>(&self, orm: &'o Orm, relation: &'static Relation) -> Related<'o> {
        Related::new(orm, relation, self.id.unwrap_or_default())
    }

    /// Writes every column; a row that is not there is inserted under the same key.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn save(&self, orm: &Orm) -> OrmResult<()> {
        let table = self.table.name();
        let columns: Vec<_> = self.table.columns().collect();
        let assignments: Vec<_> = columns[1..].iter().map(|column| format!("{column} = ?")).collect();
        let sql = format!("UPDATE {table} SET {} WHERE id = ?", assignments.join(", "));
        let id = Value::from(self.id);
        let parameters: Vec<_> = self.values[1..].iter().cloned().chain([id.clone()]).collect();
        if orm.execute(&sql, &parameters).await? > 0 {
            return Ok(());
        }
        let names = columns.join(", ");
        let sql = format!("INSERT INTO {table} ({names}) VALUES ({})", marks(columns.len()));
        let parameters: Vec<_> = std::iter::once(id).chain(self.values[1..].iter().cloned()).collect();
        orm.execute(&sql, &parameters).await.map(|_| ())
    }

    /// Deletes the row, with what hangs on it, and forgets the key.
    ///
    /// # Errors
    /// As [`Query::delete`](super::Query::delete).
    pub async fn delete(&mut self, orm: &Orm) -> OrmResult<()> {
        let Some(id) = self.id else {
            return Ok(());
        };
        delete_rows(orm, self.table, vec![id]).await?;
        self.id = None;
        Ok(())
    }
}
