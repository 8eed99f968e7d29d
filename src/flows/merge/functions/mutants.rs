//! Merges that are wrong on purpose. Each is what somebody might write who fixes one of the releases, or writes the corrected
//! form, without thinking of one thing; tests let the checks find them.

use super::{MERGED, Managers, Pair, choose_simple_fields, finish, v1_5_2};
use crate::flows::merge::form::{Choice, Choices};
use crate::flows::merge::orm::{AWARDS, Orm, OrmResult, Related};

/// What was not thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// 1.5.1 with managers that are told apart by where they were asked for: nothing is ever the survivor's own.
    Identity,
    /// 1.5.1 that looks the other side's rows up before it deletes the survivor's: it still deletes the targets.
    LooksFirst,
    /// A release that writes the survivor before it deletes the loser: two events want one slug.
    LoserLast,
    /// 1.5.2 that loads both events inside of a transaction nobody writes beside: this one is an improvement.
    LoadsInside,
    /// The corrected view, which answers that it refuses, and commits what was done until then.
    RefusalCommits,
    /// A merge that forgets to delete the loser.
    KeepsLoser,
    /// 1.5.2 that lets the loser's awards refer to nothing, so that they are not in the way.
    DropsAwards,
    /// 1.5.2 that writes the record before it merges.
    RecordsFirst,
}

/// Merges.
///
/// # Errors
/// Those of the mapper; everything is undone.
pub async fn merge(mutant: Mutant, orm: &Orm, pair: &mut Pair, choices: &Choices) -> OrmResult<()> {
    match mutant {
        Mutant::Identity | Mutant::LooksFirst => {
            orm.atomic(async || {
                choose_simple_fields(pair, choices);
                for relation in MERGED {
                    let Managers { base, a, b } = Managers::of(pair, orm, relation);
                    let is_own = |side: &Related<'_>| mutant == Mutant::LooksFirst && &base == side;
                    let source = match choices.of(relation.name) {
                        Some(Choice::A) if !is_own(&a) => a,
                        Some(Choice::B) if !is_own(&b) => b,
                        _ => continue,
                    };
                    let before = source.all().ids(orm).await?;
                    base.all().delete(orm).await?;
                    let after = source.all().ids(orm).await?;
                    base.add(if mutant == Mutant::LooksFirst { &before } else { &after }).await?;
                }
                finish(orm, pair).await
            })
            .await
        }
        Mutant::LoserLast => {
            orm.atomic(async || {
                choose_simple_fields(pair, choices);
                pair.base().save(orm).await?;
                pair.loser_mut().delete(orm).await
            })
            .await
        }
        Mutant::KeepsLoser => {
            choose_simple_fields(pair, choices);
            pair.base().save(orm).await
        }
        Mutant::DropsAwards => {
            let loser = pair.loser_mut().related(orm, &AWARDS);
            if let Some(clearing) = loser.clearing() {
                clearing.clear().await?;
            }
            v1_5_2(orm, pair, choices).await
        }
        Mutant::LoadsInside | Mutant::RefusalCommits | Mutant::RecordsFirst => v1_5_2(orm, pair, choices).await,
    }
}
