//! What is in the database when a run begins: two events that will be merged, A and B, and third parties, so that every tag
//! has one. A scenario pins it, or a run draws its shape.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Deserialize;

/// Tags in the order of their keys, from 1.
pub const TAG_NAMES: [&str; 4] = ["SWC", "DC", "LC", "TTT"];
/// People in the order of their keys, from 1. Nobody of them has the task that receivers add.
pub const PEOPLE: [&str; 4] = ["ann", "bob", "cat", "dan"];
/// Roles in the order of their keys, from 1.
pub const ROLES: [&str; 3] = ["instructor", "helper", "learner"];

/// The content of a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Fixture {
    /// The tags of each event. Events get keys in the order of their names, from 1.
    pub events: BTreeMap<String, Vec<String>>,
    /// Tasks of each event, as `person/role`.
    pub tasks: BTreeMap<String, Vec<String>>,
    /// What is left to do for each event.
    pub todos: BTreeMap<String, Vec<String>>,
    /// Events that somebody has asked for.
    pub requests: BTreeSet<String>,
    /// Events at which somebody has earned a badge.
    pub awards: BTreeSet<String>,
    /// Events because of which somebody wants an invoice.
    pub invoices: BTreeSet<String>,
}

fn lists(of: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    of.iter().map(|(name, list)| ((*name).to_owned(), list.iter().map(ToString::to_string).collect())).collect()
}

impl Default for Fixture {
    /// Disjoint sets of tags; a person who does the same at both events, another who does different things.
    fn default() -> Fixture {
        Fixture {
            events: lists(&[
                ("A", &["DC", "LC"]),
                ("B", &["SWC"]),
                ("C", &["DC"]),
                ("D", &["SWC", "DC"]),
                ("E", &["SWC"]),
                ("F", &["LC", "TTT"]),
            ]),
            tasks: lists(&[("A", &["ann/instructor", "bob/helper"]), ("B", &["cat/learner"]), ("C", &["ann/helper"])]),
            todos: lists(&[("A", &["find instructors"]), ("B", &["book a room"]), ("C", &["print badges"])]),
            requests: BTreeSet::new(),
            awards: BTreeSet::new(),
            invoices: BTreeSet::new(),
        }
    }
}

impl Fixture {
    /// The keys of events by name.
    pub fn keys(&self) -> impl Iterator<Item = (&str, i64)> {
        self.events.keys().map(String::as_str).zip(1..)
    }

    /// The key of an event.
    #[must_use]
    pub fn key(&self, event: &str) -> Option<i64> {
        self.keys().find(|(name, _)| *name == event).map(|(_, key)| key)
    }

    /// What makes no sense, with the part of the fixture it is in.
    #[must_use]
    pub fn complaints(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        for (name, tags) in &self.events {
            for tag in tags.iter().filter(|tag| !TAG_NAMES.contains(&tag.as_str())) {
                wrong.push(("events", format!("event `{name}` has the tag `{tag}`: expected one of {TAG_NAMES:?}")));
            }
            if tags.iter().collect::<BTreeSet<_>>().len() != tags.len() {
                wrong.push(("events", format!("event `{name}` has a tag twice")));
            }
        }
        for name in ["A", "B"] {
            if !self.events.contains_key(name) {
                wrong.push(("events", format!("there is no event `{name}`: two events named `A` and `B` are merged")));
            }
        }
        let keyed = [("tasks", self.tasks.keys().collect::<Vec<_>>()), ("todos", self.todos.keys().collect())];
        let named = [("requests", &self.requests), ("awards", &self.awards), ("invoices", &self.invoices)];
        let named = named.map(|(part, set)| (part, set.iter().collect::<Vec<_>>()));
        for (part, names) in keyed.into_iter().chain(named) {
            for name in names.into_iter().filter(|name| !self.events.contains_key(*name)) {
                wrong.push((part, format!("there is no event `{name}`")));
            }
        }
        for (name, tasks) in &self.tasks {
            for task in tasks.iter().filter(|task| parse_task(task).is_none()) {
                let expected = format!("expected one of {PEOPLE:?}, a slash, and one of {ROLES:?}");
                wrong.push(("tasks", format!("event `{name}` has the task `{task}`: {expected}")));
            }
        }
        wrong
    }

