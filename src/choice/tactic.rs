//! What a strategy changes about how a run is drawn. It works on the choices alone, so what it did stands in the run's
//! script like everything else, and a plan of it needs no strategy.
//!
//! A tactic *rules* some streams: it answers their offers, or leaves an offer to the swarm. It never turns on what the
//! scenario's settings leave out.

use std::collections::{BTreeMap, BTreeSet};

use super::domain::Domain;
use super::expand::Expander;
use super::rate::Rate;
use super::script::Deviation;
use super::seed::{Seed, stable_hash};
use super::site::{Site, SiteClass};
use super::state::SiteState;
use super::stream::{Reader, StreamId};

/// How a run is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tactic {
    /// As the settings say.
    #[default]
    Swarm,
    /// Every stream of durations, pick of a task and callback has a priority. The lower it is, the slower the stream;
    /// at `depth - 1` drawn instants the stream that chooses next falls behind all others.
    Priorities {
        /// 1 to 3.
        depth: u8,
    },
    /// One node is cut off.
    Isolate,
    /// Each node is cut off by a fair coin, at an instant and for a time of its own.
    Swizzle,
    /// One stream of durations is slow for a while.
    Starve,
    /// No fault and no re-entry but this one; what is pinned stays.
    Calm(Option<Forced>),
}

/// A deviation that happens whatever is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// Where, and what.
    pub deviation: Deviation,
    /// There and at every later offer of the same site and actor.
    pub stays: bool,
}

/// Levels of priority at the beginning; each is eight times as slow as the one above it.
const LEVELS: u64 = 4;
/// How much slower each level is, as a power of two.
const LEVEL_DOUBLINGS: u32 = 3;
/// How slow a stream is that fell behind, or is starved, as a power of two.
const SLOWEST_DOUBLINGS: u32 = 11;
/// Change points, and where an adversary begins, are drawn among so many offers, as a power of two.
const HORIZON_EXPONENT: u32 = 11;
/// A link is cut for 2^3 to 2^15 milliseconds.
const CUT_EXPONENTS: (u64, u64) = (3, 15);
/// Longest starvation in offers, as a power of two.
const STARVED_EXPONENT_MAX: u64 = 8;
/// The site by which nodes are cut off.
const PARTITION: &str = "net/partition";

/// A tactic in a run.
#[derive(Debug)]
pub(super) struct Ruling {
    seed: Seed,
    tactic: Tactic,
    /// Ruled offers so far.
    offers: u64,
    /// Change points, the next one last; for adversaries the beginning.
    changes: Vec<u64>,
    /// How many change points have passed.
    passed: u64,
    behind: BTreeSet<StreamId>,
    /// The stream that is starved, and for how many more offers.
    starved: Option<(StreamId, u64)>,
    /// The node that is cut off.
    isolated: Option<String>,
    /// Links that were cut.
    cut: BTreeSet<StreamId>,
    /// The words that priorities are made of, drawn once.
    priorities: BTreeMap<StreamId, u64>,
    /// The words of nodes, drawn once.
    nodes: BTreeMap<String, u64>,
}

/// An offer of a ruled stream.
pub(super) struct Ruled<'a> {
    pub site: &'static Site,
    pub actor: &'a str,
    pub stream: StreamId,
}

impl Ruling {
    pub(super) fn new(seed: Seed, tactic: &Tactic) -> Ruling {
        let instants = match tactic {
            Tactic::Priorities { depth } => u64::from(depth.saturating_sub(1)),
            Tactic::Isolate | Tactic::Starve => 1,
            Tactic::Swarm | Tactic::Swizzle | Tactic::Calm(_) => 0,
        };
        let instant = |index| Expander::new(seed.derive("change-point", index)).pow2_scale(HORIZON_EXPONENT);
        let mut changes: Vec<u64> = (0..instants).map(instant).collect();
        changes.sort_unstable_by(|one, other| other.cmp(one));
        Ruling {
            seed,
            tactic: tactic.clone(),
            offers: 0,
            changes,
            passed: 0,
            behind: BTreeSet::new(),
            starved: None,
            isolated: None,
            cut: BTreeSet::new(),
            priorities: BTreeMap::new(),
            nodes: BTreeMap::new(),
        }
    }

    /// Whether offers of this site are asked about here. A site that the settings leave out is not.
    pub(super) fn rules(&self, state: &SiteState) -> bool {
        let possible = state.resolved.rate != Rate::NEVER && state.resolved.pin.is_none();
        possible
            && match self.tactic {
                Tactic::Swarm | Tactic::Calm(_) => false,
                Tactic::Priorities { .. } => {
                    matches!(state.site.class, SiteClass::Latency | SiteClass::Schedule | SiteClass::Reentry)
                }
                Tactic::Starve => state.site.class == SiteClass::Latency,
                Tactic::Isolate | Tactic::Swizzle => state.site.label == PARTITION,
            }
    }

