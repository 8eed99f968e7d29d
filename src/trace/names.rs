//! Names of nodes, tasks, connections and other subjects: written once, referred to by number.

use std::collections::BTreeMap;

use super::Digest;

/// A name known to one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameId(pub(super) u32);

impl NameId {
    /// The empty name.
    pub const NONE: NameId = NameId(0);
}

/// The names of one run. Numbers depend on the order of first use; digests see the text only.
#[derive(Clone, Debug)]
pub struct Names {
    texts: Vec<Box<str>>,
    hashes: Vec<u64>,
    ids: BTreeMap<Box<str>, NameId>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Names { texts: Vec::new(), hashes: Vec::new(), ids: BTreeMap::new() };
        names.intern("");
        names
    }
}

impl Names {
    /// The number of a name; a new one if it is met for the first time.
    pub fn intern(&mut self, text: &str) -> NameId {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = NameId(u32::try_from(self.texts.len()).expect("fewer than 2^32 names in a run"));
        let mut digest = Digest::EMPTY;
        digest.absorb_bytes(text.as_bytes());
        self.hashes.push(digest.first_word());
        self.texts.push(text.into());
        self.ids.insert(text.into(), id);
        id
    }

    /// The text of a name.
    #[must_use]
    pub fn text(&self, id: NameId) -> &str {
        &self.texts[id.0 as usize]
    }

    /// A hash of the text, the same in every run.
    #[must_use]
    pub fn hash(&self, id: NameId) -> u64 {
        self.hashes[id.0 as usize]
    }
}
