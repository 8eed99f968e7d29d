//! What one commit of a merge may change: the rows after it are computed from the rows before it, and compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Id, verdict};
use crate::check::Outcome;
use crate::flows::merge::form::{Choice, Choices, RELATIONS, Side, column_of, fields};
use crate::flows::merge::orm::Value;
use crate::flows::merge::protocol::Request;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::Table;

/// A merge as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The slugs of the page.
    pub page: (String, String),
    /// The keys in the form.
    pub a: i64,
    /// The keys in the form.
    pub b: i64,
    /// What was chosen.
    pub choices: Choices,
}

impl Asked {
    /// Reads it from a request; none if it is no complete one.
    #[must_use]
    pub fn of(request: &Request) -> Option<Asked> {
        let slug = |name| request.asked(name).unwrap_or_default().to_owned();
        let choices = Choices::validate(&request.body).ok()?;
        let (a, b) = (request.key("event_a")?, request.key("event_b")?);
        Some(Asked { page: (slug("event_a_0"), slug("event_b_0")), a, b, choices })
    }

    /// The key of the event that is to survive.
    #[must_use]
    pub fn base(&self) -> i64 {
        match self.choices.base() {
            Side::A => self.a,
            Side::B => self.b,
        }
    }

    /// The key of the other one.
    #[must_use]
    pub fn loser(&self) -> i64 {
        match self.choices.base() {
            Side::A => self.b,
            Side::B => self.a,
        }
    }

    /// Whether it is about the same, chosen in the same way.
    #[must_use]
    pub fn is_same(&self, other: &Asked) -> bool {
        (self.a, self.b, &self.choices) == (other.a, other.b, &other.choices)
    }
}

/// Tables that a merge must leave alone.
const CATALOGUE: [Table; 7] =
    [Table::Tag, Table::Host, Table::Membership, Table::Person, Table::Role, Table::Badge, Table::EventRequest];

/// Everything there is to say about a commit of a merge that has changed something. `repeated`: the same was done before.
#[must_use]
pub fn check(before: &Rows, after: &Rows, asked: &Asked, repeated: bool) -> Vec<Finding> {
    let mut found = vec![(Id::Catalogue, catalogue(before, after)), (Id::Frame, frame(before, after, asked))];
    if let Some(finding) = must_not_happen(before, asked, repeated) {
        found.push(finding);
        return found;
    }
    found.extend([
        (Id::SelfMergeRefused, Outcome::Held),
        (Id::PairsAgree, Outcome::Held),
        (Id::OneMergeWins, Outcome::Held),
        (Id::OneEventFewer, one_event_fewer(before, after, asked)),
        (Id::SimpleFields, simple_fields(before, after, asked)),
        (Id::ChoiceHonoured, choice_honoured(before, after, asked)),
        (Id::TagsByChoice, tags_by_choice(before, after, asked)),
        (Id::OwnedRows, owned_rows(before, after, asked)),
        (Id::NullableReferences, nullable_references(before, after, asked)),
        (Id::Backlinks, backlinks(before, after, asked)),
    ]);
    found
}

/// Why this merge should have changed nothing.
fn must_not_happen(before: &Rows, asked: &Asked, repeated: bool) -> Option<Finding> {
    let there = |id: i64| before.of(Table::Event).contains_key(&id);
    let of_page = |slug: &str, id: i64| before.slug(id) == Some(slug);
    let detail = || format!("merging {} and {} into {}", asked.a, asked.b, asked.base());
    if asked.a == asked.b {
        return Some((Id::SelfMergeRefused, Outcome::violated("an event was merged with itself", detail())));
    }
    if !there(asked.a) || !there(asked.b) {
        let (id, cause) = match repeated {
            true => (Id::RepeatIsHarmless, "a merge that was done was done again"),
            false => (Id::OneMergeWins, "a merge of an event that is gone went through"),
        };
        return Some((id, Outcome::violated(cause, detail())));
    }
    if !of_page(&asked.page.0, asked.a) || !of_page(&asked.page.1, asked.b) {
        let detail = format!("page of {} and {}, form of keys {} and {}", asked.page.0, asked.page.1, asked.a, asked.b);
        return Some((Id::PairsAgree, Outcome::violated("the form's events were merged, not the page's", detail)));
    }
    None
}