    /// The position at which candidates of a pick draw their priorities, if the tactic gives them some.
    pub(super) fn epoch(&self) -> Option<u64> {
        matches!(self.tactic, Tactic::Priorities { .. }).then_some(self.passed)
    }

    /// The answer; `None`: as the swarm draws.
    pub(super) fn answer<D: Domain>(&mut self, ruled: &Ruled<'_>, domain: &D) -> Option<D::Value> {
        self.offers += 1;
        let changes = self.changes.last().is_some_and(|at| self.offers >= *at);
        match self.tactic {
            Tactic::Swarm | Tactic::Calm(_) => None,
            Tactic::Priorities { .. } => {
                if changes {
                    self.changes.pop();
                    self.passed += 1;
                    self.behind.insert(ruled.stream);
                }
                self.by_priority(ruled, domain)
            }
            Tactic::Starve => {
                if changes {
                    self.changes.pop();
                    let length = 1 << (self.seed.derive("starved", 0) % (STARVED_EXPONENT_MAX + 1));
                    self.starved = Some((ruled.stream, length));
                }
                let (starved, left) = self.starved.as_mut()?;
                if *starved != ruled.stream || *left == 0 {
                    return None;
                }
                *left -= 1;
                domain.slowed(SLOWEST_DOUBLINGS)
            }
            Tactic::Isolate => {
                let ends = ends_of(ruled.actor)?;
                if changes {
                    self.changes.pop();
                    let victim = if self.seed.derive("isolated", 0).is_multiple_of(2) { ends.0 } else { ends.1 };
                    self.isolated = Some(victim.to_owned());
                }
                let isolated = self.isolated.as_deref()?;
                if ends.0 != isolated && ends.1 != isolated || !self.cut.insert(ruled.stream) {
                    return None;
                }
                domain.parse(&cut_words(self.seed.derive("isolated", 1)))
            }
            Tactic::Swizzle => {
                let ends = ends_of(ruled.actor)?;
                let word = [ends.0, ends.1].into_iter().find_map(|node| self.swizzled(node))?;
                self.cut.insert(ruled.stream).then(|| domain.parse(&cut_words(word)))?
            }
        }
    }

    fn by_priority<D: Domain>(&mut self, ruled: &Ruled<'_>, domain: &D) -> Option<D::Value> {
        if ruled.site.class == SiteClass::Schedule {
            return None;
        }
        let is_behind = self.behind.contains(&ruled.stream);
        let seed = self.seed;
        let word = self.priorities.entry(ruled.stream);
        let word = *word.or_insert_with(|| word_of(seed, &[ruled.site.first_label(), ruled.actor]));
        let mut expander = Expander::new(word);
        if ruled.site.class == SiteClass::Latency {
            let level = expander.below(LEVELS) as u32;
            return domain.slowed(if is_behind { SLOWEST_DOUBLINGS } else { level * LEVEL_DOUBLINGS });
        }
        // A callback does the same all the time, until it falls behind.
        let often = expander.chance(Rate::HALF) != is_behind;
        Some(if often { domain.draw(&mut expander) } else { domain.quiet() })
    }

    /// Whether a node is among those that are cut off by now; a word about how.
    fn swizzled(&mut self, node: &str) -> Option<u64> {
        if !self.nodes.contains_key(node) {
            self.nodes.insert(node.to_owned(), word_of(self.seed, &["swizzled", node]));
        }
        let mut expander = Expander::new(self.nodes[node]);
        let is_in = expander.chance(Rate::HALF);
        let from = expander.pow2_scale(HORIZON_EXPONENT - 1);
        (is_in && self.offers >= from).then(|| expander.next())
    }
}

/// The word of a name in a run.
fn word_of(seed: Seed, name: &[&str]) -> u64 {
    Reader::new(seed, stable_hash(&[&["tactic"], name].concat())).at(0)
}

/// The nodes at the ends of a link, from the name of one direction: `client->s3` and `client->s3#2`.
fn ends_of(actor: &str) -> Option<(&str, &str)> {
    let (from, to) = actor.split_once("->")?;
    let end = to.find(['#', '/', ':', ' ']).unwrap_or(to.len());
    Some((from, &to[..end]))
}

