use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::disk::sqlite::Volume;
use crate::disk::{Disk, DiskSetup};
use crate::flows::merge::fixture::Fixture;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::{Era, Table, ddl};

/// A world in which nothing ever has to wait.
pub(crate) struct Alone {
    /// What was run.
    pub(crate) statements: RefCell<Vec<String>>,
    called: Cell<u32>,
}

impl Surroundings for Alone {
    fn before_statement<'a>(&'a self, sql: &'a str) -> Waiting<'a, ()> {
        self.statements.borrow_mut().push(sql.to_owned());
        Box::pin(async {})
    }

    fn now_us(&self) -> u64 {
        0
    }

    fn lock_released(&self, _until_us: u64) -> Waiting<'_, bool> {
        Box::pin(async { false })
    }

    fn commits(&self, _purpose: Purpose, commit: &mut dyn FnMut() -> OrmResult<()>) -> OrmResult<()> {
        commit()
    }

    fn receiver_called(&self, _receiver: &'static str) {
        self.called.set(self.called.get() + 1);
    }
}

/// A database with a fixture in it, and nobody else there.
pub(crate) fn alone(era: Era, fixture: &Fixture, receivers: &[&str]) -> (Orm, Rc<Alone>) {
    let database = Volume::aside(Disk::new(DiskSetup::default())).open("amy.sqlite").unwrap();
    database.execute_batch(&format!("BEGIN; {} {} COMMIT;", ddl(), fixture.sql())).unwrap();
    let receivers: Rc<[_]> = RECEIVERS.iter().filter(|receiver| receivers.contains(&receiver.name)).collect();
    let around = Rc::new(Alone { statements: RefCell::default(), called: Cell::new(0) });
    let orm = Orm::new(database, era, &receivers, Rc::clone(&around) as Rc<dyn Surroundings>).unwrap();
    (orm, around)
}

/// What is in it.
pub(crate) fn rows(orm: &Orm) -> Rows {
    Rows::read(orm.connection(), None).unwrap()
}

/// Runs a future that never has to wait.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

const A: i64 = 1;
const B: i64 = 2;

/// Claim: managers are equal by relation and owner, not by where they were asked for.
#[test]
fn managers_are_compared_by_value() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let one = now(Instance::load(&orm, Table::Event, "id", A.into())).unwrap().unwrap();
    let other = now(Instance::load(&orm, Table::Event, "slug", "A".into())).unwrap().unwrap();
    assert!(one.related(&orm, &TAGS) == other.related(&orm, &TAGS));
    assert!(one.related(&orm, &TAGS) != one.related(&orm, &TASKS));
    assert!(one.related(&orm, &TAGS) != Related::new(&orm, &TAGS, B));
}

/// Claim: only children that must have an owner cannot be cleared.
#[test]
fn owned_children_cannot_be_cleared() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let can = |relation| Related::new(&orm, relation, A).clearing().is_some();
    assert_eq!([&TAGS, &TASKS, &TODOS, &AWARDS, &INVOICES].map(can), [true, false, false, true, true]);
}

/// Claim: deleting what the manager of tags answers deletes the tags, with the join rows of every event; clearing it
/// deletes this event's join rows only.
#[test]
fn tags_are_shared() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let before = rows(&orm);
    now(Related::new(&orm, &TAGS, A).clearing().unwrap().clear()).unwrap();
    let cleared = rows(&orm);
    assert_eq!(cleared.of(Table::Tag), before.of(Table::Tag));
    assert_eq!(cleared.of(Table::EventTags).len(), before.of(Table::EventTags).len() - 2);
    now(Related::new(&orm, &TAGS, B).all().delete(&orm)).unwrap();
    let deleted = rows(&orm);
    assert_eq!(deleted.tag("SWC"), None);
    assert!(deleted.tags_of(5).is_empty(), "E had nothing but SWC");
}

