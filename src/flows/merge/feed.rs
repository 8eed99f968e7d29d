//! The published feed: the events that are complete, newest first, narrowed by tags. In its historical forms it fails open:
//! what it does not know does not narrow, and the answer is everything.

use serde::{Deserialize, Serialize};

use super::orm::{Orm, OrmError, OrmResult, Value};
use super::protocol::{Reply, Request};
use super::schema::Table;
use super::variants::Feed;

/// One event of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its slug.
    pub slug: String,
    /// The names of its tags.
    pub tags: Vec<String>,
}

/// Columns without which an event is not published.
pub const COMPLETE: [&str; 7] = ["start", "country", "venue", "address", "latitude", "longitude", "url"];

/// Reads the list of an answer.
#[must_use]
pub fn entries(body: &str) -> Option<Vec<Entry>> {
    serde_json::from_str(body).ok()
}

/// Answers a request for the feed.
///
/// # Errors
/// Those of the mapper.
pub async fn published(orm: &Orm, feed: Feed, request: &Request) -> OrmResult<Reply> {
    match feed {
        Feed::Lookup => {
            let names: Vec<_> = asked(request, "tag").collect();
            let found = if names.is_empty() { Vec::new() } else { look_up(orm, &names).await? };
            list(orm, &found).await
        }
        Feed::Filter => {
            let names: Vec<_> = asked(request, "tags").collect();
            let found = if names.is_empty() { Vec::new() } else { look_up(orm, &names).await? };
            match found.len() == names.len() {
                true => list(orm, &found).await,
                false => Ok(Reply::new(400, "select a valid choice")),
            }
        }
        Feed::Strict => {
            let is_known = |(name, _): &(String, String)| name == "tag" || name == "tags";
            if let Some((name, _)) = request.query.iter().find(|pair| !is_known(pair)) {
                return Ok(Reply::new(400, format!("unknown parameter {name}")));
            }
            let names: Vec<_> = asked(request, "tag").chain(asked(request, "tags")).collect();
            // One transaction: nobody's commit comes between the tags and the events.
            orm.atomic(async || {
                let found = if names.is_empty() { Vec::new() } else { look_up(orm, &names).await? };
                match found.len() == names.len() {
                    true => list_at_once(orm, &found).await,
                    false => Ok::<_, OrmError>(Reply::new(404, "unknown tag")),
                }
            })
            .await
        }
    }
}

/// Each name that a parameter is given, once.
fn asked<'r>(request: &'r Request, parameter: &'r str) -> impl Iterator<Item = &'r str> {
    let mut seen = Vec::new();
    let values = request.query.iter().filter(move |(name, _)| name == parameter).map(|(_, value)| value.as_str());
    values.filter(move |value| {
        let is_new = !seen.contains(value);
        seen.push(value);
        is_new
    })
}

/// The keys of those names that are tags.
async fn look_up(orm: &Orm, names: &[&str]) -> OrmResult<Vec<i64>> {
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!("SELECT id FROM tag WHERE name IN ({marks}) ORDER BY id");
    let parameters: Vec<_> = names.iter().map(|name| Value::from(*name)).collect();
    let rows = orm.query(&sql, &parameters).await?;
    Ok(rows.iter().filter_map(|row| row[0].integer()).collect())
}

/// What follows `FROM` for the published events that have as many tags, newest first; `more`: what else is joined.
fn published_events(tags: usize, more: &str) -> String {
    let table = Table::Event.name();
    let mut joins = String::new();
    for number in 0..tags {
        joins.push_str(&format!(
            " INNER JOIN event_tags AS j{number} ON {table}.id = j{number}.event_id AND \
             j{number}.tag_id = ?"
        ));
    }
    let complete = COMPLETE.map(|column| format!("{table}.{column} IS NOT NULL")).join(" AND ");
    format!("{table}{joins}{more} WHERE {complete} ORDER BY {table}.start DESC, {table}.id DESC")
}

/// The published events that have all these tags. The tags of each are looked up one event after the other.
async fn list(orm: &Orm, tags: &[i64]) -> OrmResult<Reply> {
    let sql = format!("SELECT event.id, event.slug FROM {}", published_events(tags.len(), ""));
    let parameters: Vec<_> = tags.iter().map(|tag| Value::from(*tag)).collect();
    let mut all = Vec::new();
    for event in orm.query(&sql, &parameters).await? {
        let sql = "SELECT tag.name FROM tag INNER JOIN event_tags ON tag.id = \
                   event_tags.tag_id WHERE event_tags.event_id = ? ORDER BY tag.id";
        let tags = orm.query(sql, &[event[0].clone()]).await?;
        let tags = tags.iter().filter_map(|row| row[0].text().map(str::to_owned)).collect();
        all.push(Entry { slug: event[1].text().unwrap_or_default().to_owned(), tags });
    }
    Ok(Reply::new(200, serde_json::to_string(&all).unwrap_or_default()))
}