fn catalogue(before: &Rows, after: &Rows) -> Outcome {
    for table in CATALOGUE {
        let (old, new) = (before.of(table), after.of(table));
        if old == new {
            continue;
        }
        let gone: Vec<_> = old.iter().filter(|(id, _)| !new.contains_key(id)).map(|(_, row)| shown(row)).collect();
        let cause = if gone.is_empty() { "changed" } else { "lost" };
        let detail = format!("table {}: gone {gone:?}, {} rows before, {} after", table.name(), old.len(), new.len());
        return Outcome::violated(format!("{} {cause}", table.name()), detail);
    }
    Outcome::Held
}

fn shown(row: &[Value]) -> String {
    row.get(1).and_then(Value::text).unwrap_or("a row").to_owned()
}

/// Tables whose rows belong to an event, with the column that says so.
const OWNED: [(Table, &str); 6] = [
    (Table::Event, "id"),
    (Table::EventTags, "event_id"),
    (Table::Task, "event_id"),
    (Table::TodoItem, "event_id"),
    (Table::Award, "event_id"),
    (Table::InvoiceRequest, "event_id"),
];

fn frame(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    let is_third = |owner: &Value| owner.integer().is_none_or(|owner| owner != asked.a && owner != asked.b);
    for (table, column) in OWNED {
        let column = table.column(column);
        let third = |rows: &Rows| -> BTreeMap<i64, Vec<Value>> {
            let rows = rows.of(table).iter().filter(|(_, row)| is_third(&row[column]));
            rows.map(|(id, row)| (*id, row.clone())).collect()
        };
        let (old, new) = (third(before), third(after));
        if old != new {
            let gone = old.keys().filter(|id| !new.contains_key(id)).count();
            let detail = format!("table {}: {gone} rows of third events gone", table.name());
            return Outcome::violated(format!("{} of third events changed", table.name()), detail);
        }
    }
    Outcome::Held
}

fn one_event_fewer(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    let mut expected: BTreeSet<_> = before.of(Table::Event).keys().collect();
    let loser = asked.loser();
    expected.remove(&loser);
    let found: BTreeSet<_> = after.of(Table::Event).keys().collect();
    verdict(found == expected, "other events than the survivor and the rest", || {
        format!("expected keys {expected:?}, found {found:?}")
    })
}

/// What a simple field should be; none if both cannot be combined.
fn expected(before: &Rows, asked: &Asked, field: &str) -> Option<Value> {
    let column = column_of(field);
    let (a, b) = (before.value(Table::Event, asked.a, column)?, before.value(Table::Event, asked.b, column)?);
    match asked.choices.of(field)? {
        Choice::A => Some(a.clone()),
        Choice::B => Some(b.clone()),
        Choice::Combine => Some(Value::Text(format!("{}{}", a.text()?, b.text()?))),
    }
}

fn simple() -> impl Iterator<Item = &'static str> {
    fields().filter(|field| *field != "id" && !RELATIONS.contains(field))
}

fn simple_fields(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    for field in simple() {
        let found = after.value(Table::Event, asked.base(), column_of(field));
        let wanted = expected(before, asked, field);
        if found != wanted.as_ref() {
            let detail = format!("{field}: chosen {:?}, expected {wanted:?}, found {found:?}", asked.choices.of(field));
            return Outcome::violated("a field is not what was committed and chosen", detail);
        }
    }
    Outcome::Held
}

