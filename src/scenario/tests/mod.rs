//! Tests of the whole reader against a small flow made up for them.

mod errors;
mod overrides;
mod plans;
mod properties;
mod sections;
mod valid;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::de::ValueDeserializer;

use super::catalogue::Catalogue;
use crate::check::{InvariantInfo, InvariantKind, Promise};
use crate::choice::{Rate, Site};
use crate::flow::{ConfigComplaint, FlowInfo, FlowSchema, Named, Needs};

/// A complete scenario of the made-up flow: the page of the format's description.
const COMPLETE: &str = include_str!("complete.toml");

static DEAD_REFERENCE: Site = Site::fault(
    "publish/dead-reference",
    "A reference is dead when it is used.",
    Rate::per_million(10_000),
    Rate::per_million(100_000),
);
static RESET: Site =
    Site::fault("net/reset", "The connection is reset.", Rate::per_million(1_000), Rate::per_million(100_000));
static LATENCY: Site = Site::latency("net/latency", "Transit time.").with_aliases(&["net/delay"]);

const fn named(label: &'static str) -> Named {
    Named { label, doc: "made up" }
}

static INFO: FlowInfo = FlowInfo {
    name: "publish",
    doc: "made up",
    source: "nowhere",
    variants: &[named("1.5.0"), named("1.5.0+inline-fix"), named("correct")],
    sites: &[&DEAD_REFERENCE],
    invariants: &[
        InvariantInfo {
            id: "no-self-rejection",
            kind: InvariantKind::Always,
            doc: "made up",
            promise: Promise::Always,
        },
        InvariantInfo { id: "happiness", kind: InvariantKind::AtEnd, doc: "made up", promise: Promise::Always },
    ],
    sometimes: &[named("dead-reference-inline")],
    marks: &[named("publish-started")],
    events: &[named("request"), named("reply")],
    outcomes: &[named("ok")],
    needs: Needs { host: false, fresh_thread: false },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Config {
    servers: u32,
    k: u32,
    n: u32,
    placement: BTreeMap<String, u32>,
}

impl Default for Config {
    fn default() -> Config {
        Config { servers: 10, k: 3, n: 10, placement: BTreeMap::new() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Op {
    Overwrite { bytes: u64 },
    Flush,
}

struct Publish;

impl FlowSchema for Publish {
    fn info(&self) -> &'static FlowInfo {
        &INFO
    }

    fn check_config(
        &self,
        _variant: &str,
        config: ValueDeserializer<'_>,
    ) -> Result<Vec<ConfigComplaint>, toml::de::Error> {
        let config = Config::deserialize(config)?;
        let mut complaints = Vec::new();
        if config.k > config.n {
            let message = format!("is {}, more than n, which is {}", config.k, config.n);
            complaints.push(ConfigComplaint { key: "k".to_owned(), message });
        }
        for (server, _) in config.placement.iter().filter(|(_, shares)| **shares > config.n) {
            let message = format!("more shares than n, which is {}", config.n);
            complaints.push(ConfigComplaint { key: format!("placement.{server}"), message });
        }
        Ok(complaints)
    }

    fn check_operation(&self, operation: ValueDeserializer<'_>) -> Result<(), toml::de::Error> {
        Op::deserialize(operation).map(|_| ())
    }
}

fn catalogue() -> Catalogue<'static> {
    Catalogue { flows: vec![&Publish], engine_sites: vec![&RESET, &LATENCY] }
}
