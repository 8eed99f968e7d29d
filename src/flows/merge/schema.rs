//! The tables around an event, as data: columns, uniqueness, and what the application does with rows that refer to one
//! that is deleted. From the same data come the DDL, the queries of the [`orm`](super::orm) and the readers of the checks.
//!
//! References are declared in both eras and deferred; only the later one switches their enforcement on. Cascades exist in
//! neither: they are statements of the application, hence visible. Every key is `AUTOINCREMENT`: ids never come back.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use serde::Deserialize;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named after the tables")]
pub enum Table {
    Tag,
    Host,
    Membership,
    Person,
    Role,
    Badge,
    EventRequest,
    Event,
    EventTags,
    Task,
    TodoItem,
    Award,
    InvoiceRequest,
    Revision,
    Version,
}

/// What the application does with a row when the row it refers to is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// Deletes it too.
    Cascade,
    /// Refuses.
    Protect,
    /// Lets it refer to nothing.
    SetNull,
}

/// Which release of the framework the application runs on: what becomes of references.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Era {
    /// SQLite's foreign keys are off, and deleting cascades unless told otherwise.
    #[serde(rename = "2016")]
    Django1,
    /// After the upgrade to Django 2.0: foreign keys on, tasks and to-dos protect their event.
    #[serde(rename = "2018")]
    Django2,
}

/// A column that refers to another table.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The table with the column.
    pub table: Table,
    /// The column.
    pub column: &'static str,
    /// What it refers to.
    pub to: Table,
    first: OnDelete,
    second: OnDelete,
}

impl Reference {
    /// What happens to the referring row in an era.
    #[must_use]
    pub fn on_delete(&self, era: Era) -> OnDelete {
        match era {
            Era::Django1 => self.first,
            Era::Django2 => self.second,
        }
    }
}

const fn reference(table: Table, column: &'static str, to: Table, first: OnDelete, second: OnDelete) -> Reference {
    Reference { table, column, to, first, second }
}

use OnDelete::{Cascade, Protect, SetNull};

/// Every reference.
pub const REFERENCES: &[Reference] = &[
    reference(Table::Membership, "host_id", Table::Host, Protect, Protect),
    reference(Table::EventRequest, "assigned_to_id", Table::Person, Cascade, SetNull),
    reference(Table::Event, "host_id", Table::Host, Protect, Protect),
    reference(Table::Event, "administrator_id", Table::Host, Protect, Protect),
    reference(Table::Event, "assigned_to_id", Table::Person, Cascade, SetNull),
    reference(Table::Event, "request_id", Table::EventRequest, Cascade, SetNull),
    reference(Table::EventTags, "event_id", Table::Event, Cascade, Cascade),
    reference(Table::EventTags, "tag_id", Table::Tag, Cascade, Cascade),
    reference(Table::Task, "event_id", Table::Event, Cascade, Protect),
    reference(Table::Task, "person_id", Table::Person, Cascade, Protect),
    reference(Table::Task, "role_id", Table::Role, Cascade, Protect),
    reference(Table::TodoItem, "event_id", Table::Event, Cascade, Protect),
    reference(Table::Award, "person_id", Table::Person, Cascade, Protect),
    reference(Table::Award, "badge_id", Table::Badge, Cascade, Protect),
    reference(Table::Award, "event_id", Table::Event, Protect, Protect),
    reference(Table::InvoiceRequest, "organization_id", Table::Host, Protect, Protect),
    reference(Table::InvoiceRequest, "event_id", Table::Event, Protect, Protect),
    reference(Table::Version, "revision_id", Table::Revision, Cascade, Cascade),
];

/// Columns of an event that a merge lets choose between, in two ways.
pub const TWO_WAY: &[&str] = &[
    "slug",
    "completed",
    "assigned_to_id",
    "start",
    "end",
    "host_id",
    "administrator_id",
    "url",
    "reg_key",
    "admin_fee",
    "invoice_status",
    "attendance",
    "country",
    "latitude",
    "longitude",
    "learners_pre",
    "learners_post",
    "instructors_pre",
    "instructors_post",
    "learners_longterm",
];

/// Columns of an event that may also be combined.
pub const THREE_WAY: &[&str] = &["contact", "venue", "address", "notes"];

