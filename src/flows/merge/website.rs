//! The website that lives on the feed: every half hour it asks for the badges, the instructors, and each tag it knows, puts
//! the answers together, and writes one file. An answer that is too long makes the file too long; nobody gets an error.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bell::Bell;
use super::exports::{Export, Listed, listed};
use super::feed::entries;
use super::protocol::{FEED, PORT, Reply, Request};
use super::trace;
use super::variants::Writing;
use super::watch::Watch;
use crate::disk::{DiskError, File, OpenMode};
use crate::net::{Messages, NetError};
use crate::world::Node;

/// The tags the website has pages for.
pub const TAGS: [&str; 3] = ["SWC", "DC", "TTT"];
/// The file.
pub const FILE: &str = "workshops.json";
/// The file that is about to take its place.
const NEXT_FILE: &str = "workshops.json.new";
/// How often it asks.
pub const PERIOD: Duration = Duration::from_secs(1_800);
/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The round of polls it is from.
    pub round: u64,
    /// Who has which badge.
    pub badges: Listed,
    /// Who instructs where.
    pub instructors: Listed,
    /// Slugs.
    pub events: BTreeSet<String>,
}

/// The website, beyond one life of its node.
pub struct Website {
    server: String,
    writing: Writing,
    parameter: String,
    watch: Rc<Watch>,
    rounds: Cell<u64>,
    bell: Bell,
}

impl Website {
    /// A website that asks a server.
    #[must_use]
    pub fn new(server: &str, writing: Writing, parameter: &str, watch: &Rc<Watch>) -> Rc<Website> {
        Rc::new(Website {
            server: server.to_owned(),
            writing,
            parameter: parameter.to_owned(),
            watch: Rc::clone(watch),
            rounds: Cell::new(0),
            bell: Bell::default(),
        })
    }

    /// Somebody does not want to wait for the half hour to pass.
    pub fn poll_now(&self) {
        self.bell.ring();
    }

    /// Polls for ever.
    pub async fn run(self: Rc<Self>, node: Node) {
        loop {
            // Woken or not: it polls.
            let _ = node.timeout(PERIOD, self.bell.rung()).await;
            let Some(published) = self.round(&node).await else {
                // The old file stays.
                continue;
            };
            let round = published.round;
            self.rounds.set(round);
            node.event(&trace::ROUND, FILE, [round, published.events.len() as u64, 0]);
            self.watch.round_is_complete(&published);
            let text = serde_json::to_vec(&published).unwrap_or_default();
            match self.write(&node, &text).await {
                Ok(()) => self.watch.round_is_written(round),
                Err(error) => {
                    node.note(&trace::ROUND, "error", format_args!("{error}"));
                }
            }
        }
    }

    /// Asks for one list after the other; none if one answer does not come, or is no list.
    async fn round(&self, node: &Node) -> Option<Published> {
        let badges = listed(&self.answer(node, &Request::get("", Export::Badges.path(), &[])).await?)?;
        let instructors = listed(&self.answer(node, &Request::get("", Export::Instructors.path(), &[])).await?)?;
        let mut events = BTreeSet::new();
        for tag in TAGS {
            let reply = self.answer(node, &Request::get("", FEED, &[(&self.parameter, tag)])).await?;
            let list = entries(&reply.body).filter(|_| reply.status == 200)?;
            events.extend(list.into_iter().map(|entry| entry.slug));
        }
        Some(Published { round: self.rounds.get() + 1, badges, instructors, events })
    }

    async fn answer(&self, node: &Node, request: &Request) -> Option<Reply> {
        node.timeout(PATIENCE, ask(node, &self.server, request)).await.ok()?.ok()
    }

    async fn write(&self, node: &Node, text: &[u8]) -> Result<(), DiskError> {
        let disk = node.disk();
        let path = match self.writing {
            Writing::InPlace => FILE,
            Writing::Rename | Writing::Replace => NEXT_FILE,
        };
        let file = disk.open(path, OpenMode::Create).await?;
        retried(|| file.set_len(0)).await?;
        write_all(&file, 0, text).await?;
        match self.writing {
            Writing::InPlace => Ok(()),
            Writing::Rename => disk.rename(NEXT_FILE, FILE).await,
            Writing::Replace => {
                retried(|| file.sync_all()).await?;
                disk.rename(NEXT_FILE, FILE).await?;
                disk.sync_dir("/").await
            }
        }
    }
}

/// Repeats what was interrupted before it had any effect.
pub(super) async fn retried<T, F: Future<Output = Result<T, DiskError>>>(
    again: impl Fn() -> F,
) -> Result<T, DiskError> {
    loop {
        match again().await {
            Err(DiskError::Interrupted) => {}
            other => return other,
        }
    }
}

/// Writes everything, however little is accepted at a time.
pub(super) async fn write_all(file: &File, from: u64, bytes: &[u8]) -> Result<(), DiskError> {
    let mut done = 0;
    while done < bytes.len() {
        done += retried(|| file.write_at(from + done as u64, &bytes[done..])).await?;
    }
    Ok(())
}

/// Sends a request on a connection of its own and waits for the answer.
///
/// # Errors
/// The connection broke, before or after the server did what was asked.
pub async fn ask(node: &Node, server: &str, request: &Request) -> Result<Reply, NetError> {
    let messages = Messages::in_order(node.net().connect(server, PORT).await?);
    messages.send_labelled("request", &request.encode())?;
    let bytes = messages.recv().await?;
    messages.close();
    Reply::decode(&bytes).ok_or(NetError::Reset)
}
