//! Releases 1.11.3 (e7c933a7) and 1.11.4 (51f54bda). Since the upgrade of the framework tasks protect their event, so the
//! loser's rows have to go before it does, also where the survivor keeps its own. The first deletes what the loser's manager
//! answers, for every relation: for tags these are the tags, and that is the incident of 2018. The second is its fix.

use super::{Pair, add_one_by_one, empty, merge_by, take_over};
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
    merge_by(orm, pair, choices, async |side, choice| match (choice, side.taken(choice)) {
        (Choice::Combine, _) => {
            let rows = side.loser().all().ids(orm).await?;
            let duplicates = add_one_by_one(orm, &side.base, &rows).await?;
            match duplicates.is_empty() {
                true => Ok(()),
                false => Query::of(Table::Task, "id", duplicates).delete(orm).await,
            }
        }
        (_, Some(taken)) => take_over(orm, &side.base, taken).await,
        // The survivor keeps its own.
        (Choice::A, None) => leave(orm, &side.b, leaving).await,
        (Choice::B, None) => leave(orm, &side.a, leaving).await,
    })
    .await
}

async fn leave(orm: &Orm, loser: &Related<'_>, leaving: Leaving) -> OrmResult<()> {
    match leaving {
        Leaving::Deleted => loser.all().delete(orm).await,
        Leaving::Cleared => empty(orm, loser).await,
    }
}
