//! The flow: what it declares, and how a run is built.

use std::rc::Rc;
use std::time::Duration;

use proptest::strategy::BoxedStrategy;

use super::config::Config;
use super::host::Host;
use super::invariants::INVARIANTS;
use super::machine::{Machine, Pair};
use super::store::install;
use super::variants::{ALL, Rules};
use super::watch::Watch;
use super::workload::{self, Driver, Op};
use super::{MASTER, REPLICA, sites, watchers};
use crate::flow::{ConfigComplaint, Flow, FlowInfo, Named, Needs, Setup};
use crate::world::World;

/// How long the system gets to settle: the full syncs at the end are within.
const SETTLE: Duration = Duration::from_secs(1_200);

/// The flow.
pub enum Sync {}

const VARIANTS: [Named; ALL.len()] = names_of!(ALL);

impl Flow for Sync {
    type Config = Config;
    type Op = Op;

    const INFO: FlowInfo = FlowInfo {
        name: "sync",
        doc: "replication of mailboxes: index, expunge and cache files, and a protocol that carries what changed",
        source: "Cyrus IMAP 2.3.9 to 2.4; cyrus-devel 2007-09-24, fixed by b0f893c5c5 (2007-10-04)",
        variants: &VARIANTS,
        sites: sites::SITES,
        invariants: INVARIANTS,
        sometimes: &[
            Named::new("expire-killed", "an expire followed an offset to where there is no memory"),
            Named::new("expire-bogus-offset", "an expire's check found an offset to be wrong"),
            Named::new("sync-server-killed", "a sync server followed an offset to where there is no memory"),
            Named::new("sync-server-restarted", "a sync server's process ended because it held enough"),
            Named::new("client-died", "a sync client ended with an error"),
            Named::new("crc-repaired", "a client repaired what a replica refused"),
            Named::new("cache-rename-finished", "a new cache that a crash had left without its name got it"),
        ],
        marks: &[],
        events: &[Named::new("data", "bytes of the protocol")],
        outcomes: &[
            Named::new("ok", "the operation succeeded"),
            Named::new("failed", "the server could not do it"),
            Named::new("skipped", "what it is about is not there"),
            Named::new("server-down", "the server does not serve"),
            Named::new("no-answer", "the server did not come to an end in time"),
        ],
        needs: Needs { host: false, fresh_thread: false },
    };

    fn operation(config: &Config) -> BoxedStrategy<Op> {
        workload::strategy(config)
    }

    fn simpler(operation: &Op) -> Vec<Op> {
        workload::simpler(operation)
    }

    fn validate(variant: &str, config: &Config) -> Result<(), Vec<ConfigComplaint>> {
        let _ = variant;
        let unknown = config.may_crash.iter().find(|name| ![MASTER, REPLICA].contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) => Err(vec![ConfigComplaint {
                key: "may-crash".to_owned(),
                message: format!("`{name}` is no server: expected `{MASTER}` or `{REPLICA}`"),
            }]),
        }
    }

    fn build(world: &World, setup: Setup<Sync>) {
        let Some(rules) = Rules::named(&setup.variant) else {
            panic!("the flow `sync` has no variant `{}`", setup.variant)
        };
        let pair = build_pair(world, rules, &setup.config);
        let driver = Driver::new(&pair, setup.operations);
        world.client("people", move |node| Rc::clone(&driver).run(node));
        world.settle(SETTLE);
    }
}

/// Both servers with their mailboxes, watched.
pub(super) fn build_pair(world: &World, rules: &'static Rules, config: &Config) -> Rc<Pair> {
    let mailboxes = vec!["user.a".to_owned(), "user.a.copies".to_owned()];
    let watch = Watch::new(rules, &mailboxes);
    let hosts = [
        Host::new(MASTER, rules, config.master_expunge, 0),
        Host::new(REPLICA, rules, config.replica_expunge, config.clock_skew),
    ];
    let machines = hosts.clone().map(Machine::new);
    let pair = Pair::new(machines, config.clone(), mailboxes.clone(), &watch, watchers::act);
    let ending = Rc::new(Ending(Rc::clone(&pair), Rc::clone(&watch)));
    let mut servers = Vec::new();
    for (which, host) in hosts.into_iter().enumerate() {
        install(world, &host.name, rules, &mailboxes);
        let ending = Rc::clone(&ending);
        let node = world.node(&host.name, move |node| Rc::clone(&ending.0).run(which, node));
        if config.may_crash.contains(&host.name) {
            world.may_crash(node);
        }
        servers.push((host, node));
    }
    watch.install(world, servers);
    pair
}

/// Lives in the servers' starters, which the world drops when the run is over.
struct Ending(Rc<Pair>, Rc<Watch>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.tear_down();
        self.1.tear_down();
    }
}
