//! A toy system with known numbers of schedules and of fault placements: clients that talk to servers.
//!
//! Each client sends its requests to its server one after the other, waiting for the reply if it wants one.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proptest::strategy::{BoxedStrategy, Just, Strategy};
use seedbed::check::{InvariantInfo, InvariantKind, Outcome, Promise};
use seedbed::choice::{Coin, OneOf, Rate, Site};
use seedbed::flow::{Flow, FlowInfo, Named, Needs, Setup};
use seedbed::net::{Messages, Stream};
use seedbed::run::{AnyFlow, erased};
use seedbed::world::{Node, World};
use serde::Deserialize;

const fn fault(label: &'static str, doc: &'static str) -> Site {
    Site::fault(label, doc, Rate::per_million(1_000), Rate::HALF)
}

/// The server slips while handling a request.
pub static SLIP: Site = fault("toys/slip", "the server slips");
/// Having slipped, it slides.
pub static SLIDE: Site = fault("toys/slide", "having slipped, it slides");
static MOOD: Site = Site::value("toys/mood", "how a server answers");
static MOODS: OneOf<u8> = OneOf(&[("calm", 0, 1), ("grumpy", 1, 1), ("gone", 2, 1)]);

const fn named(label: &'static str) -> Named {
    Named { label, doc: "for tests" }
}

const fn always(id: &'static str) -> InvariantInfo {
    InvariantInfo { id, kind: InvariantKind::Always, doc: "for tests", promise: Promise::Always }
}

/// What the clients do and what is forbidden.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    clients: Vec<Client>,
    /// Arrivals at the servers, by client, that break `no-forbidden-order` if they are the first ones.
    forbidden: Vec<usize>,
    /// Client 0 is starved, which breaks `no-forbidden-order`, if so many times in a row so many requests of others are
    /// handled between two of its own: `[times, requests]`.
    starved: Option<[usize; 2]>,
    /// More slips than this break `sure-footed`.
    slips_max: Option<usize>,
    /// As many slides break `no-slide`.
    slides: Option<usize>,
    /// Servers choose a mood per request.
    moody: bool,
    /// A server panics when it has got so many requests in all.
    panics_at: Option<usize>,
    /// A client gives up waiting for a reply after this long.
    patience_ms: Option<u64>,
}

/// A client.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Client {
    server: usize,
    requests: usize,
    /// Do not wait for replies; none are sent.
    one_way: bool,
}

#[derive(Default)]
struct Log {
    arrivals: Vec<usize>,
    slips: usize,
    slides: usize,
    started: bool,
}

pub struct Toys;

impl Flow for Toys {
    type Config = Config;
    type Op = u64;

    const INFO: FlowInfo = FlowInfo {
        variants: &[named("1.0"), named("correct")],
        sites: &[&SLIP, &SLIDE, &MOOD],
        invariants: &[always("no-forbidden-order"), always("sure-footed"), always("no-slide")],
        marks: &[named("started")],
        events: &[named("request"), named("reply"), named("timer")],
        outcomes: &[named("done"), named("impatient")],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("toys", "clients that talk to servers", "none")
    };

    fn operation(_: &Config) -> BoxedStrategy<u64> {
        Just(0).boxed()
    }

