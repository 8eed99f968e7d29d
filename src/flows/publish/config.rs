//! `[flow-config]`: what a scenario pins, and what it must look like.

mod smaller;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::keys::{FileKeys, server_key};
use super::permuted::permuted;
use super::servermap::ServerId;
use super::sites;
use super::storage::ShareNumber;
use super::variants::Variant;
use crate::flow::ConfigComplaint;
use crate::reentry::Delivery;

/// The most servers a scenario may have.
const SERVERS_MAX: u8 = 100;

/// The configuration of the flow. Server names are `s1`, `s2` …
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Number of servers (default 5).
    pub servers: u8,
    /// Shares needed (default 2).
    pub k: u8,
    /// Shares made (default 4).
    pub n: u8,
    /// Which shares of the first version are where; default: share i on the i-th server in permuted order. An
    /// empty table: there is no file yet.
    pub placement: Option<BTreeMap<String, Vec<ShareNumber>>>,
    /// Servers whose shares of the first version are damaged, and where (default none).
    pub damaged: BTreeMap<String, Damage>,
    /// Servers whose references are dead from the beginning of the first publish on.
    pub dead: Vec<String>,
    /// Where an answer that is there at once is handled (default: by choice).
    pub dead_answers: DeadAnswers,
    /// The order in which servers are called (default: by choice).
    pub walk: Walk,
    /// Clients that write: `client`, `client2` … (default 1).
    pub writers: u8,
    /// Clients that only read: `reader`, `reader2` … (default 1).
    pub readers: u8,
    /// Whether small files are served from what a map update has read (default yes).
    pub response_cache: bool,
    /// Whether each reader reads once more, asking all servers, when everything has settled (default yes).
    pub final_read: bool,
    /// Nodes that `node/kill` and `node/pause` may strike (default none).
    pub may_crash: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            servers: 5,
            k: 2,
            n: 4,
            placement: None,
            damaged: BTreeMap::new(),
            dead: Vec::new(),
            dead_answers: DeadAnswers::Choice,
            walk: Walk::Choice,
            writers: 1,
            readers: 1,
            response_cache: true,
            final_read: true,
            may_crash: Vec::new(),
        }
    }
}

/// Where a share is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// In its block: only who fetches it notices.
    Data,
    /// In its signature: a map update notices.
    Signature,
}

/// Where the continuation of a call runs whose answer is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadAnswers {
    /// On the caller's stack, always.
    Inline,
    /// A turn later, always.
    Eventual,
    /// By choice, at the site `publish/dead-answers`.
    Choice,
}

impl DeadAnswers {
    /// The rule for completions.
    #[must_use]
    pub fn delivery(self) -> Delivery {
        match self {
            DeadAnswers::Inline => Delivery::Inline,
            DeadAnswers::Eventual => Delivery::Eventual,
            DeadAnswers::Choice => Delivery::Chosen(&sites::DEAD_ANSWERS),
        }
    }
}

/// The order of walks: `"choice"`, or a list of servers (those not listed come last).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walk {
    /// By choice, at the site `publish/walk`.
    Choice,
    /// As listed.
    Pinned(Vec<String>),
}

impl<'de> Deserialize<'de> for Walk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Walk, D::Error> {
        struct WalkVisitor;

        impl<'de> Visitor<'de> for WalkVisitor {
            type Value = Walk;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"choice\" or a list of servers such as [\"s1\", \"s2\"]")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Walk, E> {
                match word {
                    "choice" => Ok(Walk::Choice),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Walk, A::Error> {
                let mut servers = Vec::new();
                while let Some(server) = list.next_element()? {
                    servers.push(server);
                }
                Ok(Walk::Pinned(servers))
            }
        }

        deserializer.deserialize_any(WalkVisitor)
    }
}

impl Config {
    /// The server of that name, if there is one.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<ServerId> {
        (0..self.servers).map(ServerId).find(|server| server.to_string() == name)
    }

    /// Names of all client nodes, writers first.
    #[must_use]
    pub fn clients(&self) -> Vec<String> {
        (0..self.writers).map(writer_name).chain((0..self.readers).map(reader_name)).collect()
    }

    /// Everything that makes no sense.
    #[must_use]
    pub fn complaints(&self) -> Vec<ConfigComplaint> {
        let mut complaints = Vec::new();
        let mut complain = |key: &str, message: String| {
            complaints.push(ConfigComplaint { key: key.to_owned(), message });
        };
        if self.servers > SERVERS_MAX {
            complain("servers", format!("{} servers; at most {SERVERS_MAX} are possible", self.servers));
        }
        if self.k == 0 || self.n < self.k {
            complain("k", format!("{}-of-{} is no encoding: 1 <= k <= n is expected", self.k, self.n));
        }
        if self.writers == 0 || self.writers > 8 {
            complain("writers", format!("{} writers; 1 to 8 are possible", self.writers));
        }
        if self.readers > 8 {
            complain("readers", format!("{} readers; at most 8 are possible", self.readers));
        }
        let unknown = |name: &str| match self.servers {
            0 => format!("`{name}`: there are no servers"),
            1 => format!("no server `{name}`: there is only `s1`"),
            last => format!("no server `{name}`: there are `s1` to `s{last}`"),
        };
        for name in self.damaged.keys() {
            if self.server(name).is_none() {
                complain(&format!("damaged.{name}"), unknown(name));
            }
        }
        for name in &self.dead {
            if self.server(name).is_none() {
                complain("dead", unknown(name));
            }
        }
        if let Walk::Pinned(names) = &self.walk {
            for (index, name) in names.iter().enumerate() {
                if self.server(name).is_none() {
                    complain("walk", unknown(name));
                } else if names[..index].contains(name) {
                    complain("walk", format!("`{name}` is listed twice"));
                }
            }
        }
        for (name, shares) in self.placement.iter().flatten() {
            let key = format!("placement.{name}");
            if self.server(name).is_none() {
                complain(&key, unknown(name));
            }
            for share in shares {
                if *share >= self.n {
                    complain(&key, format!("no share {share}: with n = {} there are 0 to {}", self.n, self.n - 1));
                }
            }
        }
        let nodes: Vec<String> =
            self.clients().into_iter().chain((0..self.servers).map(|server| ServerId(server).to_string())).collect();
        for name in &self.may_crash {
            if !nodes.contains(name) {
                complain("may-crash", format!("no node `{name}`: there are {}", nodes.join(", ")));
            }
        }
        complaints
    }
}

