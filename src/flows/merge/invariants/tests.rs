//! Each check fires on what it is there for, and on nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{Asked, check};
use super::state::{audit_complete, audit_follows, no_dangling, no_resurrection, restored};
use super::*;
use crate::flows::merge::exports::{Export, Listed, listed};
use crate::flows::merge::fixture::Fixture;
use crate::flows::merge::form::{Choices, Side};
use crate::flows::merge::functions::{Pair, correct};
use crate::flows::merge::orm::tests::{alone, now, rows};
use crate::flows::merge::orm::{Instance, Orm, OrmError};
use crate::flows::merge::protocol::Reply;
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::{Era, Table};

/// B has everything that can refer to an event; A has nothing of it.
fn fixture() -> Fixture {
    let b = || BTreeSet::from(["B".to_owned()]);
    Fixture { requests: b(), awards: b(), invoices: b(), ..Fixture::default() }
}

fn asked() -> Asked {
    Asked { page: ("A".to_owned(), "B".to_owned()), a: 1, b: 2, choices: Choices::defaults() }
}

/// The database after a merge of B into A that keeps everything of A.
fn merged() -> (Orm, Rows) {
    let (orm, _) = alone(Era::Django1, &fixture(), &[]);
    let before = rows(&orm);
    let load = |id: i64| now(Instance::load(&orm, Table::Event, "id", id.into())).unwrap().unwrap();
    let pair = Pair { a: load(1), b: load(2), base: Side::A };
    now(correct::merge(&orm, &pair, &Choices::defaults())).unwrap();
    (orm, before)
}

fn violated(found: Vec<Finding>) -> Vec<Id> {
    let violated = found.into_iter().filter(|(_, outcome)| matches!(outcome, Outcome::Violated(_)));
    violated.map(|(id, _)| id).collect()
}

/// Claim: a merge done right breaks nothing, and each way of doing it wrong breaks what it should.
#[test]
fn each_check_of_a_merge_fires() {
    for (wrong, expected) in [
        ("", vec![]),
        ("UPDATE event SET notes = 'x' WHERE slug = 'C'", vec![Id::Frame]),
        ("DELETE FROM event_tags WHERE event_id = 5", vec![Id::Frame]),
        ("INSERT INTO task (event_id, person_id, role_id) VALUES (4, 1, 1)", vec![Id::Frame]),
        ("DELETE FROM tag WHERE name = 'TTT'", vec![Id::Catalogue]),
        ("UPDATE host SET fullname = 'x' WHERE id = 1", vec![Id::Catalogue]),
        ("DELETE FROM event WHERE id = 1", vec![Id::OneEventFewer, Id::SimpleFields, Id::Backlinks]),
        ("UPDATE event SET venue = 'x' WHERE id = 1", vec![Id::SimpleFields]),
        ("UPDATE event SET venue = 'venue B' WHERE id = 1", vec![Id::SimpleFields, Id::ChoiceHonoured]),
        ("DELETE FROM event_tags WHERE event_id = 1 AND tag_id = 2", vec![Id::TagsByChoice]),
        ("INSERT INTO event_tags (event_id, tag_id) VALUES (1, 4)", vec![Id::TagsByChoice]),
        ("UPDATE task SET person_id = 4 WHERE id = 1", vec![Id::OwnedRows]),
        ("DELETE FROM todoitem WHERE event_id = 1", vec![Id::OwnedRows]),
        ("INSERT INTO task (event_id, person_id, role_id) VALUES (2, 1, 1)", vec![Id::OwnedRows]),
        ("DELETE FROM award", vec![Id::NullableReferences]),
        ("UPDATE event SET request_id = NULL WHERE id = 1", vec![Id::Backlinks]),
    ] {
        let (orm, before) = merged();
        orm.connection().execute_batch(wrong).unwrap();
        assert_eq!(violated(check(&before, &rows(&orm), &asked(), false)), expected, "{wrong}");
    }
}

/// Claim: what must not be merged at all is told apart: an event with itself, events of another page, events that are gone,
/// and the same again.
#[test]
fn merges_that_must_not_happen() {
    let (orm, before) = merged();
    let after = rows(&orm);
    let with_itself = Asked { b: 1, page: ("A".to_owned(), "A".to_owned()), ..asked() };
    let other_page = Asked { page: ("C".to_owned(), "D".to_owned()), ..asked() };
    for (asked, before, repeated, expected) in [
        (with_itself, &after, false, Id::SelfMergeRefused),
        (other_page, &before, false, Id::PairsAgree),
        (asked(), &after, false, Id::OneMergeWins),
        (asked(), &after, true, Id::RepeatIsHarmless),
    ] {
        assert_eq!(violated(check(before, before, &asked, repeated)), [expected]);
    }
}

/// Claim: a reference to nothing, a key that comes back, a record without its merge and a merge without its record are
/// found, and nothing is found where there is nothing.
#[test]
fn each_check_of_a_state_fires() {
    let (orm, before) = merged();
    let after = rows(&orm);
    assert_eq!((no_dangling(&before), no_dangling(&after)), (Outcome::Held, Outcome::Held));
    let gone = BTreeSet::from([(Table::Event, 2)]);
    assert_eq!(no_resurrection(&after, &gone), Outcome::Held);
    assert!(matches!(no_resurrection(&before, &gone), Outcome::Violated(_)));
    assert_eq!(audit_follows(&after, &[(1, 1)]), Outcome::Held);
    assert!(matches!(audit_complete(&after, &[(1, 1)]), Outcome::Violated(_)));
    let record: Result<usize, OrmError> = now(async {
        orm.execute("INSERT INTO revision (username) VALUES ('admin')", &[]).await?;
        let sql = "INSERT INTO version (revision_id, object_id, serialized) VALUES (1, 1, '')";
        orm.execute(sql, &[]).await
    });
    assert_eq!(record, Ok(1));
    let recorded = rows(&orm);
    assert_eq!(audit_complete(&recorded, &[(1, 1)]), Outcome::Held);
    assert!(matches!(audit_follows(&recorded, &[]), Outcome::Violated(_)));
    orm.connection().execute_batch("DELETE FROM tag WHERE name = 'SWC'").unwrap();
    assert!(matches!(no_dangling(&rows(&orm)), Outcome::Violated(_)));
}

