//! Everything in the database, as plain data for checks.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rusqlite::{Connection, Row};

use super::orm::Value;
use super::schema::Table;

/// The rows of one table by key; each with all its columns, the key first.
pub type TableRows = BTreeMap<i64, Vec<Value>>;

/// The rows of every table. Tables that have not changed are shared between snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(BTreeMap<Table, Rc<TableRows>>);

impl Rows {
    /// Reads them; a table whose rows are as before is shared with it.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn read(db: &Connection, before: Option<&Rows>) -> rusqlite::Result<Rows> {
        let mut all = BTreeMap::new();
        for table in Table::ALL {
            let known = before.and_then(|before| before.0.get(&table));
            all.insert(table, read_table(db, table, known)?);
        }
        Ok(Rows(all))
    }

    /// The rows of a table.
    #[must_use]
    pub fn of(&self, table: Table) -> &TableRows {
        &self.0[&table]
    }

    /// Whether everything but the record of what was done is the same.
    #[must_use]
    pub fn is_same_work(&self, other: &Rows) -> bool {
        let is_same = |table: &Table| self.0[table] == other.0[table];
        Table::ALL.iter().filter(|table| !matches!(table, Table::Revision | Table::Version)).all(is_same)
    }

    /// One value of a row.
    #[must_use]
    pub fn value(&self, table: Table, id: i64, column: &str) -> Option<&Value> {
        self.of(table).get(&id).map(|row| &row[table.column(column)])
    }

    /// The rows whose column refers to something.
    pub fn referring<'r>(
        &'r self,
        table: Table,
        column: &str,
        to: i64,
    ) -> impl Iterator<Item = (i64, &'r Vec<Value>)> + use<'r> {
        let column = table.column(column);
        self.of(table).iter().filter(move |(_, row)| row[column] == Value::Integer(to)).map(|(id, row)| (*id, row))
    }

    /// The keys of an event's tags, as its join rows say.
    #[must_use]
    pub fn tags_of(&self, event: i64) -> BTreeSet<i64> {
        let tag = Table::EventTags.column("tag_id");
        self.referring(Table::EventTags, "event_id", event).filter_map(|(_, row)| row[tag].integer()).collect()
    }

    /// The key of a tag.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<i64> {
        let column = Table::Tag.column("name");
        self.of(Table::Tag).iter().find(|(_, row)| row[column].text() == Some(name)).map(|(id, _)| *id)
    }

    /// The name of a tag.
    #[must_use]
    pub fn tag_name(&self, id: i64) -> Option<&str> {
        self.value(Table::Tag, id, "name").and_then(Value::text)
    }

    /// The slug of an event.
    #[must_use]
    pub fn slug(&self, event: i64) -> Option<&str> {
        self.value(Table::Event, event, "slug").and_then(Value::text)
    }

    /// Which keys are there, in every table.
    pub fn keys(&self) -> impl Iterator<Item = (Table, i64)> + '_ {
        self.0.iter().flat_map(|(table, rows)| rows.keys().map(|id| (*table, *id)))
    }
}

/// Reads a table. As long as its rows are those that were there before nothing is allocated: most tables do not change.
fn read_table(db: &Connection, table: Table, before: Option<&Rc<TableRows>>) -> rusqlite::Result<Rc<TableRows>> {
    let mut statement = db.prepare_cached(select_all(table))?;
    let columns = statement.column_count();
    let mut found = statement.query([])?;
    let mut known = before.into_iter().flat_map(|before| before.iter());
    let mut as_before = 0;
    let mut row = found.next()?;
    while let Some((now, (_, values))) = row.zip(known.next())
        && is_same(now, values)?
    {
        as_before += 1;
        row = found.next()?;
    }
    if let (None, Some(before)) = (row, before)
        && before.len() == as_before
    {
        return Ok(Rc::clone(before));
    }
    let kept = before.into_iter().flat_map(|before| before.iter()).take(as_before);
    let mut rows: TableRows = kept.map(|(id, values)| (*id, values.clone())).collect();
    while let Some(now) = row {
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(Value::read(now.get_ref(column)?));
        }
        rows.insert(values[0].integer().unwrap_or_default(), values);
        row = found.next()?;
    }
    Ok(Rc::new(rows))
}

fn is_same(row: &Row<'_>, values: &[Value]) -> rusqlite::Result<bool> {
    for (column, value) in values.iter().enumerate() {
        if !value.is(row.get_ref(column)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn select_all(table: Table) -> &'static str {
    match table {
        Table::Tag => "SELECT * FROM tag",
        Table::Host => "SELECT * FROM host",
        Table::Membership => "SELECT * FROM membership",
        Table::Person => "SELECT * FROM person",
        Table::Role => "SELECT * FROM role",
        Table::Badge => "SELECT * FROM badge",
        Table::EventRequest => "SELECT * FROM eventrequest",
        Table::Event => "SELECT * FROM event",
        Table::EventTags => "SELECT * FROM event_tags",
        Table::Task => "SELECT * FROM task",
        Table::TodoItem => "SELECT * FROM todoitem",
        Table::Award => "SELECT * FROM award",
        Table::InvoiceRequest => "SELECT * FROM invoicerequest",
        Table::Revision => "SELECT * FROM revision",
        Table::Version => "SELECT * FROM version",
    }
}
