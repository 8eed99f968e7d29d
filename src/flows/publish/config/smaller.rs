//! Smaller configurations, for shrinking.

use super::{Config, Damage, Walk};
use crate::flows::publish::storage::ShareNumber;

impl Config {
    /// Smaller configurations, fewest servers first: keys to lay over this one. What they name and no longer have goes.
    #[must_use]
    pub fn smaller(&self) -> Vec<toml::Table> {
        let mut smaller: Vec<Config> = Vec::new();
        for servers in 1..self.servers {
            let fewer = Config { servers, ..self.clone() };
            if self.n > servers {
                smaller.push(Config { n: servers, k: self.k.min(servers), ..fewer.clone() });
            }
            smaller.push(fewer);
        }
        smaller.extend((1..self.n).map(|n| Config { n, k: self.k.min(n), ..self.clone() }));
        smaller.extend((1..self.k).map(|k| Config { k, ..self.clone() }));
        smaller.extend((1..self.writers).map(|writers| Config { writers, ..self.clone() }));
        smaller.extend((0..self.readers).map(|readers| Config { readers, ..self.clone() }));
        for index in 0..self.dead.len() {
            let mut fewer = self.clone();
            fewer.dead.remove(index);
            smaller.push(fewer);
        }
        for index in 0..self.may_crash.len() {
            let mut fewer = self.clone();
            fewer.may_crash.remove(index);
            smaller.push(fewer);
        }
        smaller.into_iter().map(|config| config.restricted().table(self)).collect()
    }

    /// Without what names a server, a share or a client that is not there.
    fn restricted(mut self) -> Config {
        let (clients, here) = (self.clients(), self.clone());
        let is_server = |name: &String| here.server(name).is_some();
        if let Some(placement) = &mut self.placement {
            placement.retain(|name, _| is_server(name));
            placement.values_mut().for_each(|shares| shares.retain(|share| *share < here.n));
        }
        self.damaged.retain(|name, _| is_server(name));
        self.dead.retain(is_server);
        self.may_crash.retain(|name| is_server(name) || clients.contains(name));
        if let Walk::Pinned(names) = &mut self.walk {
            names.retain(is_server);
        }
        self
    }

    /// The keys in which it differs from `other`, of those that become smaller.
    fn table(&self, other: &Config) -> toml::Table {
        let mut table = toml::Table::new();
        let mut put = |key: &str, differs: bool, value: toml::Value| {
            if differs {
                table.insert(key.to_owned(), value);
            }
        };
        let numbers = [
            ("servers", self.servers, other.servers),
            ("k", self.k, other.k),
            ("n", self.n, other.n),
            ("writers", self.writers, other.writers),
            ("readers", self.readers, other.readers),
        ];
        for (key, here, there) in numbers {
            put(key, here != there, i64::from(here).into());
        }
        let names = |names: &[String]| toml::Value::Array(names.iter().cloned().map(toml::Value::String).collect());
        put("dead", self.dead != other.dead, names(&self.dead));
        put("may-crash", self.may_crash != other.may_crash, names(&self.may_crash));
        if let (Walk::Pinned(here), true) = (&self.walk, self.walk != other.walk) {
            put("walk", true, names(here));
        }
        if let (Some(here), true) = (&self.placement, self.placement != other.placement) {
            let shares = |shares: &Vec<ShareNumber>| shares.iter().map(|share| i64::from(*share).into()).collect();
            let placement = here.iter().map(|(name, list)| (name.clone(), toml::Value::Array(shares(list))));
            put("placement", true, toml::Value::Table(placement.collect()));
        }
        let damage = |damage: &Damage| match damage {
            Damage::Data => "data",
            Damage::Signature => "signature",
        };
        let damaged = self.damaged.iter().map(|(name, how)| (name.clone(), damage(how).into()));
        put("damaged", self.damaged != other.damaged, toml::Value::Table(damaged.collect()));
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_smaller_configuration_is_valid_and_following_them_ends() {
        let text = r#"
            servers = 4
            k = 2
            n = 3
            placement = { s1 = [0], s2 = [1, 2], s4 = [2] }
            damaged = { s2 = "data" }
            dead = ["s4"]
            walk = ["s4", "s1"]
            writers = 2
            may-crash = ["s2", "client2"]
            "#;
        let first: toml::Table = toml::from_str(text).unwrap();
        let (mut open, mut seen) = (vec![first], Vec::new());
        while let Some(table) = open.pop() {
            let config: Config = table.clone().try_into().unwrap();
            assert!(config.complaints().is_empty(), "{table}");
            for keys in config.smaller() {
                let mut smaller = table.clone();
                smaller.extend(keys);
                assert_ne!(smaller, table);
                if !seen.contains(&smaller) {
                    seen.push(smaller.clone());
                    open.push(smaller);
                }
            }
            assert!(seen.len() < 10_000, "no end");
        }
        let is =
            |table: &toml::Table, key: &str, number: i64| table.get(key).is_some_and(|value| *value == number.into());
        let smallest = seen.iter().find(|table| is(table, "servers", 1) && is(table, "readers", 0));
        assert!(smallest.is_some_and(|table| table["placement"]["s1"].as_array().is_some()));
    }
}
