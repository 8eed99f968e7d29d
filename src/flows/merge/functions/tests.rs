use super::correct::Refused;
use super::*;
use crate::flows::merge::fixture::Fixture;
use crate::flows::merge::orm::tests::{alone, now, rows};
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::{Era, Table};

/// Every function by name.
const ALL: [&str; 6] = ["1.5.1", "1.5.2", "1.6.0", "1.11.3", "1.11.4", "correct"];

fn era_of(function: &str) -> Era {
    if function.starts_with("1.11") || function == "correct" { Era::Django2 } else { Era::Django1 }
}

/// Loads both events as a view would, merges, and answers the rows before and after, and the mapper's error.
fn merged(
    function: &str,
    fixture: &Fixture,
    receivers: &[&str],
    chosen: &[(&str, Choice)],
) -> (Rows, Rows, Result<(), OrmError>) {
    let (orm, _) = alone(era_of(function), fixture, receivers);
    let before = rows(&orm);
    let mut choices = Choices::defaults();
    for (field, choice) in chosen {
        choices.choose(field, *choice);
    }
    let result = now(async {
        let load = async |id: i64| Instance::load(&orm, Table::Event, "id", id.into()).await;
        let (a, b) = (load(1).await?.unwrap(), load(2).await?.unwrap());
        let mut pair = Pair { a, b, base: choices.base() };
        match function {
            "1.5.1" => v1_5_1(&orm, &mut pair, &choices).await,
            "1.5.2" => v1_5_2(&orm, &mut pair, &choices).await,
            "1.6.0" => v1_6_0(&orm, &mut pair, &choices).await,
            "1.11.3" => v1_11_3(&orm, &mut pair, &choices).await,
            "1.11.4" => v1_11_4(&orm, &mut pair, &choices).await,
            _ => orm.exclusive(async || correct::merge(&orm, &pair, &choices).await).await.map_err(|refused| {
                match refused {
                    Refused::Orm(error) => error,
                    Refused::Referred(table) => OrmError::Protected(table),
                }
            }),
        }
    });
    (before, rows(&orm), result)
}

fn names(rows: &Rows, tags: impl IntoIterator<Item = i64>) -> Vec<String> {
    tags.into_iter().filter_map(|tag| rows.tag_name(tag).map(str::to_owned)).collect()
}

/// Claim: with disjoint sets each release loses exactly the tags that were seen to be lost, in the six cells of bases and
/// choices; the two bugs have complementary cells. Nobody loses anything in the corrected form.
#[test]
fn tags_that_are_lost() {
    let cells = [
        (Choice::A, Choice::A, "", "SWC"),
        (Choice::A, Choice::B, "DC LC", ""),
        (Choice::A, Choice::Combine, "", ""),
        (Choice::B, Choice::A, "SWC", ""),
        (Choice::B, Choice::B, "", "DC LC"),
        (Choice::B, Choice::Combine, "", ""),
    ];
    for (base, tags, lost_2016, lost_2018) in cells {
        for function in ALL {
            let chosen = [("id", base), ("tags", tags)];
            let (before, after, result) = merged(function, &Fixture::default(), &[], &chosen);
            assert_eq!(result, Ok(()), "{function} {chosen:?}");
            let lost = before.of(Table::Tag).keys().filter(|tag| !after.of(Table::Tag).contains_key(tag));
            let expected = match function {
                "1.5.1" => lost_2016,
                "1.11.3" => lost_2018,
                _ => "",
            };
            assert_eq!(names(&before, lost.copied()).join(" "), expected, "{function} {chosen:?}");
            let (survivor, chosen_tags) = match tags {
                Choice::A => (before.tags_of(1), "a"),
                Choice::B => (before.tags_of(2), "b"),
                Choice::Combine => (&before.tags_of(1) | &before.tags_of(2), "both"),
            };
            let base = if base == Choice::A { 1 } else { 2 };
            assert_eq!(after.tags_of(base), survivor, "{function}: the result itself looks right, {chosen_tags}");
        }
    }
}

/// Claim: with an overlap, 1.5.1 loses the shared tag from the result too, because it looks after the deletion.
#[test]
fn the_shared_tag_is_missing_from_the_result() {
    let mut fixture = Fixture::default();
    fixture.events.insert("B".to_owned(), vec!["SWC".to_owned(), "DC".to_owned()]);
    let (before, after, result) = merged("1.5.1", &fixture, &[], &[("tags", Choice::B)]);
    assert_eq!(result, Ok(()));
    assert_eq!(names(&before, after.tags_of(1)), ["SWC"]);
}

