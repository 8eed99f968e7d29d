//! Choices: where a run could go one way or another, who decides, and how a decision is found again.
//!
//! A choice is named by a **site** (where), an **actor** (who) and **n** (which of the actor's choices
//! there). Its answer depends on nothing else, so that adding, removing or editing anything elsewhere moves
//! no other choice. Every choice has a **quiet** value; a run records only what deviates, in words, and such
//! a **script** replays without the seed.
//!
//! | file | what is there |
//! |---|---|
//! | `site` | labelled places and their classes |
//! | `domain`, `domains` | what can be chosen: the trait, and ready-made ones |
//! | `choices`, `pick` | the answers of one run: search, replay, or first one and then the other |
//! | `settings` | how often which site deviates: profiles, rates, doses, pins |
//! | `script` | deviations, and how many of them found their place again |
//! | `strategy`, `tactic`, `guided` | how a sweep is searched, what that changes about a run's draws, and where |
//! | `offer`, `account` | counts per site and the list of offers: what they are, and how they are kept |
//! | `state` | what is kept per stream and per site |
//! | `seed`, `stream`, `expand`, `rate` | words and what is made of them, frozen for ever |
//!
//! ```
//! use std::time::Duration;
//! use seedbed::choice::{Choices, Latency, Mode, Script, Seed, Settings, Site};
//!
//! static TRANSIT: Site = Site::latency("demo/transit", "Time from send to delivery.");
//! let link = Latency { quiet: Duration::from_millis(1), max: Duration::from_secs(1) };
//!
//! // Search: the seed decides, and what deviated is recorded.
//! let mut choices = Choices::new(Seed(7), Mode::Search, &Script::default(), &Settings::default());
//! let stream = choices.stream(&TRANSIT, "client->server");
//! let drawn: Vec<Duration> = (0..10).map(|_| choices.choose(stream, &link)).collect();
//! let script = choices.script();
//! assert!(!script.is_empty());
//!
//! // Replay: the script decides, any seed will do, and all of it finds its place.
//! let mut choices = Choices::new(Seed(0), Mode::Replay, &script, &Settings::default());
//! let stream = choices.stream(&TRANSIT, "client->server");
//! let replayed: Vec<Duration> = (0..10).map(|_| choices.choose(stream, &link)).collect();
//! assert_eq!(replayed, drawn);
//! assert_eq!(choices.anchoring().used, script.len());
//! assert_eq!(choices.script(), script);
//! ```

mod account;
mod choices;
mod domain;
mod domains;
mod expand;
mod guided;
mod offer;
mod pick;
mod rate;
mod script;
mod seed;
mod settings;
mod site;
mod state;
mod strategy;
mod stream;
mod tactic;

pub use choices::{Choices, Mode};
pub use domain::{Domain, Note, distinct};
pub use domains::{Coin, Latency, OneOf, Permutation, Subset, UpTo, Word, smaller};
pub use expand::Expander;
pub use offer::{Offer, SiteCount};
pub use rate::{Rate, RateError};
pub use script::{Anchoring, Deviation, Script};
pub use seed::{ParseSeedError, Seed, stable_hash};
pub use settings::{ParseProfileError, Profile, Settings, SiteSetting};
pub use site::{Site, SiteClass};
pub use strategy::{ParseStrategyError, Strategy, generation_start};
pub use stream::StreamId;
pub use tactic::{Forced, Tactic};

#[cfg(test)]
mod tests;
