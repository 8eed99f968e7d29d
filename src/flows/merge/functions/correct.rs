//! What a merge should do. It runs inside a transaction that nobody else can write beside, on events loaded in it: both
//! sides are read before anything is written; only join rows are written for tags, never the tags; children move or go by
//! their keys; what refers to the loser comes along; the loser goes when nothing refers to it; and nothing may refer to it
//! afterwards, whatever receivers have done.

use super::{MERGED, Pair};
use crate::flows::merge::form::{Choice, Choices, RELATIONS, Side, column_of, fields};
use crate::flows::merge::orm::{
    AWARDS, INVOICES, Instance, Orm, OrmError, OrmResult, Query, Record, Related, Relation, TAGS, Value,
};
use crate::flows::merge::schema::Table;

/// Why a merge was not done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The mapper failed.
    #[error(transparent)]
    Orm(#[from] OrmError),
    /// Something refers to the event that was deleted: a receiver has added it meanwhile.
    #[error("rows of `{}` refer to the deleted event", .0.name())]
    Referred(Table),
}

/// Merges. The caller's transaction is to be undone if this fails.
///
/// # Errors
/// What the mapper says; or something refers to the loser in the end.
pub async fn merge(orm: &Orm, pair: &Pair, choices: &Choices) -> Result<(), Refused> {
    let loser = match pair.base {
        Side::A => &pair.b,
        Side::B => &pair.a,
    };
    let (base_id, loser_id) = (pair.base().id().unwrap_or_default(), loser.id().unwrap_or_default());
    for relation in MERGED {
        let wanted = wanted(orm, pair, relation, choices).await?;
        if relation == &TAGS {
            give_tags(orm, base_id, loser_id, &wanted).await?;
        } else {
            give_children(orm, pair.base(), loser, relation, &wanted).await?;
        }
    }
    for relation in [&AWARDS, &INVOICES] {
        let children = loser.related(orm, relation).all().ids(orm).await?;
        pair.base().related(orm, relation).add(&children).await?;
    }
    loser.clone().delete(orm).await?;
    update(orm, pair, loser, choices, base_id).await?;
    nothing_refers(orm, loser_id).await
}

/// The rows that the survivor is to have in the end.
async fn wanted(orm: &Orm, pair: &Pair, relation: &'static Relation, choices: &Choices) -> OrmResult<Vec<Record>> {
    let rows = async |event: &Instance| event.related(orm, relation).all().fetch(orm).await;
    Ok(match choices.of(relation.name) {
        Some(Choice::A) => rows(&pair.a).await?,
        Some(Choice::B) => rows(&pair.b).await?,
        Some(Choice::Combine) => {
            // The survivor's come first: of two that say the same, its own stays.
            let (first, second) = match pair.base {
                Side::A => (&pair.a, &pair.b),
                Side::B => (&pair.b, &pair.a),
            };
            let mut all = rows(first).await?;
            for row in rows(second).await? {
                if !all.iter().any(|known| is_same(known, &row)) {
                    all.push(row);
                }
            }
            all
        }
        None => rows(pair.base()).await?,
    })
}

/// Whether two rows cannot both belong to one event.
fn is_same(one: &Record, other: &Record) -> bool {
    match one.table {
        Table::Tag => one.id() == other.id(),
        Table::Task => ["person_id", "role_id"].iter().all(|column| one.get(column) == other.get(column)),
        _ => false,
    }
}

async fn give_tags(orm: &Orm, base: i64, loser: i64, wanted: &[Record]) -> OrmResult<()> {
    let wanted: Vec<_> = wanted.iter().map(Record::id).collect();
    Related::new(orm, &TAGS, base).set(&wanted).await?;
    Related::new(orm, &TAGS, loser).set(&[]).await
}

async fn give_children(
    orm: &Orm,
    base: &Instance,
    loser: &Instance,
    relation: &'static Relation,
    wanted: &[Record],
) -> OrmResult<()> {
    let wanted: Vec<_> = wanted.iter().map(Record::id).collect();
    let mut superfluous = Vec::new();
    let mut table = None;
    for event in [base, loser] {
        for row in event.related(orm, relation).all().fetch(orm).await? {
            table = Some(row.table);
            if !wanted.contains(&row.id()) {
                superfluous.push(row.id());
            }
        }
    }
    if let Some(table) = table.filter(|_| !superfluous.is_empty()) {
        Query::of(table, "id", superfluous).delete(orm).await?;
    }
    base.related(orm, relation).add(&wanted).await
}

/// Writes the columns of the survivor that change. The request of the loser is kept if the survivor has none.
async fn update(orm: &Orm, pair: &Pair, loser: &Instance, choices: &Choices, base: i64) -> OrmResult<()> {
    let mut changed: Vec<(&str, Value)> = Vec::new();
    for field in fields().filter(|field| *field != "id" && !RELATIONS.contains(field)) {
        let column = column_of(field);
        let (a, b) = (pair.a.get(column), pair.b.get(column));
        let value = match (choices.of(field), a, b) {
            (Some(Choice::A), ..) => a.clone(),
            (Some(Choice::B), ..) => b.clone(),
            (Some(Choice::Combine), Value::Text(a), Value::Text(b)) => Value::Text(format!("{a}{b}")),
            _ => continue,
        };
        if &value != pair.base().get(column) {
            changed.push((column, value));
        }
    }
    if pair.base().get("request_id") == &Value::Null && loser.get("request_id") != &Value::Null {
        changed.push(("request_id", loser.get("request_id").clone()));
    }
    if changed.is_empty() {
        return Ok(());
    }
    let assignments: Vec<_> = changed.iter().map(|(column, _)| format!("{column} = ?")).collect();
    let sql = format!("UPDATE event SET {} WHERE id = ?", assignments.join(", "));
    let parameters: Vec<_> = changed.into_iter().map(|(_, value)| value).chain([base.into()]).collect();
    orm.execute(&sql, &parameters).await.map(|_| ())
}

async fn nothing_refers(orm: &Orm, loser: i64) -> Result<(), Refused> {
    for reference in Table::Event.referring() {
        if !Query::of(reference.table, reference.column, vec![loser]).ids(orm).await?.is_empty() {
            return Err(Refused::Referred(reference.table));
        }
    }
    Ok(())
}