/// Claim: a task that both sides have fails a combination up to 1.5.2, as a whole; later the survivor's row stays.
#[test]
fn a_task_that_both_have() {
    let mut fixture = Fixture::default();
    fixture.tasks.insert("B".to_owned(), vec!["bob/helper".to_owned(), "cat/learner".to_owned()]);
    for function in ALL {
        let (before, after, result) = merged(function, &fixture, &[], &[("task_set", Choice::Combine)]);
        if ["1.5.1", "1.5.2"].contains(&function) {
            assert!(matches!(result, Err(OrmError::Constraint(_))), "{function}: {result:?}");
            assert_eq!(after, before, "{function}");
        } else {
            assert_eq!(result, Ok(()), "{function}");
            let tasks: Vec<_> = after.referring(Table::Task, "event_id", 1).map(|(id, _)| id).collect();
            assert_eq!(tasks, [1, 2, 4], "{function}");
        }
    }
}

/// Claim: owned rows of either side, and of both, are as chosen in every release.
#[test]
fn owned_rows_are_as_chosen() {
    for function in ALL {
        for (base, key) in [(Choice::A, 1), (Choice::B, 2)] {
            for (choice, expected) in [(Choice::A, vec![1, 2]), (Choice::B, vec![3]), (Choice::Combine, vec![1, 2, 3])]
            {
                // Tags combined: the cell in which nothing is lost by anybody.
                let chosen = [("id", base), ("task_set", choice), ("tags", Choice::Combine)];
                let (_, after, result) = merged(function, &Fixture::default(), &[], &chosen);
                assert_eq!(result, Ok(()), "{function} {chosen:?}");
                let tasks: Vec<_> = after.referring(Table::Task, "event_id", key).map(|(id, _)| id).collect();
                assert_eq!(tasks, expected, "{function} {chosen:?}");
                assert_eq!(after.of(Table::Event).len(), 5);
            }
        }
    }
}

/// Claim: the survivor can take over the loser's unique slug, text is combined without separator, A first.
#[test]
fn simple_fields() {
    for function in ALL {
        let chosen = [("id", Choice::B), ("slug", Choice::A), ("tags", Choice::Combine), ("address", Choice::Combine)];
        let (_, after, result) = merged(function, &Fixture::default(), &[], &chosen);
        assert_eq!(result, Ok(()), "{function}");
        assert_eq!(after.slug(2), Some("A"), "{function}");
        assert_eq!(after.value(Table::Event, 2, "address"), Some(&"address Aaddress B".into()), "{function}");
    }
}

/// Claim: a loser with an award or an invoice is refused by the releases, with nothing changed, and carried along by the
/// corrected form; the loser's request vanishes with it in the releases, and is kept in the corrected form.
#[test]
fn what_refers_to_the_loser() {
    let fixture = Fixture { awards: ["B".to_owned()].into(), ..Fixture::default() };
    let asked = Fixture { requests: ["B".to_owned()].into(), ..Fixture::default() };
    for function in ALL {
        let chosen = [("tags", Choice::Combine)];
        let (before, after, result) = merged(function, &fixture, &[], &chosen);
        let request = merged(function, &asked, &[], &chosen).1.value(Table::Event, 1, "request_id").cloned();
        if function == "correct" {
            assert_eq!(result, Ok(()));
            assert_eq!(after.referring(Table::Award, "event_id", 1).count(), 1);
            assert_eq!(request, Some(2.into()));
        } else {
            assert_eq!(result, Err(OrmError::Protected(Table::Award)), "{function}");
            assert_eq!(after, before);
            assert_eq!(request, Some(Value::Null), "{function}");
        }
    }
}

/// Claim: what receivers add to a dead event stays as a dangling row in 2016, fails at the commit with enforcement on, and
/// is refused by the corrected form; what they add before the death is swept in 2016.
#[test]
fn receivers_that_touch_the_dying() {
    let chosen = [("tags", Choice::Combine)];
    let dangling = |rows: &Rows| rows.referring(Table::Task, "event_id", 2).count();
    let (_, after, result) = merged("1.5.1", &Fixture::default(), &["task-before"], &chosen);
    assert_eq!((result, dangling(&after)), (Ok(()), 0));
    let (_, after, result) = merged("1.5.1", &Fixture::default(), &["task-after"], &chosen);
    assert_eq!((result, dangling(&after)), (Ok(()), 1));
    let (before, after, result) = merged("1.11.4", &Fixture::default(), &["task-after"], &chosen);
    assert!(matches!(result, Err(OrmError::Constraint(_))), "{result:?}");
    assert_eq!(after, before);
    for receiver in ["task-before", "task-after"] {
        let (before, after, result) = merged("correct", &Fixture::default(), &[receiver], &chosen);
        assert_eq!((result, after == before), (Err(OrmError::Protected(Table::Task)), true), "{receiver}");
    }
    let (_, after, result) = merged("1.5.1", &Fixture::default(), &["retag"], &[("tags", Choice::B)]);
    assert_eq!(result, Ok(()));
    assert!(after.tags_of(3).iter().any(|tag| after.tag_name(*tag).is_none()), "C has a tag that is not there");
}

