//! The mailbox server, free of sockets, clocks and tasks: commands come in as bytes on a [`Connection`], frames
//! leave through a [`Listener`], time and random ids come from [`Surroundings`], rows live in SQLite.
//!
//! Everything is single-threaded and synchronous, and every method takes `&self`: a listener may call the
//! server back from inside `send` or `stop`, and what happens then is part of the behaviour modelled.

mod app;
mod atomic;
mod atomic_close;
mod atomic_prune;
mod commands;
mod connection;
mod inserts;
mod keepalive;
mod listeners;
mod raised;
mod shared;
mod shared_close;
mod shared_prune;
mod tick;
mod usage;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use serde_json::{Map, Value as Json};

use super::database::{Database, DbError, Store};
use super::model::{Effect, MailboxView, MemoryView};
use super::variants::{Discipline, Rules};

pub use app::{AppNamespace, Mailbox};
pub use connection::Connection;
pub use keepalive::{Keepalive, KeepaliveStep};
pub use listeners::{Handle, Listener};
pub use raised::{Raised, Refusal};
pub use tick::{PERIOD_S, RETRY_S, TickReport};
pub use usage::{Summary, summarize_mailbox, summarize_nameplate};

use usage::UsageStore;

/// Seconds after which a mailbox that nobody touches is old.
pub const EXPIRY_S: f64 = 660.0;

/// Where time, ids and arbitrary orders come from.
pub trait Surroundings {
    /// Seconds since the epoch, as a float, like Python's `time.time()`.
    fn now(&self) -> f64;
    /// A fresh random mailbox id: 13 characters of lower-case base32 (8 random bytes).
    fn mailbox_id(&self) -> String;
    /// A number below `n`, uniformly chosen.
    fn below(&self, n: usize) -> usize;
    /// The order in which a set of `n` elements is walked, as a permutation of `0..n`: Python leaves it open.
    fn set_order(&self, n: usize) -> Vec<usize>;
}

/// What an operator configures.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Answer `list` with an empty list.
    pub disallow_list: bool,
    /// Round start times in usage rows down to this many seconds.
    pub blur_usage: Option<i64>,
    /// Keys of the welcome: `motd`, `current_cli_version`, `error`.
    pub welcome: Map<String, Json>,
}

/// The open databases.
pub enum Storage {
    /// Two files on two connections, the second optional.
    Apart {
        /// Holds the channel tables.
        channel: Rc<dyn Database>,
        /// Holds the usage tables.
        usage: Option<Rc<dyn Database>>,
    },
    /// One connection, to which the usage file is attached under the name `usage`.
    Attached(Rc<dyn Database>),
}

/// One life of the server process.
pub struct Server {
    rules: &'static Rules,
    config: Config,
    surroundings: Rc<dyn Surroundings>,
    channel: Rc<Store>,
    usage: Option<UsageStore>,
    apps: RefCell<BTreeMap<String, Rc<AppNamespace>>>,
    connections: RefCell<Vec<Weak<Connection>>>,
    objects: Cell<u64>,
    rebooted: f64,
}

impl Server {
    /// A server on open, prepared databases. Nothing is in memory yet; the first [`tick`](Server::tick) is due
    /// at once.
    ///
    /// # Errors
    /// The corrected server repairs what an older one left behind, which can fail as any statement can.
    pub fn start(
        rules: &'static Rules,
        storage: Storage,
        config: Config,
        surroundings: Rc<dyn Surroundings>,
    ) -> Result<Rc<Server>, Raised> {
        let blur = config.blur_usage;
        let (channel, usage) = match storage {
            Storage::Apart { channel, usage } => {
                let usage = usage.map(|db| UsageStore::new(Rc::new(Store::new(db)), "main", blur));
                (Rc::new(Store::new(channel)), usage)
            }
            Storage::Attached(db) => {
                let store = Rc::new(Store::new(db));
                (Rc::clone(&store), Some(UsageStore::new(store, "usage", blur)))
            }
        };
        let rebooted = surroundings.now();
        let server = Rc::new(Server {
            rules,
            config,
            surroundings,
            channel,
            usage,
            apps: RefCell::default(),
            connections: RefCell::default(),
            objects: Cell::new(0),
            rebooted,
        });
        if rules.discipline == Discipline::PerCommand {
            atomic_prune::repair(&server)?;
        }
        Ok(server)
    }

