//! What a run says about its choices: how often each site was offered and fired, and what could have been answered.

use serde::{Deserialize, Serialize};

/// What happened at one site in one run, all actors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteCount {
    /// Choices made, deviating or not.
    pub offered: u64,
    /// Of these, how many could have deviated: the site was on (in a replay: the script named the place).
    pub armed: u64,
    /// Of these, how many did.
    pub fired: u64,
    /// How often the code under test noticed.
    pub observed: u64,
    /// Times the operation came by and the choice made no sense (nothing to tear, nobody to cut off).
    pub ineligible: u64,
}

/// A choice that a script could have answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The site's label.
    pub site: String,
    /// Who chose.
    pub actor: String,
    /// The actor's n-th choice at this site.
    pub n: u64,
    /// The step it happened in.
    pub step: u64,
    /// All possible values in words, the quiet one first; `None` when there are too many.
    pub values: Option<Vec<String>>,
    /// The value taken.
    pub chosen: String,
    /// Deviating values that stand for all of them (see [`Domain::representatives`](super::Domain::representatives)).
    pub representatives: Vec<String>,
    /// The operation that asked makes something durable (see [`Domain::is_barrier`](super::Domain::is_barrier)).
    #[serde(default)]
    pub barrier: bool,
    /// If it deviates: simpler values to try instead, the simplest first.
    pub simpler: Vec<String>,
}
