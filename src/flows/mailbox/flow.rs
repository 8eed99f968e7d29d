//! The flow: what it declares, and how a run is built.

use std::rc::Rc;
use std::time::Duration;

use proptest::strategy::BoxedStrategy;

use super::client::Probe;
use super::config::Config;
use super::files::{self, Trouble};
use super::invariants::INVARIANTS;
use super::process::{self, Machine};
use super::variants::{ALL, by_label};
use super::watch::{MARKS, Watch};
use super::workload::{self, Driver, Op};
use super::{server, sites};
use crate::flow::{Flow, FlowInfo, Named, Needs, Setup};
use crate::world::World;

/// The server's node.
const SERVER: &str = "server";
/// How long the system gets to settle: until the last dead connection is noticed, and everything has expired.
const SETTLE: Duration = Duration::from_secs(2_000);
/// How long a workload may take.
const RUN_MAX: Duration = Duration::from_secs(6 * 3_600);

/// The flow.
pub enum MailboxServer {}

const VARIANTS: [Named; ALL.len()] = names_of!(ALL);

impl Flow for MailboxServer {
    type Config = Config;
    type Op = Op;

    const INFO: FlowInfo = FlowInfo {
        name: "mailbox",
        doc: "a rendezvous server: clients meet under a short name and exchange messages; a timer prunes what is idle",
        source: "magic-wormhole-mailbox-server, issue 13 (2019-08-29); releases 0.3.1 and 0.8.0",
        variants: &VARIANTS,
        sites: sites::SITES,
        invariants: INVARIANTS,
        sometimes: MARKS,
        marks: MARKS,
        events: &[
            Named::new("command", "a client's command reaches the server"),
            Named::new("reply", "an answer reaches its client"),
            Named::new("message", "a mailbox's message reaches a listener"),
            Named::new("close", "a closing handshake"),
            Named::new("ping", "a ping of the keepalive"),
            Named::new("pong", "its answer"),
        ],
        outcomes: &[
            Named::new("finished", "a client of a pair ended as it should"),
            Named::new("refused", "a command was answered with an error, or a client ended with one"),
            Named::new("lost", "a client that does not reconnect lost its connection"),
            Named::new("answered", "a step of a careless client was answered"),
            Named::new("dropped", "its connection broke while it waited"),
            Named::new("unanswered", "nothing came back in time"),
            Named::new("refused-connection", "it could not connect"),
            Named::new("skipped", "what a step is about, or its connection, was not there"),
        ],
        needs: Needs { host: false, fresh_thread: false },
    };

    fn operation(config: &Config) -> BoxedStrategy<Op> {
        workload::strategy(config)
    }

    fn simpler(operation: &Op) -> Vec<Op> {
        workload::simpler(operation)
    }

    fn smaller(config: &Config) -> Vec<toml::Table> {
        config.smaller()
    }

    fn build(world: &World, setup: Setup<MailboxServer>) {
        let Some(rules) = by_label(&setup.variant) else {
            panic!("the flow `mailbox` has no variant `{}`", setup.variant)
        };
        let config = server::Config {
            disallow_list: setup.config.disallow_list,
            blur_usage: setup.config.blur_usage,
            ..server::Config::default()
        };
        files::install(world, SERVER);
        let trouble = Rc::new(Trouble::default());
        let machine = Rc::new(Machine::new(rules, config, &trouble));
        let watched: Rc<std::cell::OnceCell<Rc<Watch>>> = Rc::default();
        let watch = Rc::clone(&watched);
        let server = world.callback_node(SERVER, move |node| {
            if let Some(watch) = watch.get() {
                process::start(&node, &machine, watch);
            }
        });
        if setup.config.may_crash {
            world.may_crash(server);
        }
        let watch = Watch::install(world, server, rules, setup.config.blur_usage, &trouble);
        let _ = watched.set(Rc::clone(&watch));
        let driver = Driver::new((SERVER, server), &watch, setup.operations);
        let shown = Rc::clone(&watch);
        world.snapshot(SERVER, move || shown.state());
        for name in driver.node_names() {
            let starting = Rc::clone(&driver);
            world.callback_node(&name, move |node| starting.node_started(node));
            let (driver, client) = (Rc::clone(&driver), name.clone());
            world.snapshot(&name, move || driver.state_of(&client));
        }
        for number in 0..setup.config.probes {
            world.callback_node(&format!("probe{number}"), |node| Probe::start(&node, SERVER));
        }
        world.client("people", move |node| Rc::clone(&driver).run(node));
        world.run_limit(RUN_MAX);
        world.settle(SETTLE);
    }
}