fn choice_honoured(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    for field in simple() {
        let column = column_of(field);
        let of = |event| before.value(Table::Event, event, column);
        let (chosen, other) = match asked.choices.of(field) {
            Some(Choice::A) => (of(asked.a), of(asked.b)),
            Some(Choice::B) => (of(asked.b), of(asked.a)),
            _ => continue,
        };
        let found = after.value(Table::Event, asked.base(), column);
        if chosen != other && found == other {
            return Outcome::violated("the side that was not chosen", format!("{field}: {found:?}"));
        }
    }
    Outcome::Held
}

fn tags_by_choice(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    let (a, b) = (before.tags_of(asked.a), before.tags_of(asked.b));
    let wanted = match asked.choices.of("tags") {
        Some(Choice::A) => a,
        Some(Choice::B) => b,
        _ => &a | &b,
    };
    let found = after.tags_of(asked.base());
    let rows = after.referring(Table::EventTags, "event_id", asked.base()).count();
    verdict(found == wanted && rows == found.len(), "the survivor's tags are not as chosen", || {
        format!("expected {wanted:?}, found {found:?} in {rows} rows")
    })
}

/// What a row says, without its key and its owner.
fn content(table: Table, row: &[Value]) -> Vec<Value> {
    let owner = table.column("event_id");
    row.iter().enumerate().filter(|(at, _)| *at != 0 && *at != owner).map(|(_, value)| value.clone()).collect()
}

fn owned_rows(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    for (table, field) in [(Table::Task, "task_set"), (Table::TodoItem, "todoitem_set")] {
        let of = |rows: &Rows, event| -> Vec<(i64, Vec<Value>)> {
            rows.referring(table, "event_id", event).map(|(id, row)| (id, content(table, row))).collect()
        };
        let (base, loser) = (of(before, asked.base()), of(before, asked.loser()));
        let wanted = match (asked.choices.of(field), asked.choices.base()) {
            (Some(Choice::A), Side::A) | (Some(Choice::B), Side::B) => base,
            (Some(Choice::A), Side::B) | (Some(Choice::B), Side::A) => loser,
            _ => {
                // Of two equal tasks the survivor's row is the one that stays; to-dos may well be equal.
                let is_new =
                    |row: &&(i64, Vec<Value>)| table == Table::TodoItem || !base.iter().any(|known| known.1 == row.1);
                base.iter().chain(loser.iter().filter(is_new)).cloned().collect()
            }
        };
        let found: BTreeMap<_, _> = of(after, asked.base()).into_iter().collect();
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
        if found != wanted {
            let detail = format!("{}: expected {wanted:?}, found {found:?}", table.name());
            return Outcome::violated(format!("{} rows are not as chosen", table.name()), detail);
        }
        let orphans = of(after, asked.loser()).len();
        if orphans > 0 {
            return Outcome::violated(format!("the loser owns {} rows", table.name()), format!("{orphans} rows"));
        }
    }
    Outcome::Held
}

fn nullable_references(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    for table in [Table::Award, Table::InvoiceRequest] {
        let at = table.column("event_id");
        for (id, row) in before.of(table) {
            let owner = row[at].integer();
            let wanted = if owner == Some(asked.loser()) { Some(asked.base()) } else { owner };
            let found = after.of(table).get(id).map(|row| row[at].integer());
            if found != Some(wanted) {
                let detail = format!("{} {id}: expected event {wanted:?}, found {found:?}", table.name());
                return Outcome::violated(format!("a reference of {} was lost", table.name()), detail);
            }
        }
    }
    Outcome::Held
}

fn backlinks(before: &Rows, after: &Rows, asked: &Asked) -> Outcome {
    let request = |rows: &Rows, event| rows.value(Table::Event, event, "request_id").and_then(Value::integer);
    match (request(before, asked.base()), request(before, asked.loser())) {
        (None, Some(link)) => {
            let found = request(after, asked.base());
            verdict(found == Some(link), "the loser's request was dropped", || {
                format!("request {link}, found {found:?}")
            })
        }
        (own, _) => {
            let found = request(after, asked.base());
            verdict(found == own, "the survivor's request has changed", || format!("{own:?}, then {found:?}"))
        }
    }
}
