//! Two servers, one of them the master: what runs on each when it starts, and who is which.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::config::Config;
use super::host::Host;
use super::sites::Told;
use super::store::{Fail, Store, boot, log};
use super::watch::Watch;
use super::{client, server, trace};
use crate::world::Node;

/// Until the rolling client looks at the log again after something was written.
const ROLLING: Duration = Duration::from_secs(1);
/// Until it is started again after it died.
const CLIENT_AGAIN: Duration = Duration::from_secs(15);
/// After so many deaths in a row it is started more and more rarely, down to every 16 minutes: a replica that breaks at
/// every attempt would otherwise be tried thousands of times in a night.
const SAME_PAUSES: u32 = 4;
/// How often the pause is doubled.
const DOUBLINGS_MAX: u32 = 6;
/// Until a server that could not start tries again.
const BOOT_AGAIN: Duration = Duration::from_secs(5);
/// How often it tries.
const BOOT_TRIES: u32 = 20;
/// Until somebody who met a lock tries again.
const BUSY_AGAIN: Duration = Duration::from_millis(50);
/// How often.
const BUSY_TRIES: u32 = 500;
/// Between full syncs at the end.
const FINAL_PAUSE: Duration = Duration::from_secs(5);
/// How many of them are tried.
const FINAL_TRIES: u32 = 40;
/// A day.
const DAY_S: u64 = 86_400;
/// When the nightly job runs.
const NIGHT_S: u64 = 4 * 3_600;

/// A server.
pub struct Machine {
    /// What outlives its processes.
    pub host: Rc<Host>,
    life: RefCell<Option<Store>>,
    client_runs: Cell<bool>,
    /// It is dead, and will be started again.
    client_rests: Cell<bool>,
    /// How often in a row it has died, whatever life of the machine it was in.
    deaths: Cell<u32>,
}

impl Machine {
    /// A server that was never started.
    #[must_use]
    pub fn new(host: Rc<Host>) -> Machine {
        Machine {
            host,
            life: RefCell::default(),
            client_runs: Cell::new(false),
            client_rests: Cell::new(false),
            deaths: Cell::new(0),
        }
    }

    /// The store in the server's present life, if it serves.
    #[must_use]
    pub fn store(&self) -> Option<Store> {
        self.life.borrow().clone().filter(|store| store.node.is_alive())
    }
}

/// Both servers.
pub struct Pair {
    machines: [Machine; 2],
    master: Cell<usize>,
    finished: Cell<bool>,
    extras: Cell<usize>,
    config: Config,
    mailboxes: Vec<String>,
    watch: Rc<Watch>,
    told: OnTold,
}

/// What somebody who watches mailboxes does on a server when they are told of a change.
pub type OnTold = fn(&Rc<Pair>, usize, Told);

impl Pair {
    /// Two servers, the first one the master.
    #[must_use]
    pub fn new(
        machines: [Machine; 2],
        config: Config,
        mailboxes: Vec<String>,
        watch: &Rc<Watch>,
        told: OnTold,
    ) -> Rc<Pair> {
        Rc::new(Pair {
            machines,
            master: Cell::new(0),
            finished: Cell::new(false),
            extras: Cell::new(0),
            config,
            mailboxes,
            watch: Rc::clone(watch),
            told,
        })
    }

    /// A server by its place.
    #[must_use]
    pub fn machine(&self, which: usize) -> &Machine {
        &self.machines[which]
    }

    /// The master's place.
    #[must_use]
    pub fn master(&self) -> usize {
        self.master.get()
    }

    /// Seconds for which the nightly job keeps expunged messages.
    #[must_use]
    pub fn keep_s(&self) -> u32 {
        self.config.keep_days * DAY_S as u32
    }

    /// The number of the next message that no operation delivers.
    pub fn next_extra(&self) -> usize {
        self.extras.replace(self.extras.get() + 1)
    }

    /// What the scenario pins.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The mailboxes.
    #[must_use]
    pub fn mailboxes(&self) -> &[String] {
        &self.mailboxes
    }

    /// Who watches.
    #[must_use]
    pub fn watch(&self) -> &Rc<Watch> {
        &self.watch
    }

