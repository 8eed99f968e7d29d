//! What requests do: the page with the form, the merge, the record of it; a small editor and a few things an administrator
//! does. Transactions begin and end where those of the releases did.

use super::exports::Export;
use super::form::Choices;
use super::functions::correct::Refused;
use super::functions::{self, Pair, correct};
#[cfg(test)]
use super::functions::{Mutant, mutants};
use super::orm::{Instance, Orm, OrmError, OrmResult, Query, RELATIONS, Related, TAGS, Value};
use super::protocol::{FEED, LOGIN, MERGE, Reply, Request};
use super::schema::Table;
use super::variants::{Feed, Function};
use super::{backup, feed};
use crate::choice::stable_hash;

/// Who may do everything.
pub const ADMIN: &str = "admin";
/// Who is logged in and may not merge.
pub const VISITOR: &str = "visitor";

/// What an application is made of.
#[derive(Clone, Copy, Debug)]
pub struct Application {
    /// Which function merges.
    pub function: Function,
    /// How the feed looks for tags.
    pub feed: Feed,
}

impl Application {
    /// Answers a request. What no view expects becomes a 500, a lock that is not given back a 500 or 503.
    pub async fn answer(&self, orm: &Orm, request: &Request) -> Reply {
        let is_correct = self.function == Function::Correct;
        match self.dispatch(orm, request).await {
            Ok(reply) => reply,
            Err(OrmError::Busy) if is_correct => Reply::new(503, "database is locked"),
            Err(error) => Reply::new(500, error.to_string()),
        }
    }

    async fn dispatch(&self, orm: &Orm, request: &Request) -> OrmResult<Reply> {
        if request.path == FEED {
            return feed::published(orm, self.feed, request).await;
        }
        if let Some(export) = Export::at(&request.path) {
            return export.answer(orm, self.feed).await;
        }
        if request.user.is_empty() {
            return Ok(Reply::redirect(LOGIN));
        }
        let slug = request.path.strip_prefix("/workshops/event/");
        match (request.path.as_str(), request.is_post, slug) {
            (MERGE, ..) if request.user != ADMIN => Ok(Reply::new(403, "forbidden")),
            (MERGE, false, _) => self.show_form(orm, request).await,
            (MERGE, true, _) => match self.function {
                Function::Correct => merge_correctly(orm, request).await,
                #[cfg(test)]
                Function::Mutant(Mutant::RefusalCommits) => {
                    let choices = Choices::validate(&request.body).unwrap_or_default();
                    orm.exclusive(async || answer_of(merge_inside(orm, request, &choices).await)).await
                }
                #[cfg(test)]
                Function::Mutant(Mutant::RecordsFirst) => {
                    let base = request.key("event_a").unwrap_or_default();
                    orm.audit(async || record(orm, &request.user, base, &[], &[]).await).await?;
                    self.merge(orm, request).await
                }
                #[cfg(test)]
                Function::Mutant(Mutant::LoadsInside) => orm.exclusive(async || self.merge(orm, request).await).await,
                _ => self.merge(orm, request).await,
            },
            ("/workshops/admin", true, _) if request.body.contains_key("restore") => {
                let tag = request.body.get("restore").map_or("", String::as_str);
                match request.key("from").and_then(|number| u64::try_from(number).ok()) {
                    Some(number) => backup::restore(orm, tag, number).await,
                    None => Ok(Reply::new(404, "no such backup")),
                }
            }
            ("/workshops/admin", true, _) => administer(orm, request).await,
            (_, false, Some(slug)) => show_event(orm, slug).await,
            (_, true, Some(slug)) => edit(orm, slug, request).await,
            _ => Ok(Reply::new(404, "no such page")),
        }
    }

    /// The page with the choices: the keys of both events, and what it was made from.
    async fn show_form(&self, orm: &Orm, request: &Request) -> OrmResult<Reply> {
        if ["event_a_0", "event_b_0"].iter().all(|name| request.asked(name).is_none()) {
            return Ok(Reply::new(200, "select two events"));
        }
        let Some((a, b)) = by_slugs(orm, request).await? else {
            return Ok(Reply::new(404, "no such event"));
        };
        let seen = if self.function.compares() { seen(orm, &a, &b).await? } else { String::new() };
        let (a, b) = (a.id().unwrap_or_default(), b.id().unwrap_or_default());
        Ok(Reply::new(200, format!("event_a={a}&event_b={b}&seen={seen}")))
    }

