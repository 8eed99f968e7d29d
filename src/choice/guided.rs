//! Choices that follow a tactic: where a search asks it.

use super::choices::Choices;
use super::domain::Domain;
use super::stream::StreamId;
use super::tactic::{Ruled, Ruling, Tactic};

impl Choices {
    /// Makes a search follow a tactic. To be told before the first stream is asked for.
    pub fn follow(&mut self, tactic: &Tactic) {
        match tactic {
            Tactic::Swarm => return,
            Tactic::Calm(forced) => {
                self.calm = true;
                if let Some(forced) = forced {
                    self.force(forced.clone());
                }
            }
            Tactic::Priorities { .. } | Tactic::Isolate | Tactic::Swizzle | Tactic::Starve => {}
        }
        self.ruling = Some(Box::new(Ruling::new(self.seed, tactic)));
    }

    /// Whether a tactic is asked about the offers of this site.
    pub(super) fn is_ruled(&self, site: usize) -> bool {
        self.ruling.as_ref().is_some_and(|ruling| ruling.rules(&self.sites[site]))
    }

    /// The answer of a tactic; `None`: as the swarm draws.
    pub(super) fn rule<D: Domain>(&mut self, s: StreamId, domain: &D) -> Option<D::Value> {
        let cold = &self.cold[s.index()];
        let ruled = Ruled { site: self.sites[cold.site].site, actor: &cold.actor, stream: s };
        self.ruling.as_mut()?.answer(&ruled, domain)
    }

    /// The position at which candidates draw their priorities: under a tactic that gives priorities they keep them
    /// from one change point to the next.
    pub(super) fn epoch(&self, n: u64) -> u64 {
        self.ruling.as_ref().and_then(|ruling| ruling.epoch()).unwrap_or(n)
    }
}
