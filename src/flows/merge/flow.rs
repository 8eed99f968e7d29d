//! The flow: what it declares, and how a run is built.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use proptest::strategy::BoxedStrategy;

use super::bell::Bell;
use super::config::Config;
use super::fixture::Fixture;
use super::invariants::INVARIANTS;
use super::orm::{RECEIVERS, Receiver};
use super::records::Records;
use super::server::{self, Machine};
use super::variants::{ALL, Rules, by_label};
use super::view::Application;
use super::watch::{MARKS, SYMPTOMS, Watch};
use super::website::Website;
use super::workload::{self, Driver, Op};
use super::{files, sites};
use crate::choice::{Domain, Site, Subset};
use crate::flow::{ConfigComplaint, Flow, FlowInfo, Named, Needs, Setup};
use crate::world::World;

/// The server's node.
const SERVER: &str = "server";
/// The website's node.
const WEBSITE: &str = "website";
/// How long the system gets to settle: the website polls once more.
const SETTLE: Duration = Duration::from_secs(2_000);
/// How long a workload may take.
const RUN_MAX: Duration = Duration::from_secs(6 * 3_600);

/// The flow.
pub enum EventMerge {}

const VARIANTS: [Named; ALL.len()] = names_of!(ALL);

impl Flow for EventMerge {
    type Config = Config;
    type Op = Op;

    const INFO: FlowInfo = FlowInfo {
        name: "merge",
        doc: "two events of a workshop database are merged by a form; a website lives on the published feed",
        source: "carpentries/amy, issues 744 (2016-04-06) and 1252 (2018-05-24); releases 1.5.1 to 1.11.4",
        variants: &VARIANTS,
        sites: sites::SITES,
        invariants: INVARIANTS,
        sometimes: MARKS,
        marks: SYMPTOMS,
        events: &[
            Named::new("request", "a request reaches the server"),
            Named::new("reply", "an answer reaches whoever has asked"),
        ],
        outcomes: &[
            Named::new("merged", "the merge was done, and somebody was told"),
            Named::new("no-form", "the page with the form was refused"),
            Named::new("protected", "something protects the loser"),
            Named::new("forbidden", "not allowed to merge, or not logged in"),
            Named::new("invalid", "the form was refused"),
            Named::new("gone", "one of the events is not there any more"),
            Named::new("conflict", "somebody has changed the events meanwhile, or a receiver was in the way"),
            Named::new("locked", "the database was locked"),
            Named::new("failed", "an error that no view expects"),
            Named::new("no-answer", "no answer came"),
        ],
        needs: Needs { host: false, fresh_thread: false },
    };

    fn operation(config: &Config) -> BoxedStrategy<Op> {
        workload::strategy(config)
    }

    fn simpler(operation: &Op) -> Vec<Op> {
        workload::simpler(operation)
    }

    fn validate(_variant: &str, config: &Config) -> Result<(), Vec<ConfigComplaint>> {
        let wrong = config.complaints();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn build(world: &World, setup: Setup<EventMerge>) {
        let Some(rules) = by_label(&setup.variant) else {
            panic!("the flow `merge` has no variant `{}`", setup.variant)
        };
        assemble(world, rules, setup.config, setup.operations);
    }
}

/// Builds a run by these rules.
pub(super) fn assemble(world: &World, rules: &Rules, config: Config, operations: Vec<(usize, Op)>) {
    let fixture = config.fixture().unwrap_or_else(|| drawn(world));
    let journal = config.journal.unwrap_or(rules.journal);
    files::install(world, SERVER, &fixture, journal);
    let running: Rc<OnceCell<Rc<Machine>>> = Rc::default();
    let runs = Rc::clone(&running);
    let server = world.node(SERVER, move |node| {
        let machine = runs.get().map(Rc::clone);
        async move {
            if let Some(machine) = machine {
                server::serve(node, machine).await;
            }
        }
    });
    let watch = Watch::new(world, server);
    let application = Application { function: rules.function, feed: config.feed.unwrap_or(rules.feed) };
    let machine = Machine {
        application,
        era: config.era.unwrap_or(rules.era),
        journal,
        receivers: connected(world, &config.receivers),
        workers: config.workers,
        backup_every: config.backup_every.map(|seconds| Duration::from_secs(u64::from(seconds.max(1)))),
        copying: config.backup,
        backup_now: Bell::default(),
        backups: Cell::new(0),
        records: Records::new(config.zones),
        picking: config.picking,
        watch: Rc::clone(&watch),
    };
    let machine = Rc::new(machine);
    let _ = running.set(Rc::clone(&machine));
    let website = Website::new(SERVER, config.website.unwrap_or(rules.writing), &config.asks, &watch);
    let runs = Rc::clone(&website);
    let site = world.node(WEBSITE, move |node| Rc::clone(&runs).run(node));
    if config.may_crash {
        world.may_crash(server);
        world.may_crash(site);
    }
    watch.register(site);
    let shown = Rc::clone(&watch);
    world.snapshot(SERVER, move || shown.shown());
    let driver = Driver::new((SERVER, server), &machine, &website, (fixture, config.together), operations);
    world.client("people", move |node| Rc::clone(&driver).run(node));
    world.run_limit(RUN_MAX);
    world.settle(SETTLE);
}

fn draw<D: Domain>(world: &World, site: &'static Site, domain: &D) -> D::Value {
    let stream = world.sim().stream(site, SERVER);
    world.sim().choose(stream, domain)
}

/// A fixture that nobody has pinned.
fn drawn(world: &World) -> Fixture {
    let tags = draw(world, &sites::TAG_SHAPE, &sites::TAG_SHAPES);
    let tasks = draw(world, &sites::TASK_SHAPE, &sites::TASK_SHAPES);
    sites::shaped(tags, tasks, draw(world, &sites::LINKS, &sites::LINK_SHAPES))
}

/// Those of the scenario's receivers that a run connects.
fn connected(world: &World, names: &[String]) -> Rc<[&'static Receiver]> {
    let known: Vec<_> = RECEIVERS.iter().filter(|receiver| names.iter().any(|name| name == receiver.name)).collect();
    if known.is_empty() {
        return known.into();
    }
    let chosen = draw(world, &sites::CONNECTED, &Subset(known.len() as u8));
    let is_chosen = |index: usize| chosen & (1 << index) != 0;
    known.into_iter().enumerate().filter(|(index, _)| is_chosen(*index)).map(|(_, receiver)| receiver).collect()
}