fn cut_words(word: u64) -> String {
    let exponent = Expander::new(word).range_inclusive(CUT_EXPONENTS.0, CUT_EXPONENTS.1);
    format!("both ways for {}ms", 1_u64 << exponent)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::choice::{Choices, Coin, Latency, Mode, Script, Settings, SiteSetting};

    static TRANSIT: Site = Site::latency("test/transit", "for tests");
    static FAULT: Site = Site::fault("test/fault", "for tests", Rate::HALF, Rate::HALF);
    static READY: Site = Site::schedule("test/ready", "for tests");
    const LINK: Latency = Latency { quiet: Duration::from_micros(500), max: Duration::from_secs(1) };

    fn choices(seed: u64, tactic: &Tactic) -> Choices {
        let setting = SiteSetting::rate(Rate::HALF);
        let settings = Settings { sites: BTreeMap::from([(FAULT.label.to_owned(), setting)]), ..Settings::default() };
        let mut choices = Choices::new(Seed(seed), Mode::Search, &Script::default(), &settings);
        choices.follow(tactic);
        choices
    }

    /// Under priorities a link keeps its latency until a change point, after which one link is as slow as can be; what
    /// was drawn is recorded and replays without the tactic.
    #[test]
    fn priorities() {
        let mut demotions = 0;
        for seed in 0..40 {
            let mut choices = choices(seed, &Tactic::Priorities { depth: 2 });
            let links: Vec<StreamId> = ["a->b", "b->a", "c->a"].map(|link| choices.stream(&TRANSIT, link)).into();
            let mut seen = [const { Vec::new() }; 3];
            for _ in 0..600 {
                for (link, seen) in links.iter().zip(&mut seen) {
                    let latency = choices.choose(*link, &LINK);
                    if seen.last() != Some(&latency) {
                        seen.push(latency);
                    }
                }
            }
            let changed = seen.iter().filter(|latencies| latencies.len() > 1).count();
            assert!(changed <= 1 && seen.iter().all(|latencies| latencies.len() <= 2), "{seen:?}");
            demotions += changed;
            let script = choices.script();
            let mut replay = Choices::new(Seed(0), Mode::Replay, &script, &Settings::default());
            let link = replay.stream(&TRANSIT, "a->b");
            assert_eq!(replay.choose(link, &LINK), seen[0][0]);
        }
        assert!(demotions > 20, "{demotions}");
    }

    /// Under priorities the same ready task wins again and again.
    #[test]
    fn tasks_have_priorities() {
        for seed in 0..20 {
            let mut choices = choices(seed, &Tactic::Priorities { depth: 1 });
            let stream = choices.stream(&READY, "server");
            let mut winners: Vec<usize> = (0..20).map(|_| choices.pick(stream, &["x", "y", "z"])).collect();
            winners.dedup();
            assert_eq!(winners.len(), 1);
        }
    }

    /// A starved stream is slow for a power of two of its offers; the other is as the swarm has it.
    #[test]
    fn starvation() {
        let mut longest = 0;
        for seed in 0..40 {
            let mut starving = choices(seed, &Tactic::Starve);
            let mut swarm = choices(seed, &Tactic::Swarm);
            let links = ["a->b", "b->a"];
            let streams = links.map(|link| (starving.stream(&TRANSIT, link), swarm.stream(&TRANSIT, link)));
            let mut differing = [0_u64; 2];
            for _ in 0..3_000 {
                for ((starved, drawn), differing) in streams.iter().zip(&mut differing) {
                    let (starved, drawn) = (starving.choose(*starved, &LINK), swarm.choose(*drawn, &LINK));
                    *differing += u64::from(starved != drawn);
                }
            }
            assert!(differing.contains(&0), "one of them is left alone: {differing:?}");
            longest = longest.max(differing[0] + differing[1]);
        }
        assert!(longest > 100, "{longest}");
    }

    /// A calm run has no fault but the forced one, once or from there on.
    #[test]
    fn calm() {
        let deviation =
            Deviation { site: FAULT.label.into(), actor: "disk".into(), n: 3, value: "yes".into(), step: 0 };
        let run = |forced: Option<Forced>| {
            let mut choices = choices(1, &Tactic::Calm(forced));
            let stream = choices.stream(&FAULT, "disk");
            let struck: Vec<u64> = (0..6).filter(|_| choices.choose(stream, &Coin)).collect();
            struck
        };
        assert!(run(None).is_empty());
        assert_eq!(run(Some(Forced { deviation: deviation.clone(), stays: false })), [3]);
        assert_eq!(run(Some(Forced { deviation, stays: true })), [3, 4, 5]);
    }

    /// The ends of a link are found in the names of its directions.
    #[test]
    fn ends_of_links() {
        assert_eq!(ends_of("client->s3"), Some(("client", "s3")));
        assert_eq!(ends_of("client->s3#2"), Some(("client", "s3")));
        assert_eq!(ends_of("client"), None);
    }
}
