//! How often which site deviates: what a scenario says about faults, as plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::expand::Expander;
use super::rate::Rate;
use super::seed::{Seed, stable_hash};
use super::site::{Site, SiteClass};
use super::stream::Reader;

/// The fault settings of a scenario. What is more specific wins: site, class, profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What happens at sites that are not mentioned.
    pub profile: Profile,
    /// Rates for whole classes.
    pub class_rates: BTreeMap<SiteClass, Rate>,
    /// Single sites, by label or alias.
    pub sites: BTreeMap<String, SiteSetting>,
}

/// Which sites deviate, and how often, where nothing more specific is said. Latency and schedule sites are
/// searched and value sites are drawn under either profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// No faults.
    #[default]
    Quiet,
    /// In each run a fair coin per site decides whether its fault is there at all, and a draw between the
    /// site's default and its cap how often: runs differ in kind, not only in detail.
    Swarm,
}

/// What is said about one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteSetting {
    /// The share of its offers that deviate. Without one: always when pinned, as the swarm says under
    /// [`Profile::Swarm`], else the site's default rate.
    pub rate: Option<Rate>,
    /// Only these actors; empty: all of them.
    pub actors: Vec<String>,
    /// At most this many deviations in a run, all actors together.
    pub max: Option<u64>,
    /// Every deviation takes this value (in words). It is recorded like any deviation, so a plan keeps it.
    pub pin: Option<String>,
}

impl SiteSetting {
    /// Just a rate.
    #[must_use]
    pub fn rate(rate: Rate) -> SiteSetting {
        SiteSetting { rate: Some(rate), ..SiteSetting::default() }
    }
}

impl Settings {
    /// What is said about a site, under its label or one of its aliases.
    #[must_use]
    pub fn of(&self, site: &Site) -> Option<&SiteSetting> {
        site.names().find_map(|name| self.sites.get(name))
    }

    /// Whether a search may let a site deviate at all, and how is not fixed.
    #[must_use]
    pub fn allows(&self, site: &Site) -> bool {
        let setting = self.of(site);
        if setting.is_some_and(|setting| setting.pin.is_some() || setting.max == Some(0)) {
            return false;
        }
        let rate = setting.and_then(|setting| setting.rate).or_else(|| self.class_rates.get(&site.class).copied());
        match (rate, site.class) {
            (Some(rate), _) => rate != Rate::NEVER,
            (None, SiteClass::Fault | SiteClass::Reentry) => setting.is_some() || self.profile == Profile::Swarm,
            (None, SiteClass::Schedule | SiteClass::Latency | SiteClass::Value) => true,
        }
    }

    /// What holds for a site in the run of this seed.
    pub(super) fn resolve(&self, site: &Site, seed: Seed) -> Resolved {
        let setting = self.of(site);
        let swarm = (self.profile == Profile::Swarm).then(|| Swarm::draw(site, seed));
        let pin = setting.and_then(|setting| setting.pin.clone());
        let rate = if let Some(rate) = setting.and_then(|setting| setting.rate) {
            rate
        } else if pin.is_some() {
            Rate::ALWAYS
        } else if let Some(rate) = self.class_rates.get(&site.class) {
            *rate
        } else if let Some(swarm) = &swarm {
            swarm.rate
        } else {
            match site.class {
                SiteClass::Fault | SiteClass::Reentry if setting.is_none() => Rate::NEVER,
                SiteClass::Fault | SiteClass::Reentry => site.default_rate,
                SiteClass::Schedule | SiteClass::Latency | SiteClass::Value => site.cap_rate,
            }
        };
        let dose = swarm.and_then(|swarm| swarm.dose);
        Resolved {
            rate,
            actors: setting.map(|setting| setting.actors.clone()).unwrap_or_default(),
            // A rate that somebody wrote down is meant as written, without the swarm's dose.
            max: match setting {
                Some(setting) if setting.max.is_some() || setting.rate.is_some() || pin.is_some() => setting.max,
                _ => dose,
            },
            pin,
        }
    }
}

/// What holds for one site in one run.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub rate: Rate,
    pub actors: Vec<String>,
    pub max: Option<u64>,
    pub pin: Option<String>,
}

/// What a swarm decides about one site; a function of seed and site alone.
struct Swarm {
    rate: Rate,
    dose: Option<u64>,
}

impl Swarm {
    /// The words of the expansion, in this order: the coin, the rate, the dose. All are always drawn.
    fn draw(site: &Site, seed: Seed) -> Swarm {
        let stream = stable_hash(&["swarm", site.first_label()]);
        let mut expander = Expander::new(Reader::new(seed, stream).at(0));
        let on = expander.chance(Rate::HALF);
        let rate = Rate::log_uniform(site.default_rate, site.cap_rate, |low, high| expander.range_inclusive(low, high));
        let dose = expander.weighted(&[60, 25, 10, 5]) as u64;
        // A dose of 0 is a dosed site's way of being absent; a coin on top would make it twice as rare.
        let maskable = matches!(site.class, SiteClass::Fault | SiteClass::Reentry) && !site.dosed;
        Swarm { rate: if maskable && !on { Rate::NEVER } else { rate }, dose: site.dosed.then_some(dose) }
    }
}

/// Not a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a profile: expected `quiet` or `swarm`")]
pub struct ParseProfileError(String);

impl FromStr for Profile {
    type Err = ParseProfileError;

    fn from_str(text: &str) -> Result<Profile, ParseProfileError> {
        match text {
            "quiet" => Ok(Profile::Quiet),
            "swarm" => Ok(Profile::Swarm),
            _ => Err(ParseProfileError(text.to_owned())),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Quiet => "quiet",
            Profile::Swarm => "swarm",
        })
    }
}