/// The same list, read with its tags by one statement.
async fn list_at_once(orm: &Orm, tags: &[i64]) -> OrmResult<Reply> {
    let more = " LEFT JOIN event_tags ON event.id = event_tags.event_id LEFT JOIN tag ON \
                event_tags.tag_id = tag.id";
    let events = published_events(tags.len(), more);
    let sql = format!("SELECT event.id, event.slug, tag.name FROM {events}, tag.id");
    let parameters: Vec<_> = tags.iter().map(|tag| Value::from(*tag)).collect();
    let rows = orm.query(&sql, &parameters).await?;
    let of_one_event = rows.chunk_by(|row, next| row[0] == next[0]);
    let entries = of_one_event.map(|rows| Entry {
        slug: rows[0][1].text().unwrap_or_default().to_owned(),
        tags: rows.iter().filter_map(|row| row[2].text().map(str::to_owned)).collect(),
    });
    Ok(Reply::new(200, serde_json::to_string(&entries.collect::<Vec<_>>()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::merge::fixture::Fixture;
    use crate::flows::merge::orm::tests::{alone, now};
    use crate::flows::merge::protocol::FEED;
    use crate::flows::merge::schema::Era;

    fn answered(feed: Feed, query: &[(&str, &str)]) -> (u16, String) {
        let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
        let reply = now(published(&orm, feed, &Request::get("", FEED, query))).unwrap();
        let slugs: Vec<_> = entries(&reply.body).into_iter().flatten().map(|entry| entry.slug).collect();
        (reply.status, slugs.concat())
    }

    /// Claim: whatever the old lookup does not know, it answers as if nothing had been asked.
    #[test]
    fn the_lookup_fails_open() {
        let everything = (200, "FEDCBA".to_owned());
        for query in [&[][..], &[("tag", "NOPE")], &[("tag", "")], &[("tag", "dc")], &[("tga", "DC")]] {
            assert_eq!(answered(Feed::Lookup, query), everything, "{query:?}");
        }
        assert_eq!(answered(Feed::Lookup, &[("tag", "DC")]), (200, "DCA".to_owned()));
        assert_eq!(answered(Feed::Lookup, &[("tag", "DC"), ("tag", "SWC")]), (200, "D".to_owned()));
        assert_eq!(answered(Feed::Lookup, &[("tag", "DC"), ("tag", "NOPE")]), (200, "DCA".to_owned()));
    }

    /// Claim: the later filter refuses an unknown value, and fails open on the parameter's old name.
    #[test]
    fn the_filter_fails_open_on_names() {
        assert_eq!(answered(Feed::Filter, &[("tags", "NOPE")]).0, 400);
        assert_eq!(answered(Feed::Filter, &[("tags", "DC")]), (200, "DCA".to_owned()));
        assert_eq!(answered(Feed::Filter, &[("tag", "DC")]), (200, "FEDCBA".to_owned()));
    }

    /// Claim: one statement or one for each event: the list is the same, with and without tags.
    #[test]
    fn both_lists_agree() {
        let mut fixture = Fixture::default();
        fixture.events.insert("G".to_owned(), Vec::new());
        let (orm, _) = alone(Era::Django1, &fixture, &[]);
        for tags in [&[][..], &[1], &[2], &[1, 2], &[4], &[9]] {
            let (one, many) = (now(list_at_once(&orm, tags)).unwrap(), now(list(&orm, tags)).unwrap());
            assert_eq!(one, many, "{tags:?}");
        }
        assert_eq!(entries(&now(list(&orm, &[])).unwrap().body).map(|list| list.len()), Some(7));
    }

    /// Claim: the corrected feed never answers more than what was asked for.
    #[test]
    fn the_strict_one_refuses() {
        assert_eq!(answered(Feed::Strict, &[("tag", "NOPE")]).0, 404);
        assert_eq!(answered(Feed::Strict, &[("tag", "DC"), ("tag", "NOPE")]).0, 404);
        assert_eq!(answered(Feed::Strict, &[("tga", "DC")]).0, 400);
        assert_eq!(answered(Feed::Strict, &[("tag", "DC"), ("tag", "DC")]), (200, "DCA".to_owned()));
    }
}