/// Claim: a tag that is not back, one that is back under another key, and one that is back without an event it had in the
/// backup are found; an event that is gone is not missed; and without a backup nothing can be said.
#[test]
fn what_is_brought_back() {
    let after = |change: &str| {
        let (orm, _) = alone(Era::Django1, &fixture(), &[]);
        orm.connection().execute_batch(change).unwrap();
        rows(&orm)
    };
    let kept = after("");
    let cause = |change: &str| match restored("DC", Some(&kept), &after(change)) {
        Outcome::Violated(violation) => violation.cause.to_string(),
        _ => String::new(),
    };
    for (change, expected) in [
        ("", ""),
        ("DELETE FROM event_tags WHERE event_id = 3; DELETE FROM event WHERE id = 3", ""),
        ("DELETE FROM tag WHERE name = 'LC'; DELETE FROM event_tags WHERE tag_id = 3", ""),
        ("DELETE FROM tag WHERE name = 'DC'", "not brought back"),
        ("UPDATE tag SET id = 9 WHERE name = 'DC'", "not brought back"),
        ("DELETE FROM event_tags WHERE event_id = 3", "brought back as it was long before"),
    ] {
        assert_eq!(cause(change), expected, "{change}");
    }
    assert_eq!(restored("DC", None, &kept), Outcome::Idle);
    assert_eq!(restored("NOPE", Some(&kept), &kept), Outcome::Idle);
}

/// Claim: across a merge only the merged events may come or go.
#[test]
fn the_feed_across_a_merge() {
    let set = |slugs: &str| slugs.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let across = |before, after| feed::across_merge(&set(before), &set(after), |slug| set("A B").contains(slug));
    assert_eq!(across("A B C", "A C"), Outcome::Held);
    assert!(matches!(across("A C D", "A B C D E F"), Outcome::Violated(_)));
    assert!(matches!(across("A C D", "A D"), Outcome::Violated(_)));
}

/// Claim: the expected feed is what the rows say, and an unknown tag has none.
#[test]
fn the_expected_feed() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let rows = rows(&orm);
    let slugs = |names: &[&str]| -> Option<Vec<String>> {
        let expected = feed::expected(&rows, &names.iter().copied().collect())?;
        Some(expected.into_iter().collect::<BTreeMap<_, _>>().into_keys().collect())
    };
    assert_eq!(slugs(&["DC"]).unwrap().concat(), "ACD");
    assert_eq!(slugs(&["DC", "SWC"]).unwrap().concat(), "D");
    assert_eq!(slugs(&[]).unwrap().len(), 6);
    assert_eq!(slugs(&["NOPE"]), None);
}

/// Claim: the expected lists are what the rows say; an answer that is right for a state during the request holds, another
/// does not, and a refusal does.
#[test]
fn the_expected_lists() {
    let (orm, _) = alone(Era::Django1, &fixture(), &[]);
    let before = rows(&orm);
    let said = |list: &Listed| serde_json::to_string(list).unwrap();
    assert_eq!(said(&feed::expected_list(&before, Export::Badges)), r#"{"instructor":["bob"]}"#);
    assert_eq!(said(&feed::expected_list(&before, Export::Instructors)), r#"{"ann":["A"]}"#);
    orm.connection().execute_batch("DELETE FROM award; DELETE FROM task").unwrap();
    let after = rows(&orm);
    assert_eq!(said(&feed::expected_list(&after, Export::Badges)), r#"{"instructor":[]}"#);
    assert_eq!(said(&feed::expected_list(&after, Export::Instructors)), "{}");
    let judged = |status, body: &str, during: &[&Rows]| {
        let reply = Reply::new(status, body);
        feed::list_soundness(Export::Instructors, &reply, listed(&reply).as_ref(), during)
    };
    for (body, is_sound) in
        [(r#"{"ann":["A"]}"#, true), ("{}", true), (r#"{"ann":[]}"#, false), (r#"{"ann":["B"]}"#, false), ("", false)]
    {
        assert_eq!(judged(200, body, &[&before, &after]) == Outcome::Held, is_sound, "{body}");
        assert_eq!(judged(500, body, &[&before]), Outcome::Held);
    }
    assert!(matches!(judged(200, "{}", &[&before]), Outcome::Violated(_)));
}

/// Claim: the table is in the order of the names, and labels are unique.
#[test]
fn the_table_is_in_order() {
    assert_eq!(INVARIANTS[Id::Frame as usize].id, "frame");
    assert_eq!(INVARIANTS[Id::ConsumerFile as usize].id, "consumer-file");
    assert_eq!(INVARIANTS[Id::AuditComplete as usize].id, "audit-complete");
    assert_eq!(INVARIANTS.len(), Id::AuditComplete as usize + 1);
    let ids: BTreeSet<_> = INVARIANTS.iter().map(|info| info.id).collect();
    assert_eq!(ids.len(), INVARIANTS.len());
}