/// Claim: merging an event with itself deletes it and brings it back empty, in every release.
#[test]
fn an_event_merged_with_itself() {
    for function in ["1.5.1", "1.5.2", "1.6.0"] {
        let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
        let choices = Choices::defaults();
        let event = now(Instance::load(&orm, Table::Event, "id", 1.into())).unwrap().unwrap();
        let mut pair = Pair { a: event.clone(), b: event, base: choices.base() };
        let result = match function {
            "1.5.1" => now(v1_5_1(&orm, &mut pair, &choices)),
            "1.5.2" => now(v1_5_2(&orm, &mut pair, &choices)),
            _ => now(v1_6_0(&orm, &mut pair, &choices)),
        };
        let after = rows(&orm);
        assert_eq!((result, after.slug(1)), (Ok(()), Some("A")), "{function}");
        assert_eq!((after.tags_of(1).len(), after.referring(Table::Task, "event_id", 1).count()), (0, 0));
    }
}

/// Claim: the statements of the incident are those that were logged: the join rows of every event go, then the tags, and
/// only then is the other side's set read.
#[test]
fn the_statements_of_the_incident() {
    let (orm, around) = alone(Era::Django1, &Fixture::default(), &[]);
    let mut choices = Choices::defaults();
    choices.choose("tags", Choice::B);
    let load = |id: i64| now(Instance::load(&orm, Table::Event, "id", id.into())).unwrap().unwrap();
    let mut pair = Pair { a: load(1), b: load(2), base: Side::A };
    around.statements.borrow_mut().clear();
    now(v1_5_1(&orm, &mut pair, &choices)).unwrap();
    let said: Vec<_> = around.statements.borrow().iter().map(|sql| shortened(sql)).collect();
    let expected = [
        "BEGIN",
        "SELECT tag",
        "DELETE event_tags tag_id IN (?, ?)",
        "DELETE tag id IN (?, ?)",
        "SELECT tag",
        "SELECT event_tags",
        "INSERT event_tags",
        "SELECT award",
        "SELECT invoicerequest",
        "DELETE event_tags event_id IN (?)",
        "DELETE task event_id IN (?)",
        "DELETE todoitem event_id IN (?)",
        "DELETE event id IN (?)",
        "UPDATE event",
        "COMMIT",
    ];
    assert_eq!(said, expected);
}

fn shortened(sql: &str) -> String {
    let bare = sql.replace('"', "");
    let words: Vec<_> = bare.split_whitespace().collect();
    let after = |word: &str| words.iter().position(|known| *known == word).and_then(|at| words.get(at + 1)).copied();
    match words[0] {
        "DELETE" => format!("DELETE {} {}", words[2], words[4..].join(" ")),
        "SELECT" => format!("SELECT {}", after("FROM").unwrap_or_default()),
        "INSERT" => format!("INSERT {}", words[2]),
        "UPDATE" => format!("UPDATE {}", words[1]),
        other => other.to_owned(),
    }
}

/// Claim: upstream's own strategy for merging events gives what its tests expect, in every release: fields from both sides,
/// addresses one behind the other, all tags, no tasks, A's to-dos.
#[test]
fn the_strategy_of_upstreams_tests() {
    let own = |of: &[(&str, &[&str])]| {
        of.iter().map(|(name, list)| ((*name).to_owned(), list.iter().map(ToString::to_string).collect())).collect()
    };
    let fixture = Fixture {
        events: own(&[("A", &["LC", "DC"]), ("B", &["SWC"])]),
        tasks: own(&[("A", &["ann/instructor"])]),
        todos: own(&[("A", &["Find instructors"]), ("B", &["Test merging"])]),
        ..Fixture::default()
    };
    let from_b = "completed start host url admin_fee attendance latitude learners_pre instructors_pre learners_longterm \
                  venue task_set id";
    let mut chosen: Vec<_> = from_b.split_whitespace().map(|field| (field, Choice::B)).collect();
    chosen.extend([("address", Choice::Combine), ("tags", Choice::Combine)]);
    for function in ALL {
        let (before, after, result) = merged(function, &fixture, &[], &chosen);
        assert_eq!(result, Ok(()), "{function}");
        assert_eq!(after.of(Table::Event).keys().copied().collect::<Vec<_>>(), [2], "{function}");
        let value = |field| after.value(Table::Event, 2, column_of(field)).cloned();
        for field in fields().filter(|field| *field != "id" && !RELATIONS.contains(field) && *field != "address") {
            let side = if from_b.split_whitespace().any(|other| other == field) { 2 } else { 1 };
            assert_eq!(value(field), before.value(Table::Event, side, column_of(field)).cloned(), "{function} {field}");
        }
        assert_eq!(value("address"), Some("address Aaddress B".into()), "{function}");
        assert_eq!(names(&after, after.tags_of(2)), ["SWC", "DC", "LC"], "{function}");
        assert_eq!(after.of(Table::Task).len(), 0, "{function}");
        let titles: Vec<_> = after.of(Table::TodoItem).values().filter_map(|row| row[2].text()).collect();
        assert_eq!(titles, ["Find instructors"], "{function}");
    }
}
