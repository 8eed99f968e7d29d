//! `[flow-config]`: what a scenario pins.

use serde::Deserialize;

/// The configuration of the flow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Kinds of clients that generated operations are about (default: all).
    pub clients: Vec<Kind>,
    /// How many apps generated sessions belong to: one or two (default two).
    pub apps: u8,
    /// How many sides generated sessions have in each: one to three (default three).
    pub sides: u8,
    /// Round start times in usage rows down to this many seconds (default: not at all).
    pub blur_usage: Option<i64>,
    /// Answer `list` with an empty list (default no).
    pub disallow_list: bool,
    /// Whether the sites that kill the server, pause it or cut its power may strike (default yes).
    pub may_crash: bool,
    /// Monitoring probes, which connect every five minutes and never bind (default none).
    pub probes: u8,
}

impl Config {
    /// Smaller configurations, as keys to lay over this one.
    #[must_use]
    pub fn smaller(&self) -> Vec<toml::Table> {
        let with = |key: &str, value: toml::Value| toml::Table::from_iter([(key.to_owned(), value)]);
        let mut smaller = Vec::new();
        if self.probes > 0 {
            smaller.push(with("probes", 0.into()));
        }
        if self.disallow_list {
            smaller.push(with("disallow-list", false.into()));
        }
        smaller
    }
}

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Pairs of the Python client, which reconnects, and releases before it closes.
    Python,
    /// Pairs with the Go client of the week of the incident, whose sender never releases.
    Go,
    /// Well-formed commands in any order, by sides that come and go.
    Careless,
    /// Fields of wrong types, and what is no command at all.
    Malformed,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            clients: vec![Kind::Python, Kind::Go, Kind::Careless, Kind::Malformed],
            apps: 2,
            sides: 3,
            blur_usage: None,
            disallow_list: false,
            may_crash: true,
            probes: 0,
        }
    }
}