/// Claim: `add` leaves what is there and steals children; `set` is exact for tags, and only adds for tasks.
#[test]
fn add_and_set() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let tags = Related::new(&orm, &TAGS, B);
    now(tags.add(&[1, 2])).unwrap();
    assert_eq!(rows(&orm).tags_of(B), [1, 2].into());
    now(tags.set(&[2, 3])).unwrap();
    assert_eq!(rows(&orm).tags_of(B), [2, 3].into());
    now(Related::new(&orm, &TASKS, B).set(&[1])).unwrap();
    let owned = rows(&orm).referring(Table::Task, "event_id", B).count();
    assert_eq!(owned, 2, "one stolen, its own still there");
}

/// Claim: with awards or invoices an event cannot be deleted in either era, with tasks only in the first; the first era's
/// cascade takes tasks, to-dos and join rows along.
#[test]
fn deleting_follows_the_era() {
    let awarded = Fixture { awards: ["B".to_owned()].into(), ..Fixture::default() };
    for (era, fixture, expected) in [
        (Era::Django1, &awarded, Err(OrmError::Protected(Table::Award))),
        (Era::Django2, &Fixture::default(), Err(OrmError::Protected(Table::Task))),
        (Era::Django1, &Fixture::default(), Ok(())),
    ] {
        let (orm, _) = alone(era, fixture, &[]);
        let before = rows(&orm);
        let mut event = now(Instance::load(&orm, Table::Event, "id", B.into())).unwrap().unwrap();
        let result = now(event.delete(&orm));
        assert_eq!(result, expected);
        let after = rows(&orm);
        if expected.is_err() {
            assert_eq!((after, event.id()), (before, Some(B)));
        } else {
            assert_eq!(event.id(), None);
            let left = [Table::Task, Table::TodoItem, Table::EventTags];
            assert_eq!(left.map(|table| after.referring(table, "event_id", B).count()), [0; 3]);
        }
    }
}

/// Claim: saving an object whose row is gone brings the row back under the same key.
#[test]
fn saving_resurrects() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let event = now(Instance::load(&orm, Table::Event, "id", B.into())).unwrap().unwrap();
    now(event.clone().delete(&orm)).unwrap();
    now(event.save(&orm)).unwrap();
    assert_eq!(rows(&orm).slug(B), Some("B"));
    assert!(rows(&orm).tags_of(B).is_empty());
}

/// Claim: a receiver changes the statements of a deletion, not its result; one that answers itself ends with an error, and
/// everything is undone.
#[test]
fn receivers_are_heard() {
    let (quiet, unheard) = alone(Era::Django1, &Fixture::default(), &[]);
    let (loud, heard) = alone(Era::Django1, &Fixture::default(), &["listen"]);
    for orm in [&quiet, &loud] {
        now(Related::new(orm, &TASKS, A).all().delete(orm)).unwrap();
    }
    assert_eq!(rows(&quiet), rows(&loud));
    let deletes = |around: &Alone| around.statements.borrow().iter().filter(|sql| sql.contains("event_id IN")).count();
    assert_eq!((deletes(&unheard), heard.called.get()), (1, 2));
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &["clear-again"]);
    let before = rows(&orm);
    let cleared = now(orm.atomic(async || Related::new(&orm, &TAGS, A).clearing().unwrap().clear().await));
    assert_eq!((cleared, rows(&orm)), (Err(OrmError::Recursion), before));
}

/// Claim: a savepoint undoes its own part only, and the transaction goes on.
#[test]
fn savepoints_nest() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let done: OrmResult<()> = now(orm.atomic(async || {
        Related::new(&orm, &TAGS, B).add(&[3]).await?;
        let inner = orm
            .atomic(async || {
                Related::new(&orm, &TAGS, B).add(&[4]).await?;
                orm.execute("INSERT INTO tag (name, details) VALUES ('SWC', '')", &[]).await
            })
            .await;
        assert!(matches!(inner, Err(OrmError::Constraint(_))));
        Ok(())
    }));
    assert_eq!((done, orm.is_clean()), (Ok(()), true));
    assert_eq!(rows(&orm).tags_of(B), [1, 3].into());
}
