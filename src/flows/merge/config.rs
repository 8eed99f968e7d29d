//! `[flow-config]`: what a scenario pins.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::backup::Copying;
use super::fixture::Fixture;
use super::form::{Choice, Side, fields, may_combine};
use super::orm::RECEIVERS;
use super::records::{Picking, Zones};
use super::schema::Era;
use super::variants::{Feed, Journal, Writing};
use crate::flow::ConfigComplaint;

/// The configuration of the flow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// The framework's rules (default: those of the variant).
    pub era: Option<Era>,
    /// The database's journal (default: that of the variant).
    pub journal: Option<Journal>,
    /// How the feed looks for tags (default: that of the variant).
    pub feed: Option<Feed>,
    /// How the website writes its file (default: that of the variant).
    pub website: Option<Writing>,
    /// The parameter by which the website asks for a tag.
    pub asks: String,
    /// How many requests the server works on at a time, each on a connection of its own.
    pub workers: u8,
    /// The tags of each event; without this and what follows, a run draws what A and B have.
    pub events: Option<BTreeMap<String, Vec<String>>>,
    /// Tasks of each event, as `person/role`.
    pub tasks: Option<BTreeMap<String, Vec<String>>>,
    /// What is left to do for each event.
    pub todos: Option<BTreeMap<String, Vec<String>>>,
    /// Events that somebody has asked for.
    pub requests: Option<BTreeSet<String>>,
    /// Events at which somebody has earned a badge.
    pub awards: Option<BTreeSet<String>>,
    /// Events because of which somebody wants an invoice.
    pub invoices: Option<BTreeSet<String>>,
    /// Which event survives generated merges (default: drawn).
    pub base: Option<Side>,
    /// What is chosen for these fields in generated merges (default: drawn).
    pub choices: BTreeMap<String, Choice>,
    /// Receivers that may be connected; each run draws which of them are.
    pub receivers: Vec<String>,
    /// Seconds between two backups of the database (default: there are none).
    pub backup_every: Option<u32>,
    /// How a backup is made (default: by a statement).
    pub backup: Copying,
    /// How somebody finds the backup from which a tag is brought back (default: looks into each).
    pub picking: Picking,
    /// How many hours the clocks are ahead of Greenwich by which backups and the server's log are stamped (default: none).
    pub zones: Zones,
    /// Who does generated operations (default: everybody).
    pub people: Vec<Kind>,
    /// How many operations begin at the same moment, at least (default 1): nobody waits for anybody of theirs.
    pub together: u8,
    /// Whether the sites that kill server and website, pause them or cut their power may strike (default yes).
    pub may_crash: bool,
}

/// A kind of person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Merge A and B by the form.
    Merger,
    /// Merge other pairs too, the same event with itself, and send forms of other pages.
    Careless,
    /// Change notes and tags.
    Editor,
    /// Makes and deletes tags and events, hands out badges and invoices.
    Administrator,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            era: None,
            journal: None,
            feed: None,
            website: None,
            asks: "tag".to_owned(),
            workers: 2,
            events: None,
            tasks: None,
            todos: None,
            requests: None,
            awards: None,
            invoices: None,
            base: None,
            choices: BTreeMap::new(),
            receivers: Vec::new(),
            backup_every: None,
            backup: Copying::Statement,
            picking: Picking::LooksInside,
            zones: Zones::default(),
            people: vec![Kind::Merger, Kind::Careless, Kind::Editor, Kind::Administrator],
            together: 1,
            may_crash: true,
        }
    }
}

impl Config {
    /// What is pinned to be in the database; none if a run is to draw it.
    #[must_use]
    pub fn fixture(&self) -> Option<Fixture> {
        let pins = self.events.is_some()
            || [&self.tasks, &self.todos].iter().any(|pinned| pinned.is_some())
            || [&self.requests, &self.awards, &self.invoices].iter().any(|pinned| pinned.is_some());
        if !pins {
            return None;
        }
        let mut fixture = Fixture::default();
        if let Some(events) = &self.events {
            fixture.events.clone_from(events);
            fixture.tasks.retain(|name, _| events.contains_key(name));
            fixture.todos.retain(|name, _| events.contains_key(name));
        }
        let lists = [(&self.tasks, &mut fixture.tasks), (&self.todos, &mut fixture.todos)];
        for (pinned, part) in lists {
            part.extend(pinned.iter().flatten().map(|(name, list)| (name.clone(), list.clone())));
        }
        let sets = [
            (&self.requests, &mut fixture.requests),
            (&self.awards, &mut fixture.awards),
            (&self.invoices, &mut fixture.invoices),
        ];
        for (pinned, part) in sets {
            part.extend(pinned.iter().flatten().cloned());
        }
        Some(fixture)
    }

    /// What makes no sense.
    #[must_use]
    pub fn complaints(&self) -> Vec<ConfigComplaint> {
        let complain = |key: &str, message: String| ConfigComplaint { key: key.to_owned(), message };
        let mut wrong: Vec<_> = self.fixture().iter().flat_map(Fixture::complaints).collect();
        wrong.sort();
        wrong.dedup();
        let mut wrong: Vec<_> = wrong.into_iter().map(|(key, message)| complain(key, message)).collect();
        if !(1..=8).contains(&self.workers) {
            wrong.push(complain("workers", format!("{} workers: expected 1 to 8", self.workers)));
        }
        for (key, hours) in [("zones.backups", self.zones.backups), ("zones.log", self.zones.log)] {
            if !(-12..=14).contains(&hours) {
                wrong.push(complain(key, format!("{hours} hours: expected -12 to 14")));
            }
        }
        for name in self.receivers.iter().filter(|name| !RECEIVERS.iter().any(|known| known.name == name.as_str())) {
            let known: Vec<_> = RECEIVERS.iter().map(|receiver| receiver.name).collect();
            wrong.push(complain("receivers", format!("there is no receiver `{name}`: expected one of {known:?}")));
        }
        for (field, choice) in &self.choices {
            let key = format!("choices.{field}");
            if field == "id" {
                wrong.push(complain(&key, "`id` is pinned with `base`".to_owned()));
            } else if !fields().any(|known| known == field) {
                wrong.push(complain(&key, format!("the form has no field `{field}`")));
            } else if *choice == Choice::Combine && !may_combine(field) {
                wrong.push(complain(&key, format!("the form does not let `{field}` be combined")));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: events can be pinned as in the documentation, and what is not pinned is as usual, for the events there are.
    #[test]
    fn events_are_pinned() {
        let config: Config = toml::from_str(r#"events = { A = ["DC", "LC"], B = ["SWC"], C = ["DC"] }"#).unwrap();
        let fixture = config.fixture().unwrap();
        assert_eq!(fixture.events.len(), 3);
        assert_eq!(fixture.tasks.len(), 3);
        assert!(config.complaints().is_empty());
        assert_eq!(Config::default().fixture(), None);
    }

    /// Claim: what does not exist is complained about under its key.
    #[test]
    fn nonsense_is_found() {
        let text = r#"
            workers = 0
            receivers = ["nobody"]
            events = { A = ["NOPE"] }
            zones = { log = 15 }
            choices = { host = "combine", nope = "a", tags = "combine" }
        "#;
        let config: Config = toml::from_str(text).unwrap();
        let keys: Vec<_> = config.complaints().into_iter().map(|complaint| complaint.key).collect();
        assert_eq!(keys, ["events", "events", "workers", "zones.log", "receivers", "choices.host", "choices.nope"]);
    }
}