    /// The view of the releases. Slugs are looked up and forgotten; the events of the form are what is merged, as they were
    /// before the transaction began.
    async fn merge(&self, orm: &Orm, request: &Request) -> OrmResult<Reply> {
        if by_slugs(orm, request).await?.is_none() {
            return Ok(Reply::new(404, "no such event"));
        }
        let (Some(a), Some(b)) = (by_key(orm, request, "event_a").await?, by_key(orm, request, "event_b").await?)
        else {
            return Ok(Reply::new(200, "form: no such event"));
        };
        let choices = match Choices::validate(&request.body) {
            Ok(choices) => choices,
            Err(wrong) => return Ok(Reply::new(200, format!("form: choose {}", wrong.join(", ")))),
        };
        let mut pair = Pair { a, b, base: choices.base() };
        let pair = &mut pair;
        let merged = match self.function {
            Function::V1_5_1 => functions::v1_5_1(orm, pair, &choices).await,
            Function::V1_5_2 => functions::v1_5_2(orm, pair, &choices).await,
            Function::V1_6_0 => functions::v1_6_0(orm, pair, &choices).await,
            Function::V1_11_3 => functions::v1_11_3(orm, pair, &choices).await,
            Function::V1_11_4 | Function::Correct => functions::v1_11_4(orm, pair, &choices).await,
            #[cfg(test)]
            Function::Mutant(mutant) => mutants::merge(mutant, orm, pair, &choices).await,
        };
        if let Err(OrmError::Protected(table)) = merged {
            return Ok(Reply::new(200, format!("cannot delete: protected by {}", table.name())));
        }
        merged?;
        let base = pair.survivor();
        // The record is a second transaction; what it says is read between the two.
        let tags = base.related(orm, &TAGS).all().ids(orm).await?;
        let (id, values) = (base.id().unwrap_or_default(), base.values());
        orm.audit(async || record(orm, &request.user, id, values, &tags).await).await?;
        Ok(Reply::redirect(place_of(base)))
    }
}

/// The corrected view: everything is looked up inside of one transaction that nobody writes beside, and compared with what
/// the person who chose has seen; the record is in it.
async fn merge_correctly(orm: &Orm, request: &Request) -> OrmResult<Reply> {
    let choices = match Choices::validate(&request.body) {
        Ok(choices) => choices,
        Err(wrong) => return Ok(Reply::new(400, format!("choose {}", wrong.join(", ")))),
    };
    match orm.exclusive(async || merge_inside(orm, request, &choices).await).await {
        Err(Undone::Failed(OrmError::Constraint(text))) => Ok(Reply::new(409, text)),
        other => answer_of(other),
    }
}

/// What the corrected view does inside of its transaction.
async fn merge_inside(orm: &Orm, request: &Request, choices: &Choices) -> Result<Reply, Undone> {
    let refuse = |status, text: &str| Err(Undone::Refused(Reply::new(status, text)));
    let Some((asked_a, asked_b)) = by_slugs(orm, request).await? else {
        return refuse(404, "no such event");
    };
    let (Some(a), Some(b)) = (by_key(orm, request, "event_a").await?, by_key(orm, request, "event_b").await?) else {
        return refuse(404, "no such event");
    };
    if (asked_a.id(), asked_b.id()) != (a.id(), b.id()) {
        return refuse(400, "the form is about other events than the page");
    }
    if a.id() == b.id() {
        return refuse(400, "an event cannot be merged with itself");
    }
    if request.body.get("seen").is_none_or(|token| token.is_empty()) {
        return refuse(400, "the form does not say what was seen");
    }
    if request.body.get("seen") != Some(&seen(orm, &a, &b).await?) {
        return refuse(409, "somebody has changed the events meanwhile");
    }
    let pair = Pair { a, b, base: choices.base() };
    match correct::merge(orm, &pair, choices).await {
        Ok(()) => {}
        Err(Refused::Orm(error @ (OrmError::Constraint(_) | OrmError::Protected(_) | OrmError::Recursion))) => {
            return refuse(409, &error.to_string());
        }
        Err(Refused::Orm(error)) => return Err(error.into()),
        Err(refused @ Refused::Referred(_)) => return refuse(409, &refused.to_string()),
    }
    let id = pair.survivor().id().unwrap_or_default();
    let Some(base) = Instance::load(orm, Table::Event, "id", id.into()).await? else {
        return refuse(409, "the event is gone");
    };
    let tags = Related::new(orm, &TAGS, id).all().ids(orm).await?;
    record(orm, &request.user, id, base.values(), &tags).await?;
    Ok(Reply::redirect(place_of(&base)))
}

/// Why a transaction is undone.
enum Undone {
    /// With this answer.
    Refused(Reply),
    /// The mapper failed.
    Failed(OrmError),
}

impl From<OrmError> for Undone {
    fn from(error: OrmError) -> Undone {
        Undone::Failed(error)
    }
}

fn answer_of(done: Result<Reply, Undone>) -> OrmResult<Reply> {
    match done {
        Ok(reply) | Err(Undone::Refused(reply)) => Ok(reply),
        Err(Undone::Failed(error)) => Err(error),
    }
}

/// The events of the query; none if one is not there.
async fn by_slugs(orm: &Orm, request: &Request) -> OrmResult<Option<(Instance, Instance)>> {
    let mut found = Vec::new();
    for name in ["event_a_0", "event_b_0"] {
        let slug = request.asked(name).unwrap_or_default();
        let Some(event) = Instance::load(orm, Table::Event, "slug", slug.into()).await? else {
            return Ok(None);
        };
        found.push(event);
    }
    let b = found.pop();
    Ok(found.pop().zip(b))
}