    /// What this server does.
    #[must_use]
    pub fn rules(&self) -> &'static Rules {
        self.rules
    }

    /// Accepts a connection and sends its welcome. `peer` is the client's address, for the welcome.
    ///
    /// # Errors
    /// Sending the welcome failed.
    pub fn connect(
        self: &Rc<Self>,
        wire: Rc<dyn Listener>,
        peer: Option<(&str, u16)>,
    ) -> Result<Rc<Connection>, Raised> {
        let connection = Connection::new(Rc::clone(self), self.next_object(), wire);
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Rc::downgrade(&connection));
        drop(connections);
        connection.welcome(peer)?;
        Ok(connection)
    }

    /// Whether a transaction is open on the channel or the usage connection.
    #[must_use]
    pub fn open_transactions(&self) -> (bool, bool) {
        let usage = self.usage.as_ref().is_some_and(|usage| usage.store().in_transaction());
        (self.channel.in_transaction(), usage)
    }

    /// What became durable in the channel database since the last call.
    #[must_use]
    pub fn take_effects(&self) -> Vec<Effect> {
        self.channel.take_effects()
    }

    /// Ends the service: every listener of every registered app is stopped.
    ///
    /// # Errors
    /// The first exception of a `stop`.
    pub fn shutdown(&self) -> Result<(), Raised> {
        let apps: Vec<_> = self.apps.borrow().values().cloned().collect();
        apps.iter().flat_map(|app| app.mailboxes()).try_for_each(|mailbox| mailbox.stop_listeners())
    }

    /// The objects in memory, for checks.
    #[must_use]
    pub fn view(&self) -> MemoryView {
        let apps = self.apps.borrow();
        let mut mailboxes = BTreeMap::new();
        for app in apps.values() {
            for mailbox in app.mailboxes() {
                mailboxes.insert(mailbox.object, mailbox_view(&mailbox, true));
            }
        }
        let live: Vec<_> = self.connections.borrow().iter().filter_map(Weak::upgrade).collect();
        for mailbox in live.iter().filter_map(|connection| connection.mailbox()) {
            mailboxes.entry(mailbox.object).or_insert_with(|| mailbox_view(&mailbox, false));
        }
        MemoryView {
            apps: apps.values().map(|app| (app.id.clone(), app.object)).collect(),
            mailboxes: mailboxes.into_values().collect(),
            connections: live.iter().map(|connection| connection.view()).collect(),
        }
    }

    fn app(&self, id: &str) -> Rc<AppNamespace> {
        let mut apps = self.apps.borrow_mut();
        let app = apps.entry(id.to_owned()).or_insert_with(|| Rc::new(AppNamespace::new(id, self.next_object())));
        Rc::clone(app)
    }

    fn next_object(&self) -> u64 {
        self.objects.set(self.objects.get() + 1);
        self.objects.get()
    }

    fn nameplate_names(&self, app: &AppNamespace) -> Result<Vec<String>, DbError> {
        let rows =
            self.channel.read("SELECT DISTINCT name FROM nameplates WHERE app_id=?", &[app.id.as_str().into()])?;
        let mut names: Vec<_> = rows.iter().filter_map(|row| row[0].text().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }
}

/// How often numbers beyond 999 are tried.
const LONG_NAME_TRIES: usize = 1000;

impl Server {
    /// A number nobody has claimed: any of those with the fewest digits, up to three; then a few random ones
    /// of up to six digits. `claimed` is sorted.
    fn free_nameplate(&self, claimed: &[String]) -> Option<String> {
        let is_free = |name: &String| claimed.binary_search(name).is_err();
        for (first, end) in [(1, 10), (10, 100), (100, 1000)] {
            let mut free: Vec<String> = (first..end).map(|n: u32| n.to_string()).filter(is_free).collect();
            if !free.is_empty() {
                return Some(free.swap_remove(self.surroundings.below(free.len())));
            }
        }
        (0..LONG_NAME_TRIES).map(|_| (1000 + self.surroundings.below(999_000)).to_string()).find(is_free)
    }
}

fn mailbox_view(mailbox: &Mailbox, registered: bool) -> MailboxView {
    MailboxView {
        app: mailbox.app.clone(),
        id: mailbox.id.clone(),
        object: mailbox.object,
        registered,
        listeners: mailbox.handles(),
    }
}
