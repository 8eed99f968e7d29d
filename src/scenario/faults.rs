//! `[faults]`: the profile and the settings of single sites.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::catalogue::Names;
use super::fields::Fields;
use super::findings::{Findings, shown};
use super::keys;
use super::nearest;
use super::values::{self, Value, wrong_type};
use crate::choice::{Profile, Rate, Settings, SiteSetting};

const PROFILES: &[(&str, Profile)] = &[("quiet", Profile::Quiet), ("swarm", Profile::Swarm)];

/// Reads the settings; labels are checked when the flow is known.
pub(super) fn read(table: &DeTable<'_>, names: Option<&Names<'_>>, findings: &mut Findings<'_>) -> Settings {
    let mut settings = Settings::default();
    // A site may be named by its current and by a former label, but not by both.
    let mut named: BTreeMap<&'static str, &str> = BTreeMap::new();
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        if name == "profile" {
            let profile = values::one_of(value, "faults.profile", "fault profile", PROFILES, findings);
            settings.profile = profile.unwrap_or_default();
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
                if nearest::nearest(name, &["profile"]).is_some() {
                    let message = format!("unknown key {} in [faults]", shown(name));
                    findings.add_help(&key.span(), message, "did you mean `profile`?");
                    continue;
                }
                let flow = names.flow.info().name;
                findings.not_of(&key.span(), flow, "site", name, &names.site_labels());
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
        let or_table = ", or a table { rate, actors, max, pin }";
        return SiteSetting { rate: rate(value, name, or_table, findings), ..SiteSetting::default() };
    }
    let Some(fields) = Fields::of(value, name, keys::SITE, findings) else {
        return SiteSetting::default();
    };
    let rate = fields.get("rate").and_then(|value| rate(value, "rate", "", findings));
    let actors = fields.list("actors", "a list of strings", findings);
    if actors.is_some_and(|list| list.is_empty()) {
        let message = "`actors` is empty: nobody would be offered this";
        findings.add_help(&fields.value_span("actors"), message, "leave it out to mean all actors");
    }
    SiteSetting {
        rate,
        actors: fields.strings("actors", findings).into_iter().map(|actor| actor.value).collect(),
        max: fields.count("max", 0, u64::MAX, findings).map(|count| count.value),
        pin: fields.string("pin", findings).map(|words| words.value),
    }
}

/// Reads a rate. `or_else`: what else could stand here.
fn rate(value: &Value<'_>, name: &str, or_else: &str, findings: &mut Findings<'_>) -> Option<Rate> {
    let number: Option<f64> = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => {
            wrong_type(value, name, &format!("a number from 0 to 1{or_else}"), findings);
            return None;
        }
    };
    let rate = number.and_then(|number| Rate::from_f64(number).ok());
    if rate.is_none() {
        let found = values::in_words(value.get_ref());
        let percent = number.filter(|number| (1.0..=100.0).contains(number));
        findings.add_with(&value.span(), format!("`{name}` must be a number from 0 to 1, found {found}"), || {
            percent.map(|percent| format!("{percent} % is written {}", percent / 100.0))
        });
    }
    rate
}
