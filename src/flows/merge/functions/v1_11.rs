//! Releases 1.11.3 (e7c933a7) and 1.11.4 (51f54bda). Since the upgrade of the framework tasks protect their event, so the
//! loser's rows have to go before it does, also where the survivor keeps its own. The first deletes what the loser's manager
//! answers, for every relation: for tags these are the tags, and that is the incident of 2018. The second is its fix.

use super::{MERGED, Managers, Pair, add_one_by_one, choose_simple_fields, empty, finish, take_over};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{Orm, OrmResult, Query, Related};
use crate::flows::merge::schema::Table;

/// How the loser's rows go where the survivor keeps its own.
#[derive(Clone, Copy)]
enum Leaving {
    /// Whatever the manager answers is deleted.
    Deleted,
    /// What can be cleared is cleared; what cannot is deleted.
    Cleared,
}

/// Merges, as 1.11.3 did.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn v1_11_3(orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    merge(orm, pair, choices, Leaving::Deleted).await
}

/// Merges, as 1.11.4 did.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn v1_11_4(orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    merge(orm, pair, choices, Leaving::Cleared).await
}

async fn merge(orm: &Orm, pair: &mut Pair, choices: &Choices, leaving: Leaving) -> OrmResult<()> {
    orm.atomic(async || {
        choose_simple_fields(pair, choices);
        for relation in MERGED {
            let Managers { base, a, b } = Managers::of(pair, orm, relation);
            match choices.of(relation.name) {
                Some(Choice::A) if base != a => take_over(orm, &base, &a).await?,
                Some(Choice::B) if base != b => take_over(orm, &base, &b).await?,
                Some(Choice::A) => leave(orm, &b, leaving).await?,
                Some(Choice::B) => leave(orm, &a, leaving).await?,
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

async fn leave(orm: &Orm, loser: &Related<'_>, leaving: Leaving) -> OrmResult<()> {
    match leaving {
        Leaving::Deleted => loser.all().delete(orm).await,
        Leaving::Cleared => empty(orm, loser).await,
    }
}