async fn by_key(orm: &Orm, request: &Request, field: &str) -> OrmResult<Option<Instance>> {
    match request.key(field) {
        Some(key) => Instance::load(orm, Table::Event, "id", key.into()).await,
        None => Ok(None),
    }
}

/// A token for everything a merge of two events is about.
async fn seen(orm: &Orm, a: &Instance, b: &Instance) -> OrmResult<String> {
    let mut text = String::new();
    for event in [a, b] {
        text.push_str(&format!("{:?}", event.values()));
        for relation in RELATIONS {
            let rows = event.related(orm, relation).all().fetch(orm).await?;
            text.push_str(&format!("{rows:?}"));
        }
    }
    Ok(format!("{:016x}", stable_hash(&[&text])))
}

fn place_of(event: &Instance) -> String {
    format!("/workshops/event/{}/", event.get("slug").text().unwrap_or_default())
}

/// Writes what was done: the row as it is now, with its tags.
async fn record(orm: &Orm, user: &str, id: i64, values: &[Value], tags: &[i64]) -> OrmResult<()> {
    orm.execute("INSERT INTO revision (username) VALUES (?)", &[user.into()]).await?;
    let revision = orm.last_id();
    let serialized = serde_json::json!({ "fields": values, "tags": tags }).to_string();
    let sql = "INSERT INTO version (revision_id, object_id, serialized) VALUES (?, ?, ?)";
    orm.execute(sql, &[revision.into(), id.into(), Value::Text(serialized)]).await.map(|_| ())
}

/// The page of an event, with the tags one can choose from.
async fn show_event(orm: &Orm, slug: &str) -> OrmResult<Reply> {
    let Some(event) = Instance::load(orm, Table::Event, "slug", slug.trim_end_matches('/').into()).await? else {
        return Ok(Reply::new(404, "no such event"));
    };
    let has = event.related(orm, &TAGS).all().ids(orm).await?;
    let offered = orm.query("SELECT name FROM tag ORDER BY id", &[]).await?;
    let offered: Vec<_> = offered.iter().filter_map(|row| row[0].text()).collect();
    Ok(Reply::new(200, format!("has={}&tags={}", has.len(), offered.join(","))))
}

/// Another editor: changes the notes, adds or removes a tag.
async fn edit(orm: &Orm, slug: &str, request: &Request) -> OrmResult<Reply> {
    let done = orm.exclusive(async || {
        let Some(event) = Instance::load(orm, Table::Event, "slug", slug.trim_end_matches('/').into()).await? else {
            return Err(Undone::Refused(Reply::new(404, "no such event")));
        };
        let id = event.id().unwrap_or_default();
        if let Some(notes) = request.body.get("notes") {
            let sql = "UPDATE event SET notes = ? WHERE id = ?";
            orm.execute(sql, &[notes.as_str().into(), id.into()]).await?;
        }
        let tags = event.related(orm, &TAGS);
        for (field, adds) in [("add", true), ("remove", false)] {
            let Some(name) = request.body.get(field) else {
                continue;
            };
            let Some(tag) = Instance::load(orm, Table::Tag, "name", name.as_str().into()).await? else {
                return Err(Undone::Refused(Reply::new(400, "no such tag")));
            };
            let tag = [tag.id().unwrap_or_default()];
            match tags.clearing() {
                Some(clearing) if !adds => clearing.remove(&tag).await?,
                _ => tags.add(&tag).await?,
            }
        }
        Ok(Reply::redirect(place_of(&event)))
    });
    answer_of(done.await)
}

/// What only an administrator does.
async fn administer(orm: &Orm, request: &Request) -> OrmResult<Reply> {
    let value = |name: &str| request.body.get(name).map(String::as_str);
    let done = orm.exclusive(async || {
        if let Some(name) = value("create-tag") {
            let sql = "INSERT INTO tag (name, details) VALUES (?, '')";
            orm.execute(sql, &[name.into()]).await?;
        }
        if let Some(name) = value("delete-tag") {
            let Some(tag) = Instance::load(orm, Table::Tag, "name", name.into()).await? else {
                return Err(Undone::Refused(Reply::new(404, "no such tag")));
            };
            Query::of(Table::Tag, "id", tag.id().into_iter().collect()).delete(orm).await?;
        }
        for (field, sql) in [
            ("award", "INSERT INTO award (person_id, badge_id, event_id) VALUES (4, 1, ?)"),
            ("invoice", "INSERT INTO invoicerequest (organization_id, event_id) VALUES (1, ?)"),
            ("task", "INSERT INTO task (event_id, person_id, role_id) VALUES (?, 3, 1)"),
            ("delete-event", ""),
        ] {
            let Some(slug) = value(field) else {
                continue;
            };
            let Some(mut event) = Instance::load(orm, Table::Event, "slug", slug.into()).await? else {
                return Err(Undone::Refused(Reply::new(404, "no such event")));
            };
            if sql.is_empty() {
                event.delete(orm).await?;
            } else {
                orm.execute(sql, &[event.id().into()]).await?;
            }
        }
        Ok(Reply::redirect("/workshops/admin"))
    });
    answer_of(done.await)
}