/// `client`, `client2` …
#[must_use]
pub fn writer_name(index: u8) -> String {
    numbered("client", index)
}

/// `reader`, `reader2` …
#[must_use]
pub fn reader_name(index: u8) -> String {
    numbered("reader", index)
}

fn numbered(name: &str, index: u8) -> String {
    if index == 0 { name.to_owned() } else { format!("{name}{}", index + 1) }
}

/// A configuration with its names resolved, and the keys of the run's file.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The form of the clients.
    pub variant: &'static Variant,
    /// What the scenario says.
    pub config: Config,
    /// The file's keys.
    pub keys: FileKeys,
    /// All servers, in the file's permuted order.
    pub order: Vec<ServerId>,
    /// Servers that die at the first publish.
    pub dead: Vec<ServerId>,
    walk: Option<Vec<ServerId>>,
}

impl Setting {
    /// Resolves a configuration without complaints, for the `file`-th file.
    #[must_use]
    pub fn new(variant: &'static Variant, config: Config, file: u64) -> Setting {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&file.to_be_bytes());
        let keys = FileKeys::derive(&seed);
        let servers: Vec<_> =
            (0..config.servers).map(ServerId).map(|server| (server, server_key(&server.to_string()))).collect();
        let order = permuted(&keys.storage_index(), &servers);
        let resolve = |names: &[String]| names.iter().filter_map(|name| config.server(name)).collect();
        let walk = match &config.walk {
            Walk::Choice => None,
            Walk::Pinned(names) => Some(resolve(names)),
        };
        Setting { variant, keys, order, dead: resolve(&config.dead), walk, config }
    }

    /// The pinned order of walks.
    #[must_use]
    pub fn walk(&self) -> Option<&[ServerId]> {
        self.walk.as_deref()
    }

    /// Where the shares of the first version are.
    #[must_use]
    pub fn placement(&self) -> Vec<(ServerId, ShareNumber)> {
        match &self.config.placement {
            Some(placement) => placement
                .iter()
                .filter_map(|(name, shares)| Some((self.config.server(name)?, shares)))
                .flat_map(|(server, shares)| shares.iter().map(move |share| (server, *share)))
                .collect(),
            None if self.order.is_empty() => Vec::new(),
            None => {
                (0..self.config.n).map(|share| (self.order[usize::from(share) % self.order.len()], share)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_documented_key_is_read() {
        let config = parse(
            r#"
            servers = 3
            k = 1
            n = 2
            placement = { s1 = [0], s2 = [1], s3 = [] }
            dead = ["s1"]
            dead-answers = "inline"
            walk = ["s1", "s2", "s3"]
            writers = 2
            readers = 0
            "#,
        )
        .unwrap();
        assert!(config.complaints().is_empty());
        assert_eq!(config.walk, Walk::Pinned(vec!["s1".into(), "s2".into(), "s3".into()]));
        assert_eq!(config.clients(), ["client", "client2"]);
        let setting = Setting::new(Variant::named("1.5.0").unwrap(), config, 0);
        assert_eq!(setting.placement(), [(ServerId(0), 0), (ServerId(1), 1)]);
        assert_eq!(parse("walk = \"choice\"").unwrap().walk, Walk::Choice);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_key() {
        assert!(parse("wlak = 1").unwrap_err().contains("wlak"));
        assert!(parse("walk = \"sorted\"").unwrap_err().contains("\"choice\" or a list of servers"));
        let config = parse("servers = 2\nk = 3\nn = 2\ndead = [\"s3\"]\nplacement = { s1 = [2] }").unwrap();
        let keys: Vec<String> = config.complaints().into_iter().map(|complaint| complaint.key).collect();
        assert_eq!(keys, ["k", "dead", "placement.s1"]);
    }

    #[test]
    fn without_a_placement_each_server_in_permuted_order_gets_a_share() {
        let setting = Setting::new(Variant::named("1.5.0").unwrap(), Config::default(), 7);
        let servers: Vec<ServerId> = setting.placement().into_iter().map(|(server, _)| server).collect();
        assert_eq!(servers, setting.order[..4]);
    }
}
