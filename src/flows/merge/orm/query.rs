//! Lazy sets of rows.

use super::connection::Orm;
use super::error::OrmResult;
use super::value::Value;
use crate::flows::merge::schema::Table;

/// A set of rows that is looked up when somebody asks, each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) table: Table,
    pub(super) condition: Condition,
}

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// A column has one of these values.
    Column(&'static str, Vec<i64>),
    /// Joined through a table: its `target` column refers to the rows, its `owner` column has one of these values.
    Through { through: Table, target: &'static str, owner: &'static str, owners: Vec<i64> },
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it is from.
    pub table: Table,
    /// Its values, in the order of the columns.
    pub values: Vec<Value>,
}

impl Record {
    /// Its key.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.values.first().and_then(Value::integer).unwrap_or_default()
    }

    /// The value of a column.
    #[must_use]
    pub fn get(&self, column: &str) -> &Value {
        &self.values[self.table.column(column)]
    }
}

impl Query {
    /// The rows whose column has one of these values.
    #[must_use]
    pub fn of(table: Table, column: &'static str, values: Vec<i64>) -> Query {
        Query { table, condition: Condition::Column(column, values) }
    }

    /// Both sets as one: the conditions are joined by OR.
    ///
    /// # Panics
    /// If they are not of the same shape.
    #[must_use]
    pub fn union(mut self, other: Query) -> Query {
        assert_eq!(self.table, other.table, "a union of rows of different tables");
        match (&mut self.condition, other.condition) {
            (Condition::Column(column, values), Condition::Column(other, more)) if *column == other => {
                values.extend(more);
            }
            (Condition::Through { through, owners, .. }, Condition::Through { through: other, owners: more, .. })
                if *through == other =>
            {
                owners.extend(more)
            }
            _ => panic!("a union of different shapes"),
        }
        self
    }

    /// What stands behind SELECT … FROM …, and its parameters.
    fn source(&self) -> (String, Vec<Value>) {
        let table = self.table.name();
        match &self.condition {
            Condition::Column(column, values) => {
                (format!("{table} WHERE {table}.{column} IN ({})", marks(values.len())), to_values(values))
            }
            Condition::Through { through, target, owner, owners } => {
                let through = through.name();
                let sql = format!(
                    "{table} INNER JOIN {through} ON {table}.id = {through}.{target} \
                     WHERE {through}.{owner} IN ({})",
                    marks(owners.len())
                );
                (sql, to_values(owners))
            }
        }
    }

    /// Looks the rows up, in the order of their keys.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn fetch(&self, orm: &Orm) -> OrmResult<Vec<Record>> {
        let (source, parameters) = self.source();
        let (table, list) = (self.table, self.table.select_list());
        let sql = format!("SELECT DISTINCT {list} FROM {source} ORDER BY {}.id", table.name());
        let rows = orm.query(&sql, &parameters).await?;
        Ok(rows.into_iter().map(|values| Record { table, values }).collect())
    }

    /// Looks their keys up, in order.
    ///
    /// # Errors
    /// Those of SQLite.
    pub async fn ids(&self, orm: &Orm) -> OrmResult<Vec<i64>> {
        let (source, parameters) = self.source();
        let table = self.table.name();
        let sql = format!("SELECT DISTINCT {table}.id FROM {source} ORDER BY {table}.id");
        let rows = orm.query(&sql, &parameters).await?;
        Ok(rows.iter().filter_map(|row| row.first().and_then(Value::integer)).collect())
    }
}

/// Question marks for a list of values.
pub(super) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

pub(super) fn to_values(ids: &[i64]) -> Vec<Value> {
    ids.iter().map(|id| Value::Integer(*id)).collect()
}
