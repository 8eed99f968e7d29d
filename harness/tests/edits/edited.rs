//! A flow as it is after somebody has edited it in unrelated places: around any flow, without touching it.
//!
//! `[flow-config] edits` says what was added: a `node` of its own, which comes and goes on the network; choices at a new
//! `site`, by every node there is; lines of `log`, on every node there is. An operation `{ strangers-wait-us = 300 }`
//! is one the flow does not know.

use std::rc::Rc;
use std::time::Duration;

use proptest::strategy::Strategy;
use seedbed::prelude::*;
use seedbed::trace::Kind;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

static MOOD: Site = Site::value("edited/mood", "the mood of a node; plays no part");
static PAUSE: Site = Site::latency("edited/pause", "how long the stranger pauses");
static LINE: Kind = Kind::new("edited-line", 'L', "a line in a log", &[]);

/// The stranger comes by so often.
const VISITS: usize = 12;

/// The flow `F` after an edit.
pub struct Edited<F>(std::marker::PhantomData<F>);

/// What was edited, and the flow's own configuration.
#[derive(Clone, Debug)]
pub struct Config<C> {
    edits: Vec<String>,
    own: C,
}

impl<'de, C: serde::de::DeserializeOwned> Deserialize<'de> for Config<C> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut keys = toml::Table::deserialize(from)?;
        let edits = keys.remove("edits").map_or_else(|| Ok(Vec::new()), toml::Value::try_into);
        let own = keys.try_into().map_err(D::Error::custom)?;
        Ok(Config { edits: edits.map_err(D::Error::custom)?, own })
    }
}

/// An operation of the flow, or one it does not know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Op<O> {
    #[serde(rename_all = "kebab-case")]
    New {
        strangers_wait_us: u64,
    },
    Own(O),
}

impl<F: Flow> Flow for Edited<F> {
    type Config = Config<F::Config>;
    type Op = Op<F::Op>;

    const INFO: FlowInfo = F::INFO;

    fn operation(config: &Self::Config) -> BoxedStrategy<Self::Op> {
        F::operation(&config.own).prop_map(Op::Own).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let Setup { variant, config, operations } = setup;
        let edits = Rc::new(config.edits);
        if edits.iter().any(|edit| edit == "node") {
            // Before the nodes of the flow: they all have other numbers than they had.
            let (edits, around) = (Rc::clone(&edits), world.clone());
            world.node("stranger", move |node| visit(node, around.clone(), Rc::clone(&edits)));
        }
        let (mut own, mut waits) = (Vec::new(), Vec::new());
        for (index, operation) in operations {
            match operation {
                Op::New { strangers_wait_us } => waits.push(strangers_wait_us),
                Op::Own(operation) => own.push((index, operation)),
            }
        }
        if !waits.is_empty() {
            let waits = Rc::new(waits);
            world.client("strangers-client", move |node| {
                let waits = Rc::clone(&waits);
                async move {
                    for us in waits.iter() {
                        node.sleep(Duration::from_micros(*us)).await;
                    }
                }
            });
        }
        F::build(world, Setup { variant, config: config.own, operations: own });
    }
}

async fn visit(node: Node, world: World, edits: Rc<Vec<String>>) {
    let has = |edit: &str| edits.iter().any(|other| other == edit);
    for _ in 0..VISITS {
        let sim = world.sim();
        for other in sim.node_ids() {
            let name = sim.node_name(other);
            if has("site") {
                sim.choose(sim.stream(&MOOD, &name), &Coin);
            }
            if has("log") {
                node.note(&LINE, &name, format_args!("{} is still there", node.name()));
            }
            if !has("at-home") {
                // Nobody listens there; the connection is refused.
                let _ = node.net().connect(&name, "nothing").await;
            }
        }
        let pause = Latency { quiet: Duration::from_micros(700), max: Duration::from_millis(9) };
        node.sleep(node.choose(&PAUSE, &pause)).await;
    }
}