    /// A server's main task.
    pub async fn run(self: Rc<Pair>, which: usize, node: Node) {
        let machine = &self.machines[which];
        machine.client_runs.set(false);
        machine.client_rests.set(false);
        machine.host.restarted();
        self.watch.starting(&machine.host);
        let (host, watch) = (Rc::clone(&machine.host), Rc::clone(&self.watch));
        let store = Store { disk: node.disk().blocking(), node: node.clone(), host, watch };
        let mut tries = 0;
        while let Err(fail) = boot(&store, &self.mailboxes) {
            node.note(&trace::FAILED, "boot", format_args!("{fail}"));
            tries += 1;
            if tries == BOOT_TRIES {
                return;
            }
            node.sleep(BOOT_AGAIN).await;
        }
        *machine.life.borrow_mut() = Some(store.clone());
        self.watch.started(&machine.host);
        let settings = server::Settings { restart_after: self.config.restart_after, keep_s: self.keep_s() };
        let pair = Rc::downgrade(&self);
        machine.host.watched_by(Rc::new(move |told| {
            if let Some(pair) = pair.upgrade().filter(|pair| !pair.finished.get()) {
                (pair.told)(&pair, which, told);
            }
        }));
        node.spawn("listen", server::serve(store.clone(), settings));
        if self.config.nightly {
            self.next_night(which, &store);
        }
        self.wake_client(which);
        if self.finished.get() {
            self.finish_on(which);
        }
    }

    // --- the client ------------------------------------------------------------------------------------------------

    fn client_settings(&self, which: usize) -> client::Settings {
        client::Settings {
            replica: self.machines[1 - which].host.name.clone(),
            batch: self.config.batch,
            mailboxes: self.mailboxes.clone(),
        }
    }

    /// Something was written to this server's sync log.
    pub fn wake_client(self: &Rc<Pair>, which: usize) {
        let machine = &self.machines[which];
        let Some(store) = machine.store() else { return };
        if which != self.master.get() || machine.client_runs.get() || !log::is_waiting(&store) {
            return;
        }
        machine.client_runs.set(true);
        let pair = Rc::clone(self);
        let node = store.node.clone();
        node.spawn("sync-client", async move { pair.rolling(which, store).await });
    }

    async fn rolling(self: Rc<Pair>, which: usize, store: Store) {
        let settings = self.client_settings(which);
        let machine = &self.machines[which];
        let mut failures = 0;
        while which == self.master.get() && log::is_waiting(&store) && failures < FINAL_TRIES {
            store.node.sleep(ROLLING).await;
            if which != self.master.get() {
                break;
            }
            match client::run_log(&store, &settings).await {
                Ok(_) => {
                    failures = 0;
                    machine.deaths.set(0);
                }
                Err(error) => {
                    store.node.note(&trace::CLIENT, "failed", format_args!("{error}"));
                    store.node.sometimes("client-died");
                    failures += 1;
                    machine.deaths.set(machine.deaths.get().saturating_add(1));
                    let doublings = machine.deaths.get().saturating_sub(SAME_PAUSES).min(DOUBLINGS_MAX);
                    machine.client_rests.set(true);
                    store.node.sleep(CLIENT_AGAIN * (1 << doublings)).await;
                    machine.client_rests.set(false);
                    if self.finished.get() {
                        // Full syncs have taken over.
                        break;
                    }
                }
            }
        }
        machine.client_runs.set(false);
    }

