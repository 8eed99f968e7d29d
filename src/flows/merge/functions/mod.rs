//! Merging two events: the function of each release, behind one signature. Every one is ordinary code over the
//! [`orm`](super::orm); what distinguishes the bugs from the fixes is which operation of a manager is called.
//!
//! | file | release |
//! |---|---|
//! | `v1_5_1` | the code of the incident of 2016 |
//! | `v1_5_2` | its fix |
//! | `v1_6_0` | duplicates in a combination are skipped |
//! | `v1_11` | 1.11.3, after the upgrade of the framework: the code of the incident of 2018; and 1.11.4, its fix |
//! | `correct` | what they all should have done |

pub mod correct;
#[cfg(test)]
pub(super) mod mutants;
#[cfg(test)]
mod tests;
mod v1_11;
mod v1_5_1;
mod v1_5_2;
mod v1_6_0;

#[cfg(test)]
pub use mutants::Mutant;
pub use v1_5_1::merge as v1_5_1;
pub use v1_5_2::merge as v1_5_2;
pub use v1_6_0::merge as v1_6_0;
pub use v1_11::{v1_11_3, v1_11_4};

use super::form::{Choice, Choices, RELATIONS, Side, column_of, fields};
use super::orm::{Instance, Orm, OrmError, OrmResult, Related, Relation, TAGS, TASKS, TODOS, Value};

/// Two events in memory, of which one is to survive.
pub struct Pair {
    /// The first.
    pub a: Instance,
    /// The second.
    pub b: Instance,
    /// Which survives.
    pub base: Side,
}

impl Pair {
    fn base(&self) -> &Instance {
        self.of(self.base)
    }

    /// The event that is to survive, as far as this pair knows.
    #[must_use]
    pub fn survivor(&self) -> &Instance {
        self.base()
    }

    fn base_mut(&mut self) -> &mut Instance {
        match self.base {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    fn loser_mut(&mut self) -> &mut Instance {
        match self.base {
            Side::A => &mut self.b,
            Side::B => &mut self.a,
        }
    }

    fn of(&self, side: Side) -> &Instance {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

/// Relations in the order in which they are merged.
const MERGED: [&Relation; RELATIONS.len()] = [&TAGS, &TASKS, &TODOS];

/// The managers of one relation: of the survivor, of A, of B.
struct Managers<'o> {
    base: Related<'o>,
    a: Related<'o>,
    b: Related<'o>,
}

impl<'o> Managers<'o> {
    fn of(pair: &Pair, orm: &'o Orm, relation: &'static Relation) -> Managers<'o> {
        let manager = |event: &Instance| event.related(orm, relation);
        Managers { base: manager(pair.base()), a: manager(&pair.a), b: manager(&pair.b) }
    }

    /// The side that was chosen, if it is not the survivor's own.
    fn taken(&self, choice: Choice) -> Option<&Related<'o>> {
        let chosen = match choice {
            Choice::A => &self.a,
            Choice::B => &self.b,
            Choice::Combine => return None,
        };
        (self.base != *chosen).then_some(chosen)
    }

    /// The side that is not the survivor's own.
    fn loser(&self) -> &Related<'o> {
        if self.base == self.a { &self.b } else { &self.a }
    }
}

/// Merges in one transaction: simple fields, then each relation by the rule of a release, then the loser goes.
async fn merge_by(
    orm: &Orm,
    pair: &mut Pair,
    choices: &Choices,
    rule: impl AsyncFn(Managers<'_>, Choice) -> OrmResult<()>,
) -> OrmResult<()> {
    orm.atomic(async || {
        choose_simple_fields(pair, choices);
        for relation in MERGED {
            if let Some(choice) = choices.of(relation.name) {
                rule(Managers::of(pair, orm, relation), choice).await?;
            }
        }
        finish(orm, pair).await
    })
    .await
}

/// Gives the survivor, in memory, what was chosen for each simple field.
fn choose_simple_fields(pair: &mut Pair, choices: &Choices) {
    for field in fields().filter(|field| *field != "id" && !RELATIONS.contains(field)) {
        let column = column_of(field);
        let (a, b) = (pair.a.get(column), pair.b.get(column));
        let value = match (choices.of(field), a, b) {
            (Some(Choice::A), a, _) => a.clone(),
            (Some(Choice::B), _, b) => b.clone(),
            (Some(Choice::Combine), Value::Text(a), Value::Text(b)) => Value::Text(format!("{a}{b}")),
            // What cannot be added stays.
            (Some(Choice::Combine) | None, ..) => continue,
        };
        pair.base_mut().assign(column, value);
    }
}

/// Deletes the loser, then writes the survivor as a whole: in this order it can take over a unique slug.
async fn finish(orm: &Orm, pair: &mut Pair) -> OrmResult<()> {
    pair.loser_mut().delete(orm).await?;
    pair.base().save(orm).await
}

/// Adds row after row, each in a savepoint; answers those that some constraint keeps out.
async fn add_one_by_one(orm: &Orm, manager: &Related<'_>, rows: &[i64]) -> OrmResult<Vec<i64>> {
    let mut kept_out = Vec::new();
    for row in rows {
        match orm.atomic(async || manager.add(&[*row]).await).await {
            Ok(()) => {}
            Err(OrmError::Constraint(_)) => kept_out.push(*row),
            Err(error) => return Err(error),
        }
    }
    Ok(kept_out)
}

/// Gives the survivor what the other side has, instead of its own; looked up after its own was taken away.
async fn take_over(orm: &Orm, survivor: &Related<'_>, other: &Related<'_>) -> OrmResult<()> {
    empty(orm, survivor).await?;
    survivor.set(&other.all().ids(orm).await?).await
}

/// Takes away what the survivor has: without deleting it, if the manager offers that.
async fn empty(orm: &Orm, manager: &Related<'_>) -> OrmResult<()> {
    match manager.clearing() {
        Some(clearing) => clearing.clear().await,
        None => manager.all().delete(orm).await,
    }
}
