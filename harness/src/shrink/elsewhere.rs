//! A deviation in exchange for another place of the one that is left.
//!
//! Two deviations may only together make what one of them would make alone in another place: a power cut that comes
//! late and loses a rename is a power cut right before that rename. Offers of the same site are tried in its place, the
//! nearest in time first, each with the other deviation left out.

use seedbed::choice::{Deviation, Offer};

use super::case::Edit;
use super::search::{Search, Stop};

/// With more deviations than this, none goes elsewhere.
const DEVIATIONS_MAX: usize = 4;
/// Places that are tried for each.
const PLACES_MAX: usize = 128;

impl Search<'_> {
    /// One deviation fewer, and another one elsewhere; whether that was possible.
    pub(super) fn elsewhere(&mut self) -> Result<bool, Stop> {
        let count = self.best.script.len();
        if !(2..=DEVIATIONS_MAX).contains(&count) {
            return Ok(false);
        }
        let offers = self.inspect()?.offers;
        let deviations = &self.best.script.deviations;
        let mut edits = Vec::new();
        for without in 0..count {
            for moved in (0..count).filter(|moved| *moved != without) {
                let places = places(&offers, deviations, moved);
                edits.extend(places.into_iter().map(|(actor, n)| Edit::Elsewhere { without, moved, actor, n }));
            }
        }
        Ok(self.first(edits)?.is_some())
    }
}

/// Other places at which a deviation could be, the nearest first.
fn places(offers: &[Offer], deviations: &[Deviation], moved: usize) -> Vec<(String, u64)> {
    let deviation = &deviations[moved];
    let is_free =
        |offer: &Offer| !deviations.iter().any(|d| (&d.site, &d.actor, d.n) == (&offer.site, &offer.actor, offer.n));
    let mut near: Vec<&Offer> = offers.iter().filter(|offer| offer.site == deviation.site && is_free(offer)).collect();
    near.sort_by_key(|offer| offer.step.abs_diff(deviation.step));
    near.into_iter().take(PLACES_MAX).map(|offer| (offer.actor.clone(), offer.n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(site: &str, actor: &str, n: u64, step: u64) -> Offer {
        Offer {
            site: site.into(),
            actor: actor.into(),
            n,
            step,
            values: None,
            chosen: String::new(),
            representatives: Vec::new(),
            barrier: false,
            simpler: Vec::new(),
        }
    }

    /// Claim: a deviation may go to any other place of its site, the nearest first, but to no place that is taken.
    #[test]
    fn places_are_those_of_the_site() {
        let offers =
            [offer("cut", "a", 0, 1), offer("cut", "a", 1, 5), offer("cut", "b", 0, 9), offer("lag", "a", 0, 5)];
        let at =
            |actor: &str, n, step| Deviation { site: "cut".into(), actor: actor.into(), n, value: "x".into(), step };
        let both = [at("b", 0, 9), at("a", 0, 1)];
        assert_eq!(places(&offers, &both, 0), [("a".to_owned(), 1)]);
        assert_eq!(places(&offers, &both[..1], 0), [("a".to_owned(), 1), ("a".to_owned(), 0)]);
    }
}
