//! The sync client: takes the log over and brings the replica to where the master is.

mod repair;
mod v23;
mod v24;

use std::collections::BTreeSet;

use super::format::Guid;
use super::protocol::{Line, PORT, Token, Wire, WireError};
use super::store::log::{self, Event, user_of};
use super::store::{Fail, Store};
use super::variants::{Handover, Layout};

/// Times a whole user is tried before the client gives up.
const USER_TRIES: u64 = 3;
/// Pauses between these grow by so much.
const USER_PAUSE_S: u64 = 2;
/// How long an answer may take.
const PATIENCE_S: u64 = 60;

/// Why the client could not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The connection is over: the process ends.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The replica said no.
    #[error("the replica answers: {0}")]
    Refused(String),
    /// The replica cannot be brought to this state from where it is.
    #[error("CRC failure")]
    Crc,
    /// Something is wrong here.
    #[error("{0}")]
    Local(#[from] Fail),
}

/// How a client is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The other server.
    pub replica: String,
    /// Messages in one upload on the MAILBOX path; 0: all.
    pub batch: usize,
    /// All mailboxes there are.
    pub mailboxes: Vec<String>,
}

/// One process of the client.
pub struct Client {
    store: Store,
    settings: Settings,
    wire: Wire,
    /// Ids the server's process holds, as far as this side knows.
    held: BTreeSet<Guid>,
    /// Commands that changed something on the replica.
    changes: u32,
    /// How often the servers had swapped their roles when it began.
    swaps: u32,
}

/// Takes over what is in the log and processes it; whether there was anything.
///
/// # Errors
/// The work file is left where it is.
pub async fn run_log(store: &Store, settings: &Settings) -> Result<bool, SyncError> {
    let Some(work) = log::take(store, store.host.next_pid())? else {
        return Ok(false);
    };
    store.watch.work_taken(&store.host);
    let mut client = Client::connect(store, settings).await?;
    client.begin().await?;
    client.process(&work.events).await?;
    client.end().await?;
    store.watch.work_done(&store.host);
    log::done(store, &work)?;
    Ok(true)
}

/// Brings whole users over; answers how many commands changed something on the replica.
///
/// # Errors
/// As [`run_log`].
pub async fn run_users(store: &Store, settings: &Settings) -> Result<u32, SyncError> {
    let mut client = Client::connect(store, settings).await?;
    client.begin().await?;
    let users: BTreeSet<&str> = settings.mailboxes.iter().map(|name| user_of(name)).collect();
    for user in users {
        client.user(user).await?;
    }
    client.end().await?;
    Ok(client.changes)
}

impl Client {
    async fn connect(store: &Store, settings: &Settings) -> Result<Client, SyncError> {
        store.watch.client_begins(&store.host);
        let swaps = store.host.swaps();
        let wire = Client::dial(store, settings).await?;
        let (store, settings) = (store.clone(), settings.clone());
        Ok(Client { store, settings, wire, held: BTreeSet::new(), changes: 0, swaps })
    }

    async fn dial(store: &Store, settings: &Settings) -> Result<Wire, SyncError> {
        let stream = store.node.net().connect(&settings.replica, PORT).await.map_err(|_| WireError::Lost)?;
        Ok(Wire::new(stream))
    }

    /// Sends a command; answers the untagged lines and the last one.
    async fn ask(&mut self, line: Line) -> Result<(Vec<Vec<Token>>, Vec<Token>), SyncError> {
        self.is_entitled()?;
        self.wire.send(&[line]).await?;
        let mut untagged = Vec::new();
        loop {
            let limit = std::time::Duration::from_secs(PATIENCE_S);
            let received = self.store.node.timeout(limit, self.wire.receive()).await;
            let tokens = received.map_err(|_| WireError::Lost)??.ok_or(WireError::Lost)?;
            self.is_entitled()?;
            match tokens.first().and_then(Token::atom) {
                Some("OK") => return Ok((untagged, tokens)),
                Some("NO" | "BAD") => {
                    let words: Vec<&str> = tokens.iter().filter_map(Token::atom).collect();
                    let words = words.join(" ");
                    return Err(if words == "NO CRC" { SyncError::Crc } else { SyncError::Refused(words) });
                }
                Some(_) => untagged.push(tokens),
                None => return Err(WireError::Malformed.into()),
            }
        }
    }