impl Table {
    /// Every table, referred-to ones first.
    pub const ALL: [Table; 15] = [
        Table::Tag,
        Table::Host,
        Table::Membership,
        Table::Person,
        Table::Role,
        Table::Badge,
        Table::EventRequest,
        Table::Event,
        Table::EventTags,
        Table::Task,
        Table::TodoItem,
        Table::Award,
        Table::InvoiceRequest,
        Table::Revision,
        Table::Version,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Table::Tag => "tag",
            Table::Host => "host",
            Table::Membership => "membership",
            Table::Person => "person",
            Table::Role => "role",
            Table::Badge => "badge",
            Table::EventRequest => "eventrequest",
            Table::Event => "event",
            Table::EventTags => "event_tags",
            Table::Task => "task",
            Table::TodoItem => "todoitem",
            Table::Award => "award",
            Table::InvoiceRequest => "invoicerequest",
            Table::Revision => "revision",
            Table::Version => "version",
        }
    }

    /// Its columns with their declarations, the key first. Coordinates are in millionths of a degree.
    fn declarations(self) -> &'static [(&'static str, &'static str)] {
        const KEY: (&str, &str) = ("id", "integer PRIMARY KEY AUTOINCREMENT");
        match self {
            Table::Tag => &[KEY, ("name", "text NOT NULL UNIQUE"), ("details", "text NOT NULL")],
            Table::Host => &[KEY, ("domain", "text NOT NULL UNIQUE"), ("fullname", "text NOT NULL UNIQUE")],
            Table::Membership => &[KEY, ("host_id", "integer NOT NULL")],
            Table::Person => &[KEY, ("username", "text NOT NULL UNIQUE")],
            Table::Role | Table::Badge => &[KEY, ("name", "text NOT NULL UNIQUE")],
            Table::EventRequest => &[KEY, ("assigned_to_id", "integer")],
            Table::Event => &[
                KEY,
                ("slug", "text UNIQUE"),
                ("url", "text UNIQUE"),
                ("host_id", "integer NOT NULL"),
                ("administrator_id", "integer"),
                ("assigned_to_id", "integer"),
                ("request_id", "integer"),
                ("start", "text"),
                ("end", "text"),
                ("country", "text"),
                ("venue", "text NOT NULL"),
                ("address", "text NOT NULL"),
                ("contact", "text NOT NULL"),
                ("notes", "text NOT NULL"),
                ("latitude", "integer"),
                ("longitude", "integer"),
                ("completed", "integer NOT NULL"),
                ("learners_pre", "text NOT NULL"),
                ("learners_post", "text NOT NULL"),
                ("instructors_pre", "text NOT NULL"),
                ("instructors_post", "text NOT NULL"),
                ("learners_longterm", "text NOT NULL"),
                ("reg_key", "integer"),
                ("admin_fee", "integer"),
                ("invoice_status", "text NOT NULL"),
                ("attendance", "integer"),
            ],
            Table::EventTags => &[KEY, ("event_id", "integer NOT NULL"), ("tag_id", "integer NOT NULL")],
            Table::Task => &[
                KEY,
                ("event_id", "integer NOT NULL"),
                ("person_id", "integer NOT NULL"),
                ("role_id", "integer NOT NULL"),
            ],
            Table::TodoItem => {
                &[KEY, ("event_id", "integer NOT NULL"), ("title", "text NOT NULL"), ("completed", "integer NOT NULL")]
            }
            Table::Award => {
                &[KEY, ("person_id", "integer NOT NULL"), ("badge_id", "integer NOT NULL"), ("event_id", "integer")]
            }
            Table::InvoiceRequest => &[KEY, ("organization_id", "integer NOT NULL"), ("event_id", "integer")],
            Table::Revision => &[KEY, ("username", "text NOT NULL")],
            Table::Version => &[
                KEY,
                ("revision_id", "integer NOT NULL"),
                ("object_id", "integer NOT NULL"),
                ("serialized", "text NOT NULL"),
            ],
        }
    }

    /// Sets of columns that are unique together, beyond what a single column declares.
    fn unique_together(self) -> &'static [&'static str] {
        match self {
            Table::EventTags => &["event_id", "tag_id"],
            Table::Task => &["event_id", "person_id", "role_id"],
            Table::Award => &["person_id", "badge_id"],
            _ => &[],
        }
    }

    /// The names of its columns, the key first.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        self.declarations().iter().map(|(name, _)| *name)
    }

    /// Where a column is among them.
    ///
    /// # Panics
    /// If the table has no such column.
    #[must_use]
    pub fn column(self, name: &str) -> usize {
        let found = self.columns().position(|column| column == name);
        found.unwrap_or_else(|| panic!("table {} has no column {name}", self.name()))
    }

    /// Its columns as SQL, each with the table's name in front.
    #[must_use]
    pub fn select_list(self) -> &'static str {
        static LISTS: LazyLock<BTreeMap<Table, String>> = LazyLock::new(|| {
            let list = |table: Table| {
                let columns = table.columns().map(|column| format!("{}.{column}", table.name()));
                columns.collect::<Vec<_>>().join(", ")
            };
            Table::ALL.into_iter().map(|table| (table, list(table))).collect()
        });
        &LISTS[&self]
    }

    /// The columns that refer to this table.
    pub fn referring(self) -> impl Iterator<Item = &'static Reference> {
        REFERENCES.iter().filter(move |reference| reference.to == self)
    }
}

/// The statements that make all tables.
#[must_use]
pub fn ddl() -> String {
    let mut sql = String::new();
    for table in Table::ALL {
        let columns: Vec<_> = table
            .declarations()
            .iter()
            .map(|(name, declaration)| {
                let refers = REFERENCES.iter().find(|reference| reference.table == table && reference.column == *name);
                let refers = refers.map_or_else(String::new, |reference| {
                    format!(" REFERENCES {} (id) DEFERRABLE INITIALLY DEFERRED", reference.to.name())
                });
                format!("{name} {declaration}{refers}")
            })
            .collect();
        let unique = match table.unique_together() {
            [] => String::new(),
            columns => format!(", UNIQUE ({})", columns.join(", ")),
        };
        let _ = writeln!(sql, "CREATE TABLE {} ({}{unique});", table.name(), columns.join(", "));
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: the DDL is valid, its columns are those of the data, and a dangling reference is found although
    /// enforcement is off.
    #[test]
    fn tables_are_what_the_data_says() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(&ddl()).unwrap();
        for table in Table::ALL {
            let statement = db.prepare(&format!("SELECT * FROM {}", table.name())).unwrap();
            assert!(statement.column_names().eq(table.columns()), "{}", table.name());
        }
        db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO event_tags (event_id, tag_id) VALUES (1, 1)").unwrap();
        let dangling = db.prepare("PRAGMA foreign_key_check").unwrap().query_map([], |_| Ok(())).unwrap().count();
        assert_eq!(dangling, 2);
    }

    /// Claim: every column a merge chooses exists in the table of events, and no column is in both lists.
    #[test]
    fn choices_are_columns() {
        let all: Vec<_> = TWO_WAY.iter().chain(THREE_WAY).map(|name| Table::Event.column(name)).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
