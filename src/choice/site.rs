//! The labelled places where choices are made.

use super::rate::Rate;

/// What kind of choice a site makes; decides how a profile treats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteClass {
    /// Something harmful: off unless a scenario or a swarm turns it on.
    Fault,
    /// Which of several possible things happens next: quiet at least half of the time.
    Schedule,
    /// How long something takes: quiet at least half of the time.
    Latency,
    /// Whether foreign code runs inside a callback: treated like a fault.
    Reentry,
    /// A neutral choice of a flow (a walk order, a salt): always drawn, in every phase.
    Value,
}

impl SiteClass {
    /// The name used in files and tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            SiteClass::Fault => "fault",
            SiteClass::Schedule => "schedule",
            SiteClass::Latency => "latency",
            SiteClass::Reentry => "reentry",
            SiteClass::Value => "value",
        }
    }

    /// Whether it is among what can go wrong: what enumerating faults places, and a single fault is one of.
    #[must_use]
    pub const fn is_harmful(self) -> bool {
        matches!(self, SiteClass::Fault | SiteClass::Reentry)
    }
}

/// A place where a choice is made. Always a `pub static`; the label is public and lives for ever.
///
/// ```
/// use seedbed::choice::{Rate, Site};
/// pub static RESET: Site = Site::fault(
///     "net/reset", "The connection is reset.", Rate::per_million(1_000), Rate::per_million(100_000),
/// );
/// // Renamed once: scripts and settings that say `net/rst` still work, and no seed changes its meaning.
/// pub static RENAMED: Site = Site::latency("net/latency", "Transit time.").with_aliases(&["net/delay"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Its name: `layer/what` in kebab-case.
    pub label: &'static str,
    /// Former labels, the oldest first.
    pub aliases: &'static [&'static str],
    /// What kind of choice it makes.
    pub class: SiteClass,
    /// One line for people: what happens.
    pub doc: &'static str,
    /// One line for people: where the real world does this. Empty: the flow's source says so, or it is a neutral choice.
    pub ground: &'static str,
    /// The lowest rate a swarm gives it; also its rate when a scenario names it without one.
    pub default_rate: Rate,
    /// The highest rate a swarm gives it.
    pub cap_rate: Rate,
    /// A swarm also draws how often it may fire in a run: 0, 1, 2 or 3 times.
    pub dosed: bool,
    /// Such a fault can also stay: from one operation on, each one fails.
    pub sticky: bool,
}

impl Site {
    /// A fault, with its default rate and its cap.
    #[must_use]
    pub const fn fault(label: &'static str, doc: &'static str, default: Rate, cap: Rate) -> Site {
        Site::new(SiteClass::Fault, label, doc, default, cap)
    }

    /// A choice of order. A swarm lets between 1 in 8 and 1 in 2 deviate.
    #[must_use]
    pub const fn schedule(label: &'static str, doc: &'static str) -> Site {
        Site::new(SiteClass::Schedule, label, doc, Rate::per_million(125_000), Rate::HALF)
    }

    /// A choice of duration. A swarm lets between 1 in 8 and 1 in 2 deviate.
    #[must_use]
    pub const fn latency(label: &'static str, doc: &'static str) -> Site {
        Site::new(SiteClass::Latency, label, doc, Rate::per_million(125_000), Rate::HALF)
    }

    /// A choice of nesting. A swarm that has it on lets between 1 in 50 and 1 in 2 deviate.
    #[must_use]
    pub const fn reentry(label: &'static str, doc: &'static str) -> Site {
        Site::new(SiteClass::Reentry, label, doc, Rate::per_million(20_000), Rate::HALF)
    }

    /// A neutral choice, always drawn.
    #[must_use]
    pub const fn value(label: &'static str, doc: &'static str) -> Site {
        Site::new(SiteClass::Value, label, doc, Rate::ALWAYS, Rate::ALWAYS)
    }

    const fn new(class: SiteClass, label: &'static str, doc: &'static str, default: Rate, cap: Rate) -> Site {
        Site {
            label,
            aliases: &[],
            class,
            doc,
            ground: "",
            default_rate: default,
            cap_rate: cap,
            dosed: false,
            sticky: true,
        }
    }

    /// The labels it had before, the oldest first.
    #[must_use]
    pub const fn with_aliases(self, aliases: &'static [&'static str]) -> Site {
        Site { aliases, ..self }
    }

    /// Where the real world does this: a measurement, a standard, an incident. Shown by `seedbed list --faults`.
    #[must_use]
    pub const fn grounded(self, ground: &'static str) -> Site {
        Site { ground, ..self }
    }

    /// For the rarest faults, whose realistic rate would never fire: a swarm also limits them to a drawn
    /// dose of 0, 1, 2 or 3 events in a run (at 60, 25, 10 and 5 %), so that one can afford a high rate.
    #[must_use]
    pub const fn with_dose(self) -> Site {
        Site { dosed: true, ..self }
    }

    /// For faults that are over when they have happened: enumerating faults does not make them stay.
    #[must_use]
    pub const fn passing(self) -> Site {
        Site { sticky: false, ..self }
    }

    /// The first label it ever had: what its streams are named by.
    #[must_use]
    pub fn first_label(&self) -> &'static str {
        self.aliases.first().copied().unwrap_or(self.label)
    }

    /// Every name it answers to, the current one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.label].into_iter().chain(self.aliases.iter().copied())
    }
}