    /// Whether the rolling client has nothing to do.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        let machine = &self.machines[self.master.get()];
        machine.store().is_some_and(|store| !machine.client_runs.get() && !log::is_waiting(&store))
    }

    // --- the nightly job -------------------------------------------------------------------------------------------

    fn next_night(self: &Rc<Pair>, which: usize, store: &Store) {
        let wall = u64::from(store.now());
        // The second server's job runs half an hour after the first one's.
        let due = NIGHT_S + 1_800 * which as u64;
        let wait = (due + DAY_S - wall % DAY_S - 1) % DAY_S + 1;
        let (pair, again) = (Rc::clone(self), store.clone());
        store.node.after(Duration::from_secs(wait), "nightly", move || {
            if pair.finished.get() {
                return;
            }
            for mailbox in pair.mailboxes.clone() {
                pair.expire(&again, mailbox, pair.keep_s(), BUSY_TRIES, |_| {});
            }
            pair.next_night(which, &again);
        });
    }

    /// Expires a mailbox, and again if it is locked; says at the end how it went.
    pub fn expire(
        self: &Rc<Pair>,
        store: &Store,
        mailbox: String,
        keep_s: u32,
        tries: u32,
        done: impl FnOnce(Result<(), Fail>) + 'static,
    ) {
        let before = self.watch.before_expire(&store.host, &mailbox);
        let mark = store.now().saturating_sub(keep_s);
        let result = store.expire(&mailbox, keep_s);
        if result.as_ref().is_err_and(Fail::is_passing) && tries > 0 {
            let (pair, again) = (Rc::clone(self), store.clone());
            store.node.after(BUSY_AGAIN, "expire-again", move || pair.expire(&again, mailbox, keep_s, tries - 1, done));
            return;
        }
        store.node.note(&trace::JOB, "expire", format_args!("{mailbox}: {result:?}"));
        match &result {
            Ok(()) => self.watch.expired(&store.host, &mailbox, &before, mark),
            Err(Fail::Killed { .. }) => store.node.sometimes("expire-killed"),
            Err(Fail::BogusOffset { .. }) => store.node.sometimes("expire-bogus-offset"),
            Err(_) => {}
        }
        done(result);
    }

    // --- jobs ------------------------------------------------------------------------------------------------------

    /// Does something on a server, and again if a lock is in the way; says at the end how it went.
    pub fn job(
        self: &Rc<Pair>,
        which: usize,
        what: impl Fn(&Store) -> Result<&'static str, Fail> + 'static,
        done: impl FnOnce(Result<&'static str, Fail>) + 'static,
    ) -> bool {
        let Some(store) = self.machines[which].store() else { return false };
        let pair = Rc::clone(self);
        let node = store.node.clone();
        node.after(Duration::ZERO, "user", move || pair.attempt(which, store, what, BUSY_TRIES, done)).is_some()
    }

    fn attempt(
        self: Rc<Pair>,
        which: usize,
        store: Store,
        what: impl Fn(&Store) -> Result<&'static str, Fail> + 'static,
        tries: u32,
        done: impl FnOnce(Result<&'static str, Fail>) + 'static,
    ) {
        let result = what(&store);
        if result.as_ref().is_err_and(Fail::is_passing) && tries > 0 {
            let node = store.node.clone();
            node.after(BUSY_AGAIN, "user-again", move || self.attempt(which, store, what, tries - 1, done));
            return;
        }
        if let Err(fail) = &result {
            store.node.note(&trace::FAILED, "user", format_args!("{fail}"));
        }
        self.wake_client(which);
        done(result);
    }

    // --- roles and the end -----------------------------------------------------------------------------------------

    /// The servers swap their roles.
    pub fn failover(self: &Rc<Pair>) {
        self.master.set(1 - self.master.get());
        self.machines.iter().for_each(|machine| machine.host.swapped());
        self.watch.failover(self.master.get());
    }

    /// The workload has ended: full syncs follow.
    pub fn finish(self: &Rc<Pair>) {
        self.finished.set(true);
        self.finish_on(self.master.get());
    }

    fn finish_on(self: &Rc<Pair>, which: usize) {
        let Some(store) = self.machines[which].store().filter(|_| which == self.master.get()) else { return };
        let pair = Rc::clone(self);
        let node = store.node.clone();
        node.spawn("full-sync", async move { pair.full_syncs(which, store).await });
    }

    async fn full_syncs(self: Rc<Pair>, which: usize, store: Store) {
        let settings = self.client_settings(which);
        let mut good = 0;
        self.watch.full_sync(None);
        for _ in 0..FINAL_TRIES {
            store.node.sleep(FINAL_PAUSE).await;
            if self.machines[which].client_runs.get() && !self.machines[which].client_rests.get() {
                continue;
            }
            match client::run_users(&store, &settings).await {
                Ok(changes) => {
                    good += 1;
                    self.watch.full_sync(Some(changes));
                }
                Err(error) => {
                    store.node.note(&trace::CLIENT, "failed", format_args!("{error}"));
                    good = 0;
                    self.watch.full_sync(None);
                }
            }
            if good == 2 {
                return;
            }
        }
    }

    /// The run is over.
    pub fn tear_down(&self) {
        for machine in &self.machines {
            drop(machine.life.take());
            machine.host.unwatched();
        }
    }
}
