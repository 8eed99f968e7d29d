//! The two lists that the website asks for before the feed: who has which badge, and who instructs at which events. The
//! releases read each with two statements, the second about what the first has found, and nothing around them: a merge may
//! commit in between.

use std::collections::{BTreeMap, BTreeSet};

use super::orm::{Orm, OrmResult, Value};
use super::protocol::Reply;
use super::variants::Feed;

/// Badges with the people who have them, or people with the slugs of their events.
pub type Listed = BTreeMap<String, BTreeSet<String>>;

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// Every badge, and who has it.
    Badges,
    /// Everybody who instructs, and where.
    Instructors,
}

/// The statements of a list.
struct Statements {
    /// Keys and names of what is listed.
    first: &'static str,
    /// What belongs to these keys, which follow.
    second: &'static str,
    /// Names, each with one thing that belongs to it or nothing.
    whole: &'static str,
}

const BADGES: Statements = Statements {
    first: "SELECT id, name FROM badge ORDER BY id",
    second: "SELECT award.badge_id, person.username FROM person INNER JOIN award ON \
             person.id = award.person_id WHERE award.badge_id IN ",
    whole: "SELECT badge.name, person.username FROM badge LEFT JOIN award ON badge.id = \
            award.badge_id LEFT JOIN person ON award.person_id = person.id",
};

const INSTRUCTORS: Statements = Statements {
    first: "SELECT DISTINCT person.id, person.username FROM person INNER JOIN task ON \
            person.id = task.person_id INNER JOIN role ON task.role_id = role.id WHERE \
            role.name = 'instructor' ORDER BY person.id",
    second: "SELECT task.person_id, event.slug FROM event INNER JOIN task ON event.id = \
             task.event_id INNER JOIN role ON task.role_id = role.id WHERE role.name = \
             'instructor' AND task.person_id IN ",
    whole: "SELECT person.username, event.slug FROM person INNER JOIN task ON person.id = \
            task.person_id INNER JOIN role ON task.role_id = role.id LEFT JOIN event ON \
            task.event_id = event.id WHERE role.name = 'instructor'",
};

impl Export {
    /// Where it is.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Export::Badges => "/api/v1/export/badges",
            Export::Instructors => "/api/v1/export/instructors",
        }
    }

    /// What is there.
    #[must_use]
    pub fn at(path: &str) -> Option<Export> {
        [Export::Badges, Export::Instructors].into_iter().find(|export| export.path() == path)
    }

    fn statements(self) -> &'static Statements {
        match self {
            Export::Badges => &BADGES,
            Export::Instructors => &INSTRUCTORS,
        }
    }

    /// Answers a request for the list; in its corrected form with one statement, which sees one state.
    ///
    /// # Errors
    /// Those of the mapper.
    pub async fn answer(self, orm: &Orm, feed: Feed) -> OrmResult<Reply> {
        let statements = self.statements();
        let listed = match feed {
            Feed::Strict => in_one_statement(orm, statements).await?,
            Feed::Lookup | Feed::Filter => in_two_statements(orm, statements).await?,
        };
        Ok(Reply::new(200, serde_json::to_string(&listed).unwrap_or_default()))
    }
}

/// Reads the list of an answer.
#[must_use]
pub fn listed(reply: &Reply) -> Option<Listed> {
    serde_json::from_str(&reply.body).ok().filter(|_| reply.status == 200)
}

async fn in_one_statement(orm: &Orm, statements: &Statements) -> OrmResult<Listed> {
    let mut all = Listed::new();
    for row in orm.query(statements.whole, &[]).await? {
        let of_it = all.entry(text(&row[0])).or_default();
        of_it.extend(row[1].text().map(str::to_owned));
    }
    Ok(all)
}

async fn in_two_statements(orm: &Orm, statements: &Statements) -> OrmResult<Listed> {
    let found = orm.query(statements.first, &[]).await?;
    if found.is_empty() {
        return Ok(Listed::new());
    }
    let sql = format!("{}({})", statements.second, vec!["?"; found.len()].join(", "));
    let keys: Vec<_> = found.iter().map(|row| row[0].clone()).collect();
    let belonging = orm.query(&sql, &keys).await?;
    let of = |key: &Value| -> BTreeSet<String> {
        belonging.iter().filter(|row| row[0] == *key).filter_map(|row| row[1].text().map(str::to_owned)).collect()
    };
    Ok(found.iter().map(|row| (text(&row[1]), of(&row[0]))).collect())
}

fn text(value: &Value) -> String {
    value.text().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::merge::fixture::Fixture;
    use crate::flows::merge::orm::tests::{alone, now};
    use crate::flows::merge::schema::Era;

    fn body(export: Export, feed: Feed, change: &str) -> String {
        let awards = ["A", "B"].map(str::to_owned).into();
        let (orm, _) = alone(Era::Django1, &Fixture { awards, ..Fixture::default() }, &[]);
        orm.connection().execute_batch(change).unwrap();
        now(export.answer(&orm, feed)).unwrap().body
    }

    /// Claim: read with two statements or with one, the lists are the same while nobody writes: who has a badge, who
    /// instructs where, a badge that nobody has, and somebody whose event is gone.
    #[test]
    fn both_ways_of_reading_agree() {
        let gone = "UPDATE task SET event_id = 99 WHERE event_id = 1";
        for (export, change, expected) in [
            (Export::Badges, "", r#"{"instructor":["ann","bob"]}"#),
            (Export::Badges, "DELETE FROM award", r#"{"instructor":[]}"#),
            (Export::Instructors, "", r#"{"ann":["A"]}"#),
            (Export::Instructors, "UPDATE task SET role_id = 1", r#"{"ann":["A","C"],"bob":["A"],"cat":["B"]}"#),
            (Export::Instructors, gone, r#"{"ann":[]}"#),
            (Export::Instructors, "DELETE FROM task", "{}"),
        ] {
            for feed in [Feed::Lookup, Feed::Filter, Feed::Strict] {
                assert_eq!(body(export, feed, change), expected, "{export:?}, {feed:?}, {change}");
            }
        }
    }

    /// Claim: each list is found at its path, and nothing elsewhere.
    #[test]
    fn paths_find_their_lists() {
        assert_eq!(Export::at("/api/v1/export/badges"), Some(Export::Badges));
        assert_eq!(Export::at(Export::Instructors.path()), Some(Export::Instructors));
        assert_eq!(Export::at("/api/v1/events/published"), None);
    }
}