    fn build(world: &World, setup: Setup<Toys>) {
        let log = Rc::new(RefCell::new(Log::default()));
        let config = setup.config;
        let correct = setup.variant == "correct";
        let servers = config.clients.iter().map(|client| client.server).max().map_or(0, |s| s + 1);
        for server in 0..servers {
            let (log, config) = (Rc::clone(&log), config.clone());
            world.node(&format!("s{server}"), move |node| serve(node, Rc::clone(&log), config.clone()));
        }
        for (number, client) in config.clients.iter().enumerate() {
            let (log, client) = (Rc::clone(&log), client.clone());
            let patience = config.patience_ms.map(Duration::from_millis);
            world.client(&format!("c{number}"), move |node| {
                ask(node, number, client.clone(), patience, Rc::clone(&log))
            });
        }
        let watched = Rc::clone(&log);
        let (forbidden, starved) = (config.forbidden.clone(), config.starved);
        world.always("no-forbidden-order", move || {
            let log = watched.borrow();
            if !correct && starved.is_some_and(|starved| is_starved(&log.arrivals, starved)) {
                return Outcome::violated("starved", "");
            }
            if !correct && !forbidden.is_empty() && log.arrivals.starts_with(&forbidden) {
                Outcome::violated("forbidden order", format!("{:?}", log.arrivals))
            } else {
                Outcome::Held
            }
        });
        let (watched, limit) = (Rc::clone(&log), config.slips_max);
        world.always("sure-footed", move || {
            if limit.is_some_and(|limit| watched.borrow().slips > limit) {
                Outcome::violated("slipped", "too often")
            } else {
                Outcome::Held
            }
        });
        let limit = config.slides;
        world.always("no-slide", move || {
            if limit.is_some_and(|limit| log.borrow().slides >= limit) {
                Outcome::violated("slid", "")
            } else {
                Outcome::Held
            }
        });
    }
}

fn is_starved(arrivals: &[usize], [times, requests]: [usize; 2]) -> bool {
    let gaps: Vec<usize> = arrivals.split(|client| *client == 0).map(<[usize]>::len).collect();
    // What stands before the first and behind the last of its requests is no gap.
    let between = gaps.get(1..gaps.len().saturating_sub(1)).unwrap_or_default();
    between.windows(times).any(|in_a_row| in_a_row.iter().all(|gap| *gap >= requests))
}

async fn serve(node: Node, log: Rc<RefCell<Log>>, config: Config) {
    let Ok(listener) = node.net().listen("toys") else {
        return;
    };
    while let Ok(stream) = listener.accept().await {
        node.spawn("conn", answer(node.clone(), stream, Rc::clone(&log), config.clone()));
    }
}

async fn answer(node: Node, stream: Stream, log: Rc<RefCell<Log>>, config: Config) {
    let messages = Messages::new(stream);
    while let Ok(request) = messages.recv().await {
        let arrivals = {
            let mut log = log.borrow_mut();
            log.arrivals.push(usize::from(request[0]));
            log.arrivals.len()
        };
        assert!(config.panics_at != Some(arrivals), "on purpose");
        if config.moody && node.choose(&MOOD, &MOODS) == 2 {
            return;
        }
        if node.choose(&SLIP, &Coin) {
            log.borrow_mut().slips += 1;
            if node.choose(&SLIDE, &Coin) {
                log.borrow_mut().slides += 1;
            }
        }
        if request[1] == 0 && messages.send_labelled("reply", &[1]).is_err() {
            return;
        }
    }
}

async fn ask(node: Node, number: usize, client: Client, patience: Option<Duration>, log: Rc<RefCell<Log>>) {
    let server = format!("s{}", client.server);
    let Ok(stream) = node.net().connect(&server, "toys").await else {
        return;
    };
    if !std::mem::replace(&mut log.borrow_mut().started, true) {
        node.mark("started");
    }
    let messages = Messages::new(stream);
    for _ in 0..client.requests {
        let request = [number as u8, u8::from(client.one_way)];
        if messages.send_labelled("request", &request).is_err() {
            return;
        }
        if client.one_way {
            continue;
        }
        let answered = match patience {
            None => messages.recv().await.is_ok(),
            Some(patience) => {
                let answered = node.timeout(patience, messages.recv()).await;
                if answered.is_err() {
                    node.outcome("impatient");
                }
                answered.is_ok_and(|answer| answer.is_ok())
            }
        };
        if !answered {
            return;
        }
    }
    node.outcome("done");
}

/// The toy flow.
pub fn toys() -> Box<dyn AnyFlow> {
    erased::<Toys>()
}