    /// What is about to be changed here or there was compared under roles that still hold.
    fn is_entitled(&self) -> Result<(), WireError> {
        let holds = self.swaps == self.store.host.swaps() || self.store.rules().handover == Handover::RunsOn;
        if holds { Ok(()) } else { Err(WireError::Lost) }
    }

    /// A command that changes something on the replica.
    async fn change(&mut self, line: Line) -> Result<Vec<Token>, SyncError> {
        self.changes += 1;
        Ok(self.ask(line).await?.1)
    }

    async fn begin(&mut self) -> Result<(), SyncError> {
        match self.store.rules().layout {
            Layout::ThreeFiles => self.ask(Line::new("LOCK")).await.map(drop),
            Layout::SingleIndex => Ok(()),
        }
    }

    async fn end(&mut self) -> Result<(), SyncError> {
        match self.store.rules().layout {
            Layout::ThreeFiles => self.ask(Line::new("UNLOCK")).await.map(drop),
            Layout::SingleIndex => Ok(()),
        }
    }

    /// Processes events, the light ones first. What fails is tried again in a heavier form.
    async fn process(&mut self, events: &BTreeSet<Event>) -> Result<(), SyncError> {
        let mut mailboxes: BTreeSet<String> = BTreeSet::new();
        let mut users: BTreeSet<String> = BTreeSet::new();
        for event in events {
            match event {
                Event::Append(name) => match self.append(name).await {
                    Ok(()) => {}
                    Err(SyncError::Wire(error)) => return Err(error.into()),
                    Err(_) => drop(mailboxes.insert(name.clone())),
                },
                Event::Mailbox(name) => drop(mailboxes.insert(name.clone())),
                Event::User(name) => drop(users.insert(name.clone())),
            }
        }
        let names: Vec<String> = mailboxes.into_iter().collect();
        match self.mailboxes(&names).await {
            Ok(()) => {}
            Err(SyncError::Wire(error)) => return Err(error.into()),
            Err(_) => users.extend(names.iter().map(|name| user_of(name).to_owned())),
        }
        for user in users {
            self.user(&user).await?;
        }
        Ok(())
    }

    async fn append(&mut self, name: &str) -> Result<(), SyncError> {
        match self.store.rules().layout {
            Layout::ThreeFiles => self.append_23(name).await,
            Layout::SingleIndex => self.mailbox_24(name).await,
        }
    }

    async fn mailboxes(&mut self, names: &[String]) -> Result<(), SyncError> {
        if names.is_empty() {
            return Ok(());
        }
        match self.store.rules().layout {
            Layout::ThreeFiles => self.mailboxes_23(names).await,
            Layout::SingleIndex => {
                for name in names {
                    self.mailbox_24(name).await?;
                }
                Ok(())
            }
        }
    }

    /// A whole user, several times if need be.
    async fn user(&mut self, user: &str) -> Result<(), SyncError> {
        let all = self.settings.mailboxes.clone();
        let names: Vec<String> = all.into_iter().filter(|name| user_of(name) == user).collect();
        let mut tried = 0;
        loop {
            let error = match self.mailboxes(&names).await {
                Ok(()) => return Ok(()),
                Err(SyncError::Wire(error)) => return Err(error.into()),
                Err(error) => error,
            };
            tried += 1;
            if tried == USER_TRIES {
                return Err(error);
            }
            self.store.node.sleep(std::time::Duration::from_secs(USER_PAUSE_S * tried)).await;
        }
    }

    /// The server wants its process to end; the next one holds nothing.
    async fn restart(&mut self, answer: &[Token]) -> Result<bool, SyncError> {
        if answer.get(1).and_then(Token::atom) != Some("[RESTART]") {
            return Ok(false);
        }
        self.ask(Line::new("RESTART")).await?;
        self.wire = Client::dial(&self.store, &self.settings).await?;
        self.held.clear();
        self.begin().await?;
        self.store.node.sometimes("sync-server-restarted");
        Ok(true)
    }
}
