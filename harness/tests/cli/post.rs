//! A toy flow for explanations: a post office that loses parcels for reasons that tests know exactly.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use seedbed::prelude::*;
use seedbed::trace::Kind;
use serde::{Deserialize, Serialize};

static DELAY: Site = Site::latency("post/delay", "how long a parcel lies in the office");
static ASLEEP: Site = coin("post/asleep", "the clerk is asleep");
static LOCKED: Site = coin("post/locked", "the door is locked");
static FIRE: Site = coin("post/fire", "the office burns");
static RAIN: Site = coin("post/rain", "it rains, which changes nothing");

const fn coin(label: &'static str, doc: &'static str) -> Site {
    Site::fault(label, doc, Rate::per_million(20_000), Rate::HALF)
}

static ARRIVED: Kind = Kind::new("parcel-arrived", 'p', "a parcel is in the office", &["bytes"]);
static LOST: Kind = Kind::new("parcel-lost", 'l', "a parcel is gone", &[]);
static TICKED: Kind = Kind::new("ticked", '.', "a clock made a step", &["count"]);

pub struct Post;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// How often each of three clocks ticks, every 10 ms: noise.
    ticks: u64,
    /// Milliseconds before the first parcel.
    waits: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parcel {
    bytes: u32,
}

#[derive(Default, Serialize)]
struct Office {
    arrived: u64,
    lost: Vec<String>,
}

impl Flow for Post {
    type Config = Config;
    type Op = Parcel;

    const INFO: FlowInfo = FlowInfo {
        variants: &[
            Named::new("1.0", "loses parcels of more than 512 bytes that lie for 3 ms or longer"),
            Named::new("2.0", "loses parcels when the clerk is asleep and the door locked, or the office burns"),
        ],
        sites: &[&DELAY, &ASLEEP, &LOCKED, &FIRE, &RAIN],
        invariants: &[InvariantInfo::always("nothing-lost", "no parcel is lost")],
        ..FlowInfo::new("post", "a post office", "made up")
    };

    fn operation(_: &Config) -> BoxedStrategy<Parcel> {
        (1_u32..2_000).prop_map(|bytes| Parcel { bytes }).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let office = Rc::new(RefCell::new(Office::default()));
        let (state, second) = (office.clone(), setup.variant == "2.0");
        world.node("office", move |node| run_office(node, state.clone(), second));
        let (operations, waits) = (Rc::new(setup.operations), setup.config.waits);
        world.client("sender", move |node| send(node, operations.clone(), waits));
        for clock in ["north", "east", "south"] {
            let ticks = setup.config.ticks;
            world.node(clock, move |node| tick(node, ticks));
        }
        let (shown, checked) = (office.clone(), office);
        world.snapshot("office", move || json!(*shown.borrow()));
        world.always("nothing-lost", move || {
            let office = checked.borrow();
            match office.lost.first() {
                Some(lost) => Outcome::violated("a parcel is lost", format!("{lost} is gone")),
                None if office.arrived > 0 => Outcome::Held,
                None => Outcome::Idle,
            }
        });
    }
}

async fn run_office(node: Node, office: Rc<RefCell<Office>>, second: bool) {
    let Ok(listener) = node.net().listen("counter") else {
        return;
    };
    while let Ok(stream) = listener.accept().await {
        let messages = Messages::new(stream);
        while let Ok(parcel) = messages.recv().await {
            let name = format!("parcel-{}", parcel[0]);
            let bytes = u32::from_le_bytes([parcel[1], parcel[2], parcel[3], parcel[4]]);
            node.event(&ARRIVED, &name, [u64::from(bytes), 0, 0]);
            office.borrow_mut().arrived += 1;
            let quiet = Duration::from_micros(100);
            let delay = node.choose(&DELAY, &Latency { quiet, max: Duration::from_secs(1) });
            node.sleep(delay).await;
            node.choose(&RAIN, &Coin);
            let (asleep, locked) = (node.choose(&ASLEEP, &Coin), node.choose(&LOCKED, &Coin));
            let burns = node.choose(&FIRE, &Coin);
            let loses =
                if second { asleep && locked || burns } else { bytes > 512 && delay >= Duration::from_millis(3) };
            if loses {
                node.event(&LOST, &name, [0; 3]);
                office.borrow_mut().lost.push(name);
            }
            if messages.send(b"done").is_err() {
                break;
            }
        }
    }
}

async fn send(node: Node, operations: Rc<Vec<(usize, Parcel)>>, waits: u64) {
    node.sleep(Duration::from_millis(waits)).await;
    let Ok(stream) = node.net().connect("office", "counter").await else {
        return;
    };
    let messages = Messages::new(stream);
    for (n, parcel) in operations.iter() {
        let mut bytes = vec![*n as u8];
        bytes.extend(parcel.bytes.to_le_bytes());
        if messages.send(&bytes).is_err() || messages.recv().await.is_err() {
            return;
        }
    }
}

async fn tick(node: Node, ticks: u64) {
    for count in 0..ticks {
        node.sleep(Duration::from_millis(10)).await;
        node.event(&TICKED, "clock", [count, 0, 0]);
    }
}
