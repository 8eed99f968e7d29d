//! Release 1.6.0 (d26b786f, 7e729915): in a combination, what both sides have is skipped, and goes with the loser.

use super::{Pair, add_one_by_one, merge_by, take_over};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{Orm, OrmResult};

/// Merges.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn merge(orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    merge_by(orm, pair, choices, async |side, choice| match (choice, side.taken(choice)) {
        (Choice::Combine, _) => {
            let rows = side.loser().all().ids(orm).await?;
            add_one_by_one(orm, &side.base, &rows).await.map(|_| ())
        }
        (_, Some(taken)) => take_over(orm, &side.base, taken).await,
        (_, None) => Ok(()),
    })
    .await
}
