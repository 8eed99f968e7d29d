//! What every committed state must be like.

use std::collections::BTreeSet;

use super::verdict;
use crate::check::Outcome;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::{REFERENCES, Table};

/// Every reference refers to a row that is there.
#[must_use]
pub fn no_dangling(rows: &Rows) -> Outcome {
    for reference in REFERENCES {
        let column = reference.table.column(reference.column);
        for (id, row) in rows.of(reference.table) {
            if let Some(to) = row[column].integer().filter(|to| !rows.of(reference.to).contains_key(to)) {
                let cause = format!("{} refers to a {} that is not there", reference.table.name(), reference.to.name());
                return Outcome::violated(cause, format!("row {id} of {}: key {to}", reference.table.name()));
            }
        }
    }
    Outcome::Held
}

/// No key that was deleted is there again.
#[must_use]
pub fn no_resurrection(rows: &Rows, deleted: &BTreeSet<(Table, i64)>) -> Outcome {
    let back = deleted.iter().find(|(table, id)| rows.of(*table).contains_key(id));
    match back {
        Some((table, id)) => Outcome::violated(
            format!("{} came back", table.name()),
            format!("key {id} of {} was deleted before", table.name()),
        ),
        None => Outcome::Held,
    }
}

/// Whoever brings a tag back has what the newest backup that has it says of it: the tag under its key, and the tag at every
/// event that is there.
#[must_use]
pub fn restored(tag: &str, newest: Option<&Rows>, after: &Rows) -> Outcome {
    let Some((kept, key)) = newest.and_then(|kept| Some((kept, kept.tag(tag)?))) else {
        return Outcome::Idle;
    };
    if !after.of(Table::Tag).contains_key(&key) {
        return Outcome::violated("not brought back", format!("tag {tag} is not there"));
    }
    let event = Table::EventTags.column("event_id");
    let had = kept.referring(Table::EventTags, "tag_id", key).filter_map(|(_, row)| row[event].integer());
    let missing: Vec<_> = had
        .filter(|event| after.of(Table::Event).contains_key(event) && !after.tags_of(*event).contains(&key))
        .collect();
    verdict(missing.is_empty(), "brought back as it was long before", || {
        let slugs: Vec<_> = missing.iter().map(|event| after.slug(*event).unwrap_or("?")).collect();
        format!("events {slugs:?} had the tag {tag} in the newest backup with it")
    })
}

/// How many records of merges there are for an event.
#[must_use]
pub fn records_of(rows: &Rows, event: i64) -> usize {
    rows.referring(Table::Version, "object_id", event).count()
}

/// No more records than merges.
#[must_use]
pub fn audit_follows(rows: &Rows, merges: &[(i64, usize)]) -> Outcome {
    let done = |event: i64| merges.iter().find(|(base, _)| *base == event).map_or(0, |(_, count)| *count);
    let object = Table::Version.column("object_id");
    let recorded: BTreeSet<_> = rows.of(Table::Version).values().filter_map(|row| row[object].integer()).collect();
    for event in recorded {
        let records = records_of(rows, event);
        if records > done(event) {
            let detail = format!("event {event}: {records} records, {} merges", done(event));
            return Outcome::violated("a record without its merge", detail);
        }
    }
    Outcome::Held
}

/// As many records as merges.
#[must_use]
pub fn audit_complete(rows: &Rows, merges: &[(i64, usize)]) -> Outcome {
    if merges.is_empty() {
        return Outcome::Idle;
    }
    let missing = merges.iter().find(|(base, count)| records_of(rows, *base) < *count);
    verdict(missing.is_none(), "a merge without its record", || format!("(survivor, merges): {missing:?}"))
}
