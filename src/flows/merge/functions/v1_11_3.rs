//! Release 1.11.3 (e7c933a7). Since the upgrade of the framework tasks protect their event, so the loser's rows have to go
//! before it does, also where the survivor keeps its own: for every relation, by deleting what the other manager answers.

use super::{MERGED, Managers, Pair, add_one_by_one, choose_simple_fields, empty, finish};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{Orm, OrmResult, Query};
use crate::flows::merge::schema::Table;

/// Merges.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn merge(orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    orm.atomic(async || {
        choose_simple_fields(pair, choices);
        for relation in MERGED {
            let Managers { base, a, b } = Managers::of(pair, orm, relation);
            match choices.of(relation.name) {
                Some(Choice::A) if base != a => {
                    empty(orm, &base).await?;
                    base.set(&a.all().ids(orm).await?).await?;
                }
                Some(Choice::B) if base != b => {
                    empty(orm, &base).await?;
                    base.set(&b.all().ids(orm).await?).await?;
                }
                Some(Choice::A) => b.all().delete(orm).await?,
                Some(Choice::B) => a.all().delete(orm).await?,
                Some(Choice::Combine) => {
                    let other = if base == a { b } else { a };
                    let rows = other.all().ids(orm).await?;
                    let duplicates = add_one_by_one(orm, &base, &rows).await?;
                    if !duplicates.is_empty() {
                        Query::of(Table::Task, "id", duplicates).delete(orm).await?;
                    }
                }
                None => {}
            }
        }
        finish(orm, pair).await
    })
    .await
}
