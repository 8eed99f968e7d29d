//! What the published feed, and the lists beside it, should answer, computed from rows.

use std::collections::BTreeSet;

use crate::check::Outcome;
use crate::flows::merge::exports::{Export, Listed};
use crate::flows::merge::feed::{COMPLETE, Entry};
use crate::flows::merge::orm::Value;
use crate::flows::merge::protocol::{Reply, Request};
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::Table;

/// The names a request asks for, and whether it asks with anything else.
#[must_use]
pub fn asked(request: &Request) -> (BTreeSet<&str>, bool) {
    let is_known = |name: &str| name == "tag" || name == "tags";
    let names = request.query.iter().filter(|(name, _)| is_known(name)).map(|(_, value)| value.as_str());
    (names.collect(), request.query.iter().any(|(name, _)| !is_known(name)))
}

/// The published events that have all these tags; none if one of them is unknown.
#[must_use]
pub fn expected(rows: &Rows, names: &BTreeSet<&str>) -> Option<Vec<(String, BTreeSet<String>)>> {
    let wanted: BTreeSet<i64> = names.iter().map(|name| rows.tag(name)).collect::<Option<_>>()?;
    let complete = COMPLETE.map(|column| Table::Event.column(column));
    let events = rows.of(Table::Event).iter().filter(|(_, row)| complete.iter().all(|at| row[*at] != Value::Null));
    let all = events.filter_map(|(id, _)| {
        let tags = rows.tags_of(*id);
        let names = tags.iter().filter_map(|tag| rows.tag_name(*tag).map(str::to_owned)).collect();
        wanted.is_subset(&tags).then(|| (rows.slug(*id).unwrap_or_default().to_owned(), names))
    });
    Some(all.collect())
}

/// Whether an answer is right for one of the states that were committed while it was made. `earlier`: the states before.
#[must_use]
pub fn soundness(
    request: &Request,
    reply: &Reply,
    list: Option<&[Entry]>,
    during: &[&Rows],
    earlier: &[&Rows],
) -> Outcome {
    if reply.status != 200 {
        // Refusing is never wrong.
        return Outcome::Held;
    }
    let (names, has_unknown_parameter) = asked(request);
    let Some(list) = list else {
        return Outcome::violated("the list cannot be read", reply.body.clone());
    };
    let mut found: Vec<_> =
        list.iter().map(|entry| (entry.slug.clone(), entry.tags.iter().cloned().collect::<BTreeSet<_>>())).collect();
    found.sort();
    let is_right = |rows: &&&Rows| {
        expected(rows, &names).is_some_and(|mut wanted| {
            wanted.sort();
            wanted == found
        })
    };
    if has_unknown_parameter {
        return Outcome::violated("an unknown parameter is answered", format!("{:?}", request.query));
    }
    if during.iter().any(|rows| is_right(&rows)) {
        return Outcome::Held;
    }
    let detail = format!("asked {names:?}, answered {} events", found.len());
    let knows = |rows: &&Rows, name: &&str| rows.tag(name).is_some();
    let unknown = names.iter().find(|name| !during.iter().any(|rows| knows(rows, name)));
    let cause = match unknown {
        Some(name) if earlier.iter().any(|rows| knows(rows, name)) => "a tag that is gone narrows nothing",
        Some(_) if found.is_empty() => return Outcome::Held,
        Some(_) => "an unknown tag narrows nothing",
        None if found.is_empty() => "empty between two statements",
        None if found.iter().any(|(_, tags)| names.iter().any(|name| !tags.contains(*name))) => {
            "an entry without the tag"
        }
        None => "a state that never was",
    };
    Outcome::violated(cause, detail)
}

/// What a list beside the feed should say: every badge with those who have it; everybody with a task as an instructor, with
/// the events that are there.
#[must_use]
pub fn expected_list(rows: &Rows, export: Export) -> Listed {
    let name = |table, id: &Value, column| Some(rows.value(table, id.integer()?, column)?.text()?.to_owned());
    let mut all = Listed::new();
    match export {
        Export::Badges => {
            for badge in rows.of(Table::Badge).keys() {
                let person = Table::Award.column("person_id");
                let awards = rows.referring(Table::Award, "badge_id", *badge);
                let people = awards.filter_map(|(_, row)| name(Table::Person, &row[person], "username"));
                all.insert(name(Table::Badge, &Value::Integer(*badge), "name").unwrap_or_default(), people.collect());
            }
        }
        Export::Instructors => {
            let [person, role, event] = ["person_id", "role_id", "event_id"].map(|column| Table::Task.column(column));
            for task in rows.of(Table::Task).values() {
                if name(Table::Role, &task[role], "name").is_some_and(|name| name == "instructor")
                    && let Some(person) = name(Table::Person, &task[person], "username")
                {
                    all.entry(person).or_default().extend(name(Table::Event, &task[event], "slug"));
                }
            }
        }
    }
    all
}

/// Whether such an answer is right for one of the states that were committed while it was made.
#[must_use]
pub fn list_soundness(export: Export, reply: &Reply, list: Option<&Listed>, during: &[&Rows]) -> Outcome {
    if reply.status != 200 {
        // Refusing is never wrong.
        return Outcome::Held;
    }
    let Some(list) = list else {
        return Outcome::violated("the list cannot be read", reply.body.clone());
    };
    if during.iter().any(|rows| expected_list(rows, export) == *list) {
        return Outcome::Held;
    }
    let cause = match (export, list.values().any(BTreeSet::is_empty)) {
        (Export::Instructors, true) => "an instructor without an event",
        _ => "a list that never was",
    };
    Outcome::violated(cause, reply.body.clone())
}

/// The slugs of an answer.
#[must_use]
pub fn slugs(list: &[Entry]) -> BTreeSet<String> {
    list.iter().map(|entry| entry.slug.clone()).collect()
}

/// Who belongs where, as one set.
#[must_use]
pub fn pairs(list: &Listed) -> BTreeSet<String> {
    let pairs = list.iter().flat_map(|(name, belonging)| belonging.iter().map(move |one| format!("{name} {one}")));
    pairs.collect()
}

/// Between two answers to the same question lies one merge: only what is about the merged events may come or go.
#[must_use]
pub fn across_merge(
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    is_about_merged: impl Fn(&str) -> bool,
) -> Outcome {
    let others: Vec<_> = before.symmetric_difference(after).filter(|entry| !is_about_merged(entry)).collect();
    match others.is_empty() {
        true => Outcome::Held,
        false => {
            let cause = if after.len() > before.len() { "third events came" } else { "third events went" };
            Outcome::violated(cause, format!("{others:?}, {} entries before, {} after", before.len(), after.len()))
        }
    }
}