    /// The statements that put it into empty tables.
    #[must_use]
    pub fn sql(&self) -> String {
        let mut sql = String::new();
        for tag in TAG_NAMES {
            let _ = writeln!(sql, "INSERT INTO tag (name, details) VALUES ('{tag}', 'about {tag}');");
        }
        for host in ["alpha", "beta"] {
            let _ = writeln!(sql, "INSERT INTO host (domain, fullname) VALUES ('{host}.org', '{host}');");
        }
        sql.push_str("INSERT INTO membership (host_id) VALUES (1);\n");
        for person in PEOPLE {
            let _ = writeln!(sql, "INSERT INTO person (username) VALUES ('{person}');");
        }
        for role in ROLES {
            let _ = writeln!(sql, "INSERT INTO role (name) VALUES ('{role}');");
        }
        sql.push_str("INSERT INTO badge (name) VALUES ('instructor');\n");
        for (name, key) in self.keys() {
            self.add_event(&mut sql, name, key);
        }
        sql
    }

    fn add_event(&self, sql: &mut String, name: &str, key: i64) {
        let request = match self.requests.contains(name) {
            true => {
                let _ = writeln!(sql, "INSERT INTO eventrequest (id, assigned_to_id) VALUES ({key}, 1);");
                key.to_string()
            }
            false => "NULL".to_owned(),
        };
        let low = name.to_lowercase();
        let host = 1 + key % 2;
        let _ = writeln!(
            sql,
            "INSERT INTO event VALUES ({key}, '{name}', 'https://{low}.example.org', {host}, {host}, {person}, {request}, \
             '2016-0{month}-01', '2016-0{month}-02', 'W{key}', 'venue {name}', 'address {name}', 'contact {name}', \
             'notes {name}', {key}000000, {key}500000, {completed}, 'pre {name}', 'post {name}', 'ipre {name}', \
             'ipost {name}', 'long {name}', {key}, {key}00, 'status {name}', {key}0);",
            person = 1 + key % 2,
            month = 1 + key % 9,
            completed = key % 2,
        );
        for tag in &self.events[name] {
            let _ = writeln!(
                sql,
                "INSERT INTO event_tags (event_id, tag_id) SELECT {key}, id FROM tag WHERE name = '{tag}';"
            );
        }
        for (person, role) in self.tasks.get(name).into_iter().flatten().filter_map(|task| parse_task(task)) {
            let _ = writeln!(sql, "INSERT INTO task (event_id, person_id, role_id) VALUES ({key}, {person}, {role});");
        }
        for todo in self.todos.get(name).into_iter().flatten() {
            let title = todo.replace('\'', "''");
            let _ = writeln!(sql, "INSERT INTO todoitem (event_id, title, completed) VALUES ({key}, '{title}', 0);");
        }
        if self.awards.contains(name) {
            // Whoever has a badge has it once.
            let person = 1 + (key - 1) % 4;
            let _ = writeln!(
                sql,
                "INSERT OR IGNORE INTO award (person_id, badge_id, event_id) VALUES ({person}, 1, {key});"
            );
        }
        if self.invoices.contains(name) {
            let _ = writeln!(sql, "INSERT INTO invoicerequest (organization_id, event_id) VALUES (1, {key});");
        }
    }
}

/// The keys of person and role.
fn parse_task(task: &str) -> Option<(i64, i64)> {
    let (person, role) = task.split_once('/')?;
    let key = |names: &[&str], name: &str| Some(names.iter().position(|known| *known == name)? as i64 + 1);
    Some((key(&PEOPLE, person)?, key(&ROLES, role)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::merge::schema::ddl;

    /// Claim: a fixture's statements fit the tables, and refer to nothing that is not there.
    #[test]
    fn the_default_fits_the_tables() {
        let all = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let (requests, awards, invoices) = (all(&["B"]), all(&["A", "B"]), all(&["B"]));
        let fixture = Fixture { requests, awards, invoices, ..Fixture::default() };
        assert_eq!(fixture.complaints(), []);
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(&format!("PRAGMA foreign_keys = ON; {} {}", ddl(), fixture.sql())).unwrap();
        let count = |table: &str| -> i64 {
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!([count("event"), count("event_tags"), count("task"), count("award")], [6, 9, 4, 2]);
    }

    /// Claim: names that do not exist are found, each in its part.
    #[test]
    fn unknown_names_are_found() {
        let mut fixture = Fixture::default();
        fixture.events.get_mut("A").unwrap().push("NOPE".to_owned());
        fixture.tasks.insert("Z".to_owned(), vec!["ann".to_owned()]);
        fixture.events.remove("B");
        let parts: BTreeSet<_> = fixture.complaints().into_iter().map(|(part, _)| part).collect();
        assert_eq!(parts.into_iter().collect::<Vec<_>>(), ["events", "tasks", "todos"]);
    }
}
