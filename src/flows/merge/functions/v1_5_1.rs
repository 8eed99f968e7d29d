//! Release 1.5.1 (53f72158), the same since 1.4.0. To take the other side's tags, everything the survivor's manager answers
//! is deleted first: for tasks and to-dos these are rows the event owns, for tags they are the tags, which all events share.

use super::{Pair, merge_by};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{Orm, OrmResult};

/// Merges.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn merge(orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    merge_by(orm, pair, choices, async |side, choice| match (choice, side.taken(choice)) {
        (Choice::Combine, _) => side.base.add(&side.a.all().union(side.b.all()).ids(orm).await?).await,
        (_, Some(taken)) => {
            side.base.all().delete(orm).await?;
            side.base.add(&taken.all().ids(orm).await?).await
        }
        (_, None) => Ok(()),
    })
    .await
}
