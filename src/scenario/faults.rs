//! `[faults]`: the profile and the settings of single sites; `[contract]`: what the system promises to survive.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::catalogue::Names;
use super::fields::{Fields, Placed, Value, string, value_in_words};
use super::findings::{Findings, shown};
use super::keys;
use crate::choice::{Profile, Rate, Settings, SiteSetting};

const PROFILES: &[(&str, Profile)] = &[("quiet", Profile::Quiet), ("swarm", Profile::Swarm)];

/// The contracts there are and the values of each.
const CONTRACTS: &[(&str, &[&str])] =
    &[("disk", &["ordered", "posix-strict", "in-order", "hostile"])];

/// Reads the settings; labels are checked when the flow is known.
pub(super) fn read(
    table: &DeTable<'_>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> Settings {
    let mut settings = Settings::default();
    // A site may be named by its current and by a former label, but not by both.
    let mut named: BTreeMap<&'static str, &str> = BTreeMap::new();
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        if name == "profile" {
            if let Some(found) = string(value, "faults.profile", findings) {
                let valid: Vec<&str> = PROFILES.iter().map(|(word, _)| *word).collect();
                match PROFILES.iter().find(|(word, _)| *word == found.value) {
                    Some((_, profile)) => settings.profile = *profile,
                    None => findings.unknown(&found.span, "fault profile", &found.value, &valid),
                }
            }
            continue;
        }
        let label = match names.map(|names| (names, names.site(name))) {
            None => name,
            Some((_, Some(site))) => {
                if let Some(other) = named.insert(site.label, name) {
                    let message = format!("{} and {} are the same site", shown(name), shown(other));
                    findings.add(&key.span(), message);
                }
                site.label
            }
            Some((names, None)) => {
                let mut valid = names.site_labels();
                valid.push("profile");
                findings.not_of(&key.span(), names.flow.info().name, "site", name, &valid);
                name
            }
        };
        let setting = site_setting(value, name, findings);
        settings.sites.insert(label.to_owned(), setting);
    }
    settings
}

fn site_setting(value: &Value<'_>, name: &str, findings: &mut Findings<'_>) -> SiteSetting {
    if !value.get_ref().is_table() {
        let rate = rate(
            value,
            name,
            "a rate from 0 to 1, or a table { rate, actors, max, pin }",
            findings,
        );
        return SiteSetting {
            rate,
            ..SiteSetting::default()
        };
    }
    let Some(fields) = Fields::of(value, name, keys::SITE, false, findings) else {
        return SiteSetting::default();
    };
    let rate = fields
        .get("rate")
        .and_then(|value| rate(value, "rate", "a number from 0 to 1", findings));
    let actors = fields.strings("actors", findings);
    if actors.as_ref().is_some_and(Vec::is_empty) {
        let span = fields
            .get("actors")
            .map_or(fields.span.clone(), |list| list.span());
        findings.add_help(
            &span,
            "`actors` is empty: the site would never be offered",
            "leave it out to mean all actors",
        );
    }
    SiteSetting {
        rate,
        actors: actors
            .unwrap_or_default()
            .into_iter()
            .map(|actor| actor.value)
            .collect(),
        max: fields
            .count("max", 0, u64::MAX, findings)
            .map(|count| count.value),
        pin: fields.string("pin", findings).map(|words| words.value),
    }
}

fn rate(
    value: &Value<'_>,
    name: &str,
    expected: &str,
    findings: &mut Findings<'_>,
) -> Option<Rate> {
    let number: Option<f64> = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        other => {
            let message = format!(
                "`{name}` must be {expected}, found {}",
                value_in_words(other)
            );
            findings.add(&value.span(), message);
            return None;
        }
    };
    let rate = number.and_then(|number| Rate::from_f64(number).ok());
    if rate.is_none() {
        let percent = number
            .filter(|number| (1.0..=100.0).contains(number))
            .map(|number| number / 100.0);
        let message = format!(
            "`{name}` must be {expected}, found {}",
            value_in_words(value.get_ref())
        );
        findings.add_with(&value.span(), message, || {
            percent.map(|rate| format!("{} % is written {rate}", rate * 100.0))
        });
    }
    rate
}

/// Reads `[contract]`.
pub(super) fn read_contract(
    table: &DeTable<'_>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, String> {
    let mut contract = BTreeMap::new();
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        let Some((_, valid)) = CONTRACTS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = CONTRACTS.iter().map(|(known, _)| *known).collect();
            findings.unknown(&key.span(), "contract", name, &known);
            continue;
        };
        let Some(Placed { value: word, span }) =
            string(value, &format!("contract.{name}"), findings)
        else {
            continue;
        };
        if valid.contains(&word.as_str()) {
            contract.insert(name.to_owned(), word);
        } else {
            findings.unknown(&span, &format!("{name} contract"), &word, valid);
        }
    }
    contract
}
