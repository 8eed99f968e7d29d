//! Release 1.5.1 (53f72158), the same since 1.4.0. To take the other side's tags, everything the survivor's manager answers
//! is deleted first: for tasks and to-dos these are rows the event owns, for tags they are the tags, which all events share.

use super::{MERGED, Managers, Pair, choose_simple_fields, finish};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{Orm, OrmResult};

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
                    base.all().delete(orm).await?;
                    base.add(&a.all().ids(orm).await?).await?;
                }
                Some(Choice::B) if base != b => {
                    base.all().delete(orm).await?;
                    base.add(&b.all().ids(orm).await?).await?;
                }
                Some(Choice::Combine) => base.add(&a.all().union(b.all()).ids(orm).await?).await?,
                _ => {}
            }
        }
        finish(orm, pair).await
    })
    .await
}
