//! What a run did differently: its deviations, in words, and how they find their place again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::site::Site;

/// A choice whose value is not the quiet one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Deviation {
    /// The site's label, or one of its aliases.
    pub site: String,
    /// Who chose.
    pub actor: String,
    /// How many choices this actor had made at this site before.
    pub n: u64,
    /// The value, in the words of the site's domain.
    pub value: String,
    /// The step it happened in when it was recorded. For people: it plays no part in finding the place.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u64,
}

fn is_zero(step: &u64) -> bool {
    *step == 0
}

/// The deviations of a run; everything else in it is quiet.
///
/// ```
/// use seedbed::choice::{Deviation, Script};
/// let torn = Deviation { site: "disk/torn".into(), actor: "server".into(), n: 3, value: "{1}".into(), step: 0 };
/// let script = Script { deviations: vec![torn] };
/// assert_eq!(script.len(), 1);
/// assert!(script.without(0).is_empty());
/// assert_eq!(script.with_value(0, "{}").deviations[0].value, "{}");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script {
    /// In the order in which they happened, unless somebody rearranged them; the order has no meaning.
    pub deviations: Vec<Deviation>,
}

impl Script {
    /// How many deviations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deviations.len()
    }

    /// Whether everything is quiet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deviations.is_empty()
    }

    /// The deviations.
    pub fn iter(&self) -> std::slice::Iter<'_, Deviation> {
        self.deviations.iter()
    }

    /// A copy without one deviation; an index beyond the end removes nothing.
    #[must_use]
    pub fn without(&self, index: usize) -> Script {
        self.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, deviation)| deviation.clone()).collect()
    }

    /// A copy with another value for one deviation; an index beyond the end changes nothing.
    #[must_use]
    pub fn with_value(&self, index: usize, value: &str) -> Script {
        let mut script = self.clone();
        if let Some(deviation) = script.deviations.get_mut(index) {
            value.clone_into(&mut deviation.value);
        }
        script
    }

    /// Sorts by site, actor and n: the same deviations become the same file.
    pub fn sort(&mut self) {
        self.deviations.sort();
    }
}

impl FromIterator<Deviation> for Script {
    fn from_iter<I: IntoIterator<Item = Deviation>>(deviations: I) -> Script {
        Script { deviations: deviations.into_iter().collect() }
    }
}

impl<'a> IntoIterator for &'a Script {
    type Item = &'a Deviation;
    type IntoIter = std::slice::Iter<'a, Deviation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How much of a script found its place in a run.
///
/// A deviation is unused when its place was never reached or could not deviate there (the phase was over,
/// the operation ineligible), when its value was not in the domain, or when another one had the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchoring {
    /// Deviations that were taken.
    pub used: usize,
    /// Deviations in the script.
    pub total: usize,
    /// The others, in the script's order.
    pub unused: Vec<Deviation>,
}

impl std::fmt::Display for Anchoring {
    /// `14 of 15`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.used, self.total)
    }
}

/// A script that is being followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    deviations: Vec<Deviation>,
    used: Vec<bool>,
    /// Site, actor: indices into `deviations`.
    places: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

/// A scripted choice of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scripted {
    pub n: u64,
    /// Which deviation of the script.
    pub index: usize,
}

impl Followed {
    pub(super) fn new(script: &Script) -> Followed {
        let mut places: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        for (index, deviation) in script.iter().enumerate() {
            let actors = places.entry(deviation.site.clone()).or_default();
            actors.entry(deviation.actor.clone()).or_default().push(index);
        }
        Followed { used: vec![false; script.len()], deviations: script.deviations.clone(), places }
    }

    /// What the script says about one stream, under any name of the site, by n.
    pub(super) fn stream(&self, site: &Site, actor: &str) -> Vec<Scripted> {
        if self.deviations.is_empty() {
            return Vec::new();
        }
        let indices = site.names().filter_map(|name| self.places.get(name)?.get(actor)).flatten();
        let mut scripted: Vec<Scripted> =
            indices.map(|index| Scripted { n: self.deviations[*index].n, index: *index }).collect();
        scripted.sort();
        scripted
    }

    pub(super) fn value(&self, index: usize) -> &str {
        &self.deviations[index].value
    }

    pub(super) fn mark_used(&mut self, index: usize) {
        self.used[index] = true;
    }

    pub(super) fn anchoring(&self) -> Anchoring {
        let unused = self.deviations.iter().zip(&self.used).filter(|(_, used)| !**used);
        let unused: Vec<Deviation> = unused.map(|(deviation, _)| deviation.clone()).collect();
        Anchoring { used: self.used.len() - unused.len(), total: self.used.len(), unused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(site: &str, actor: &str, n: u64) -> Deviation {
        Deviation { site: site.into(), actor: actor.into(), n, value: "yes".into(), step: 0 }
    }

    /// A deviation is four plain fields in data, and five when it says where it happened.
    #[test]
    fn in_data() {
        let mut one = deviation("net/reset", "a->b", 2);
        let text = serde_json::to_string(&Script { deviations: vec![one.clone()] }).unwrap();
        assert_eq!(text, r#"[{"site":"net/reset","actor":"a->b","n":2,"value":"yes"}]"#);
        one.step = 7;
        let text = toml::to_string(&one).unwrap();
        assert_eq!(text, "site = \"net/reset\"\nactor = \"a->b\"\nn = 2\nvalue = \"yes\"\nstep = 7\n");
        assert_eq!(toml::from_str::<Deviation>(&text).unwrap(), one);
        assert!(toml::from_str::<Deviation>(&format!("{text}when = 3\n")).is_err());
    }

    /// Sorting puts the same deviations into one order, wherever they started.
    #[test]
    fn canonical_order() {
        let (a, b, c) = (deviation("a", "x", 10), deviation("a", "x", 9), deviation("b", "a", 0));
        let mut script: Script = [c.clone(), a.clone(), b.clone()].into_iter().collect();
        script.sort();
        assert_eq!(script.deviations, [b, a, c]);
    }
}
