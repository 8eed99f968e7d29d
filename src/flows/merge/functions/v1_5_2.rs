//! Release 1.5.2 (c65f7b48), the day after: what can be cleared is cleared, and only what cannot is deleted.

use super::{Pair, merge_by, take_over};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{Orm, OrmResult};

/// Merges.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn merge(orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    merge_by(orm, pair, choices, async |side, choice| match (choice, side.taken(choice)) {
        (Choice::Combine, _) => side.base.add(&side.a.all().union(side.b.all()).ids(orm).await?).await,
        (_, Some(taken)) => take_over(orm, &side.base, taken).await,
        (_, None) => Ok(()),
    })
    .await
}
