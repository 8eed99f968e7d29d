//! How the seeds of a sweep are searched: which strategy a seed stands for. Frozen: a stored seed keeps its meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::seed::Seed;

/// A way of searching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Every seed has one of the others, by its remainder modulo 32: 18 swarm, 6 pct, 3 single-fault, 2 mutation, and
    /// one each of swizzle, isolate-one and starve-one. The first eight are swarm.
    #[default]
    Mix,
    /// Each run has a random subset of the faults, at random rates (Groce and others 2012).
    Swarm,
    /// [`Strategy::PctOf`] with a depth of 1, 2 or 3, which the seed decides.
    Pct,
    /// Priorities with so many ordering constraints (Burckhardt and others 2010, told as delays): every direction of a
    /// link, task and callback has a priority, which decides how slow it is; at depth - 1 instants whoever chooses
    /// next falls behind all others. Timers have none. Code may
    /// rely on a timer that is set to be heard in time (a lease, a check of freshness), and a search that delays it finds
    /// failures of a clock which no scenario has declared broken. Whether a delivery comes before a timer or after it is
    /// a matter of how slow the delivery is; that leaves out the order of timers due at the very same instant, which is
    /// the order in which they were set, and only an exhaustive exploration (any timer that is due may be next) changes.
    PctOf(u8),
    /// One fault at one of the places where one could have happened, once or from there on.
    SingleFault,
    /// Nodes are cut off one by one, and come back in another order.
    Swizzle,
    /// One node is cut off for a while.
    IsolateOne,
    /// One actor is slow for a number of choices that is a power of two.
    StarveOne,
    /// The beginning of a run that showed something new, searched on from there.
    Mutation,
}

/// Seeds after which strategies with feedback see what was found.
const GENERATION_SEEDS: u64 = 256;
/// The same within the first of these generations: there nearly everything is new, and short sweeps see something, too.
const EARLY_GENERATION_SEEDS: u64 = 64;

/// Where the generation begins that the seed at this index of a sweep belongs to: strategies with feedback know what the
/// seeds before that have shown. It is a multiple of 64 always.
#[must_use]
pub const fn generation_start(index: u64) -> u64 {
    let length = if index < GENERATION_SEEDS { EARLY_GENERATION_SEEDS } else { GENERATION_SEEDS };
    index / length * length
}

/// What the seeds of a mix stand for, by their remainder.
const MIX: [Strategy; 32] = {
    use Strategy::{IsolateOne, Mutation, Pct, SingleFault, StarveOne, Swarm, Swizzle};
    [
        Swarm,
        Swarm,
        Swarm,
        Swarm,
        Swarm,
        Swarm,
        Swarm,
        Swarm, //
        Pct,
        Swarm,
        SingleFault,
        Swarm,
        Pct,
        Swarm,
        Mutation,
        Swarm, //
        Pct,
        Swarm,
        SingleFault,
        Swarm,
        Pct,
        Swizzle,
        Swarm,
        Pct, //
        Swarm,
        IsolateOne,
        Swarm,
        SingleFault,
        Swarm,
        Pct,
        Mutation,
        StarveOne,
    ]
};

impl Strategy {
    /// Those that can be asked for, in the order in which they are listed.
    pub const ALL: [Strategy; 11] = [
        Strategy::Mix,
        Strategy::Swarm,
        Strategy::Pct,
        Strategy::PctOf(1),
        Strategy::PctOf(2),
        Strategy::PctOf(3),
        Strategy::SingleFault,
        Strategy::Swizzle,
        Strategy::IsolateOne,
        Strategy::StarveOne,
        Strategy::Mutation,
    ];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Strategy::Mix => "mix",
            Strategy::Swarm => "swarm",
            Strategy::Pct => "pct",
            Strategy::PctOf(1) => "pct-1",
            Strategy::PctOf(2) => "pct-2",
            Strategy::PctOf(_) => "pct-3",
            Strategy::SingleFault => "single-fault",
            Strategy::Swizzle => "swizzle",
            Strategy::IsolateOne => "isolate-one",
            Strategy::StarveOne => "starve-one",
            Strategy::Mutation => "mutation",
        }
    }

    /// What a seed stands for: neither `mix` nor `pct` without a depth.
    #[must_use]
    pub fn of_seed(self, seed: Seed) -> Strategy {
        match self {
            Strategy::Mix => MIX[(seed.0 % MIX.len() as u64) as usize].of_seed(seed),
            Strategy::Pct => Strategy::PctOf(1 + (seed.derive("pct-depth", 0) % 3) as u8),
            other => other,
        }
    }

    /// Whether some seeds start from what earlier ones have found.
    #[must_use]
    pub const fn has_feedback(self) -> bool {
        matches!(self, Strategy::Mix | Strategy::Mutation)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Not a strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a strategy")]
pub struct ParseStrategyError(String);

impl FromStr for Strategy {
    type Err = ParseStrategyError;

    fn from_str(text: &str) -> Result<Strategy, ParseStrategyError> {
        let found = Strategy::ALL.into_iter().find(|strategy| strategy.label() == text);
        found.ok_or_else(|| ParseStrategyError(text.to_owned()))
    }
}

impl Serialize for Strategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strategy, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a seed of a mix stands for is frozen, small seeds are swarm, and every strategy has its floor.
    #[test]
    fn the_mix_is_frozen() {
        let names: Vec<&str> = (0..32).map(|seed| MIX[seed].label()).collect();
        assert_eq!(
            names.join(" "),
            "swarm swarm swarm swarm swarm swarm swarm swarm pct swarm single-fault swarm pct swarm mutation swarm \
             pct swarm single-fault swarm pct swizzle swarm pct swarm isolate-one swarm single-fault swarm pct \
             mutation starve-one"
        );
        let depths: Vec<String> = (0..12).map(|seed| Strategy::Pct.of_seed(Seed(seed)).to_string()).collect();
        assert!((1..=3).all(|depth| depths.contains(&format!("pct-{depth}"))), "{depths:?}");
        assert_eq!(Strategy::Mix.of_seed(Seed(64 + 21)), Strategy::Swizzle);
        assert_eq!(Strategy::Swarm.of_seed(Seed(21)), Strategy::Swarm);
    }

    /// Four short generations, then long ones; frozen, because which parents a mutation can have depends on it.
    #[test]
    fn generations_are_frozen() {
        let starts = [0, 63, 64, 130, 255, 256, 511, 512, 1_000].map(generation_start);
        assert_eq!(starts, [0, 0, 64, 128, 192, 256, 256, 512, 768]);
    }

    /// A strategy's name is read back, and nothing else is.
    #[test]
    fn names() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.label().parse(), Ok(strategy));
        }
        assert!("pct-4".parse::<Strategy>().is_err());
    }
}
