//! Release 1.6.0 (d26b786f, 7e729915): in a combination, what both sides have is skipped, and goes with the loser.

use super::{MERGED, Managers, Pair, add_one_by_one, choose_simple_fields, finish, take_over};
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
                Some(Choice::Combine) => {
                    let other = if base == a { b } else { a };
                    let rows = other.all().ids(orm).await?;
                    add_one_by_one(orm, &base, &rows).await?;
                }
                _ => {}
            }
        }
        finish(orm, pair).await
    })
    .await
}
