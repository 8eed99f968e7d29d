//! Where deviations belong once an operation is gone.
//!
//! A deviation is found by how often its actor had chosen at its site before. Without the second operation the
//! third one's choices come earlier, and its deviations would find no place. So it is worked out which operation
//! was under way at each choice: an operation begins at the first step that differs when the same run is executed
//! without it and those behind it, and it owns what is chosen from there until the next one begins. What it would have chosen is then
//! counted out of the others' places. This is a guess (operations may overlap), and like every candidate it is
//! executed before it is believed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use seedbed::choice::{Deviation, Offer, Script};

/// The position of the operation that owns a choice; none for what comes before all of them.
type Owner = Option<usize>;

/// Which operation owns which choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Anchors {
    /// Site, actor: the owner of each choice, by n.
    owners: BTreeMap<(String, String), Vec<Owner>>,
    /// Actors that are numbered (`client->bank#3`), by their common name: who owns anything of each number.
    numbered: BTreeMap<String, BTreeMap<u64, BTreeSet<Owner>>>,
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
        let mut owners: BTreeMap<_, Vec<Owner>> = BTreeMap::new();
        for offer in offers {
            let stream = owners.entry((offer.site.clone(), offer.actor.clone())).or_default();
            let n = usize::try_from(offer.n).unwrap_or(usize::MAX);
            // Choices that could not deviate are not listed; they belong to whoever came before.
            let before = stream.last().copied().flatten();
            while stream.len() < n {
                stream.push(before);
            }
            stream.push(owner(offer.step));
        }
        let numbered = numbered(&owners);
        Anchors { owners, numbered }
    }

    /// The script with every choice of these operations counted out.
    pub(super) fn without(&self, operations: &Range<usize>, script: &Script) -> Script {
        let gone = |owner: &Owner| owner.is_some_and(|owner| operations.contains(&owner));
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
                actor: self.renumbered(&deviation.actor, gone),
                n: deviation.n - before as u64,
                ..deviation.clone()
            })
        };
        script.iter().filter_map(moved).collect()
    }

    /// The actor's name when those that only gone operations had to do with are not there.
    fn renumbered(&self, actor: &str, gone: impl Fn(&Owner) -> bool) -> String {
        let (name, number) = name_and_number(actor);
        let Some(numbers) = self.numbered.get(&family(name)) else {
            return actor.to_owned();
        };
        let before = numbers.range(..number);
        let missing = before.filter(|(_, owners)| owners.iter().all(&gone)).count();
        match number - missing as u64 {
            1 => name.to_owned(),
            number => format!("{name}#{number}"),
        }
    }
}

/// Who owns anything of each numbered actor. Sites that know a name without numbers only (an attempt to connect is
/// one) say nothing about them.
fn numbered(owners: &BTreeMap<(String, String), Vec<Owner>>) -> BTreeMap<String, BTreeMap<u64, BTreeSet<Owner>>> {
    let by_number = |(site, actor): &(String, String)| {
        let (name, number) = name_and_number(actor);
        (number > 1).then(|| (site.clone(), family(name)))
    };
    let with_numbers: BTreeSet<(String, String)> = owners.keys().filter_map(by_number).collect();
    let mut numbered: BTreeMap<String, BTreeMap<u64, BTreeSet<Owner>>> = BTreeMap::new();
    for ((site, actor), stream) in owners {
        let (name, number) = name_and_number(actor);
        let family = family(name);
        if with_numbers.contains(&(site.clone(), family.clone())) {
            let numbers = numbered.entry(family).or_default();
            numbers.entry(number).or_default().extend(stream);
        }
    }
    numbered
}

/// `client->bank#3` is the third of its name; the first one has no number.
fn name_and_number(actor: &str) -> (&str, u64) {
    let split = actor.rsplit_once('#');
    let numbered = split.and_then(|(name, number)| Some((name, number.parse().ok()?)));
    numbered.filter(|(_, number)| *number > 1).unwrap_or((actor, 1))
}

/// The two directions of a connection are numbered together.
fn family(name: &str) -> String {
    match name.split_once("->") {
        Some((from, to)) if to < from => format!("{to}->{from}"),
        _ => name.to_owned(),
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
            barrier: false,
        }
    }

    fn deviation(n: u64) -> Deviation {
        Deviation { site: "net/cut".into(), actor: "a->b".into(), n, value: "yes".into(), step: 0 }
    }

    /// Two choices per operation; without the second, the third one's come two places earlier, its own are gone,
    /// and those of the first stay.
    #[test]
    fn later_choices_move_up_by_what_is_gone() {
        let offers: Vec<Offer> =
            [2, 3, 6, 7, 10, 11].into_iter().enumerate().map(|(n, step)| offer(n as u64, step)).collect();
        let anchors = Anchors::new(&offers, &[Some(1), Some(5), Some(9)], true);
        let script: Script = [deviation(1), deviation(3), deviation(5)].into_iter().collect();
        let without = anchors.without(&(1..2), &script);
        let ns: Vec<u64> = without.iter().map(|deviation| deviation.n).collect();
        assert_eq!(ns, [1, 3]);
    }

    /// Each operation has a connection of its own: without the second operation, the third connection is the second,
    /// in both directions. Attempts to connect bear the first connection's name and are counted, not renamed.
    #[test]
    fn numbered_actors_move_up() {
        let offers: Vec<Offer> = [
            ("net/connect", "a->b", 0, 1),
            ("net/cut", "a->b", 0, 2),
            ("net/connect", "a->b", 1, 5),
            ("net/cut", "a->b#2", 0, 6),
            ("net/cut", "b->a#2", 0, 7),
            ("net/connect", "a->b", 2, 9),
            ("net/cut", "a->b#3", 0, 10),
            ("net/cut", "b->a#3", 0, 11),
        ]
        .map(|(site, actor, n, step)| Offer { site: site.into(), actor: actor.into(), ..offer(n, step) })
        .into();
        let anchors = Anchors::new(&offers, &[Some(1), Some(5), Some(9)], true);
        let script: Script = [("net/connect", "a->b", 2), ("net/cut", "b->a#3", 0), ("net/cut", "b->a#2", 0)]
            .map(|(site, actor, n)| Deviation { site: site.into(), actor: actor.into(), ..deviation(n) })
            .into_iter()
            .collect();
        let moved = |operations: Range<usize>| -> Vec<(String, u64)> {
            let without = anchors.without(&operations, &script);
            let places = without.iter().map(|d| (d.actor.clone(), d.n));
            places.collect()
        };
        assert_eq!(moved(1..2), [("a->b".into(), 1), ("b->a#2".into(), 0)]);
        assert_eq!(moved(0..2), [("a->b".into(), 0), ("b->a".into(), 0)]);
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
