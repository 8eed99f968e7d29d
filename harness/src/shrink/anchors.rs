//! Where deviations belong once an operation is gone.
//!
//! A deviation is found by how often its actor had chosen at its site before. Without the second operation the
//! third one's choices come earlier, and its deviations would find no place. So it is worked out which operation
//! was under way at each choice: an operation begins at the first step that differs when the same run is executed
//! without it, and it owns what is chosen from there until the next one begins. What it would have chosen is then
//! counted out of the others' places. This is a guess (operations may overlap), and like every candidate it is
//! executed before it is believed.

use std::collections::BTreeMap;
use std::ops::Range;

use seedbed::choice::{Deviation, Offer, Script};

/// Which operation owns which choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Anchors {
    /// Site, actor: the position of the owner of each choice, by n.
    owners: BTreeMap<(String, String), Vec<Option<usize>>>,
}

impl Anchors {
    /// `begins`: the step at which the operation at each position begins, if it does. `inclusive`: whether what is
    /// chosen in that very step is its own already.
    pub(super) fn new(offers: &[Offer], begins: &[Option<u64>], inclusive: bool) -> Anchors {
        let owner = |step: u64| {
            let begun = begins.iter().enumerate().filter_map(|(position, begin)| {
                let begin = (*begin)?;
                let has_begun = begin < step || (inclusive && begin == step);
                has_begun.then_some((begin, position))
            });
            begun.max().map(|(_, position)| position)
        };
        let mut owners: BTreeMap<_, Vec<Option<usize>>> = BTreeMap::new();
        for offer in offers {
            let stream = owners
                .entry((offer.site.clone(), offer.actor.clone()))
                .or_default();
            let n = usize::try_from(offer.n).unwrap_or(usize::MAX);
            // Choices that could not deviate are not listed; they belong to whoever came before.
            let before = stream.last().copied().flatten();
            while stream.len() < n {
                stream.push(before);
            }
            stream.push(owner(offer.step));
        }
        Anchors { owners }
    }

    /// The script with every choice of these operations counted out.
    pub(super) fn without(&self, operations: &Range<usize>, script: &Script) -> Script {
        let gone = |owner: &Option<usize>| owner.is_some_and(|owner| operations.contains(&owner));
        let moved = |deviation: &Deviation| {
            let stream = (deviation.site.clone(), deviation.actor.clone());
            let Some(owners) = self.owners.get(&stream) else {
                return Some(deviation.clone());
            };
            let n = usize::try_from(deviation.n).unwrap_or(usize::MAX);
            if owners.get(n).is_some_and(gone) {
                return None;
            }
            let before = owners.iter().take(n).filter(|owner| gone(owner)).count();
            Some(Deviation {
                n: deviation.n - before as u64,
                ..deviation.clone()
            })
        };
        script.iter().filter_map(moved).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(n: u64, step: u64) -> Offer {
        Offer {
            site: "net/cut".into(),
            actor: "a->b".into(),
            n,
            step,
            values: None,
            chosen: "no".into(),
            simpler: Vec::new(),
            representatives: Vec::new(),
        }
    }

    fn deviation(n: u64) -> Deviation {
        Deviation {
            site: "net/cut".into(),
            actor: "a->b".into(),
            n,
            value: "yes".into(),
            step: 0,
        }
    }

    /// Two choices per operation; without the second, the third one's come two places earlier, its own are gone,
    /// and those of the first stay.
    #[test]
    fn later_choices_move_up_by_what_is_gone() {
        let offers: Vec<Offer> = [2, 3, 6, 7, 10, 11]
            .into_iter()
            .enumerate()
            .map(|(n, step)| offer(n as u64, step))
            .collect();
        let anchors = Anchors::new(&offers, &[Some(1), Some(5), Some(9)], true);
        let script: Script = [deviation(1), deviation(3), deviation(5)]
            .into_iter()
            .collect();
        let without = anchors.without(&(1..2), &script);
        let ns: Vec<u64> = without.iter().map(|deviation| deviation.n).collect();
        assert_eq!(ns, [1, 3]);
    }

    /// What is chosen in the step in which an operation begins belongs to it, or to the one before.
    #[test]
    fn the_first_step_is_its_own_or_not() {
        let offers = [offer(0, 1), offer(1, 5)];
        let begins = [Some(1), Some(5)];
        let script: Script = [deviation(1)].into_iter().collect();
        let own = Anchors::new(&offers, &begins, true);
        assert!(own.without(&(1..2), &script).is_empty());
        let before = Anchors::new(&offers, &begins, false);
        assert_eq!(before.without(&(1..2), &script), script);
    }
}
