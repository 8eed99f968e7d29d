//! Release 1.5.2 (c65f7b48), the day after: what can be cleared is cleared, and only what cannot is deleted.

use super::{MERGED, Managers, Pair, choose_simple_fields, finish, take_over};
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
                Some(Choice::A) if base != a => take_over(orm, &base, &a).await?,
                Some(Choice::B) if base != b => take_over(orm, &base, &b).await?,
                Some(Choice::Combine) => base.add(&a.all().union(b.all()).ids(orm).await?).await?,
                _ => {}
            }
        }
        finish(orm, pair).await
    })
    .await
}
